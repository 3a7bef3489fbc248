//! Fuzzing of the scenario format: files made from those of the catalog by small changes, in words that the format knows.
//!
//! `cargo run --release -p whitewater-scenarios --example fuzz_format -- 600` runs for so many seconds, from a seed that may
//! follow. No text may make the parser panic or take long. What it accepts must be the same when it is written and read
//! again, must be described, and, if it is small, planned. The first text for which that is not so is printed. What it
//! simplifies: changes are drawn without looking at which code they reach.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a fuzzer reads the wall clock and its command line"
)]

use std::panic::catch_unwind;
use std::time::{Duration, Instant as WallClock};

use whitewater_scenarios::scenario::format::parse;
use whitewater_scenarios::scenario::{Scenario, write};
use whitewater_scenarios::{catalog, describe, generate};
use whitewater_sim::rng::{Purpose, RunKey, Stream};
use whitewater_sim::time::SECOND_NS;

/// What no file of the catalog says.
const MORE: &str = include_str!("../FORMAT.md");

/// Values that are odd on purpose.
const ODD: [&str; 32] = [
    "0",
    "-1",
    "1",
    "2",
    "64",
    "65",
    "1000000000",
    "18446744073709551615",
    "9223372036854775808",
    "nan",
    "inf",
    "-0.0",
    "1e308",
    "0.5",
    "true",
    "1979-05-27",
    "\"\"",
    "\"0s\"",
    "\"1ns\"",
    "\"1h\"",
    "\"2h\"",
    "\"9999999999y\"",
    "\"1B\"",
    "\"1GiB\"",
    "[]",
    "{}",
    "[[]]",
    "[0, 1, 2]",
    "[\"0s\", \"1ms\"]",
    "\"\\u0000\"",
    "'''",
    "\"never\"",
];

/// The longest that a text of ordinary size may take.
const PARSE_MAX: Duration = Duration::from_millis(500);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| {
        arguments.next().map_or(default, |text| text.parse().expect("seconds and a seed are whole numbers"))
    };
    let (seconds, seed) = (number(10), number(1));
    let seeds = seeds();
    let words: Vec<&str> = seeds.iter().flat_map(|text| tokens(text)).chain(ODD).collect();
    let mut stream = RunKey::new(seed).stream(Purpose::Scenario, 0);
    let mut pool: Vec<String> = seeds.clone();
    let (begin, limit) = (WallClock::now(), Duration::from_secs(seconds));
    let (mut cases, mut accepted, mut planned, mut slowest) = (0_u64, 0_u64, 0_u64, Duration::ZERO);
    while begin.elapsed() < limit {
        let text = mutated(&pool, &words, &mut stream);
        let one = WallClock::now();
        let outcome = catch_unwind(|| judge(&text));
        let Ok(Ok(what)) = outcome else {
            println!(
                "FOUND after {cases} cases: {:?}\n--- the text\n{text}",
                outcome.err().map_or("a wrong answer", |_| "a panic")
            );
            std::process::exit(1);
        };
        cases += 1;
        slowest = slowest.max(one.elapsed());
        if let Judged::Accepted { was_planned } = what {
            accepted += 1;
            planned += u64::from(was_planned);
            // What is accepted is a start for more, now and then.
            if text.len() < 8_000 && stream.below(8) == 0 {
                let place = seeds.len() + stream.below(200) as usize;
                if place < pool.len() { pool[place] = text } else { pool.push(text) }
            }
        }
    }
    println!("{cases} texts, {accepted} accepted, {planned} planned, the slowest in {slowest:?}: nothing found");
}

fn seeds() -> Vec<String> {
    let names = catalog::all().into_iter().map(|scenario| scenario.name);
    let files = names.map(|name| catalog::text(&name).expect("it is in the catalog").to_owned());
    let template = include_str!("../src/cli/template.toml").replace("#: ", "");
    let examples = MORE.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned);
    files.chain(examples).chain([template]).collect()
}

enum Judged {
    Refused,
    Accepted { was_planned: bool },
}

fn judge(text: &str) -> Result<Judged, ()> {
    let begin = WallClock::now();
    let parsed = parse("fuzz.toml", text);
    if begin.elapsed() > PARSE_MAX {
        println!("the parser took {:?}", begin.elapsed());
        return Err(());
    }
    let scenario = match parsed {
        Ok(scenario) => scenario,
        Err(error) => return checked_message(&error.to_string()),
    };
    let written = write(&scenario);
    match parse("written.toml", &written) {
        Ok(again) if again == scenario => {}
        Ok(_) => {
            println!("written, it is another:\n{written}");
            return Err(());
        }
        Err(error) => {
            println!("written, it is refused: {error}\n{written}");
            return Err(());
        }
    }
    assert!(!describe::describe(&scenario).is_empty());
    let was_planned = is_small(&scenario);
    if was_planned {
        let drawn = generate::drawn(&scenario, 1);
        let plan = generate::plan(&drawn, 1);
        assert_eq!(plan.steps.len(), drawn.steps.len());
    }
    Ok(Judged::Accepted { was_planned })
}

/// A message is short, and disturbs no terminal.
fn checked_message(message: &str) -> Result<Judged, ()> {
    if message.len() > 8_000 || message.contains(|c: char| c.is_control() && c != '\n') {
        println!("this message is no help: {message:?}");
        return Err(());
    }
    Ok(Judged::Refused)
}

fn is_small(scenario: &Scenario) -> bool {
    let seconds = scenario.timing.duration_ns / SECOND_NS;
    let busy = scenario.workload.bursts.map_or(1, |bursts| u64::from(bursts.factor));
    let thoughtful = scenario.workload.think.is_none_or(|think| think.min_ns > 10_000_000);
    let loads: u64 = scenario.workload.loads.iter().map(|load| u64::from(load.operations)).sum();
    seconds <= 60
        && thoughtful
        && scenario.clients <= 50
        && scenario.faults.len() <= 20
        && scenario.faults.iter().all(|mix| mix.every.max_ns > 10_000_000)
        && scenario.operator.iter().all(|mix| mix.every.max_ns > 10_000_000)
        && (seconds * u64::from(scenario.workload.rate) * busy + loads)
            * u64::from(scenario.workload.value_bytes.max(1))
            < 1 << 20
}

/// The words, strings, numbers and marks of a text.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let length = if first == '"' {
            rest[1..].find('"').map_or(rest.len(), |end| end + 2)
        } else if plain(first) {
            rest.find(|c| !plain(c)).unwrap_or(rest.len())
        } else if first == '#' {
            rest.find('\n').unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..length]);
        rest = &rest[length..];
    }
    tokens
}

/// One of the texts, with a few changes.
fn mutated(pool: &[String], words: &[&str], stream: &mut Stream) -> String {
    let pick = |count: usize, stream: &mut Stream| stream.below(count.max(1) as u64) as usize;
    let mut text = pool[pick(pool.len(), stream)].clone();
    for _ in 0..stream.between(1, 4) {
        text = match stream.below(10) {
            0..=4 => {
                let mut tokens = tokens(&text);
                let places: Vec<usize> = (0..tokens.len())
                    .filter(|place| !tokens[*place].trim().is_empty() && tokens[*place] != "#")
                    .collect();
                if places.is_empty() {
                    continue;
                }
                let place = places[pick(places.len(), stream)];
                // Mostly something of the same sort, which the parser may well accept.
                let sort =
                    |token: &str| token.chars().next().map(|c| (c.is_ascii_digit(), c.is_ascii_alphabetic(), c == '"'));
                let tries = if stream.below(4) == 0 { 1 } else { 40 };
                for _ in 0..tries {
                    let word = words[pick(words.len(), stream)];
                    if tries == 1 || sort(word) == sort(tokens[place]) {
                        tokens[place] = word;
                        break;
                    }
                }
                tokens.concat()
            }
            5 => with_lines(&text, |lines| {
                let place = pick(lines.len(), stream);
                lines.remove(place);
            }),
            6 => with_lines(&text, |lines| {
                let (from, to) = (pick(lines.len(), stream), pick(lines.len(), stream));
                lines.insert(to, lines[from]);
            }),
            7 => with_lines(&text, |lines| {
                let (one, other) = (pick(lines.len(), stream), pick(lines.len(), stream));
                lines.swap(one, other);
            }),
            8 => {
                // A table of another file, or a few lines of it.
                let other = &pool[pick(pool.len(), stream)];
                let parts: Vec<&str> = other.split("\n\n").collect();
                format!("{text}\n\n{}\n", parts[pick(parts.len(), stream)])
            }
            _ => {
                let mut characters: Vec<char> = text.chars().collect();
                let place = pick(characters.len(), stream);
                if let Some(character) = characters.get_mut(place) {
                    *character = char::from(stream.between(1, 126) as u8);
                }
                characters.into_iter().collect()
            }
        };
    }
    text
}

fn with_lines(text: &str, change: impl FnOnce(&mut Vec<&str>)) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    if !lines.is_empty() {
        change(&mut lines);
    }
    lines.join("\n")
}

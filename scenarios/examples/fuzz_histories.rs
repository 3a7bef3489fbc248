//! Fuzzing of the formats of histories: files made from small ones by small changes, in words that each format knows.
//!
//! `cargo run -p whitewater-scenarios --example fuzz_histories -- edn 600` runs one format (or `all`) for so many seconds,
//! from a seed that may follow. No bytes may make a parser panic or take long. What it accepts must be the same when it
//! is written in either of our own formats and read again, and as a stream, and a message must be short and disturb no
//! terminal. The first file for which that is not so is printed. What it simplifies: changes are drawn without looking at
//! which code they reach.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a fuzzer reads the wall clock and its command line"
)]

use std::io::{BufReader, Cursor};
use std::panic::catch_unwind;
use std::time::{Duration, Instant as WallClock};

use whitewater_scenarios::formats::{Format, Opened, Parsed, check_history, open, parse, write_json, write_json_lines};
use whitewater_sim::check::Budget;
use whitewater_sim::rng::{Purpose, RunKey, Stream};

/// Words that are odd on purpose.
const ODD: [&str; 48] = [
    "0",
    "-1",
    "1",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "1e308",
    "0.5",
    "1/3",
    "36r1",
    "0x",
    "+5",
    "05",
    "1N",
    "nil",
    "null",
    "true",
    "\"\"",
    "\"\\\\\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\u{1f}\"",
    "\\a",
    "\\{",
    "\\",
    ":",
    "::a",
    "#",
    "##",
    "#_",
    "#_#_",
    "#{",
    "#a ",
    "#jepsen.history.Op",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ";",
    "\r",
    "\n",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "é",
    "\0",
];

/// The longest that a file of ordinary size may take.
const TIME_MAX: Duration = Duration::from_millis(500);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "all".to_string());
    let mut number = |default: u64| {
        arguments.next().map_or(default, |text| text.parse().expect("seconds and a seed are whole numbers"))
    };
    let (seconds, seed) = (number(10), number(1));
    let formats = Format::from_name(&name).map_or(Format::ALL.to_vec(), |format| vec![format]);
    for format in formats {
        fuzz(format, Duration::from_secs(seconds), seed);
    }
}

fn fuzz(format: Format, limit: Duration, seed: u64) {
    let seeds = seeds(format);
    let words: Vec<&str> = seeds.iter().flat_map(|text| tokens(text)).chain(ODD).collect();
    let mut stream = RunKey::new(seed).stream(Purpose::Scenario, format as u32);
    let mut pool: Vec<String> = seeds.clone();
    let begin = WallClock::now();
    let (mut cases, mut accepted, mut slowest) = (0_u64, 0_u64, Duration::ZERO);
    while begin.elapsed() < limit {
        let bytes = mutated(&pool, &words, &mut stream);
        let one = WallClock::now();
        let stated = (stream.below(4) > 0).then_some(format);
        let outcome = catch_unwind(|| judge(&bytes, stated));
        let mut time = one.elapsed();
        let Ok(Ok(judged)) = outcome else {
            let what = outcome.err().map_or("a wrong answer", |_| "a panic");
            println!("FOUND after {cases} cases: {what}\n--- the file, in {}\n{}", format.name(), bytes.escape_ascii());
            std::process::exit(1);
        };
        // The machine may have been busy with something else.
        for _ in 0..5 {
            if time > TIME_MAX {
                let again = WallClock::now();
                let _ = judge(&bytes, stated);
                time = time.min(again.elapsed());
            }
        }
        if time > TIME_MAX {
            println!("FOUND after {cases} cases: it took {time:?}\n--- the file\n{}", bytes.escape_ascii());
            std::process::exit(1);
        }
        cases += 1;
        slowest = slowest.max(time);
        if judged == Judged::Accepted {
            accepted += 1;
            // What is accepted is a start for more, now and then.
            if bytes.len() < 8_000 && stream.below(8) == 0 {
                let text = String::from_utf8(bytes).expect("what is accepted is text");
                let place = seeds.len() + stream.below(200) as usize;
                if place < pool.len() { pool[place] = text } else { pool.push(text) }
            }
        }
    }
    let name = format.name();
    println!("{name}: {cases} files, {accepted} accepted, the slowest in {slowest:?}: nothing found");
}

fn seeds(format: Format) -> Vec<String> {
    let texts: &[&str] = match format {
        Format::Porcupine => &[
            include_str!("../tests/fixtures/porcupine.txt"),
            "{:process 1 :type :invoke :f :append :key \"a\\\"}b\" :value \"\\\\\\n, {\"}\r\n\
             {:type :info, :f :append, :key \"a\\\"}b\", :process 1, :time 12}\r\n",
        ],
        Format::Jepsen => &[
            include_str!("../tests/fixtures/jepsen.log"),
            "INFO  jepsen.util - :nemesis\t:info\t:start\tnil\nINFO  jepsen.util - 0\t:invoke\t:read\tnil\n\
             INFO  jepsen.util - 0\t:ok\t:read\t3\nINFO  jepsen.util - 1\t:invoke\t:write\t4\n\
             INFO  jepsen.util - 1\t:info\t:write\t:timed-out\n",
        ],
        Format::Edn => &[
            include_str!("../tests/fixtures/jepsen.edn"),
            include_str!("../tests/fixtures/maelstrom.edn"),
            include_str!("../tests/fixtures/lists.edn"),
        ],
        Format::Json => &[include_str!("../tests/fixtures/history.json")],
        Format::JsonLines => &[include_str!("../tests/fixtures/lines.jsonl")],
    };
    let mut seeds: Vec<String> = texts.iter().map(|text| (*text).to_string()).collect();
    if format == Format::Json {
        let lines = include_str!("../tests/fixtures/lines.jsonl");
        let parsed = parse(lines.as_bytes(), None, None).expect("a fixture");
        seeds.push(write_json(&parsed.history, parsed.model.missing));
    }
    seeds
}

#[derive(PartialEq, Eq)]
enum Judged {
    Refused,
    Accepted,
}

fn judge(bytes: &[u8], format: Option<Format>) -> Result<Judged, String> {
    let parsed = match parse(bytes, format, None) {
        Ok(parsed) => parsed,
        Err(error) => {
            let message = error.to_string();
            let is_help = message.len() < 2_000 && !message.contains(char::is_control);
            let _ = streamed(bytes, format);
            return if is_help { Ok(Judged::Refused) } else { failed(&message) };
        }
    };
    let missing = parsed.model.missing;
    let json = write_json(&parsed.history, missing);
    match parse(json.as_bytes(), Some(Format::Json), None) {
        Ok(again) if (&again.history, again.model) == (&parsed.history, parsed.model) => {}
        other => return failed(&format!("as JSON it is another: {other:?}\n{json}")),
    }
    let lines = write_json_lines(&parsed.history, missing);
    let again = match parse(lines.as_bytes(), Some(Format::JsonLines), None) {
        Ok(again) => again,
        Err(error) => return failed(&format!("as JSON lines it is refused: {error}\n{lines}")),
    };
    // Clients with several operations at once become several processes, in our document alone.
    let is_same = (&again.history, again.model) == (&parsed.history, parsed.model);
    if !is_same
        && (parsed.format != Format::Json || again.history.operations().len() != parsed.history.operations().len())
    {
        return failed(&format!("as JSON lines it is another:\n{lines}"));
    }
    if write_json_lines(&again.history, missing) != lines {
        return failed("written in lines twice, it differs");
    }
    match streamed(bytes, Some(parsed.format)) {
        Ok(None) => {}
        Ok(Some(events)) if events == parsed.lines.len() => {}
        // A map of EDN may go on in the next line of a file, and not of a stream.
        Err(_) if parsed.format == Format::Edn => {}
        other => return failed(&format!("as a stream it has {other:?} events, not {}", parsed.lines.len())),
    }
    checked(&parsed);
    Ok(Judged::Accepted)
}

/// The number of events of a stream, if it is one.
fn streamed(bytes: &[u8], format: Option<Format>) -> Result<Option<usize>, String> {
    match open(BufReader::with_capacity(7, Cursor::new(bytes)), format) {
        Ok(Opened::Document(..)) => Ok(None),
        Ok(Opened::Events(events)) => {
            let mut count = 0;
            for event in events {
                event.map_err(|error| error.to_string())?;
                count += 1;
            }
            Ok(Some(count))
        }
        Err(error) => Err(error.to_string()),
    }
}

fn checked(parsed: &Parsed) {
    let report = check_history(parsed, &Budget::steps(2_000));
    assert_eq!(report.operations, parsed.history.operations().len());
}

fn failed<T>(message: &str) -> Result<T, String> {
    println!("{message}");
    Err(message.to_string())
}

/// The words, strings, numbers and marks of a text.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
        let length = if first == '"' {
            rest[1..].find('"').map_or(rest.len(), |end| end + 2)
        } else if plain(first) {
            rest.find(|c| !plain(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..length]);
        rest = &rest[length..];
    }
    tokens
}

/// One of the files, with a few changes.
fn mutated(pool: &[String], words: &[&str], stream: &mut Stream) -> Vec<u8> {
    let pick = |count: usize, stream: &mut Stream| stream.below(count.max(1) as u64) as usize;
    let mut text = pool[pick(pool.len(), stream)].clone();
    for _ in 0..stream.between(1, 4) {
        let mut tokens = tokens(&text);
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        if tokens.is_empty() {
            break;
        }
        let (place, other) = (pick(tokens.len(), stream), pick(tokens.len(), stream));
        let (line, target) = (pick(lines.len(), stream), pick(lines.len(), stream));
        text = match stream.below(8) {
            0..=2 => {
                // Mostly a word for a word, which the parser may well accept.
                let tries = if stream.below(4) == 0 { 1 } else { 40 };
                let sort = |token: &str| {
                    token.chars().next().map(|c| (c.is_ascii_digit(), c.is_alphabetic(), c == '"', c == ':'))
                };
                for _ in 0..tries {
                    let word = words[pick(words.len(), stream)];
                    if tries == 1 || (sort(word) == sort(tokens[place]) && word != tokens[place]) {
                        tokens[place] = word;
                        break;
                    }
                }
                tokens.concat()
            }
            3 => {
                tokens.remove(place);
                tokens.concat()
            }
            4 => {
                tokens.swap(place, other);
                tokens.concat()
            }
            5 => {
                lines.remove(line);
                lines.concat()
            }
            6 => {
                lines.insert(target, lines[line]);
                lines.concat()
            }
            _ => {
                let repeated = words[pick(words.len(), stream)].repeat(1 << stream.below(10));
                tokens.insert(place, &repeated);
                tokens.concat()
            }
        };
    }
    let mut bytes = text.into_bytes();
    if stream.below(16) == 0 && !bytes.is_empty() {
        let place = pick(bytes.len(), stream);
        bytes[place] = stream.below(256) as u8;
    }
    if stream.below(16) == 0 {
        bytes.truncate(pick(bytes.len(), stream));
    }
    bytes
}

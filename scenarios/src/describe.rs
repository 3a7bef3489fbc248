//! A scenario in plain words: its cluster, timing, network, disks, workload, faults and checks.
//!
//! Every quantity is exact, so that what is described is what runs.

use whitewater_sim::disk::CrashKeeps;
use whitewater_sim::fault::{Direction, Reach};
use whitewater_sim::rng::PPM;
use whitewater_sim::time::{MICROSECOND_NS, MILLISECOND_NS, SECOND_NS};
use whitewater_sim::{Check, Latency, LinkProfile};

use crate::scenario::{FaultMix, Mix, MixKind, Scenario, Span, Who};

/// The scenario in plain words, in lines.
#[must_use]
pub fn describe(scenario: &Scenario) -> String {
    let mut text = format!("{}: {}\n\n", scenario.name, whitewater_reports::words::printable(&scenario.summary));
    let sections = [
        ("cluster", cluster(scenario)),
        ("timing", timing(scenario)),
        ("network", network(&scenario.links)),
        ("disks", disks(scenario)),
        ("clients", clients(scenario)),
        ("faults", faults(scenario)),
        ("checks", checks(scenario)),
    ];
    for (name, lines) in sections {
        let mut heading = name;
        for line in &lines {
            for part in wrapped(line) {
                text.push_str(&format!("{heading:<MARGIN$}{part}\n"));
                heading = "";
            }
        }
    }
    text
}

/// The widest that a description is, in columns.
const WIDTH: usize = 110;

/// The columns that belong to the names of sections.
const MARGIN: usize = 10;

/// Breaks a line between words; what goes on is indented.
fn wrapped(line: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for word in line.split(' ') {
        match parts.last_mut() {
            Some(part) if MARGIN + part.chars().count() + 1 + word.chars().count() <= WIDTH => {
                part.push(' ');
                part.push_str(word);
            }
            Some(_) => parts.push(format!("    {word}")),
            None => parts.push(word.to_owned()),
        }
    }
    parts
}

fn cluster(scenario: &Scenario) -> Vec<String> {
    let counts: Vec<String> = scenario.servers.iter().map(u32::to_string).collect();
    match counts.as_slice() {
        [one] => vec![format!("{one} servers")],
        _ => vec![format!("{} servers; each seed draws one of these", join(&counts, "or"))],
    }
}

fn timing(scenario: &Scenario) -> Vec<String> {
    let timing = &scenario.timing;
    vec![
        format!(
            "election timeout {}, heartbeat every {}",
            range(timing.election_timeout_ns),
            exact(timing.heartbeat_ns)
        ),
        format!("faults strike and clients work for {} of virtual time;", exact(timing.duration_ns)),
        format!("then all faults are healed, and everything must be well within {}", exact(timing.settle_ns)),
    ]
}

fn network(links: &LinkProfile) -> Vec<String> {
    let mut lines = vec![format!("a message takes {}", latency(&links.latency))];
    lines.extend(mishaps(links));
    lines
}

/// What happens to messages on the way, if anything does.
fn mishaps(links: &LinkProfile) -> Option<String> {
    let mut mishaps = Vec::new();
    if links.loss_ppm > 0 {
        mishaps.push(format!("{} are lost", percent(links.loss_ppm)));
    }
    if links.duplicate_ppm > 0 {
        mishaps.push(format!("{} arrive twice", percent(links.duplicate_ppm)));
    }
    if links.reorder_ppm > 0 {
        let delay = exact(links.reorder_ns_max);
        mishaps.push(format!("{} wait up to {delay} and are overtaken", percent(links.reorder_ppm)));
    }
    (!mishaps.is_empty()).then(|| format!("of all messages {}", join(&mishaps, "and")))
}

fn disks(scenario: &Scenario) -> Vec<String> {
    let keeps = match scenario.disks.crash_keeps {
        CrashKeeps::Nothing => "loses every write that was not synced",
        CrashKeeps::Prefix => "keeps the unsynced writes before an arbitrary one, which may be torn",
        CrashKeeps::Subset => "keeps an arbitrary subset of the unsynced writes, the last one possibly torn",
    };
    vec![format!("a sync takes {}", latency(&scenario.disks.sync)), format!("a crash {keeps}")]
}

fn clients(scenario: &Scenario) -> Vec<String> {
    let (workload, patience) = (&scenario.workload, &scenario.timing.patience);
    let noun = |count: u32, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let Mix { get, put, append, delete, compare_and_swap } = workload.mix;
    let kinds =
        [("get", get), ("put", put), ("append", append), ("delete", delete), ("compare-and-swap", compare_and_swap)];
    let sum: u32 = kinds.iter().map(|(_, weight)| weight).sum();
    let chosen = kinds.iter().filter(|(_, weight)| *weight > 0);
    let mix: Vec<String> = chosen.map(|(kind, weight)| format!("{weight} {kind}")).collect();
    vec![
        format!(
            "{} with {} a second in all, on {}",
            noun(scenario.clients, "client", "clients"),
            noun(workload.rate, "operation", "operations"),
            noun(workload.keys, "key", "keys")
        ),
        format!("of {sum}: {}", mix.join(", ")),
        format!(
            "a client asks another server after {}, waits {} after a refusal, and gives up after {}",
            exact(patience.attempt_ns),
            exact(patience.backoff_ns),
            exact(patience.give_up_ns)
        ),
    ]
}

fn faults(scenario: &Scenario) -> Vec<String> {
    if scenario.faults.is_empty() {
        return vec!["none".to_owned()];
    }
    scenario.faults.iter().map(fault).collect()
}

fn fault(mix: &FaultMix) -> String {
    let what = match &mix.kind {
        MixKind::Cut { target, direction, reach } => {
            let whom = match reach {
                Reach::Servers => "the other servers",
                Reach::Everyone => "the other servers and from all clients",
            };
            match direction {
                Direction::Both => format!("{} cut off from {whom}", subject(target)),
                Direction::Outgoing => format!("{} cut off from {whom}; only what they send is lost", subject(target)),
                Direction::Incoming => {
                    format!("{} cut off from {whom}; only what is sent to them is lost", subject(target))
                }
            }
        }
        MixKind::Link { target } => {
            format!("{} cut off from one random other server, in this direction only", subject(target))
        }
        MixKind::Crash { target } => format!("{} down: a crash, and a restart at the end", subject(target)),
        MixKind::Pause { target } => format!("{} paused; what comes for them waits", subject(target)),
        MixKind::Links { profile } => {
            let mishaps = mishaps(profile).map(|mishaps| format!("; {mishaps}")).unwrap_or_default();
            format!("every message takes {}{mishaps}", latency(&profile.latency))
        }
        MixKind::SlowDisk { target, factor } => {
            format!("{} slow: a sync takes {factor} times as long", subject(target))
        }
    };
    format!("{} apart, for {}: {what}", range(mix.every), range(mix.lasting))
}

/// Who is hurt, and the verb that follows.
fn subject(who: &Who) -> String {
    match who {
        Who::Leader => "the leader is".to_owned(),
        Who::Follower => "a server that does not lead is".to_owned(),
        Who::Random => "a random server is".to_owned(),
        Who::Minority => "a random minority of servers is".to_owned(),
        Who::LeaderAndMinority => "a minority of servers with the leader among them is".to_owned(),
        Who::All => "all servers are".to_owned(),
        Who::Nodes(nodes) => {
            let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
            format!("{} {}", join(&names, "and"), if names.len() == 1 { "is" } else { "are" })
        }
    }
}

fn checks(scenario: &Scenario) -> Vec<String> {
    let always = Check::NoPanic;
    let chosen = Check::ALL.into_iter().filter(|check| scenario.checks.contains(*check) || *check == always);
    chosen.map(|check| check.to_string()).collect()
}

fn latency(latency: &Latency) -> String {
    match latency {
        Latency::Uniform { min_ns, max_ns } => range(Span { min_ns: *min_ns, max_ns: *max_ns }),
        Latency::Exponential { min_ns, mean_ns } => {
            format!("{} or more, {} on average (exponential)", exact(*min_ns), exact(*mean_ns))
        }
        Latency::LongTail { min_ns, max_ns } => {
            format!("{} or more; one in k takes k times that, up to {} (long tail)", exact(*min_ns), exact(*max_ns))
        }
    }
}

fn range(span: Span) -> String {
    let Span { min_ns, max_ns } = span;
    if min_ns == max_ns { exact(min_ns) } else { format!("{} to {}", exact(min_ns), exact(max_ns)) }
}

/// A span of time in its largest unit that is not above it, with all its decimals.
fn exact(ns: u64) -> String {
    let (unit_ns, unit) = match ns {
        SECOND_NS.. => (SECOND_NS, "s"),
        MILLISECOND_NS.. => (MILLISECOND_NS, "ms"),
        MICROSECOND_NS.. => (MICROSECOND_NS, "us"),
        0.. => (1, "ns"),
    };
    format!("{} {unit}", decimal(ns, unit_ns))
}

fn percent(ppm: u32) -> String {
    format!("{} %", decimal(u64::from(ppm), u64::from(PPM) / 100))
}

/// `number / unit` with all its decimals; the unit is a power of ten.
fn decimal(number: u64, unit: u64) -> String {
    let digits = unit.ilog10() as usize;
    let text = format!("{}.{:0digits$}", number / unit, number % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn join(items: &[String], last: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;
    use crate::scenario::format;

    #[test]
    fn quantities_are_exact() {
        assert_eq!(
            [0, 1, 1_500, 150_000_000, 1_500_000_001].map(exact),
            ["0 ns", "1 ns", "1.5 us", "150 ms", "1.500000001 s"]
        );
        assert_eq!([1_000_000, 10_000, 1].map(percent), ["100 %", "1 %", "0.0001 %"]);
        assert_eq!(decimal(10, 1), "10");
    }

    #[test]
    fn every_scenario_of_the_catalog_says_what_it_does() {
        for scenario in catalog::all() {
            let text = describe(&scenario);
            assert!(text.lines().count() >= 18, "{text}");
            assert!(text.lines().skip(1).all(|line| line.chars().count() <= WIDTH), "{text}");
        }
    }

    #[test]
    fn what_a_file_says_is_what_is_described() {
        let text = "name = \"mine\"\nsummary = \"S.\"\nchecks = [\"I1\"]\n[cluster]\nservers = [3, 4]\nclients = 1\n\
                    [[faults]]\nkind = \"pause\"\ntarget = [0, 2]\nevery = \"1s\"\nlasting = [\"2ms\", \"3ms\"]\n";
        let text = describe(&format::parse("mine.toml", text).expect("a scenario"));
        for part in ["3 or 4 servers", "1 client with", "1 s apart, for 2 ms to 3 ms: n0 and n2 are paused"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(text.contains("I1 Election Safety") && !text.contains("I4 "), "{text}");
    }
}

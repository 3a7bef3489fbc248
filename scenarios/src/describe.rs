//! A scenario in plain words: its cluster, timing, protocol, network, clocks, disks, workload, faults, operator, checks.
//!
//! Every quantity is exact, so that what is described is what runs.

use whitewater_raft::config::{PreVote, QuorumCheck};
use whitewater_sim::disk::CrashKeeps;
use whitewater_sim::fault::{Direction, Reach};
use whitewater_sim::rng::PPM;
use whitewater_sim::time::{MICROSECOND_NS, MILLISECOND_NS, SECOND_NS};
use whitewater_sim::{Check, ClockProfile, Latency, LinkProfile};

use crate::scenario::{
    FaultMix, Mix, MixKind, OperatorKind, OperatorMix, Reads, Replication, Scenario, Sessions, Span, Way, Who,
};

/// The scenario in plain words, in lines.
#[must_use]
pub fn describe(scenario: &Scenario) -> String {
    let mut text = format!("{}: {}\n\n", scenario.name, whitewater_reports::words::printable(&scenario.summary));
    let sections = [
        ("cluster", cluster(scenario)),
        ("timing", timing(scenario)),
        ("protocol", protocol(scenario)),
        ("network", network(&scenario.links)),
        ("clocks", clocks(scenario)),
        ("disks", disks(scenario)),
        ("clients", clients(scenario)),
        ("faults", faults(scenario)),
        ("operator", operator(scenario)),
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
    let mut lines = match counts.as_slice() {
        [one] => vec![format!("{one} {}", if one == "1" { "server" } else { "servers" })],
        _ => vec![format!("{} servers; each seed draws one of these", join(&counts, "or"))],
    };
    if scenario.learners > 0 {
        let learn = if scenario.learners == 1 { "learns" } else { "learn" };
        lines.push(format!("{} that only {learn} at first", noun(scenario.learners, "more server", "more servers")));
    }
    if scenario.spares > 0 {
        lines.push(format!("{} outside, to be added", noun(scenario.spares, "more server", "more servers")));
    }
    lines
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

fn protocol(scenario: &Scenario) -> Vec<String> {
    let Replication {
        entries_per_append,
        appends_in_flight,
        append_bytes,
        in_flight_bytes,
        uncommitted_bytes,
        snapshot_chunk,
        entries_kept,
    } = scenario.replication;
    let asks = match scenario.protocol.pre_vote {
        PreVote::On => "a server asks whether it could win before it stands for election",
        PreVote::Off => "a server stands for election without asking first (no pre-vote)",
    };
    let loyal = match scenario.protocol.quorum_check {
        QuorumCheck::On => "a leader that hears from no quorum steps down, and one that is alive is protected",
        QuorumCheck::Off => "a leader leads until it hears of a later term (no quorum check), and has no lease",
    };
    let mut lines = vec![
        format!("{asks}; {loyal}"),
        format!(
            "up to {} or {} in one append, {} or {} on the way to a follower, {} uncommitted",
            noun(entries_per_append, "entry", "entries"),
            bytes(append_bytes),
            noun(appends_in_flight, "append", "appends"),
            bytes(in_flight_bytes),
            bytes(uncommitted_bytes)
        ),
    ];
    lines.push(match scenario.snapshot_every {
        Some(every) => format!(
            "a snapshot after every {}, sent in parts of {}; {entries_kept} stay in the log behind it",
            noun(every, "entry", "entries"),
            bytes(snapshot_chunk)
        ),
        None => format!("no snapshots but on request, sent in parts of {}", bytes(snapshot_chunk)),
    });
    lines
}

fn clocks(scenario: &Scenario) -> Vec<String> {
    let ClockProfile { skew_ns_max, drift_ppm_max } = scenario.clocks;
    let shown = match (skew_ns_max, drift_ppm_max) {
        (0, 0) => "all clocks are right".to_owned(),
        (skew_ns, 0) => format!("clocks differ by up to {}", exact(skew_ns)),
        (skew_ns, drift) => {
            format!("clocks differ by up to {}, and are up to {} fast or slow", exact(skew_ns), percent(drift))
        }
    };
    vec![format!("{shown}; leases allow for {}", percent(scenario.protocol.clock_drift_ppm_max))]
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
    vec![
        format!(
            "a sync takes {}; a file of the log has up to {}",
            latency(&scenario.disks.sync),
            bytes(scenario.segment_bytes)
        ),
        format!("a crash {keeps}"),
    ]
}

fn clients(scenario: &Scenario) -> Vec<String> {
    let (workload, patience) = (&scenario.workload, &scenario.timing.patience);
    let Mix { get, put, append, delete, compare_and_swap, range, transaction, batch } = workload.mix;
    let kinds = [
        ("get", get),
        ("put", put),
        ("append", append),
        ("delete", delete),
        ("compare-and-swap", compare_and_swap),
        ("range", range),
        ("transaction", transaction),
        ("batch", batch),
    ];
    let Reads { log, quorum, lease, any_server } = workload.reads;
    let ways =
        [("through the log", log), ("by asking a quorum", quorum), ("by lease", lease), ("at any server", any_server)];
    let Sessions { idle_entries, max } = scenario.sessions;
    vec![
        format!(
            "{} with {} a second in all, on {}, up to {} of each under way",
            noun(scenario.clients, "client", "clients"),
            noun(workload.rate, "operation", "operations"),
            noun(workload.keys, "key", "keys"),
            workload.in_flight
        ),
        weighted(&kinds),
        format!("reads: {}", weighted(&ways)),
        format!("a client is forgotten when it was idle for {idle_entries} entries, or when there are more than {max}"),
        format!(
            "a client asks another server after {}, waits {} after a refusal and longer after more, up to {}, and gives up \
             after {}",
            exact(patience.attempt_ns),
            exact(patience.backoff_ns),
            exact(patience.backoff_ns_max),
            exact(patience.give_up_ns)
        ),
    ]
}

/// What is chosen how often.
fn weighted(weights: &[(&str, u32)]) -> String {
    let chosen: Vec<&(&str, u32)> = weights.iter().filter(|(_, weight)| *weight > 0).collect();
    if let [(only, _)] = chosen.as_slice() {
        return format!("all {only}");
    }
    let sum: u32 = chosen.iter().map(|(_, weight)| weight).sum();
    let parts: Vec<String> = chosen.iter().map(|(what, weight)| format!("{weight} {what}")).collect();
    format!("of {sum}: {}", parts.join(", "))
}

fn noun(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn operator(scenario: &Scenario) -> Vec<String> {
    let is_wipe = |mix: &FaultMix| matches!(mix.kind, MixKind::Wipe { .. });
    let mut lines: Vec<String> = scenario.operator.iter().map(action).collect();
    if scenario.faults.iter().any(is_wipe) {
        lines.push("replaces every server that lost its disk".to_owned());
    }
    if lines.is_empty() {
        lines.push("none".to_owned());
    }
    lines
}

fn action(mix: &OperatorMix) -> String {
    let what = match &mix.kind {
        OperatorKind::Transfer => "hands leadership to a random voter".to_owned(),
        OperatorKind::Reconfigure { voters } => {
            let sizes: Vec<String> = voters.iter().map(u32::to_string).collect();
            let noun = if sizes == ["1"] { "voter" } else { "voters" };
            format!("chooses {} {noun} from all servers, and brings them in jointly", join(&sizes, "or"))
        }
        OperatorKind::AddLearnerAndPromote => {
            "adds a server that only learns; then promotes it; then takes another voter out".to_owned()
        }
        OperatorKind::Replace => "replaces a voter by another server, one change at a time".to_owned(),
        OperatorKind::RemoveLeader => {
            "hands leadership to a random voter; then takes that one out; then brings it back".to_owned()
        }
        OperatorKind::ForceSnapshot => "has a random server take a snapshot".to_owned(),
    };
    format!("{} apart: {what}", range(mix.every))
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
        MixKind::Wipe { target } => {
            format!("{} down: a crash that erases the disk, and a start as a new server at the end", subject(target))
        }
        MixKind::ClockStep { target, by, way } => {
            let way = match way {
                Way::Forward => "forward",
                Way::Backward => "back",
                Way::Either => "forward or back",
            };
            return format!("{} apart: {} given another time, {} {way}", range(mix.every), subject(target), range(*by));
        }
        other => unimplemented!("contract: {other:?}"),
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
        Who::MajorityWithoutLeader => "a majority of servers without the leader is".to_owned(),
        Who::Rack => "the servers of a random rack are".to_owned(),
        Who::LastCrashed => "the server that crashed last is".to_owned(),
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
        Latency::Bimodal { .. } => unimplemented!("contract"),
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

/// A number of bytes in its largest unit of which it is a multiple.
fn bytes(bytes: u64) -> String {
    let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(size, _)| bytes > 0 && bytes.is_multiple_of(*size)) {
        Some((size, unit)) => format!("{} {unit}", bytes / size),
        None => format!("{bytes} B"),
    }
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
    #[test]
    fn what_the_protocol_the_clocks_and_the_operator_do_is_described() {
        let text = "name = \"mine\"\nsummary = \"S.\"\n[cluster]\nservers = 3\nlearners = 1\nspares = 2\n\
                    [protocol]\npre_vote = \"off\"\nclock_drift = 0.01\n[clocks]\nskew = \"1h\"\ndrift = 0.01\n\
                    [snapshots]\nevery = \"never\"\n[replication]\nsnapshot_chunk = \"96B\"\n\
                    [sessions]\nmax = 7\n[workload]\nreads = \"lease\"\nin_flight = 9\nmix = { put = 1, batch = 2 }\n\
                    [[faults]]\nkind = \"wipe\"\ntarget = \"leader\"\nevery = \"5s\"\nlasting = \"1s\"\n\
                    [[faults]]\nkind = \"clock-step\"\ntarget = \"all\"\nevery = \"1s\"\nby = \"2s\"\nway = \"forward\"\n\
                    [[operator]]\nkind = \"transfer\"\nevery = \"1s\"\n";
        let text = describe(&format::parse("mine.toml", text).expect("a scenario"));
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "cluster 3 servers 1 more server that only learns at first",
            "2 more servers outside, to be added",
            "a server stands for election without asking first (no pre-vote); a leader that hears from no quorum",
            "no snapshots but on request, sent in parts of 96 B",
            "clocks differ by up to 3600 s, and are up to 1 % fast or slow; leases allow for 1 %",
            "up to 9 of each under way of 3: 1 put, 2 batch reads: all by lease",
            "or when there are more than 7",
            "the leader is down: a crash that erases the disk, and a start as a new server at the end",
            "1 s apart: all servers are given another time, 2 s forward",
            "operator 1 s apart: hands leadership to a random voter replaces every server that lost its disk",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}

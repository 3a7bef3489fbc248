//! A scenario in plain words: its cluster, timing, protocol, network, clocks, disks, clients, faults, steps, expectations,
//! operator and checks.
//!
//! Every quantity is exact, so that what is described is what runs.

mod clients;
mod faults;
mod setup;
mod steps;
mod words;

use whitewater_reports::words::printable;
use whitewater_sim::Check;

pub(crate) use self::steps::script;
use self::words::{join, percent};
use crate::scenario::{Fingerprint, Scenario, Swarm, SwarmSettings};

/// The scenario in plain words, in lines.
#[must_use]
pub fn describe(scenario: &Scenario) -> String {
    let mut text = format!("{}: {}\n\n", scenario.name, printable(&scenario.summary));
    let sections = [
        ("names", names(scenario)),
        ("made for", purpose(scenario)),
        ("cluster", setup::cluster(scenario)),
        ("timing", setup::timing(scenario)),
        ("protocol", setup::protocol(scenario)),
        ("network", setup::network(&scenario.links)),
        ("clocks", setup::clocks(scenario)),
        ("disks", setup::disks(scenario)),
        ("clients", clients::clients(scenario)),
        ("faults", faults::faults(scenario)),
        ("steps", steps::steps(scenario)),
        ("expected", steps::expectations(scenario)),
        ("operator", faults::operator(scenario)),
        ("swarm", swarm(scenario)),
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

fn names(scenario: &Scenario) -> Vec<String> {
    let aliases: Vec<String> = scenario.aliases.iter().map(|alias| printable(alias)).collect();
    if aliases.is_empty() { Vec::new() } else { vec![format!("also called {}", join(&aliases, "or"))] }
}

/// The situations, the run and the failure for which a file was written.
fn purpose(scenario: &Scenario) -> Vec<String> {
    let mut lines = Vec::new();
    if !scenario.reaches.is_empty() {
        let reaches: Vec<String> = scenario.reaches.iter().map(|id| steps::probe(*id)).collect();
        lines.push(format!("reaching {}", join(&reaches, "and")));
    }
    if let Some(seed) = &scenario.seed {
        lines.push(format!("the run of seed {seed}"));
    }
    if let Some(Fingerprint { check, operations, position }) = &scenario.failure {
        let mut failure = format!("showing that {check} fails");
        if !operations.is_empty() {
            failure.push_str(&format!(", with {}", printable(&operations.join(", "))));
        }
        if !position.is_empty() {
            failure.push_str(&format!("; {}", printable(position)));
        }
        lines.push(failure);
    }
    lines
}

fn swarm(scenario: &Scenario) -> Vec<String> {
    let Some(Swarm { on_ppm, strength_max, settings }) = scenario.swarm else { return Vec::new() };
    let mut lines = vec![format!(
        "each seed draws what takes part, each part with a chance of {}, and makes it up to {strength_max} times as strong \
         or as weak",
        percent(on_ppm)
    )];
    match settings {
        SwarmSettings::Drawn => lines.push("each seed also draws sizes, rates and the mix of operations".to_owned()),
        SwarmSettings::Fixed => {}
    }
    lines
}

fn checks(scenario: &Scenario) -> Vec<String> {
    let always = Check::NoPanic;
    let chosen = Check::ALL.into_iter().filter(|check| scenario.checks.contains(*check) || *check == always);
    chosen.map(|check| check.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;
    use crate::scenario::format;

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
            "a learner can be promoted when it lacks no more than 100 entries",
            "and gives up after 3 s, but not once all is healed",
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

    #[test]
    fn goals_and_operations_that_follow_answers_are_described() {
        let text = "name = \"mine\"\nsummary = \"S.\"\n[cluster]\nservers = 3\n\
                    [[goals]]\nat = \"1s\"\ndo = \"reconfigure\"\nvoters = [0, 2]\nlearners = [1]\nstyle = \"joint\"\n\
                    [[goals]]\nat = \"2s\"\ndo = \"transfer\"\nserver = 2\n\
                    [[goals]]\nat = \"3s\"\ndo = \"force-snapshot\"\nserver = 1\n\
                    [[operations]]\nclient = 3\nthink = \"20ms\"\ndo = \"get k\"\n";
        let text = format!("{text}{}", "[[goals]]\nat = \"4s\"\ndo = \"reconfigure\"\nvoters = [0]\n".repeat(40));
        let text = describe(&format::parse("mine.toml", &text).expect("a scenario"));
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "operator at 1 s: sees to it that n0 and n2 vote, n1 only learns, through a joint configuration \
             at 2 s: hands leadership to n2 at 3 s: has n1 take a snapshot \
             at 4 s: sees to it that n0 votes, one change at a time",
            "one change at a time and 3 more checks",
            "20 ms after an answer client 3: get k",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn steps_expectations_and_loads_are_described() {
        let text = "name = \"mine\"\nsummary = \"S.\"\naliases = [\"3B x\"]\nreaches = [\"split-vote\"]\nseed = 7\n\
                    [failure]\ncheck = \"LIN\"\noperations = [\"get\"]\nposition = \"a leader\"\n\
                    [swarm]\n[network]\nbandwidth = \"1KiB\"\nqueue = \"2KiB\"\n\
                    [workload]\nhot = { keys = 1, share = 0.5 }\nload = [{ at = \"1s\", operations = 5 }]\n\
                    [[faults]]\nkind = \"messages\"\nof = [\"append\", \"read\"]\nloss = 0.5\nevery = \"1s\"\nlasting = \"2s\"\n\
                    [[steps]]\nname = \"cut\"\nwhen = { commits = 50 }\nwait = \"1s\"\ndo = \"cut\"\ntarget = \"leader\"\n\
                    [[steps]]\nwait = \"2s\"\ndo = \"end\"\nstep = \"cut\"\n\
                    [[expect]]\nmust = \"not-commit\"\nfrom = { after = \"cut\", plus = \"1s\" }\nuntil = 1\n";
        let text = describe(&format::parse("mine.toml", text).expect("a scenario"));
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "names also called 3B x made for reaching split-vote the run of seed 7 showing that LIN Linearizability fails, \
             with get; a leader",
            "1 KiB a second pass a link; of the rest up to 2 KiB wait, and more is lost",
            "50 % of the operations go to the first 1 key 5 operations more at 1 s, at once",
            "1 s apart, for 2 s: of all messages of kind append or read sent by anybody 50 % are lost",
            "steps `cut`: once 50 more entries are committed and 1 s later: the leader is cut off from the other servers",
            "step 1: then, 2 s later: the fault of `cut` ends",
            "expected from 1 s after `cut` to step 1: exactly 0 entries committed",
            "swarm each seed draws what takes part, each part with a chance of 50 %",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}

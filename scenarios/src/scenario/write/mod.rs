//! A scenario back to TOML: what differs from the defaults, in the order of the format's page, for people to read and edit.
//!
//! What is written, read again, is the same scenario. What it simplifies: comments of the file that it came from are lost.

mod faults;
mod toml;

use whitewater_kv::Address;
use whitewater_kv::client::Patience;
use whitewater_kv::operator::{Goal, Style};
use whitewater_raft::config::{PreVote, QuorumCheck};
use whitewater_sim::disk::{CrashKeeps, DiskProfile, Losses};
use whitewater_sim::time::MILLISECOND_NS;
use whitewater_sim::{Check, Checks, ClockProfile};

use self::toml::{Lines, duration, latency, list, range, share, size, string, strings};
use super::{
    Bursts, Fingerprint, Hot, Load, Mix, OperatorKind, OperatorMix, PlannedOperation, Protocol, Reads, Replication,
    Scenario, Sessions, Swarm, SwarmSettings, Timing, Workload, format, goals, operations, words,
};
use crate::generate::{FOREVER, Path, Planned, PlannedGoal};

/// The scenario as the text of a file.
///
/// # Panics
/// If it names probes that are not declared, or steps that do not exist.
#[must_use]
pub fn write(scenario: &Scenario) -> String {
    let default = format::parse("default", "name = \"default\"\nsummary = \"\"\n").expect("all else has a default");
    let mut text = root(scenario, &default).text();
    if let Some(failure) = &scenario.failure {
        text.push_str("\n# The failure that this file shows.\n");
        table("failure", &self::failure(failure), &mut text);
    }
    let tables = [
        ("cluster", cluster(scenario, &default)),
        ("timing", timing(&scenario.timing, &default.timing)),
        ("protocol", protocol(&scenario.protocol, &default.protocol)),
        ("replication", replication(&scenario.replication, &default.replication)),
        ("snapshots", snapshots(scenario, &default)),
        ("sessions", sessions(&scenario.sessions, &default.sessions)),
        ("network", {
            let mut lines = Lines::default();
            faults::network(scenario.links, default.links, &mut lines);
            lines
        }),
        ("clocks", clocks(&scenario.clocks)),
        ("disk", disk(scenario, &default)),
        ("workload", workload(&scenario.workload, &default.workload)),
    ];
    for (name, lines) in tables {
        if !lines.is_empty() {
            text.push('\n');
            table(name, &lines, &mut text);
        }
    }
    for load in &scenario.workload.loads {
        item("workload.load", &self::load(load), &mut text);
    }
    if let Some(swarm) = &scenario.swarm {
        text.push('\n');
        table("swarm", &self::swarm(swarm), &mut text);
    }
    for mix in &scenario.faults {
        item("faults", &faults::mix(mix, scenario.links), &mut text);
    }
    for place in 0..scenario.steps.len() {
        item("steps", &faults::step(place, &scenario.steps, scenario.links), &mut text);
    }
    for expectation in &scenario.expectations {
        item("expect", &faults::expectation(expectation, &scenario.steps), &mut text);
    }
    for action in &scenario.operator {
        item("operator", &operator(action), &mut text);
    }
    for planned in &scenario.goals {
        item("goals", &goal(planned), &mut text);
    }
    for planned in scenario.operations.iter().flatten() {
        item("operations", &operation(planned, scenario.timing.duration_ns), &mut text);
    }
    text
}

fn table(name: &str, lines: &Lines, text: &mut String) {
    text.push_str(&format!("[{name}]\n{}", lines.text()));
}

fn item(name: &str, lines: &Lines, text: &mut String) {
    text.push_str(&format!("\n[[{name}]]\n{}", lines.text()));
}

fn root(scenario: &Scenario, default: &Scenario) -> Lines {
    let mut lines = Lines::default();
    lines.set("name", string(&scenario.name));
    if !scenario.aliases.is_empty() {
        lines.set("aliases", strings(scenario.aliases.iter().map(String::as_str)));
    }
    lines.set("summary", string(&scenario.summary));
    if !scenario.reaches.is_empty() {
        lines.set("reaches", list(scenario.reaches.iter().map(|id| faults::probe(*id))));
    }
    if let Some(seed) = &scenario.seed {
        // Numbers of TOML reach to 2^63.
        let is_number = seed.departures().is_empty() && i64::try_from(seed.seed).is_ok();
        lines.set("seed", if is_number { seed.to_string() } else { string(&seed.to_string()) });
    }
    lines.unless("checks", scenario.checks, default.checks, checks);
    if scenario.operations.as_ref().is_some_and(Vec::is_empty) {
        lines.set("operations", "[]");
    }
    lines
}

fn checks(checks: Checks) -> String {
    strings(Check::ALL.into_iter().filter(|check| checks.contains(*check)).map(Check::id))
}

fn failure(failure: &Fingerprint) -> Lines {
    let Fingerprint { check, operations, position } = failure;
    let mut lines = Lines::default();
    lines.set("check", string(check.id()));
    if !operations.is_empty() {
        lines.set("operations", strings(operations.iter().map(String::as_str)));
    }
    if !position.is_empty() {
        lines.set("position", string(position));
    }
    lines
}

fn cluster(scenario: &Scenario, default: &Scenario) -> Lines {
    let mut lines = Lines::default();
    lines.unless("servers", &scenario.servers, &default.servers, |counts| match counts.as_slice() {
        [one] => one.to_string(),
        several => list(several.iter().map(u32::to_string)),
    });
    lines.unless("learners", scenario.learners, default.learners, |count| count.to_string());
    lines.unless("spares", scenario.spares, default.spares, |count| count.to_string());
    lines.unless("clients", scenario.clients, default.clients, |count| count.to_string());
    lines.unless("racks", scenario.racks, default.racks, |count| count.to_string());
    lines
}

fn timing(timing: &Timing, default: &Timing) -> Lines {
    let Timing { election_timeout_ns, heartbeat_ns, patience, duration_ns, settle_ns } = *timing;
    let Patience { attempt_ns, backoff_ns, backoff_ns_max, give_up_ns } = patience;
    let mut lines = Lines::default();
    lines.unless("election_timeout", election_timeout_ns, default.election_timeout_ns, range);
    lines.unless("heartbeat", heartbeat_ns, default.heartbeat_ns, duration);
    lines.unless("attempt", attempt_ns, default.patience.attempt_ns, duration);
    lines.unless("backoff", backoff_ns, default.patience.backoff_ns, duration);
    lines.unless("backoff_max", backoff_ns_max, backoff_ns.max(200 * MILLISECOND_NS), duration);
    lines.unless("give_up", give_up_ns, default.patience.give_up_ns, duration);
    lines.unless("duration", duration_ns, default.duration_ns, duration);
    lines.unless("settle", settle_ns, default.settle_ns, duration);
    lines
}

fn protocol(protocol: &Protocol, default: &Protocol) -> Lines {
    let Protocol { pre_vote, quorum_check, clock_drift_ppm_max } = *protocol;
    let mut lines = Lines::default();
    lines.unless("pre_vote", pre_vote, default.pre_vote, |pre_vote| {
        string(match pre_vote {
            PreVote::On => "on",
            PreVote::Off => "off",
        })
    });
    lines.unless("quorum_check", quorum_check, default.quorum_check, |quorum_check| {
        string(match quorum_check {
            QuorumCheck::On => "on",
            QuorumCheck::Off => "off",
        })
    });
    lines.unless("clock_drift", clock_drift_ppm_max, default.clock_drift_ppm_max, share);
    lines
}

fn replication(replication: &Replication, default: &Replication) -> Lines {
    let Replication {
        entries_per_append,
        appends_in_flight,
        append_bytes,
        in_flight_bytes,
        uncommitted_bytes,
        snapshot_chunk,
        promotion_gap,
        // Written with the snapshots.
        entries_kept: _,
    } = *replication;
    let mut lines = Lines::default();
    lines.unless("entries_per_append", entries_per_append, default.entries_per_append, |count| count.to_string());
    lines.unless("appends_in_flight", appends_in_flight, default.appends_in_flight, |count| count.to_string());
    lines.unless("append_bytes", append_bytes, default.append_bytes, size);
    lines.unless("in_flight_bytes", in_flight_bytes, default.in_flight_bytes, size);
    lines.unless("uncommitted_bytes", uncommitted_bytes, default.uncommitted_bytes, size);
    lines.unless("snapshot_chunk", snapshot_chunk, default.snapshot_chunk, size);
    lines.unless("promotion_gap", promotion_gap, default.promotion_gap, |gap| gap.to_string());
    lines
}

fn snapshots(scenario: &Scenario, default: &Scenario) -> Lines {
    let mut lines = Lines::default();
    lines.unless("every", scenario.snapshot_every, default.snapshot_every, |every| match every {
        Some(every) => every.to_string(),
        None => string("never"),
    });
    let (kept, usual) = (scenario.replication.entries_kept, default.replication.entries_kept);
    lines.unless("entries_kept", kept, usual, |kept| kept.to_string());
    lines
}

fn sessions(sessions: &Sessions, default: &Sessions) -> Lines {
    let Sessions { idle_entries, max } = *sessions;
    let mut lines = Lines::default();
    lines.unless("idle_entries", idle_entries, default.idle_entries, |entries| entries.to_string());
    lines.unless("max", max, default.max, |max| max.to_string());
    lines
}

fn clocks(clocks: &ClockProfile) -> Lines {
    let ClockProfile { skew_ns_max, drift_ppm_max } = *clocks;
    let mut lines = Lines::default();
    lines.unless("skew", skew_ns_max, 0, duration);
    lines.unless("drift", drift_ppm_max, 0, share);
    lines
}

fn disk(scenario: &Scenario, default: &Scenario) -> Lines {
    let DiskProfile { sync, crash_keeps, losses } = scenario.disks;
    let mut lines = Lines::default();
    lines.unless("sync", sync, default.disks.sync, latency);
    lines.unless("crash_keeps", crash_keeps, default.disks.crash_keeps, |keeps| {
        string(match keeps {
            CrashKeeps::Nothing => "nothing",
            CrashKeeps::Prefix => "prefix",
            CrashKeeps::Subset => "subset",
        })
    });
    lines.unless("losses", losses, default.disks.losses, |losses| {
        string(match losses {
            Losses::Survived => "survived",
            Losses::Any => "any",
        })
    });
    lines.unless("segment_bytes", scenario.segment_bytes, default.segment_bytes, size);
    lines
}

fn workload(workload: &Workload, default: &Workload) -> Lines {
    let Workload { rate, keys, in_flight, reads, mix, think, hot, bursts, value_bytes, duplicate_ppm, loads: _ } =
        workload;
    let mut lines = Lines::default();
    // Who thinks between operations has no rate, and so no bursts.
    if think.is_none() {
        lines.unless("rate", *rate, default.rate, |rate| rate.to_string());
    }
    lines.unless("keys", *keys, default.keys, |keys| keys.to_string());
    lines.unless("in_flight", *in_flight, default.in_flight, |count| count.to_string());
    lines.unless("reads", *reads, default.reads, ways);
    lines.unless("mix", *mix, default.mix, weights);
    if let Some(think) = think {
        lines.set("think", range(*think));
    }
    if let Some(Hot { keys, share_ppm }) = *hot {
        let mut inside = Lines::default();
        inside.set("keys", keys.to_string());
        inside.set("share", share(share_ppm));
        lines.set("hot", inside.inline());
    }
    if let (Some(Bursts { every, lasting, factor }), None) = (*bursts, think) {
        let mut inside = Lines::default();
        inside.set("every", range(every));
        inside.set("lasting", range(lasting));
        inside.set("factor", factor.to_string());
        lines.set("bursts", inside.inline());
    }
    lines.unless("value_bytes", *value_bytes, 0, |bytes| size(u64::from(bytes)));
    lines.unless("duplicate", *duplicate_ppm, 0, share);
    lines
}

fn load(load: &Load) -> Lines {
    let Load { at_ns, over_ns, operations, mix, value_bytes } = *load;
    let mut lines = Lines::default();
    lines.set("at", duration(at_ns));
    lines.unless("over", over_ns, 0, duration);
    lines.set("operations", operations.to_string());
    if let Some(mix) = mix {
        lines.set("mix", weights(mix));
    }
    lines.unless("value_bytes", value_bytes, 0, |bytes| size(u64::from(bytes)));
    lines
}

fn ways(reads: Reads) -> String {
    let Reads { log, quorum, lease, any_server } = reads;
    let mut lines = Lines::default();
    for (name, weight) in [("log", log), ("quorum", quorum), ("lease", lease), ("any-server", any_server)] {
        if weight == 1 && log + quorum + lease + any_server == 1 {
            return string(name);
        }
        lines.unless(name, weight, 0, |weight| weight.to_string());
    }
    lines.inline()
}

fn weights(mix: Mix) -> String {
    let Mix { get, put, append, delete, compare_and_swap, range, transaction, batch } = mix;
    let mut lines = Lines::default();
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
    for (name, weight) in kinds {
        lines.unless(name, weight, 0, |weight| weight.to_string());
    }
    lines.inline()
}

fn swarm(swarm: &Swarm) -> Lines {
    let Swarm { on_ppm, strength_max, settings } = *swarm;
    let mut lines = Lines::default();
    lines.unless("on", on_ppm, format::SWARM_ON_PPM, share);
    lines.unless("strength", strength_max, format::SWARM_STRENGTH, |strength| strength.to_string());
    match settings {
        SwarmSettings::Drawn => {}
        SwarmSettings::Fixed => lines.set("settings", string("fixed")),
    }
    lines
}

fn operator(action: &OperatorMix) -> Lines {
    let OperatorMix { kind, every } = action;
    let mut lines = Lines::default();
    let name = match kind {
        OperatorKind::Transfer => "transfer",
        OperatorKind::Reconfigure { .. } => "reconfigure",
        OperatorKind::AddLearnerAndPromote => "add-learner-and-promote",
        OperatorKind::Replace => "replace",
        OperatorKind::RemoveLeader => "remove-leader",
        OperatorKind::ForceSnapshot => "force-snapshot",
    };
    lines.set("kind", string(name));
    if let OperatorKind::Reconfigure { voters } = kind {
        lines.set("voters", list(voters.iter().map(u32::to_string)));
    }
    lines.set("every", toml::every(*every));
    lines
}

fn goal(planned: &PlannedGoal) -> Lines {
    let PlannedGoal { not_before, goal } = planned;
    let servers = |addresses: &[Address]| list(addresses.iter().map(|Address(server)| server.to_string()));
    let mut lines = Lines::default();
    lines.set("at", duration(not_before.0));
    match goal {
        Goal::Members { voters, learners, style } => {
            lines.set("do", string("reconfigure"));
            lines.set("voters", servers(voters));
            if !learners.is_empty() {
                lines.set("learners", servers(learners));
            }
            lines.unless("style", *style, Style::Single, |style| string(goals::style_word(style)));
        }
        Goal::Transfer { to: Address(server) } => {
            lines.set("do", string("transfer"));
            lines.set("server", server.to_string());
        }
        Goal::Snapshot { of: Address(server) } => {
            lines.set("do", string("force-snapshot"));
            lines.set("server", server.to_string());
        }
    }
    lines
}

fn operation(planned: &PlannedOperation, duration_ns: u64) -> Lines {
    let PlannedOperation { client, planned: Planned { not_before, not_after, operation, path }, think_ns } = planned;
    let mut lines = Lines::default();
    lines.set("client", client.to_string());
    match think_ns {
        Some(think_ns) => lines.set("think", duration(*think_ns)),
        None => lines.set("at", duration(not_before.0)),
    }
    lines.set("do", string(&words::write(operation)));
    lines.unless("via", *path, Path::Log, |path| string(path.word()));
    lines.unless("until", *not_after, operations::not_after(*not_before, duration_ns), |until| {
        if until == FOREVER { string("answered") } else { duration(until.0) }
    });
    lines
}

//! What a scenario sets up: its cluster, timing, protocol, network, clocks and disks.

use whitewater_raft::config::{PreVote, QuorumCheck};
use whitewater_sim::disk::{CrashKeeps, Losses};
use whitewater_sim::{ClockProfile, LinkProfile};

use super::words::{bytes, exact, join, latency, noun, percent, range};
use crate::scenario::{Replication, Scenario};

pub(super) fn cluster(scenario: &Scenario) -> Vec<String> {
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
    if scenario.racks > 1 {
        lines.push(format!("server k stands in rack k modulo {}", scenario.racks));
    }
    lines
}

pub(super) fn timing(scenario: &Scenario) -> Vec<String> {
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

pub(super) fn protocol(scenario: &Scenario) -> Vec<String> {
    let Replication {
        entries_per_append,
        appends_in_flight,
        append_bytes,
        in_flight_bytes,
        uncommitted_bytes,
        snapshot_chunk,
        promotion_gap,
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
    if changes_members(scenario) {
        let entries = noun(promotion_gap, "entry", "entries");
        lines.push(format!("a learner can be promoted when it lacks no more than {entries}"));
    }
    lines
}

/// Whether anybody may become a voter that was none.
fn changes_members(scenario: &Scenario) -> bool {
    scenario.learners + scenario.spares > 0 || !scenario.operator.is_empty() || !scenario.goals.is_empty()
}

pub(super) fn clocks(scenario: &Scenario) -> Vec<String> {
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

pub(super) fn network(links: &LinkProfile) -> Vec<String> {
    let mut lines = vec![format!("a message takes {}", latency(&links.latency))];
    lines.extend(mishaps(links));
    lines.extend(room(links));
    lines
}

/// How much passes and waits, if that is limited.
pub(super) fn room(links: &LinkProfile) -> Option<String> {
    let waits = format!("up to {} wait, and more is lost", bytes(links.queue_bytes_max));
    match (links.bandwidth, links.queue_bytes_max) {
        // Nothing waits where everything passes at once.
        (0, _) => None,
        (bandwidth, 0) => Some(format!("{} a second pass a link; the rest waits", bytes(bandwidth))),
        (bandwidth, _) => Some(format!("{} a second pass a link; of the rest {waits}", bytes(bandwidth))),
    }
}

/// What happens to messages on the way, if anything does.
pub(super) fn mishaps(links: &LinkProfile) -> Option<String> {
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
    if links.corrupt_ppm > 0 {
        mishaps.push(format!("{} arrive with a wrong bit", percent(links.corrupt_ppm)));
    }
    (!mishaps.is_empty()).then(|| format!("of all messages {}", join(&mishaps, "and")))
}

pub(super) fn disks(scenario: &Scenario) -> Vec<String> {
    let keeps = match scenario.disks.crash_keeps {
        CrashKeeps::Nothing => "loses every write that was not synced",
        CrashKeeps::Prefix => "keeps the unsynced writes before an arbitrary one, which may be torn",
        CrashKeeps::Subset => "keeps an arbitrary subset of the unsynced writes, the last one possibly torn",
    };
    let losses = match scenario.disks.losses {
        Losses::Survived => None,
        Losses::Any => Some("disks are lost even where the cluster cannot do without them".to_owned()),
    };
    let usual = [
        format!(
            "a sync takes {}; a file of the log has up to {}",
            latency(&scenario.disks.sync),
            bytes(scenario.segment_bytes)
        ),
        format!("a crash {keeps}"),
    ];
    usual.into_iter().chain(losses).collect()
}

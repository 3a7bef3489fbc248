//! What can go wrong in a scenario, by name, and what of it did in a run: configured, fired, had an effect.
//!
//! First come the entries of the file, as in `faults[3] crash leader`, then what may strike at any time: the network's loss,
//! the clocks' drift. Of those only what the scenario configures is there. Writes that a crash loses or tears are where
//! servers crash at any time and clients write: a script may well crash a server that has nothing to lose.
//! What it simplifies: a clock that is wrong matters as soon as its server runs, whether or not it looks at it.

use whitewater_reports::model::FaultCount;
use whitewater_sim::SourceCounts;
use whitewater_sim::disk::{CrashKeeps, DiskCounts};
use whitewater_sim::fault::{CrashPoint, Damage, Direction, DiskFailure, Reach, Shape};
use whitewater_sim::network::{NetworkCounts, Strikes};

use crate::scenario::{Mix, MixKind, Scenario, StepAction, Who, Workload};

/// Something that can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// An entry with this source, see [`whitewater_sim::fault::Source`].
    Source(usize),
    Loss,
    Duplicate,
    Reorder,
    Corrupt,
    Bandwidth,
    Queue,
    /// Crashes lose writes that were not synced.
    Unsynced,
    /// Crashes keep parts of such writes.
    Torn,
    Skew,
    Drift,
}

/// What was counted in a run.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    pub(crate) sources: Vec<SourceCounts>,
    pub(crate) network: NetworkCounts,
    pub(crate) disks: DiskCounts,
    pub(crate) servers: u32,
}

/// The names of what can go wrong, in the words of the scenario's file.
#[must_use]
pub fn names(scenario: &Scenario) -> Vec<String> {
    declared(scenario).into_iter().map(|(_, name)| name).collect()
}

/// What went wrong in a run: for each of the [`names`] that the run had a place for, what it did. `drawn` is the scenario as
/// the seed drew it.
pub(crate) fn counts(scenario: &Scenario, drawn: &Scenario, counted: &Counted) -> Vec<FaultCount> {
    let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let of_fault = |((fault, _), place): ((Fault, String), u16)| {
        let (planned, Strikes { struck, mattered }) = strikes(fault, drawn, counted)?;
        Some(FaultCount { fault: place, planned: small(planned), fired: small(struck), effects: small(mattered) })
    };
    declared(scenario).into_iter().zip(0..).filter_map(of_fault).collect()
}

/// How often something was to strike and did; `None` if the run had no place for it.
fn strikes(fault: Fault, drawn: &Scenario, counted: &Counted) -> Option<(u64, Strikes)> {
    let Counted { sources, network, disks, servers } = counted;
    let wrong_clocks = Strikes { struck: u64::from(*servers), mattered: u64::from(*servers) };
    let strikes = match fault {
        Fault::Source(source) => {
            let counts = sources.get(source).copied().unwrap_or_default();
            let strikes = Strikes { struck: counts.begun, mattered: counts.effective };
            return (counts.planned > 0).then_some((counts.planned, strikes));
        }
        Fault::Loss => network.lost,
        Fault::Duplicate => network.duplicated,
        Fault::Reorder => network.reordered,
        Fault::Corrupt => network.garbled,
        Fault::Bandwidth => network.queued,
        Fault::Queue => network.overflowed,
        // Several writes that one crash loses are one effect.
        Fault::Unsynced => Strikes {
            struck: disks.crashes_with_unsynced,
            mattered: disks.writes_lost.min(disks.crashes_with_unsynced),
        },
        Fault::Torn => Strikes { struck: disks.writes_torn, mattered: disks.writes_torn },
        Fault::Skew | Fault::Drift => wrong_clocks,
    };
    is_configured(fault, drawn).then_some((1, strikes))
}

/// For each source of the plan, its place among the [`names`], if it can strike: entries come first, then steps.
pub(crate) fn places(scenario: &Scenario) -> Vec<Option<u16>> {
    let mut next = 0..;
    let entries = scenario.faults.iter().map(|_| true);
    let steps = scenario.steps.iter().map(|step| matches!(step.action, StepAction::Strike { .. }));
    entries.chain(steps).map(|strikes| if strikes { next.next() } else { None }).collect()
}

fn declared(scenario: &Scenario) -> Vec<(Fault, String)> {
    let mut declared: Vec<(Fault, String)> = Vec::new();
    for (place, mix) in scenario.faults.iter().enumerate() {
        declared.push((Fault::Source(place), format!("faults[{place}] {}", kind(&mix.kind))));
    }
    for (place, step) in scenario.steps.iter().enumerate() {
        if let StepAction::Strike { kind: strike, .. } = &step.action {
            let name = step.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
            let source = Fault::Source(scenario.faults.len() + place);
            declared.push((source, format!("steps[{place}] {}{name}", kind(strike))));
        }
    }
    let always = [
        (Fault::Loss, "network.loss"),
        (Fault::Duplicate, "network.duplicate"),
        (Fault::Reorder, "network.reorder"),
        (Fault::Corrupt, "network.corrupt"),
        (Fault::Bandwidth, "network.bandwidth"),
        (Fault::Queue, "network.queue"),
        (Fault::Unsynced, "disk.crash_keeps, lost"),
        (Fault::Torn, "disk.crash_keeps, torn"),
        (Fault::Skew, "clocks.skew"),
        (Fault::Drift, "clocks.drift"),
    ];
    let configured = always.into_iter().filter(|(fault, _)| is_configured(*fault, scenario));
    declared.extend(configured.map(|(fault, name)| (fault, name.to_owned())));
    declared
}

fn is_configured(fault: Fault, scenario: &Scenario) -> bool {
    let links = &scenario.links;
    match fault {
        Fault::Source(_) => true,
        Fault::Loss => links.loss_ppm > 0,
        Fault::Duplicate => links.duplicate_ppm > 0,
        Fault::Reorder => links.reorder_ppm > 0,
        Fault::Corrupt => links.corrupt_ppm > 0,
        Fault::Bandwidth => links.bandwidth > 0,
        Fault::Queue => links.bandwidth > 0 && links.queue_bytes_max > 0,
        Fault::Torn => scenario.disks.crash_keeps != CrashKeeps::Nothing && is_configured(Fault::Unsynced, scenario),
        Fault::Unsynced => {
            let Workload { mix, loads, .. } = &scenario.workload;
            let has_writers = mix.has_writes() || loads.iter().any(|load| load.mix.is_some_and(Mix::has_writes));
            has_writers && scenario.faults.iter().any(|mix| crashes(&mix.kind))
        }
        Fault::Skew => scenario.clocks.skew_ns_max > 0,
        Fault::Drift => scenario.clocks.drift_ppm_max > 0,
    }
}

/// Whether servers crash by it, and find their disks afterwards.
fn crashes(kind: &MixKind) -> bool {
    match kind {
        MixKind::Crash { .. }
        | MixKind::CrashAt { .. }
        | MixKind::CrashLoop { .. }
        | MixKind::RollingRestart { .. }
        | MixKind::Damage { .. } => true,
        MixKind::Cut { .. }
        | MixKind::Link { .. }
        | MixKind::Pause { .. }
        | MixKind::Links { .. }
        | MixKind::SlowDisk { .. }
        | MixKind::Wipe { .. }
        | MixKind::ClockStep { .. }
        | MixKind::Partition { .. }
        | MixKind::CutLinks { .. }
        | MixKind::Clog { .. }
        | MixKind::Swizzle
        | MixKind::Messages { .. }
        | MixKind::SlowServer { .. }
        | MixKind::DiskError { .. }
        | MixKind::ClockFreeze { .. }
        | MixKind::ClientCrash { .. } => false,
    }
}

/// A kind of fault, with its target, in a few words of the scenario format.
fn kind(kind: &MixKind) -> String {
    match kind {
        MixKind::Cut { target, direction, reach } => {
            format!("cut {}{}{}", who(target), way(*direction), from(*reach))
        }
        MixKind::Link { target } => format!("link {}", who(target)),
        MixKind::Crash { target } => format!("crash {}", who(target)),
        MixKind::Pause { target } => format!("pause {}", who(target)),
        MixKind::Links { .. } => "network".to_owned(),
        MixKind::SlowDisk { target, factor } => format!("slow-disk {} by {factor}", who(target)),
        MixKind::Wipe { target } => format!("wipe {}", who(target)),
        MixKind::ClockStep { target, .. } => format!("clock-step {}", who(target)),
        MixKind::Partition { shape } => format!("partition {}", form(*shape)),
        MixKind::CutLinks { links } => format!("partition of {} links", links.len()),
        MixKind::Clog { target, direction, reach } => {
            format!("clog {}{}{}", who(target), way(*direction), from(*reach))
        }
        MixKind::Swizzle => "swizzle".to_owned(),
        MixKind::Messages { from: None, filter } => format!("messages {}", kinds(filter.kinds)),
        MixKind::Messages { from: Some(from), filter } => {
            format!("messages {} from {}", kinds(filter.kinds), who(from))
        }
        MixKind::CrashAt { target, point, .. } => format!("crash-at {} {}", place(*point), who(target)),
        MixKind::CrashLoop { target, times, .. } => format!("crash-loop {} {times} times", who(target)),
        MixKind::RollingRestart { .. } => "rolling-restart".to_owned(),
        MixKind::SlowServer { target, .. } => format!("slow-server {}", who(target)),
        MixKind::DiskError { target, failure } => {
            let failure = match failure {
                DiskFailure::Read => "read",
                DiskFailure::Write => "write",
                DiskFailure::Sync => "sync",
                DiskFailure::Full => "full",
            };
            format!("disk-error {failure} {}", who(target))
        }
        MixKind::Damage { target, damage } => {
            let damage = match damage {
                Damage::Rot => "rot",
                Damage::Misdirected => "misdirected",
                Damage::Phantom => "phantom",
            };
            format!("damage {damage} {}", who(target))
        }
        MixKind::ClockFreeze { target } => format!("clock-freeze {}", who(target)),
        MixKind::ClientCrash { .. } => "client-crash".to_owned(),
    }
}

fn who(who: &Who) -> String {
    match who {
        Who::Leader => "leader".to_owned(),
        Who::Follower => "follower".to_owned(),
        Who::Random => "random".to_owned(),
        Who::Minority => "minority".to_owned(),
        Who::LeaderAndMinority => "leader-and-minority".to_owned(),
        Who::All => "all".to_owned(),
        Who::MajorityWithoutLeader => "majority-without-leader".to_owned(),
        Who::Rack => "rack".to_owned(),
        Who::LastCrashed => "last-crashed".to_owned(),
        Who::Nodes(nodes) => format!("{:?}", nodes.iter().map(|node| node.0).collect::<Vec<_>>()),
    }
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Both => "",
        Direction::Outgoing => " outgoing",
        Direction::Incoming => " incoming",
    }
}

fn from(reach: Reach) -> &'static str {
    match reach {
        Reach::Servers => "",
        Reach::Everyone => " from everyone",
    }
}

fn form(shape: Shape) -> &'static str {
    match shape {
        Shape::Halves => "halves",
        Shape::Bridge => "bridge",
        Shape::Ring => "ring",
        Shape::Random => "random",
    }
}

fn place(point: CrashPoint) -> &'static str {
    match point {
        CrashPoint::BeforeWrite => "before-write",
        CrashPoint::AfterWrite => "after-write",
        CrashPoint::AfterAskingForSync => "after-asking-for-sync",
        CrashPoint::AfterSync => "after-sync",
        CrashPoint::AfterSend => "after-send",
    }
}

/// The kinds of messages of a filter.
fn kinds(kinds: u64) -> String {
    let names = whitewater_kv::wire::KINDS;
    let chosen: Vec<&str> =
        names.iter().zip(0..).filter(|(_, bit)| kinds >> bit & 1 == 1).map(|(name, _)| *name).collect();
    if chosen.len() == names.len() { "of all kinds".to_owned() } else { chosen.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;
    use crate::run::{self, Options};

    #[test]
    fn a_scenario_names_what_it_configures_and_nothing_else() {
        let names = |name| super::names(&catalog::find(name).expect("it is in the catalog"));
        assert_eq!(names("calm"), [""; 0]);
        assert_eq!(names("torn-tail"), TORN_TAIL);
        assert_eq!(names("lossy"), ["network.loss", "network.duplicate", "network.reorder"]);
    }

    const TORN_TAIL: [&str; 5] = [
        "faults[0] crash random",
        "faults[1] crash minority",
        "faults[2] slow-disk random by 20",
        "disk.crash_keeps, lost",
        "disk.crash_keeps, torn",
    ];

    /// What a run counts has a name, and what is configured in a storm strikes and matters.
    #[test]
    fn in_a_storm_everything_strikes_somebody() {
        let storm = catalog::find("storm").expect("it is in the catalog");
        let mut sums = vec![[0; 3]; names(&storm).len()];
        for seed in 0..8 {
            for count in run::run(&storm, seed, &Options::default()).record.faults {
                let sum = &mut sums[usize::from(count.fault)];
                *sum = [sum[0] + count.planned, sum[1] + count.fired, sum[2] + count.effects];
                assert!(count.effects <= count.fired, "{count:?}");
                assert!(count.planned == 1 || count.fired <= count.planned, "{count:?}");
            }
        }
        for (name, [planned, fired, effects]) in names(&storm).iter().zip(sums) {
            let is_rare = planned < 5 || name.starts_with("disk.");
            assert!(
                is_rare || (fired > 0 && effects > 0),
                "{name}: {planned} planned, {fired} fired, {effects} effects"
            );
        }
    }
}

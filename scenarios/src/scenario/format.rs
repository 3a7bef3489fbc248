//! The scenario format: TOML, every key optional but `name`, `summary` and what a fault needs; nothing unknown allowed.
//!
//! `FORMAT.md` beside this crate's `Cargo.toml` has every key on one page. Whatever is wrong is reported once, with file,
//! line and what to write instead. What a scenario asks for stays within what the protocol promises to survive. It goes
//! beyond that only where it says what still holds: clocks may do what reads by lease cannot stand if `checks` leaves out
//! all that looks at those reads, and more disks may be lost than a cluster can do without if it leaves out what lost disks
//! promised.

use serde::Deserialize;
use toml::Spanned;
use whitewater_sim::disk::Losses;
use whitewater_sim::time::{MICROSECOND_NS, MILLISECOND_NS};
use whitewater_sim::{Check, Checks, Latency, LinkProfile, ProbeId};

use super::cluster::{Cluster, RawCluster};
use super::expect::{Frame, RawExpectation};
use super::goals::RawGoal;
use super::operations::{RawFailure, RawOperation};
use super::operator::RawOperator;
use super::quantity::{Count, Probability, Run};
use super::servers::{
    RawClocks, RawDisk, RawNetwork, RawProtocol, RawReplication, RawSessions, RawSnapshots, RawTiming,
};
use super::strike::{Leases, RawStrike, Setting};
use super::workload::{Operations, RawWorkload};
use super::{FaultMix, OperatorKind, OperatorMix, Protocol, Scenario, Step, Swarm, SwarmSettings, Workload};
use super::{expect, faults, goals, operations, steps};
use crate::generate::PlannedGoal;
use crate::mistake::{self, FileError, Mistake, wrong};

/// Reads a scenario. `file` is named in errors.
///
/// # Errors
/// If the text is not TOML, has unknown keys, wrong types or impossible values, or is larger than a scenario may be.
pub fn parse(file: &str, text: &str) -> Result<Scenario, FileError> {
    mistake::read(file, text, "scenario", RawScenario::check)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScenario {
    name: Spanned<String>,
    #[serde(default)]
    aliases: Vec<Spanned<String>>,
    summary: Spanned<String>,
    #[serde(default)]
    reaches: Vec<Spanned<String>>,
    seed: Option<Run>,
    failure: Option<RawFailure>,
    checks: Option<Spanned<Vec<Check>>>,
    #[serde(default)]
    cluster: RawCluster,
    #[serde(default)]
    timing: RawTiming,
    #[serde(default)]
    protocol: RawProtocol,
    #[serde(default)]
    replication: RawReplication,
    #[serde(default)]
    snapshots: RawSnapshots,
    #[serde(default)]
    sessions: RawSessions,
    #[serde(default)]
    network: RawNetwork,
    #[serde(default)]
    clocks: RawClocks,
    #[serde(default)]
    disk: RawDisk,
    #[serde(default)]
    workload: RawWorkload,
    swarm: Option<RawSwarm>,
    #[serde(default)]
    faults: Vec<Spanned<RawStrike>>,
    #[serde(default)]
    steps: Vec<Spanned<RawStrike>>,
    #[serde(default)]
    expect: Vec<Spanned<RawExpectation>>,
    #[serde(default)]
    operator: Vec<Spanned<RawOperator>>,
    #[serde(default)]
    goals: Vec<Spanned<RawGoal>>,
    operations: Option<Vec<Spanned<RawOperation>>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSwarm {
    on: Option<Probability>,
    strength: Option<Count<1, 100>>,
    settings: Option<RawSettings>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawSettings {
    Drawn,
    Fixed,
}

/// Chance that a part of a swarm takes part.
pub(super) const SWARM_ON_PPM: u32 = 500_000;
/// How much stronger or weaker parts of a swarm are at most.
pub(super) const SWARM_STRENGTH: u32 = 4;

impl RawSwarm {
    fn check(self) -> Swarm {
        Swarm {
            on_ppm: self.on.map_or(SWARM_ON_PPM, |on| on.0),
            strength_max: self.strength.map_or(SWARM_STRENGTH, |strength| strength.0),
            settings: match self.settings {
                Some(RawSettings::Fixed) => SwarmSettings::Fixed,
                Some(RawSettings::Drawn) | None => SwarmSettings::Drawn,
            },
        }
    }
}

impl RawScenario {
    fn check(self) -> Result<Scenario, Mistake> {
        check_name(&self.name)?;
        check_summary(&self.summary)?;
        let cluster = self.cluster.check()?;
        let timing = self.timing.check()?;
        let protocol = self.protocol.check();
        let checks = check_checks(self.checks)?;
        let drift = self.clocks.drift_place();
        let clocks = self.clocks.profile();
        let made_up = if self.operations.is_some() { Operations::WrittenDown } else { Operations::MadeUp };
        let workload = self.workload.check(timing.duration_ns, cluster.clients, made_up)?;
        let operations = match self.operations {
            Some(raw) => Some(operations::check(raw, cluster.clients, timing.duration_ns, timing.settle_ns)?),
            None => None,
        };
        let leases = leases(&workload, checks);
        check_drift(drift, clocks.drift_ppm_max, protocol, leases)?;
        let links = self.network.profile(LinkProfile::reliable(LAN));
        let disks = self.disk.profile();
        check_losses(self.disk.losses_place(), disks.losses, checks)?;
        let setting = Setting { links, cluster: &cluster, leases, losses: disks.losses };
        let faults = faults::check(&self.faults, &setting, timing.duration_ns)?;
        let (steps, names) = steps::check(&self.steps, &setting, timing.duration_ns)?;
        let frame = Frame { names: &names, end_ns: timing.duration_ns + timing.settle_ns };
        let expectations = expect::check(&self.expect, &frame)?;
        let losses = losses(&self.faults, &faults, &self.steps, &steps).filter(|_| disks.losses == Losses::Survived);
        let operator = check_operator(&self.operator, &cluster, losses, timing.duration_ns)?;
        let goals = check_goals(&self.goals, &cluster, losses, timing.duration_ns)?;
        let (snapshot_every, entries_kept) = self.snapshots.check();
        Ok(Scenario {
            name: self.name.into_inner(),
            aliases: check_aliases(self.aliases)?,
            summary: self.summary.into_inner(),
            reaches: check_reaches(&self.reaches)?,
            servers: cluster.servers,
            learners: cluster.learners,
            spares: cluster.spares,
            clients: cluster.clients,
            racks: cluster.racks,
            timing,
            protocol,
            replication: self.replication.check(entries_kept),
            snapshot_every,
            sessions: self.sessions.check(),
            links,
            clocks,
            segment_bytes: self.disk.segment_bytes(),
            disks,
            workload,
            faults,
            steps,
            expectations,
            operator,
            goals,
            swarm: self.swarm.map(RawSwarm::check),
            operations,
            seed: self.seed.map(|Run(lineage)| lineage),
            failure: self.failure.map(Into::into),
            checks,
        })
    }
}

const LAN: Latency = Latency::Uniform { min_ns: 200 * MICROSECOND_NS, max_ns: MILLISECOND_NS };

fn check_name(name: &Spanned<String>) -> Result<(), Mistake> {
    let text = name.get_ref();
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.len() > 60 || !text.chars().all(legal) {
        return wrong(name, "a name has 1 to 60 lower-case letters, digits and hyphens, like \"leader-cut-off\"");
    }
    Ok(())
}

/// The longest summary, in bytes.
const SUMMARY_BYTES_MAX: usize = 1_000;

fn check_summary(summary: &Spanned<String>) -> Result<(), Mistake> {
    if summary.get_ref().len() > SUMMARY_BYTES_MAX {
        return wrong(summary, "a summary is one sentence: shorten it");
    }
    Ok(())
}

/// The most other names of a scenario.
const ALIASES_MAX: usize = 100;

fn check_aliases(raw: Vec<Spanned<String>>) -> Result<Vec<String>, Mistake> {
    if let Some(surplus) = raw.get(ALIASES_MAX) {
        return wrong(surplus, format!("there are more than {ALIASES_MAX} aliases: leave some of them out"));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || " -_,./+:()".contains(c);
    let mut aliases = Vec::new();
    for alias in raw {
        let text = alias.get_ref();
        if text.len() > 60 || !text.chars().all(legal) || !text.contains(|c: char| c.is_ascii_alphanumeric()) {
            return wrong(&alias, "an alias has 1 to 60 letters, digits, blanks and hyphens, like \"3B fast backup\"");
        }
        aliases.push(alias.into_inner());
    }
    Ok(aliases)
}

fn check_reaches(raw: &[Spanned<String>]) -> Result<Vec<ProbeId>, Mistake> {
    let mut reaches = Vec::new();
    for name in raw {
        let probe = steps::probe_called(name.get_ref(), name)?;
        if reaches.contains(&probe) {
            return wrong(name, "this probe is named twice: leave it out once");
        }
        reaches.push(probe);
    }
    Ok(reaches)
}

fn check_checks(raw: Option<Spanned<Vec<Check>>>) -> Result<Checks, Mistake> {
    match raw {
        Some(checks) if checks.get_ref().is_empty() => {
            wrong(&checks, "the list is empty: leave `checks` out to have all of them")
        }
        Some(checks) => Ok(checks.into_inner().into_iter().collect()),
        None => Ok(Checks::all()),
    }
}

/// Whether anybody looks at reads by lease. A scenario that says what still holds may leave them to themselves.
fn leases(workload: &Workload, checks: Checks) -> Leases {
    let looked_at = [Check::ReadFloor, Check::Lease, Check::Linearizability];
    if workload.reads.lease > 0 && looked_at.iter().any(|check| checks.contains(*check)) {
        Leases::Trusted
    } else {
        Leases::Untrusted
    }
}

fn check_drift(place: Option<usize>, drift_ppm_max: u32, protocol: Protocol, leases: Leases) -> Result<(), Mistake> {
    if leases == Leases::Trusted && drift_ppm_max > protocol.clock_drift_ppm_max {
        let message = "clocks drift more than `protocol.clock_drift` allows, so reads by lease would not be safe: raise that, \
                       lower this, or set `workload.reads` without lease";
        return Err(Mistake { at: place, message: message.to_owned() });
    }
    Ok(())
}

/// What cannot hold when a cluster loses more disks than it can do without.
const PROMISED_BY_DISKS: [Check; 3] = [Check::QuorumDurability, Check::VotersOnly, Check::Liveness];

fn check_losses(place: Option<usize>, losses: Losses, checks: Checks) -> Result<(), Mistake> {
    if losses == Losses::Any && PROMISED_BY_DISKS.iter().any(|check| checks.contains(*check)) {
        let message = "a cluster does not survive the loss of any disk: leave `losses` out, or say what still holds: `checks` \
                       without I8, I18 and I24";
        return Err(Mistake { at: place, message: message.to_owned() });
    }
    Ok(())
}

/// What takes disks away.
fn losses<'r>(
    raw_faults: &'r [Spanned<RawStrike>],
    faults: &[FaultMix],
    raw_steps: &'r [Spanned<RawStrike>],
    steps: &[Step],
) -> Option<&'r Spanned<RawStrike>> {
    let mix = raw_faults.iter().zip(faults).find(|(_, mix)| faults::costs_a_disk(&mix.kind));
    let step = || raw_steps.iter().zip(steps).find(|(_, step)| steps::takes_a_disk(step)).map(|(raw, _)| raw);
    mix.map(|(raw, _)| raw).or_else(step)
}

/// How often the operator of a run may act: what one run may ask of memory.
const ACTIONS_MAX: u64 = 100_000;

fn check_operator(
    raw: &[Spanned<RawOperator>],
    cluster: &Cluster,
    loss: Option<&Spanned<RawStrike>>,
    duration_ns: u64,
) -> Result<Vec<OperatorMix>, Mistake> {
    let mut operator = Vec::new();
    let mut actions = 0_u64;
    for action in raw {
        let mix = action.get_ref().check(action, cluster)?;
        let changes_members = match mix.kind {
            OperatorKind::Transfer | OperatorKind::ForceSnapshot => false,
            OperatorKind::Reconfigure { .. }
            | OperatorKind::AddLearnerAndPromote
            | OperatorKind::Replace
            | OperatorKind::RemoveLeader => true,
        };
        if let Some(loss) = loss
            && changes_members
        {
            return costs_a_vote(loss);
        }
        let between_ns = (mix.every.min_ns / 2 + mix.every.max_ns / 2).max(1);
        actions = actions.saturating_add(duration_ns / between_ns);
        if actions > ACTIONS_MAX {
            return wrong(
                action,
                format!("this makes more than {ACTIONS_MAX} actions a run: let the operator act less often"),
            );
        }
        operator.push(mix);
    }
    Ok(operator)
}

fn check_goals(
    raw: &[Spanned<RawGoal>],
    cluster: &Cluster,
    loss: Option<&Spanned<RawStrike>>,
    duration_ns: u64,
) -> Result<Vec<PlannedGoal>, Mistake> {
    let goals = goals::check(raw, cluster, duration_ns)?;
    if let Some(loss) = loss
        && goals.iter().any(|planned| goals::changes_members(&planned.goal))
    {
        return costs_a_vote(loss);
    }
    Ok(goals)
}

/// Refuses a lost disk where the membership changes for other reasons as well.
fn costs_a_vote<R>(loss: &Spanned<RawStrike>) -> Result<R, Mistake> {
    wrong(
        loss,
        "a wiped disk costs a vote until the operator has replaced the server: only transfers and forced snapshots go with \
         it; leave the wipe or the other actions of the operator out",
    )
}

//! What goes wrong in a scenario, and what its operator does.

use whitewater_kv::Address;
use whitewater_kv::operator::{Goal, Style};
use whitewater_sim::fault::{CrashPoint, Damage, Direction, DiskFailure, Filter, Reach, Shape};
use whitewater_sim::{LinkProfile, NodeId};

use super::setup::{mishaps, room};
use super::words::{apart, exact, join, latency, percent, range};
use crate::generate::PlannedGoal;
use crate::scenario::{
    FaultMix, MixKind, OperatorKind, OperatorMix, Scenario, Span, StepAction, Way, Who, message_names,
};

pub(super) fn operator(scenario: &Scenario) -> Vec<String> {
    let loses = |kind: &MixKind| matches!(kind, MixKind::Wipe { .. } | MixKind::Damage { .. });
    let begins = |action: &StepAction| matches!(action, StepAction::Strike { kind, .. } if loses(kind));
    let mut lines: Vec<String> = scenario.operator.iter().map(action).collect();
    lines.extend(scenario.goals.iter().take(GOALS_SHOWN).map(goal));
    if let Some(more @ 1..) = scenario.goals.len().checked_sub(GOALS_SHOWN) {
        lines.push(format!("and {more} more"));
    }
    if scenario.faults.iter().any(|mix| loses(&mix.kind)) || scenario.steps.iter().any(|step| begins(&step.action)) {
        lines.push("replaces every server that lost its disk".to_owned());
    }
    if lines.is_empty() {
        lines.push("none".to_owned());
    }
    lines
}

/// The most goals that are shown one by one.
const GOALS_SHOWN: usize = 40;

fn goal(planned: &PlannedGoal) -> String {
    let names = |addresses: &[Address]| {
        let names: Vec<String> = addresses.iter().map(|Address(server)| format!("n{server}")).collect();
        join(&names, "and")
    };
    let what = match &planned.goal {
        Goal::Members { voters, learners, style } => {
            let verb = if voters.len() == 1 { "votes" } else { "vote" };
            let mut members = format!("{} {verb}", names(voters));
            match learners.len() {
                0 => {}
                1 => members.push_str(&format!(", {} only learns", names(learners))),
                _ => members.push_str(&format!(", {} only learn", names(learners))),
            }
            let way = match style {
                Style::Single => "one change at a time",
                Style::Joint => "through a joint configuration",
            };
            format!("sees to it that {members}, {way}")
        }
        Goal::Transfer { to: Address(server) } => format!("hands leadership to n{server}"),
        Goal::Snapshot { of: Address(server) } => format!("has n{server} take a snapshot"),
    };
    format!("at {}: {what}", exact(planned.not_before.0))
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
    format!("{}: {what}", apart(mix.every))
}

pub(super) fn faults(scenario: &Scenario) -> Vec<String> {
    if scenario.faults.is_empty() {
        return vec!["none".to_owned()];
    }
    scenario.faults.iter().map(fault).collect()
}

fn fault(mix: &FaultMix) -> String {
    let FaultMix { kind, every, lasting } = mix;
    let (every, what) = (apart(*every), strike(kind));
    if let MixKind::ClockStep { .. } = kind {
        return format!("{every}: {what}");
    }
    let lasting = range(*lasting);
    if let MixKind::CrashAt { .. } = kind {
        return format!("{every}, for as long as {lasting}: {what}");
    }
    format!("{every}, for {lasting}: {what}")
}

/// What a fault does, in words.
pub(super) fn strike(kind: &MixKind) -> String {
    match kind {
        MixKind::Cut { target, direction, reach } => {
            format!("{} cut off from {}{}", subject(target), whom(*reach), lost(*direction))
        }
        MixKind::Link { target } => {
            format!("{} cut off from one random other server, in this direction only", subject(target))
        }
        MixKind::CutLinks { links } => {
            let links: Vec<String> = links.iter().map(|(from, to)| format!("from {from} to {to}")).collect();
            format!("nothing passes {}", join(&links, "and"))
        }
        MixKind::Partition { shape } => partition(*shape).to_owned(),
        MixKind::Clog { target, direction, reach } => {
            let what = match direction {
                Direction::Both => "everything to and from",
                Direction::Outgoing => "everything from",
                Direction::Incoming => "everything to",
            };
            let whom = match reach {
                Reach::Servers => "on links with other servers",
                Reach::Everyone => "on all links",
            };
            format!("{what} {} is held up {whom}, and arrives at the end", object(target))
        }
        MixKind::Swizzle => {
            "some servers are clogged one after the other, and released one after the other in another order".to_owned()
        }
        MixKind::Links { profile } => network(profile),
        MixKind::Messages { from, filter } => messages(from.as_ref(), *filter),
        MixKind::Crash { target } => format!("{} down: a crash, and a restart at the end", subject(target)),
        MixKind::CrashAt { target, point, skip_max, down } => crash_at(target, *point, *skip_max, *down),
        MixKind::CrashLoop { target, times, up } => {
            format!("{} down, and crashes again after {} up, {times} times in all", subject(target), range(*up))
        }
        MixKind::RollingRestart { gap } => {
            format!("every server in turn is down, and the next one {} after it is back", range(*gap))
        }
        MixKind::Pause { target } => format!("{} paused; what comes for them waits", subject(target)),
        MixKind::SlowServer { target, service } => {
            format!("{} slow: every event takes {}, one after the other", subject(target), latency(service))
        }
        MixKind::Wipe { target } => {
            format!("{} down: a crash that erases the disk, and a start as a new server at the end", subject(target))
        }
        MixKind::SlowDisk { target, factor } => {
            format!("{} slow: a sync takes {factor} times as long", subject(target))
        }
        MixKind::DiskError { target, failure } => format!("{} {}", disk_of(target), fails(*failure)),
        MixKind::Damage { target, damage } => format!(
            "{} down: a crash after which {}; a server that cannot start from that starts as a new one",
            subject(target),
            damaged(*damage)
        ),
        MixKind::ClockStep { target, by, way } => {
            let way = match way {
                Way::Forward => "forward",
                Way::Backward => "back",
                Way::Either => "forward or back",
            };
            format!("{} given another time, {} {way}", subject(target), range(*by))
        }
        MixKind::ClockFreeze { target } => format!("the clock of {} stands still", object(target)),
        MixKind::ClientCrash { client } => {
            let who = client.map_or("a random client".to_owned(), |client| format!("client {client}"));
            format!("{who} is gone, and another goes on with its work at the end")
        }
    }
}

fn whom(reach: Reach) -> &'static str {
    match reach {
        Reach::Servers => "the other servers",
        Reach::Everyone => "the other servers and from all clients",
    }
}

fn lost(direction: Direction) -> &'static str {
    match direction {
        Direction::Both => "",
        Direction::Outgoing => "; only what they send is lost",
        Direction::Incoming => "; only what is sent to them is lost",
    }
}

fn partition(shape: Shape) -> &'static str {
    match shape {
        Shape::Halves => "the servers are split into two halves",
        Shape::Bridge => "the servers are split into two halves, with one server that both can reach",
        Shape::Ring => "every server reaches two neighbours only",
        Shape::Random => "one in three links between servers is cut, one way",
    }
}

fn network(profile: &LinkProfile) -> String {
    let mut text = format!("every message takes {}", latency(&profile.latency));
    for part in mishaps(profile).into_iter().chain(room(profile)) {
        text.push_str(&format!("; {part}"));
    }
    text
}

fn messages(from: Option<&Who>, filter: Filter) -> String {
    // Whose draws decide changes no chance.
    let Filter { kinds, loss_ppm, duplicate_ppm, corrupt_ppm, delay_ppm, delay, draws: _ } = filter;
    let names: Vec<String> = message_names(kinds).into_iter().map(str::to_owned).collect();
    let whose = from.map_or("by anybody".to_owned(), |from| format!("by {}", object(from)));
    let mut fates = Vec::new();
    for (ppm, fate) in
        [(loss_ppm, "are lost"), (duplicate_ppm, "arrive twice"), (corrupt_ppm, "arrive with a wrong bit")]
    {
        if ppm > 0 {
            fates.push(format!("{} {fate}", percent(ppm)));
        }
    }
    if delay_ppm > 0 {
        fates.push(format!("{} come later by {}", percent(delay_ppm), latency(&delay)));
    }
    format!("of all messages of kind {} sent {whose} {}", join(&names, "or"), join(&fates, "and"))
}

fn crash_at(target: &Who, point: CrashPoint, skip_max: u32, down: Span) -> String {
    let passes = match skip_max {
        0 => "the first time".to_owned(),
        skip_max => format!("after up to {skip_max} times"),
    };
    format!("{} to crash {point}, {passes}, and down for {}", subject(target), range(down))
}

fn fails(failure: DiskFailure) -> &'static str {
    match failure {
        DiskFailure::Read => "cannot be read",
        DiskFailure::Write => "loses writes, and the next sync says so",
        DiskFailure::Sync => "fails to sync, and loses what was to be synced",
        DiskFailure::Full => "is full: files cannot grow, and the next sync says so",
    }
}

fn damaged(damage: Damage) -> &'static str {
    match damage {
        Damage::Rot => "a bit on the disk has flipped",
        Damage::Misdirected => "a write is found in the wrong place of the disk",
        Damage::Phantom => "a write is missing on the disk that was synced long ago",
    }
}

/// Who is hurt, and the verb that follows.
fn subject(who: &Who) -> String {
    let is_many = match who {
        Who::All | Who::Rack => true,
        Who::Nodes(nodes) => nodes.len() > 1,
        Who::Leader
        | Who::Follower
        | Who::Random
        | Who::Minority
        | Who::LeaderAndMinority
        | Who::MajorityWithoutLeader
        | Who::LastCrashed => false,
    };
    format!("{} {}", object(who), if is_many { "are" } else { "is" })
}

fn disk_of(who: &Who) -> String {
    format!("the disk of {}", object(who))
}

/// Who is hurt.
fn object(who: &Who) -> String {
    match who {
        Who::Leader => "the leader".to_owned(),
        Who::Follower => "a server that does not lead".to_owned(),
        Who::Random => "a random server".to_owned(),
        Who::Minority => "a random minority of servers".to_owned(),
        Who::LeaderAndMinority => "a minority of servers with the leader among them".to_owned(),
        Who::All => "all servers".to_owned(),
        Who::MajorityWithoutLeader => "a majority of servers without the leader".to_owned(),
        Who::Rack => "the servers of a random rack".to_owned(),
        Who::LastCrashed => "the server that crashed last".to_owned(),
        Who::Nodes(nodes) => join(&nodes.iter().map(NodeId::to_string).collect::<Vec<_>>(), "and"),
    }
}

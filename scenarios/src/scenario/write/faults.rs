//! Fault mixes, steps and expectations, back to TOML.

use whitewater_sim::fault::{Direction, Filter, Reach};
use whitewater_sim::plan::{Edge, Quantity, Trigger};
use whitewater_sim::rng::PPM;
use whitewater_sim::time::MILLISECOND_NS;
use whitewater_sim::{LinkProfile, NodeId, ProbeId};

use super::toml::{self, Lines, duration, latency, limit, list, range, share, string, strings};
use crate::probes::Declared;
use crate::scenario::strike::{
    damage_word, direction_word, failure_word, point_word, reach_word, shape_word, way_word,
};
use crate::scenario::{Expectation, FaultMix, MixKind, Span, Step, StepAction, Way, Who, messages};

pub(super) fn mix(mix: &FaultMix, links: LinkProfile) -> Lines {
    let FaultMix { kind, every, lasting } = mix;
    let mut lines = Lines::default();
    strike("kind", kind, links, &mut lines);
    lines.set("every", toml::every(*every));
    if !matches!(kind, MixKind::ClockStep { .. }) {
        lines.set("lasting", range(*lasting));
    }
    lines
}

/// The step at this place; the others give it what it refers to.
pub(super) fn step(place: usize, steps: &[Step], links: LinkProfile) -> Lines {
    let Step { name, follows, trigger, wait, action } = &steps[place];
    let mut lines = Lines::default();
    if let Some(name) = name {
        lines.set("name", string(name));
    }
    let is_at = matches!(trigger, Trigger::At(_));
    let usual = if is_at { None } else { place.checked_sub(1) };
    lines.unless("after", *follows, usual, |follows| match follows {
        Some(step) => reference(step, steps),
        None => string("start"),
    });
    trigger_lines(*trigger, &mut lines);
    lines.unless("wait", *wait, Span { min_ns: 0, max_ns: 0 }, range);
    match action {
        StepAction::Strike { kind, lasting } => {
            strike("do", kind, links, &mut lines);
            // A clock that was set stays so.
            if let (Some(lasting), false) = (lasting, matches!(kind, MixKind::ClockStep { .. })) {
                lines.set("lasting", range(*lasting));
            }
        }
        StepAction::End { step } => {
            lines.set("do", string("end"));
            lines.set("step", reference(*step, steps));
        }
        StepAction::EndAll => lines.set("do", string("end-all")),
        StepAction::Mark => lines.set("do", string("mark")),
    }
    lines
}

fn reference(step: usize, steps: &[Step]) -> String {
    steps[step].name.as_deref().map_or_else(|| step.to_string(), string)
}

fn trigger_lines(trigger: Trigger, lines: &mut Lines) {
    let mut count = |key: &'static str, count: u64| {
        let mut keys = Lines::default();
        keys.set(key, count.to_string());
        lines.set("when", keys.inline());
    };
    match trigger {
        Trigger::Now => {}
        Trigger::At(instant) => lines.set("at", duration(instant.0)),
        Trigger::Leader => lines.set("when", string("leader")),
        Trigger::NewLeader => lines.set("when", string("new-leader")),
        Trigger::Converged => lines.set("when", string("converged")),
        Trigger::Commits(commits) => count("commits", commits),
        Trigger::Answers(answers) => count("answers", answers),
        Trigger::Crashes(crashes) => count("crashes", crashes),
        Trigger::Probe(id, hits) => {
            let mut keys = Lines::default();
            keys.set("probe", probe(id));
            keys.unless("hits", hits, 1, |hits| hits.to_string());
            lines.set("when", keys.inline());
        }
    }
}

/// The name of a probe.
///
/// # Panics
/// If there is no such probe.
pub(super) fn probe(id: ProbeId) -> String {
    string(Declared::of(id).expect("a scenario names probes that are declared").name())
}

fn strike(key: &'static str, kind: &MixKind, links: LinkProfile, lines: &mut Lines) {
    let (name, target) = called(kind);
    lines.set(key, string(name));
    if let Some(target) = target {
        lines.set("target", who(target));
    }
    match kind {
        MixKind::Cut { direction, reach, .. } | MixKind::Clog { direction, reach, .. } => {
            ways(*direction, *reach, lines);
        }
        MixKind::SlowDisk { factor, .. } => lines.set("factor", factor.to_string()),
        MixKind::ClockStep { by, way, .. } => {
            lines.set("by", range(*by));
            lines.unless("way", *way, Way::Either, |way| string(way_word(way)));
        }
        MixKind::CrashAt { point, skip_max, down, .. } => {
            lines.set("point", string(point_word(*point)));
            lines.unless("skip", *skip_max, 0, |skip| skip.to_string());
            lines.set("down", range(*down));
        }
        MixKind::CrashLoop { times, up, .. } => {
            lines.set("times", times.to_string());
            lines.set("up", range(*up));
        }
        MixKind::SlowServer { service, .. } => lines.set("service", latency(*service)),
        MixKind::DiskError { failure, .. } => lines.set("failure", string(failure_word(*failure))),
        MixKind::Damage { damage, .. } => lines.set("damage", string(damage_word(*damage))),
        MixKind::Links { profile } => network(*profile, links, lines),
        MixKind::Partition { shape } => lines.set("shape", string(shape_word(*shape))),
        MixKind::CutLinks { links } => {
            lines.set("links", list(links.iter().map(|(from, to)| format!("[{}, {}]", from.0, to.0))));
        }
        MixKind::RollingRestart { gap } => lines.set("gap", range(*gap)),
        MixKind::Messages { filter, .. } => fates(*filter, lines),
        MixKind::ClientCrash { client } => {
            if let Some(client) = client {
                lines.set("client", client.to_string());
            }
        }
        MixKind::Link { .. }
        | MixKind::Crash { .. }
        | MixKind::Pause { .. }
        | MixKind::Wipe { .. }
        | MixKind::ClockFreeze { .. }
        | MixKind::Swizzle => {}
    }
}

/// The word for what strikes, and whom it strikes, if it says so.
fn called(kind: &MixKind) -> (&'static str, Option<&Who>) {
    match kind {
        MixKind::Cut { target, .. } => ("cut", Some(target)),
        MixKind::Clog { target, .. } => ("clog", Some(target)),
        MixKind::Link { target } => ("link", Some(target)),
        MixKind::Crash { target } => ("crash", Some(target)),
        MixKind::Pause { target } => ("pause", Some(target)),
        MixKind::Wipe { target } => ("wipe", Some(target)),
        MixKind::ClockFreeze { target } => ("clock-freeze", Some(target)),
        MixKind::SlowDisk { target, .. } => ("slow-disk", Some(target)),
        MixKind::ClockStep { target, .. } => ("clock-step", Some(target)),
        MixKind::CrashAt { target, .. } => ("crash-at", Some(target)),
        MixKind::CrashLoop { target, .. } => ("crash-loop", Some(target)),
        MixKind::SlowServer { target, .. } => ("slow-server", Some(target)),
        MixKind::DiskError { target, .. } => ("disk-error", Some(target)),
        MixKind::Damage { target, .. } => ("damage", Some(target)),
        MixKind::Messages { from, .. } => ("messages", from.as_ref()),
        MixKind::Links { .. } => ("network", None),
        MixKind::Partition { .. } => ("partition", None),
        MixKind::CutLinks { .. } => ("cut-links", None),
        MixKind::Swizzle => ("swizzle", None),
        MixKind::RollingRestart { .. } => ("rolling-restart", None),
        MixKind::ClientCrash { .. } => ("client-crash", None),
    }
}

fn ways(direction: Direction, reach: Reach, lines: &mut Lines) {
    lines.unless("direction", direction, Direction::Both, |direction| string(direction_word(direction)));
    lines.unless("reach", reach, Reach::Servers, |reach| string(reach_word(reach)));
}

fn fates(filter: Filter, lines: &mut Lines) {
    let Filter { kinds, loss_ppm, duplicate_ppm, corrupt_ppm, delay_ppm, delay, draws } = filter;
    lines.set("of", strings(messages::names(kinds)));
    lines.unless("loss", loss_ppm, 0, share);
    lines.unless("duplicate", duplicate_ppm, 0, share);
    lines.unless("corrupt", corrupt_ppm, 0, share);
    if delay_ppm > 0 {
        lines.set("delay", latency(delay));
        lines.unless("delayed", delay_ppm, PPM, share);
    }
    if let Some(source) = draws {
        lines.set("draws", source.to_string());
    }
}

/// What is not as in `base`.
pub(super) fn network(profile: LinkProfile, base: LinkProfile, lines: &mut Lines) {
    let LinkProfile {
        latency: takes,
        loss_ppm,
        duplicate_ppm,
        reorder_ppm,
        reorder_ns_max,
        corrupt_ppm,
        bandwidth,
        queue_bytes_max,
    } = profile;
    lines.unless("latency", takes, base.latency, latency);
    lines.unless("loss", loss_ppm, base.loss_ppm, share);
    lines.unless("duplicate", duplicate_ppm, base.duplicate_ppm, share);
    lines.unless("reorder", reorder_ppm, base.reorder_ppm, share);
    lines.unless("reorder_delay", reorder_ns_max, base.reorder_ns_max.max(10 * MILLISECOND_NS), duration);
    lines.unless("corrupt", corrupt_ppm, base.corrupt_ppm, share);
    lines.unless("bandwidth", bandwidth, base.bandwidth, limit);
    lines.unless("queue", queue_bytes_max, base.queue_bytes_max, limit);
}

fn who(who: &Who) -> String {
    match who {
        Who::Leader => string("leader"),
        Who::Follower => string("follower"),
        Who::Random => string("random"),
        Who::Minority => string("minority"),
        Who::LeaderAndMinority => string("leader-and-minority"),
        Who::All => string("all"),
        Who::MajorityWithoutLeader => string("majority-without-leader"),
        Who::Rack => string("rack"),
        Who::LastCrashed => string("last-crashed"),
        Who::Nodes(nodes) => list(nodes.iter().map(|NodeId(node)| node.to_string())),
    }
}

pub(super) fn expectation(expectation: &Expectation, steps: &[Step]) -> Lines {
    let Expectation { from, until, quantity, at_least, at_most } = *expectation;
    let mut lines = Lines::default();
    lines.set("what", what(quantity));
    if at_least == at_most {
        lines.set("exactly", at_least.to_string());
    } else {
        // One of them must be there, even if it says nothing.
        if at_least > 0 || at_most == u64::MAX {
            lines.set("at_least", at_least.to_string());
        }
        lines.unless("at_most", at_most, u64::MAX, |most| most.to_string());
    }
    lines.unless("from", from, Edge::Start { after_ns: 0 }, |from| edge(from, steps));
    lines.unless("until", until, Edge::End, |until| edge(until, steps));
    lines
}

fn what(quantity: Quantity) -> String {
    string(match quantity {
        Quantity::Commits => "commits",
        Quantity::Answers => "answers",
        Quantity::Messages => "messages",
        Quantity::Bytes => "bytes",
        Quantity::Leaders => "leaders",
        Quantity::Led => "led",
        Quantity::DiskBytes => "disk-bytes",
        Quantity::Probe(id) => {
            let mut keys = Lines::default();
            keys.set("probe", probe(id));
            return keys.inline();
        }
    })
}

fn edge(edge: Edge, steps: &[Step]) -> String {
    let (after, after_ns) = match edge {
        Edge::Start { after_ns } => return duration(after_ns),
        Edge::Step { step, after_ns } => (reference(step, steps), after_ns),
        Edge::Healed { after_ns } => (string("healed"), after_ns),
        Edge::End => (string("end"), 0),
    };
    if after_ns == 0 {
        return after;
    }
    let mut keys = Lines::default();
    keys.set("after", after);
    keys.set("plus", duration(after_ns));
    keys.inline()
}

//! The fault mixes of a scenario file: what strikes again and again, how often, and what may not go together.

use toml::Spanned;
use whitewater_sim::disk::Losses;
use whitewater_sim::time::{MILLISECOND_NS, SECOND_NS};

use super::strike::{RawKind, RawStrike, Setting};
use super::{FaultMix, MixKind, Span};
use crate::mistake::{Mistake, wrong};

/// The shortest time from one lost disk to the next: a server is replaced in less.
const WIPE_EVERY_NS_MIN: u64 = 5 * SECOND_NS;

/// The most mixes.
const MIXES_MAX: usize = 1_000;

/// How much all mixes of a run may strike: what one run may ask of memory.
const STRIKES_MAX: u64 = 100_000;

/// The keys of every mix.
const KEYS: [&str; 2] = ["kind", "every"];

/// The mixes of a file.
pub(super) fn check(
    raw: &[Spanned<RawStrike>],
    setting: &Setting<'_>,
    duration_ns: u64,
) -> Result<Vec<FaultMix>, Mistake> {
    if let Some(surplus) = raw.get(MIXES_MAX) {
        return wrong(surplus, format!("there are more than {MIXES_MAX} fault mixes: leave some of them out"));
    }
    let mut faults: Vec<FaultMix> = Vec::new();
    let mut strikes = 0_u64;
    for place in raw {
        let mix = mix(place, setting)?;
        let is_spared = setting.losses == Losses::Survived;
        if is_spared && costs_a_disk(&mix.kind) && faults.iter().any(|other| costs_a_disk(&other.kind)) {
            return wrong(
                place,
                "a second wipe could strike before the operator has made up for the first: leave one of them out",
            );
        }
        strikes = strikes.saturating_add(expected_strikes(&mix, setting, duration_ns));
        if strikes > STRIKES_MAX {
            let every = place.get_ref().every.as_ref().expect("a mix that was checked says how often it strikes");
            return wrong(
                every,
                format!(
                    "this makes more than {STRIKES_MAX} faults a run: let them strike less often, or shorten the run"
                ),
            );
        }
        faults.push(mix);
    }
    Ok(faults)
}

/// Whether a server comes back without what it had stored: only an operator can make up for that.
pub(super) fn costs_a_disk(kind: &MixKind) -> bool {
    matches!(kind, MixKind::Wipe { .. } | MixKind::Damage { .. })
}

fn mix(place: &Spanned<RawStrike>, setting: &Setting<'_>) -> Result<FaultMix, Mistake> {
    let raw = place.get_ref();
    let Some(kind) = raw.kind.as_ref().map(|kind| *kind.get_ref()) else {
        return wrong(place, "this fault does not say what strikes: add a line like kind = \"crash\"");
    };
    if let RawKind::End | RawKind::EndAll | RawKind::Mark = kind {
        let name = kind.name();
        return wrong(place, format!("`{name}` happens once: write it under [[steps]], as do = \"{name}\""));
    }
    raw.refuse_foreign_keys(place, kind, &KEYS)?;
    let Some(every) = &raw.every else {
        return wrong(place, "this fault does not say how often it strikes: add a line like every = [\"1s\", \"4s\"]");
    };
    if every.get_ref().0.max_ns < MILLISECOND_NS {
        return wrong(every, "a fault strikes every millisecond at most: write a duration like \"1s\"");
    }
    let struck = raw.strike(place, kind, setting)?.expect("ends and marks are refused above");
    let is_spared = setting.losses == Losses::Survived;
    if is_spared && costs_a_disk(&struck) && every.get_ref().0.min_ns < WIPE_EVERY_NS_MIN {
        return wrong(every, "the operator needs time to replace a server that lost its disk: write \"5s\" or more");
    }
    let lasting = match raw.lasting()? {
        Some(lasting) => lasting,
        None if kind == RawKind::ClockStep => Span { min_ns: 1, max_ns: 1 },
        None => return wrong(place, "this fault does not say how long it lasts: add a line like lasting = \"1s\""),
    };
    Ok(FaultMix { kind: struck, every: every.get_ref().0, lasting })
}

/// About how often a mix strikes in a run, and how much of the plan that takes.
fn expected_strikes(mix: &FaultMix, setting: &Setting<'_>, duration_ns: u64) -> u64 {
    let servers = u64::from(setting.cluster.servers_max());
    let (faults, weight) = match &mix.kind {
        MixKind::Swizzle | MixKind::RollingRestart { .. } => (servers, 1),
        MixKind::CrashLoop { times, .. } => (u64::from(*times), 1),
        MixKind::Partition { .. } => (1, (servers * servers / 64).max(1)),
        MixKind::CutLinks { links } => (1, (links.len() as u64 / 64).max(1)),
        MixKind::Cut { .. }
        | MixKind::Link { .. }
        | MixKind::Crash { .. }
        | MixKind::Pause { .. }
        | MixKind::Links { .. }
        | MixKind::SlowDisk { .. }
        | MixKind::Wipe { .. }
        | MixKind::ClockStep { .. }
        | MixKind::Clog { .. }
        | MixKind::Messages { .. }
        | MixKind::CrashAt { .. }
        | MixKind::SlowServer { .. }
        | MixKind::DiskError { .. }
        | MixKind::Damage { .. }
        | MixKind::ClockFreeze { .. }
        | MixKind::ClientCrash { .. } => (1, 1),
    };
    let between_ns = (mix.every.min_ns / 2 + mix.every.max_ns / 2 + mix.lasting.min_ns).max(1);
    (duration_ns / between_ns).saturating_mul(faults).saturating_mul(weight)
}

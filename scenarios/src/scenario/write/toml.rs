//! TOML as people write it: a line for each key, short tables in braces, every quantity in its handiest unit.

use whitewater_sim::Latency;
use whitewater_sim::rng::PPM;

use crate::scenario::Span;

/// The lines of a table.
#[derive(Default)]
pub(super) struct Lines(Vec<(&'static str, String)>);

impl Lines {
    pub(super) fn set(&mut self, key: &'static str, value: impl Into<String>) {
        self.0.push((key, value.into()));
    }

    /// Sets a key, unless its value is what it is without being set.
    pub(super) fn unless<T: PartialEq>(&mut self, key: &'static str, value: T, default: T, text: impl Fn(T) -> String) {
        if value != default {
            self.set(key, text(value));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lines, one below the other.
    pub(super) fn text(&self) -> String {
        self.0.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
    }

    /// The lines between braces.
    pub(super) fn inline(&self) -> String {
        let parts: Vec<String> = self.0.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        format!("{{ {} }}", parts.join(", "))
    }
}

pub(super) fn string(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

pub(super) fn strings<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    list(texts.into_iter().map(string))
}

pub(super) fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    format!("[{}]", items.join(", "))
}

const SECOND_NS: u64 = 1_000_000_000;

/// The largest number of a unit that people read at a glance.
const HANDY: u64 = 99_999;

/// A span of time in nanoseconds: in the largest unit of which it is a multiple, or else in seconds with decimals.
pub(super) fn duration(ns: u64) -> String {
    let units = [
        (3_600 * SECOND_NS, "h"),
        (60 * SECOND_NS, "m"),
        (SECOND_NS, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
        (1, "ns"),
    ];
    let (unit_ns, unit) = match units.into_iter().find(|(unit_ns, _)| ns.is_multiple_of(*unit_ns)) {
        Some(fitting) if ns > 0 => fitting,
        Some(_) | None => (SECOND_NS, "s"),
    };
    let count = ns / unit_ns;
    if count <= HANDY {
        return format!("\"{count}{unit}\"");
    }
    let decimals = format!("{}.{:09}", ns / SECOND_NS, ns % SECOND_NS);
    format!("\"{}s\"", decimals.trim_end_matches('0').trim_end_matches('.'))
}

pub(super) fn range(span: Span) -> String {
    let Span { min_ns, max_ns } = span;
    if min_ns == max_ns { duration(min_ns) } else { format!("[{}, {}]", duration(min_ns), duration(max_ns)) }
}

/// A number of bytes, at least one.
pub(super) fn size(bytes: u64) -> String {
    let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")];
    let fitting = units.into_iter().find(|(unit, _)| bytes.is_multiple_of(*unit));
    let (unit, name) = fitting.expect("every number is a multiple of one");
    format!("\"{}{name}\"", bytes / unit)
}

/// A number of bytes; 0 for any number.
pub(super) fn limit(bytes: u64) -> String {
    if bytes == 0 { string("unlimited") } else { size(bytes) }
}

/// A share, in parts per million, as a number from 0 to 1.
pub(super) fn share(ppm: u32) -> String {
    let decimals = format!("{}.{:06}", ppm / PPM, ppm % PPM);
    let short = decimals.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
}

pub(super) fn latency(latency: Latency) -> String {
    let mut keys = Lines::default();
    match latency {
        Latency::Uniform { min_ns, max_ns } => return range(Span { min_ns, max_ns }),
        Latency::Exponential { min_ns, mean_ns } => {
            keys.set("kind", string("exponential"));
            keys.set("min", duration(min_ns));
            keys.set("mean", duration(mean_ns));
        }
        Latency::Bimodal { usual_ns, other_ns, other_ppm } => {
            let ends = |(min_ns, max_ns)| range(Span { min_ns, max_ns });
            keys.set("kind", string("bimodal"));
            keys.set("usual", ends(usual_ns));
            keys.set("other", ends(other_ns));
            keys.set("chance", share(other_ppm));
        }
        Latency::LongTail { min_ns, max_ns } => {
            keys.set("kind", string("long-tail"));
            keys.set("min", duration(min_ns));
            keys.set("max", duration(max_ns));
        }
    }
    keys.inline()
}

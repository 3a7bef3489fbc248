//! Quantities in plain words: spans of time, sizes, shares, lists, weights. All of them exact.

use whitewater_sim::Latency;
use whitewater_sim::rng::PPM;
use whitewater_sim::time::{MICROSECOND_NS, MILLISECOND_NS, SECOND_NS};

use crate::scenario::Span;

/// What is chosen how often.
pub(super) fn weighted(weights: &[(&str, u32)]) -> String {
    let chosen: Vec<&(&str, u32)> = weights.iter().filter(|(_, weight)| *weight > 0).collect();
    if let [(only, _)] = chosen.as_slice() {
        return format!("all {only}");
    }
    let sum: u32 = chosen.iter().map(|(_, weight)| weight).sum();
    let parts: Vec<String> = chosen.iter().map(|(what, weight)| format!("{weight} {what}")).collect();
    format!("of {sum}: {}", parts.join(", "))
}

pub(super) fn noun(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

pub(super) fn latency(latency: &Latency) -> String {
    match latency {
        Latency::Uniform { min_ns, max_ns } => range(Span { min_ns: *min_ns, max_ns: *max_ns }),
        Latency::Exponential { min_ns, mean_ns } => {
            format!("{} or more, {} on average (exponential)", exact(*min_ns), exact(*mean_ns))
        }
        Latency::Bimodal { usual_ns, other_ns, other_ppm } => {
            let ends = |(min_ns, max_ns): (u64, u64)| range(Span { min_ns, max_ns });
            format!("{}, or, in {} of all cases, {}", ends(*usual_ns), percent(*other_ppm), ends(*other_ns))
        }
        Latency::LongTail { min_ns, max_ns } => {
            format!("{} or more; one in k takes k times that, up to {} (long tail)", exact(*min_ns), exact(*max_ns))
        }
    }
}

pub(super) fn range(span: Span) -> String {
    let Span { min_ns, max_ns } = span;
    if min_ns == max_ns { exact(min_ns) } else { format!("{} to {}", exact(min_ns), exact(max_ns)) }
}

/// A span of time in its largest unit that is not above it, with all its decimals.
pub(super) fn exact(ns: u64) -> String {
    let (unit_ns, unit) = match ns {
        SECOND_NS.. => (SECOND_NS, "s"),
        MILLISECOND_NS.. => (MILLISECOND_NS, "ms"),
        MICROSECOND_NS.. => (MICROSECOND_NS, "us"),
        0.. => (1, "ns"),
    };
    format!("{} {unit}", decimal(ns, unit_ns))
}

/// A number of bytes in its largest unit of which it is a multiple.
pub(super) fn bytes(bytes: u64) -> String {
    let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(size, _)| bytes > 0 && bytes.is_multiple_of(*size)) {
        Some((size, unit)) => format!("{} {unit}", bytes / size),
        None => format!("{bytes} B"),
    }
}

pub(super) fn percent(ppm: u32) -> String {
    format!("{} %", decimal(u64::from(ppm), u64::from(PPM) / 100))
}

/// `number / unit` with all its decimals; the unit is a power of ten.
pub(super) fn decimal(number: u64, unit: u64) -> String {
    let digits = unit.ilog10() as usize;
    let text = format!("{}.{:0digits$}", number / unit, number % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(super) fn join(items: &[String], last: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_exact() {
        assert_eq!(
            [0, 1, 1_500, 150_000_000, 1_500_000_001].map(exact),
            ["0 ns", "1 ns", "1.5 us", "150 ms", "1.500000001 s"]
        );
        assert_eq!([1_000_000, 10_000, 1].map(percent), ["100 %", "1 %", "0.0001 %"]);
        assert_eq!(decimal(10, 1), "10");
    }
}

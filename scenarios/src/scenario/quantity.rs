//! The quantities of a scenario file: each checks itself while it is read, so that the error points at its line.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use whitewater_sim::rng::{PPM, Ppm};

use super::Span;
use crate::search::lineage::Lineage;

/// A span of virtual time, written as `"150ms"`, `"500us"` or `"2s"`; in nanoseconds, and at most so many hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Duration<const HOURS: u64 = 1>(pub(crate) u64);

/// A moment of a run, written as how long after its start it comes: both phases together can take two hours.
pub(crate) type Moment = Duration<2>;

const HOUR_NS: u64 = 3_600 * 1_000_000_000;

impl<const HOURS: u64> Duration<HOURS> {
    /// What a text says.
    ///
    /// # Errors
    /// If it is no duration, or one that is too long.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let duration = humantime::parse_duration(text).map_err(|error| {
            format!("{text:?} is not a duration ({error}): write one like \"150ms\", \"500us\" or \"2s\"")
        })?;
        match u64::try_from(duration.as_nanos()) {
            Ok(ns) if ns <= HOURS * HOUR_NS => Ok(Duration(ns)),
            Ok(_) | Err(_) => {
                let most = if HOURS == 1 { "one hour".to_owned() } else { format!("{HOURS} hours") };
                Err(format!("{text:?} is longer than {most}: choose a shorter duration"))
            }
        }
    }
}

impl<'de, const HOURS: u64> Deserialize<'de> for Duration<HOURS> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<const HOURS: u64>;
        impl<const HOURS: u64> Visitor<'_> for Text<HOURS> {
            type Value = Duration<HOURS>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a duration like \"150ms\"")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Duration<HOURS>, E> {
                Duration::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// A whole number, however large: a seed, or what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl Visitor<'_> for Whole {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from 0 on")
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
                u64::try_from(number)
                    .map(Number)
                    .map_err(|_| E::custom(format!("{number} is out of range: write a whole number from 0 on")))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number))
            }
        }
        deserializer.deserialize_any(Whole)
    }
}

/// A run: a seed, as a number or, where numbers do not reach so far, in quotes; or one that departs from it, as in
/// `"17+2450ms.3"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run(pub(crate) Lineage);

impl<'de> Deserialize<'de> for Run {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named;
        impl Visitor<'_> for Named {
            type Value = Run;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a seed like 17")
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Run, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Run, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Run, E> {
                text.parse().map(Run).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Named)
    }
}

/// A probability, written as a number from 0 to 1; in parts per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Probability(pub(crate) Ppm);

impl<'de> Deserialize<'de> for Probability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Probability;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a number from 0 to 1")
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Probability, E> {
                if (0.0..=1.0).contains(&number) {
                    Ok(Probability((number * f64::from(PPM)).round() as Ppm))
                } else {
                    Err(E::custom(format!("{number} is not a probability: write a number from 0 to 1, like 0.05")))
                }
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Probability, E> {
                self.visit_f64(number as f64)
            }
        }
        deserializer.deserialize_any(Number)
    }
}

/// How far a clock may be from true, written as a number from 0 to 0.4; in parts per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ratio(pub(crate) Ppm);

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Ratio;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a number from 0 to 0.4")
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Ratio, E> {
                if (0.0..=0.4).contains(&number) {
                    Ok(Ratio((number * f64::from(PPM)).round() as Ppm))
                } else {
                    Err(E::custom(format!(
                        "{number} is no drift of a clock: write a number from 0 to 0.4, like 0.0005"
                    )))
                }
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Ratio, E> {
                self.visit_f64(number as f64)
            }
        }
        deserializer.deserialize_any(Number)
    }
}

/// A number of bytes, at least one, written as `"512B"`, `"64KiB"` or `"4MiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

/// The largest size that a scenario may ask for: one gibibyte.
const SIZE_MAX: u64 = 1 << 30;

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Size;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a size like \"64KiB\"")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
                let bytes = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)].iter().find_map(
                    |(unit, bytes)| {
                        u64::from(text.strip_suffix(unit)?.trim_end().parse::<u32>().ok()?).checked_mul(*bytes)
                    },
                );
                match bytes {
                    Some(bytes @ 1..=SIZE_MAX) => Ok(Size(bytes)),
                    Some(_) => {
                        Err(E::custom(format!("{text:?} is out of range: write a size from \"1B\" to \"1GiB\"")))
                    }
                    None => Err(E::custom(format!(
                        "{text:?} is not a size: write one like \"512B\", \"64KiB\" or \"4MiB\""
                    ))),
                }
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// A size, or `"unlimited"`, which is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) u64);

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Limit;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a size like \"64KiB\", or \"unlimited\"")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Limit, E> {
                if text == "unlimited" {
                    return Ok(Limit(0));
                }
                Size::deserialize(serde::de::value::StrDeserializer::new(text)).map(|Size(bytes)| Limit(bytes))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// A whole number between two bounds, or `"never"`, for which 0 may stand as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CountOrNever<const MIN: u32, const MAX: u32>(pub(crate) Option<u32>);

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for CountOrNever<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrWord<const MIN: u32, const MAX: u32>;
        impl<const MIN: u32, const MAX: u32> Visitor<'_> for NumberOrWord<MIN, MAX> {
            type Value = CountOrNever<MIN, MAX>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {MIN} to {MAX}, or \"never\"")
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                if number == 0 {
                    return Ok(CountOrNever(None));
                }
                let Count(count) = Count::<MIN, MAX>::deserialize(serde::de::value::I64Deserializer::new(number))?;
                Ok(CountOrNever(Some(count)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                match text {
                    "never" => Ok(CountOrNever(None)),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(NumberOrWord)
    }
}

/// A whole number between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count<const MIN: u32, const MAX: u32>(pub(crate) u32);

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Count<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number<const MIN: u32, const MAX: u32>;
        impl<const MIN: u32, const MAX: u32> Visitor<'_> for Number<MIN, MAX> {
            type Value = Count<MIN, MAX>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {MIN} to {MAX}")
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Count<MIN, MAX>, E> {
                match u32::try_from(number) {
                    Ok(count) if (MIN..=MAX).contains(&count) => Ok(Count(count)),
                    _ => Err(E::custom(format!("{number} is out of range: write a whole number from {MIN} to {MAX}"))),
                }
            }
        }
        deserializer.deserialize_any(Number)
    }
}

/// One value, or a list of at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OneOrMore<T>(pub(crate) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = Vec<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number or a list of them")
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Vec<T>, E> {
                T::deserialize(serde::de::value::I64Deserializer::new(number)).map(|one| vec![one])
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = sequence.next_element()? {
                    items.push(item);
                }
                if items.is_empty() {
                    return Err(A::Error::custom("the list is empty: write at least one number"));
                }
                Ok(items)
            }
        }
        deserializer.deserialize_any(Items(PhantomData)).map(OneOrMore)
    }
}

/// Two durations, `["150ms", "300ms"]`, or one that stands for both ends; in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) min_ns: u64,
    pub(crate) max_ns: u64,
}

impl From<Range> for Span {
    fn from(range: Range) -> Span {
        Span { min_ns: range.min_ns, max_ns: range.max_ns }
    }
}

/// How long it is from one time to the next: a range, or `"never"`. Longer than a run is possible: then it happens in some
/// runs and not in others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Every(pub(crate) Span);

/// The longest that can be said to lie between one time and the next, in hours.
const EVERY_HOURS: u64 = 1_000;

impl<'de> Deserialize<'de> for Every {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(Ends::<EVERY_HOURS>)? {
            Some(range) => Ok(Every(range.into())),
            None => Ok(Every(Span::NEVER)),
        }
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(Ends::<1>)? {
            Some(range) => Ok(range),
            None => Err(D::Error::custom("\"never\" is not possible here: write a duration like \"2s\"")),
        }
    }
}

/// Reads one duration or two; `None` for `"never"`.
struct Ends<const HOURS: u64>;

impl<'de, const HOURS: u64> Visitor<'de> for Ends<HOURS> {
    type Value = Option<Range>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a duration like \"2s\", or two like [\"500ms\", \"2s\"]")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Option<Range>, E> {
        if text == "never" {
            return Ok(None);
        }
        let Duration(ns) = Duration::<HOURS>::parse(text).map_err(E::custom)?;
        Ok(Some(Range { min_ns: ns, max_ns: ns }))
    }
    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut sequence: A) -> Result<Option<Range>, A::Error> {
        let mut next = || sequence.next_element::<Duration<HOURS>>();
        let ends = (next()?, next()?, next()?);
        match ends {
            (Some(Duration(min_ns)), Some(Duration(max_ns)), None) if min_ns <= max_ns => {
                Ok(Some(Range { min_ns, max_ns }))
            }
            (Some(_), Some(_), None) => Err(A::Error::custom("the first duration is the longer one: swap them")),
            _ => Err(A::Error::custom("a range has two durations: write it like [\"500ms\", \"2s\"]")),
        }
    }
}

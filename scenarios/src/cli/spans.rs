//! Spans of time on the command line, as in `30s`, `1m 30s` or `3.5s`.

/// Reads a span of time, in nanoseconds.
pub(crate) fn nanoseconds(text: &str) -> Result<u64, String> {
    let advice = "write a number and its unit, like 30s, 500ms or 5m";
    let span = humantime::parse_duration(text).map_err(|error| format!("{error}; {advice}"))?;
    u64::try_from(span.as_nanos()).map_err(|_| format!("that is longer than 584 years; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_units_and_may_have_decimals() {
        assert_eq!(nanoseconds("3.5s"), Ok(3_500_000_000));
        assert_eq!(nanoseconds("1m 30s"), Ok(90_000_000_000));
        assert_eq!(nanoseconds("0s"), Ok(0));
        for text in ["30", "-1s", "", "soon", "9999999999999y", "600y"] {
            assert!(nanoseconds(text).is_err_and(|why| why.ends_with("5m")), "{text}");
        }
    }
}

//! The catalog: the scenarios that are built into the binary, in the order in which they are listed and run.

use crate::scenario::{Scenario, ScenarioError, format};

/// Each file of the catalog, with its name.
const FILES: [(&str, &str); 13] = [
    ("calm.toml", include_str!("catalog/calm.toml")),
    ("lossy.toml", include_str!("catalog/lossy.toml")),
    ("slow-tail.toml", include_str!("catalog/slow-tail.toml")),
    ("leader-cut-off.toml", include_str!("catalog/leader-cut-off.toml")),
    ("split.toml", include_str!("catalog/split.toml")),
    ("one-way.toml", include_str!("catalog/one-way.toml")),
    ("crash-restart.toml", include_str!("catalog/crash-restart.toml")),
    ("power-loss.toml", include_str!("catalog/power-loss.toml")),
    ("pause.toml", include_str!("catalog/pause.toml")),
    ("torn-tail.toml", include_str!("catalog/torn-tail.toml")),
    ("election-storm.toml", include_str!("catalog/election-storm.toml")),
    ("figure-8.toml", include_str!("catalog/figure-8.toml")),
    ("storm.toml", include_str!("catalog/storm.toml")),
];

/// All scenarios of the catalog.
///
/// # Panics
/// If one of them is broken, which a test excludes.
#[must_use]
pub fn all() -> Vec<Scenario> {
    let scenarios: Result<Vec<Scenario>, ScenarioError> =
        FILES.iter().map(|(file, text)| format::parse(file, text)).collect();
    scenarios.expect("the scenarios of the catalog are well-formed")
}

/// The scenario with this name.
#[must_use]
pub fn find(name: &str) -> Option<Scenario> {
    all().into_iter().find(|scenario| scenario.name == name)
}

/// The text of the scenario with this name, as a starting point for one's own.
#[must_use]
pub fn text(name: &str) -> Option<&'static str> {
    FILES.iter().find(|(file, _)| file.strip_suffix(".toml") == Some(name)).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_named_after_its_scenario() {
        let names: Vec<String> = all().into_iter().map(|scenario| scenario.name + ".toml").collect();
        let files: Vec<&str> = FILES.iter().map(|(file, _)| *file).collect();
        assert_eq!(names, files);
    }
}

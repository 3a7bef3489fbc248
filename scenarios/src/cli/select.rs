//! From what the user calls a scenario to the scenario: a name of the catalog, or the path of a file.

use std::path::Path;

use crate::campaign::Selected;
use crate::scenario::format;
use crate::{catalog, host};
use whitewater_reports::words::{printable, shell_word};

use super::Failure;

/// The scenario of this name, or in the file with this path.
pub(crate) fn scenario(named: &str) -> Result<Selected, Failure> {
    if let Some(scenario) = catalog::find(named) {
        let argument = scenario.name.clone();
        return Ok(Selected { scenario, argument });
    }
    if !is_path(named) {
        return Err(unknown(named));
    }
    let text = text(named)?;
    let scenario = format::parse(&printable(named), &text).map_err(|error| Failure::usage(error.to_string()))?;
    // A path that begins with a hyphen would be taken for an option.
    let path = if named.starts_with('-') { format!("./{named}") } else { named.to_owned() };
    Ok(Selected { scenario, argument: shell_word(&path) })
}

/// The text of the scenario of this name, or of the file with this path.
pub(crate) fn text(named: &str) -> Result<String, Failure> {
    if let Some(text) = catalog::text(named) {
        return Ok(text.to_owned());
    }
    if !is_path(named) {
        return Err(unknown(named));
    }
    if !host::exists(Path::new(named)) {
        return Err(missing(named));
    }
    let bytes = host::read(Path::new(named), host::SCENARIO_BYTES_MAX)?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        Failure::usage(format!("{}:{line}: this is not UTF-8: a scenario is a text file in TOML", printable(named)))
    })
}

/// The scenarios of these names and paths, each once.
pub(crate) fn scenarios(names: &[String]) -> Result<Vec<Selected>, Failure> {
    let mut selected: Vec<Selected> = Vec::new();
    for named in names {
        let new = scenario(named)?;
        match selected.iter().find(|other| other.scenario.name == new.scenario.name) {
            Some(other) if other.argument == new.argument => {}
            Some(other) => {
                let name = &new.scenario.name;
                let (first, second) = (&other.argument, &new.argument);
                return Err(Failure::usage(format!(
                    "two scenarios are called {name}: {first} and {second}; change `name` in one of them"
                )));
            }
            None => selected.push(new),
        }
    }
    Ok(selected)
}

fn is_path(named: &str) -> bool {
    named.contains(['/', '\\', '.']) || host::exists(Path::new(named))
}

fn unknown(named: &str) -> Failure {
    Failure::usage(format!(
        "there is no scenario `{}`{}\n`whitewater list` shows all of them; a file is given by its path, like ./mine.toml",
        printable(named),
        catalog::suggestion(named)
    ))
}

fn missing(named: &str) -> Failure {
    let stem = Path::new(named).file_stem().unwrap_or_default().to_string_lossy();
    Failure::usage(format!(
        "there is no file `{}`{}\n`whitewater list` shows the scenarios that need no file",
        printable(named),
        catalog::suggestion(&stem)
    ))
}

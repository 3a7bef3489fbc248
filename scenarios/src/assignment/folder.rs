//! An assignment in its folder: the file, its scenarios, and private seeds if they are there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use whitewater_reports::words::{printable, shell_word};

use super::Assignment;
use super::format::{self, Beside, is_beside};
use crate::campaign::Selected;
use crate::catalog;
use crate::host::{self, SCENARIO_BYTES_MAX, shown};
use crate::scenario::{self, Scenario};

/// Reads the assignment in this file.
///
/// # Errors
/// If it cannot be used, in words for its author.
pub fn read(path: &Path) -> Result<Assignment, String> {
    let text = text(path)?;
    let mut folder = Folder { path: folder_of(path), catalog: catalog::all(), files: BTreeMap::new() };
    format::parse(&shown(path), &text, &mut folder).map_err(|error| error.to_string())
}

/// The folder that a file is in.
#[must_use]
pub fn folder_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

fn text(path: &Path) -> Result<String, String> {
    let bytes = host::read(path, SCENARIO_BYTES_MAX).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| format!("{}: this is not UTF-8: it has to be a text file", shown(path)))
}

struct Folder {
    path: PathBuf,
    catalog: Vec<Scenario>,
    /// The files that were read, by the names of their scenarios.
    files: BTreeMap<String, String>,
}

impl Beside for Folder {
    fn scenario(&mut self, named: &str) -> Result<Selected, String> {
        if let Some(scenario) = catalog::find_in(&self.catalog, named) {
            return Ok(Selected { argument: scenario.name.clone(), scenario: scenario.clone() });
        }
        if !is_beside(named) || !host::exists(&self.path.join(named)) {
            let suggestion = catalog::suggestion(named);
            let named = printable(named);
            return Err(format!("there is no scenario `{named}`, and no such file beside the assignment{suggestion}"));
        }
        let path = self.path.join(named);
        let text = text(&path)?;
        let scenario =
            scenario::format::parse(&shown(&path), &text).map_err(|error| error.to_string().replace('\n', ";"))?;
        let of_file = self.files.entry(scenario.name.clone()).or_insert_with(|| named.to_owned());
        if of_file != named || self.catalog.iter().any(|other| other.name == scenario.name) {
            let name = scenario.name;
            return Err(format!("{} has the name of another scenario, {name}: change its `name`", shown(&path)));
        }
        let argument = path.to_string_lossy();
        // A path that begins with a hyphen would be taken for an option.
        let argument = if argument.starts_with('-') { format!("./{argument}") } else { argument.into_owned() };
        Ok(Selected { scenario, argument: shell_word(&argument) })
    }

    fn private_seeds(&mut self, file: &str) -> Result<Option<String>, String> {
        let path = self.path.join(file);
        if host::exists(&path) { text(&path).map(Some) } else { Ok(None) }
    }
}

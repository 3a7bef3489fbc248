//! An assignment in its folder: the file, its scenarios, and private seeds if they are there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use whitewater_reports::words::{printable, shell_word};

use super::Assignment;
use super::coursework::HandedIn;
use super::format::{self, Beside, is_beside};
use crate::campaign::Selected;
use crate::catalog;
use crate::host::{self, SCENARIO_BYTES_MAX, shown};
use crate::mistake::FileError;
use crate::scenario::{self, Scenario};

/// An assignment, and all that it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Whole {
    /// The assignment.
    pub assignment: Assignment,
    /// The text of its file.
    pub text: String,
    /// The texts of the files beside it that it names and that are there, by their paths from its folder.
    pub beside: BTreeMap<String, String>,
}

/// Reads the assignment in this file.
///
/// # Errors
/// If it cannot be used, in words for its author.
pub fn read(path: &Path) -> Result<Assignment, String> {
    read_whole(path).map(|whole| whole.assignment)
}

/// Reads the assignment in this file, and keeps all that was read.
///
/// # Errors
/// If it cannot be used, in words for its author.
pub fn read_whole(path: &Path) -> Result<Whole, String> {
    let text = text(path)?;
    let mut folder = Folder {
        path: path.parent().map(Path::to_owned).unwrap_or_default(),
        catalog: catalog::all(),
        files: BTreeMap::new(),
        texts: BTreeMap::new(),
    };
    let assignment = format::parse(&shown(path), &text, &mut folder).map_err(|error| error.to_string())?;
    Ok(Whole { assignment, text, beside: folder.texts })
}

/// The scenarios that students hand in: the files of a folder that end in `.toml`, ordered by their names, and not more than
/// so many.
///
/// # Errors
/// If there is no such folder.
pub fn handed_in(path: &Path, most: u32) -> Result<Vec<HandedIn>, String> {
    let names = host::files_in(path, ".toml").map_err(|error| error.to_string())?;
    let mut taken: Vec<HandedIn> = Vec::new();
    for name in names {
        let file = path.join(&name);
        let scenario = if taken.len() >= most as usize {
            Err(format!("it is one too many: {most} may be handed in"))
        } else {
            scenario_in(&file).and_then(|new| {
                let is_it = |other: &HandedIn| {
                    other.scenario.as_ref().is_ok_and(|other| other.scenario.name == new.scenario.name)
                };
                if taken.iter().any(is_it) { Err("another file has the same name in it".to_owned()) } else { Ok(new) }
            })
        };
        taken.push(HandedIn { file: name.to_string_lossy().into_owned(), scenario });
    }
    Ok(taken)
}

/// The scenario in a file.
fn scenario_in(path: &Path) -> Result<Selected, String> {
    let text = text(path)?;
    let error = |error: FileError| error.to_string().replace('\n', ";");
    let scenario = scenario::format::parse(&shown(path), &text).map_err(error)?;
    let argument = path.to_string_lossy();
    // A path that begins with a hyphen would be taken for an option.
    let argument = if argument.starts_with('-') { format!("./{argument}") } else { argument.into_owned() };
    Ok(Selected { scenario, argument: shell_word(&argument) })
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
    /// All that was read, by paths from here.
    texts: BTreeMap<String, String>,
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
        let selected = scenario_in(&path)?;
        let name = &selected.scenario.name;
        let of_file = self.files.entry(name.clone()).or_insert_with(|| named.to_owned());
        if of_file != named || self.catalog.iter().any(|other| other.name == *name) {
            return Err(format!("{} has the name of another scenario, {name}: change its `name`", shown(&path)));
        }
        self.texts.insert(named.to_owned(), text(&path)?);
        Ok(selected)
    }

    fn private_seeds(&mut self, file: &str) -> Result<Option<String>, String> {
        let path = self.path.join(file);
        if !host::exists(&path) {
            return Ok(None);
        }
        let text = text(&path)?;
        self.texts.insert(file.to_owned(), text.clone());
        Ok(Some(text))
    }
}

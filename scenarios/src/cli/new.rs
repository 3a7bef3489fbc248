//! `whitewater new`: a scenario or a lab to start from.

use std::path::{Path, PathBuf};

use crate::host;
use crate::lab::{self, Language};
use crate::scenario::format;
use clap::{Args, Subcommand};
use whitewater_reports::words::shell_word;

use super::{Failure, exit, print};

/// Write a commented scenario to start from, or a lab to hand out
#[derive(Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Scenario(ScenarioArguments),
    Lab(LabArguments),
}

/// Write a scenario with everything that one can say, most of it as comments
///
/// The file is called NAME.toml. Nothing is ever overwritten.
#[derive(Args)]
#[command(after_help = "Examples:
  whitewater new scenario my-scenario     writes my-scenario.toml
  whitewater new scenario -               prints it")]
struct ScenarioArguments {
    /// What the scenario is called: lower-case words joined by hyphens; `-` prints the file
    #[arg(value_name = "NAME", default_value = NAME)]
    name: String,
}

/// Write a lab: the skeleton of a node, a text in five stages, and an assignment that grades it
///
/// Students make a key/value store on Raft of the skeleton. Nothing is ever overwritten.
#[derive(Args)]
#[command(after_help = "Examples:
  whitewater new lab --language python my-lab     writes my-lab/HANDOUT.md, my-lab/raft.py and others
  sh my-lab/grade                                 grades what is in it, which earns nothing yet")]
struct LabArguments {
    /// The language of the skeleton
    #[arg(long, value_enum)]
    language: Language,
    /// The folder; it is made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// The name of the scenario in the template.
const NAME: &str = "my-scenario";

const TEMPLATE: &str = include_str!("template.toml");

/// Writes the files.
pub(crate) fn main(arguments: &Arguments) -> Result<u8, Failure> {
    match &arguments.what {
        What::Scenario(arguments) => scenario(arguments),
        What::Lab(arguments) => lab(arguments),
    }
}

fn lab(LabArguments { language, folder }: &LabArguments) -> Result<u8, Failure> {
    let files = lab::files(*language);
    // Nothing is written if something is in the way.
    if let Some(there) = files.iter().map(|file| folder.join(file.path)).find(|path| host::exists(path)) {
        let there = host::shown(&there);
        return Err(Failure::usage(format!("{there}: it is there already: choose another folder, or remove it")));
    }
    for file in &files {
        let path = folder.join(file.path);
        host::prepare_directory(path.parent().unwrap_or(folder))?;
        host::create(&path, &file.text)?;
    }
    let names: Vec<&str> = files.iter().map(|file| file.path).collect();
    let (shown, word) = (host::shown(folder), shell_word(&folder.to_string_lossy()));
    let build = language.build().map_or_else(String::new, |build| format!("{build}\n"));
    print(&format!(
        "wrote into {shown}: {}\n\ncd {word}\n{build}whitewater run initial-election --node '{}' --seeds 0..5\nsh grade\n",
        names.join(", "),
        language.node(),
    ))?;
    Ok(exit::PASS)
}

fn scenario(ScenarioArguments { name }: &ScenarioArguments) -> Result<u8, Failure> {
    if name == "-" {
        print(TEMPLATE)?;
        return Ok(exit::PASS);
    }
    let name = name.strip_suffix(".toml").unwrap_or(name);
    let text = TEMPLATE.replace(NAME, name);
    if format::parse("template", &text).is_err() {
        let name = whitewater_reports::words::printable(name);
        return Err(Failure::usage(format!(
            "`{name}` is no name of a scenario: it has 1 to 60 lower-case letters, digits and hyphens, like {NAME}"
        )));
    }
    let file = format!("{name}.toml");
    host::create(Path::new(&file), &text)?;
    print(&format!("wrote {file}\n\nwhitewater describe {file}\nwhitewater run ./{file} --seeds 0..100\n"))?;
    Ok(exit::PASS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The template with the comments in front of keys and tables taken away.
    fn uncommented() -> String {
        let uncomment = |line: &str| match line.strip_prefix("#: ") {
            Some(rest) => rest.to_owned(),
            None => line.to_owned(),
        };
        TEMPLATE.lines().map(|line| uncomment(line) + "\n").collect()
    }

    #[test]
    fn the_template_is_a_scenario_with_and_without_its_comments() {
        assert!(format::parse("template.toml", TEMPLATE).is_ok_and(|scenario| scenario.name == NAME));
        let whole = format::parse("template.toml", &uncommented()).unwrap_or_else(|error| panic!("{error}"));
        assert!(!whole.steps.is_empty() && !whole.expectations.is_empty() && whole.swarm.is_some());
        assert!(TEMPLATE.lines().all(|line| line.len() <= 120), "the template fits on a screen");
    }
}

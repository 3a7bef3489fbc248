//! `whitewater new`: a file to start from.

use std::path::Path;

use crate::host;
use crate::scenario::format;
use clap::{Args, Subcommand};

use super::{Failure, exit, print};

/// Write a commented file to start from
#[derive(Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Scenario(ScenarioArguments),
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

/// The name of the scenario in the template.
const NAME: &str = "my-scenario";

const TEMPLATE: &str = include_str!("template.toml");

/// Writes the file.
pub(crate) fn main(arguments: &Arguments) -> Result<u8, Failure> {
    let What::Scenario(ScenarioArguments { name }) = &arguments.what;
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

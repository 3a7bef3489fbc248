//! `whitewater list` and `whitewater describe`: what scenarios there are, and what they do.

use crate::catalog;
use crate::describe::describe as in_words;
use clap::Args;

use super::{Failure, exit, print, select};

/// List the scenarios of the catalog
#[derive(Args)]
pub(crate) struct ListArguments {}

/// Explain a scenario in plain words
#[derive(Args)]
#[command(after_help = "Examples:
  whitewater describe storm
  whitewater describe storm --toml > mine.toml    a starting point for one's own")]
pub(crate) struct DescribeArguments {
    /// Name or alias of a scenario of the catalog, or path of a scenario file
    scenario: String,
    /// Print the scenario file itself
    #[arg(long)]
    toml: bool,
}

/// Lists the catalog, a line for each scenario.
pub(crate) fn list(_: &ListArguments) -> Result<u8, Failure> {
    let scenarios = catalog::all();
    let width = scenarios.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
    let lines = scenarios.iter().map(|scenario| {
        let aliases = scenario.aliases.join(", ");
        let also = if aliases.is_empty() { aliases } else { format!("\n{:width$}    also: {aliases}", "") };
        format!("{:width$}  {}{also}\n", scenario.name, scenario.summary)
    });
    print(&lines.collect::<String>())?;
    Ok(exit::PASS)
}

/// Explains a scenario.
pub(crate) fn describe(arguments: &DescribeArguments) -> Result<u8, Failure> {
    let selected = select::scenario(&arguments.scenario)?;
    if arguments.toml {
        print(&select::text(&arguments.scenario)?)?;
    } else {
        let run = format!("\nwhitewater run {} --seeds 0..100\n", selected.argument);
        print(&(in_words(&selected.scenario) + &run))?;
    }
    Ok(exit::PASS)
}

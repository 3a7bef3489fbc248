//! One run, as a command line names it: a scenario, a seed, and perhaps a bug.

use crate::bugs::Bug;
use crate::campaign::Selected;
use crate::search::lineage::Lineage;
use crate::target::Shared;
use clap::Args;

use super::{Failure, bugs, node, select};

// The arguments of the command itself are a group of this name already.
#[derive(Args)]
#[group(skip)]
pub(crate) struct Arguments {
    /// Name of a scenario of the catalog, or path of a scenario file
    scenario: String,
    /// The seed, or a run that departs from it, as in 17+2450ms.3; not needed for a file that names its own
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<Lineage>,
    /// Break this rule on purpose; `whitewater bugs` lists them. Needs a build with --features bugs
    #[arg(long, value_name = "NAME")]
    bug: Option<String>,
    #[command(flatten)]
    node: node::Arguments,
}

/// The run that is meant.
pub(crate) struct Which {
    /// Its scenario.
    pub(crate) selected: Selected,
    /// The seed, and where it departs from what that would do alone.
    pub(crate) lineage: Lineage,
    /// The rule that is broken in it.
    pub(crate) bug: Option<Bug>,
    /// What is run.
    pub(crate) target: Shared,
    /// What stands behind the name of a command to make it about this run.
    pub(crate) words: String,
}

impl Arguments {
    /// The run that was asked for, or else the one that the file was written for.
    pub(crate) fn which(&self, command: &str, own: &Shared) -> Result<Which, Failure> {
        let target = self.node.target(own)?;
        let selected = select::scenario(&self.scenario)?;
        let bug = self.bug.as_deref().map(bugs::switchable).transpose()?;
        let Some(lineage) = self.seed.as_ref().or(selected.scenario.seed.as_ref()).cloned() else {
            let argument = &selected.argument;
            return Err(Failure::usage(format!(
                "which run of {argument}? Add a seed, as in `{} {command} {argument} --seed 17`",
                target.program()
            )));
        };
        let seed = self.seed.as_ref().map(|lineage| format!(" --seed {lineage}")).unwrap_or_default();
        let option = bug.map(|bug| format!(" --bug {}", bug.name)).unwrap_or_default();
        let words = format!("{}{seed}{option}{}", selected.argument, node::words(&*target));
        Ok(Which { selected, lineage, bug, target, words })
    }
}

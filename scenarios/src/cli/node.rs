//! `--node`: which nodes are run, if not those of this program.

use std::sync::Arc;

use clap::Args;

use crate::systems::guest::{Allowance, Guests};
use crate::target::{Shared, Target};

use super::Failure;

/// Nodes that are programs.
#[derive(Args)]
#[group(skip)]
pub(crate) struct Arguments {
    /// Run nodes of this program instead: one process for each, with messages in JSON, a line each, on its standard input and
    /// output, as scenarios/NODES.md says. Arguments are split as in a shell, and no shell is involved
    #[arg(long, value_name = "CMD")]
    node: Option<String>,
}

impl Arguments {
    /// What is to be run: the nodes that are named, or else those of this program.
    pub(crate) fn target(&self, own: &Shared) -> Result<Shared, Failure> {
        let Some(command) = &self.node else { return Ok(Arc::clone(own)) };
        let guests = Guests::external(command, Allowance::default()).map_err(|why| {
            Failure::usage(format!("--node: {why}; write it as for a shell, as in --node 'python3 ./node.py'"))
        })?;
        Ok(Arc::new(guests))
    }
}

/// What a command line says behind everything else to be about this, with a space before it.
pub(crate) fn words(target: &dyn Target) -> String {
    let argument = target.argument();
    if argument.is_empty() { argument } else { format!(" {argument}") }
}

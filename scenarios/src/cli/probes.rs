//! `whitewater probes`: the situations that runs are to meet.

use crate::{host, probes};
use clap::Args;
use whitewater_reports::{human, json};

use super::{Failure, exit, print};

/// List the situations of the protocol that runs count
///
/// A probe is hit when its situation occurs in a run. `whitewater run --probes` shows how many runs hit each of them.
/// Sections are those of Ongaro's dissertation.
#[derive(Args)]
#[command(after_help = "Examples:
  whitewater probes
  whitewater run --seeds 0..100 --probes")]
pub(crate) struct Arguments {
    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

/// Lists the probes.
pub(crate) fn main(arguments: &Arguments) -> Result<u8, Failure> {
    let records = probes::records(|_| true);
    if arguments.json {
        print(&json::write_probes(&records))?;
    } else {
        print(&human::probes(&records, host::stdout_width().unwrap_or(human::WIDTH_MAX)))?;
    }
    Ok(exit::PASS)
}

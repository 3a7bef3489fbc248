//! `whitewater completions` and `whitewater man`: made from the same description of the command line as the help.

use clap::{Args, Command};
use clap_complete::Shell;

use super::{Failure, exit};
use crate::host;

/// Print completions for a shell
#[derive(Args)]
#[command(after_help = "Example:
  whitewater completions bash > ~/.local/share/bash-completion/completions/whitewater")]
pub(crate) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

/// Print the manual page, in roff
#[derive(Args)]
#[command(after_help = "Examples:
  whitewater man | man -l -
  whitewater man run > whitewater-run.1")]
pub(crate) struct ManArguments {
    /// The command whose page is printed; without it, the page of whitewater
    command: Option<String>,
}

/// Prints completions.
pub(crate) fn completions(arguments: &CompletionsArguments, mut command: Command) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "whitewater", &mut script);
    host::write_stdout(|stdout| stdout.write_all(&script))?;
    Ok(exit::PASS)
}

/// Prints a manual page.
pub(crate) fn man(arguments: &ManArguments, mut command: Command) -> Result<u8, Failure> {
    command.build();
    let page = match &arguments.command {
        None => clap_mangen::Man::new(command),
        Some(name) => {
            let Some(subcommand) = command.find_subcommand(name) else {
                let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
                let name = whitewater_reports::words::printable(name);
                return Err(Failure::usage(format!("there is no command `{name}`: use one of {}", names.join(", "))));
            };
            clap_mangen::Man::new(subcommand.clone())
        }
    };
    host::write_stdout(|mut stdout| page.render(&mut stdout))?;
    Ok(exit::PASS)
}

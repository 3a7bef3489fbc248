//! The `whitewater` command: parses its arguments, does what they say, and turns the result into an exit code.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cli::main())
}

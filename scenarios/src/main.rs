//! The `whitewater` command: parses its arguments, does what they say, and turns the result into an exit code.

use std::process::ExitCode;

use whitewater_scenarios::cli;
use whitewater_scenarios::systems::raft_kv::RaftKv;

fn main() -> ExitCode {
    cli::main(RaftKv)
}

//! The `raft` crate (tikv's, version 0.7) as a system under test: the store of Whitewater on another Raft, in the same
//! scenarios, under the same checks.
//!
//! ```text
//! cargo run --release --manifest-path scenarios/examples/tikv/Cargo.toml -- --seeds 0..200
//! cargo run --release --manifest-path scenarios/examples/tikv/Cargo.toml -- storm --seeds 7 --trace
//! cargo run --release --manifest-path scenarios/examples/tikv/Cargo.toml -- --mistake sends-before-sync
//! ```
//!
//! Without a scenario, the whole catalog is run; scenarios that need an operator are passed over with a message.
//!
//! | what | file |
//! |---|---|
//! | the server: the crate, the state machine and the disk, joined | `server` |
//! | messages, and what they promise | `letter` |
//! | settings, and mistakes that can be switched on | `settings` |
//!
//! # What it finds
//!
//! - **I12 Progress**, in half of the runs of `lossy` (seed 0) and a third of those of `storm` (seed 3): a leader of the
//!   crate lets the next index of a follower fall to its match index, when a rejection arrives late while it probes
//!   (`Progress::maybe_decr_to` bounds it from below by 1, not by the match index). It sends entries again that the
//!   follower has; nothing is lost by it. The crate's maintainers agree that it is a bug (tikv/raft-rs issue 555, from
//!   etcd-io/raft issue 148); version 0.7.0 has it. `--without I12` goes on past it.
//! - Nothing else, in 9,900 runs: seeds 0..300 of 33 scenarios.
//!
//! On the way there the checks found what the adapter did wrong, or has to make up for:
//!
//! - `advance_apply` after a snapshot that is not durable yet: a panic of the crate (`snapshot-loss`).
//! - A snapshot that was never reported as applied: a panic of the crate at the next election (`laggard`).
//! - A server that votes alone leads, and appends, before its vote is durable (I4, `single`). Nobody hears of it, but a
//!   term may come twice; the adapter waits.
//!
//! # Mistakes
//!
//! Each is one that the crate's documentation warns of, or leaves to its user, and can be switched on by `--mistake`.
//!
//! | mistake | caught by |
//! |---|---|
//! | `sends-before-sync`, `never-waits` | I14 in the first election of every run |
//! | `sends-with-empty-ready` | I10 or I14 within the first entries of every run |
//! | `forgets-votes` | I2, in one run of `storm` of six |
//! | `local-reads`, `reads-too-early` | I19, in nearly every run that reads past the log |
//! | `lease-reads` | I19: every run of `skewed-clocks`, half of `storm` |
//! | `silent-snapshots` | I24, in three runs of `snapshot-loss` of four |
//! | `namesake-reads` | nothing so far |

mod letter;
mod server;
mod settings;

use std::process::ExitCode;

fn main() -> ExitCode {
    whitewater_scenarios::systems::hosted::command(|system: &settings::RaftCrate| *system)
}

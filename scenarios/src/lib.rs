//! The composer: scenarios, campaigns, replay, and the `whitewater` command line.
//!
//! | concept | file |
//! |---|---|
//! | everything about a run but its seed | [`scenario`], [`catalog`], [`describe`](mod@describe) |
//! | from a seed to the data of a run | [`generate`], [`workload`], `operations` |
//! | the system that is run | [`systems`] |
//! | one run, and its verdict | [`run`] |
//! | many runs | [`campaign`] |
//! | situations that runs are to meet | [`probes`] |
//! | what can go wrong, by name, and what did | [`faults`](mod@faults) |
//! | how long things take, how much memory they need | [`latency`], [`soak`] |
//! | histories in files | [`formats`] |
//! | threads, files, the wall clock | [`host`] |

pub mod campaign;
pub mod catalog;
pub mod describe;
pub mod faults;
pub mod formats;
pub mod generate;
pub mod host;
pub mod latency;
pub mod probes;
pub mod run;
pub mod scenario;
pub mod soak;
pub mod systems;
pub mod workload;

mod operations;

//! The composer: scenarios, campaigns, replay, and the `whitewater` command line.
//!
//! | concept | file |
//! |---|---|
//! | everything about a run but its seed | [`scenario`], [`catalog`], [`describe`](mod@describe) |
//! | from a seed to the data of a run | [`generate`], [`workload`], `operations` |
//! | what is wrong with a file, and where | [`mistake`] |
//! | what students are asked for, and how it is graded | [`assignment`] |
//! | a lab to hand out, with its skeletons | [`handout`] |
//! | the system that is run | [`system`], [`systems`], [`target`] |
//! | a node of one's own in Rust; runs in processes of their own | [`lab`], [`contained`] |
//! | one run, and its verdict | [`run`] |
//! | many runs, and where to look next | [`campaign`], [`search`] |
//! | from a failing run to a small one | [`shrink`] |
//! | how long clients wait, and what faults interrupt | [`pace`] |
//! | situations that runs are to meet | [`probes`] |
//! | what can go wrong, by name, and what did | [`faults`](mod@faults) |
//! | how long things take, how much memory they need | [`latency`], [`soak`] |
//! | rules that can be broken on purpose, and how soon that is noticed | [`bugs`] |
//! | histories in files | [`formats`] |
//! | a run as a page, and as files that others read | [`page`] |
//! | threads, files, the wall clock | [`host`] |
//! | what a process says with its exit code | [`exit`] |
//! | the command line | [`cli`] |

pub mod assignment;
pub mod bugs;
pub mod campaign;
pub mod catalog;
pub mod cli;
pub mod contained;
pub mod describe;
pub mod exit;
pub mod faults;
pub mod formats;
pub mod generate;
pub mod handout;
pub mod host;
pub mod lab;
pub mod latency;
pub mod mistake;
pub mod pace;
pub mod page;
pub mod parallel_check;
pub mod probes;
pub mod run;
pub mod scenario;
pub mod search;
pub mod shrink;
pub mod soak;
pub mod system;
pub mod systems;
pub mod target;
pub mod workload;

mod operations;

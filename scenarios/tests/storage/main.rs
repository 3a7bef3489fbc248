//! Stable storage keeps its promises: the same tests on the simulated disk and on files of the operating system.
//!
//! Crashes are enumerated from a ledger of everything that was done to a disk (`ledger`), and what comes back is held
//! against a model that knows nothing of files (`model`). The simulated disk also draws its own crashes, and bytes that
//! were durable are damaged one by one. Last, a process that writes to files is killed.

mod crashes;
mod damage;
mod kills;
mod ledger;
mod media;
mod model;
mod script;
mod seeds;

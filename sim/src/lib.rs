//! Whitewater's simulator: one thread, one queue, one total order of events, and everything drawn from one seed.

pub mod check;
pub mod history;
pub mod time;

pub use time::Instant;

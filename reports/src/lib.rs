//! Recorded runs in, text out. Pure: this crate reads no file, no clock and no environment.
//!
//! | concept | file |
//! |---|---|
//! | what is kept of a run and of a campaign | [`model`] |
//! | totals of a scenario, failures that belong together | [`tally`] |
//! | which situations of the protocol were met | [`coverage`] |
//! | what is new in a campaign | `behaviour` |
//! | what faults struck, and whom | [`faults`] |
//! | how sure one can be of a failure rate | [`interval`] |
//! | numbers, times and foreign text in words | [`words`] |
//! | tables and named figures | `table` |
//! | the summary for people | [`human`] |
//! | the model for programs | [`json`] |
//! | the bug bench in numbers | [`mod@bench`] |

mod behaviour;
pub mod bench;
pub mod coverage;
pub mod faults;
pub mod human;
pub mod interval;
pub mod json;
pub mod model;
mod table;
pub mod tally;
pub mod words;

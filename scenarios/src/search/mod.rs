//! Search: what runs have shown, how likely the next one is to show something new, and where to look next.
//!
//! | concept | file |
//! |---|---|
//! | what a run has shown, and what a campaign has seen | [`behaviour`] |
//! | a run that departs from another at some moment | [`lineage`] |
//! | how many situations a run is going to meet | `forecast` |
//! | which seeds of a range are run | `fresh` |
//! | which scenarios get the runs, and which seeds to depart from | [`guide`] |
//! | both together | `guided` |
//! | all runs of a campaign together | `survey` |

pub mod behaviour;
mod forecast;
mod fresh;
pub mod guide;
pub(crate) mod guided;
pub mod lineage;
pub(crate) mod survey;

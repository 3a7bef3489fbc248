//! Recorded runs in, text out. Pure: this crate reads no file, no clock and no environment.
//!
//! | concept | file |
//! |---|---|
//! | what is kept of a run and of a campaign | [`model`] |
//! | the parts that a campaign is made of | [`part`] |
//! | totals of a scenario, failures that belong together | [`tally`] |
//! | which situations of the protocol were met | [`coverage`] |
//! | what is new in a campaign | `behaviour` |
//! | what faults struck, and whom | [`faults`] |
//! | how sure one can be of a failure rate | [`interval`] |
//! | whether a scenario met what it is for | [`exercise`] |
//! | several campaigns as one, and what is missing | [`mod@merge`], [`mod@missing`] |
//! | numbers, times and foreign text in words | [`words`] |
//! | tables and named figures | `table` |
//! | the summary for people | [`human`] |
//! | the model for programs | [`json`] |
//! | for other programs: CI systems, spreadsheets | [`junit`], [`markdown`], [`mod@csv`] |
//! | the coverage report, for a browser or a printer | [`coverage_page`] |
//! | which lines were executed | [`line_coverage`] |
//! | a history as a drawing | [`lanes`] |
//! | a run for the tools of others | [`export`] |
//! | a run or a history as a page | [`page`] |
//! | a run as lanes, steps and messages | [`timeline`] |
//! | why a history is not linearizable, for people | [`violation`] |
//! | the verdict on a history, for programs | [`check`] |
//! | what the runs of a submission are worth | [`grade`], [`marking`] |
//! | a grade for people, and for platforms | [`grade_sheet`]; [`gradescope`], [`classroom50`], [`vpl`], [`rows`] |
//! | the bug bench in numbers | [`mod@bench`] |

mod behaviour;
pub mod bench;
pub mod check;
pub mod classroom50;
pub mod coverage;
pub mod coverage_page;
pub mod csv;
pub mod exercise;
pub mod export;
pub mod faults;
pub mod grade;
pub mod grade_sheet;
pub mod gradescope;
pub mod human;
pub mod interval;
pub mod json;
pub mod junit;
pub mod lanes;
pub mod line_coverage;
pub mod markdown;
pub mod marking;
pub mod merge;
pub mod missing;
pub mod model;
pub mod page;
pub mod part;
pub mod rows;
mod table;
pub mod tally;
pub mod timeline;
pub mod violation;
pub mod vpl;
pub mod words;

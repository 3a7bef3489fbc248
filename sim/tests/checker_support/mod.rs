//! What the tests of the checkers share: small random histories, and judges of them that share no code with a checker.
//!
//! Lowe (2017) tested his checkers in the same way, on many small histories, because that is where checkers differ. What
//! it simplifies: each test takes what it needs, and leaves the rest.

#![allow(dead_code, reason = "each test takes what it needs")]

pub(crate) mod brute;
pub(crate) mod histories;
pub(crate) mod registers;
pub(crate) mod testers;

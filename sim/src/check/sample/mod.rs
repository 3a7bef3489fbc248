//! Sampled histories: random ones whose verdict is known because of how they were made, to test and measure checkers.
//!
//! Operations take effect at one moment between their invocation and their return, which is linearizability by its
//! definition (Herlihy and Wing, 1990); so a sample comes with a witness. Others are broken on purpose. Lowe (2017)
//! tests his checkers with both. What it simplifies: the object is always [`Registers`], and virtual time stands still.

mod broken;
mod generate;
mod registers;

pub use broken::{Flaw, Flawed};
pub use generate::{Mix, Numbers, Sample, Shape};
pub use registers::{Action, Content, Register, Registers, Reply, Request};

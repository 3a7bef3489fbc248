//! A run for the tools of others: each export is made from its [`crate::timeline`].
//!
//! Texts are already cut and escaped for terminals; each format escapes them for itself.

mod chrome;
mod mermaid;
mod shiviz;

pub use chrome::chrome;
pub use mermaid::mermaid;
pub use shiviz::shiviz;

//! The linearizability checker.

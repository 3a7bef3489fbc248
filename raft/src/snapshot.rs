//! Snapshots: the state of the application at an index, in place of the log up to there (paper 7, dissertation 5).
//!
//! The application takes them, the host makes them durable, and the replica then forgets the log before them.
//!
//! Simplification: the data is one piece of memory, whatever its size.

use std::sync::Arc;

use bytes::Bytes;

use crate::configuration::Configuration;
use crate::types::{Index, Term};

/// The state of the application at an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last index that it covers.
    pub index: Index,
    /// The term of the entry there.
    pub term: Term,
    /// The configuration in force there.
    pub configuration: Arc<Configuration>,
    /// The application's state, in its own format. Shared, never copied.
    pub data: Bytes,
}

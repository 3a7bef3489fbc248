//! The protocol under test: scripts that read as prose, and random interleavings, on a small cluster in memory.

mod arguments;
mod bugs;
mod cluster;
mod configurations;
mod disk;
mod interleavings;
mod oracle;
mod quorum;
mod scripts;
mod steps;
mod trace;

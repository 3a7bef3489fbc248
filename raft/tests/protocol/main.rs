//! The protocol under test: scripts that read as prose, and random interleavings, on a small cluster in memory.

mod cluster;
mod interleavings;
mod scripts;
mod steps;
mod trace;

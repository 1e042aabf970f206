//! Servers that somebody else wrote, in real processes: what is delivered, what is counted, what goes wrong, and that nobody
//! is left behind.
//!
//! # Layout
//!
//! - `shipped`: the targets of the project, with every technique that they have
//! - `faults`: targets that don't start, die, hang, or answer with something else
//! - `files`: wrong target files, and what is missing
//! - `endings`: interrupts and killed processes
//! - `served`: a target of the tests' own, in a few lines of Rust

mod endings;
mod faults;
mod files;
mod served;
mod shipped;

//! Trials whose subscribers are pages in real browsers, in real processes. Counts, and never times.
//!
//! # Layout
//!
//! - `trials`: every technique in both browsers, with nothing missing
//! - `faults`: browsers that are missing, pages that never answer, servers that die
//! - `left`: whether something of a browser is left
//! - `command`: a pushbench process in a folder of its own

#[path = "../command/command.rs"]
#[allow(dead_code, reason = "it also serves the tests of the command")]
mod command;
mod faults;
mod left;
mod trials;

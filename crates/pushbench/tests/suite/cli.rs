//! The command as people and scripts meet it: messages, exit codes, what is kept on disk, and who is left behind.
//!
//! # Layout
//!
//! - `bad_input`: every mistake gets a message with place and remedy, and exit code 2; a server's flags
//! - `results`: what a run writes, and what happens when it cannot; searches, and what they leave
//! - `faults`: servers and load generators that die, hang, print rubbish, or do not speak the transport that was asked for; Ctrl-C, a
//!   killed supervisor, and going on afterwards
//! - `several`: several server and load processes for one trial

mod bad_input;
mod faults;
mod results;
mod several;

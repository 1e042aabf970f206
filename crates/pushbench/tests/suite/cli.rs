//! The command as people and scripts meet it: messages, exit codes, what is kept on disk, and who is left behind.
//!
//! # Layout
//!
//! - `bad_input`: every mistake gets a message with place and remedy, and exit code 2
//! - `results`: what a run writes, and what happens when it cannot
//! - `faults`: servers and load generators that die, hang or print rubbish
//! - `capacity`: searches, what they leave, and which scenarios `--capacity` means
//! - `transport`: servers that do not speak the transport that was asked for
//! - `several`: several server and load processes for one trial
//! - `serve`: a server's flags, its ready line, and what it says at its end
//! - `interrupt`: Ctrl-C, a killed supervisor, and going on afterwards

mod bad_input;
mod capacity;
mod faults;
mod interrupt;
mod results;
mod serve;
mod several;
mod transport;

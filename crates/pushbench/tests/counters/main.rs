//! Counted trials: a server under callgrind or strace, in real processes.
//!
//! # Layout
//!
//! - `counted`: what is in the records
//! - `faults`: tools that are missing, or leave no counts; interrupts and deaths leave nobody behind
//! - `command`: a pushbench process in a folder of its own

#[path = "../command/command.rs"]
#[allow(dead_code, reason = "it also serves the tests of the command")]
mod command;
mod counted;
mod faults;

/// A trial of a second, whose server's system calls are counted.
const COUNTED: &str = r#"
question = "How many system calls does it take?"
reading = "As many as there are."
repetitions = 1
techniques = ["raw-tcp"]
counted = "system-calls"
events.rate = "100/s"
subscribers.count = 5
[phases]
warm_up = "100ms"
window = "1s"
"#;

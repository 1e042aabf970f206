//! Counted trials: a server under callgrind or strace, in real processes.
//!
//! # Layout
//!
//! - `counted`: what is in the records
//! - `faults`: tools that are missing, or leave no counts; interrupts and deaths leave nobody behind

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

//! What the load generator's own work costs, against other clients of the same server, in one interleaved run:
//!
//! - a short-polling request: pushbench's subscriber against `wrk`, `oha` and whatever else is installed of those that
//!   [`tools`] knows;
//! - a WebSocket echo: pushbench's client against a raw socket that writes and reads ready-made frames, and against
//!   `tsung`, `artillery` and `locust` where they are installed, with the scripts of [`scripted`];
//! - an event among many in one read: pushbench's subscribers against a raw socket that reads the same bytes and looks
//!   at none of them. Here the server is this example's own, and writes as fast as it is read.
//!
//! All of a group are closed loops over as many connections against a fresh server process each, the server on one core
//! and the client on another. CPU time of the client and all that it starts, not wall clock, is compared, round by round;
//! a tool's start is in it, so those that start slowly do so much that it is about a tenth at most.
//!
//! ```text
//! cargo build --release && cargo run --release --example capacity [ROUNDS]
//! ```
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a small program whose figures are for the terminal"
)]

mod client;
mod contest;
mod flood;
mod raw;
mod scripted;
mod tools;

use std::error::Error;
use std::process::ExitCode;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Connections at a time.
const CONNECTIONS: u32 = 32;
/// Requests or echoes of all connections together.
const OPERATIONS: u64 = 200_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["client", kind, address] => client::run(kind, address),
        ["raw", kind, address] => raw::run(kind, address),
        ["flood", format] => flood::serve(format),
        [] => contest::run(7),
        [rounds] => rounds.parse().map_err(Into::into).and_then(contest::run),
        _ => Err("usage: capacity [ROUNDS]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

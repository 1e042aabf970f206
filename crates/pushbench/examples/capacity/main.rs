//! What the load generator's own work costs, against other clients of the same server, in one interleaved run:
//!
//! - a short-polling request: pushbench's subscriber against `oha`, if that is installed (`cargo install oha --locked`);
//! - a WebSocket echo: pushbench's subscriber against a raw socket that writes and reads ready-made frames.
//!
//! Both sides of a pair are closed loops over as many connections against a fresh server process each, the server on
//! one core and the client on another. CPU time, not wall clock, is compared.
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

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["client", kind, address] => client::run(kind, address),
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

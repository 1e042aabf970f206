//! What every technique promises, tried on each of the registry in a real server process.
//!
//! The clients here are written from the standards, byte by byte, and share nothing with the load generator's: two
//! implementations must agree on what a server says. Events go in by the feed, as in a trial.
//!
//! # Layout
//!
//! - `delivery`: once and in order, late joiners, reconnects, greetings, two ways
//! - `lifetime`: how a server ends, and who is told
//! - `slow`: a subscriber that does not read
//! - `client`, `feed`, `server`: the two ends and the process between them

mod client;
mod delivery;
mod feed;
mod lifetime;
mod server;
mod slow;

use std::any::Any;
use std::process::Command;
use std::thread;

/// Tries a property on every technique of the registry, each in a thread that is named after it.
fn every_technique(property: impl Fn(&str) + Sync) {
    let techniques = registry();
    assert!(techniques.len() >= 6, "the registry is known: {techniques:?}");
    let broken = thread::scope(|scope| {
        let spawn = |technique| {
            let property = &property;
            thread::Builder::new().name(technique).spawn_scoped(scope, move || {
                property(thread::current().name().expect("the thread is named after the technique"));
            })
        };
        let threads: Vec<_> = techniques.into_iter().map(spawn).collect();
        let name = |thread: &thread::ScopedJoinHandle<'_, ()>| thread.thread().name().map(str::to_owned);
        let ended = threads.into_iter().map(|thread| {
            let thread = thread.expect("a thread starts");
            (name(&thread), thread.join())
        });
        ended.filter_map(broken).collect::<Vec<_>>()
    });
    assert!(broken.is_empty(), "{broken:?}");
}

/// The technique, if its thread panicked; what the panic said is on the standard error already.
fn broken((technique, ended): (Option<String>, Result<(), Box<dyn Any + Send>>)) -> Option<String> {
    ended.err().and(technique)
}

/// The slugs of all techniques, as the command lists them.
fn registry() -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_pushbench"))
        .args(["list", "--techniques"])
        .output()
        .expect("pushbench starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("slugs are text");
    text.lines().map(str::to_owned).collect()
}

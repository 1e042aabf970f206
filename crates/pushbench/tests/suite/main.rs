//! Tests of the built command, in real processes, and of the bytes that each technique takes.
//!
//! They are one program, so that they are linked once and tests that wait overlap. Tests that read times are in the program
//! `instrument`, which runs alone.
//!
//! # Layout
//!
//! - `cli`: messages, exit codes, files, processes that are left behind
//! - `contract`: what every technique promises its subscribers
//! - `disturbance`: server restarts and slow consumers
//! - `counters`, `observer`: what other tools and the kernel count
//! - `overhead`: the bytes of a fixed exchange
//! - `toy_technique`: a new technique, through the registry's constructor
//! - `targets`: servers that others wrote
//! - `official`: Socket.IO against the official JavaScript server and clients
//! - `browsers`, `close_cases`, `demo`, `html_report`: real browsers
//! - `sandbox`, `server_process`, `techniques`: how a test runs the command, a server, and every technique

mod browsers;
mod cli;
mod close_cases;
mod contract;
mod counters;
mod demo;
mod disturbance;
mod html_report;
mod observer;
mod official;
mod overhead;
mod proxies;
#[macro_use]
#[path = "../../src/registry.rs"]
#[allow(dead_code, reason = "only the two halves of a technique are used here")]
mod registry;
#[path = "../instrument/relay.rs"]
#[allow(dead_code, reason = "nothing is cut here")]
mod relay;
mod sandbox;
mod server_process;
mod targets;
mod techniques;
mod toy_technique;

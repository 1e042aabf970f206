//! The sub-commands that `pushbench run` starts as processes of their own; they are hidden from the help.

use std::hint;
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::thread;

use anyhow::Context as _;
use loadgen::recorder::histogram;

use super::load::{end_with_the_input, read_line};
use super::output::print;
use crate::cli::{Cores, ObservedTrial, SocketPing};
use crate::replay::{self, Part};
use crate::supervisor::{namespace, socket_ping as ping};

/// The end of the socket ping that echoes.
pub(super) fn socket_ping_echo(arguments: &Cores) -> anyhow::Result<()> {
    os::pin(&arguments.cores).context("keep to the server's cores")?;
    thread::spawn(exit_with_the_input);
    let listener = listen_and_print_address().context("listen for the socket's ping")?;
    ping::echo(&listener).context("echo the socket's ping")
}

/// The end of the socket ping that measures.
pub(super) fn socket_ping(arguments: &SocketPing) -> anyhow::Result<()> {
    os::pin(&arguments.cores.cores).context("keep to the load generator's cores")?;
    let round_trips = ping::ping(arguments.to, arguments.pings).context("ping the socket's echo")?;
    print(&(histogram::to_base64(&round_trips) + "\n"))
}

/// A process that takes its share of a core and does nothing with it.
pub(super) fn cpu_contention(arguments: &Cores) -> anyhow::Result<()> {
    os::pin(&arguments.cores).context("keep to the server's cores")?;
    writeln!(io::stdout(), "computing").context("write the line that says that it computes")?;
    thread::spawn(exit_with_the_input);
    // It touches no memory, so the server loses time and keeps its caches.
    loop {
        hint::spin_loop();
    }
}

/// The end of a replayed exchange that answers.
pub(super) fn replay_answer() -> anyhow::Result<()> {
    let line = read_line().context("read what to answer")?;
    let part: Part = serde_json::from_str(&line).context("understand what to answer")?;
    let listener = listen_and_print_address().context("listen for the replay")?;
    thread::spawn(exit_with_the_input);
    replay::answer(&listener, &part).context("answer the replay")
}

/// One trial in a network namespace of its own.
pub(super) fn observed_trial(arguments: &ObservedTrial) -> anyhow::Result<()> {
    if arguments.probe {
        return namespace::probe();
    }
    let order = read_line().context("read the trial")?;
    let run = namespace::run_alone(&order, || {
        // When nobody awaits the outcome, this process ends, and with it its children's standard inputs.
        thread::spawn(end_with_the_input);
    })?;
    print(&(run + "\n"))
}

fn listen_and_print_address() -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    print(&format!("{}\n", listener.local_addr().context("find the own address")?))?;
    Ok(listener)
}

/// The process that started this one holds its standard input open. An error ends the input as well.
fn exit_with_the_input() {
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    std::process::exit(0);
}

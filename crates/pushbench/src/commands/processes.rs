//! The sub-commands that `pushbench run` starts as processes of their own: the load generator of one trial, `pushbench load`, with one of
//! several such processes, `pushbench load-worker`, and those that are hidden from the help.

use std::io::{self, BufRead as _, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc::{self, Sender};
use std::{hint, thread};

use anyhow::{Context as _, bail};
use loadgen::recorder::histogram;
use loadgen::trial;
use model::trial::TrialSpec;
use rustix::process::{Signal, set_parent_process_death_signal};

use super::output::print;
use crate::browsers::client::browser_of;
use crate::browsers::page_driver;
use crate::cli::{Cores, ObservedTrial, SocketPing};
use crate::registry;
use crate::replay::{self, Part};
use crate::supervisor::{namespace, socket_ping as ping};

/// The hidden sub-command of a further load process.
const LOAD_WORKER: &str = "load-worker";
const LONGEST_LINE: u64 = 1024 * 1024;

pub(super) fn load() -> anyhow::Result<()> {
    let line = read_line().context("read the trial's spec")?;
    let spec: TrialSpec =
        serde_json::from_str(&line).context("read the trial's spec: one line of JSON on standard input")?;
    let Some((_, technique)) = registry::find(&spec.technique) else {
        bail!("there is no technique {}; there are: {}", spec.technique, registry::slugs().join(", "));
    };
    thread::spawn(end_with_the_input);
    let own = std::env::current_exe().context("find the path of this program")?;
    let worker = || {
        let mut command = Command::new(&own);
        command.arg(LOAD_WORKER);
        command
    };
    let outcome = match browser_of(spec.settings.client) {
        None if spec.settings.processes.load > 1 => trial::run_with_load_workers(&spec, worker),
        None => trial::run(&spec, technique.subscribe),
        Some(kind) => trial::run_with(&spec, |spec, assignment, outgoing| {
            page_driver::drive(kind, spec, assignment, outgoing)
        }),
    };
    let outcome = outcome.context("run the trial")?;
    print(&(serde_json::to_string(&outcome).context("encode the outcome")? + "\n"))
}

pub(super) fn load_worker() -> anyhow::Result<()> {
    // The end of its input ends it, too, but not while it is stopped.
    set_parent_process_death_signal(Some(Signal::KILL)).context("end with the load generator")?;
    let (sender, commands) = mpsc::channel();
    thread::spawn(move || relay(&sender));
    let subscribe = |slug: &str| Some(registry::find(slug)?.1.subscribe);
    trial::run_load_worker(&commands, &mut io::stdout().lock(), subscribe).context("run a load worker")
}

/// Passes every line of standard input on. Its end means that the outcome is no longer awaited, and ends the process.
fn relay(commands: &Sender<String>) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        // It may have failed already when it is asked to finish.
        let _ = commands.send(line);
    }
    std::process::exit(2);
}

pub(super) fn read_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().take(LONGEST_LINE).read_line(&mut line)?;
    Ok(line)
}

/// The process that started this one holds its standard input open. Its end means that the outcome is no longer awaited.
fn end_with_the_input() {
    // An error ends the input as well.
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    // A server that is stopped for a stall would stay stopped, and could not read the end of its own input.
    loadgen::faults::release_server();
    std::process::exit(2);
}

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
    writeln!(io::stdout(), "computing").context("write the line that reports that it computes")?;
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

pub(super) fn observed_trial(arguments: &ObservedTrial) -> anyhow::Result<()> {
    if arguments.probe {
        return namespace::probe();
    }
    let order = read_line().context("read the trial")?;
    let run = namespace::run_alone(&order, || {
        // When the outcome is no longer awaited, this process ends, and with it its children's standard inputs.
        thread::spawn(end_with_the_input);
    })?;
    print(&(run + "\n"))
}

fn listen_and_print_address() -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    print(&format!("{}\n", listener.local_addr().context("find the address that this listens on")?))?;
    Ok(listener)
}

/// The process that started this one holds its standard input open. An error ends the input as well.
fn exit_with_the_input() {
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    std::process::exit(0);
}

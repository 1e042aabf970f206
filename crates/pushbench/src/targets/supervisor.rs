//! The process that runs a target: `pushbench supervise-target`.
//!
//! It lives as long as its standard input is open. At its end it asks the target to end by a signal, and then kills it,
//! with all that it started. If the supervisor itself is killed, the kernel sends that signal. Processes whose parent has
//! ended become children of the supervisor, so none escapes.

use std::fs;
use std::io::{self, Write as _};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use model::target::{Address, PORTS, Server, Start, StopSignal};
use os::process_tree;
use protocol::ready::ReadyLine;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, WaitStatus};

use super::launch::{self, Launch};
use super::ready::TargetReady;
use super::{Placeholders, TargetServer, processes, readiness};
use crate::cli::SuperviseTarget;
use crate::store::host::with_cores;

/// The hidden sub-command that runs a target.
const SUPERVISE: &str = "supervise-target";

/// From one check whether it is ready to the next.
const POLL: Duration = Duration::from_millis(10);
/// How long processes may take to end when they are asked to.
const GRACE: Duration = Duration::from_secs(3);
/// How long they may take when they are killed.
const KILL_LIMIT: Duration = Duration::from_secs(2);
/// From one check whether they have ended to the next.
const POLL_END: Duration = Duration::from_millis(5);

/// Runs a target, or a proxy before a server, until standard input ends.
pub(crate) fn supervise(arguments: &SuperviseTarget) -> anyhow::Result<()> {
    let SuperviseTarget { file, technique, dir, upstream, variant, cores } = arguments;
    let mut upstream_values = Placeholders::new();
    let server = match upstream {
        None => TargetServer::read(file)?,
        Some(upstream) => {
            upstream_values.insert("upstream".to_owned(), upstream.to_string());
            upstream_values.insert("upstream_port".to_owned(), upstream.port().to_string());
            upstream_values.insert("variant".to_owned(), variant.clone().unwrap_or_default());
            TargetServer::read_proxy(file)?
        }
    };
    match &server.target.server {
        Server::Running(running) => {
            let mut placeholders = launch::known(&server, technique)?;
            let address = resolved(&running.address)?;
            placeholders.insert(PORTS[0].to_owned(), address.port().to_string());
            Watch::new(&server, technique, address, &placeholders)?.run()
        }
        Server::Started(start) => {
            let result = run_started(&server, start, upstream_values, technique, dir, &cores.cores);
            // The target's own files in it are not needed any more.
            let _ = fs::remove_dir_all(dir);
            result
        }
    }
}

/// The loopback address that an address's host stands for.
/// Fails when it stands for none: load goes to this machine alone.
fn resolved(address: &Address) -> anyhow::Result<SocketAddr> {
    let Address { host, port, .. } = address;
    let found = (host.as_str(), *port).to_socket_addrs().with_context(|| format!("look up {host}"))?;
    let mut loopback = found.filter(|found| found.ip().is_loopback());
    loopback
        .next()
        .with_context(|| format!("{host} is not on this machine; load goes to loopback addresses only"))
}

fn run_started(
    server: &TargetServer,
    start: &Start,
    more: Placeholders,
    technique: &str,
    dir: &Path,
    cores: &[u32],
) -> anyhow::Result<()> {
    // Processes below this one that lose their parent become its children. Any process id turns that on.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .context("adopt what the target leaves")?;
    os::pin(cores).context("stay on the server's cores")?;
    let launch = Launch::prepare(server, start, more, technique, dir)?;
    let mut watch = Watch::new(server, technique, launch.address, &launch.placeholders)?;
    watch.root = Some(launch.start(&server.target.ready.when, &watch.has_written)?);
    let watched = watch.run();
    end_descendants(signal(start.stop));
    watched
}

fn signal(stop: StopSignal) -> Signal {
    match stop {
        StopSignal::Term => Signal::TERM,
        StopSignal::Int => Signal::INT,
        StopSignal::Quit => Signal::QUIT,
        StopSignal::Hup => Signal::HUP,
        StopSignal::Kill => Signal::KILL,
    }
}

/// A target that is waited for, until it is ready and then until it is not needed any more.
struct Watch<'a> {
    server: &'a TargetServer,
    address: SocketAddr,
    /// The process that was started; none of a server that runs already.
    root: Option<Pid>,
    has_written: Arc<AtomicBool>,
    ready: TargetReady,
}

impl<'a> Watch<'a> {
    fn new(
        server: &'a TargetServer,
        technique: &str,
        address: SocketAddr,
        placeholders: &Placeholders,
    ) -> anyhow::Result<Self> {
        let technique = technique.to_owned();
        let line = ReadyLine { technique, address, feed: None, certificate: None, pid: std::process::id() };
        let publish = launch::publish(server, placeholders)?;
        let ready = TargetReady { line, publish, pids: Vec::new() };
        Ok(Self { server, address, root: None, has_written: Arc::default(), ready })
    }

    /// Waits until it is ready, prints the ready line, and waits for the end of standard input.
    fn run(&mut self) -> anyhow::Result<()> {
        let gone = self.root.map(|root| rustix::process::pidfd_open(root, PidfdFlags::empty())).transpose();
        let gone = gone.context("watch the target")?;
        let ready = &self.server.target.ready;
        let deadline = Instant::now() + Duration::from_nanos(ready.within_ns);
        let mut is_ready = false;
        loop {
            if !is_ready {
                match readiness::check(self.address, &ready.when, &self.has_written) {
                    Ok(()) => {
                        self.print_ready_line()?;
                        is_ready = true;
                    }
                    Err(why) if Instant::now() >= deadline => {
                        let seconds = ready.within_ns as f64 / 1e9;
                        bail!("{} was not ready within {seconds} s: {why}", self.server.target.name);
                    }
                    Err(_) => {}
                }
            }
            match wait(gone.as_ref(), (!is_ready).then_some(POLL))? {
                Event::Timeout => {}
                Event::InputEnded => return Ok(()),
                Event::TargetEnded => {
                    let how = self.root.and_then(exit_status).map_or_else(String::new, |status| how(&status));
                    bail!("{} ended by itself{how}", self.server.target.name);
                }
            }
        }
    }

    fn print_ready_line(&mut self) -> anyhow::Result<()> {
        self.ready.pids = match (&self.server.target.server, self.root) {
            (Server::Running(running), _) => processes::roots(running, self.server.folder())?,
            (Server::Started(_), root) => {
                root.iter().map(|root| root.as_raw_nonzero().get().cast_unsigned()).collect()
            }
        };
        let line = serde_json::to_string(&self.ready).context("encode the ready line")?;
        let mut out = io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush()).context("write the ready line")
    }
}

/// What ended a wait.
enum Event {
    Timeout,
    /// Standard input has ended; nothing is ever written to it.
    InputEnded,
    TargetEnded,
}

fn wait(gone: Option<&OwnedFd>, limit: Option<Duration>) -> anyhow::Result<Event> {
    let input = io::stdin();
    let mut watched = vec![PollFd::new(&input, PollFlags::IN)];
    watched.extend(gone.map(|gone| PollFd::new(gone, PollFlags::IN)));
    let limit = limit.map(Timespec::try_from).transpose().context("a time that is too long")?;
    match rustix::event::poll(&mut watched, limit.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error).context("wait for the target"),
    }
    let has_ended = |at: usize| watched.get(at).is_some_and(|watched| !watched.revents().is_empty());
    Ok(match (has_ended(1), has_ended(0)) {
        (true, _) => Event::TargetEnded,
        (_, true) => Event::InputEnded,
        _ => Event::Timeout,
    })
}

fn how(status: &WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!(" with exit status {code}"),
        (None, Some(signal)) => format!(" by signal {signal}"),
        (None, None) => String::new(),
    }
}

pub(crate) fn arguments(server: &TargetServer, technique: &str, dir: &Path, cores: &[u32]) -> Vec<String> {
    let mut arguments = vec![SUPERVISE.to_owned(), "--file".to_owned(), server.file.display().to_string()];
    arguments.extend(["--technique".to_owned(), technique.to_owned()]);
    arguments.extend(["--dir".to_owned(), dir.display().to_string()]);
    with_cores(arguments, cores)
}

/// How the process `root` has ended, if it has; collects every other one that did.
fn exit_status(root: Pid) -> Option<WaitStatus> {
    let mut found = None;
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        if pid == root {
            found = Some(status);
        }
    }
    found
}

/// Asks every process below this one to end, and kills what is left after a while.
fn end_descendants(stop: Signal) {
    // A process that has ended meanwhile is no error.
    for pid in descendants() {
        let _ = rustix::process::kill_process(pid, stop);
    }
    if !ends_within(GRACE, |_| {}) {
        ends_within(KILL_LIMIT, |pid| {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        });
    }
}

fn ends_within(limit: Duration, each: impl Fn(Pid)) -> bool {
    let start = Instant::now();
    loop {
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
        let descendants = descendants();
        if descendants.is_empty() {
            return true;
        }
        descendants.into_iter().for_each(&each);
        if start.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(POLL_END);
    }
}

fn descendants() -> Vec<Pid> {
    let tree = process_tree(std::process::id()).unwrap_or_default();
    tree.into_iter().skip(1).filter_map(|pid| Pid::from_raw(pid.cast_signed())).collect()
}

//! The process that holds a target: `pushbench keep-target`.
//!
//! It lives as long as its standard input is open, and the target no longer than it: asked to go by a signal first, then
//! killed, with all that it started. Should the keeper be killed itself, the kernel asks the target to go.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use model::target::Server;
use protocol::ready::ReadyLine;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal, WaitStatus};

use super::launch::Launch;
use super::{Foreign, readiness, requirement, tree};
use crate::cli::{BecomeTarget, KeepTarget};

/// The hidden sub-command that holds a target.
pub(crate) const SUB_COMMAND: &str = "keep-target";
/// The hidden sub-command that becomes one.
const BECOME: &str = "become-target";

/// From one look whether it is there to the next.
const LOOK: Duration = Duration::from_millis(10);

/// Holds a target until standard input ends.
///
/// # Errors
///
/// When it cannot be started, is not there in time, or ends by itself.
pub(crate) fn keep(arguments: &KeepTarget) -> anyhow::Result<ExitCode> {
    let foreign = Foreign::read(&arguments.file)?;
    if let Server::Running(address) = foreign.target.server {
        return keep_running(&foreign, address, &arguments.technique);
    }
    let kept = keep_started(&foreign, arguments);
    // What the target left in it is of no use to anybody.
    let _ = fs::remove_dir_all(&arguments.dir);
    kept
}

/// The other sub-command: becomes the target, which ends with the keeper.
///
/// # Errors
///
/// When its program cannot be started.
pub(crate) fn become_target(arguments: &BecomeTarget) -> anyhow::Result<ExitCode> {
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM)).context("end with the keeper")?;
    let (program, words) = arguments.command.split_first().context("a command without a program")?;
    let error = Command::new(program).args(words).exec();
    Err(error).with_context(|| format!("start {program}"))
}

fn keep_running(foreign: &Foreign, address: SocketAddr, technique: &str) -> anyhow::Result<ExitCode> {
    let deadline = deadline(foreign);
    loop {
        match readiness::look(address, foreign.target.ready.path.as_deref()) {
            Ok(()) => break,
            Err(why) if Instant::now() >= deadline => bail!("{}", never_there(foreign, &why)),
            Err(_) => std::thread::sleep(LOOK),
        }
    }
    say_ready(technique, address, std::process::id())?;
    io::copy(&mut io::stdin().lock(), &mut io::sink()).context("wait for the end of standard input")?;
    Ok(ExitCode::SUCCESS)
}

fn keep_started(foreign: &Foreign, arguments: &KeepTarget) -> anyhow::Result<ExitCode> {
    tree::adopt_orphans().context("adopt what the target leaves")?;
    os::pin(&arguments.cores.cores).context("stay on the server's cores")?;
    let launch = Launch::prepare(foreign, &arguments.dir)?.context("a target without a command")?;
    let root = start(&launch)?;
    let watched = watch(foreign, arguments, &launch, root);
    tree::end();
    watched.map(|()| ExitCode::SUCCESS)
}

/// Its output goes where ours for people goes, which the supervisor reads.
fn start(launch: &Launch) -> anyhow::Result<Pid> {
    let output = || io::stderr().as_fd().try_clone_to_owned().context("share standard error");
    let own = std::env::current_exe().context("find the own program")?;
    let child = Command::new(own)
        .args([BECOME, "--"])
        .args(&launch.command)
        .current_dir(&launch.folder)
        .env("PATH", requirement::search_path())
        .stdin(Stdio::null())
        .stdout(output()?)
        .stderr(output()?)
        .spawn()
        .with_context(|| format!("start {}", launch.command[0]))?;
    // From here on it is waited for by its number alone.
    Pid::from_raw(child.id().cast_signed()).context("a process without a number")
}

/// Waits until it is there, says so, and waits for the end of standard input.
fn watch(foreign: &Foreign, arguments: &KeepTarget, launch: &Launch, root: Pid) -> anyhow::Result<()> {
    let gone = rustix::process::pidfd_open(root, PidfdFlags::empty()).context("watch the target")?;
    let deadline = deadline(foreign);
    loop {
        match readiness::look(launch.address, foreign.target.ready.path.as_deref()) {
            Ok(()) => break,
            Err(why) if Instant::now() >= deadline => bail!("{}", never_there(foreign, &why)),
            Err(_) => {}
        }
        match wait(&gone, Some(LOOK))? {
            Woken::Nobody => {}
            Woken::Input => return Ok(()),
            Woken::Target => return Err(died(foreign, root)),
        }
    }
    say_ready(&arguments.technique, launch.address, root.as_raw_nonzero().get().cast_unsigned())?;
    loop {
        match wait(&gone, None)? {
            Woken::Nobody => {}
            Woken::Input => return Ok(()),
            Woken::Target => return Err(died(foreign, root)),
        }
    }
}

/// What ended a wait.
enum Woken {
    /// The time did.
    Nobody,
    /// Standard input has ended; nothing is ever written to it.
    Input,
    /// The target has.
    Target,
}

fn wait(gone: &OwnedFd, limit: Option<Duration>) -> anyhow::Result<Woken> {
    let input = io::stdin();
    let mut watched = [PollFd::new(gone, PollFlags::IN), PollFd::new(&input, PollFlags::IN)];
    let limit = limit.map(Timespec::try_from).transpose().context("a time that is too long")?;
    match rustix::event::poll(&mut watched, limit.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error).context("wait for the target"),
    }
    Ok(match watched.map(|watched| !watched.revents().is_empty()) {
        [true, _] => Woken::Target,
        [_, true] => Woken::Input,
        _ => Woken::Nobody,
    })
}

fn deadline(foreign: &Foreign) -> Instant {
    Instant::now() + Duration::from_nanos(foreign.target.ready.within_ns)
}

fn never_there(foreign: &Foreign, why: &str) -> String {
    let seconds = foreign.target.ready.within_ns as f64 / 1e9;
    format!("{} was not ready within {seconds} s: {why}", foreign.target.name)
}

fn died(foreign: &Foreign, root: Pid) -> anyhow::Error {
    let how = tree::ended(root).map_or_else(String::new, |status| how(&status));
    anyhow!("{} ended by itself{how}", foreign.target.name)
}

fn how(status: &WaitStatus) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => write!(text, " with exit status {code}"),
        (None, Some(signal)) => write!(text, " by signal {signal}"),
        (None, None) => Ok(()),
    };
    text
}

fn say_ready(technique: &str, address: SocketAddr, pid: u32) -> anyhow::Result<()> {
    let ready = ReadyLine { technique: technique.to_owned(), address, feed: None, certificate: None, pid };
    let mut out = io::stdout().lock();
    writeln!(out, "{}", ready.to_line()).and_then(|()| out.flush()).context("say that it is ready")
}

/// The arguments by which the supervisor starts a keeper.
pub(crate) fn arguments(foreign: &Foreign, technique: &str, dir: &Path, cores: &[u32]) -> Vec<String> {
    let mut arguments = vec![SUB_COMMAND.to_owned(), "--file".to_owned(), foreign.file.display().to_string()];
    arguments.extend(["--technique".to_owned(), technique.to_owned()]);
    arguments.extend(["--dir".to_owned(), dir.display().to_string()]);
    if !cores.is_empty() {
        let list: Vec<_> = cores.iter().map(u32::to_string).collect();
        arguments.extend(["--cores".to_owned(), list.join(",")]);
    }
    arguments
}

//! The process that runs a target: `pushbench supervise-target`.
//!
//! It lives as long as its standard input is open. At its end it asks the target to end by a signal, and then kills it,
//! with all that it started. If the supervisor itself is killed, the kernel sends that signal. Processes whose parent has
//! ended become children of the supervisor, so none escapes.

use std::fs;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use model::target::Server;
use os::process_tree;
use protocol::ready::ReadyLine;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, WaitStatus};

use super::readiness::check_ready;
use super::{Placeholders, TargetServer, search_path};
use crate::store::host::with_cores;

/// The hidden sub-command that runs a target.
const SUPERVISE: &str = "supervise-target";
/// The hidden sub-command that becomes the target's program.
const EXEC: &str = "exec-target";

/// From one check whether it is ready to the next.
const POLL: Duration = Duration::from_millis(10);
/// How long processes may take to end when they are asked to.
const GRACE: Duration = Duration::from_secs(3);
/// How long they may take when they are killed.
const KILL_LIMIT: Duration = Duration::from_secs(2);
/// From one check whether they have ended to the next.
const POLL_END: Duration = Duration::from_millis(5);

/// Runs a target until standard input ends.
pub(crate) fn supervise(file: &Path, technique: &str, dir: &Path, cores: &[u32]) -> anyhow::Result<()> {
    let server = TargetServer::read(file)?;
    if let Server::Running(address) = server.target.server {
        return watch(&server, technique, address, None);
    }
    let result = run_started(&server, technique, dir, cores);
    // The target's own files in it are not needed any more.
    let _ = fs::remove_dir_all(dir);
    result
}

/// The other sub-command: becomes the target's program, which ends with the supervisor.
pub(crate) fn exec(command: &[String]) -> anyhow::Result<ExitCode> {
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))
        .context("end with the supervisor")?;
    let (program, words) = command.split_first().context("a command without a program")?;
    let error = Command::new(program).args(words).exec();
    Err(error).with_context(|| format!("start {program}"))
}

fn run_started(server: &TargetServer, technique: &str, dir: &Path, cores: &[u32]) -> anyhow::Result<()> {
    // Processes below this one that lose their parent become its children. Any process id turns that on.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .context("adopt what the target leaves")?;
    os::pin(cores).context("stay on the server's cores")?;
    let launch = Launch::prepare(server, dir)?.context("a target without a command")?;
    let root = start(&launch)?;
    let watched = watch(server, technique, launch.address, Some(root));
    end_descendants();
    watched
}

/// Its output goes to this process's standard error, which pushbench reads.
fn start(launch: &Launch) -> anyhow::Result<Pid> {
    let output = || io::stderr().as_fd().try_clone_to_owned().context("share standard error");
    let own = std::env::current_exe().context("find the path of this program")?;
    let child = Command::new(own)
        .args([EXEC, "--"])
        .args(&launch.command)
        .current_dir(&launch.folder)
        .env("PATH", search_path())
        .stdin(Stdio::null())
        .stdout(output()?)
        .stderr(output()?)
        .spawn()
        .with_context(|| format!("start {}", launch.command[0]))?;
    // From here on it is waited for by its process id alone.
    Pid::from_raw(child.id().cast_signed()).context("a process without an id")
}

/// Waits until it is ready, prints the ready line, and waits for the end of standard input. `root` is the process that was started.
fn watch(
    server: &TargetServer,
    technique: &str,
    address: SocketAddr,
    root: Option<Pid>,
) -> anyhow::Result<()> {
    let gone = root.map(|root| rustix::process::pidfd_open(root, PidfdFlags::empty())).transpose();
    let gone = gone.context("watch the target")?;
    let ready = &server.target.ready;
    let deadline = Instant::now() + Duration::from_nanos(ready.within_ns);
    let mut is_ready = false;
    loop {
        if !is_ready {
            match check_ready(address, ready.path.as_deref()) {
                Ok(()) => {
                    let pid = root
                        .map_or_else(std::process::id, |root| root.as_raw_nonzero().get().cast_unsigned());
                    print_ready_line(technique, address, pid)?;
                    is_ready = true;
                }
                Err(why) if Instant::now() >= deadline => {
                    let seconds = ready.within_ns as f64 / 1e9;
                    bail!("{} was not ready within {seconds} s: {why}", server.target.name);
                }
                Err(_) => {}
            }
        }
        match wait(gone.as_ref(), (!is_ready).then_some(POLL))? {
            Event::Timeout => {}
            Event::InputEnded => return Ok(()),
            Event::TargetEnded => {
                let how = root.and_then(exit_status).map_or_else(String::new, |status| how(&status));
                bail!("{} ended by itself{how}", server.target.name);
            }
        }
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

fn print_ready_line(technique: &str, address: SocketAddr, pid: u32) -> anyhow::Result<()> {
    let ready = ReadyLine { technique: technique.to_owned(), address, feed: None, certificate: None, pid };
    let mut out = io::stdout().lock();
    writeln!(out, "{}", ready.to_line()).and_then(|()| out.flush()).context("write the ready line")
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
fn end_descendants() {
    // A process that has ended meanwhile is no error.
    for pid in descendants() {
        let _ = rustix::process::kill_process(pid, Signal::TERM);
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

/// What is started, and where it will listen.
#[derive(Debug)]
struct Launch {
    pub(super) command: Vec<String>,
    pub(super) folder: PathBuf,
    pub(super) address: SocketAddr,
}

impl Launch {
    /// Replaces the placeholders, and writes the configuration to `dir`. None for a server that is running already.
    fn prepare(server: &TargetServer, dir: &Path) -> anyhow::Result<Option<Self>> {
        let Server::Started { command, config } = &server.target.server else { return Ok(None) };
        let mut placeholders = match server.required_files() {
            Ok(placeholders) => placeholders,
            Err(missing) => bail!("{missing}"),
        };
        let address = free_address().context("find a free port")?;
        // A server that drops its privileges must still be able to read it.
        fs::create_dir_all(dir)
            .and_then(|()| fs::set_permissions(dir, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("make the folder {}", dir.display()))?;
        placeholders.insert("port".to_owned(), address.port().to_string());
        placeholders.insert("dir".to_owned(), dir.display().to_string());
        for (name, template) in config {
            let template = server.folder().join(template);
            let text =
                fs::read_to_string(&template).with_context(|| format!("read {}", template.display()))?;
            fs::write(dir.join(name), with_values(&text, &placeholders))
                .with_context(|| format!("write {name}"))?;
        }
        let command = command.iter().map(|word| with_values(word, &placeholders)).collect();
        Ok(Some(Self { command, folder: server.folder().to_owned(), address }))
    }
}

/// A port that was free a moment ago. If another program takes it meanwhile, the server reports that and ends.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Braces around anything else stay: configurations are full of them.
fn with_values(text: &str, placeholders: &Placeholders) -> String {
    let replace =
        |text: String, (name, value): (&String, &String)| text.replace(&format!("{{{name}}}"), value);
    placeholders.iter().fold(text.to_owned(), replace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_placeholders_are_replaced() {
        let placeholders =
            Placeholders::from([("port".to_owned(), "80".to_owned()), ("dir".to_owned(), "/d".to_owned())]);
        assert_eq!(
            with_values("http { listen {port}; root {dir}/{x}; }", &placeholders),
            "http { listen 80; root /d/{x}; }"
        );
    }
}

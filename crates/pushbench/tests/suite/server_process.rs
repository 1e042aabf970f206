//! A server process of the built command, and its parent.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use protocol::ready::ReadyLine;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// No test waits longer for anything.
pub(crate) const LONGEST: Duration = Duration::from_secs(20);

pub(crate) const PUSHBENCH: &str = env!("CARGO_BIN_EXE_pushbench");

/// A `pushbench serve` that listens, and its parent; they are the same process unless a program of its own started it.
pub(crate) struct ServerProcess {
    ready: ReadyLine,
    parent: Child,
    stdout: Option<BufReader<ChildStdout>>,
    gone: Option<ExitStatus>,
    _folder: TempDir,
}

impl ServerProcess {
    /// `pushbench serve` with these flags. `start` makes it from the folder for sockets and the whole command line.
    pub(crate) fn start(
        technique: &str,
        flags: &[&str],
        start: impl Fn(&TempDir, &[&OsStr]) -> Command,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the feed");
        let feed = folder.path().join("feed");
        let mut line =
            [PUSHBENCH, "serve", technique, "--listen", "127.0.0.1:0", "--feed"].map(OsStr::new).to_vec();
        line.push(feed.as_os_str());
        line.extend(flags.iter().map(OsStr::new));
        let mut command = start(&folder, &line);
        let mut parent =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the command starts");
        let (stdout, ready) = read_ready(&mut parent);
        assert_eq!(ready.technique, technique);
        Self { ready, parent, stdout: Some(stdout), gone: None, _folder: folder }
    }

    /// The same, with this process as the parent.
    pub(crate) fn start_directly(technique: &str, flags: &[&str]) -> Self {
        Self::start(technique, flags, |_, line| {
            let mut command = Command::new(line[0]);
            command.args(&line[1..]);
            command
        })
    }

    pub(crate) fn ready(&self) -> &ReadyLine {
        &self.ready
    }

    pub(crate) fn feed(&self) -> &str {
        self.ready.feed.as_deref().expect("a feed was asked for")
    }

    /// Ends its input, which asks it to stop.
    pub(crate) fn end_input(&mut self) {
        drop(self.parent.stdin.take());
    }

    pub(crate) fn kill_parent(&mut self) {
        self.parent.kill().expect("the parent runs");
    }

    /// Returns once the server and its parent have ended: no process holds the standard output any more.
    pub(crate) fn until_gone(&mut self) -> ExitStatus {
        let stdout = self.stdout.take().expect("it is awaited once");
        let rest = in_time(LONGEST, self.ready.pid, "the server ends", || io::read_to_string(stdout));
        assert_eq!(rest.expect("readable"), "", "nothing follows the ready line");
        *self.gone.insert(self.parent.wait().expect("the parent has ended"))
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // The lifeline's end stops a server below a program of its own. The kill is for one that does not mind it.
        self.end_input();
        if thread::panicking() && self.gone.is_none() {
            kill(self.ready.pid);
        }
        let _ = self.parent.kill();
        let _ = self.parent.wait();
    }
}

fn read_ready(parent: &mut Child) -> (BufReader<ChildStdout>, ReadyLine) {
    let mut stdout = BufReader::new(parent.stdout.take().expect("a pipe"));
    let read = in_time(LONGEST, parent.id(), "the server prints its ready line", || {
        let mut line = String::new();
        stdout.read_line(&mut line).map(|_| (stdout, line))
    });
    let (stdout, line) = read.expect("its output can be read");
    let ready = ReadyLine::parse(&line).unwrap_or_else(|error| panic!("{error}: `{line}`"));
    (stdout, ready)
}

/// What `wait` returns, which waits for `what` of a process. Kills the process, and panics, if it takes longer.
#[track_caller]
pub(crate) fn in_time<T: Send + 'static>(
    longest: Duration,
    pid: u32,
    what: &str,
    wait: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (sender, receiver) = mpsc::channel();
    // Nobody joins it: another process may hold the pipe that it reads, and keep it there.
    thread::spawn(move || _ = sender.send(wait()));
    receiver.recv_timeout(longest).unwrap_or_else(|_| {
        kill(pid);
        panic!("not within {longest:?}: {what} (process {pid})");
    })
}

/// Returns once `holds`.
#[track_caller]
pub(crate) fn until(what: &str, holds: impl FnMut() -> bool) {
    until_within(LONGEST, what, holds);
}

#[track_caller]
pub(crate) fn until_within(longest: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < longest, "not within {longest:?}: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Kills a process that a test has started and that is still not waited for.
pub(crate) fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // An error says that it is gone, which is all that is wanted.
        let _ = kill_process(pid, Signal::KILL);
    }
}

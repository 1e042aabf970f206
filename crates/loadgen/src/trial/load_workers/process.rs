//! One load worker's process, from its start to its end in all cases; what it reads and writes, a line of JSON each, and why one
//! fails.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use model::trial::{Side, TrialSpec};
use serde::{Deserialize, Serialize};

use crate::schedule::Timing;
use crate::trial::load_report::{DriverProgress, LoadReport};

/// A worker writes something every second at least.
const LONGEST_SILENCE_NS: u64 = 10_000_000_000;
/// How often it is looked whether it has ended.
const LOOK_NS: u64 = 5_000_000;
/// A process whose output has ended may take so long to end itself.
const GOING_NS: u64 = 1_000_000_000;
const LONGEST_LINE: u64 = 256 * 1024 * 1024;
/// How much of a line that is no message is quoted.
const QUOTED: usize = 120;

/// A load process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct WorkerProcess {
    child: Child,
    input: ChildStdin,
    received: Arc<Received>,
    listener: Option<JoinHandle<LastMessage>>,
}

#[derive(Debug)]
struct Received {
    progress: Mutex<DriverProgress>,
    /// When it wrote last.
    at_ns: AtomicU64,
}

#[derive(Debug)]
enum LastMessage {
    Result(WorkerResult),
    Failed(LoadWorkerError),
    /// Without any.
    None,
}

impl WorkerProcess {
    /// Starts `program`, and sends it its first command. Its standard error is this process's.
    pub(super) fn start(mut program: Command, command: &LoadCommand) -> Result<Self, LoadWorkerError> {
        let pipe = || LoadWorkerError::Start(io::Error::other("a pipe is missing"));
        program.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = program.spawn().map_err(LoadWorkerError::Start)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let received = Arc::new(Received { progress: Mutex::default(), at_ns: AtomicU64::new(os::now_ns()) });
        let listening = Arc::clone(&received);
        let listen = |output| {
            thread::Builder::new()
                .name("load-worker".to_owned())
                .spawn(move || listen(output, &listening))
                .ok()
        };
        let listener = output.and_then(listen);
        let Some((input, listener)) = input.zip(listener) else {
            end(&mut child, 0).map_err(LoadWorkerError::Start)?;
            return Err(pipe());
        };
        let worker = Self { child, input, received, listener: Some(listener) };
        match worker.send(command) {
            // It has ended; how is found later.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(worker),
            sent => sent.map(|()| worker).map_err(LoadWorkerError::NotReading),
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn progress(&self) -> DriverProgress {
        self.received.progress().clone()
    }

    pub(super) fn send(&self, command: &LoadCommand) -> io::Result<()> {
        let mut line = serde_json::to_vec(command)?;
        line.push(b'\n');
        (&self.input).write_all(&line)
    }

    /// Whether it has ended, or hung.
    pub(super) fn has_given_up(&self) -> bool {
        self.has_ended_output() || self.received.silence_ns() > LONGEST_SILENCE_NS
    }

    /// Waits until it has written its result, until `limit_ns` of `CLOCK_MONOTONIC` at most.
    pub(super) fn end(mut self, limit_ns: u64) -> Result<WorkerResult, LoadWorkerError> {
        while !self.has_ended_output() && os::now_ns() < limit_ns {
            os::sleep_until_ns(os::now_ns() + LOOK_NS);
        }
        let (written_all, silence_ns) = (self.has_ended_output(), self.received.silence_ns());
        let status =
            end(&mut self.child, if written_all { GOING_NS } else { 0 }).map_err(LoadWorkerError::Start)?;
        let last = self.listener.take().and_then(|listener| listener.join().ok());
        match last {
            Some(LastMessage::Result(result)) => Ok(result),
            Some(LastMessage::Failed(error)) => Err(error),
            _ if !written_all => Err(LoadWorkerError::Silent(silence_ns / 1_000_000_000)),
            _ => Err(LoadWorkerError::Ended(status)),
        }
    }

    fn has_ended_output(&self) -> bool {
        self.listener.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        // It can only fail because it has ended and was waited for.
        let _ = end(&mut self.child, 0);
    }
}

impl Received {
    fn progress(&self) -> std::sync::MutexGuard<'_, DriverProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn silence_ns(&self) -> u64 {
        os::now_ns().saturating_sub(self.at_ns.load(Ordering::Relaxed))
    }
}

/// Waits for a process, kills it after this time, and returns how it ended.
fn end(child: &mut Child, idle_timeout_ns: u64) -> io::Result<ExitStatus> {
    let limit_ns = os::now_ns() + idle_timeout_ns;
    while os::now_ns() < limit_ns {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        os::sleep_until_ns(os::now_ns() + LOOK_NS);
    }
    child.kill()?;
    child.wait()
}

/// Reads what a worker writes until its last message.
fn listen(output: ChildStdout, received: &Received) -> LastMessage {
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        // An error of a pipe is its end, too.
        if matches!((&mut output).take(LONGEST_LINE).read_until(b'\n', &mut line), Ok(0) | Err(_)) {
            return LastMessage::None;
        }
        received.at_ns.store(os::now_ns(), Ordering::Relaxed);
        match serde_json::from_slice(&line) {
            Ok(WorkerMessage::Progress(progress)) => *received.progress() = progress,
            Ok(WorkerMessage::Result(result)) => return LastMessage::Result(result),
            Ok(WorkerMessage::Failed { side, reason }) => {
                return LastMessage::Failed(LoadWorkerError::Failed(side, reason));
            }
            Err(_) => return LastMessage::Failed(LoadWorkerError::NotAMessage(quoted(&line))),
        }
    }
}

fn quoted(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    format!("{:?}", text.trim_end().chars().take(QUOTED).collect::<String>())
}

/// What a worker reads, in this order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum LoadCommand {
    /// Prepare to connect the subscribers of this worker.
    Bring {
        spec: Box<TrialSpec>,
        worker: u32,
    },
    Connect,
    Open(Timing),
    /// End every subscriber, and write the result.
    Finish,
}

/// What a worker writes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WorkerMessage {
    /// How far it is; repeatedly.
    Progress(DriverProgress),
    Result(WorkerResult),
    Failed {
        side: Side,
        reason: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WorkerResult {
    pub(super) reports: Vec<LoadReport>,
    pub(super) reconnects: u64,
    pub(super) last_error: Option<String>,
}

/// Why a load worker failed, as the trial sees it.
#[derive(Debug, thiserror::Error)]
pub enum LoadWorkerError {
    /// It could not be started.
    #[error("it cannot be started")]
    Start(#[source] io::Error),
    /// It did not read a command.
    #[error("it does not listen")]
    NotReading(#[source] io::Error),
    /// It ended too early.
    #[error("it ended with {0}")]
    Ended(ExitStatus),
    /// It wrote nothing for so many seconds, and was killed.
    #[error("it said nothing for {0} s")]
    Silent(u64),
    /// It wrote something else than a message.
    #[error("it said {0}")]
    NotAMessage(String),
    /// It reported an error: the side that failed, and why.
    #[error("{1}")]
    Failed(Side, String),
}

impl LoadWorkerError {
    /// Who is to blame.
    pub fn side(&self) -> Side {
        match self {
            Self::Failed(side, _) => *side,
            _ => Side::Load,
        }
    }
}

#[cfg(test)]
mod tests {
    use model::trial::Side;

    use super::*;

    const FAR_NS: u64 = 60_000_000_000;

    fn shell(script: &str) -> WorkerProcess {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        WorkerProcess::start(command, &LoadCommand::Connect).unwrap()
    }

    fn await_that(what: impl Fn() -> bool) {
        let limit_ns = os::now_ns() + FAR_NS;
        while !what() {
            assert!(os::now_ns() < limit_ns, "it takes more than a minute");
            os::sleep_until_ns(os::now_ns() + LOOK_NS);
        }
    }

    #[test]
    fn what_a_part_says_is_received() {
        let progress = DriverProgress { prepared: 1, threads: 2, connected: 3, ..DriverProgress::default() };
        let line = serde_json::to_string(&WorkerMessage::Progress(progress.clone())).unwrap();
        let worker = shell(&format!("read order; echo '{line}'; exec sleep 60"));
        await_that(|| worker.progress() == progress);
        assert!(!worker.has_given_up());
    }

    #[test]
    fn a_worker_that_ends_early_writes_something_else_or_fails_is_reported_as_that() {
        let failed = WorkerMessage::Failed { side: Side::Server, reason: "no such port".to_owned() };
        let failed = format!("echo '{}'", serde_json::to_string(&failed).unwrap());
        for (script, words, side) in [
            ("exit 3", "it ended with exit status: 3", Side::Load),
            ("echo hello; exec sleep 60", "it said \"hello\"", Side::Load),
            (failed.as_str(), "no such port", Side::Server),
        ] {
            let worker = shell(&format!("read order; {script}"));
            await_that(|| worker.has_given_up());
            let error = worker.end(os::now_ns() + FAR_NS).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.side()), (words, side));
        }
    }

    #[test]
    fn a_worker_that_does_not_end_in_time_is_killed() {
        let worker = shell("read order; exec sleep 60");
        let pid = worker.pid();
        let error = worker.end(os::now_ns() + LOOK_NS).unwrap_err();
        assert!(matches!(error, LoadWorkerError::Silent(_)), "{error}");
        assert!(os::has_ended(pid));
    }

    #[test]
    fn a_dropped_worker_is_killed_and_waited_for() {
        let worker = shell("exec sleep 60");
        let pid = worker.pid();
        drop(worker);
        assert!(os::has_ended(pid));
    }
}

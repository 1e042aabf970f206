//! One load process that brings a part of the subscribers, from its start to its end in all cases.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::messages::{LoadCommand, LoadWorkerError, WorkerMessage, WorkerProgress, WorkerResult};

/// A part says something every second at least.
const LONGEST_SILENCE_NS: u64 = 10_000_000_000;
/// How often it is looked whether it has ended.
const LOOK_NS: u64 = 5_000_000;
/// A process whose output has ended may take so long to end itself.
const GOING_NS: u64 = 1_000_000_000;
const LONGEST_LINE: u64 = 256 * 1024 * 1024;
/// So much of rubbish is quoted.
const QUOTED: usize = 120;

/// A load process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct WorkerProcess {
    child: Child,
    input: ChildStdin,
    heard: Arc<Received>,
    listener: Option<JoinHandle<LastMessage>>,
}

/// What was heard of it so far.
#[derive(Debug)]
struct Received {
    state: Mutex<WorkerProgress>,
    /// When something was heard last.
    at_ns: AtomicU64,
}

/// How what it says ended.
#[derive(Debug)]
enum LastMessage {
    WorkerResult(WorkerResult),
    Failed(LoadWorkerError),
    /// Without any.
    None,
}

impl WorkerProcess {
    /// Starts `command`, and gives it its first order. Its standard error is this process's.
    pub(super) fn start(mut command: Command, order: &LoadCommand) -> Result<Self, LoadWorkerError> {
        let pipe = || LoadWorkerError::Start(io::Error::other("a pipe is missing"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(LoadWorkerError::Start)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let heard = Arc::new(Received { state: Mutex::default(), at_ns: AtomicU64::new(os::now_ns()) });
        let told = Arc::clone(&heard);
        let listen =
            |output| thread::Builder::new().name("part".to_owned()).spawn(move || listen(output, &told)).ok();
        let listener = output.and_then(listen);
        let Some((input, listener)) = input.zip(listener) else {
            end(&mut child, 0).map_err(LoadWorkerError::Start)?;
            return Err(pipe());
        };
        let part = Self { child, input, heard, listener: Some(listener) };
        match part.tell(order) {
            // It has ended: how, is told when it is looked at.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(part),
            told => told.map(|()| part).map_err(LoadWorkerError::Deaf),
        }
    }

    /// Its process's number.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How far it is.
    pub(super) fn state(&self) -> WorkerProgress {
        self.heard.state().clone()
    }

    /// Gives it an order.
    pub(super) fn tell(&self, order: &LoadCommand) -> io::Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        (&self.input).write_all(&line)
    }

    /// Whether it has ended, or hung.
    pub(super) fn has_given_up(&self) -> bool {
        self.has_said_all() || self.heard.silence_ns() > LONGEST_SILENCE_NS
    }

    /// Waits until it has said what it found, until `limit_ns` of `CLOCK_MONOTONIC` at most.
    pub(super) fn end(mut self, limit_ns: u64) -> Result<WorkerResult, LoadWorkerError> {
        while !self.has_said_all() && os::now_ns() < limit_ns {
            os::sleep_until_ns(os::now_ns() + LOOK_NS);
        }
        let (said_all, silence_ns) = (self.has_said_all(), self.heard.silence_ns());
        let status =
            end(&mut self.child, if said_all { GOING_NS } else { 0 }).map_err(LoadWorkerError::Start)?;
        let last = self.listener.take().and_then(|listener| listener.join().ok());
        match last {
            Some(LastMessage::WorkerResult(found)) => Ok(found),
            Some(LastMessage::Failed(error)) => Err(error),
            _ if !said_all => Err(LoadWorkerError::Silent { seconds: silence_ns / 1_000_000_000 }),
            _ => Err(LoadWorkerError::Ended(status)),
        }
    }

    fn has_said_all(&self) -> bool {
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
    fn state(&self) -> std::sync::MutexGuard<'_, WorkerProgress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn silence_ns(&self) -> u64 {
        os::now_ns().saturating_sub(self.at_ns.load(Ordering::Relaxed))
    }
}

/// Waits for a process, kills it after so long, and says how it ended.
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

/// Takes in what a part says until its last word.
fn listen(output: ChildStdout, heard: &Received) -> LastMessage {
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        // An error of a pipe is its end, too.
        if matches!((&mut output).take(LONGEST_LINE).read_until(b'\n', &mut line), Ok(0) | Err(_)) {
            return LastMessage::None;
        }
        heard.at_ns.store(os::now_ns(), Ordering::Relaxed);
        match serde_json::from_slice(&line) {
            Ok(WorkerMessage::WorkerProgress(state)) => *heard.state() = state,
            Ok(WorkerMessage::WorkerResult(found)) => return LastMessage::WorkerResult(found),
            Ok(WorkerMessage::Failed { side, reason }) => {
                return LastMessage::Failed(LoadWorkerError::Failed { side, reason });
            }
            Err(_) => return LastMessage::Failed(LoadWorkerError::Rubbish(quoted(&line))),
        }
    }
}

fn quoted(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    format!("{:?}", text.trim_end().chars().take(QUOTED).collect::<String>())
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
    fn what_a_part_says_is_heard() {
        let state = WorkerProgress { prepared: 1, threads: 2, connected: 3, ..WorkerProgress::default() };
        let line = serde_json::to_string(&WorkerMessage::WorkerProgress(state.clone())).unwrap();
        let part = shell(&format!("read order; echo '{line}'; exec sleep 60"));
        await_that(|| part.state() == state);
        assert!(!part.has_given_up());
    }

    #[test]
    fn a_part_that_ends_early_says_rubbish_or_gives_up_is_told_as_that() {
        let failed = WorkerMessage::Failed { side: Side::Server, reason: "no such port".to_owned() };
        let failed = format!("echo '{}'", serde_json::to_string(&failed).unwrap());
        for (script, words, side) in [
            ("exit 3", "it ended with exit status: 3", Side::Load),
            ("echo hello; exec sleep 60", "it said \"hello\"", Side::Load),
            (failed.as_str(), "no such port", Side::Server),
        ] {
            let part = shell(&format!("read order; {script}"));
            await_that(|| part.has_given_up());
            let error = part.end(os::now_ns() + FAR_NS).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.side()), (words, side));
        }
    }

    #[test]
    fn a_part_that_does_not_end_in_time_is_killed() {
        let part = shell("read order; exec sleep 60");
        let pid = part.pid();
        let error = part.end(os::now_ns() + LOOK_NS).unwrap_err();
        assert!(matches!(error, LoadWorkerError::Silent { .. }), "{error}");
        assert!(os::has_ended(pid));
    }

    #[test]
    fn a_dropped_part_is_killed_and_waited_for() {
        let part = shell("exec sleep 60");
        let pid = part.pid();
        drop(part);
        assert!(os::has_ended(pid));
    }
}

//! Child processes: started with a lifeline, read with time limits, ended in all cases.
//!
//! A child's standard input is its lifeline: it stays open as long as this process lives. The child stops at its end,
//! also when this process was killed. A dropped [`Process`] is killed. Each child has its own process group, so that
//! Ctrl-C reaches this process alone, which then ends the children in order.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::stderr_tail::{StderrReader, StderrTail};

/// How long a child may take to end after its lifeline has ended; then it is killed.
const GRACE: Duration = Duration::from_secs(5);
/// The same for a tool: a server fifty times slower waits 3 s for its connections, and then the tool writes its counts.
const GRACE_OF_TOOLS: Duration = Duration::from_secs(60);
const LONGEST_LINE: u64 = 64 * 1024;
const LONGEST_OUTPUT: u64 = 256 * 1024 * 1024;

/// Why a child did not do what it was started for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    #[error("{} cannot be started: {cause}", .program.display())]
    Start { program: PathBuf, cause: io::Error },
    #[error("the {name} said nothing for {} s{stderr}", .limit.as_secs())]
    Silent { name: &'static str, limit: Duration, stderr: StderrTail },
    #[error("the {name} ended with {status}{stderr}")]
    Ended { name: &'static str, status: ExitStatus, stderr: StderrTail },
    #[error("the {name} wrote {found} instead of a line of text{stderr}")]
    Rubbish { name: &'static str, found: String, stderr: StderrTail },
    #[error("the pipe to the {name} failed: {cause}{stderr}")]
    Pipe { name: &'static str, cause: io::Error, stderr: StderrTail },
}

/// What becomes of a child that is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDrop {
    Kill,
    /// Of a tool that starts the actual child and does not end it.
    KillGroup,
    /// Of a child that ends its own children.
    EndLifeline,
}

#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    lifeline: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    stderr: StderrReader,
    /// The group of a child that starts others, which stay if only the child is killed.
    group: Option<Pid>,
    on_drop: OnDrop,
}

impl Process {
    /// Starts `program`, which is killed when this is dropped; `name` is what messages call it.
    pub(crate) fn start<S: AsRef<OsStr>>(
        name: &'static str,
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Self, ProcessError> {
        Self::start_with(name, program, arguments, OnDrop::Kill)
    }

    pub(crate) fn start_with<S: AsRef<OsStr>>(
        name: &'static str,
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
        on_drop: OnDrop,
    ) -> Result<Self, ProcessError> {
        let failed = |cause| ProcessError::Start { program: program.to_owned(), cause };
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(on_drop != OnDrop::EndLifeline)
            .spawn()
            .map_err(failed)?;
        let pipe = |what: &str| failed(io::Error::other(format!("it has no standard {what}")));
        let output = child.stdout.take().ok_or_else(|| pipe("output"))?;
        let stderr = StderrReader::start(child.stderr.take().ok_or_else(|| pipe("error"))?);
        let group = (on_drop != OnDrop::Kill).then(|| child.id()).flatten();
        let group = group.and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let output = BufReader::new(output);
        Ok(Self { name, lifeline: child.stdin.take(), child, output, stderr, group, on_drop })
    }

    /// Writes a line to the lifeline, which stays open.
    pub(crate) async fn write_line(&mut self, line: &str) -> Result<(), ProcessError> {
        let Some(lifeline) = &mut self.lifeline else { return Ok(()) };
        let line = [line, "\n"].concat();
        let written = timeout(GRACE, lifeline.write_all(line.as_bytes())).await;
        match written {
            Ok(Ok(())) => Ok(()),
            // How it ended is a better reason than that it does not read.
            Ok(Err(source)) if source.kind() == io::ErrorKind::BrokenPipe => Err(self.ended().await),
            Ok(Err(source)) => Err(self.pipe_failed(source).await),
            Err(_) => Err(self.silent(GRACE)),
        }
    }

    /// The next line of its standard output, without the line's end.
    pub(crate) async fn read_line(&mut self, limit: Duration) -> Result<String, ProcessError> {
        let mut line = Vec::new();
        let mut output = (&mut self.output).take(LONGEST_LINE);
        match timeout(limit, output.read_until(b'\n', &mut line)).await {
            Err(_) => Err(self.silent(limit)),
            Ok(Err(source)) => Err(self.pipe_failed(source).await),
            Ok(Ok(_)) if line.is_empty() => Err(self.ended().await),
            Ok(Ok(_)) => match (line.pop(), String::from_utf8(line)) {
                (Some(b'\n'), Ok(line)) => Ok(line),
                (_, Ok(line)) => Err(self.rubbish(&line)),
                (_, Err(error)) => Err(self.rubbish(&String::from_utf8_lossy(error.as_bytes()))),
            },
        }
    }

    /// All of its standard output, once it has ended well.
    pub(crate) async fn output(&mut self, limit: Duration) -> Result<String, ProcessError> {
        let mut bytes = Vec::new();
        let mut output = (&mut self.output).take(LONGEST_OUTPUT);
        match timeout(limit, output.read_to_end(&mut bytes)).await {
            Err(_) => return Err(self.silent(limit)),
            Ok(Err(source)) => return Err(self.pipe_failed(source).await),
            Ok(Ok(_)) => {}
        }
        match self.status().await? {
            status if status.success() => String::from_utf8(bytes)
                .map_err(|error| self.rubbish(&String::from_utf8_lossy(error.as_bytes()))),
            status => Err(self.ended_with(status).await),
        }
    }

    /// Resolves when it ends by itself. Cancel-safe.
    pub(crate) async fn died(&mut self) -> ProcessError {
        match self.child.wait().await {
            Ok(status) => self.ended_with(status).await,
            Err(source) => self.pipe_failed(source).await,
        }
    }

    /// Asks it to end, and kills it if it does not.
    pub(crate) async fn end(mut self) -> Ending {
        drop(self.lifeline.take());
        let grace = if self.on_drop == OnDrop::KillGroup { GRACE_OF_TOOLS } else { GRACE };
        let is_orderly = timeout(grace, self.child.wait()).await.is_ok();
        if !is_orderly {
            // It can only fail because the child has gone.
            let _ = self.child.kill().await;
        }
        self.kill_group();
        let stderr = self.stderr.at_end().await;
        if is_orderly { Ending::Orderly(stderr) } else { Ending::Killed(stderr) }
    }

    fn kill_group(&mut self) {
        if let Some(group) = self.group.take() {
            // An error means that the group is empty.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }

    async fn ended(&mut self) -> ProcessError {
        match self.status().await {
            Ok(status) => self.ended_with(status).await,
            Err(error) => error,
        }
    }

    async fn status(&mut self) -> Result<ExitStatus, ProcessError> {
        match timeout(GRACE, self.child.wait()).await {
            Ok(Ok(status)) => Ok(status),
            Ok(Err(source)) => Err(self.pipe_failed(source).await),
            Err(_) => Err(self.silent(GRACE)),
        }
    }

    async fn ended_with(&mut self, status: ExitStatus) -> ProcessError {
        ProcessError::Ended { name: self.name, status, stderr: self.stderr.at_end().await }
    }

    async fn pipe_failed(&mut self, cause: io::Error) -> ProcessError {
        ProcessError::Pipe { name: self.name, cause, stderr: self.stderr.at_end().await }
    }

    fn silent(&self, limit: Duration) -> ProcessError {
        ProcessError::Silent { name: self.name, limit, stderr: self.stderr.so_far() }
    }

    fn rubbish(&self, found: &str) -> ProcessError {
        let found = format!("{:?}", found.chars().take(120).collect::<String>());
        ProcessError::Rubbish { name: self.name, found, stderr: self.stderr.so_far() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.on_drop == OnDrop::KillGroup {
            self.kill_group();
        }
    }
}

/// How a child ended, and what it wrote to standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    Orderly(StderrTail),
    Killed(StderrTail),
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Process {
        Process::start("server", Path::new("/bin/sh"), ["-c", script]).unwrap()
    }

    fn tool(script: &str) -> Process {
        let arguments = ["-c", script];
        Process::start_with("server", Path::new("/bin/sh"), arguments, OnDrop::KillGroup).unwrap()
    }

    #[tokio::test]
    async fn a_child_that_ends_before_its_line_is_quoted() {
        let error =
            shell("echo first >&2; echo no such port >&2; exit 3").read_line(LIMIT).await.unwrap_err();
        assert_eq!(error.to_string(), "the server ended with exit status: 3; it said: first | no such port");
    }

    #[tokio::test]
    async fn a_line_that_never_ends_is_rubbish() {
        let error = shell("exec yes | tr -d '\\n'").read_line(LIMIT).await.unwrap_err();
        assert!(error.to_string().starts_with("the server wrote \"yyyy"), "{error}");
    }

    #[tokio::test]
    async fn the_lifelines_end_ends_a_child() {
        let mut process = shell("cat; echo done");
        process.write_line("hello").await.unwrap();
        assert_eq!(process.read_line(LIMIT).await.unwrap(), "hello");
        assert_eq!(process.end().await, Ending::Orderly(StderrTail::default()));
    }

    #[tokio::test]
    async fn a_child_that_ended_before_it_read_a_line_is_quoted() {
        let mut process = shell("echo no such port >&2; exit 3");
        process.child.wait().await.unwrap();
        // A child that another test has forked holds this one's pipe until its exec, so the first writes may succeed.
        let error = timeout(LIMIT, async {
            loop {
                if let Err(error) = process.write_line("hello").await {
                    break error;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        assert!(matches!(&error, ProcessError::Ended { status, .. } if status.code() == Some(3)), "{error}");
        assert!(error.to_string().ends_with("no such port"), "{error}");
    }

    #[tokio::test]
    async fn a_child_that_ends_when_asked_is_quoted() {
        assert_ends(shell("cat; echo connections rejected: 2 >&2"), "connections rejected: 2").await;
    }

    /// The process ends well when it is asked, with these words on standard error.
    async fn assert_ends(process: Process, words: &str) {
        let ending = process.end().await;
        let Ending::Orderly(stderr) = ending else { panic!("{ending:?}") };
        assert_eq!(stderr.lines(), Some(words));
    }

    #[tokio::test]
    async fn a_tool_may_take_longer_to_write_its_counts() {
        assert_ends(tool("cat; sleep 5.5; echo written >&2"), "written").await;
    }

    #[tokio::test]
    async fn the_standard_error_of_a_dead_child_can_be_read_twice() {
        let mut process = shell("echo no such port >&2; exit 3");
        let error = process.died().await;
        assert_eq!(error.to_string(), "the server ended with exit status: 3; it said: no such port");
        assert_ends(process, "no such port").await;
    }

    #[tokio::test]
    async fn a_child_that_floods_standard_error_does_not_block() {
        let mut process = shell("yes complaint | head -c 1000000 >&2; echo ready");
        assert_eq!(process.read_line(LIMIT).await.unwrap(), "ready");
    }

    #[tokio::test]
    async fn a_dropped_process_is_killed() {
        dropped(shell("echo $$; exec sleep 60")).await;
    }

    #[tokio::test]
    async fn what_a_dropped_tool_started_is_killed_with_it() {
        dropped(tool("sleep 60 & echo $!; wait")).await;
    }

    /// Drops a process, and returns once that has ended whose number it has printed.
    async fn dropped(mut process: Process) {
        let pid: u32 = process.read_line(LIMIT).await.unwrap().parse().unwrap();
        drop(process);
        let deadline = std::time::Instant::now() + LIMIT;
        while !os::has_ended(pid) {
            assert!(std::time::Instant::now() < deadline, "process {pid} is still there");
            tokio::task::yield_now().await;
        }
    }
}

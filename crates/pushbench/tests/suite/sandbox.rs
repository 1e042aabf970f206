//! A pushbench process in a folder of its own, and the processes that it starts.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use model::manifest::Manifest;
use model::results;
use model::trial::{Side, TrialRecord, TrialResult};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::server_process::until_within;

/// Nothing in these tests takes this long unless it hangs.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

/// A trial of a third of a second.
pub(crate) const SHORT: &str = r#"
question = "Does it come through?"
reading = "It does, or it does not."
repetitions = 3
techniques = ["raw-tcp", "long-polling"]
events.rate = "50/s"
[phases]
warm_up = "50ms"
window = "200ms"
"#;

/// A folder with a test's own scenarios, results and temporary files.
pub(crate) struct Sandbox(TempDir);

impl Sandbox {
    /// With one scenario, `short`.
    pub(crate) fn new() -> Self {
        let sandbox = Self(tempfile::tempdir().expect("a folder"));
        for folder in ["scenarios", "tmp"] {
            fs::create_dir(sandbox.path(folder)).expect("a folder in it");
        }
        sandbox.scenario("short", SHORT);
        sandbox
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Adds a scenario. One without a question gets that, a reading, and one repetition if it names no number.
    pub(crate) fn scenario(&self, name: &str, text: &str) {
        let mut text = text.to_owned();
        if !text.contains("question = ") {
            let once = if text.contains("repetitions = ") { "" } else { "repetitions = 1\n" };
            text.insert_str(0, &format!("question = \"Does it work?\"\nreading = \"It does.\"\n{once}"));
        }
        fs::write(self.path(&format!("scenarios/{name}.toml")), text).expect("a scenario is written");
    }

    /// Keeps the built-in scenarios out of runs that name none: each is overridden by one that has to be named.
    pub(crate) fn override_built_in_scenarios(&self) {
        let names = self.pushbench("list --scenarios").output().expect("pushbench starts").stdout;
        for name in String::from_utf8(names).expect("names are text").lines() {
            if !self.path(&format!("scenarios/{name}.toml")).exists() {
                self.scenario(name, &SHORT.replace("repetitions", "runs = \"when-named\"\nrepetitions"));
            }
        }
    }

    /// Adds a shell script that can be started as a program.
    pub(crate) fn script(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a script is written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it can be started");
        path.display().to_string()
    }

    /// pushbench in this folder, with arguments that spaces separate. What it starts inherits `TMPDIR`, by which
    /// [`descendants`](Self::descendants) finds it.
    pub(crate) fn pushbench(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pushbench"));
        command
            .args(arguments.split(' '))
            // The machine that runs the tests does so beside others, and records are counted.
            .args(arguments.starts_with("run ").then_some("--repeat-disturbed=0"))
            .current_dir(self.0.path())
            .env("TMPDIR", self.path("tmp"))
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn output(&self, arguments: &str) -> CommandOutput {
        CommandOutput::run(&mut self.pushbench(arguments))
    }

    /// The same where programs are found in this folder of the sandbox, and nowhere else that people put them.
    pub(crate) fn output_with_path(&self, folder: &str, arguments: &str) -> CommandOutput {
        CommandOutput::run(self.pushbench(arguments).env("PATH", self.path(folder)))
    }

    /// Starts it, to be watched.
    pub(crate) fn start(&self, arguments: &str) -> Running {
        let mut command = self.pushbench(arguments);
        let mut child =
            command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("pushbench starts");
        let progress = BufReader::new(child.stderr.take().expect("a pipe"));
        Running { child, progress: Box::new(progress), seen: String::new() }
    }

    /// One in which the scenario of this text is being run.
    pub(crate) fn running(text: &str) -> (Self, Running) {
        let sandbox = Self::new();
        sandbox.scenario("one", text);
        let running = sandbox.start("run --scenario one --no-report");
        (sandbox, running)
    }

    /// One in which a run of `short` with these arguments has succeeded.
    #[track_caller]
    pub(crate) fn ran_short(more: &str) -> Self {
        let sandbox = Self::new();
        sandbox.output(&format!("run --scenario short --no-report {more}")).expect(0, &[]);
        sandbox
    }

    /// One in which a run of the scenario of this text has succeeded.
    #[track_caller]
    pub(crate) fn ran(text: &str) -> Self {
        let (sandbox, running) = Self::running(text);
        sandbox.ends(running, 0, &[]);
        sandbox
    }

    /// Asserts that a run ends with this exit code and these words, and leaves no process.
    #[track_caller]
    pub(crate) fn ends(&self, running: Running, code: i32, words: &[&str]) {
        running.finish().expect(code, words);
        self.until_no_process_is_left();
    }

    /// The same of a run that gets this signal.
    #[track_caller]
    pub(crate) fn ends_by(&self, signal: Signal, running: Running, code: i32, words: &[&str]) {
        running.signal(signal);
        self.ends(running, code, words);
    }

    pub(crate) fn only_run(&self) -> PathBuf {
        let entries = fs::read_dir(self.path("results")).expect("there are results");
        let runs: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
        let [run] = &runs[..] else { panic!("one run, not {runs:?}") };
        run.clone()
    }

    /// The records of the only run, in the order of the plan.
    pub(crate) fn records(&self) -> Vec<TrialRecord> {
        let read = results::read(&self.only_run()).expect("a run");
        assert_eq!(read.broken, []);
        read.trials.into_iter().map(|trial| trial.record).collect()
    }

    pub(crate) fn manifest(&self) -> Manifest {
        manifest(&self.only_run())
    }

    /// Why the manifest of the only run says that `what` was left out, each time that it does.
    pub(crate) fn skipped(&self, what: &str) -> Vec<String> {
        let skipped = self.manifest().skipped.into_iter().filter(|skipped| skipped.what == what);
        skipped.map(|skipped| skipped.why).collect()
    }

    /// Which side failed in the first trial of the only run, and why.
    pub(crate) fn failure(&self) -> (Side, String) {
        failure(&self.records()[0])
    }

    /// Processes that were started from here and still run.
    pub(crate) fn descendants(&self) -> Vec<Descendant> {
        let mark = format!("TMPDIR={}\0", self.path("tmp").display());
        let processes = fs::read_dir("/proc").expect("the kernel's list of processes");
        processes
            .filter_map(|entry| {
                let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
                let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
                let environment = String::from_utf8_lossy(&environment);
                let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?.replace('\0', " ");
                environment.contains(&mark).then_some(Descendant { pid, command })
            })
            .filter(|descendant| !os::has_ended(descendant.pid))
            .collect()
    }

    /// Returns once every process that was started from here has ended.
    pub(crate) fn until_no_process_is_left(&self) {
        until("every process has ended", || self.descendants().is_empty());
    }

    /// The processes whose command line holds `words`.
    pub(crate) fn descendants_called(&self, words: &str) -> Vec<Descendant> {
        self.descendants().into_iter().filter(|descendant| descendant.command.contains(words)).collect()
    }

    /// The first process whose command line holds `words`, once there is one.
    pub(crate) fn descendant(&self, words: &str) -> Descendant {
        let mut found = None;
        until(words, || {
            found = self.descendants_called(words).into_iter().next();
            found.is_some()
        });
        found.expect("it was awaited")
    }
}

/// The manifest of this run.
pub(crate) fn manifest(run: &Path) -> Manifest {
    let text = fs::read_to_string(run.join("manifest.json")).expect("a manifest");
    serde_json::from_str(&text).expect("readable")
}

/// Which side failed in a trial, and why.
#[track_caller]
pub(crate) fn failure(record: &TrialRecord) -> (Side, String) {
    let TrialResult::Failed(failure) = &record.result else { panic!("it did not fail: {record:?}") };
    (failure.side, failure.reason.clone())
}

#[derive(Debug)]
pub(crate) struct Descendant {
    pub(crate) pid: u32,
    command: String,
}

impl Descendant {
    pub(crate) fn kill(&self) {
        send(self.pid, Signal::KILL);
    }

    pub(crate) fn stop(&self) {
        send(self.pid, Signal::STOP);
    }

    pub(crate) fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.pid)).map_or(0, Iterator::count)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        os::is_stopped(self.pid)
    }
}

/// What pushbench printed, and its exit code.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl CommandOutput {
    /// Of a command that is run to its end.
    pub(crate) fn run(command: &mut Command) -> Self {
        Self::of(command.output().expect("it starts"))
    }

    /// Of a process that has ended.
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Asserts the exit code and that standard error holds all of `words`.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for words in words {
            assert!(self.err.contains(words), "`{words}` is not in {self:#?}");
        }
    }
}

pub(crate) struct Running {
    child: Child,
    progress: Box<dyn std::io::BufRead + Send>,
    seen: String,
}

impl Running {
    /// Returns once a line of progress holds `words`.
    pub(crate) fn until_progress(&mut self, words: &str) {
        loop {
            let begin = self.seen.len();
            let count = self.progress.read_line(&mut self.seen).expect("readable");
            assert!(count > 0, "`{words}` was not printed: {}", self.seen);
            if self.seen[begin..].contains(words) {
                return;
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.child.id(), signal);
    }

    pub(crate) fn finish(mut self) -> CommandOutput {
        let mut out = self.child.stdout.take().expect("a pipe");
        let reading = thread::spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).map(|_| text)
        });
        self.progress.read_to_string(&mut self.seen).expect("readable");
        let status = self.child.wait().expect("it ends");
        let out = reading.join().expect("no panic").expect("readable");
        // A process that a signal ended has no code; shells say 128 + signal.
        CommandOutput {
            code: status.code().or(status.signal().map(|signal| 128 + signal)),
            out,
            err: self.seen,
        }
    }
}

/// Tests that keep both cores busy take turns.
pub(crate) fn busy() -> MutexGuard<'static, ()> {
    static BUSY: Mutex<()> = Mutex::new(());
    // A test that failed has left nothing half done here.
    BUSY.lock().unwrap_or_else(PoisonError::into_inner)
}

#[track_caller]
pub(crate) fn until(what: &str, holds: impl FnMut() -> bool) {
    until_within(LONGEST, what, holds);
}

/// The files of a folder with this ending.
pub(crate) fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

fn send(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process's number");
    kill_process(pid, signal).expect("the process is there");
}

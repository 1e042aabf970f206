//! A server in a process of its own.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use wire::Resume;
use wire::ready::ReadyLine;

use crate::client::{self, Client, LONGEST};
use crate::feed::Feed;

/// Keeps the shell's end of the server's standard input; what the shell was told to run is its arguments.
const HOLD_THE_LIFELINE: &str = r#"mkfifo "$0" && { "$@" <"$0" & } && exec 3>"$0" && wait"#;

/// `pushbench serve`, and whoever started it.
pub(crate) struct Server {
    technique: String,
    ready: ReadyLine,
    parent: Child,
    stdout: BufReader<ChildStdout>,
    _folder: TempDir,
}

impl Server {
    /// A server that this process is the parent of.
    pub(crate) fn start(technique: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the feed");
        Self::spawn(technique, serve(technique, &folder, flags), folder)
    }

    /// A server whose parent is a shell, which holds its lifeline.
    pub(crate) fn start_below_a_shell(technique: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the feed");
        let serve = serve(technique, &folder, &[]);
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(HOLD_THE_LIFELINE).arg(folder.path().join("lifeline"));
        shell.arg(serve.get_program()).args(serve.get_args());
        Self::spawn(technique, shell, folder)
    }

    fn spawn(technique: &str, mut command: Command, folder: TempDir) -> Self {
        let mut parent = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        let mut stdout = BufReader::new(parent.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a ready line");
        let ready = ReadyLine::parse(&line).unwrap_or_else(|error| panic!("{error}: `{line}`"));
        assert_eq!(ready.technique, technique);
        Self { technique: technique.to_owned(), ready, parent, stdout, _folder: folder }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.ready.address
    }

    /// A connection to its feed.
    pub(crate) fn feed(&self) -> Feed {
        Feed::connect(self.ready.feed.as_deref().expect("a feed was asked for"))
    }

    /// A new subscriber.
    pub(crate) fn join(&self, resume: Resume) -> Box<dyn Client> {
        client::join(&self.technique, self.address(), resume)
    }

    /// Returns once the server's process has read what the client has sent by now.
    pub(crate) fn until_taken(&self, client: &dyn Client) {
        let begun = Instant::now();
        while !has_read_everything(self.address(), client.local_address()) {
            assert!(begun.elapsed() < LONGEST, "the server does not read");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Its resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        loadgen::os::resident_bytes(self.ready.pid).expect("the server runs")
    }

    /// Ends its input, which asks it to stop.
    pub(crate) fn end_input(&mut self) {
        drop(self.parent.stdin.take());
    }

    /// Kills whoever started it, in a way that leaves no chance to clean up.
    pub(crate) fn kill_parent(&mut self) {
        self.parent.kill().expect("the parent runs");
    }

    /// Returns once the server, and its parent, are gone: nobody holds the standard output any more.
    pub(crate) fn until_gone(&mut self) -> ExitStatus {
        let (gone, wait) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut rest = String::new();
                let read = self.stdout.read_to_string(&mut rest);
                // Nobody listens any more if it took too long.
                let _ = gone.send(read.map(|_| rest));
            });
            match wait.recv_timeout(LONGEST) {
                Ok(rest) => assert_eq!(rest.expect("readable"), "", "after the ready line, nothing is said"),
                Err(_) => {
                    kill(self.ready.pid);
                    panic!("the server is still there");
                }
            }
        });
        self.parent.wait().expect("the parent has ended")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Also when a test fails: the lifeline's end stops the server, and a kill is for one that does not mind it.
        self.end_input();
        if thread::panicking() {
            kill(self.ready.pid);
        }
        let _ = self.parent.kill();
        let _ = self.parent.wait();
    }
}

fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

fn serve(technique: &str, folder: &TempDir, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushbench"));
    command.args(["serve", technique, "--listen", "127.0.0.1:0", "--feed"]);
    command.arg(folder.path().join("feed")).args(flags);
    command
}

/// Whether nothing waits in the receive queue of the connection's far end, as the kernel's table of sockets has it.
fn has_read_everything(server: SocketAddr, client: SocketAddr) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").expect("the kernel's table of TCP sockets");
    let ends_in = |field: &str, address: SocketAddr| field.ends_with(&format!(":{:04X}", address.port()));
    table.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().take(5).collect();
        matches!(fields[..], [_, local, remote, "01", queues]
            if ends_in(local, server) && ends_in(remote, client) && queues.ends_with(":00000000"))
    })
}

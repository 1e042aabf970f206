//! The processes: a driver, the browser that it starts, and a guard that ends both if this process is killed.
//!
//! Driver and browser are one process group, and write into one folder only. The guard is a shell that waits for the end of
//! its standard input, which comes when this process has ended in any way.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::BrowserError;
use crate::detect::{BrowserKind, InstalledBrowser};

const SHELL: &str = "/bin/sh";
/// How long the driver may take to print its port.
const PORT_LIMIT: Duration = Duration::from_secs(20);
/// The longest line that is read, and how many lines may precede the one with the port.
const LONGEST_LINE: u64 = 4096;
const MOST_LINES: usize = 50;
/// How often removing a folder is tried: a browser that was just killed may still write into it.
const REMOVALS: u32 = 20;

/// The first line of its input is the process group. A killed process may still create one more file.
const GUARD: &str = r#"
read -r group; while read -r _; do :; done
[ -n "$group" ] && kill -s KILL -- "-$group"
for _ in 1 2 3 4 5; do sleep 1; rm -rf -- "$1" && break; done"#;

/// A running driver. Dropping it ends driver and browser, and removes their folder.
#[derive(Debug)]
pub(crate) struct Driver {
    child: Child,
    guard: Guard,
    folder: Option<TempDir>,
    pub(crate) port: u16,
}

impl Driver {
    /// Starts a driver on a port of its own choice.
    pub(crate) async fn start(browser: &InstalledBrowser) -> Result<Self, BrowserError> {
        let folder = tempfile::Builder::new()
            .prefix("pushbench-browser-")
            .tempdir()
            .map_err(|source| BrowserError::Folder { kind: browser.kind, source })?;
        // The guard starts first, so that the driver is never without it.
        let guard = Guard::start(folder.path())?;
        let mut child = command(browser, folder.path()).spawn().map_err(|source| BrowserError::Start {
            program: browser.driver.display().to_string(),
            source,
        })?;
        let output = child.stdout.take();
        let mut driver = Self { child, guard, folder: Some(folder), port: 0 };
        driver.guard.watch(driver.child.id())?;
        driver.port = port(browser.kind, output).await?;
        Ok(driver)
    }

    /// The process group of driver and browser.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

/// Ends the driver's process group and removes the folder once this process has ended. Dropping it cancels that.
#[derive(Debug)]
struct Guard(Child);

impl Guard {
    fn start(folder: &Path) -> Result<Self, BrowserError> {
        let shell = Command::new(SHELL)
            .args(["-c", GUARD, "pushbench-browser-guard"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        Ok(Self(shell.map_err(no_guard)?))
    }

    fn watch(&mut self, group: u32) -> Result<(), BrowserError> {
        let input = self.0.stdin.as_mut().ok_or_else(|| no_guard(ErrorKind::BrokenPipe.into()))?;
        writeln!(input, "{group}").map_err(no_guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn no_guard(source: io::Error) -> BrowserError {
    BrowserError::Start { program: SHELL.to_owned(), source }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The group keeps its number until the driver is waited for. An error means that it has ended already.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
        if let Some(folder) = self.folder.take() {
            remove(&folder.keep());
        }
    }
}

fn command(browser: &InstalledBrowser, folder: &Path) -> Command {
    let arguments: &[&str] = match browser.kind {
        BrowserKind::Chromium => &["--port=0"],
        BrowserKind::Firefox => &["--port", "0", "--websocket-port", "0"],
    };
    let mut command = Command::new(&browser.driver);
    command.args(arguments);
    // Profiles, caches and settings go into the folder.
    for name in ["TMPDIR", "HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        command.env(name, folder);
    }
    command.env("NO_PROXY", "*");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    command
}

async fn port(kind: BrowserKind, output: Option<ChildStdout>) -> Result<u16, BrowserError> {
    let (sender, receiver) = oneshot::channel();
    if let Some(output) = output {
        // The thread ends with the driver.
        thread::spawn(move || read_port(output, sender));
    }
    match tokio::time::timeout(PORT_LIMIT, receiver).await {
        Ok(Ok(Ok(port))) => Ok(port),
        Ok(Ok(Err(printed))) => Err(BrowserError::NoPort { kind, printed }),
        Ok(Err(_)) => Err(BrowserError::NoPort { kind, printed: String::new() }),
        Err(_) => Err(BrowserError::Timeout { kind, what: "start the driver", limit: PORT_LIMIT }),
    }
}

/// Sends the port, then reads on, so that a full pipe never blocks the driver.
fn read_port(output: ChildStdout, sender: oneshot::Sender<Result<u16, String>>) {
    let mut output = BufReader::new(output);
    let mut printed = Vec::new();
    while printed.len() < MOST_LINES {
        let mut line = Vec::new();
        match (&mut output).take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(read) if read > 0 => {}
            _ => break,
        }
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        if let Some(port) = port_of(&line) {
            // The receiver is gone if the port came too late.
            let _ = sender.send(Ok(port));
            let _ = io::copy(&mut output, &mut io::sink());
            return;
        }
        printed.push(line);
    }
    let _ = sender.send(Err(printed.join(" | ")));
}

/// The port of `ChromeDriver was started successfully on port 38513.` or `… Listening on 127.0.0.1:45393`.
fn port_of(line: &str) -> Option<u16> {
    let rest = ["started successfully on port ", "Listening on 127.0.0.1:"]
        .iter()
        .find_map(|words| line.split_once(words).map(|(_, rest)| rest))?;
    rest.trim_end_matches('.').parse().ok()
}

/// Tries again while a killed process still creates files.
fn remove(folder: &Path) {
    for _ in 0..REMOVALS {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                thread::sleep(Duration::from_millis(50));
            }
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_both_drivers() {
        let chrome = "ChromeDriver was started successfully on port 38513.";
        let gecko = "1795396076862\tgeckodriver\tINFO\tListening on 127.0.0.1:46857";
        assert_eq!((port_of(chrome), port_of(gecko)), (Some(38513), Some(46857)));
        assert_eq!(port_of("Starting ChromeDriver 156.0 (a21c) on port 0"), None);
    }

    #[tokio::test]
    async fn a_driver_that_prints_no_port_is_quoted() {
        let browser = InstalledBrowser {
            kind: BrowserKind::Firefox,
            program: "/bin/false".into(),
            driver: "/bin/echo".into(),
        };
        let error = Driver::start(&browser).await.unwrap_err();
        let expected = "the driver of firefox printed no port; it printed: --port 0 --websocket-port 0";
        assert_eq!(error.to_string(), expected);
    }
}

//! Other people's load generators, which are told by a script of their own what a WebSocket echo is.
//!
//! Each makes a number of echoes of its own, so many that its start is about a tenth of its CPU at most: with one for each
//! connection, tsung took 0.4 s of 8, artillery 3.5 of 28 to 32, locust 0.8 of 13. The scripts stand beside this file.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::client::message;
use super::{CONNECTIONS, Outcome};

/// A program that runs a script. In files and arguments are places to be filled in, as `@PORT@`.
pub(crate) struct Scripted {
    pub(crate) name: &'static str,
    /// Where it comes from.
    pub(crate) install: &'static str,
    /// Echoes of each connection.
    each: u32,
    /// What it reads: a file's name, and its text.
    files: &'static [(&'static str, &'static str)],
    environment: &'static [(&'static str, &'static str)],
    /// Arguments with which it succeeds where all is there that it needs.
    probe: &'static [&'static str],
    arguments: &'static [&'static str],
    /// How many echoes came, by what it prints.
    counted: fn(printed: &str) -> Option<u64>,
}

/// All that are known here.
pub(crate) const SCRIPTED: [Scripted; 3] = [
    Scripted {
        name: "tsung",
        install: "Debian package tsung",
        each: 5_000,
        files: &[("tsung.xml", include_str!("tsung.xml"))],
        environment: &[
            // Logs go below it.
            ("HOME", "."),
            // Without a terminal, a shell would end at the end of its input. No epmd is started, which would stay behind.
            ("ERL_AFLAGS", "-noinput -start_epmd false -erl_epmd_port 0"),
        ],
        probe: &["-v"],
        arguments: &["-f", "tsung.xml", "-l", "log", "-m", "-", "-n", "-w", "0", "start"],
        counted: tsung_requests,
    },
    Scripted {
        name: "artillery",
        install: "npm package artillery",
        each: 24_000,
        files: &[
            ("artillery.yml", include_str!("artillery.yml")),
            ("artillery.js", include_str!("artillery.js")),
        ],
        // By itself it tells its maker about the run.
        environment: &[("HOME", "."), ("ARTILLERY_DISABLE_TELEMETRY", "true")],
        probe: &["--version"],
        arguments: &["run", "artillery.yml"],
        counted: |printed| {
            // `websocket.messages_received: ........ 6400`, for each ten seconds and then for all.
            let (_, summary) = printed.split_once("Summary report")?;
            let line = summary.lines().find(|line| line.starts_with("websocket.messages_received:"))?;
            line.split_whitespace().next_back()?.parse().ok()
        },
    },
    Scripted {
        name: "locust",
        install: "PyPI packages locust and websocket-client",
        each: 5_000,
        files: &[("locustfile.py", include_str!("locustfile.py"))],
        environment: &[],
        probe: &["--list"],
        arguments: &["--headless", "-u", "@CONNECTIONS@", "-r", "@CONNECTIONS@", "--only-summary"],
        counted: |printed| printed.lines().find_map(|line| line.strip_prefix("echoes: ")?.parse().ok()),
    },
];

impl Scripted {
    pub(crate) fn is_installed(&self) -> bool {
        let Ok(folder) = tempfile::tempdir() else { return false };
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        let Ok(mut asked) = self.command(nowhere, folder.path(), self.probe) else { return false };
        asked.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        asked.status().is_ok_and(|status| status.success())
    }

    /// Runs the script, which is written into `folder`, against the server at `address`.
    pub(crate) fn run(&self, address: &str, folder: &Path) -> Outcome<Command> {
        self.command(address.parse()?, folder, self.arguments)
    }

    /// How many echoes it made; that must be as many as it was told.
    pub(crate) fn echoes(&self, printed: &str) -> Outcome<u64> {
        let (told, made) = (u64::from(self.each * CONNECTIONS), (self.counted)(printed));
        if made == Some(told) {
            return Ok(told);
        }
        Err(format!("{} was told to make {told} echoes, and says: {made:?}", self.name).into())
    }

    fn command(&self, address: SocketAddr, folder: &Path, arguments: &[&str]) -> Outcome<Command> {
        for (name, text) in self.files {
            fs::write(folder.join(name), self.filled(text, address))?;
        }
        let mut command = Command::new(self.name);
        command
            .args(arguments.iter().map(|argument| self.filled(argument, address)))
            .envs(self.environment.iter().copied())
            .current_dir(folder);
        Ok(command)
    }

    fn filled(&self, text: &str, address: SocketAddr) -> String {
        [
            ("@HOST@", address.ip().to_string()),
            ("@PORT@", address.port().to_string()),
            ("@PATH@", protocol::paths::WEBSOCKET.to_owned()),
            ("@CONNECTIONS@", CONNECTIONS.to_string()),
            ("@EACH@", self.each.to_string()),
            ("@MESSAGE@", String::from_utf8_lossy(&message()).into_owned()),
        ]
        .iter()
        .fold(text.to_owned(), |text, (place, value)| text.replace(place, value))
    }
}

/// Sums `stats: request 6432 0.31 …`, of which there is a line for each ten seconds. The handshakes are requests, too.
fn tsung_requests(printed: &str) -> Option<u64> {
    let requests = |line: &str| line.strip_prefix("stats: request ")?.split(' ').next()?.parse::<u64>().ok();
    printed.lines().filter_map(requests).sum::<u64>().checked_sub(CONNECTIONS.into())
}

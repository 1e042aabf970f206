//! A demo in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::demo::http::{self, Answer};

/// Nothing in these tests takes this long unless it hangs.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

/// A demo that listens; it ends with this value.
pub(crate) struct Demo {
    process: Child,
    pub(crate) address: SocketAddr,
    /// What it said of itself at its start.
    pub(crate) invitation: String,
}

impl Demo {
    pub(crate) fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_pushbench"))
            .args(["demo", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("pushbench starts");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let mut line = || lines.next().expect("a line").expect("text");
        let first = line();
        let address = first.trim_start_matches("The demo is at http://").trim_end_matches('/').parse();
        let address = address.unwrap_or_else(|error| panic!("{first}: {error}"));
        let invitation = format!("{first}\n{}", line());
        Self { process, address, invitation }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        http::request(self.address, "GET", path, &[], "")
    }

    /// What a control of the page sends.
    pub(crate) fn control(&self, request: &str) -> Answer {
        http::request(self.address, "POST", "/control", &["content-type: application/json"], request)
    }

    pub(crate) fn setup(&self) -> Value {
        self.get("/setup").json()
    }

    /// Where this technique's lane is.
    pub(crate) fn lane(&self, slug: &str) -> SocketAddr {
        let setup = self.setup();
        let lanes = setup["lanes"].as_array().expect("lanes");
        let lane = lanes.iter().find(|lane| lane["slug"] == slug).unwrap_or_else(|| panic!("no {slug}"));
        SocketAddr::new(self.address.ip(), lane["port"].as_u64().expect("a port") as u16)
    }

    /// How things stand now.
    pub(crate) fn figures(&self) -> Value {
        http::first_event(self.address, "/figures")
    }

    /// Figures that meet a condition, as soon as they do.
    pub(crate) fn figures_when(&self, what: &str, met: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let figures = self.figures();
            if met(&figures) {
                return figures;
            }
            assert!(begun.elapsed() < LONGEST, "not after {LONGEST:?}: {what}: {figures}");
        }
    }

    /// Ends its input, and waits for it.
    pub(crate) fn end(mut self) -> ExitStatus {
        drop(self.process.stdin.take());
        self.process.wait().expect("it ends")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Whatever came of it, it must not outlive its test; an error says that it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The figures of a technique's lane.
pub(crate) fn lane_of<'a>(figures: &'a Value, slug: &str) -> &'a Value {
    let lanes = figures["lanes"].as_array().expect("lanes");
    lanes.iter().find(|lane| lane["slug"] == slug).unwrap_or_else(|| panic!("no {slug}"))
}

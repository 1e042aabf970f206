//! The server's end in the middle of the window, and what the next one is given.
//!
//! A thread kills the server. Whoever started that sees it die, and starts another one with the same feed; that one is given
//! the publisher's log, listens only then, and says so. Everything is bounded by [`COMEBACK_LIMIT`].

use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::BytesMut;
use schema::settings::Restart;
use schema::trial::TrialSpec;

use super::TrialError;
use super::edge::{ServerReading, Watched};
use super::stall::wait;
use crate::feed_link::FeedError;
use crate::os;
use crate::storm::{Storm, Successor};

/// A new server must have taken the log, and listen, so long after the old one was killed.
pub(super) const COMEBACK_LIMIT: Duration = Duration::from_secs(10);
/// From one look whether it is there to the next.
const LOOK_NS: u64 = 1_000_000;
/// How long a new server may take to go on with the log, each time that it must be waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// A thread that restarts the server. Dropping it ends it, which leaves the server as it is.
#[derive(Debug)]
pub(super) struct Restarter {
    storm: Arc<Storm>,
    abandoned: Arc<AtomicBool>,
    /// What the old server had cost just before it was killed.
    old: Arc<OnceLock<ServerReading>>,
    thread: Option<JoinHandle<()>>,
}

impl Restarter {
    /// Restarts the server of `spec` as `restart` says, counted from `window_start_ns` of `CLOCK_MONOTONIC`.
    pub(super) fn start(
        spec: &TrialSpec,
        restart: &Restart,
        window_start_ns: u64,
        storm: Arc<Storm>,
        successor: Successor,
    ) -> Result<Self, TrialError> {
        let feed = PathBuf::from(spec.server.feed.as_ref().ok_or(TrialError::NoFeed)?);
        let (abandoned, old) = (Arc::new(AtomicBool::new(false)), Arc::new(OnceLock::new()));
        // A server in this process cannot be killed without this one.
        let pid = spec.server.pid.filter(|&pid| pid != std::process::id());
        let work = Work {
            pid: pid.ok_or(TrialError::NotRestartable)?,
            spec: spec.clone(),
            feed,
            storm: Arc::clone(&storm),
            successor,
            abandoned: Arc::clone(&abandoned),
            old: Arc::clone(&old),
        };
        let at_ns = window_start_ns + restart.at_ns;
        let thread = thread::Builder::new().name("restart".to_owned()).spawn(move || work.run(at_ns));
        Ok(Self { storm, abandoned, old, thread: Some(thread.map_err(TrialError::Thread)?) })
    }

    /// Which process is the server now.
    pub(super) fn server(&self) -> Now {
        match (self.storm.killed_ns(), self.storm.successor()) {
            (None, _) => Now::First,
            (Some(_), None) => Now::Nobody,
            (Some(_), Some(pid)) => Now::Second(pid),
        }
    }

    /// What the old server had cost, once it was killed.
    pub(super) fn old(&self) -> Option<ServerReading> {
        self.old.get().copied()
    }

    /// From the old server's end until the new one listened.
    pub(super) fn down_ns(&self) -> Option<u64> {
        self.storm.down_ns()
    }
}

/// Which process is the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Now {
    /// The one that it was from the begin.
    First,
    /// That one was killed, and no other is there.
    Nobody,
    /// The one that took its place.
    Second(u32),
}

impl Drop for Restarter {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // The publisher has been told, or waits no more.
            let _ = thread.join();
        }
    }
}

struct Work {
    pid: u32,
    spec: TrialSpec,
    feed: PathBuf,
    storm: Arc<Storm>,
    successor: Successor,
    abandoned: Arc<AtomicBool>,
    old: Arc<OnceLock<ServerReading>>,
}

impl Work {
    fn run(self, at_ns: u64) {
        if !wait(at_ns, &self.abandoned) {
            return;
        }
        let renewed = self.kill().and_then(|()| self.renew());
        self.successor.tell(renewed);
    }

    fn kill(&self) -> Result<(), String> {
        let reading = Watched::of(&self.spec).read().map_err(|error| error.to_string())?;
        let _ = self.old.set(reading);
        // Told before it is done: whoever sees the server go must know why.
        self.storm.kill(os::now_ns());
        os::kill(self.pid).map_err(|error| format!("the old one cannot be killed: {error}"))
    }

    /// Gives the log to the first server that takes it whole.
    fn renew(&self) -> Result<(UnixStream, BytesMut), String> {
        let log = self.successor.log(PATIENCE).ok_or("the publisher still has the old one")?;
        let deadline_ns = os::now_ns() + COMEBACK_LIMIT.as_nanos() as u64;
        let mut last = "nobody serves the feed".to_owned();
        while os::now_ns() < deadline_ns {
            match self.offer(&log) {
                Ok(stream) => return Ok((stream, log)),
                // As long as the old feed lies there, and the old process is not all gone.
                Err(Refusal::NotThere) => {}
                Err(Refusal::Broke(why)) => last = why,
            }
            if !wait(os::now_ns() + LOOK_NS, &self.abandoned) {
                return Err("the trial was abandoned".to_owned());
            }
        }
        Err(format!("not within {} s; {last}", COMEBACK_LIMIT.as_secs()))
    }

    fn offer(&self, log: &[u8]) -> Result<UnixStream, Refusal> {
        let mut stream = UnixStream::connect(&self.feed).map_err(|_| Refusal::NotThere)?;
        let pid = peer(&stream).map_err(|error| Refusal::Broke(error.to_string()))?;
        if pid == self.pid {
            return Err(Refusal::NotThere);
        }
        self.successor.give(&mut stream, log, PATIENCE)?;
        self.storm.succeed(pid);
        Ok(stream)
    }
}

/// Why the log was not taken.
enum Refusal {
    NotThere,
    Broke(String),
}

impl From<FeedError> for Refusal {
    fn from(error: FeedError) -> Self {
        let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
        Self::Broke(format!("{error}{cause}"))
    }
}

/// The process that listens where this stream was connected to.
fn peer(stream: &UnixStream) -> io::Result<u32> {
    let credentials = rustix::net::sockopt::socket_peercred(stream)?;
    Ok(credentials.pid.as_raw_nonzero().get().cast_unsigned())
}

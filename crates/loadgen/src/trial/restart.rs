//! Kills the server in the middle of the window, and hands its successor the log.
//!
//! A thread kills the server. The server's parent process sees it die, and starts another one with the same feed. That one
//! reads the publisher's log, listens only then, and reports it. Everything is bounded by [`RESTART_LIMIT`].

use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::BytesMut;
use model::settings::Restart;
use model::trial::TrialSpec;

use super::error::TrialError;
use super::window_sample::{ServerReading, Watched};
use crate::faults::{ServerRestart, wait};
use crate::publisher::Successor;
use crate::publisher::feed_connection::FeedError;

/// A new server must have taken the log, and listen, so long after the old one was killed.
pub(super) const RESTART_LIMIT: Duration = Duration::from_secs(10);
/// From one look whether it is there to the next.
const LOOK_NS: u64 = 1_000_000;
/// How long a new server may take to go on with the log, each time that it must be waited for.
const STEP_LIMIT: Duration = Duration::from_secs(5);

/// A thread that restarts the server. Dropping it ends it, which leaves the server as it is.
#[derive(Debug)]
pub(super) struct Restarter {
    server_restart: Arc<ServerRestart>,
    abandoned: Arc<AtomicBool>,
    report: Arc<RestartReport>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct RestartReport {
    /// What the old server had cost just before it was killed.
    old: OnceLock<ServerReading>,
    /// Why it was not killed.
    failed: OnceLock<String>,
}

impl Restarter {
    /// Restarts the server of `spec` by `restart`, counted from `window_start_ns` of `CLOCK_MONOTONIC`.
    pub(super) fn start(
        spec: &TrialSpec,
        restart: &Restart,
        window_start_ns: u64,
        server_restart: Arc<ServerRestart>,
        successor: Successor,
    ) -> Result<Self, TrialError> {
        let feed = PathBuf::from(spec.server.feed.as_ref().ok_or(TrialError::NoFeed)?);
        let (abandoned, report) = (Arc::new(AtomicBool::new(false)), Arc::new(RestartReport::default()));
        // A server in this process cannot be killed without this one.
        let pid = spec.server.pid.filter(|&pid| pid != std::process::id());
        let restarting = RestartThread {
            pid: pid.ok_or(TrialError::NotRestartable)?,
            spec: spec.clone(),
            feed,
            server_restart: Arc::clone(&server_restart),
            successor,
            abandoned: Arc::clone(&abandoned),
            report: Arc::clone(&report),
        };
        let at_ns = window_start_ns + restart.at_ns;
        let thread = thread::Builder::new().name("restart".to_owned()).spawn(move || restarting.run(at_ns));
        Ok(Self { server_restart, abandoned, report, thread: Some(thread.map_err(TrialError::Thread)?) })
    }

    pub(super) fn server(&self) -> ServerProcess {
        match (self.server_restart.killed_ns(), self.server_restart.successor()) {
            (None, _) => ServerProcess::First,
            (Some(_), None) => ServerProcess::Gone,
            (Some(_), Some(pid)) => ServerProcess::Second(pid),
        }
    }

    /// What the old server had cost, for whom the server is `now` another one or none: what it costs is then in no other
    /// reading.
    pub(super) fn old(&self, now: ServerProcess) -> Option<ServerReading> {
        self.report.old.get().copied().filter(|_| now != ServerProcess::First)
    }

    /// Checks that the server could be killed, if it was to be by now.
    pub(super) fn check(&self) -> Result<(), TrialError> {
        match self.report.failed.get() {
            Some(why) => Err(TrialError::NotKilled(why.clone())),
            None => Ok(()),
        }
    }

    /// From the old server's end until the new one listened.
    pub(super) fn down_ns(&self) -> Option<u64> {
        self.server_restart.down_ns()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerProcess {
    /// The one that it was from the start.
    First,
    /// That one was killed, and no other is there.
    Gone,
    /// The one that took its place.
    Second(u32),
}

impl Drop for Restarter {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // The publisher has been report, or waits no more.
            let _ = thread.join();
        }
    }
}

struct RestartThread {
    pid: u32,
    spec: TrialSpec,
    feed: PathBuf,
    server_restart: Arc<ServerRestart>,
    successor: Successor,
    abandoned: Arc<AtomicBool>,
    report: Arc<RestartReport>,
}

impl RestartThread {
    fn run(self, at_ns: u64) {
        if !wait(at_ns, &self.abandoned) {
            return;
        }
        match self.kill() {
            Ok(()) => self.successor.hand_over(self.renew()),
            // The feed still has its server, so the publisher would not look there.
            Err(why) => drop(self.report.failed.set(why)),
        }
    }

    fn kill(&self) -> Result<(), String> {
        let reading = Watched::of(&self.spec).read().map_err(|error| error.to_string())?;
        let _ = self.report.old.set(reading);
        // Before it is done: every thread that sees the server go must know why.
        self.server_restart.kill(os::now_ns());
        os::kill(self.pid).map_err(|error| error.to_string())
    }

    /// Gives the log to the first server that takes it whole.
    fn renew(&self) -> Result<(UnixStream, BytesMut), String> {
        let log = self.successor.log(STEP_LIMIT).ok_or("the publisher still has the old one")?;
        let deadline_ns = os::now_ns() + RESTART_LIMIT.as_nanos() as u64;
        let mut last = "nobody serves the feed".to_owned();
        while os::now_ns() < deadline_ns {
            match self.offer(&log) {
                Ok(stream) => return Ok((stream, log)),
                // As long as the old feed lies there, and the old process is not all gone.
                Err(OfferError::NotThere) => {}
                Err(OfferError::Broke(why)) => last = why,
            }
            if !wait(os::now_ns() + LOOK_NS, &self.abandoned) {
                return Err("the trial was abandoned".to_owned());
            }
        }
        Err(format!("not within {} s; {last}", RESTART_LIMIT.as_secs()))
    }

    fn offer(&self, log: &[u8]) -> Result<UnixStream, OfferError> {
        let mut stream = UnixStream::connect(&self.feed).map_err(|_| OfferError::NotThere)?;
        let pid = peer(&stream).map_err(|error| OfferError::Broke(error.to_string()))?;
        if pid == self.pid {
            return Err(OfferError::NotThere);
        }
        self.successor.replay(&mut stream, log, STEP_LIMIT)?;
        self.server_restart.succeed(pid);
        Ok(stream)
    }
}

enum OfferError {
    NotThere,
    Broke(String),
}

impl From<FeedError> for OfferError {
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

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::time::Instant;

    use model::settings::{Backoff, Settings};
    use model::trial::ServerSpec;

    use super::*;
    use crate::publisher::ReplayableFeed;
    use crate::publisher::feed_connection::FeedConnection;

    const LONGEST: Duration = Duration::from_secs(20);

    fn restarter(report: RestartReport) -> Restarter {
        let server_restart = Arc::new(ServerRestart::new(Backoff::None, 1));
        Restarter { server_restart, abandoned: Arc::default(), report: Arc::new(report), thread: None }
    }

    #[test]
    fn the_old_servers_cost_is_added_only_where_another_ones_was_read() {
        let report = RestartReport::default();
        report.old.set(ServerReading::default()).unwrap();
        let restarter = restarter(report);
        // As at an edge that was read just before the kill.
        assert_eq!(restarter.old(ServerProcess::First), None);
        assert_eq!(restarter.old(ServerProcess::Gone), Some(ServerReading::default()));
        assert_eq!(restarter.old(ServerProcess::Second(7)), Some(ServerReading::default()));
    }

    #[test]
    fn a_server_that_cannot_be_killed_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed");
        let _listener = UnixListener::bind(&path).unwrap();
        let server_restart = Arc::new(ServerRestart::new(Backoff::None, 1));
        let feed = FeedConnection::connect(&path, 100, 100).unwrap();
        let (_kept, successor) = ReplayableFeed::new(feed, Arc::clone(&server_restart)).unwrap();
        let restart = Restart { at_ns: 1, backoff: Backoff::None };
        let spec = spec(u32::MAX, path.display().to_string());
        let restarter = Restarter::start(&spec, &restart, 0, server_restart, successor).unwrap();
        let begun = Instant::now();
        while restarter.check().is_ok() {
            assert!(begun.elapsed() < LONGEST, "the failure is not reported");
            thread::yield_now();
        }
        assert_eq!(restarter.server(), ServerProcess::First, "no process was killed");
    }

    fn spec(pid: u32, feed: String) -> TrialSpec {
        let at = ServerSpec::at(([127, 0, 0, 1], 1).into());
        TrialSpec::new("", ServerSpec { feed: Some(feed), pid: Some(pid), ..at }, Settings::default())
    }
}

//! A pause of the whole server process, and the promise that it runs again afterwards.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

use model::settings::Stall;

/// How long it may take to notice that the trial is being abandoned.
const LOOK_NS: u64 = 20_000_000;

/// The process that is stopped now; 0 for none.
static STOPPED: AtomicU32 = AtomicU32::new(0);

/// Lets a server run again that a stall of this process has stopped; does nothing otherwise. For those who end this
/// process without unwinding.
pub fn release_server() {
    let pid = STOPPED.swap(0, Ordering::SeqCst);
    if pid != 0 {
        // An error means that it has ended meanwhile.
        let _ = os::resume(pid);
    }
}

/// A thread that stops the server and lets it run again. Dropping it lets the server run at once.
#[derive(Debug)]
pub(crate) struct Staller {
    abandoned: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Staller {
    /// Stops process `pid` by `stall`, counted from `window_start_ns` of `CLOCK_MONOTONIC`.
    pub(crate) fn start(pid: u32, stall: &Stall, window_start_ns: u64) -> io::Result<Self> {
        let (from_ns, abandoned) = (window_start_ns + stall.at_ns, Arc::new(AtomicBool::new(false)));
        let (until_ns, look) = (from_ns + stall.for_ns, Arc::clone(&abandoned));
        let run = move || {
            if wait(from_ns, &look) {
                let _running_again = Stopped::stop(pid);
                wait(until_ns, &look);
            }
        };
        let thread = thread::Builder::new().name("stall".to_owned()).spawn(run)?;
        Ok(Self { abandoned, thread: Some(thread) })
    }
}

impl Drop for Staller {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there has let the server run again, too.
            let _ = thread.join();
        }
    }
}

/// A process that is stopped as long as this exists.
struct Stopped;

impl Stopped {
    fn stop(pid: u32) -> Self {
        STOPPED.store(pid, Ordering::SeqCst);
        // An error means that it has ended, which others notice.
        let _ = os::suspend(pid);
        Self
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        release_server();
    }
}

/// Waits until `deadline_ns`; false when the trial was abandoned before.
pub(crate) fn wait(deadline_ns: u64, abandoned: &AtomicBool) -> bool {
    loop {
        if abandoned.load(Ordering::Relaxed) {
            return false;
        }
        let now_ns = os::now_ns();
        if now_ns >= deadline_ns {
            return true;
        }
        os::sleep_until_ns(deadline_ns.min(now_ns + LOOK_NS));
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    const MS: u64 = 1_000_000;

    /// A process of the test's own, ended with it.
    struct Sleeper(Child);

    impl Sleeper {
        fn start() -> Self {
            Self(Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap())
        }

        fn await_stopped(&self, stopped: bool) {
            let limit_ns = os::now_ns() + 30_000 * MS;
            while os::is_stopped(self.0.id()) != stopped {
                assert!(os::now_ns() < limit_ns, "it takes more than 30 s");
                os::sleep_until_ns(os::now_ns() + MS);
            }
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    /// One test, since a process has one stalled server at a time.
    #[test]
    fn the_server_stands_still_and_runs_again_at_the_end_or_when_the_trial_is_abandoned() {
        let server = Sleeper::start();
        let stall = Stall { at_ns: 10 * MS, for_ns: 300 * MS };
        let begin_ns = os::now_ns();
        let staller = Staller::start(server.0.id(), &stall, begin_ns).unwrap();
        server.await_stopped(true);
        server.await_stopped(false);
        assert!(os::now_ns() >= begin_ns + 310 * MS);
        drop(staller);

        let stall = Stall { at_ns: 0, for_ns: 3_600_000 * MS };
        let staller = Staller::start(server.0.id(), &stall, os::now_ns()).unwrap();
        server.await_stopped(true);
        drop(staller);
        server.await_stopped(false);
    }
}

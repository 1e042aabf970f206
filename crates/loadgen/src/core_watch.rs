//! Threads that watch a core while a trial runs: how late a waiting thread wakes there, which the machine adds to every latency, and
//! how fast the core is, which multiplies every CPU time.
//!
//! The first is after Gil Tene's jHiccup. The thread keeps absolute points in time, and a core that stands still for long is
//! recorded at every point that it missed, as every event in that time would have felt it.
//!
//! The second: on a virtual machine, the same work takes up to twice the CPU time from one second to the next, depending on what its
//! neighbours do to caches and memory. So a thread of the lowest priority does a fixed piece of work now and then.

use std::io::{self, Read as _, Write as _};
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use hdrhistogram::Histogram;
use model::trial::CoreSpeed;

use crate::recorder::histogram;

/// From one wake-up to the next. It runs on the measured cores: 200 wake-ups of about 5 µs a second are 0.1 % of one.
const STEP_NS: u64 = 5_000_000;
/// A message is written to a socket and read from its other end so many times in a row: about 100 µs, 2 % of a core.
const EXCHANGES: u32 = 80;
/// A small event with its framing.
const MESSAGE_BYTES: usize = 150;

/// A thread that watches a core.
#[derive(Debug)]
pub struct CoreWatch<T> {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<T>>>,
}

/// Watches how late a waiting thread wakes on `core` (none: wherever it runs) during `window`, ns of `CLOCK_MONOTONIC`.
/// Fails when the thread cannot be started.
pub fn scheduling_delays(core: Option<u32>, window: Range<u64>) -> io::Result<CoreWatch<Histogram<u64>>> {
    CoreWatch::start("scheduling_delays", core, move |stop| {
        // Coarse timers would add 50 µs to the figure, and never make it better than it is.
        let _ = os::precise_timers();
        Ok(wake_ups(os::now_ns(), window, stop))
    })
}

/// Watches how fast `core` is during `window`. The thread runs only while nothing else wants the core.
/// Fails when the thread cannot be started.
pub fn core_speed(core: Option<u32>, window: Range<u64>) -> io::Result<CoreWatch<CoreSpeed>> {
    CoreWatch::start("core_speed", core, move |stop| {
        os::run_when_idle()?;
        exchange(window, stop)
    })
}

impl<T: Send + 'static> CoreWatch<T> {
    fn start(
        name: &str,
        core: Option<u32>,
        watch: impl FnOnce(&AtomicBool) -> io::Result<T> + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            os::pin(core.as_slice())?;
            watch(&stopped)
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends the thread. What it saw in the window; none when the core could not be had.
    pub fn finish(mut self) -> Option<T> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take()?.join().ok()?.ok()
    }
}

impl<T> Drop for CoreWatch<T> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// How late this thread woke at each point of a grid from `begin_ns` on.
fn wake_ups(begin_ns: u64, window: Range<u64>, stop: &AtomicBool) -> Histogram<u64> {
    let mut late = histogram::empty();
    let mut due_ns = begin_ns;
    while due_ns < window.end && !stop.load(Ordering::Relaxed) {
        os::sleep_until_ns(due_ns);
        if window.contains(&due_ns) {
            late.saturating_record(os::now_ns().saturating_sub(due_ns));
        }
        due_ns += STEP_NS;
    }
    late
}

fn exchange(window: Range<u64>, stop: &AtomicBool) -> io::Result<CoreSpeed> {
    let (mut near, mut far) = UnixStream::pair()?;
    let mut message = [0; MESSAGE_BYTES];
    let mut speed = CoreSpeed::default();
    // In the middle between two wake-ups of the other thread, and never two bursts in a row.
    let mut due_ns = os::now_ns() + STEP_NS / 2;
    while due_ns < window.end && !stop.load(Ordering::Relaxed) {
        os::sleep_until_ns(due_ns);
        let cpu_ns = os::thread_cpu_ns();
        for _ in 0..EXCHANGES {
            near.write_all(&message)?;
            far.read_exact(&mut message)?;
        }
        if window.contains(&due_ns) {
            speed.exchanges += u64::from(EXCHANGES);
            speed.cpu_ns += os::thread_cpu_ns() - cpu_ns;
        }
        due_ns = (due_ns + STEP_NS).max(os::now_ns());
    }
    Ok(speed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_of_the_window_is_recorded_once() {
        let start = os::now_ns();
        let window = start + 3 * STEP_NS..start + 10 * STEP_NS;
        assert_eq!(wake_ups(start, window, &AtomicBool::new(false)).len(), 7);
    }

    #[test]
    fn a_core_that_stood_still_is_felt_at_every_point_that_it_missed() {
        // The grid began 50 steps ago, as if the thread had not run since.
        let start = os::now_ns() - 50 * STEP_NS;
        let late = wake_ups(start, start..start + 50 * STEP_NS, &AtomicBool::new(false));
        assert_eq!(late.len(), 50);
        assert!(late.max() >= 50 * STEP_NS && late.value_at_quantile(0.5) >= 24 * STEP_NS);
    }

    #[test]
    fn a_core_that_does_not_exist_has_no_figure() {
        let now = os::now_ns();
        assert!(scheduling_delays(Some(u32::MAX), now..now + 3 * STEP_NS).unwrap().finish().is_none());
    }

    #[test]
    fn it_ends_when_it_is_stopped() {
        let far = os::now_ns() + 3_600_000_000_000;
        assert!(scheduling_delays(None, far..far + 1).unwrap().finish().unwrap().is_empty());
        assert_eq!(core_speed(None, far..far + 1).unwrap().finish(), Some(CoreSpeed::default()));
    }

    #[test]
    fn speed_is_the_cpu_time_of_as_many_exchanges_as_there_was_time_for() {
        let window = os::now_ns()..os::now_ns() + 20 * STEP_NS;
        let speed = core_speed(None, window).unwrap();
        os::sleep_until_ns(os::now_ns() + 21 * STEP_NS);
        let CoreSpeed { exchanges, cpu_ns } = speed.finish().unwrap();
        assert!((u64::from(EXCHANGES)..=20 * u64::from(EXCHANGES)).contains(&exchanges), "{exchanges}");
        // Two system calls take longer than this on any machine, and 100 µs on none.
        assert!((100..100_000).contains(&(cpu_ns / exchanges)), "{cpu_ns} ns for {exchanges}");
    }
}

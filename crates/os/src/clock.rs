//! Clocks, and sleeping by them.

use std::io;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;

use rustix::thread::ClockId;
use rustix::time::Timespec;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Nanoseconds of `CLOCK_MONOTONIC`, the one clock of all processes of a host.
pub fn now_ns() -> u64 {
    nanoseconds(rustix::time::clock_gettime(ClockId::Monotonic))
}

/// Milliseconds since 1970, by the wall clock.
pub fn unix_ms() -> u64 {
    nanoseconds(rustix::time::clock_gettime(ClockId::Realtime)) / 1_000_000
}

/// CPU time of this thread.
pub fn thread_cpu_ns() -> u64 {
    nanoseconds(rustix::time::clock_gettime(ClockId::ThreadCPUTime))
}

/// Sleeps until `deadline_ns` of `CLOCK_MONOTONIC`; returns at once when it has passed.
pub fn sleep_until_ns(deadline_ns: u64) {
    let deadline = timespec(deadline_ns);
    while rustix::thread::clock_nanosleep_absolute(ClockId::Monotonic, &deadline).is_err()
        && now_ns() < deadline_ns
    {}
}

/// Lets the timers of this thread fire without the 50 µs that the kernel otherwise may add to save power.
/// Fails when the kernel refuses.
pub fn precise_timers() -> io::Result<()> {
    Ok(rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?)
}

/// Registers `descriptor` with the runtime of this thread, which then reports when it can be read.
/// Fails when the kernel cannot watch it.
pub fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open, stays the same descriptor, and is closed only when it is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }?)
}

/// `ns` in the kernel's own type.
pub fn timespec(ns: u64) -> Timespec {
    Timespec { tv_sec: (ns / 1_000_000_000).cast_signed(), tv_nsec: (ns % 1_000_000_000).cast_signed() }
}

pub(crate) fn nanoseconds(time: Timespec) -> u64 {
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

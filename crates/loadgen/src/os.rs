//! What is asked of the operating system: clocks, cores, signals, memory, context switches, open files.
//!
//! The only module of this crate with `unsafe`: the CPU clock of another process, the kernel's counters of a TCP connection,
//! the size of a page and a network of one's own have no safe wrapper.
#![allow(unsafe_code)]

mod descriptors;
mod memory;
mod network;
mod tcp;
mod tree;

use std::fs;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, Signal};
use rustix::thread::{ClockId, CpuSet};
use rustix::time::Timespec;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

pub use descriptors::{most_open_files, raise_open_files};
pub use memory::{KernelMemory, kernel_memory};
pub use network::{NetworkCounters, enter_own_network, network_counters, network_is_silent_within};
pub use tcp::{TcpInfo, is_established, limit_segment, tcp_info};
pub use tree::{process_tree, tree_cost};

/// Nanoseconds of `CLOCK_MONOTONIC`, the one clock of all processes of a host.
pub fn now_ns() -> u64 {
    nanoseconds(rustix::time::clock_gettime(ClockId::Monotonic))
}

/// Milliseconds since 1970, by the wall clock.
pub fn unix_ms() -> u64 {
    nanoseconds(rustix::time::clock_gettime(ClockId::Realtime)) / 1_000_000
}

/// Nanoseconds of CPU that this process has used.
pub fn own_cpu_ns() -> u64 {
    nanoseconds(rustix::time::clock_gettime(ClockId::ProcessCPUTime))
}

/// Nanoseconds of CPU that process `pid` has used, all its threads together.
///
/// # Errors
///
/// When there is no such process.
pub fn process_cpu_ns(pid: u32) -> io::Result<u64> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))?;
    let mut clock: libc::clockid_t = 0;
    // SAFETY: `clock` is a valid place for the answer for the whole call.
    let failed = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) };
    if failed != 0 {
        return Err(io::Error::from_raw_os_error(failed));
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer for the whole call; a clock of a process that has ended since
    // is answered with an error.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(nanoseconds(Timespec { tv_sec: time.tv_sec, tv_nsec: time.tv_nsec }))
}

/// Sleeps until `deadline_ns` of `CLOCK_MONOTONIC`; returns at once when it has passed.
pub fn sleep_until_ns(deadline_ns: u64) {
    let deadline = timespec(deadline_ns);
    while rustix::thread::clock_nanosleep_absolute(ClockId::Monotonic, &deadline).is_err()
        && now_ns() < deadline_ns
    {}
}

/// Lets the timers of this thread fire without the 50 µs that the kernel otherwise may add to save power.
///
/// # Errors
///
/// When the kernel refuses.
pub fn precise_timers() -> io::Result<()> {
    Ok(rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?)
}

/// Keeps this thread, and those that it starts, on `cores`; no cores leaves it where it is.
///
/// # Errors
///
/// When a core does not exist or is not allowed.
pub fn pin(cores: &[u32]) -> io::Result<()> {
    if cores.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    for &core in cores {
        if core as usize >= CpuSet::MAX_CPU {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        set.set(core as usize);
    }
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

/// Anonymous resident memory of process `pid`, in bytes: heap and stacks. The pages of its program are left out; they come
/// in as they are first used, and would look like what the first connections cost.
///
/// # Errors
///
/// When there is no such process.
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(status_field(&text, "RssAnon:") * 1024)
}

/// How often a process gave up its core, and how often it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Switches {
    /// It waited for something.
    pub voluntary: u64,
    /// Another one had its turn.
    pub involuntary: u64,
}

/// Context switches of process `pid`, summed over the threads that it has now.
///
/// # Errors
///
/// When there is no such process.
pub fn switches(pid: u32) -> io::Result<Switches> {
    let mut sum = Switches::default();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(task?.path().join("status")) else { continue };
        sum.voluntary += status_field(&text, "voluntary_ctxt_switches:");
        sum.involuntary += status_field(&text, "nonvoluntary_ctxt_switches:");
    }
    Ok(sum)
}

/// Whether process `pid` has ended, also when nobody has waited for it yet.
pub fn has_ended(pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    // The program's name stands in parentheses and may hold any character; the state follows the last one.
    let state = text.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
    matches!(state, Some('Z' | 'X') | None)
}

/// Stops process `pid` where it is, until [`resume`].
///
/// # Errors
///
/// When there is no such process or it belongs to somebody else.
pub fn suspend(pid: u32) -> io::Result<()> {
    send(pid, Signal::STOP)
}

/// Lets a stopped process run again.
///
/// # Errors
///
/// When there is no such process or it belongs to somebody else.
pub fn resume(pid: u32) -> io::Result<()> {
    send(pid, Signal::CONT)
}

/// Ends process `pid` at once, without a word to it.
///
/// # Errors
///
/// When there is no such process or it belongs to somebody else.
pub fn kill(pid: u32) -> io::Result<()> {
    send(pid, Signal::KILL)
}

/// Lets the runtime of this thread tell when `descriptor` can be read.
///
/// # Errors
///
/// When the kernel cannot watch it.
pub(crate) fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open, stays the same descriptor, and is closed by nobody else as long as it lives.
    Ok(unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }?)
}

/// `ns` as the kernel's own type.
pub(crate) fn timespec(ns: u64) -> Timespec {
    Timespec { tv_sec: (ns / 1_000_000_000).cast_signed(), tv_nsec: (ns % 1_000_000_000).cast_signed() }
}

fn nanoseconds(time: Timespec) -> u64 {
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

fn status_field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    // A unit may follow: memory is told in kB.
    line.and_then(|value| value.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn send(pid: u32, signal: Signal) -> io::Result<()> {
    // 0 and negative numbers would reach whole groups of processes.
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
    Ok(rustix::process::kill_process(pid, signal)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_by_its_number_as_by_itself() {
        let pid = std::process::id();
        let before = own_cpu_ns();
        let read = process_cpu_ns(pid).unwrap();
        assert!((before..=own_cpu_ns()).contains(&read));
        assert!(resident_bytes(pid).unwrap() > 100_000);
        assert!(!has_ended(pid));
    }

    #[test]
    fn sleeping_is_a_voluntary_switch() {
        let pid = std::process::id();
        let before = switches(pid).unwrap();
        let deadline = now_ns() + 2_000_000;
        sleep_until_ns(deadline);
        assert!(now_ns() >= deadline);
        assert!(switches(pid).unwrap().voluntary > before.voluntary);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        let gone = u32::MAX;
        assert!(process_cpu_ns(gone).is_err());
        assert!(resident_bytes(gone).is_err());
        assert!(switches(gone).is_err());
        assert!(suspend(gone).is_err() && kill(gone).is_err());
        assert!(resume(0).is_err());
        assert!(has_ended(gone));
    }

    #[test]
    fn a_core_that_is_not_there_is_an_error() {
        assert!(pin(&[u32::MAX]).is_err());
        assert!(pin(&[]).is_ok());
    }
}

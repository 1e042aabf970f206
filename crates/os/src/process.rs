//! Processes: their CPU time, memory, context switches and children, the signals that they are sent, and the cores and open
//! files that this one may have.

use std::fs;
use std::io;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, setrlimit};
use rustix::thread::{ClockId, CpuSet};
use rustix::time::Timespec;

use crate::clock::nanoseconds;

/// More processes than any server has; the walk ends there.
const MOST_PROCESSES: usize = 4_096;

/// Nanoseconds of CPU that this process has used.
pub fn own_cpu_ns() -> u64 {
    nanoseconds(rustix::time::clock_gettime(ClockId::ProcessCPUTime))
}

/// Nanoseconds of CPU that process `pid` has used, all its threads together.
/// Fails when there is no such process.
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

/// Anonymous resident memory of process `pid`, in bytes: heap and stacks. The pages of its program are left out; they come
/// in as they are first used, and would look like what the first connections cost.
/// Fails when there is no such process.
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(status_field(&text, "RssAnon:") * 1024)
}

/// How often a process yielded its core, and how often it lost it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Switches {
    /// It waited for something.
    pub voluntary: u64,
    /// The kernel ran another one.
    pub involuntary: u64,
}

/// Context switches of process `pid`, summed over the threads that it has now.
/// Fails when there is no such process.
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

/// Whether process `pid` has ended, even if its parent has not waited for it yet.
pub fn has_ended(pid: u32) -> bool {
    matches!(state(pid), Some('Z' | 'X') | None)
}

/// Whether process `pid` is stopped by a signal.
pub fn is_stopped(pid: u32) -> bool {
    state(pid) == Some('T')
}

/// Stops process `pid` where it is, until [`resume`].
/// Fails when there is no such process or it belongs to another user.
pub fn suspend(pid: u32) -> io::Result<()> {
    send(pid, Signal::STOP)
}

/// Lets a stopped process run again.
/// Fails when there is no such process or it belongs to another user.
pub fn resume(pid: u32) -> io::Result<()> {
    send(pid, Signal::CONT)
}

/// Ends process `pid` at once; it cannot clean up.
/// Fails when there is no such process or it belongs to another user.
pub fn kill(pid: u32) -> io::Result<()> {
    send(pid, Signal::KILL)
}

/// `root` and every process below it, parents before their children.
/// Fails when there is no process `root`.
pub fn process_tree(root: u32) -> io::Result<Vec<u32>> {
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(&pid) = tree.get(next) {
        match children(pid) {
            Ok(children) => tree.extend(children),
            Err(error) if next == 0 => return Err(error),
            // It has ended since it was listed.
            Err(_) => {}
        }
        next += 1;
        tree.truncate(MOST_PROCESSES);
    }
    Ok(tree)
}

/// CPU time, anonymous resident memory and context switches of `root` and every process below it; memory that processes
/// share since a fork is counted for each. The cost of processes that have ended is not included.
/// Fails when there is no process `root`.
pub fn tree_cost(root: u32) -> io::Result<(u64, u64, Switches)> {
    let tree = process_tree(root)?;
    // The clocks first: reading one costs 1 µs, and /proc thirty times as much.
    let cpu_ns = process_cpu_ns(root)? + tree[1..].iter().flat_map(|&pid| process_cpu_ns(pid)).sum::<u64>();
    let resident = resident_bytes(root)? + tree[1..].iter().flat_map(|&pid| resident_bytes(pid)).sum::<u64>();
    let mut sum = switches(root)?;
    for other in tree[1..].iter().flat_map(|&pid| switches(pid)) {
        sum.voluntary += other.voluntary;
        sum.involuntary += other.involuntary;
    }
    Ok((cpu_ns, resident, sum))
}

/// Nanoseconds of CPU that `root` and every process below it have used, by their numbers.
/// Fails when there is no process `root`.
pub fn tree_cpu_ns(root: u32) -> io::Result<Vec<(u32, u64)>> {
    let tree = process_tree(root)?;
    Ok(tree.into_iter().filter_map(|pid| Some((pid, process_cpu_ns(pid).ok()?))).collect())
}

/// The start of the name of process `pid`'s program; none when there is no such process.
pub fn program_name(pid: u32) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned())
}

/// Keeps this thread, and those that it starts, on `cores`; an empty list changes nothing.
/// Fails when a core does not exist or is not allowed.
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

/// Has this thread run only while nothing else wants its core.
/// Fails when the kernel refuses.
pub fn run_when_idle() -> io::Result<()> {
    let lowest = libc::sched_param { sched_priority: 0 };
    // SAFETY: 0 means this thread, and `lowest` outlives the call, which only reads it.
    match unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const lowest) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Raises this process's limit to the most that it may have. The usual first limit, 1,024, is for programs that wait by
/// select(2).
/// Fails when the kernel refuses.
pub fn raise_open_files() -> io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// How many files a process may have open once it has [raised](raise_open_files) its limit.
pub fn most_open_files() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// Children of every thread of a process.
fn children(pid: u32) -> io::Result<Vec<u32>> {
    let mut all = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(task?.path().join("children")) else { continue };
        all.extend(text.split_ascii_whitespace().flat_map(str::parse::<u32>));
    }
    Ok(all)
}

/// The letter of a process's state; none when there is no such process.
fn state(pid: u32) -> Option<char> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name stands in parentheses and may hold any character; the state follows the last one.
    text.rsplit_once(')')?.1.trim_start().chars().next()
}

fn status_field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    // A unit may follow: memory is in kB.
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
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    use super::*;
    use crate::clock::{now_ns, sleep_until_ns};

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
    fn a_process_that_does_not_exist_is_an_error() {
        let gone = u32::MAX;
        assert!(process_cpu_ns(gone).is_err());
        assert!(resident_bytes(gone).is_err());
        assert!(switches(gone).is_err());
        assert!(suspend(gone).is_err() && kill(gone).is_err());
        assert!(resume(0).is_err());
        assert!(has_ended(gone));
    }

    #[test]
    fn a_core_that_does_not_exist_is_an_error() {
        assert!(pin(&[u32::MAX]).is_err());
        assert!(pin(&[]).is_ok());
    }

    #[test]
    fn a_tree_holds_the_children_of_children_and_their_cost() {
        let script = "sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo $$; exec sleep 60'; true";
        let mut child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let grandchild: u32 = line.trim().parse().unwrap();
        let (tree, cost) = (process_tree(child.id()), tree_cost(child.id()));
        let alone = process_cpu_ns(child.id()).unwrap();
        let (each, name) = (tree_cpu_ns(child.id()).unwrap(), program_name(grandchild));
        for pid in [grandchild, child.id()] {
            kill(pid).unwrap();
        }
        child.wait().unwrap();
        assert_eq!(tree.unwrap(), [child.id(), grandchild]);
        assert!(cost.unwrap().0 > alone, "the loop ran in the grandchild");
        assert_eq!(each.iter().map(|(pid, _)| *pid).collect::<Vec<_>>(), [child.id(), grandchild]);
        assert!(each[1].1 > each[0].1 && name.is_some() && program_name(u32::MAX).is_none());
        assert!(process_tree(u32::MAX).is_err());
    }

    #[test]
    fn the_limit_is_raised_to_the_most_that_there_may_be() {
        raise_open_files().unwrap();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        assert_eq!(limit.maximum.unwrap_or(u64::MAX), most_open_files());
    }
}

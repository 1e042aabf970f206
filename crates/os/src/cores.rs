//! What cores did (proc(5), `/proc/stat`), and what part of it was ours.

use std::fs;
use std::io;

/// What a set of cores did since the machine started, in ns at the kernel's resolution, which is 10 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CoreTimes {
    /// They had nothing to do.
    pub idle_ns: u64,
    /// The host of this virtual machine ran something else on them.
    pub steal_ns: u64,
}

/// Reads what these cores did, as one sum.
///
/// # Errors
///
/// When the kernel does not list one of them.
pub fn core_times(cores: &[u32]) -> io::Result<CoreTimes> {
    let stat = fs::read_to_string("/proc/stat")?;
    // SAFETY: it takes a number and returns a number.
    let ticks_per_s = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).unwrap_or(100);
    read(&stat, cores, 1_000_000_000 / ticks_per_s.max(1))
        .ok_or_else(|| io::Error::other(format!("/proc/stat does not list the cores {cores:?}")))
}

/// The fields of a core's line: user, nice, system, idle, iowait, irq, softirq, steal. Idle time is not sampled by the tick;
/// the others are.
fn read(stat: &str, cores: &[u32], tick_ns: u64) -> Option<CoreTimes> {
    let mut sum = CoreTimes::default();
    for core in cores {
        let name = format!("cpu{core}");
        let line = stat.lines().find(|line| line.split(' ').next() == Some(&name))?;
        let fields: Vec<u64> = line.split_ascii_whitespace().skip(1).flat_map(str::parse).collect();
        sum.idle_ns += (fields.get(3)? + fields.get(4)?) * tick_ns;
        sum.steal_ns += fields.get(7)? * tick_ns;
    }
    Some(sum)
}

/// CPU time of this process and of all its descendants that have ended and were waited for, ns.
pub fn own_and_ended_cpu_ns() -> u64 {
    [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN].map(usage_ns).iter().sum()
}

fn usage_ns(of: libc::c_int) -> u64 {
    // SAFETY: all bytes 0 is a valid value of this structure of numbers, and the pointer lives through the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        if libc::getrusage(of, &raw mut usage) != 0 {
            return 0;
        }
        usage
    };
    let ns = |time: libc::timeval| {
        time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_usec.cast_unsigned() * 1_000
    };
    ns(usage.ru_utime) + ns(usage.ru_stime)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn cores_are_found_by_their_whole_name_and_summed() {
        let stat =
            "cpu  9 9 9 9 9 9 9 9 0 0\ncpu1 1 2 3 40 5 6 7 8 0 0\ncpu10 9 9 9 60 9 9 9 2 0 0\nintr 1\n";
        assert_eq!(read(stat, &[1], 10), Some(CoreTimes { idle_ns: 450, steal_ns: 80 }));
        assert_eq!(read(stat, &[1, 10], 10), Some(CoreTimes { idle_ns: 1_140, steal_ns: 100 }));
        assert_eq!(read(stat, &[2], 10), None);
    }

    #[test]
    fn this_kernel_lists_its_first_core_and_no_other_than_there_are() {
        assert!(core_times(&[0]).is_ok());
        assert!(core_times(&[u32::MAX]).is_err());
    }

    #[test]
    fn the_work_of_a_child_counts_once_it_was_waited_for() {
        let before_ns = own_and_ended_cpu_ns();
        let script = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
        assert!(Command::new("sh").args(["-c", script]).status().unwrap().success());
        assert!(own_and_ended_cpu_ns() - before_ns > 5_000_000);
    }
}

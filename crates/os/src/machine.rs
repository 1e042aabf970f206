//! The whole machine (proc(5)): what its cores did and what part of it was ours; memory of the kernel, which holds most of what a
//! connection takes.

use std::{fs, io};

/// What a set of cores did since the machine started, in ns at the kernel's resolution, which is 10 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CoreTimes {
    /// They had nothing to do.
    pub idle_ns: u64,
    /// The host of this virtual machine ran something else on them.
    pub steal_ns: u64,
}

/// Reads what these cores did, as one sum.
/// Fails when the kernel does not list one of them.
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

/// Memory of the kernel, of the whole machine, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KernelMemory {
    /// Its slabs: sockets, files, the structures that watch them (`Slab` of `/proc/meminfo`).
    pub slab_bytes: u64,
    /// Buffers of TCP (`mem` of `/proc/net/sockstat`, which is in pages).
    pub tcp_bytes: u64,
}

/// Reads the kernel's memory; none where it does not report it.
pub fn kernel_memory() -> Option<KernelMemory> {
    let memory = fs::read_to_string("/proc/meminfo").ok()?;
    let sockets = fs::read_to_string("/proc/self/net/sockstat").ok()?;
    read_memory(&memory, &sockets, page_bytes()?)
}

fn read_memory(memory: &str, sockets: &str, page_bytes: u64) -> Option<KernelMemory> {
    let slab = memory.lines().find_map(|line| line.strip_prefix("Slab:"))?;
    let slab_kib: u64 = slab.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    let tcp = sockets.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    let mut words = tcp.split_ascii_whitespace().skip_while(|&word| word != "mem").skip(1);
    let tcp_pages: u64 = words.next()?.parse().ok()?;
    Some(KernelMemory { slab_bytes: slab_kib * 1024, tcp_bytes: tcp_pages * page_bytes })
}

fn page_bytes() -> Option<u64> {
    // SAFETY: it takes a number and returns a number.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()
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

    const MEMORY: &str =
        "MemTotal:       24000000 kB\nSlab:             635684 kB\nSReclaimable:     500000 kB\n";
    const SOCKETS: &str =
        "sockets: used 111\nTCP: inuse 26 orphan 0 tw 108 alloc 27 mem 97\nUDP: inuse 0 mem 5\n";

    #[test]
    fn slabs_are_in_kib_and_tcps_buffers_in_pages() {
        let expected = KernelMemory { slab_bytes: 635_684 * 1024, tcp_bytes: 97 * 4096 };
        assert_eq!(read_memory(MEMORY, SOCKETS, 4096), Some(expected));
    }

    #[test]
    fn a_kernel_that_does_not_report_it_is_none() {
        assert_eq!(read_memory("", SOCKETS, 4096), None);
        assert_eq!(read_memory(MEMORY, "TCP: inuse 26\n", 4096), None);
    }

    #[test]
    fn this_kernel_reports_it() {
        assert!(kernel_memory().unwrap().slab_bytes > 0);
    }
}

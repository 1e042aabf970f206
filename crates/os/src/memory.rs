//! Memory of the whole kernel (proc(5)), which holds most of what a connection takes.

use std::fs;

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
    read(&memory, &sockets, page_bytes()?)
}

fn read(memory: &str, sockets: &str, page_bytes: u64) -> Option<KernelMemory> {
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
    use super::*;

    const MEMORY: &str =
        "MemTotal:       24000000 kB\nSlab:             635684 kB\nSReclaimable:     500000 kB\n";
    const SOCKETS: &str =
        "sockets: used 111\nTCP: inuse 26 orphan 0 tw 108 alloc 27 mem 97\nUDP: inuse 0 mem 5\n";

    #[test]
    fn slabs_are_in_kib_and_tcps_buffers_in_pages() {
        let expected = KernelMemory { slab_bytes: 635_684 * 1024, tcp_bytes: 97 * 4096 };
        assert_eq!(read(MEMORY, SOCKETS, 4096), Some(expected));
    }

    #[test]
    fn a_kernel_that_does_not_report_it_is_none() {
        assert_eq!(read("", SOCKETS, 4096), None);
        assert_eq!(read(MEMORY, "TCP: inuse 26\n", 4096), None);
    }

    #[test]
    fn this_kernel_reports_it() {
        assert!(kernel_memory().unwrap().slab_bytes > 0);
    }
}

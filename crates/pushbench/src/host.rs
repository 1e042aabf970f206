//! The machine that a run is made on, as its manifest tells it: read from `/proc` and `/sys`, nothing is set.

use std::collections::BTreeMap;
use std::fs;

use rustix::process::Resource;
use rustix::thread::sched_getaffinity;
use schema::manifest::Host;

/// Kernel settings that change latency or throughput of sockets.
const SYSCTLS: [&str; 8] = [
    "net.core.busy_poll",
    "net.core.default_qdisc",
    "net.core.rmem_default",
    "net.core.somaxconn",
    "net.core.wmem_default",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];

/// Which cores the two sides of a trial run on; both empty when there is only one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pinning {
    /// The server's.
    pub(crate) server: Vec<u32>,
    /// The load generator's.
    pub(crate) load: Vec<u32>,
}

impl Pinning {
    /// The first half of `cores` for the server, the rest for the load generator.
    pub(crate) fn split(cores: &[u32]) -> Self {
        match cores {
            [] | [_] => Self::default(),
            _ => {
                let (server, load) = cores.split_at(cores.len() / 2);
                Self { server: server.to_vec(), load: load.to_vec() }
            }
        }
    }
}

/// Cores that this process may use, in rising order.
pub(crate) fn allowed_cores() -> Vec<u32> {
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0..rustix::thread::CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).map(|core| core as u32).collect()
}

/// What the manifest says about this machine.
pub(crate) fn describe(pinning: &Pinning) -> Host {
    let uname = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    Host {
        name: text(uname.nodename()),
        kernel: format!("{} {} {}", text(uname.sysname()), text(uname.release()), text(uname.machine())),
        cpu: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
        cores: allowed_cores().len() as u32,
        governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        memory_bytes: memory_bytes(),
        server_cores: pinning.server.clone(),
        load_cores: pinning.load.clone(),
        descriptors: rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
        sysctls: sysctls(),
    }
}

fn memory_bytes() -> u64 {
    let total = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    total.trim_end_matches(" kB").parse::<u64>().map_or(0, |kibibytes| kibibytes * 1024)
}

fn sysctls() -> BTreeMap<String, String> {
    let value = |name: &str| read(&format!("/proc/sys/{}", name.replace('.', "/")));
    SYSCTLS.iter().filter_map(|&name| Some((name.to_owned(), value(name)?.replace('\t', " ")))).collect()
}

/// The value behind `key` in a file of `key : value` lines.
fn field(path: &str, key: &str) -> Option<String> {
    let text = read(path)?;
    let value = |line: &str| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    };
    text.lines().find_map(value)
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_sides_never_share_a_core() {
        assert_eq!(Pinning::split(&[]), Pinning::default());
        assert_eq!(Pinning::split(&[3]), Pinning::default());
        assert_eq!(Pinning::split(&[0, 1]), Pinning { server: vec![0], load: vec![1] });
        assert_eq!(Pinning::split(&[0, 2, 5]), Pinning { server: vec![0], load: vec![2, 5] });
    }

    #[test]
    fn this_machine_has_a_kernel_memory_and_cores() {
        let host = describe(&Pinning::default());
        assert!(host.kernel.starts_with("Linux "), "{host:?}");
        assert!(host.memory_bytes > 1 << 20 && host.cores > 0, "{host:?}");
    }
}

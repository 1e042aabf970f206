//! The machine and the program of a run, as its manifest describes them: cores, kernel, commit, libraries. Nothing is set.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use model::manifest::Host;
use rustix::process::Resource;
use rustix::thread::sched_getaffinity;
use serde::{Deserialize, Serialize};

/// Kernel settings that change latency or throughput of sockets.
const SYSCTLS: [&str; 9] = [
    "net.core.busy_poll",
    "net.core.default_qdisc",
    "net.core.rmem_default",
    "net.core.somaxconn",
    "net.core.wmem_default",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];

/// The lock file that this program was built with.
const LOCK: &str = include_str!("../../../../Cargo.lock");

/// Libraries whose work is inside the figures.
const LIBRARIES: [&str; 15] = [
    "bytes",
    "flate2",
    "h2",
    "hdrhistogram",
    "http-body-util",
    "hyper",
    "hyper-util",
    "ring",
    "rustls",
    "sockudo-ws",
    "tokio",
    "tokio-rustls",
    "tokio-tungstenite",
    "tungstenite",
    "zlib-rs",
];

/// Which cores the two sides of a trial run on; both empty when there is only one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Pinning {
    /// The server's.
    pub(crate) server: Vec<u32>,
    /// The load generator's.
    pub(crate) load: Vec<u32>,
}

impl Pinning {
    pub(crate) fn of_this_process() -> Self {
        Self::split(&allowed_cores(), siblings)
    }

    /// The first half of `cores` for the server, the rest for the load generator. `siblings` share a physical core and go to the
    /// same side, so that neither side slows the other. A single physical core is divided all the same.
    fn split(cores: &[u32], siblings: impl Fn(u32) -> Vec<u32>) -> Self {
        let groups = match by_physical_core(cores, siblings) {
            physical if physical.len() > 1 => physical,
            _ if cores.len() > 1 => cores.iter().map(|&core| vec![core]).collect(),
            _ => return Self::default(),
        };
        let (server, load) = groups.split_at(groups.len() / 2);
        Self { server: server.concat(), load: load.concat() }
    }
}

/// The arguments of a command that stays on `cores`; without any, it runs on all.
pub(crate) fn with_cores(mut arguments: Vec<String>, cores: &[u32]) -> Vec<String> {
    if !cores.is_empty() {
        arguments.extend(["--cores".to_owned(), listed(cores)]);
    }
    arguments
}

/// Cores as the command line takes them: `0,1,4`.
pub(crate) fn listed(cores: &[u32]) -> String {
    cores.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// `cores` in groups that share a physical core, in the order of each group's first.
fn by_physical_core(cores: &[u32], siblings: impl Fn(u32) -> Vec<u32>) -> Vec<Vec<u32>> {
    let mut groups: Vec<Vec<u32>> = Vec::new();
    for &core in cores {
        let shared = siblings(core);
        match groups.iter_mut().find(|group| group.iter().any(|member| shared.contains(member))) {
            Some(group) => group.push(core),
            None => groups.push(vec![core]),
        }
    }
    groups
}

/// The hardware threads of `core`'s physical core, itself among them; none when the kernel does not list them.
fn siblings(core: u32) -> Vec<u32> {
    let list = read(&format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"));
    list.map_or_else(Vec::new, |list| parse_list(&list))
}

/// A list of cores as the kernel writes it: `0-1,4`. Parts that are no numbers are left out.
fn parse_list(list: &str) -> Vec<u32> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse::<u32>().ok()?..=last.trim().parse().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
}

/// Cores that this process may use, in rising order.
pub(crate) fn allowed_cores() -> Vec<u32> {
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0..rustix::thread::CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).map(|core| core as u32).collect()
}

/// This machine as the manifest describes it.
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

/// The commit of the folder that pushbench runs in, and whether files under version control differ from it; none outside
/// of a repository or without git. It is read at run time: a program that was built elsewhere or earlier is not noticed.
pub(crate) fn commit() -> (Option<String>, Option<bool>) {
    let commit = git(&["rev-parse", "HEAD"]).filter(|text| !text.is_empty());
    // Results are written into the work tree by every run, and change nothing of the program.
    let dirty = git(&["status", "--porcelain", "--untracked-files=no"]).map(|text| !text.is_empty());
    (commit, dirty)
}

fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Versions of the libraries under measurement, and a digest of pushbench's own code that runs while a trial measures.
pub(crate) fn libraries() -> BTreeMap<String, String> {
    let Ok(lock) = LOCK.parse::<toml::Table>() else { return BTreeMap::new() };
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let field = |package: &toml::Value, name: &str| package.get(name)?.as_str().map(str::to_owned);
    packages
        .into_iter()
        .flatten()
        .filter_map(|package| Some((field(package, "name")?, field(package, "version")?)))
        .filter(|(name, _)| LIBRARIES.contains(&name.as_str()))
        .chain([("own code".to_owned(), env!("PUSHBENCH_MEASURED_CODE").to_owned())])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_sides_never_share_a_core() {
        let split = |cores: &[u32]| Pinning::split(cores, |core| vec![core]);
        assert_eq!(split(&[]), Pinning::default());
        assert_eq!(split(&[3]), Pinning::default());
        assert_eq!(split(&[0, 1]), Pinning { server: vec![0], load: vec![1] });
        assert_eq!(split(&[0, 2, 5]), Pinning { server: vec![0], load: vec![2, 5] });
        let unknown = Pinning::split(&[0, 1], |_| Vec::new());
        assert_eq!(unknown, Pinning { server: vec![0], load: vec![1] });
    }

    #[test]
    fn threads_of_one_physical_core_stay_on_one_side() {
        let siblings = |core: u32| vec![core / 2 * 2, core / 2 * 2 + 1];
        let split = Pinning::split(&[0, 1, 2, 3, 4, 5], siblings);
        assert_eq!(split, Pinning { server: vec![0, 1], load: vec![2, 3, 4, 5] });
        let far = |core: u32| vec![core % 2, core % 2 + 2];
        assert_eq!(Pinning::split(&[0, 1, 2, 3], far), Pinning { server: vec![0, 2], load: vec![1, 3] });
        let without_first = Pinning::split(&[1, 2, 3], siblings);
        assert_eq!(without_first, Pinning { server: vec![1], load: vec![2, 3] });
    }

    #[test]
    fn a_single_physical_core_is_divided() {
        let split = Pinning::split(&[4, 5], |_| vec![4, 5]);
        assert_eq!(split, Pinning { server: vec![4], load: vec![5] });
    }

    #[test]
    fn the_kernels_lists_of_cores_are_read() {
        assert_eq!(parse_list("0"), [0]);
        assert_eq!(parse_list("0-2,4"), [0, 1, 2, 4]);
        assert_eq!(parse_list("0,32"), [0, 32]);
        assert!(parse_list("").is_empty() && parse_list("x-3").is_empty());
    }

    #[test]
    fn this_machine_has_a_kernel_memory_and_cores() {
        let host = describe(&Pinning::default());
        assert!(host.kernel.starts_with("Linux "), "{host:?}");
        assert!(host.memory_bytes > 1 << 20 && host.cores > 0, "{host:?}");
    }

    #[test]
    fn every_library_has_a_version() {
        let mut found = libraries();
        assert_eq!(found.remove("own code").map(|digest| digest.len()), Some(16));
        assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), LIBRARIES);
        assert!(found.values().all(|version| version.starts_with(|c: char| c.is_ascii_digit())), "{found:?}");
    }
}

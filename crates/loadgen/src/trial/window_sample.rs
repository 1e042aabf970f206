//! What is read before the first connection, after the last, and at the window's two edges: the server's costs, the
//! kernel's memory and our own CPU time.

use std::io;
use std::ops::AddAssign;

use model::trial::{Cost, KernelMemory, ProcessCost, TrialSpec};

use super::error::TrialError;
use os::Switches;

/// The processes that a server is; none of one that is known by its address only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watched<'a> {
    spec: &'a TrialSpec,
    /// Where the first server was killed: the process in its place, once there is one.
    second: Option<Option<u32>>,
}

impl<'a> Watched<'a> {
    pub(super) fn of(spec: &'a TrialSpec) -> Self {
        Self { spec, second: None }
    }

    /// Those of a trial whose first server was killed; nothing as long as there is no other.
    pub(super) fn after_restart(spec: &'a TrialSpec, second: Option<u32>) -> Self {
        Self { spec, second: Some(second) }
    }

    /// The processes that all others come from.
    fn roots(self) -> impl Iterator<Item = u32> {
        let first = self.second.is_none().then(|| self.spec.servers().filter_map(|server| server.pid));
        let further = self.spec.target.iter().flat_map(|target| target.further_pids.iter().copied());
        first.into_iter().flatten().chain(self.second.flatten()).chain(further)
    }

    /// CPU time so far of each process of a target; nothing of pushbench's own servers.
    fn each_cpu_ns(self) -> Vec<(u32, u64)> {
        // One that has ended is found by the other readings.
        let trees = self.roots().filter(|_| self.spec.target.is_some()).flat_map(os::tree_cpu_ns);
        trees.flatten().collect()
    }

    /// Checks that none has ended, as far as that can be known.
    pub(super) fn check(self) -> Result<(), TrialError> {
        match self.roots().find(|&pid| os::has_ended(pid)) {
            Some(pid) => Err(TrialError::ServerEnded(pid)),
            None => Ok(()),
        }
    }

    /// CPU time so far of the proxy before them, if there is one, with all processes below it.
    fn proxy_cpu_ns(self) -> u64 {
        let each = self.spec.server.proxy.into_iter().flat_map(os::tree_cpu_ns).flatten();
        each.map(|(_, cpu_ns)| cpu_ns).sum()
    }

    /// What they have cost so far.
    pub(super) fn read(self) -> Result<ServerReading, TrialError> {
        let mut sum = ServerReading::default();
        for pid in self.roots() {
            // Of a target, all processes below count, too.
            let read =
                if self.spec.target.is_some() { ServerReading::of_tree } else { ServerReading::of_process };
            let reading = read(pid);
            self.check()?;
            sum += reading.map_err(|source| TrialError::Server { what: "read the cost of", pid, source })?;
        }
        Ok(sum)
    }
}

/// What a server has cost so far; nothing of one that is known by its address only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ServerReading {
    cpu_ns: u64,
    resident_bytes: u64,
    switches: Switches,
}

impl ServerReading {
    fn of_process(pid: u32) -> io::Result<Self> {
        // The clock first: reading it costs 1 µs, and /proc thirty times as much.
        Ok(Self {
            cpu_ns: os::process_cpu_ns(pid)?,
            resident_bytes: os::resident_bytes(pid)?,
            switches: os::switches(pid)?,
        })
    }

    fn of_tree(pid: u32) -> io::Result<Self> {
        let (cpu_ns, resident_bytes, switches) = os::tree_cost(pid)?;
        Ok(Self { cpu_ns, resident_bytes, switches })
    }
}

impl AddAssign for ServerReading {
    fn add_assign(&mut self, other: Self) {
        self.cpu_ns += other.cpu_ns;
        self.resident_bytes += other.resident_bytes;
        self.switches.voluntary += other.switches.voluntary;
        self.switches.involuntary += other.switches.involuntary;
    }
}

/// What is held while nothing flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct IdleResources {
    server: ServerReading,
    kernel: Option<os::KernelMemory>,
}

impl IdleResources {
    pub(super) fn now(server: Watched<'_>) -> Result<Self, TrialError> {
        Ok(Self { server: server.read()?, kernel: os::kernel_memory() })
    }
}

/// What is held before the first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct HeldResources {
    pub(super) before_connections: IdleResources,
    pub(super) with_connections: IdleResources,
}

impl HeldResources {
    /// CPU time of the server from before the first connection until all were there.
    pub(super) fn set_up_cpu_ns(&self) -> u64 {
        // A process that ended in between took its time with it.
        self.with_connections.server.cpu_ns.saturating_sub(self.before_connections.server.cpu_ns)
    }

    fn kernel_memory(&self) -> Option<KernelMemory> {
        let (start, connected) = self.before_connections.kernel.zip(self.with_connections.kernel)?;
        Some(KernelMemory {
            slab_start_bytes: start.slab_bytes,
            slab_connected_bytes: connected.slab_bytes,
            tcp_start_bytes: start.tcp_bytes,
            tcp_connected_bytes: connected.tcp_bytes,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct WindowSample {
    at_ns: u64,
    load_cpu_ns: u64,
    server: ServerReading,
    proxy_cpu_ns: u64,
    /// By the number of each process of a target.
    each_cpu_ns: Vec<(u32, u64)>,
    /// Buffers of TCP, of the whole machine.
    tcp_bytes: Option<u64>,
}

impl WindowSample {
    /// Reads everything now; `load` are the load generator's processes beside this one.
    pub(super) fn now(server: Watched<'_>, load: &[u32]) -> Result<Self, TrialError> {
        // One that has ended is found by its silence.
        let others_ns: u64 = load.iter().flat_map(|&pid| os::process_cpu_ns(pid)).sum();
        let (at_ns, load_cpu_ns) = (os::now_ns(), os::own_cpu_ns() + others_ns);
        let tcp_bytes = os::kernel_memory().map(|memory| memory.tcp_bytes);
        let (proxy_cpu_ns, each_cpu_ns) = (server.proxy_cpu_ns(), server.each_cpu_ns());
        let server = server.read()?;
        Ok(Self { at_ns, load_cpu_ns, server, proxy_cpu_ns, each_cpu_ns, tcp_bytes })
    }

    /// By how much the buffers of TCP have grown since an earlier edge; 0 where the kernel does not report them.
    pub(super) fn tcp_grown_bytes(&self, since: &Self) -> i64 {
        let grown = self.tcp_bytes.zip(since.tcp_bytes);
        grown.map_or(0, |(now, then)| now.cast_signed() - then.cast_signed())
    }

    /// The same with what a server had cost that has ended since; it holds no memory any more.
    pub(super) fn with_ended(mut self, ended: ServerReading) -> Self {
        self.server += ServerReading { resident_bytes: 0, ..ended };
        self
    }
}

/// What each process cost between two edges, where there are several: those that are there at the second one.
fn processes(first: &WindowSample, second: &WindowSample) -> Vec<ProcessCost> {
    let before =
        |pid| first.each_cpu_ns.iter().find(|(other, _)| *other == pid).map_or(0, |(_, cpu_ns)| *cpu_ns);
    let cost = |&(pid, cpu_ns): &(u32, u64)| {
        let name = os::program_name(pid).unwrap_or_default();
        ProcessCost { pid, name, cpu_ns: cpu_ns.saturating_sub(before(pid)) }
    };
    let all: Vec<_> = second.each_cpu_ns.iter().map(cost).filter(|process| process.cpu_ns > 0).collect();
    if all.len() > 1 { all } else { Vec::new() }
}

/// What the work cost between two edges, given what the server held before the first connection and after the last.
pub(super) fn cost(held: &HeldResources, first: &WindowSample, second: &WindowSample) -> Cost {
    let switches = |which: fn(&Switches) -> u64| {
        // A thread that ended in between took its count with it.
        which(&second.server.switches).saturating_sub(which(&first.server.switches))
    };
    Cost {
        elapsed_ns: second.at_ns - first.at_ns,
        server_cpu_ns: second.server.cpu_ns.saturating_sub(first.server.cpu_ns),
        server_processes: processes(first, second),
        proxy_cpu_ns: second.proxy_cpu_ns.saturating_sub(first.proxy_cpu_ns),
        load_cpu_ns: second.load_cpu_ns.saturating_sub(first.load_cpu_ns),
        server_rss_start_bytes: held.before_connections.server.resident_bytes,
        server_rss_connected_bytes: held.with_connections.server.resident_bytes,
        server_rss_end_bytes: second.server.resident_bytes,
        server_voluntary_switches: switches(|switches| switches.voluntary),
        server_involuntary_switches: switches(|switches| switches.involuntary),
        kernel_memory: held.kernel_memory(),
        counted: None,
    }
}

#[cfg(test)]
mod tests {
    use model::settings::Settings;
    use model::target::{Publish, Subscription};
    use model::trial::{ServerSpec, TargetSpec};

    use super::*;

    #[test]
    fn cost_is_the_difference_between_the_edges() {
        let edge = |nth: u64| WindowSample {
            at_ns: 100 * nth,
            load_cpu_ns: 20 * nth,
            proxy_cpu_ns: 4 * nth,
            tcp_bytes: Some(10 * nth),
            each_cpu_ns: vec![(u32::MAX, 3 * nth), (u32::MAX - 1, 7), (u32::MAX - 2, 27 * nth)],
            server: ServerReading {
                cpu_ns: 30 * nth,
                resident_bytes: 1000 * nth,
                switches: Switches { voluntary: 5 * nth, involuntary: 10 - nth },
            },
        };
        let holding = |resident_bytes, cpu_ns, slab_bytes| IdleResources {
            server: ServerReading { resident_bytes, cpu_ns, ..ServerReading::default() },
            kernel: Some(os::KernelMemory { slab_bytes, tcp_bytes: 1 }),
        };
        let held =
            HeldResources { before_connections: holding(7, 5, 50), with_connections: holding(9, 25, 70) };
        let expected = Cost {
            elapsed_ns: 200,
            server_cpu_ns: 60,
            server_processes: [(u32::MAX, 6), (u32::MAX - 2, 54)]
                .map(|(pid, cpu_ns)| ProcessCost { pid, name: String::new(), cpu_ns })
                .into(),
            proxy_cpu_ns: 8,
            load_cpu_ns: 40,
            server_rss_start_bytes: 7,
            server_rss_connected_bytes: 9,
            server_rss_end_bytes: 3000,
            server_voluntary_switches: 10,
            server_involuntary_switches: 0,
            kernel_memory: Some(KernelMemory {
                slab_start_bytes: 50,
                slab_connected_bytes: 70,
                tcp_start_bytes: 1,
                tcp_connected_bytes: 1,
            }),
            counted: None,
        };
        assert_eq!(cost(&held, &edge(1), &edge(3)), expected);
        assert_eq!((edge(3).tcp_grown_bytes(&edge(1)), edge(1).tcp_grown_bytes(&edge(3))), (20, -20));
        let ended = holding(1 << 30, 7, 0).server;
        let both = Cost { server_cpu_ns: 67, ..expected };
        let found = cost(&held, &edge(1), &edge(3).with_ended(ended));
        assert_eq!(found, both, "an ended server holds no memory");
        assert_eq!(held.set_up_cpu_ns(), 20);
    }

    #[test]
    fn what_cannot_be_read_of_the_kernel_is_left_out() {
        let unread = IdleResources::default();
        let read = IdleResources { kernel: Some(os::KernelMemory::default()), ..unread };
        for held in [
            HeldResources { before_connections: read, with_connections: unread },
            HeldResources { before_connections: unread, with_connections: read },
        ] {
            assert_eq!(held.kernel_memory(), None);
        }
    }

    fn spec(pids: [Option<u32>; 2], target: Option<TargetSpec>) -> TrialSpec {
        let server = |pid| ServerSpec { pid, ..ServerSpec::at(([127, 0, 0, 1], 1).into()) };
        let spec = TrialSpec::new("", server(pids[0]), Settings::default());
        TrialSpec { further_servers: vec![server(pids[1])], target, ..spec }
    }

    #[test]
    fn the_cost_of_all_server_processes_is_one_sum() {
        let own = std::process::id();
        let one = Watched::of(&spec([Some(own), None], None)).read().unwrap();
        let two = Watched::of(&spec([Some(own), Some(own)], None)).read().unwrap();
        assert!(two.resident_bytes > one.resident_bytes * 3 / 2 && two.cpu_ns >= one.cpu_ns * 2);
        assert_eq!(Watched::of(&spec([None, None], None)).read().unwrap(), ServerReading::default());
    }

    #[test]
    fn a_server_process_that_does_not_exist_is_reported_as_ended() {
        let (own, gone) = (Some(std::process::id()), Some(u32::MAX));
        let subscription = Subscription::at("/");
        let target =
            TargetSpec { further_pids: Vec::new(), publish: Publish::own(), subscription, tls: None };
        for target in [None, Some(target)] {
            assert!(WindowSample::now(Watched::of(&spec([own, None], target.clone())), &[]).is_ok());
            let found = WindowSample::now(Watched::of(&spec([own, gone], target)), &[]);
            assert!(matches!(found, Err(TrialError::ServerEnded(u32::MAX))), "{found:?}");
        }
    }

    #[test]
    fn the_load_generators_other_processes_are_in_its_cpu_time() {
        let (spec, own) = (spec([None, None], None), std::process::id());
        let alone = WindowSample::now(Watched::of(&spec), &[]).unwrap();
        let three = WindowSample::now(Watched::of(&spec), &[own, own, u32::MAX]).unwrap();
        assert!(three.load_cpu_ns >= alone.load_cpu_ns * 3);
    }
}

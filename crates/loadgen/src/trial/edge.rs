//! What is read at the window's two edges: the server's costs and our own.

use std::io;

use schema::trial::{Cost, TrialSpec};

use super::TrialError;
use crate::os::{self, Switches};

/// The processes that a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watched {
    /// It is known by its address only.
    Nothing,
    /// One process.
    Process(u32),
    /// One process and all below it.
    Tree(u32),
}

impl Watched {
    /// Those of the trial that `spec` describes.
    pub(super) fn of(spec: &TrialSpec) -> Self {
        match (spec.server_pid, &spec.target) {
            (None, _) => Self::Nothing,
            (Some(pid), None) => Self::Process(pid),
            (Some(pid), Some(_)) => Self::Tree(pid),
        }
    }

    /// The process that all others come from.
    pub(super) fn root(self) -> Option<u32> {
        match self {
            Self::Nothing => None,
            Self::Process(pid) | Self::Tree(pid) => Some(pid),
        }
    }

    /// Checks that it has not ended, as far as that can be known.
    pub(super) fn check(self) -> Result<(), TrialError> {
        match self.root() {
            Some(pid) if os::has_ended(pid) => Err(TrialError::ServerEnded { pid }),
            _ => Ok(()),
        }
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
    pub(super) fn of(server: Watched) -> Result<Self, TrialError> {
        let (pid, reading) = match server {
            Watched::Nothing => return Ok(Self::default()),
            Watched::Process(pid) => (pid, Self::of_process(pid)),
            Watched::Tree(pid) => (pid, Self::of_tree(pid)),
        };
        server.check()?;
        reading.map_err(|source| TrialError::Server { what: "read the cost of", pid, source })
    }

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

/// What a server holds before the first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Held {
    pub(super) before_connections: ServerReading,
    pub(super) with_connections: ServerReading,
}

impl Held {
    /// CPU time of the server from before the first connection until all were there.
    pub(super) fn set_up_cpu_ns(&self) -> u64 {
        // A process that ended in between took its time with it.
        self.with_connections.cpu_ns.saturating_sub(self.before_connections.cpu_ns)
    }
}

/// An edge of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Edge {
    at_ns: u64,
    load_cpu_ns: u64,
    server: ServerReading,
}

impl Edge {
    pub(super) fn now(server: Watched) -> Result<Self, TrialError> {
        Ok(Self { at_ns: os::now_ns(), load_cpu_ns: os::own_cpu_ns(), server: ServerReading::of(server)? })
    }
}

/// What the work cost between two edges, given what the server held before the first connection and after the last.
pub(super) fn cost(rest: &Held, first: &Edge, second: &Edge) -> Cost {
    let switches = |which: fn(&Switches) -> u64| {
        // A thread that ended in between took its count with it.
        which(&second.server.switches).saturating_sub(which(&first.server.switches))
    };
    Cost {
        elapsed_ns: second.at_ns - first.at_ns,
        server_cpu_ns: second.server.cpu_ns.saturating_sub(first.server.cpu_ns),
        load_cpu_ns: second.load_cpu_ns - first.load_cpu_ns,
        server_rss_start_bytes: rest.before_connections.resident_bytes,
        server_rss_connected_bytes: rest.with_connections.resident_bytes,
        server_rss_end_bytes: second.server.resident_bytes,
        server_voluntary_switches: switches(|switches| switches.voluntary),
        server_involuntary_switches: switches(|switches| switches.involuntary),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_is_the_difference_between_the_edges() {
        let edge = |nth: u64| Edge {
            at_ns: 100 * nth,
            load_cpu_ns: 20 * nth,
            server: ServerReading {
                cpu_ns: 30 * nth,
                resident_bytes: 1000 * nth,
                switches: Switches { voluntary: 5 * nth, involuntary: 10 - nth },
            },
        };
        let holding =
            |resident_bytes, cpu_ns| ServerReading { resident_bytes, cpu_ns, ..ServerReading::default() };
        let held = Held { before_connections: holding(7, 5), with_connections: holding(9, 25) };
        let expected = Cost {
            elapsed_ns: 200,
            server_cpu_ns: 60,
            load_cpu_ns: 40,
            server_rss_start_bytes: 7,
            server_rss_connected_bytes: 9,
            server_rss_end_bytes: 3000,
            server_voluntary_switches: 10,
            server_involuntary_switches: 0,
        };
        assert_eq!(cost(&held, &edge(1), &edge(3)), expected);
        assert_eq!(held.set_up_cpu_ns(), 20);
    }

    #[test]
    fn a_server_that_is_not_there_is_told_as_ended() {
        for gone in [Watched::Process(u32::MAX), Watched::Tree(u32::MAX)] {
            assert!(matches!(Edge::now(gone), Err(TrialError::ServerEnded { pid: u32::MAX })));
        }
        for there in
            [Watched::Process(std::process::id()), Watched::Tree(std::process::id()), Watched::Nothing]
        {
            assert!(Edge::now(there).is_ok());
        }
    }
}

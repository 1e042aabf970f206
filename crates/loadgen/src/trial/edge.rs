//! What is read at the window's two edges: the server's costs and our own.

use std::io;

use schema::trial::Cost;

use super::TrialError;
use crate::os::{self, Switches};

/// What a server process has cost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ServerReading {
    cpu_ns: u64,
    resident_bytes: u64,
    switches: Switches,
}

impl ServerReading {
    pub(super) fn of(pid: u32) -> Result<Self, TrialError> {
        let read = || -> io::Result<Self> {
            // The clock first: reading it costs 1 µs, and /proc thirty times as much.
            Ok(Self {
                cpu_ns: os::process_cpu_ns(pid)?,
                resident_bytes: os::resident_bytes(pid)?,
                switches: os::switches(pid)?,
            })
        };
        let reading = read();
        if os::has_ended(pid) {
            return Err(TrialError::ServerEnded { pid });
        }
        reading.map_err(|source| TrialError::Server { what: "read the cost of", pid, source })
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
        self.with_connections.cpu_ns - self.before_connections.cpu_ns
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
    pub(super) fn now(pid: u32) -> Result<Self, TrialError> {
        Ok(Self { at_ns: os::now_ns(), load_cpu_ns: os::own_cpu_ns(), server: ServerReading::of(pid)? })
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
        server_cpu_ns: second.server.cpu_ns - first.server.cpu_ns,
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
        assert!(matches!(Edge::now(u32::MAX), Err(TrialError::ServerEnded { pid: u32::MAX })));
        assert!(Edge::now(std::process::id()).is_ok());
    }
}

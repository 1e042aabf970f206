//! Whether a trial fits into what this machine lets a process have.

use std::fs;

use loadgen::os;
use schema::settings::Settings;
use server_kit::settings::Limits;

/// Descriptors that a process takes beside its connections, and those that are about to be closed.
const SPARE: u64 = 512;

/// What is limited, for each process.
#[derive(Debug, Clone, Copy)]
struct Most {
    /// Open files (`RLIMIT_NOFILE`).
    files: u64,
    /// Ports of an address that connections to one other port may take.
    ports: u64,
    /// Connections that one of our servers admits.
    connections: u64,
}

/// Says what does not fit, and what to do about it.
///
/// # Errors
///
/// That, as a sentence.
pub(super) fn check(settings: &Settings) -> Result<(), String> {
    let connections = Limits::default().connections as u64;
    fits(settings, Most { files: os::most_open_files(), ports: ports(), connections })
}

/// The kernel's own default where it does not tell.
fn ports() -> u64 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut edges = range.split_ascii_whitespace().map(str::parse::<u64>);
    match (edges.next(), edges.next()) {
        (Some(Ok(first)), Some(Ok(last))) => (last + 1).saturating_sub(first),
        _ => 28_232,
    }
}

fn fits(settings: &Settings, most: Most) -> Result<(), String> {
    // Whoever sends has a second connection, where the first one is busy.
    let each = if settings.uplink.is_some() { 2 } else { 1 };
    let connections = u64::from(settings.subscribers.count) * each;
    let (at_server, at_load) = (
        connections.div_ceil(settings.processes.server.max(1).into()),
        connections.div_ceil(settings.processes.load.max(1).into()),
    );
    let all = [
        (
            at_server + SPARE,
            most.files,
            "open files for a server process",
            "raise ulimit -Hn or processes.server",
        ),
        (at_load + SPARE, most.files, "open files for a load process", "raise ulimit -Hn or processes.load"),
        (at_server, most.ports, "ports towards a server process", "raise processes.server"),
        (at_server, most.connections, "connections for a server process", "raise processes.server"),
    ];
    match all.into_iter().find(|(wanted, most, ..)| wanted > most) {
        Some((wanted, most, what, remedy)) => {
            Err(format!("it takes {wanted} {what}, and there are {most}: {remedy}"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use schema::settings::{Processes, Subscribers};

    use super::*;

    fn found(count: u32, server: u32, load: u32) -> Option<String> {
        let subscribers = Subscribers { count, channels: 1, added_delay_ns: 0 };
        let settings = Settings { subscribers, processes: Processes { server, load }, ..Settings::default() };
        fits(&settings, Most { files: 20_000, ports: 28_232, connections: 16_384 }).err()
    }

    #[test]
    fn fifty_thousand_subscribers_fit_four_processes_on_each_side() {
        assert_eq!(found(50_000, 4, 4), None);
        assert_eq!(found(16_384, 1, 1), None);
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_remedy() {
        for (count, server, load, words) in [
            (
                50_000,
                2,
                4,
                "it takes 25512 open files for a server process, and there are 20000: raise ulimit -Hn or processes.server",
            ),
            (
                50_000,
                4,
                2,
                "it takes 25512 open files for a load process, and there are 20000: raise ulimit -Hn or processes.load",
            ),
            (
                17_000,
                1,
                1,
                "it takes 17000 connections for a server process, and there are 16384: raise processes.server",
            ),
        ] {
            assert_eq!(found(count, server, load).as_deref(), Some(words));
        }
    }

    #[test]
    fn this_machine_has_ports() {
        assert!(ports() > 1_000);
    }
}

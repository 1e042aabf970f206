//! Checks before a trial that it fits into the limits of this machine.

use std::fs;

use model::settings::{HttpVersion, Settings, SocketIo, SocketIoTransports};
use server_kit::settings::Limits;

/// Descriptors that a process takes beside its connections, and those that are about to be closed.
const SPARE: u64 = 512;

/// The limits of each process.
#[derive(Debug, Clone, Copy)]
struct ProcessLimits {
    files: u64,
    /// Ports of an address that connections to one other port may take.
    ports: u64,
    /// Connections that one of our servers admits.
    connections: u64,
}

/// Checks that a trial fits. The error says what does not fit, and what to do about it.
pub(super) fn check(technique: &str, settings: &Settings) -> Result<(), String> {
    let connections = Limits::default().connections as u64;
    fits(technique, settings, ProcessLimits { files: os::most_open_files(), ports: ports(), connections })
}

/// The kernel's default where the range cannot be read.
fn ports() -> u64 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut edges = range.split_ascii_whitespace().map(str::parse::<u64>);
    match (edges.next(), edges.next()) {
        (Some(Ok(first)), Some(Ok(last))) => (last + 1).saturating_sub(first),
        _ => 28_232,
    }
}

fn fits(technique: &str, settings: &Settings, limits: ProcessLimits) -> Result<(), String> {
    let connections = u64::from(settings.subscribers.count) * connections_each(technique, settings);
    let at_server = connections.div_ceil(settings.processes.server.max(1).into());
    let at_load = connections.div_ceil(settings.processes.load.max(1).into());
    let all = [
        (at_server + SPARE, limits.files, "open files for a server", "ulimit -Hn or processes.server"),
        (at_load + SPARE, limits.files, "open files for a load", "ulimit -Hn or processes.load"),
        (at_server, limits.ports, "ports towards a server", "processes.server"),
        (at_server, limits.connections, "connections for a server", "processes.server"),
    ];
    match all.into_iter().find(|(wanted, most, ..)| wanted > most) {
        Some((wanted, most, what, remedy)) => {
            Err(format!("it takes {wanted} {what} process, and there are {most}: raise {remedy}"))
        }
        None => Ok(()),
    }
}

/// Connections that each subscriber may have at once.
fn connections_each(technique: &str, settings: &Settings) -> u64 {
    // A subscriber that sends opens a second connection where the first one is busy.
    let sending = if settings.uplink.is_some() { 2 } else { 1 };
    if technique != SocketIo::TECHNIQUE || settings.transport.http == HttpVersion::Http2 {
        return sending;
    }
    let session = match settings.socketio.transports {
        // One for the poll that waits, and one for posts.
        SocketIoTransports::Polling => 2,
        // All reconnect at once, and have both beside the WebSocket until it is probed.
        SocketIoTransports::Upgrade if settings.restart.is_some() => 3,
        SocketIoTransports::Upgrade | SocketIoTransports::Websocket => 1,
    };
    sending.max(session)
}

#[cfg(test)]
mod tests {
    use model::scenario::{Extent, Runs};
    use model::settings::{Backoff, Pace, Processes, Restart, Subscribers, Uplink, UplinkTo};

    use super::*;
    use crate::plan::{Choice, Plan};
    use crate::{project, registry};

    const LIMITS: ProcessLimits = ProcessLimits { files: 20_000, ports: 28_232, connections: 16_384 };

    fn problem(count: u32, server: u32, load: u32) -> Option<String> {
        let subscribers = Subscribers { count, channels: 1, added_delay_ns: 0 };
        let settings = Settings {
            subscribers,
            processes: Processes { server, load, ..Processes::default() },
            ..Settings::default()
        };
        fits("websocket", &settings, LIMITS).err()
    }

    #[test]
    fn socketio_takes_two_connections_to_poll_and_three_where_all_upgrade_at_once() {
        let restart = Some(Restart { at_ns: 1, backoff: Backoff::None });
        let uplink =
            Some(Uplink { rate_per_s: 1.0, pace: Pace::Constant, payload_bytes: 1, to: UplinkTo::Channel });
        for (technique, transports, restart, uplink, wanted) in [
            ("socketio", SocketIoTransports::Polling, None, None, 2),
            ("socketio", SocketIoTransports::Upgrade, None, None, 1),
            ("socketio", SocketIoTransports::Upgrade, restart.clone(), None, 3),
            ("socketio", SocketIoTransports::Websocket, restart.clone(), None, 1),
            ("long-polling", SocketIoTransports::Polling, restart, None, 1),
            ("long-polling", SocketIoTransports::Polling, None, uplink, 2),
        ] {
            let socketio = SocketIo { transports };
            let settings = Settings { socketio, restart, uplink, ..Settings::default() };
            assert_eq!(connections_each(technique, &settings), wanted, "{technique} {transports:?}");
        }
    }

    #[test]
    fn polls_of_socketio_that_a_server_does_not_admit_are_rejected() {
        let subscribers = Subscribers { count: 10_000, channels: 1, added_delay_ns: 0 };
        let socketio = SocketIo { transports: SocketIoTransports::Polling };
        let settings = Settings { subscribers, socketio, ..Settings::default() };
        let limits = ProcessLimits { files: 30_000, ports: 28_232, connections: 16_384 };
        let words =
            "it takes 20000 connections for a server process, and there are 16384: raise processes.server";
        assert_eq!(fits("socketio", &settings, limits).unwrap_err(), words);
        assert_eq!(fits("websocket", &settings, limits), Ok(()));
    }

    #[test]
    fn fifty_thousand_subscribers_fit_four_processes_on_each_side() {
        assert_eq!(problem(50_000, 4, 4), None);
        assert_eq!(problem(16_384, 1, 1), None);
    }

    #[test]
    fn every_trial_of_the_shipped_scenarios_fits_where_a_process_may_open_20_000_files() {
        for set in [Runs::ByDefault, Runs::Capacity] {
            let scenarios = project::scenarios(&[], set, Extent::Full).unwrap();
            let techniques = registry::slugs();
            let choice =
                Choice { techniques: &techniques, repetitions: Some(1), seed: 7, ..Choice::default() };
            for trial in Plan::new(&scenarios, &choice).trials() {
                let found = fits(&trial.planned.technique, &trial.point.settings, LIMITS);
                assert_eq!(found, Ok(()), "{} {}", trial.scenario, trial.planned.technique);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_reported_with_its_remedy() {
        for (count, server, load, wanted, most, remedy) in [
            (50_000, 2, 4, "25512 open files for a server", 20_000, "ulimit -Hn or processes.server"),
            (50_000, 4, 2, "25512 open files for a load", 20_000, "ulimit -Hn or processes.load"),
            (17_000, 1, 1, "17000 connections for a server", 16_384, "processes.server"),
        ] {
            let words = format!("it takes {wanted} process, and there are {most}: raise {remedy}");
            assert_eq!(problem(count, server, load), Some(words));
        }
    }

    #[test]
    fn this_machine_has_ports() {
        assert!(ports() > 1_000);
    }
}

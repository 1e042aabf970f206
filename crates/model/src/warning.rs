//! What a reader of a figure must know: typed, stored with the trial, shown in the report.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A reason to doubt or qualify a trial's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Warning {
    /// The load generator used nearly all of its cores.
    LoadGeneratorBusy {
        /// CPU time ÷ (elapsed × cores), 0–1.
        busy: f64,
    },
    /// The schedule's thread came late.
    ScheduleLag {
        /// p99 of pick-up − intended.
        p99_ns: u64,
    },
    /// A core did not run a waiting thread in time.
    SchedulingDelay {
        max_ns: u64,
        /// On the server's core, else on the load generator's.
        on_server_core: bool,
    },
    /// Server and load generator shared their cores.
    NotPinned,
    /// Connections broke and were made again.
    Reconnects { count: u64 },
    /// Byte accounting attributed other message bytes than the sessions sent and received.
    BytesDoNotAddUp {
        /// Byte accounting − sessions, up-stream.
        up: i64,
        /// Byte accounting − sessions, down-stream.
        down: i64,
    },
    /// The server's processes cannot be read, so nobody knows what it cost.
    ServerCostUnknown,
    /// The server takes posts hardly faster than they are due, so they wait for each other.
    PublishingLimit {
        /// Events that were due in a second.
        due_per_s: f64,
        /// Events that it can take in a second.
        most_per_s: f64,
    },
    /// Events came again, or after later ones.
    Disordered {
        /// Deliveries of what had been delivered already.
        duplicate: u64,
        /// Deliveries after a later one.
        reordered: u64,
    },
}

impl Warning {
    /// What happened and what to do next, as one sentence each.
    pub fn advice(&self) -> String {
        let ms = |ns: u64| ns as f64 / 1e6;
        match self {
            Self::LoadGeneratorBusy { busy } => format!(
                "The load generator was busy {:.0} % of the time: part of the latency is its own. Lower the rate or give it more cores.",
                busy * 100.0
            ),
            Self::ScheduleLag { p99_ns } => format!(
                "The publisher came {:.2} ms late at p99: look at the service time beside the delivery latency. Close other programs or lower the rate.",
                ms(*p99_ns)
            ),
            Self::SchedulingDelay { max_ns, on_server_core } => format!(
                "The {} core stood still for {:.1} ms: the tail is the machine's, not the technique's. Repeat on a quieter machine.",
                if *on_server_core { "server's" } else { "load generator's" },
                ms(*max_ns)
            ),
            Self::NotPinned => {
                "Server and load generator shared their cores, so each slowed the other. Use a machine with at least two cores.".to_owned()
            }
            Self::Reconnects { count } => {
                format!("{count} connections broke and were made again. Look at the server's limits.")
            }
            Self::BytesDoNotAddUp { up, down } => format!(
                "Byte accounting saw {up} message bytes more than the sessions up-stream and {down} more down-stream: the layers are wrong. This is an error of pushbench; please report it with the record."
            ),
            Self::ServerCostUnknown => {
                "The server's processes cannot be read, so its CPU time and memory are not known. Let pushbench start it ([start] in its target file), or name a process of the same user: [process] pid_file.".to_owned()
            }
            Self::PublishingLimit { due_per_s, most_per_s } => format!(
                "Publishing was the limit: {due_per_s:.1} posts per second were due, and the server can take {most_per_s:.1}. The delivery latency includes the wait. Lower the rate, or set publisher_in_flight where there are several channels."
            ),
            Self::Disordered { duplicate, reordered } => format!(
                "{duplicate} deliveries came again and {reordered} after a later one. What they cost is part of what the others cost. Look at the server."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_publishing_is_said_with_both_rates() {
        let text = Warning::PublishingLimit { due_per_s: 20.0, most_per_s: 16.7 }.advice();
        let limit = "20.0 posts per second were due, and the server can take 16.7";
        assert!(text.contains(limit), "{text}");
    }
}

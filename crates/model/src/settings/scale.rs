//! How much at once, what of it is counted, and what goes wrong on purpose.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A pause of the server process (SIGSTOP … SIGCONT).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    /// From the window's start.
    pub at_ns: u64,
    pub for_ns: u64,
}

/// The server process is killed and started again at the same address. The publisher, which keeps its events as an application's
/// log does, gives the new server all of them again, in their order, before it listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// From the window's start.
    pub at_ns: u64,
    pub backoff: Backoff,
}

/// When a subscriber whose connection broke tries again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Backoff {
    /// After a fixed short pause, as everybody else does.
    None,
    /// After a random pause, whose upper end doubles with each attempt.
    Jittered,
}

/// Subscribers that do not keep up. They count neither among the expected deliveries nor in the latency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlowConsumers {
    /// How many of all subscribers, 0–1.
    pub share: f64,
    /// What each reads once the window has begun, bytes per second; 0 for nothing any more.
    pub reads_bytes_per_s: u32,
    /// How long the server waits for somebody who takes nothing of what was sent to him, before it cuts the connection.
    #[serde(default = "idle_timeout_ns")]
    pub idle_timeout_ns: u64,
    /// Events that the server retains; a subscriber that falls further behind is notified and disconnected.
    #[serde(default = "retained_events")]
    pub retained_events: u32,
}

impl SlowConsumers {
    /// What the server retains where nothing else is said: some seconds of a busy channel.
    pub const RETAINED_EVENTS: u32 = 65_536;
    /// How long it waits where nothing else is said, ns.
    pub const IDLE_TIMEOUT_NS: u64 = 60_000_000_000;

    /// How many of so many subscribers these are: the last ones of the assignment.
    pub fn of(&self, subscribers: u32) -> u32 {
        let exact = (f64::from(subscribers) * self.share).round() as u32;
        exact.min(subscribers)
    }
}

fn idle_timeout_ns() -> u64 {
    SlowConsumers::IDLE_TIMEOUT_NS
}

fn retained_events() -> u32 {
    SlowConsumers::RETAINED_EVENTS
}

/// How long the server holds events to send them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coalescing {
    /// From a channel's first held event until all that have come are sent; 0 sends each at once.
    pub window_ns: u64,
}

/// Over how many processes both sides are spread. A process has a limited number of file descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Processes {
    /// Server processes: each holds an equal part of the subscribers, and gets every event.
    pub server: u32,
    /// Load generator processes: each brings an equal part of the subscribers.
    pub load: u32,
    /// Processes on each of the server's cores that only compute, so that the server has but a share of it.
    #[serde(default)]
    pub cpu_contention: u32,
}

impl Processes {
    /// How much CPU time a server can get in the time `elapsed`, both in ns, that has so many cores of its own. Without any,
    /// it is one core's.
    pub fn within_reach_ns(&self, elapsed_ns: u64, cores: usize) -> f64 {
        elapsed_ns as f64 * cores.max(1) as f64 / f64::from(self.to_a_core(cores))
    }

    /// How many processes share each of so many cores, the server among them. Without a core of its own it has no cpu contention.
    pub fn to_a_core(&self, cores: usize) -> u32 {
        if cores == 0 { 1 } else { 1 + self.cpu_contention }
    }
}

impl Default for Processes {
    /// One each, and the server alone on its cores.
    fn default() -> Self {
        Self { server: 1, load: 1, cpu_contention: 0 }
    }
}

/// What is counted of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Counter {
    /// Instructions in user space, by valgrind's callgrind.
    Instructions,
    /// System calls, by strace.
    SystemCalls,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contention_process_takes_half_of_each_core_that_the_server_has_of_its_own() {
        let beside = |cpu_contention| Processes { cpu_contention, ..Processes::default() };
        assert_eq!(beside(0).within_reach_ns(1_000, 1), 1_000.0);
        assert_eq!(beside(1).within_reach_ns(1_000, 1), 500.0);
        assert_eq!(beside(3).within_reach_ns(1_000, 2), 500.0);
        assert_eq!(beside(3).within_reach_ns(1_000, 0), 1_000.0, "where it has none, nobody is started");
    }
}

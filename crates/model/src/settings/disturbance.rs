//! What goes wrong on purpose: the server stands still or starts again, subscribers do not read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A pause of the server process (SIGSTOP … SIGCONT).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    /// From the window's start.
    pub at_ns: u64,
    /// How long.
    pub for_ns: u64,
}

/// The server process is killed and started again at the same address. The publisher, which keeps its events as an application's
/// log does, gives the new server all of them again, in their order, before it listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// From the window's start.
    pub at_ns: u64,
    /// When subscribers come back.
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

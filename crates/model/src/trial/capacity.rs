//! What is found at a technique's limits: steps of a search, restarts, subscribers that do not keep up, memory, counts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Quantiles;

/// A step of a search for the highest rate at which nothing is missing and p99 stays under the bound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchStep {
    /// Which rate of the search, from 0 in the order they were tried.
    pub step: u32,
    /// Which trial at this rate, from 0: one that does not pass is repeated.
    pub attempt: u32,
    /// The offered rate per channel, events per second.
    pub rate_per_s: f64,
    pub verdict: Verdict,
}

/// What a trial says of a rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing is missing, and p99 is under the bound.
    Passed,
    /// Events are missing, or late.
    Failed { why: String },
    /// The load generator itself did not keep up, so nothing is known of the server.
    NotJudged { why: String },
}

/// How a restart of the server went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerRestart {
    /// From the old server's end until the new one listened.
    pub down_ns: u64,
    /// From the old server's end until a subscriber was connected again: quantiles over subscribers, and `max_ns` for the last.
    pub connected: Option<Box<Quantiles>>,
    /// From the old server's end until a subscriber had received every event that was due until then.
    pub caught_up: Option<Box<Quantiles>>,
    /// Subscribers that were caught up by the end of the drain.
    pub caught_up_subscribers: u64,
    /// Attempts to connect that failed.
    pub failed_attempts: u64,
}

/// What became of the subscribers that did not keep up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlowConsumerOutcome {
    pub subscribers: u64,
    /// Of these, such as the server had cut off by the end of the drain.
    pub cut_off: u64,
    /// The window's events that they received, duplicates left out.
    pub delivered: u64,
    /// From the window's start until the client's kernel knew that it was cut off: quantiles over those that were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_off_after: Option<Box<Quantiles>>,
    /// By how much the kernel's TCP buffers grew in the window, of the whole machine (`mem` of `/proc/net/sockstat`, in bytes);
    /// negative when they shrank.
    #[serde(default)]
    pub tcp_grown_bytes: i64,
}

/// Memory that the kernel holds, of the whole machine, both ends of every connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KernelMemory {
    /// Kernel slabs before the first connection (`Slab` of `/proc/meminfo`).
    pub slab_start_bytes: u64,
    /// The same with all subscribers connected.
    pub slab_connected_bytes: u64,
    /// Buffers of TCP before the first connection (`mem` of `/proc/net/sockstat`, in bytes).
    pub tcp_start_bytes: u64,
    /// The same with all subscribers connected.
    pub tcp_connected_bytes: u64,
}

/// What a tool counted of the server for so many deliveries: the difference between a trial and one whose window is half as long,
/// in which start, connections, warm-up and end cancel each other out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// The tool, with its version.
    pub tool: String,
    /// Instructions in user space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<u64>,
    /// System calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_calls: Option<u64>,
    /// These by name, where the tool tells them apart.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_name: BTreeMap<String, u64>,
    /// The deliveries that they were counted for.
    pub deliveries: u64,
}

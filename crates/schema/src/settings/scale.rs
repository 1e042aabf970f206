//! How much at once, and what of it is counted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}

impl Default for Processes {
    /// One each.
    fn default() -> Self {
        Self { server: 1, load: 1 }
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

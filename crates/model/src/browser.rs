//! What a browser was found to do, beside its trials: `browsers/<client>.json` of a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::Client;

/// What a browser was found to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BrowserFindings {
    pub schema_version: u32,
    pub client: Client,
    /// The browser's name and version as its driver tells them, such as `chrome 156.0.8078.73`.
    pub version: String,
    /// What it sends as `user-agent`.
    pub user_agent: String,
    pub clock: BrowserClock,
    /// How much it opens at once to one origin over HTTP/1.1.
    pub connections: Vec<OpenedAtOnce>,
    /// What becomes of a timer.
    pub timers: Vec<TimerFinding>,
    /// The head of each kind of request as it arrived.
    pub heads: Vec<SeenHead>,
}

/// `performance.now()`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BrowserClock {
    /// Smallest step between two readings on a page that is cross-origin isolated.
    pub isolated_resolution_ns: u64,
    /// The same on a page that is not.
    pub plain_resolution_ns: u64,
    /// The offset to `CLOCK_MONOTONIC` is known to within this much, either way.
    pub offset_bound_ns: u64,
}

/// How many of a kind a page had open at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenedAtOnce {
    pub technique: String,
    /// How many the page asked for.
    pub asked: u32,
    /// How many were open after a second; the others waited.
    pub opened: u32,
}

/// A repeating timer of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimerFinding {
    pub foreground: bool,
    pub asked_ns: u64,
    /// The median interval that came.
    pub median_ns: u64,
    /// How many intervals were seen.
    pub count: u32,
}

/// The head of a request as it arrived at a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeenHead {
    /// What asked: `fetch`, `fetch-stream`, `event-source`, `websocket`, `post`.
    pub kind: String,
    pub request_line: String,
    /// Fields in their order, with the host's port left as it was.
    pub fields: Vec<(String, String)>,
}

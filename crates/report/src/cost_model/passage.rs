//! What becomes of a technique behind a proxy, as `model.json` has it.

use serde::{Deserialize, Serialize};

/// What becomes of a technique's events, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Passage {
    Works,
    /// Half of the events come more than 50 ms later than without a proxy, or some do not come in the time of the drain.
    Delayed,
    /// Subscribers get another answer than the server's.
    Refused,
    /// Subscribers get no answer, or no event.
    Nothing,
}

/// A technique through a proxy with one of its configurations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    pub slug: String,
    /// The technique's name for people.
    pub label: String,
    /// As a scenario's `through`: `nginx`, `nginx-fixed`.
    pub through: String,
    /// Whether streams ask the proxy not to buffer them.
    pub unbuffered: bool,
    pub tls: bool,
    pub passage: Passage,
    /// Why subscribers did not connect.
    pub why: Option<String>,
    /// The setting that passes it on.
    pub fix: Option<String>,
    /// Median delivery latency, the median of the trials.
    pub p50_ns: Option<f64>,
}

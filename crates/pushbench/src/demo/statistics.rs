//! The figures of all lanes, as JSON: once for what does not change, and again and again for what does.

use std::collections::BTreeMap;

use loadgen::os;
use model::byte_account::{Account, Layers};
use serde::Serialize;

use super::Stage;
use super::board::Values;

/// What a page has to know before it can begin.
#[derive(Debug, Serialize)]
pub(super) struct Programme {
    /// When the demo began, ns of `CLOCK_MONOTONIC`, as text: JavaScript's numbers hold 53 bits.
    begun_ns: String,
    /// The lanes, in the registry's order.
    lanes: Vec<LaneInfo>,
    /// The labels of all layers, in the order in which they are stacked.
    layers: Vec<&'static str>,
    controls: Values,
}

#[derive(Debug, Serialize)]
struct LaneInfo {
    slug: &'static str,
    label: &'static str,
    about: &'static str,
    port: u16,
}

/// How things stand at a moment.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    /// Milliseconds since the demo began.
    at_ms: f64,
    /// Events that were handed over so far.
    published: u64,
    /// Pages that are looking: the lanes' figures are of all of them together.
    viewers: u64,
    /// The latest stall, in ms since the demo began.
    #[serde(skip_serializing_if = "Option::is_none")]
    stall: Option<Stall>,
    controls: Values,
    /// In the registry's order.
    lanes: Vec<LaneFigures>,
}

#[derive(Debug, Serialize)]
struct Stall {
    from_ms: f64,
    until_ms: f64,
}

#[derive(Debug, Serialize)]
struct LaneFigures {
    slug: &'static str,
    /// Open now.
    connections: u64,
    /// HTTP requests so far.
    requests: u64,
    /// Bytes in both directions so far; the layers add up to this.
    bytes: u64,
    /// The same by layer, without those that have none.
    layers: BTreeMap<&'static str, u64>,
}

impl Programme {
    pub(super) fn of(stage: &Stage) -> Self {
        let info = |lane: &super::Lane| LaneInfo {
            slug: lane.technique.slug,
            label: lane.technique.label,
            about: lane.technique.about,
            port: lane.port,
        };
        Self {
            begun_ns: stage.begun_ns.to_string(),
            lanes: stage.lanes.iter().map(|lane| info(lane)).collect(),
            layers: Layers::default().named().map(|(label, _)| label).collect(),
            controls: stage.board.values(),
        }
    }
}

impl Figures {
    pub(super) fn of(stage: &Stage) -> Self {
        let controls = stage.board.values();
        let ms = |at_ns: u64| at_ns.saturating_sub(stage.begun_ns) as f64 / 1e6;
        let stall = (controls.stalled_until_ns > 0).then(|| Stall {
            from_ms: ms(controls.stalled_from_ns),
            until_ms: ms(controls.stalled_until_ns),
        });
        Self {
            at_ms: ms(os::now_ns()),
            published: stage.board.published(),
            viewers: stage.board.viewers(),
            stall,
            controls,
            lanes: stage.lanes.iter().map(|lane| LaneFigures::of(lane)).collect(),
        }
    }
}

impl LaneFigures {
    fn of(lane: &super::Lane) -> Self {
        let counts = lane.counts();
        Self {
            slug: lane.technique.slug,
            connections: lane.connections(),
            requests: counts.requests,
            bytes: counts.account.wire(),
            layers: by_layer(&counts.account),
        }
    }
}

fn by_layer(account: &Account) -> BTreeMap<&'static str, u64> {
    let both = account.up.named().zip(account.down.named());
    both.map(|((label, up), (_, down))| (label, up + down)).filter(|&(_, bytes)| bytes > 0).collect()
}

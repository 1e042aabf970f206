//! The figures of all lanes, as JSON: once what does not change, and repeatedly what does.

use std::collections::BTreeMap;

use model::byte_account::{Account, Layers};
use serde::Serialize;

use super::lane::Lane;
use super::state::{ControlValues, DemoState};

/// What a page needs at its start.
#[derive(Debug, Serialize)]
pub(super) struct PageSetup {
    /// The demo's start, ns of `CLOCK_MONOTONIC`, as text: JavaScript's numbers hold 53 bits.
    begun_ns: String,
    /// The lanes, in the registry's order.
    lanes: Vec<LaneInfo>,
    /// The labels of all layers, in the order of the stack.
    layers: Vec<&'static str>,
    controls: ControlValues,
}

#[derive(Debug, Serialize)]
struct LaneInfo {
    slug: &'static str,
    label: &'static str,
    about: &'static str,
    port: u16,
}

/// The figures at one moment.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    /// Milliseconds since the demo began.
    at_ms: f64,
    /// Events published so far.
    published: u64,
    /// Open pages, which the lanes' figures sum up.
    viewers: u64,
    /// The latest stall, in ms since the demo began.
    #[serde(skip_serializing_if = "Option::is_none")]
    stall: Option<Stall>,
    controls: ControlValues,
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
    /// Bytes in both directions so far, the sum of the layers.
    bytes: u64,
    /// The same by layer, without empty layers.
    layers: BTreeMap<&'static str, u64>,
}

impl PageSetup {
    pub(super) fn of(state: &DemoState) -> Self {
        let info = |lane: &Lane| LaneInfo {
            slug: lane.technique.slug,
            label: lane.technique.label,
            about: lane.technique.about,
            port: lane.port,
        };
        Self {
            begun_ns: state.begun_ns.to_string(),
            lanes: state.lanes.iter().map(|lane| info(lane)).collect(),
            layers: Layers::default().named().map(|(label, _)| label).collect(),
            controls: state.values(),
        }
    }
}

impl Figures {
    pub(super) fn of(state: &DemoState) -> Self {
        let controls = state.values();
        let ms = |at_ns: u64| at_ns.saturating_sub(state.begun_ns) as f64 / 1e6;
        let stall = (controls.stalled_until_ns > 0).then(|| Stall {
            from_ms: ms(controls.stalled_from_ns),
            until_ms: ms(controls.stalled_until_ns),
        });
        Self {
            at_ms: ms(os::now_ns()),
            published: state.published(),
            viewers: state.viewers(),
            stall,
            controls,
            lanes: state.lanes.iter().map(|lane| LaneFigures::of(lane)).collect(),
        }
    }
}

impl LaneFigures {
    fn of(lane: &Lane) -> Self {
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

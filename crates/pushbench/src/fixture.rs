//! Scenarios, quantiles and records for tests.

use std::collections::BTreeMap;

use model::scenario::{Extent, Scenario};
use model::settings::Settings;
use model::trial::{Quantiles, TrialKey, TrialRecord, TrialResult};

/// The scenario `x`, with these lines after its question.
pub(crate) fn scenario(techniques: &[&str], lines: &str) -> Scenario {
    let text = format!("question = \"?\"\nreading = \"!\"\n{lines}");
    Scenario::parse(&text, "x.toml", "x", techniques, Extent::Full).unwrap_or_else(|error| panic!("{error}"))
}

/// A thousand values of `ns`.
pub(crate) fn quantiles(ns: u64) -> Quantiles {
    Quantiles {
        count: 1_000,
        min_ns: ns,
        mean_ns: ns as f64,
        p50_ns: ns,
        p90_ns: ns,
        p99_ns: ns,
        p99_9_ns: ns,
        max_ns: ns,
    }
}

/// A record of WebSocket in the scenario `x`.
pub(crate) fn record(result: TrialResult) -> TrialRecord {
    TrialRecord {
        schema_version: model::SCHEMA_VERSION,
        index: 0,
        key: TrialKey {
            scenario: "x".to_owned(),
            point: BTreeMap::new(),
            technique: "websocket".to_owned(),
            target: None,
            repetition: 0,
        },
        technique_label: "WebSocket".to_owned(),
        technique_order: 0,
        settings: Settings::default(),
        seed: 1,
        started_unix_s: 0,
        took_ns: 1,
        observed: None,
        search: None,
        load: None,
        attempt: 0,
        machine: None,
        disturbance: None,
        result,
        histograms: None,
    }
}

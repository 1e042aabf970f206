//! What techniques do behind proxies, from the trials whose settings have `through`.

use std::collections::BTreeMap;

use model::settings::proxy;
use model::trial::{Failure, Side, TrialOutcome, TrialResult};
use serde::{Deserialize, Serialize};

use crate::cost_model::CostModel;
use crate::evidence::Evidence;
use crate::load::Trial;

/// What is later than without a proxy by more than this is delayed. A connection through one takes well under 1 ms more.
const DELAY_NS: f64 = 50e6;

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
    pub trials: usize,
}

/// Every technique through every proxy of this scenario, in the order of the registry. The worst of a cell's trials decides.
pub fn cells(evidence: &Evidence, scenario: &str) -> Vec<Cell> {
    let points = evidence.own(scenario).flat_map(|point| evidence.trials(point));
    let refused = evidence.failed.iter();
    let refused = refused.filter(|trial| trial.record.key.scenario == scenario && is_by_proxy(trial));
    let mut by_cell: BTreeMap<_, Vec<&Trial>> = BTreeMap::new();
    for trial in points.chain(refused) {
        let (record, settings) = (&trial.record, &trial.record.settings);
        let about = (settings.through.as_deref(), settings.http.unbuffered, settings.transport.tls);
        let order = (record.technique_order, &record.key.technique);
        by_cell.entry((order, about)).or_default().push(trial);
    }
    let mut cells = Vec::new();
    for ((order, (through, unbuffered, tls)), trials) in &by_cell {
        let Some(through) = through else { continue };
        let without = by_cell.get(&(*order, (None, false, *tls))).and_then(|trials| p50_ns(trials));
        let passages = trials.iter().map(|trial| passage(&trial.record.result, without.unwrap_or(0.0)));
        let reasons = trials.iter().filter_map(|trial| match &trial.record.result {
            TrialResult::Failed(failure) => Some(failure.reason.clone()),
            _ => None,
        });
        let info = evidence.runs.iter().flat_map(|run| &run.manifest.proxies);
        let info = info.into_iter().find(|info| info.name == proxy(through).0);
        cells.push(Cell {
            slug: order.1.clone(),
            label: evidence.label(order.1).to_owned(),
            through: (*through).to_owned(),
            unbuffered: *unbuffered,
            tls: *tls,
            passage: passages.max().unwrap_or(Passage::Nothing),
            why: reasons.last(),
            fix: info.and_then(|info| info.fixes.get(order.1)).cloned(),
            p50_ns: p50_ns(trials),
            trials: trials.len(),
        });
    }
    cells
}

/// The model with the techniques alone that work behind the proxy `through`, and what becomes of the others, a line each. None where that was
/// not measured.
pub fn behind(mut model: CostModel, through: &str) -> Option<(CostModel, String)> {
    let is_meant = |cell: &&Cell| cell.through == through && !cell.unbuffered && !cell.tls;
    let cells: Vec<Cell> = model.behind.iter().filter(is_meant).cloned().collect();
    let works = |slug: &str| cells.iter().any(|cell| cell.slug == slug && cell.passage == Passage::Works);
    model.techniques.retain(|technique| works(&technique.slug));
    let line = |cell: &Cell| {
        let fix = cell.fix.as_ref().map_or_else(String::new, |fix| format!("; it works with {fix}"));
        format!("Behind {through}, {}: {}{fix}\n", cell.label, cell.passage.name())
    };
    let others = cells.iter().filter(|cell| cell.passage != Passage::Works).map(line).collect();
    (!cells.is_empty()).then_some((model, others))
}

impl Passage {
    fn name(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Delayed => "events are delayed",
            Self::Refused => "refused",
            Self::Nothing => "nothing arrives",
        }
    }
}

fn is_by_proxy(trial: &Trial) -> bool {
    matches!(&trial.record.result, TrialResult::Failed(Failure { side: Side::Proxy, .. }))
}

fn passage(result: &TrialResult, without_ns: f64) -> Passage {
    let outcome = match result {
        TrialResult::Failed(failure) if failure.reason.contains(Failure::SILENCE) => return Passage::Nothing,
        TrialResult::Failed(_) => return Passage::Refused,
        TrialResult::Complete(outcome) | TrialResult::Incomplete(outcome) => outcome,
    };
    let p50_ns = outcome.delivery.as_ref().map(|delivery| delivery.p50_ns as f64);
    match p50_ns {
        None => Passage::Nothing,
        Some(p50_ns) if outcome.counts.lost > 0 || p50_ns > without_ns + DELAY_NS => Passage::Delayed,
        Some(_) => Passage::Works,
    }
}

/// The median of the trials' medians; none where nothing was delivered.
fn p50_ns(trials: &[&Trial]) -> Option<f64> {
    let delivery = trials.iter().filter_map(|trial| trial.record.result.outcome()?.delivery.as_ref());
    let mut all: Vec<f64> = delivery.map(|delivery| delivery.p50_ns as f64).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

/// The longest silence at whose end a connection was closed from the server's side and made again, of a traced trial.
pub(crate) fn idle_close_ns(outcome: &TrialOutcome) -> Option<f64> {
    let mut last_ns: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    let mut longest_ns = None;
    for flight in outcome.trace.iter().filter(|_| outcome.counts.reconnects > 0) {
        let before_ns = last_ns.insert((flight.subscriber, flight.connection), flight.at_ns);
        if flight.what == "closes" {
            longest_ns = longest_ns.max(before_ns.map(|before_ns| flight.at_ns - before_ns));
        }
    }
    longest_ns.map(|ns| ns as f64)
}

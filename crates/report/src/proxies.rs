//! What techniques do behind proxies, from the trials whose settings have `through`.

use std::collections::BTreeMap;

use model::settings::proxy;
use model::trial::{Failure, Side, TrialResult};

use crate::cost_model::{Cell, Passage};
use crate::evidence::Evidence;
use crate::load::Trial;

/// What is later than without a proxy by more than this is delayed. A connection through one takes well under 1 ms more.
const DELAY_NS: f64 = 50e6;

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
        // Nobody knows what is late where that was not measured.
        if without.is_none() && p50_ns(trials).is_some() {
            continue;
        }
        let passages = trials.iter().map(|trial| passage(&trial.record.result, without.unwrap_or(0.0)));
        let mut reasons = trials.iter().filter_map(|trial| match &trial.record.result {
            TrialResult::Failed(failure) => Some(failure.reason.clone()),
            _ => None,
        });
        let info = evidence.proxy(proxy(through).0);
        cells.push(Cell {
            slug: order.1.clone(),
            label: evidence.label(order.1).to_owned(),
            through: (*through).to_owned(),
            unbuffered: *unbuffered,
            tls: *tls,
            passage: passages.max().unwrap_or(Passage::Nothing),
            why: reasons.next(),
            fix: info.and_then(|info| info.fixes.get(order.1)).cloned(),
            p50_ns: p50_ns(trials),
        });
    }
    cells
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

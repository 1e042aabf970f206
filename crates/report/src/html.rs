//! The report as one HTML file without anything outside of it: charts as data that its script draws, all figures, and the chooser.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use minijinja::context;
use model::settings::Settings;
use serde::Serialize;
use serde_json::{Value, json};

use crate::ReportError;
use crate::catalogue::CATALOGUE;
use crate::charts::{self, ChartSpec, technique_colour};
use crate::cost_model::{CostModel, fit};
use crate::evidence::{Evidence, Point};
use crate::figure;
use crate::numbers;
use crate::pages;
use crate::table;

/// What the script reads. Figures are written out here, so that the page shows the same digits as the report.
#[derive(Serialize)]
struct Data<'e> {
    commit: Option<&'e str>,
    runs: usize,
    techniques: Value,
    scenarios: Vec<Value>,
    metrics: Value,
    charts: Vec<ChartSpec>,
    points: Vec<Figures<'e>>,
    model: Option<CostModel>,
    defaults: Value,
}

/// Value, ends of its interval, text, trials, runs.
#[derive(Serialize)]
struct Figure(f64, Option<[f64; 2]>, String, usize, usize);

/// The figures of a point by metric.
#[derive(Serialize)]
struct Figures<'e> {
    scenario: &'e str,
    technique: &'e str,
    name: String,
    /// Values of swept keys, for people.
    at: String,
    /// The part of a figure's name before the metric; none of points that names do not reach.
    cite: Option<String>,
    figures: BTreeMap<&'static str, Figure>,
}

/// Writes the report as one HTML file.
///
/// # Errors
///
/// When a chart cannot be drawn or the file cannot be written.
pub fn write_html(evidence: &Arc<Evidence>, path: &Path) -> Result<(), ReportError> {
    let text = pages::fill_in(
        evidence,
        &pages::Charts::default(),
        "report.html",
        include_str!("templates/report.html"),
        context! {
            style => include_str!("templates/report.css"),
            script => concat!(include_str!("templates/chooser.js"), include_str!("templates/report.js")),
            data => json(&data(evidence)?),
        },
    )?;
    pages::write(path, &text)
}

/// JSON that cannot end the element that it stands in.
fn json(data: &Data<'_>) -> String {
    serde_json::to_string(data).unwrap_or_default().replace('<', "\\u003c")
}

fn data(evidence: &Evidence) -> Result<Data<'_>, ReportError> {
    let charts =
        charts::requests()?.iter().map(|request| request.chart(evidence)).collect::<Result<Vec<_>, _>>()?;
    let is_measured = |name: &str| evidence.of_scenario(name).next().is_some();
    let mut scenarios: Vec<Value> = Vec::new();
    for info in evidence.runs.iter().flat_map(|run| &run.manifest.scenarios) {
        if is_measured(&info.name) && scenarios.iter().all(|other| other["name"] != info.name) {
            scenarios.push(json!({ "name": info.name, "question": info.question }));
        }
    }
    let settings = Settings::default();
    Ok(Data {
        commit: evidence.runs[0].manifest.commit.as_deref(),
        runs: evidence.runs.len(),
        techniques: evidence
            .techniques()
            .map(|info| {
                json!({
                    "slug": info.slug, "label": info.label, "about": info.about,
                    "colour": technique_colour(evidence, &info.slug), "baseline": info.baseline,
                })
            })
            .collect(),
        scenarios,
        metrics: CATALOGUE
            .iter()
            .map(|it| json!({ "key": it.key, "label": it.label, "unit": it.unit, "less_is_better": it.less_is_better }))
            .collect(),
        charts: charts.into_iter().flatten().collect(),
        points: evidence.points.iter().map(|point| figures(evidence, point)).collect(),
        model: Some(fit(evidence)).filter(|model| !model.techniques.is_empty()),
        defaults: json!({
            "interval_ns": settings.short_polling.interval_ns,
            "hold_ns": settings.long_polling.hold_ns,
            "heartbeat_ns": settings.heartbeat_ns,
        }),
    })
}

fn figures<'e>(evidence: &'e Evidence, point: &'e Point) -> Figures<'e> {
    let figures = CATALOGUE.iter().filter_map(|metric| {
        let estimate = evidence.estimate(point, metric)?;
        let text = numbers::show(metric.unit, estimate);
        Some((metric.key, Figure(estimate.value, estimate.interval, text, estimate.trials, estimate.runs)))
    });
    let mut at: Vec<String> = point.at.keys().map(|key| table::value(evidence, point, key)).collect();
    at.extend(point.load.map(|load| format!("{load} of the capacity")));
    let is_named = evidence
        .point(&point.scenario, &point.technique, &point.at)
        .is_some_and(|named| std::ptr::eq(named, point));
    Figures {
        scenario: &point.scenario,
        technique: &point.technique,
        name: table::name(evidence, point),
        at: at.join(", "),
        cite: is_named.then(|| format!("{}{}{}/", point.scenario, figure::at(&point.at), point.technique)),
        figures: figures.collect(),
    }
}

//! The report as one HTML file without anything outside of it: charts as data that its script draws, all figures, and the chooser.

use std::path::Path;
use std::sync::Arc;

use minijinja::context;
use model::settings::Settings;
use serde_json::{Value, json};

use crate::ReportError;
use crate::catalogue::CATALOGUE;
use crate::charts::{self, technique_colour};
use crate::cost_model::CostModel;
use crate::evidence::{Evidence, Point};
use crate::figure;
use crate::numbers;
use crate::pages;
use crate::table;

/// Writes the report as one HTML file. `model` is the evidence's.
/// Fails when a chart cannot be drawn or the file cannot be written.
pub fn write_html(evidence: &Arc<Evidence>, model: &Arc<CostModel>, path: &Path) -> Result<(), ReportError> {
    let text = pages::fill_in(
        &pages::environment(evidence, model, &pages::Charts::default())?,
        evidence,
        "report.html",
        include_str!("templates/report.html"),
        context! {
            style => include_str!("templates/report.css"),
            script => concat!(include_str!("templates/chooser.js"), include_str!("templates/report.js")),
            data => json(&data(evidence, model)?),
        },
    )?;
    pages::write(path, &text)
}

/// JSON that cannot end the element that it stands in.
fn json(data: &Value) -> String {
    data.to_string().replace('<', "\\u003c")
}

/// What the script reads. Figures are written out here, so that the page shows the same digits as the report.
fn data(evidence: &Evidence, model: &CostModel) -> Result<Value, ReportError> {
    let charts =
        charts::requests()?.iter().map(|request| request.chart(evidence)).collect::<Result<Vec<_>, _>>()?;
    let is_measured = |name: &str| evidence.of_scenario(name).next().is_some();
    let mut scenarios: Vec<Value> = Vec::new();
    for info in evidence.runs.iter().flat_map(|run| &run.manifest.scenarios) {
        if is_measured(&info.name) && scenarios.iter().all(|other| other["name"] != info.name) {
            scenarios.push(json!({ "name": info.name, "question": info.question }));
        }
    }
    let techniques: Value = evidence
        .techniques()
        .map(|info| {
            json!({
                "slug": info.slug, "label": info.label, "about": info.about,
                "colour": technique_colour(evidence, &info.slug), "baseline": info.baseline,
            })
        })
        .collect();
    let metrics: Value = CATALOGUE
        .iter()
        .map(|it| json!({ "key": it.key, "label": it.label, "unit": it.unit, "less_is_better": it.less_is_better }))
        .collect();
    let settings = Settings::default();
    // Rounded as the file is, so that both answer alike.
    let text = model.text().ok().filter(|_| !model.techniques.is_empty());
    let model: Option<Value> = text.and_then(|text| serde_json::from_str(&text).ok());
    Ok(json!({
        "commit": evidence.runs[0].manifest.commit,
        "runs": evidence.runs.len(),
        "techniques": techniques,
        "scenarios": scenarios,
        "metrics": metrics,
        "charts": charts.into_iter().flatten().collect::<Vec<_>>(),
        "points": evidence.points.iter().map(|point| figures(evidence, point)).collect::<Value>(),
        "model": model,
        "defaults": {
            "interval_ns": settings.short_polling.interval_ns,
            "hold_ns": settings.long_polling.hold_ns,
            "heartbeat_ns": settings.heartbeat_ns,
        },
    }))
}

/// A point's figures by metric: value, ends of the interval, text, trials, runs. `at` is for people, and `cite` the part of a figure's name
/// before the metric, null at points that names do not reach.
fn figures(evidence: &Evidence, point: &Point) -> Value {
    let figures = CATALOGUE.iter().filter_map(|metric| {
        let it = evidence.estimate(point, metric)?;
        let text = numbers::show(metric.unit, it);
        Some((metric.key.to_owned(), json!([it.value, it.interval, text, it.trials, it.runs])))
    });
    let mut at: Vec<String> = point.at.keys().map(|key| table::value(point, key)).collect();
    at.extend(point.load.map(|load| format!("{load} of the capacity")));
    let is_named = evidence
        .point(&point.scenario, &point.technique, &point.at)
        .is_some_and(|named| std::ptr::eq(named, point));
    let cite = format!("{}{}{}/", point.scenario, figure::at(&point.at), point.technique);
    json!({
        "scenario": point.scenario,
        "technique": point.technique,
        "name": table::name(evidence, point),
        "at": at.join(", "),
        "cite": Some(cite).filter(|_| is_named),
        "figures": figures.collect::<Value>(),
    })
}

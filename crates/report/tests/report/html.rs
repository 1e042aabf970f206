//! The HTML report: whole in one file, and no figure that differs from the evidence.

use std::sync::Arc;

use report::catalogue::CATALOGUE;
use report::{Evidence, numbers};
use serde_json::Value;

use crate::fixture::{With, evidence, trial};

fn evidence_of_two() -> Arc<Evidence> {
    let block = |block: u32| {
        ["poll", "push", "base"].map(|technique| {
            let overhead = if technique == "poll" { 300 } else { 4 };
            trial("feed </script>", technique, block)
                .events(1_000, [100, overhead], 1_000 + u64::from(block))
                .latencies((1..=1_000).map(|value| value * 1_731))
        })
    };
    Arc::new(evidence((0..3).flat_map(block).collect()))
}

fn html(evidence: &Arc<Evidence>) -> String {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let path = folder.path().join("report.html");
    report::write_html(evidence, &Arc::new(report::cost_model::fit(evidence)), &path).expect("it is written");
    std::fs::read_to_string(path).expect("it is there")
}

#[test]
fn nothing_comes_from_elsewhere() {
    let html = html(&evidence_of_two());
    for sign in ["://", "src=", "@import", "url(", "fetch(", "XMLHttpRequest", "import("] {
        assert!(!html.contains(sign), "{sign}");
    }
    let links: Vec<&str> = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(
        links.len() > 3 && links.iter().all(|link| link.starts_with('#') || *link == "data:,"),
        "{links:?}"
    );
    assert_eq!(html.matches("</script>").count(), 2, "a name cannot end the data");
}

#[test]
fn every_figure_is_that_of_the_evidence() {
    let evidence = evidence_of_two();
    let html = html(&evidence);
    let data = html.split("id=\"data\">").nth(1).and_then(|rest| rest.split("</script>").next());
    let data: Value = serde_json::from_str(data.expect("the data are there")).expect("they are JSON");
    let points = data["points"].as_array().expect("there are points");
    assert_eq!(points.len(), evidence.points.len());
    let mut compared = 0;
    for (shown, point) in points.iter().zip(&evidence.points) {
        for metric in CATALOGUE {
            let figure = &shown["figures"][metric.key];
            let Some(estimate) = evidence.estimate(point, metric) else {
                assert!(figure.is_null(), "{}", metric.key);
                continue;
            };
            compared += 1;
            let high = estimate.interval.map(|[_, high]| high);
            for (shown, computed) in [(&figure[0], Some(estimate.value)), (&figure[1][1], high)] {
                let error = shown.as_f64().unwrap_or(f64::NAN) - computed.expect("there are three blocks");
                assert!(error.abs() <= 1e-12 * estimate.value.abs(), "{}", metric.key);
            }
            assert_eq!(figure[2], numbers::show(metric.unit, estimate), "{}", metric.key);
            assert_eq!(figure[3], estimate.trials, "{}", metric.key);
        }
    }
    assert!(compared > 20, "{compared}");
}

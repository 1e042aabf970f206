//! Theory beside measurement: bytes for each event as the standards fix them, and as byte accounting counted them.

use super::Chapter;
use super::markdown::{anchor, inline, table};
use crate::charts;
use crate::numbers::significant;
use crate::prediction::{Prediction, predicted};
use crate::statistics::{Row, ScenarioResult};

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let answers = chapter.analysis.scenarios.iter().filter(|answer| !charts::is_traced(answer));
    let spoken: Vec<Spoken<'_>> =
        answers.map(|answer| Spoken::of(chapter, answer)).filter(|spoken| !spoken.rows.is_empty()).collect();
    if spoken.is_empty() {
        return "*Theory says nothing of the scenarios of this run.*\n".to_owned();
    }
    let head = [
        "scenario",
        "points × techniques",
        "fixed to the byte",
        "of these equal",
        "would be, but for shared TLS records",
        "of all others equal",
        "largest deviation of all",
    ];
    let summary = table(1, &head.map(str::to_owned), spoken.iter().map(|spoken| spoken.line(chapter)));
    let details = spoken.iter().map(|spoken| spoken.details(chapter));
    format!("{READING}\n\n{summary}\n{}", details.collect::<Vec<_>>().join("\n"))
}

const READING: &str = "Predicted bytes follow from the standards alone (each function of `crates/theory` names its section), from the settings, and from \
    what the first request and answer of each kind said; nothing is fitted. They are *fixed to the byte* where no implementation \
    and no chance has a say: every answer carried one event and, over TLS, had records of its own; nothing kept a silent channel alive; and all \
    sequence numbers of the window have as many digits, or no byte depends on them (with exponential gaps, only the latter). Everything else is an \
    approximation, the least or the likeliest, and its deviation is no error of either side: over HTTP/2 a poll's answer depends on whether the \
    second of its date was that of the answer before, header blocks are as long as the choices of one HPACK encoder make them (the `h2` crate's, \
    which RFC 7541 leaves to it), and TLS and HTTP/2 cut frames and records as their writers find the bytes. Rows that miss being fixed only \
    because TLS made fewer or more records than there were answers are counted in a column of their own.";

/// A scenario of which theory says something.
struct Spoken<'a> {
    answer: &'a ScenarioResult<'a>,
    rows: Vec<(&'a Row<'a>, Prediction)>,
}

impl<'a> Spoken<'a> {
    fn of(chapter: &Chapter<'a>, answer: &'a ScenarioResult<'a>) -> Self {
        let said =
            |row: &'a Row<'a>| Some((row, predicted(row, &chapter.analysis.technique(row.technique).slug)?));
        Self { answer, rows: answer.rows.iter().filter_map(said).collect() }
    }

    fn line(&self, chapter: &Chapter<'_>) -> Vec<String> {
        let name = &self.answer.info.name;
        let exact: Vec<&Prediction> =
            self.rows.iter().map(|(_, said)| said).filter(|said| said.exact).collect();
        let equal = exact.iter().filter(|said| said.is_equal()).count();
        let shared = self.rows.iter().filter(|(_, said)| said.shares_records).count();
        let unequal = self.rows.iter().map(|(_, said)| said).filter(|said| !said.is_equal());
        let worst = unequal.map(relative).max_by(|a, b| a.abs().total_cmp(&b.abs()));
        let others_equal = self.rows.iter().filter(|(_, said)| !said.exact && said.is_equal()).count();
        let equal = if equal == exact.len() { equal.to_string() } else { format!("**{equal}**") };
        vec![
            format!("[{}](#scenario-{}{})", inline(name), anchor(name), chapter.suffix),
            self.rows.len().to_string(),
            exact.len().to_string(),
            equal,
            shared.to_string(),
            others_equal.to_string(),
            worst.map_or_else(|| "–".to_owned(), percent),
        ]
    }

    fn details(&self, chapter: &Chapter<'_>) -> String {
        let keys = self.answer.info.sweeps.iter().map(|key| inline(key));
        let columns = [
            "technique",
            "predicted B/event up",
            "down",
            "measured up",
            "down",
            "deviation",
            "fixed to the byte",
        ];
        let head: Vec<String> = keys.chain(columns.map(str::to_owned)).collect();
        let lines = self.rows.iter().map(|(row, said)| line(chapter, row, said));
        format!(
            "<details>\n<summary>Every prediction of {}</summary>\n\n{}\n</details>\n",
            inline(&self.answer.info.name),
            table(self.answer.info.sweeps.len() + 1, &head, lines)
        )
    }
}

fn line(chapter: &Chapter<'_>, row: &Row<'_>, said: &Prediction) -> Vec<String> {
    let point = row.point.iter().map(|coordinate| inline(&coordinate.text));
    let deviation = match (said.is_equal(), said.exact) {
        (true, _) => "0".to_owned(),
        (false, false) => format!("{:+.2} B, {}", said.deviation(), percent(relative(said))),
        // Not one byte may differ, so they are not spread over the events.
        (false, true) => format!("**{:+.0} B in all**", said.deviation() * said.events as f64),
    };
    let bytes = [said.predicted, said.measured].into_iter().flatten().map(significant);
    let exact = match said {
        Prediction { exact: true, .. } => "yes",
        Prediction { shares_records: true, .. } => "no: shared TLS records",
        _ => "no",
    };
    point.chain([chapter.label(row.technique)]).chain(bytes).chain([deviation, exact.to_owned()]).collect()
}

/// Deviation ÷ predicted, both directions.
fn relative(said: &Prediction) -> f64 {
    said.deviation() / said.predicted.iter().sum::<f64>()
}

fn percent(share: f64) -> String {
    format!("{:+.2} %", share * 100.0)
}

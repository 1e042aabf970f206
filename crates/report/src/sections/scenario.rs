//! What every section says of a scenario alike: where it begins, what it asks, its charts.

use model::manifest::ScenarioInfo;

use super::Chapter;
use super::answers::figure;
use super::markdown::{anchor, inline};
use crate::charts::Place;

/// The anchor `<kind>-<name>`, and the [`question`].
pub(super) fn heading(chapter: &Chapter<'_>, kind: &str, info: &ScenarioInfo) -> String {
    format!("<a id=\"{kind}-{}{}\"></a>\n\n{}", anchor(&info.name), chapter.suffix, question(info))
}

/// The scenario's name, what it asks, and how to read the answer.
pub(super) fn question(info: &ScenarioInfo) -> String {
    format!("### {}\n\n**{}**\n\n{}", inline(&info.name), inline(&info.question), inline(&info.reading))
}

/// The scenario's charts that stand in this part of the report.
pub(super) fn charts(chapter: &Chapter<'_>, place: Place, info: &ScenarioInfo) -> String {
    let here = chapter.figures.iter().filter(|chart| chart.place == place && chart.scenario == info.name);
    here.map(|chart| figure(chapter, chart)).collect()
}

/// What so few trials or searches say of chance; nothing where they are enough.
pub(super) fn few(least: usize) -> &'static str {
    match least {
        1 => " **One trial** has no interval between trials: the effect of chance is unknown.",
        2 => " Two give a quantile no interval, and other figures a wide one.",
        _ => "",
    }
}

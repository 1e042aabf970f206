//! The frame of every section about a limit: scenario by scenario its question, its charts, and what the section says.

use super::Chapter;
use super::answers::figure;
use super::markdown::{anchor, inline};
use crate::charts::Place;
use crate::statistics::{Answer, Topic};

/// What a section says of a scenario: what stands above its charts, and what stands under them.
pub(super) struct Said {
    pub above: String,
    pub below: String,
}

/// All scenarios about something; `nothing` where there are none.
pub(super) fn section(
    chapter: &Chapter<'_>,
    topic: Topic,
    nothing: &str,
    say: impl Fn(&Chapter<'_>, &Answer<'_>) -> Said,
) -> String {
    let scenarios: Vec<String> =
        chapter.study.about(topic).map(|answer| scenario(chapter, answer, &say(chapter, answer))).collect();
    if scenarios.is_empty() { format!("*{nothing}*\n") } else { scenarios.join("\n") }
}

fn scenario(chapter: &Chapter<'_>, answer: &Answer<'_>, said: &Said) -> String {
    let info = answer.info;
    let charts = chapter.figures.iter();
    let charts = charts.filter(|chart| chart.scenario == info.name && chart.place == Place::Topics);
    format!(
        "<a id=\"scenario-{}{}\"></a>\n\n### {}\n\n**{}**\n\n{}\n\n{}\n\n{}{}",
        anchor(&info.name),
        chapter.suffix,
        inline(&info.name),
        inline(&info.question),
        inline(&info.reading),
        said.above.trim_end(),
        charts.map(|chart| figure(chapter, chart)).collect::<String>(),
        said.below,
    )
}

/// The swept keys' names but one, for a table's head.
pub(super) fn keys(answer: &Answer<'_>, but: Option<usize>) -> Vec<String> {
    let keys = answer.info.sweeps.iter().enumerate().filter(|(place, _)| Some(*place) != but);
    keys.map(|(_, key)| inline(key)).collect()
}

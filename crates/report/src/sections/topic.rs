//! The frame of every section about a limit: scenario by scenario its question, its charts, and what the section says.

use super::Chapter;
use super::answers::trials;
use super::markdown::inline;
use super::scenario::{charts, heading};
use crate::charts::Place;
use crate::statistics::{ScenarioResult, Topic};

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
    say: impl Fn(&Chapter<'_>, &ScenarioResult<'_>) -> Said,
) -> String {
    let scenarios: Vec<String> = chapter
        .analysis
        .about(topic)
        .map(|answer| scenario(chapter, answer, &say(chapter, answer)))
        .collect();
    if scenarios.is_empty() { format!("*{nothing}*\n") } else { scenarios.join("\n") }
}

fn scenario(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>, said: &Said) -> String {
    format!(
        "{}\n\n{}\n\n{}\n\n{}{}",
        heading(chapter, "scenario", answer.info),
        trials(answer),
        said.above.trim_end(),
        charts(chapter, Place::Topics, answer.info),
        said.below,
    )
}

/// The swept keys' names but one, for a table's head.
pub(super) fn keys(answer: &ScenarioResult<'_>, but: Option<usize>) -> Vec<String> {
    let keys = answer.info.sweeps.iter().enumerate().filter(|(place, _)| Some(*place) != but);
    keys.map(|(_, key)| inline(key)).collect()
}

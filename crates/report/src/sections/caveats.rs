//! What a reader needs in order to doubt a figure: what is not there, what failed, and what the trials warn of.

use std::collections::BTreeMap;

use model::settings::UplinkTo;
use model::trial::{Side, TrialKey, TrialOutcome, TrialResult};
use model::warning::Warning;

use super::Chapter;
use super::markdown::{inline, word_table};
use crate::load::Trial;
use crate::numbers;
use crate::statistics::is_searched;

/// Skipped parts, broken records, failed and incomplete trials.
pub(super) fn not_measured(chapter: &Chapter<'_>) -> String {
    let parts = [skipped(chapter), broken(chapter), failed(chapter), incomplete(chapter)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        return "Nothing was skipped, no trial failed, and none lost an event.\n".to_owned();
    }
    parts.join("\n")
}

fn skipped(chapter: &Chapter<'_>) -> Option<String> {
    let skipped = &chapter.analysis.run.manifest.skipped;
    let rows = skipped.iter().map(|skipped| vec![inline(&skipped.what), inline(&skipped.why)]);
    (!skipped.is_empty()).then(|| format!("Left out:\n\n{}", word_table(&["what", "why"], rows)))
}

fn broken(chapter: &Chapter<'_>) -> Option<String> {
    let run = chapter.analysis.run;
    let rows = run.broken.iter().map(|broken| {
        let path = broken.path.strip_prefix(&run.dir).unwrap_or(&broken.path);
        vec![format!("`{}`", inline(&path.to_string_lossy())), inline(&broken.reason)]
    });
    let text = "Records that could not be read and are in no figure. `pushbench run --resume` measures these trials again \
        once the files of this table are removed:";
    (!run.broken.is_empty()).then(|| format!("{text}\n\n{}", word_table(&["record", "what is wrong"], rows)))
}

/// Equal failures of one technique at one point are one line.
fn failed(chapter: &Chapter<'_>) -> Option<String> {
    let mut failures: BTreeMap<[String; 3], Vec<u32>> = BTreeMap::new();
    for trial in trials(chapter) {
        if let TrialResult::Failed(failure) = &trial.record.result {
            let line = [what(chapter, trial), side(failure.side).to_owned(), inline(&failure.reason)];
            failures.entry(line).or_default().push(trial.record.key.repetition);
        }
    }
    let rows = failures.iter().map(|([what, side, why], repetitions)| {
        let repetitions: Vec<String> = repetitions.iter().map(ToString::to_string).collect();
        vec![what.clone(), repetitions.join(", "), side.clone(), why.clone()]
    });
    let table = word_table(&["trial", "repetitions", "side", "why"], rows);
    (!failures.is_empty()).then(|| format!("Trials that did not run to their end:\n\n{table}"))
}

fn incomplete(chapter: &Chapter<'_>) -> Option<String> {
    let rows: Vec<Vec<String>> = trials(chapter)
        .filter(|trial| !is_searched(&trial.record))
        .filter_map(|trial| match &trial.record.result {
            TrialResult::Incomplete(outcome) => {
                Some([vec![name(chapter, trial)], losses(trial, outcome)].concat())
            }
            TrialResult::Complete(_) | TrialResult::Failed(_) => None,
        })
        .collect();
    // In a search, and past the capacity that it found, losses are the answer.
    let text = "Trials that lost events or subscribers' messages; their figures stand above, with everything missing counted \
        as slower than all that came:";
    let head = ["trial", "events missing", "of", "messages up missing", "of"];
    (!rows.is_empty()).then(|| format!("{text}\n\n{}", word_table(&head, rows)))
}

/// A message up is due by its schedule: one that no session came to send is missing, too.
fn losses(trial: &Trial, outcome: &TrialOutcome) -> Vec<String> {
    let counts = &outcome.counts;
    let to_application =
        trial.record.settings.uplink.as_ref().is_some_and(|uplink| uplink.to == UplinkTo::Application);
    let up = to_application
        .then(|| (counts.uplink_due.saturating_sub(counts.uplink_received), counts.uplink_due))
        .unzip();
    let events = [counts.lost, counts.expected].map(numbers::whole);
    events.into_iter().chain([up.0, up.1].map(|count| numbers::optional(count, numbers::whole))).collect()
}

/// Every kind of warning: how often, where, and what to do.
pub(super) fn warnings(chapter: &Chapter<'_>) -> String {
    let mut kinds: BTreeMap<&'static str, Vec<(&Trial, &Warning)>> = BTreeMap::new();
    for trial in trials(chapter) {
        let warnings = trial.record.result.outcome().into_iter().flat_map(|outcome| &outcome.warnings);
        warnings.for_each(|warning| kinds.entry(kind(warning)).or_default().push((trial, warning)));
    }
    if kinds.is_empty() {
        return "No trial warns of anything.\n".to_owned();
    }
    let rows = kinds.iter().map(|(kind, found)| line(chapter, kind, found));
    word_table(&["warning", "trials", "scenarios", "the worst of them, and what to do"], rows)
}

fn line(chapter: &Chapter<'_>, kind: &str, found: &[(&Trial, &Warning)]) -> Vec<String> {
    let mut trials: Vec<&TrialKey> = found.iter().map(|(trial, _)| &trial.record.key).collect();
    trials.dedup();
    let mut scenarios: Vec<String> = trials.iter().map(|key| inline(&key.scenario)).collect();
    scenarios.sort();
    scenarios.dedup();
    let worst = found.iter().max_by(|(_, a), (_, b)| severity(a).total_cmp(&severity(b)));
    let worst = worst.map_or_else(String::new, |(trial, warning)| {
        format!("{} ({})", inline(&warning.advice()), name(chapter, trial))
    });
    vec![kind.to_owned(), trials.len().to_string(), scenarios.join(", "), worst]
}

fn kind(warning: &Warning) -> &'static str {
    match warning {
        Warning::LoadGeneratorBusy { .. } => "load generator busy",
        Warning::ScheduleLag { .. } => "schedule lag",
        Warning::SchedulingDelay { .. } => "scheduling_delay",
        Warning::NotPinned => "not pinned",
        Warning::Reconnects { .. } => "reconnects",
        Warning::BytesDoNotAddUp { .. } => "bytes do not add up",
        Warning::ServerCostUnknown => "server's cost unknown",
        Warning::Disordered { .. } => "events again or out of order",
    }
}

fn severity(warning: &Warning) -> f64 {
    match warning {
        Warning::LoadGeneratorBusy { busy } => *busy,
        Warning::ScheduleLag { p99_ns } => *p99_ns as f64,
        Warning::SchedulingDelay { max_ns, .. } => *max_ns as f64,
        Warning::NotPinned | Warning::ServerCostUnknown => 0.0,
        Warning::Reconnects { count } => *count as f64,
        Warning::BytesDoNotAddUp { up, down } => up.unsigned_abs().max(down.unsigned_abs()) as f64,
        Warning::Disordered { duplicate, reordered } => (duplicate + reordered) as f64,
    }
}

fn trials<'a>(chapter: &Chapter<'a>) -> impl Iterator<Item = &'a Trial> + use<'a> {
    chapter.analysis.run.trials.iter()
}

/// A trial as people would name it.
fn name(chapter: &Chapter<'_>, trial: &Trial) -> String {
    format!("{}, repetition {}", what(chapter, trial), trial.record.key.repetition)
}

/// A trial without its repetition.
fn what(chapter: &Chapter<'_>, trial: &Trial) -> String {
    let key = &trial.record.key;
    let techniques = &chapter.analysis.run.manifest.techniques;
    let label = techniques.iter().find(|technique| technique.slug == key.technique);
    let label = label.map_or(key.technique.as_str(), |technique| &technique.label);
    let point: String = key.point.iter().map(|(key, value)| format!(", {key} = {value}")).collect();
    let target = key.target.as_ref().map_or_else(String::new, |target| format!(" of {target}"));
    inline(&format!("{}{point}, {label}{target}", key.scenario))
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Server => "server",
        Side::Load => "load generator",
        Side::Supervisor => "supervisor",
    }
}

//! What a published question gives at all points of its scenario: overhead bytes of one event.

use model::publication::Table;

use crate::numbers::{NOTHING, significant};
use crate::sections::Chapter;
use crate::sections::markdown::{inline, table};
use crate::statistics::{Coordinate, Reach, Row, ScenarioResult};

/// The table, none when its scenario has no trials in this run.
pub(super) fn section(chapter: &Chapter<'_>, scenario: &str, asked: &Table) -> Option<String> {
    let answer = chapter.analysis.scenarios.iter().find(|answer| answer.info.name == scenario)?;
    let columns = distinct(answer, &places(answer, &asked.across));
    let down = places(answer, &asked.down);
    let head = ["technique".to_owned()].into_iter();
    let head: Vec<String> = head
        .chain(asked.down.iter().map(|key| inline(key)))
        .chain(columns.iter().map(|column| name(answer, column)))
        .collect();
    let mut lines: Vec<Vec<String>> = Vec::new();
    for technique in answer.contestants() {
        for values in distinct_of(answer.rows_of(technique), &down) {
            lines.push(line(chapter, answer, technique, (&values, &columns), asked.clients));
        }
    }
    let unit = match asked.clients {
        Some(_) => "overhead bytes of one event in both directions, and Mbit/s (10^6 bits) of all clients",
        None => "overhead bytes of one event in both directions",
    };
    Some(format!("{}; {unit}:\n\n{}", inline(&asked.title), table(1 + down.len(), &head, lines)))
}

/// Values of some swept keys: the key's place, and the value.
type Values = Vec<(usize, Coordinate)>;

fn places(answer: &ScenarioResult<'_>, keys: &[String]) -> Vec<usize> {
    keys.iter().filter_map(|key| answer.info.sweeps.iter().position(|sweep| sweep == key)).collect()
}

/// All combinations that a technique was swept over.
fn distinct(answer: &ScenarioResult<'_>, places: &[usize]) -> Vec<Values> {
    let swept = |values: &Values| values.iter().all(|(_, value)| value.reach == Reach::Swept);
    let mut all = distinct_of(answer.rows.iter(), places);
    all.retain(swept);
    all
}

fn distinct_of<'r>(rows: impl Iterator<Item = &'r Row<'r>>, places: &[usize]) -> Vec<Values> {
    let values = |row: &Row<'_>| -> Values {
        places.iter().map(|place| (*place, row.point[*place].clone())).collect()
    };
    let mut all: Vec<Values> = rows.map(values).collect();
    all.sort_by(compare);
    all.dedup_by(|a, b| compare(a, b).is_eq());
    all
}

fn compare(a: &Values, b: &Values) -> std::cmp::Ordering {
    let orderings = a.iter().zip(b).map(|((_, a), (_, b))| a.compare(b));
    orderings.into_iter().find(|ordering| ordering.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
}

/// `http 2, tls true`
fn name(answer: &ScenarioResult<'_>, column: &Values) -> String {
    let named = column.iter().map(|(place, value)| {
        let key = &answer.info.sweeps[*place];
        let short = key.rsplit('.').next().unwrap_or(key);
        inline(&format!("{short} {}", value.text))
    });
    named.collect::<Vec<_>>().join(", ")
}

fn line(
    chapter: &Chapter<'_>,
    answer: &ScenarioResult<'_>,
    technique: usize,
    (values, columns): (&Values, &[Values]),
    clients: Option<u64>,
) -> Vec<String> {
    let cells = columns.iter().map(|column| {
        let row = answer.rows_of(technique).find(|row| stands_at(row, values) && stands_at(row, column));
        row.and_then(overhead).map_or_else(|| NOTHING.to_owned(), |bytes| shown(bytes, clients))
    });
    let names = values.iter().map(|(_, value)| inline(&value.text));
    [chapter.label(technique)].into_iter().chain(names).chain(cells).collect()
}

/// A technique that a key does not touch stands at each of its values.
fn stands_at(row: &Row<'_>, values: &Values) -> bool {
    values.iter().all(|(place, value)| {
        row.point[*place].reach == Reach::Untouched || row.point[*place].compare(value).is_eq()
    })
}

fn overhead(row: &Row<'_>) -> Option<f64> {
    let outcomes = row.trials.iter().filter_map(|trial| trial.record.result.outcome());
    let sums = outcomes.map(|outcome| (outcome.bytes.window.overhead(), outcome.counts.events_in_window));
    let (bytes, events) = sums.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    (events > 0).then(|| bytes as f64 / events as f64)
}

fn shown(bytes: f64, clients: Option<u64>) -> String {
    match clients {
        None => format!("{} B", significant(bytes)),
        Some(clients) => {
            format!("{} B<br>{} Mbit/s", significant(bytes), significant(bytes * 8.0 * clients as f64 / 1e6))
        }
    }
}

//! The price of one technique over others, by each value of a setting that is its alone.

use super::Chapter;
use super::markdown::{inline, table};
use crate::numbers::{self, NOTHING, optional, whole};
use crate::statistics::{Estimate, Ratios, Reach, Row, ScenarioResult, SetUpCost};

/// Nothing when the scenario sweeps no word that belongs to one technique and leaves others as they are.
pub(super) fn section(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let keys = 0..answer.info.sweeps.len();
    keys.filter_map(|key| Some(part(chapter, answer, &Price::of(chapter, answer, key)?))).collect()
}

/// Who pays, for which setting, compared with whom.
struct Price {
    key: usize,
    technique: usize,
    others: Vec<usize>,
}

impl Price {
    fn of(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>, key: usize) -> Option<Self> {
        let is_swept = |order: &usize| answer.rows_of(*order).any(|row| row.point[key].reach == Reach::Swept);
        let (swept, others): (Vec<usize>, Vec<usize>) = answer.contestants().into_iter().partition(is_swept);
        let &[technique] = swept.as_slice() else { return None };
        let others: Vec<usize> =
            others.into_iter().filter(|order| !chapter.analysis.technique(*order).baseline).collect();
        let is_word = answer.rows_of(technique).all(|row| row.point[key].number.is_none());
        (is_word && !others.is_empty()).then_some(Self { key, technique, others })
    }

    /// The row of another technique that stands at the same point but for the setting.
    fn beside<'r, 'a>(
        &self,
        answer: &'r ScenarioResult<'a>,
        row: &Row<'_>,
        other: usize,
    ) -> Option<&'r Row<'a>> {
        let fits = |candidate: &&Row<'_>| {
            let mut places = candidate.point.iter().zip(&row.point).enumerate();
            places.all(|(key, (theirs, own))| {
                key == self.key || theirs.reach == Reach::Untouched || theirs == own
            })
        };
        answer.rows_of(other).find(fits)
    }
}

fn part(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>, price: &Price) -> String {
    let label = chapter.label(price.technique);
    let names = price.others.iter().map(|other| format!("÷ {}", chapter.label(*other)));
    let head: Vec<String> = answer.info.sweeps.iter().map(|key| inline(key)).chain(names).collect();
    let rows = answer.rows_of(price.technique).map(|row| {
        let point = row.point.iter().map(|coordinate| inline(&coordinate.text));
        let cells = price.others.iter().map(|other| {
            let beside = price.beside(answer, row, *other);
            optional(beside, |beside| ratios(&Ratios::of(row, beside)))
        });
        point.chain(cells).collect()
    });
    format!(
        "**The price of {label}**, by its setting `{}`: its wire bytes and its server's CPU for each event ÷ those of another technique in the same \
         scenario, with 95 % intervals between trials, paired by repetition.\n\n{}\n{}",
        inline(&answer.info.sweeps[price.key]),
        table(answer.info.sweeps.len(), &head, rows),
        first_events(chapter, answer),
    )
}

fn ratios(ratios: &Ratios) -> String {
    let shown = |ratio: Option<Estimate>| {
        ratio.map_or_else(|| NOTHING.to_owned(), |ratio| format!("× {}", numbers::estimate(ratio)))
    };
    format!("bytes {}<br>CPU {}", shown(ratios.wire), shown(ratios.cpu))
}

/// What it takes until the first event is there; only where a delay was added, which tells round trips.
fn first_events(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let delays = || answer.rows.iter().map(|row| row.settings.subscribers.added_delay_ns);
    let Some(delay_ns) = delays().max().filter(|most| *most > 0) else { return String::new() };
    let columns = [
        "time to the first event",
        "until connected for good",
        "round trips until then",
        "set-up B/subscriber",
        "server CPU/subscriber",
    ];
    let keys = answer.info.sweeps.iter().map(|key| inline(key));
    let head: Vec<String> = keys.chain(["technique".to_owned()]).chain(columns.map(str::to_owned)).collect();
    let rows = answer.rows.iter().filter_map(|row| {
        let set_up = row.figures.as_ref()?.set_up.as_ref()?;
        let point = row.point.iter().map(|coordinate| inline(&coordinate.text));
        Some(point.chain([chapter.label(row.technique)]).chain(cells(set_up)).collect())
    });
    format!(
        "Until a subscriber has its first event, the server's greeting, with {} of delay added to whatever the client receives: the mean over subscribers, \
         with its 95 % interval between trials. Connected for good means that the transport stays from then on: what is upgraded \
         later has its first event before. Round trips are counted as in the scenario of handshakes, the opening of the TCP connection among them.\n\n{}\n",
        numbers::duration(delay_ns as f64),
        table(answer.info.sweeps.len() + 1, &head, rows)
    )
}

fn cells(set_up: &SetUpCost) -> [String; 5] {
    [
        optional(set_up.first_message, numbers::time_estimate),
        optional(set_up.mean_elapsed, numbers::time_estimate),
        optional(set_up.round_trips, whole),
        numbers::estimate(set_up.wire),
        optional(set_up.cpu, numbers::time_estimate),
    ]
}

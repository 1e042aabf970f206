//! Where on a sweep a trial lies: the swept keys' values, taken from the settings that the trial really had.

use std::cmp::Ordering;

use model::manifest::ScenarioInfo;
use model::trial::TrialRecord;
use serde_json::Value;

use crate::numbers::NOTHING;

/// What a swept number counts; the settings' own field names say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Nanoseconds,
    PerSecond,
    Bytes,
    /// A plain number, or no number at all.
    None,
}

/// Whether a sweep touches a technique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// It takes the sweep's values.
    Swept,
    /// It runs once, at the scenario's own value, which means nothing to it.
    Untouched,
}

/// One swept key's value in a trial.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Coordinate {
    /// The value for people; a dash when the sweep leaves this technique out.
    pub text: String,
    /// The number, when it is one.
    pub number: Option<f64>,
    pub unit: Unit,
    pub reach: Reach,
    /// Where the scenario file names this value: words have no order but the author's.
    place: usize,
}

/// Suffixes by which `model::settings` names a unit.
const SUFFIXES: [(&str, Unit); 4] =
    [("_ns", Unit::Nanoseconds), ("_per_s", Unit::PerSecond), ("_bytes", Unit::Bytes), ("", Unit::None)];

/// The coordinates of a trial, one for each swept key.
pub(crate) fn point(info: &ScenarioInfo, record: &TrialRecord) -> Vec<Coordinate> {
    let settings = serde_json::to_value(&record.settings).unwrap_or(Value::Null);
    info.sweeps.iter().map(|key| coordinate(info, record, &settings, key)).collect()
}

/// Whether a technique at `other` can stand beside one at `point`: where a sweep leaves it out, it does so everywhere.
pub(super) fn stands_beside(other: &[Coordinate], point: &[Coordinate]) -> bool {
    other.iter().zip(point).all(|(other, own)| other.reach == Reach::Untouched || other == own)
}

/// Orders points by their first key, then by their second, and so on.
pub(crate) fn compare(a: &[Coordinate], b: &[Coordinate]) -> Ordering {
    let orderings = a.iter().zip(b).map(|(a, b)| a.compare(b));
    orderings.into_iter().find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}

impl Coordinate {
    /// Numbers by size, words as the scenario file lists them, the untouched last.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let reach = self.reach.cmp(&other.reach);
        let numbers = self.number.zip(other.number).map_or(Ordering::Equal, |(a, b)| a.total_cmp(&b));
        reach.then(numbers).then(self.place.cmp(&other.place)).then_with(|| self.text.cmp(&other.text))
    }
}

fn coordinate(info: &ScenarioInfo, record: &TrialRecord, settings: &Value, key: &str) -> Coordinate {
    let (value, unit) = lookup(settings, key);
    let number = value.and_then(Value::as_f64);
    let Some(written) = record.key.point.get(key) else {
        return Coordinate {
            text: NOTHING.to_owned(),
            number: None,
            unit,
            reach: Reach::Untouched,
            place: 0,
        };
    };
    // A number is the same point however it is written; a word is looked up where the author listed it.
    let place = info.text.find(&format!("\"{written}\"")).filter(|_| number.is_none()).unwrap_or(0);
    let text = number.map_or_else(|| written.clone(), |number| unit.show(number));
    Coordinate { text, number, unit, reach: Reach::Swept, place }
}

fn lookup<'v>(settings: &'v Value, key: &str) -> (Option<&'v Value>, Unit) {
    let (table, field) = key.rsplit_once('.').map_or((None, key), |(table, field)| (Some(table), field));
    let table = match table {
        Some(path) => path.split('.').try_fold(settings, |value, name| value.get(name)),
        None => Some(settings),
    };
    let found = SUFFIXES.iter().find_map(|(suffix, unit)| {
        let value = table?.get(format!("{field}{suffix}"))?;
        Some((Some(value), *unit))
    });
    found.unwrap_or((None, Unit::None))
}

impl Unit {
    /// A measured number with this unit: three significant digits.
    pub(crate) fn show_measured(self, number: f64) -> String {
        match self {
            Self::Nanoseconds => crate::numbers::time(number),
            Self::PerSecond => format!("{}/s", crate::numbers::significant(number)),
            Self::Bytes => format!("{} B", crate::numbers::significant(number)),
            Self::None => crate::numbers::significant(number),
        }
    }

    /// A number with this unit, for people.
    pub(crate) fn show(self, number: f64) -> String {
        match self {
            Self::Nanoseconds => crate::numbers::duration(number),
            Self::PerSecond => format!("{}/s", crate::numbers::plain(number)),
            Self::Bytes => crate::numbers::bytes(number),
            Self::None => crate::numbers::plain(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Value {
        serde_json::json!({
            "events": { "rate_per_s": 50.0, "payload_bytes": 16_384 },
            "http": { "headers": "minimal" },
            "poll": { "interval_ns": 250_000_000_u64 },
        })
    }

    #[test]
    fn swept_keys_are_found_by_the_unit_in_their_name() {
        let settings = settings();
        let shown = |key| {
            let (value, unit) = lookup(&settings, key);
            value.and_then(Value::as_f64).map(|number| unit.show(number))
        };
        assert_eq!(shown("events.rate").as_deref(), Some("50/s"));
        assert_eq!(shown("events.payload").as_deref(), Some("16 KiB"));
        assert_eq!(shown("poll.interval").as_deref(), Some("250 ms"));
        assert_eq!(lookup(&settings, "http.headers").0, Some(&Value::from("minimal")));
        assert_eq!(lookup(&settings, "http.nothing").0, None);
    }

    #[test]
    fn words_keep_the_order_of_the_scenario_file() {
        let coordinate = |text: &str, number, place| Coordinate {
            text: text.to_owned(),
            number,
            unit: Unit::None,
            reach: Reach::Swept,
            place,
        };
        let (minimal, browser) = (coordinate("minimal", None, 3), coordinate("browser", None, 9));
        assert_eq!(compare(&[minimal], &[browser]), Ordering::Less);
        assert_eq!(coordinate("9", Some(9.0), 0).compare(&coordinate("10", Some(10.0), 0)), Ordering::Less);
    }
}

//! What a scenario asks about, by what it sweeps, and the slices that small multiples show side by side.

use model::settings::Transport;

use super::sweep::{Reach, Unit};
use super::{Row, ScenarioResult, transport};

/// What a scenario is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// One point.
    Single,
    /// A swept time, such as an interval.
    Time,
    /// Times that buy latency, at several rates: what an event costs at equal latency.
    Frontier,
    /// A rate, and what an event costs at it.
    Rate,
    /// Transports, and what it takes to open them: a delay was added that tells round trips.
    SetUp,
    /// Transports, and what they cost.
    Transport,
    /// Anything else: bytes are what can be compared.
    Bytes,
}

/// Rows at the same values of some keys.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slice {
    /// The values for people; empty when no key cuts.
    pub name: String,
    /// Places among the swept keys, and the value there.
    at: Vec<(usize, String)>,
}

impl Slice {
    /// A technique that a key does not touch stands at each of its values.
    pub(crate) fn holds(&self, row: &Row<'_>) -> bool {
        self.at
            .iter()
            .all(|(key, text)| row.point[*key].reach == Reach::Untouched || row.point[*key].text == *text)
    }
}

impl<'a> ScenarioResult<'a> {
    /// What the scenario is about.
    pub(crate) fn subject(&self) -> Subject {
        let others = self.other_keys();
        let units: Vec<Unit> = others.iter().map(|key| self.rows[0].point[*key].unit).collect();
        let is_paced = |unit: &Unit| matches!(unit, Unit::Nanoseconds | Unit::PerSecond);
        let buys_latency = units.contains(&Unit::Nanoseconds) && units.iter().all(is_paced);
        match (self.info.sweeps.len(), units.as_slice()) {
            (0, _) => Subject::Single,
            (1, [Unit::Nanoseconds]) => Subject::Time,
            (all, units) if buys_latency && all == units.len() => Subject::Frontier,
            (_, [Unit::PerSecond]) => Subject::Rate,
            (_, []) if self.rows.iter().any(|row| row.settings.subscribers.added_delay_ns > 0) => {
                Subject::SetUp
            }
            (_, []) => Subject::Transport,
            _ => Subject::Bytes,
        }
    }

    /// Places of the swept keys that choose the transport.
    pub(crate) fn transport_keys(&self) -> Vec<usize> {
        (0..self.info.sweeps.len()).filter(|key| self.is_transport(*key)).collect()
    }

    /// Places of all other swept keys.
    pub(crate) fn other_keys(&self) -> Vec<usize> {
        (0..self.info.sweeps.len()).filter(|key| !self.is_transport(*key)).collect()
    }

    /// Variants of the transport bear its name, too.
    fn is_transport(&self, key: usize) -> bool {
        self.info.sweeps[key].starts_with("transport")
    }

    /// Every combination of these keys' values that was run, in the order of the rows; one that holds all rows when
    /// there is no key.
    pub(crate) fn slices(&self, keys: &[usize]) -> Vec<Slice> {
        let mut slices: Vec<Slice> = Vec::new();
        let is_whole = |row: &&Row<'_>| keys.iter().all(|key| row.point[*key].reach == Reach::Swept);
        let mut rows: Vec<&Row<'a>> = self.rows.iter().filter(is_whole).collect();
        rows.sort_by(|a, b| {
            let orderings = keys.iter().map(|key| a.point[*key].compare(&b.point[*key]));
            orderings.into_iter().find(|ordering| ordering.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        });
        for row in rows {
            let slice = Slice { name: self.slice_name(keys, row), at: values(keys, row) };
            if !slices.contains(&slice) {
                slices.push(slice);
            }
        }
        slices
    }

    /// The slices of one key, named by its values alone.
    pub(crate) fn values_of(&self, key: Option<usize>) -> Vec<Slice> {
        let mut slices = self.slices(key.as_slice());
        slices
            .iter_mut()
            .for_each(|slice| slice.name = slice.at.iter().map(|(_, text)| text.as_str()).collect());
        slices
    }

    /// A whole transport has a name; other values are said with their keys.
    fn slice_name(&self, keys: &[usize], row: &Row<'_>) -> String {
        let transport_keys = self.transport_keys();
        let has_name = !transport_keys.is_empty() && transport_keys.iter().all(|key| keys.contains(key));
        let name = has_name.then(|| transport::name(&row.settings.transport));
        let rest = keys.iter().filter(|key| !has_name || !transport_keys.contains(key));
        let rest = rest.map(|key| format!("{} = {}", self.info.sweeps[*key], row.point[*key].text));
        name.into_iter().chain(rest).collect::<Vec<_>>().join(", ")
    }

    /// The transports that were run, in the order of the rows.
    pub(crate) fn transports(&self) -> Vec<&'a Transport> {
        let mut transports: Vec<&Transport> = Vec::new();
        for row in &self.rows {
            if !transports.contains(&&row.settings.transport) {
                transports.push(&row.settings.transport);
            }
        }
        transports
    }
}

fn values(keys: &[usize], row: &Row<'_>) -> Vec<(usize, String)> {
    keys.iter().map(|key| (*key, row.point[*key].text.clone())).collect()
}

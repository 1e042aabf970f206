//! Scenarios that ask about limits have parts of the report to themselves: what is compared elsewhere means little there.

use model::settings::Settings;

use super::{Analysis, Row, ScenarioResult};

/// What such a scenario is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// How cost grows with connections.
    Connections,
    /// A restarted server, to which everybody comes back.
    ServerRestarts,
    /// Subscribers that do not keep up.
    SlowConsumers,
    /// A server under a tool that counts.
    Counters,
}

/// The key that says how many subscribers there are.
const SUBSCRIBERS: &str = "subscribers.count";

impl ScenarioResult<'_> {
    /// What it is about, if it asks about a limit.
    pub(crate) fn topic(&self) -> Option<Topic> {
        let asks = |asks: fn(&Settings) -> bool| self.rows.iter().any(|row| asks(row.settings));
        if asks(|settings| settings.counted.is_some()) {
            return Some(Topic::Counters);
        }
        if asks(|settings| settings.restart.is_some()) {
            return Some(Topic::ServerRestarts);
        }
        if asks(|settings| settings.slow_consumers.is_some()) {
            return Some(Topic::SlowConsumers);
        }
        self.counts_subscribers().then_some(Topic::Connections)
    }

    /// The same technique where everybody keeps up, and everything else is the same.
    pub(crate) fn without_slow_consumers(&self, row: &Row<'_>) -> Option<&Row<'_>> {
        let everything_else = |row: &Row<'_>| Settings { slow_consumers: None, ..row.settings.clone() };
        let wanted = everything_else(row);
        self.rows_of(row.technique)
            .find(|other| !other.has_slow_consumers() && everything_else(other) == wanted)
    }

    fn counts_subscribers(&self) -> bool {
        self.info.sweeps.iter().any(|key| key == SUBSCRIBERS)
    }
}

impl Row<'_> {
    /// Whether some of its subscribers do not keep up.
    pub(crate) fn has_slow_consumers(&self) -> bool {
        self.settings.slow_consumers.as_ref().is_some_and(|slow_consumers| slow_consumers.share > 0.0)
    }
}

impl<'a> Analysis<'a> {
    /// The scenarios about something.
    pub(crate) fn about(&self, topic: Topic) -> impl Iterator<Item = &ScenarioResult<'a>> {
        self.topics.iter().filter(move |answer| answer.topic() == Some(topic))
    }
}

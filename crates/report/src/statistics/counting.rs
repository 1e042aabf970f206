//! What tools counted of a server, for each delivered event.

use model::settings::Counter;
use model::trial::TrialOutcome;

use super::estimate::Estimate;
use super::{Row, ScenarioResult};

/// Something that can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// Instructions in user space.
    Instructions,
    /// System calls.
    SystemCalls,
    /// Context switches, voluntary or not.
    Switches,
}

impl Count {
    pub(crate) const ALL: [Self; 3] = [Self::Instructions, Self::SystemCalls, Self::Switches];

    /// For each delivered event of a trial.
    fn each(self, outcome: &TrialOutcome) -> Option<f64> {
        let counted = outcome.cost.counted.as_ref();
        let (count, events) = match self {
            Self::Instructions => (counted?.instructions?, counted?.deliveries),
            Self::SystemCalls => (counted?.system_calls?, counted?.deliveries),
            Self::Switches => {
                let cost = outcome.cost.known_server_cpu_ns().map(|_| &outcome.cost)?;
                let switches = cost.server_voluntary_switches + cost.server_involuntary_switches;
                (switches, outcome.counts.events_in_window)
            }
        };
        (events > 0).then(|| count as f64 / events as f64)
    }
}

/// One technique at one point, by all that was counted of it.
#[derive(Debug)]
pub(crate) struct Counting<'r> {
    /// The technique's place in the registry.
    pub technique: usize,
    /// The values of the other swept keys.
    pub point: Vec<String>,
    /// Its trials without a tool.
    pub uncounted: Option<&'r Row<'r>>,
    instructions: Option<&'r Row<'r>>,
    system_calls: Option<&'r Row<'r>>,
}

impl ScenarioResult<'_> {
    /// In the order of the rows.
    pub(crate) fn countings(&self) -> Vec<Counting<'_>> {
        let mut countings: Vec<Counting<'_>> = Vec::new();
        for row in &self.rows {
            let point = self.other_values(row);
            let is_same =
                |counting: &&mut Counting<'_>| counting.technique == row.technique && counting.point == point;
            match countings.iter_mut().find(is_same) {
                Some(counting) => counting.take(row),
                None => {
                    let mut counting = Counting {
                        technique: row.technique,
                        point,
                        uncounted: None,
                        instructions: None,
                        system_calls: None,
                    };
                    counting.take(row);
                    countings.push(counting);
                }
            }
        }
        countings
    }

    fn other_values(&self, row: &Row<'_>) -> Vec<String> {
        let keys = self.info.sweeps.iter().zip(&row.point);
        keys.filter(|(key, _)| *key != "counted").map(|(_, coordinate)| coordinate.text.clone()).collect()
    }
}

impl<'r> Counting<'r> {
    fn take(&mut self, row: &'r Row<'r>) {
        match row.settings.counted {
            None => self.uncounted = Some(row),
            Some(Counter::Instructions) => self.instructions = Some(row),
            Some(Counter::SystemCalls) => self.system_calls = Some(row),
        }
    }

    /// Its trials under a tool.
    pub(crate) fn counted(&self, by: Counter) -> Option<&'r Row<'r>> {
        match by {
            Counter::Instructions => self.instructions,
            Counter::SystemCalls => self.system_calls,
        }
    }

    fn row(&self, count: Count) -> Option<&'r Row<'r>> {
        match count {
            Count::Instructions => self.instructions,
            Count::SystemCalls => self.system_calls,
            Count::Switches => self.uncounted,
        }
    }

    /// The mean over trials for each delivered event.
    pub(crate) fn each(&self, count: Count) -> Option<Estimate> {
        self.row(count)?.mean(|_, outcome| count.each(outcome))
    }

    /// The same ÷ another's.
    pub(crate) fn over(&self, other: &Counting<'_>, count: Count) -> Option<Estimate> {
        self.row(count)?.ratio(other.row(count)?, |outcome| count.each(outcome))
    }
}

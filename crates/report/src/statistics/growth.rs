//! What grows with the number of connections, and the line that it grows along.

use model::settings::Transport;
use model::trial::{KernelMemory, TrialOutcome};

use super::estimate::Estimate;
use super::fit::Fit;
use super::group::weighted_mean;
use super::{Row, ScenarioResult};

/// Something that connections take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Growth {
    /// Resident memory that the server grew by until all were connected, bytes.
    UserMemory,
    /// Memory that the kernel grew by meanwhile, bytes: both ends of each connection.
    KernelMemory,
    /// CPU time of the server for each second in which no event came, nanoseconds.
    IdleCpu,
    /// The time until all were connected, nanoseconds.
    Connecting,
}

impl Growth {
    pub(crate) const ALL: [Self; 4] = [Self::UserMemory, Self::KernelMemory, Self::IdleCpu, Self::Connecting];

    /// What all connections of a trial took together; none where the trial does not tell.
    fn of(self, outcome: &TrialOutcome) -> Option<f64> {
        let cost = &outcome.cost;
        match self {
            Self::UserMemory => (cost.server_rss_connected_bytes > 0)
                .then_some(cost.server_rss_connected_bytes as f64 - cost.server_rss_start_bytes as f64),
            Self::KernelMemory => cost.kernel_memory.as_ref().map(kernel),
            Self::IdleCpu => {
                // An idle server may have needed none; whether it is known at all its memory tells.
                let is_known = cost.server_rss_connected_bytes > 0 && cost.elapsed_ns > 0;
                let is_idle = is_known && outcome.counts.events_in_window == 0;
                let seconds = cost.elapsed_ns as f64 / 1e9;
                is_idle.then_some(cost.server_cpu_ns as f64 / seconds)
            }
            Self::Connecting => (outcome.set_up.all_ns > 0).then_some(outcome.set_up.all_ns as f64),
        }
    }
}

fn kernel(memory: &KernelMemory) -> f64 {
    let grown = |start: u64, connected: u64| connected as f64 - start as f64;
    grown(memory.slab_start_bytes, memory.slab_connected_bytes)
        + grown(memory.tcp_start_bytes, memory.tcp_connected_bytes)
}

/// One technique by one transport, at all numbers of connections.
#[derive(Debug)]
pub(crate) struct Growing<'r> {
    /// The technique's place in the registry.
    pub technique: usize,
    pub transport: &'r Transport,
    /// In the order of the points.
    pub rows: Vec<&'r Row<'r>>,
}

impl ScenarioResult<'_> {
    /// Technique by technique, and within a technique in the order of the transports.
    pub(crate) fn growing(&self) -> Vec<Growing<'_>> {
        let transports = self.transports();
        let all = self.contestants().into_iter().flat_map(|technique| {
            transports.iter().map(move |&transport| {
                let rows = self.rows_of(technique).filter(|row| row.settings.transport == *transport);
                Growing { technique, transport, rows: rows.collect() }
            })
        });
        all.filter(|growing| !growing.rows.is_empty()).collect()
    }
}

impl<'r> Growing<'r> {
    /// The line that it grows along, over all trials; none where these are fewer than three or all of one number.
    pub(crate) fn fit(&self, growth: Growth) -> Option<Fit> {
        Fit::through(&self.points(growth))
    }

    /// Connections, and what they took: a point for each trial that tells.
    fn points(&self, growth: Growth) -> Vec<(f64, f64)> {
        let trials = self
            .rows
            .iter()
            .flat_map(|row| row.outcomes().into_iter().map(move |outcome| (connections(row), outcome)));
        trials.filter_map(|(count, outcome)| Some((count, growth.of(outcome)?))).collect()
    }

    /// What one connection takes, for each number of them, fixed parts shared among all: connections, and the mean over trials.
    pub(crate) fn each(&self, growth: Growth) -> Vec<(f64, f64)> {
        let mut points = self.points(growth);
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let places = points.chunk_by(|a, b| a.0 == b.0);
        let mean = |place: &[(f64, f64)]| place.iter().map(|(_, y)| y).sum::<f64>() / place.len() as f64;
        places.map(|place| (place[0].0, mean(place) / place[0].0)).collect()
    }

    /// The most connections that one of its trials held.
    pub(crate) fn most(&self) -> f64 {
        self.rows.iter().map(|row| connections(row)).fold(0.0, f64::max)
    }
}

/// How many subscribers a row has.
pub(crate) fn connections(row: &Row<'_>) -> f64 {
    f64::from(row.settings.subscribers.count)
}

impl Row<'_> {
    /// What its trials that ran to their end brought.
    pub(crate) fn outcomes(&self) -> Vec<&TrialOutcome> {
        self.trials.iter().filter_map(|trial| trial.record.result.outcome()).collect()
    }

    /// The mean over trials ÷ that of another row, in pairs where both have the same repetitions.
    pub(crate) fn ratio(
        &self,
        other: &Row<'_>,
        of: impl Fn(&TrialOutcome) -> Option<f64>,
    ) -> Option<Estimate> {
        let values = |row: &Row<'_>| row.outcomes().into_iter().map(&of).collect::<Option<Vec<f64>>>();
        let (own, others) = (values(self)?, values(other)?);
        super::group::ratio(
            [&self.group(), &other.group()],
            |weights| weighted_mean(&own, weights),
            |weights| weighted_mean(&others, weights),
        )
    }
}

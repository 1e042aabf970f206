//! One row of a table: scenario × point × technique, over its trials.

use model::settings::{Publisher, Settings};
use model::trial::{TrialOutcome, TrialRecord};

use super::estimate::Estimate;
use super::figures::Figures;
use super::group::{Group, weighted_mean};
use super::sweep::Coordinate;
use crate::load::Trial;

/// One row, computed.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    /// The technique's place in the registry.
    pub technique: usize,
    /// One coordinate for each swept key.
    pub point: Vec<Coordinate>,
    pub settings: &'a Settings,
    /// All trials, in the order of their repetitions.
    pub trials: Vec<&'a Trial>,
    /// None when no trial ran to its end.
    pub figures: Option<Figures>,
}

impl<'a> Row<'a> {
    /// Whether its events came by the feed.
    pub(crate) fn is_fed(&self) -> bool {
        self.settings.publisher == Publisher::Feed
    }

    /// The mean over the trials that ran to their end; none when one of them has no value.
    pub(crate) fn mean(&self, of: impl Fn(&TrialRecord, &TrialOutcome) -> Option<f64>) -> Option<Estimate> {
        let records = self.trials.iter().map(|trial| &trial.record);
        let ended = records.filter_map(|record| Some((record, record.result.outcome()?)));
        let values: Vec<f64> = ended.map(|(record, outcome)| of(record, outcome)).collect::<Option<_>>()?;
        Estimate::of(values.len(), |weights| weighted_mean(&values, weights))
    }

    /// Its trials as they were grouped.
    pub(super) fn group(&self) -> Group<'a> {
        Group { technique: self.technique, point: self.point.clone(), trials: self.trials.clone() }
    }

    pub(super) fn of(group: &Group<'a>, baseline: Option<&Group<'a>>) -> Self {
        Self {
            technique: group.technique,
            point: group.point.clone(),
            settings: &group.trials[0].record.settings,
            trials: group.trials.clone(),
            figures: Figures::of(group, baseline),
        }
    }
}

//! One row of a table: scenario × point × technique, over its trials.

use schema::settings::{Publisher, Settings};

use super::figures::Figures;
use super::group::Group;
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

    /// Its trials as they were grouped.
    pub(super) fn group(&self) -> Group<'a> {
        Group { technique: self.technique, point: self.point.clone(), trials: self.trials.clone() }
    }

    pub(super) fn of(group: &Group<'a>, floor: Option<&Group<'a>>) -> Self {
        Self {
            technique: group.technique,
            point: group.point.clone(),
            settings: &group.trials[0].record.settings,
            trials: group.trials.clone(),
            figures: Figures::of(group, floor),
        }
    }
}

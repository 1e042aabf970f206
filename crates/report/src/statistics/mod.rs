//! What the trials of a run say, scenario by scenario: every figure of tables and charts is computed here, once.

mod axes;
mod bootstrap;
mod counting;
mod crossing;
mod distribution;
mod estimate;
mod figures;
mod fit;
mod frontier;
mod group;
mod growth;
mod quantile;
mod ratios;
mod row;
mod sample;
mod saturation;
mod search;
mod series;
mod set_up;
mod stack;
mod student;
mod sweep;
mod topic;
mod transport;

pub(crate) use axes::{Slice, Subject};
pub(crate) use bootstrap::LEAST_TRIALS;
pub(crate) use counting::{Count, Counting};
pub(crate) use crossing::{Mark, Pair, Standing};
pub(crate) use estimate::Estimate;
#[cfg(test)]
pub(crate) use estimate::Interval;
pub(crate) use figures::{Figures, Shown, shown_at};
pub(crate) use fit::{Fit, Shape};
pub(crate) use frontier::{Frontier, Line, Meeting, Panel, Point, Price, Rivals};
pub(crate) use growth::{Growing, Growth, connections};
pub(crate) use quantile::{LEAST_IN_TAIL, Quantile};
pub(crate) use ratios::Ratios;
pub(crate) use row::Row;
pub(crate) use sample::{Pool, Sample};
pub(crate) use saturation::{Limits, Load, Overload, Saturation, Whose, batch, is_searched, server_busy};
pub(crate) use search::End;
pub(crate) use series::Series;
pub(crate) use set_up::SetUpCost;
pub(crate) use stack::Stack;
pub(crate) use sweep::{Coordinate, Reach, Unit};
pub(crate) use topic::Topic;
pub(crate) use transport::{Comparison, name as transport_name};

use std::collections::BTreeMap;

use model::manifest::{ScenarioInfo, TargetInfo, TechniqueInfo};
use model::settings::{Client, Publisher, Settings};
use model::trial::{TrialKey, TrialRecord};

use crate::load::{Run, Trial};
use group::Group;

/// A run, analysed.
#[derive(Debug)]
pub(crate) struct Analysis<'a> {
    pub run: &'a Run,
    /// What pushbench's own servers did for its own client: only scenarios with records, in the order of the manifest.
    pub scenarios: Vec<ScenarioResult<'a>>,
    /// The same of scenarios that have a part of the report to themselves.
    pub topics: Vec<ScenarioResult<'a>>,
    /// Scenarios that servers of others took part in.
    pub contests: Vec<TargetComparison<'a>>,
    /// Scenarios that browsers subscribe in, with all of their clients.
    pub clients: Vec<ScenarioResult<'a>>,
    /// Scenarios that look for limits; none of their trials is in any of the others.
    pub limits: Vec<Limits<'a>>,
    /// What keeping a latency costs, by the scenario's name.
    pub frontiers: BTreeMap<&'a str, Frontier>,
}

/// What a scenario's trials say.
#[derive(Debug)]
pub(crate) struct ScenarioResult<'a> {
    pub info: &'a ScenarioInfo,
    /// Point by point, and within a point in the order of the registry.
    pub rows: Vec<Row<'a>>,
}

/// A scenario by servers that others wrote.
#[derive(Debug)]
pub(crate) struct TargetComparison<'a> {
    pub info: &'a ScenarioInfo,
    /// In the order of the manifest, those without a record left out.
    pub theirs: Vec<(&'a TargetInfo, ScenarioResult<'a>)>,
}

/// The key that says who subscribes.
pub(crate) const CLIENT: &str = "client";

impl<'a> Analysis<'a> {
    /// Analyses a run.
    pub(crate) fn of(run: &'a Run) -> Self {
        let infos = || run.manifest.scenarios.iter();
        let (asks_clients, others): (Vec<_>, Vec<_>) = infos().partition(|info| asks_clients(run, info));
        let own = others.iter().map(|info| ScenarioResult::of(run, info, is_own));
        let own = own.filter(|answer| !answer.rows.is_empty());
        let (topics, scenarios) = own.partition(|answer| answer.topic().is_some());
        let clients =
            asks_clients.iter().map(|info| ScenarioResult::of(run, info, |key, _| key.target.is_none()));
        let contests = infos().map(|info| TargetComparison::of(run, info));
        let scenarios: Vec<ScenarioResult<'a>> = scenarios;
        let is_baseline = |order: usize| run.manifest.techniques[order].baseline;
        let frontier =
            |answer: &ScenarioResult<'a>| Some((answer.info.name.as_str(), answer.frontier(is_baseline)?));
        Self {
            run,
            frontiers: scenarios.iter().filter_map(frontier).collect(),
            scenarios,
            topics,
            contests: contests.filter(|contest| !contest.theirs.is_empty()).collect(),
            clients: clients.filter(|answer| !answer.rows.is_empty()).collect(),
            limits: infos().filter_map(|info| Limits::of(run, info)).collect(),
        }
    }

    /// How many processes shared each of the server's cores under these settings, the server among them.
    pub(crate) fn to_a_core(&self, settings: &Settings) -> u32 {
        settings.processes.to_a_core(self.run.manifest.host.server_cores.len())
    }

    /// What pushbench's own servers did in a scenario.
    pub(crate) fn answer(&self, scenario: &str) -> Option<&ScenarioResult<'a>> {
        self.scenarios.iter().chain(&self.topics).find(|answer| answer.info.name == scenario)
    }

    /// The contestant at this place of the registry.
    pub(crate) fn technique(&self, order: usize) -> &'a TechniqueInfo {
        &self.run.manifest.techniques[order]
    }

    /// Whether events come to pushbench's own servers of this scenario as they do everywhere, and nobody else's took part:
    /// only such figures stand beside those of other scenarios.
    pub(crate) fn is_fed(&self, answer: &ScenarioResult<'_>) -> bool {
        let is_contest = self.contests.iter().any(|contest| contest.info.name == answer.info.name);
        !is_contest && answer.rows.iter().all(Row::is_fed)
    }

    /// The contestants that took part in any scenario, by their place in the registry.
    pub(crate) fn contestants(&self) -> Vec<usize> {
        let rows = self.scenarios.iter().flat_map(|answer| &answer.rows);
        let mut orders: Vec<usize> = rows.map(|row| row.technique).collect();
        orders.sort_unstable();
        orders.dedup();
        orders
    }
}

/// A file can name a browser without a sweep.
fn asks_clients(run: &Run, info: &ScenarioInfo) -> bool {
    let mut records = run.trials.iter().map(|trial| &trial.record);
    info.sweeps.iter().any(|key| key == CLIENT)
        || records.any(|record| record.key.scenario == info.name && record.settings.client != Client::Native)
}

/// Whether a trial is one of pushbench's own server with its own client: figures of others never mix with these.
pub(crate) fn is_own(key: &TrialKey, settings: &Settings) -> bool {
    key.target.is_none() && settings.client == Client::Native
}

/// Whether a trial can stand for what a scenario is about: its subscribers are as many as the scenario asks for, and not
/// the few that a browser can have beside it, and its events come by the feed, without a publish call.
pub(crate) fn is_usual(record: &TrialRecord) -> bool {
    record.settings.publisher == Publisher::Feed
        && !record.key.point.contains_key(CLIENT)
        && !is_searched(record)
}

impl<'a> TargetComparison<'a> {
    fn of(run: &'a Run, info: &'a ScenarioInfo) -> Self {
        let theirs = run.manifest.targets.iter().map(|target| {
            let is_theirs =
                |key: &TrialKey, _: &Settings| key.target.as_deref() == Some(target.name.as_str());
            (target, ScenarioResult::of(run, info, is_theirs))
        });
        Self { info, theirs: theirs.filter(|(_, answer)| !answer.rows.is_empty()).collect() }
    }
}

impl<'a> ScenarioResult<'a> {
    fn of(run: &'a Run, info: &'a ScenarioInfo, belongs: impl Fn(&TrialKey, &Settings) -> bool) -> Self {
        let mut groups: Vec<Group<'a>> = Vec::new();
        let of_scenario = run.trials.iter().filter(|trial| trial.record.key.scenario == info.name);
        let of_scenario = of_scenario.filter(|trial| !is_searched(&trial.record));
        for trial in of_scenario.filter(|trial| belongs(&trial.record.key, &trial.record.settings)) {
            let technique = order(run, trial);
            let point = sweep::point(info, &trial.record);
            match groups.iter_mut().find(|group| group.technique == technique && group.point == point) {
                Some(group) => group.push(trial),
                None => groups.push(Group::of(technique, point, trial)),
            }
        }
        groups.sort_by(|a, b| sweep::compare(&a.point, &b.point).then(a.technique.cmp(&b.technique)));
        groups.iter_mut().for_each(Group::order_trials);
        let rows = groups.iter().map(|group| Row::of(group, baseline(run, &groups, group))).collect();
        Self { info, rows }
    }

    /// Whether the scenario asks at one point only.
    pub(crate) fn is_single(&self) -> bool {
        self.info.sweeps.is_empty()
    }

    /// The highest quantile up to p99 that the sample of every row can bound, so that all are compared by the same one.
    pub(crate) fn tail(&self) -> Quantile {
        let figures = || self.rows.iter().filter_map(|row| row.figures.as_ref());
        let bounded =
            |quantile: &Quantile| figures().all(|figures| figures.delivery_at(*quantile) != Shown::TooFew);
        [Quantile::P99, Quantile::P90].into_iter().find(bounded).unwrap_or(Quantile::P50)
    }

    /// The rows of one contestant, along the sweep.
    pub(crate) fn rows_of(&self, technique: usize) -> impl Iterator<Item = &Row<'a>> {
        self.rows.iter().filter(move |row| row.technique == technique)
    }

    /// The contestants, by their place in the registry.
    pub(crate) fn contestants(&self) -> Vec<usize> {
        let mut orders: Vec<usize> = self.rows.iter().map(|row| row.technique).collect();
        orders.sort_unstable();
        orders.dedup();
        orders
    }
}

/// The loader lets no trial of an unknown technique through.
fn order(run: &Run, trial: &Trial) -> usize {
    let techniques = &run.manifest.techniques;
    techniques.iter().position(|technique| technique.slug == trial.record.key.technique).unwrap_or(0)
}

/// The baseline's trials at the same point.
fn baseline<'g, 'a>(run: &Run, groups: &'g [Group<'a>], group: &Group<'a>) -> Option<&'g Group<'a>> {
    let mut baselines = groups.iter().filter(|group| run.manifest.techniques[group.technique].baseline);
    baselines.find(|baseline| sweep::stands_beside(&baseline.point, &group.point))
}

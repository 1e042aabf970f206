//! Saturation: what searches for the highest rate within the bound found, and what became of a technique at shares of it.

use model::manifest::{ScenarioInfo, TargetInfo};
use model::settings::{Processes, Settings};
use model::trial::{TrialOutcome, TrialRecord};

use super::Row;
use super::estimate::Estimate;
use super::group::Group;
use super::search::{Search, searches};
use super::series::Series;
use super::sweep::{self, Coordinate, Reach};
use crate::load::{Run, Trial};

/// A scenario that looks for limits.
#[derive(Debug)]
pub(crate) struct Limits<'a> {
    pub info: &'a ScenarioInfo,
    /// Point by point, in the order of the registry, ours before theirs.
    pub saturations: Vec<Saturation<'a>>,
    /// The same order.
    pub overloads: Vec<Overload<'a>>,
}

/// Whose trials: a technique at a point, by one server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Whose<'a> {
    /// The technique's place in the registry.
    pub technique: usize,
    /// None for pushbench's own server.
    pub target: Option<&'a TargetInfo>,
    pub point: Vec<Coordinate>,
}

/// What the searches of all repetitions found.
#[derive(Debug)]
pub(crate) struct Saturation<'a> {
    pub whose: Whose<'a>,
    pub settings: &'a Settings,
    /// One for each repetition.
    pub searches: Vec<Search<'a>>,
    /// The trials at capacity, one of each repetition: those that were run at all of it behind the search, else those of the
    /// search itself; none when nothing passed.
    pub row: Option<Row<'a>>,
}

/// A technique at shares of its own capacity.
#[derive(Debug)]
pub(crate) struct Overload<'a> {
    pub whose: Whose<'a>,
    /// By rising share.
    pub loads: Vec<Load<'a>>,
}

/// The trials at one share.
#[derive(Debug)]
pub(crate) struct Load<'a> {
    /// Offered rate ÷ capacity.
    pub share: f64,
    pub row: Row<'a>,
}

/// Whether a trial's rate comes of a search: its figures mean something only beside that search.
pub(crate) fn is_searched(record: &TrialRecord) -> bool {
    record.search.is_some() || record.load.is_some()
}

impl<'a> Limits<'a> {
    /// None when the scenario searched for nothing.
    pub(super) fn of(run: &'a Run, info: &'a ScenarioInfo) -> Option<Self> {
        let trials = || run.trials.iter().filter(|trial| trial.record.key.scenario == info.name);
        let searched = grouped(run, info, trials().filter(|trial| trial.record.search.is_some()));
        let loaded = grouped(run, info, trials().filter(|trial| trial.record.load.is_some()));
        let whole =
            |whose: &Whose<'_>| loaded.iter().find(|(other, _)| other == whose).map(|(_, loaded)| loaded);
        let found = |(whose, steps): (Whose<'a>, Vec<&'a Trial>)| {
            let full = whole(&whose).into_iter().flatten().filter(|trial| trial.record.load == Some(1.0));
            let full = full.copied().collect();
            Saturation::of(whose, steps, full, run.manifest.host.server_cores.len())
        };
        let saturations: Vec<Saturation<'a>> = searched.into_iter().map(found).collect();
        let overloads = loaded.iter().cloned().map(|(whose, loaded)| Overload::of(whose, loaded)).collect();
        (!saturations.is_empty()).then_some(Self { info, saturations, overloads })
    }

    /// Of pushbench's own servers.
    pub(crate) fn own(&self) -> impl Iterator<Item = &Saturation<'a>> {
        self.saturations.iter().filter(|found| found.whose.target.is_none())
    }

    /// Whether servers that others wrote took part.
    pub(crate) fn is_contest(&self) -> bool {
        self.saturations.iter().any(|found| found.whose.target.is_some())
    }

    /// The same technique at the same point by pushbench's own server.
    pub(crate) fn ours(&self, theirs: &Saturation<'_>) -> Option<&Saturation<'a>> {
        let is_same = |own: &&Saturation<'_>| {
            own.whose.technique == theirs.whose.technique && own.whose.point == theirs.whose.point
        };
        self.own().find(is_same)
    }

    /// Whether what was found for it is only known to be no less, and so shares of it are no more than that share.
    pub(crate) fn is_at_least(&self, whose: &Whose<'_>) -> bool {
        self.saturations.iter().any(|found| found.whose == *whose && found.is_at_least())
    }

    /// Which of a technique's own ways this is: values of keys that others are not swept over; empty without such.
    pub(crate) fn way(&self, whose: &Whose<'_>) -> String {
        let is_untouched = |key: usize| {
            self.saturations.iter().any(|other| other.whose.point[key].reach == Reach::Untouched)
        };
        let values = whose.point.iter().enumerate();
        let own = values.filter(|(key, value)| value.reach == Reach::Swept && is_untouched(*key));
        own.map(|(_, value)| value.text.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Pushbench's own servers, offered several shares of their capacity.
    pub(crate) fn overloaded(&self) -> Vec<&Overload<'a>> {
        let is_asked = |overload: &&Overload<'_>| overload.whose.target.is_none() && overload.loads.len() > 1;
        self.overloads.iter().filter(is_asked).collect()
    }
}

/// Point by point, in the order of the registry, ours before theirs.
fn grouped<'a>(
    run: &'a Run,
    info: &'a ScenarioInfo,
    trials: impl Iterator<Item = &'a Trial>,
) -> Vec<(Whose<'a>, Vec<&'a Trial>)> {
    let mut groups: Vec<(Whose<'a>, Vec<&'a Trial>)> = Vec::new();
    for trial in trials {
        let whose = Whose::of(run, info, trial);
        match groups.iter_mut().find(|(other, _)| *other == whose) {
            Some((_, group)) => group.push(trial),
            None => groups.push((whose, vec![trial])),
        }
    }
    let place = |whose: &Whose<'_>| {
        run.manifest
            .targets
            .iter()
            .position(|target| Some(target) == whose.target)
            .map_or(0, |place| place + 1)
    };
    groups.sort_by(|(a, _), (b, _)| {
        let rank = |whose: &Whose<'_>| (whose.technique, place(whose));
        sweep::compare(&a.point, &b.point).then(rank(a).cmp(&rank(b)))
    });
    groups
}

impl<'a> Whose<'a> {
    fn of(run: &'a Run, info: &'a ScenarioInfo, trial: &Trial) -> Self {
        let (name, targets) = (trial.record.key.target.as_deref(), &run.manifest.targets);
        Self {
            technique: super::order(run, trial),
            target: targets.iter().find(|target| Some(target.name.as_str()) == name),
            point: sweep::point(info, &trial.record),
        }
    }

    /// Its trials as a row of a table; none without any.
    fn row(&self, trials: Vec<&'a Trial>) -> Option<Row<'a>> {
        let mut group = Group { technique: self.technique, point: self.point.clone(), trials };
        group.order_trials();
        (!group.trials.is_empty()).then(|| Row::of(&group, None))
    }
}

impl<'a> Saturation<'a> {
    fn of(whose: Whose<'a>, steps: Vec<&'a Trial>, full: Vec<&'a Trial>, server_cores: usize) -> Self {
        let settings = &steps[0].record.settings;
        let searches = searches(steps, server_cores);
        let passed = || searches.iter().filter_map(|search| search.passed).collect();
        let row = whose.row(if full.is_empty() { passed() } else { full });
        Self { settings, row, searches, whose }
    }

    /// Deliveries for each second, repetition by repetition; those left out that found [nothing](Self::without), none where all
    /// did. Each is known to half of what its search left open, by ratio.
    pub(crate) fn capacities(&self) -> Option<Series> {
        // Every subscriber gets the events of its channel, whose rate it is.
        let each = f64::from(self.settings.subscribers.count);
        let is_bound = self.is_at_least();
        let rate = |search: &Search<'_>| Some((search.repetition, search.capacity_per_s(is_bound)? * each));
        let series: Series = self.searches.iter().filter_map(rate).collect();
        let off = self.searches.iter().map(Search::off).fold(0.0, f64::max);
        (series.len() > 0).then(|| series.known_to(off).at_least(is_bound))
    }

    /// How many of its searches found no rate that passes.
    pub(crate) fn without(&self) -> usize {
        self.searches.iter().filter(|search| search.passed.is_none()).count()
    }

    /// Whether one of the searches ended without the server's having failed, so that it may come further.
    pub(crate) fn is_at_least(&self) -> bool {
        self.searches.iter().any(|search| !search.end.is_judged())
    }
}

impl<'a> Overload<'a> {
    fn of(whose: Whose<'a>, mut trials: Vec<&'a Trial>) -> Self {
        let share = |trial: &Trial| trial.record.load.unwrap_or(0.0);
        trials.sort_by(|a, b| share(a).total_cmp(&share(b)));
        let same = trials.chunk_by(|a, b| a.record.load == b.record.load);
        let load =
            |trials: &[&'a Trial]| Some(Load { share: share(trials[0]), row: whose.row(trials.to_vec())? });
        let loads = same.filter_map(load).collect();
        Self { loads, whose }
    }
}

impl Load<'_> {
    /// What was delivered within the window ÷ what was due in it, 0–1 and a little more.
    pub(crate) fn kept_up(&self) -> Option<Estimate> {
        self.row.mean(|record, outcome| {
            let offered = outcome.counts.expected as f64 / record.settings.phases.window_ns as f64;
            let delivered = outcome.counts.events_in_window as f64 / outcome.cost.elapsed_ns as f64;
            Some(delivered / offered).filter(|share| share.is_finite())
        })
    }

    /// Resident memory of the server at the window's end, bytes.
    pub(crate) fn memory(&self) -> Option<Estimate> {
        let known = |bytes: u64| (bytes > 0).then_some(bytes as f64);
        self.row.mean(|_, outcome| known(outcome.cost.server_rss_end_bytes))
    }
}

/// Events of an answer, frame or chunk; none where there was none.
pub(crate) fn batch(outcome: &TrialOutcome) -> Option<f64> {
    let counts = &outcome.counts;
    (counts.responses > 0).then(|| counts.events_in_window as f64 / counts.responses as f64)
}

/// How much a server used of the CPU time that it could get on so many cores, 0–1; none of one whose processes are not known.
pub(crate) fn server_busy(outcome: &TrialOutcome, processes: &Processes, cores: usize) -> Option<f64> {
    let within_reach_ns = processes.within_reach_ns(outcome.cost.elapsed_ns, cores);
    let cpu_ns = outcome.cost.known_server_cpu_ns()? as f64;
    (within_reach_ns > 0.0).then(|| cpu_ns / within_reach_ns)
}

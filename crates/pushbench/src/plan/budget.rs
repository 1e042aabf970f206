//! What to run within a budget of time: which scenarios, and which points in each further block. Pure.
//!
//! A block holds each of its points once, in fresh processes and in a shuffled order. The first [`MIN_BLOCKS`] hold all points.
//! Every further one holds the points whose CPU relative to the baseline is known least, those of the feeds before all others, each
//! with its baseline, so that ratios stay paired within a block.

use std::collections::{BTreeMap, BTreeSet};

use model::scenario::Scenario;
use report::estimate::{Estimate, Resampling, RunFigure, combine};

use super::{Choice, MIN_BLOCKS, Plan, PlannedTrial};

/// The half-width of the interval of a CPU ratio at which no more is spent on it.
pub(crate) const TARGET: f64 = 0.08;
/// Fewer blocks than this say too little of how far they scatter: an interval of three that is narrow is often so by chance.
const ENOUGH_BLOCKS: usize = 6;
/// Scenarios beyond the feeds may take this much of the budget with their first blocks; the rest makes intervals narrower.
const OTHERS: f64 = 0.35;
/// From here on trials have their full length.
const FULL_LENGTH_NS: u64 = 3_600_000_000_000;
/// What is left for the socket ping and the report: a fixed part and a share.
const RESERVE_NS: u64 = 8_000_000_000;
const RESERVE: f64 = 0.02;

/// The feeds: what most readers come for. They are chosen first.
const FEEDS: [&str; 4] = ["chat", "stock-ticker", "game", "notifications"];
/// The other scenarios of the default set in the order in which they join: shapes of traffic, then bytes, then transports, then
/// other people's software, then limits.
const OTHERS_IN_ORDER: [&str; 22] = [
    "poll-interval",
    "bytes-against-rate",
    "header-overhead",
    "payload-overhead",
    "frame-arithmetic",
    "handshake",
    "socketio",
    "socketio-handshake",
    "timeline",
    "transport-cost",
    "compression",
    "push-against-pull",
    "bytes-against-rate-http2",
    "observer",
    "aquil-2017",
    "quantum-leap",
    "other-servers",
    "library-cost",
    "clients-notifications",
    "clients-chat",
    "frontier",
    "saturation",
];

/// A contestant at a point, with what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PointState {
    pub(crate) group: (usize, usize),
    pub(crate) expected_ns: u64,
    /// Whether it belongs to one of the feeds, on which the recommendations rest.
    pub(crate) is_feed: bool,
    /// Whether the others of its group are compared with it.
    pub(crate) is_baseline: bool,
    /// Server CPU per event by block, of the trials that count.
    pub(crate) cpu: BTreeMap<u32, f64>,
}

/// Whether a scenario is one of the feeds.
pub(crate) fn is_feed(scenario: &str) -> bool {
    FEEDS.contains(&scenario)
}

/// What is left of a budget for trials.
pub(crate) fn for_trials_ns(budget_ns: u64) -> u64 {
    budget_ns.saturating_sub(RESERVE_NS + (budget_ns as f64 * RESERVE) as u64)
}

/// Whether trials have the full length in a budget, instead of that of the table `quick` of each scenario.
pub(crate) fn is_full_length(budget_ns: u64) -> bool {
    budget_ns >= FULL_LENGTH_NS
}

/// Those of `scenarios` that fit, in the order in which they were chosen; at least the first.
pub(crate) fn choose(mut scenarios: Vec<Scenario>, choice: &Choice<'_>, budget_ns: u64) -> Vec<Scenario> {
    let place = |name: &str| FEEDS.iter().chain(&OTHERS_IN_ORDER).position(|known| *known == name);
    scenarios.sort_by_key(|scenario| place(&scenario.name).unwrap_or(usize::MAX));
    let (available_ns, mut taken_ns) = (for_trials_ns(budget_ns) as f64, 0.0);
    let fits = |scenario: &Scenario| {
        let plan = Plan::new(
            std::slice::from_ref(scenario),
            &Choice { repetitions: Some(1), budget_ns: None, ..choice.clone() },
        );
        let block_ns: u64 = plan.trials().map(|trial| trial.expected_ns()).sum();
        taken_ns += block_ns as f64 * f64::from(MIN_BLOCKS);
        let share = if is_feed(&scenario.name) { 1.0 } else { OTHERS };
        taken_ns <= available_ns * share
    };
    let chosen = scenarios.iter().map(fits).take_while(|fits| *fits).count().max(1);
    scenarios.truncate(chosen);
    scenarios
}

/// The indexes of the next block's points; none when nothing fits into `left_ns` any more. A `self_check` takes all alike. Otherwise
/// a baseline is there twice, since its error is part of every ratio of its group.
pub(crate) fn next_block(points: &[PointState], left_ns: u64, self_check: bool) -> Vec<usize> {
    let is_wide = |known: &Known| !self_check && (known.width > TARGET || known.blocks < ENOUGH_BLOCKS);
    let mut wide: Vec<_> = widths(points).into_iter().filter(is_wide).collect();
    if wide.iter().any(|known| points[known.point].is_feed) {
        wide.retain(|known| points[known.point].is_feed);
    }
    wide.sort_by(|a, b| b.width.total_cmp(&a.width));
    let wanted: Vec<usize> = match wide.is_empty() {
        true => (0..points.len()).collect(),
        false => wide.into_iter().map(|known| known.point).collect(),
    };
    let times = |index: usize| if points[index].is_baseline && !self_check { 2 } else { 1 };
    let (mut block, mut needed_ns) = (BTreeSet::new(), 0);
    for index in wanted {
        let with_baseline = [Some(index), baseline(points, index)];
        let added: BTreeSet<usize> =
            with_baseline.into_iter().flatten().filter(|index| !block.contains(index)).collect();
        let added_ns: u64 = added.iter().map(|&index| points[index].expected_ns * times(index) as u64).sum();
        if needed_ns + added_ns <= left_ns {
            needed_ns += added_ns;
            block.extend(added);
        }
    }
    let is_compared = |index: usize| {
        block.iter().any(|other| *other != index && points[*other].group == points[index].group)
    };
    let repeated = |index: usize| if is_compared(index) { times(index) } else { 1 };
    block.iter().flat_map(|&index| std::iter::repeat_n(index, repeated(index))).collect()
}

/// How well the CPU ratio of a point is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Known {
    point: usize,
    /// Half of the interval's width; infinite with a single block.
    pub(crate) width: f64,
    /// Blocks that it shares with the baseline.
    blocks: usize,
}

/// How well the CPU ratios are known, where there are any.
pub(crate) fn widths(points: &[PointState]) -> Vec<Known> {
    let of = |(index, point): (usize, &PointState)| {
        let baseline = &points[baseline(points, index).filter(|&other| other != index)?].cpu;
        let ratios = point.cpu.iter().filter_map(|(block, cpu)| Some(cpu / baseline.get(block)?));
        let ratios: Vec<f64> = ratios.collect();
        let ratio = mean_ratio(&ratios)?;
        let width = ratio.interval.map_or(f64::INFINITY, |[_, high]| high / ratio.value - 1.0);
        Some(Known { point: index, width, blocks: ratios.len() })
    };
    points.iter().enumerate().filter_map(of).collect()
}

fn baseline(points: &[PointState], index: usize) -> Option<usize> {
    let group = points[index].group;
    points.iter().position(|point| point.is_baseline && point.group == group)
}

/// The geometric mean of ratios with its interval, by which the report combines blocks.
pub(crate) fn mean_ratio(ratios: &[f64]) -> Option<Estimate> {
    let geometric = |ratios: &[f64]| ratios.iter().product::<f64>().powf(1.0 / ratios.len() as f64);
    let mean = |ratios: &[f64]| (!ratios.is_empty()).then(|| geometric(ratios));
    combine(&[RunFigure::of(ratios, Resampling::Jackknife, mean)?], 0.0)
}

impl Plan {
    /// One trial of each point of the plan, as its first block has them.
    pub(crate) fn first_block(&self) -> &[PlannedTrial] {
        let end = self.trials.iter().position(|trial| trial.block > 0).unwrap_or(self.trials.len());
        &self.trials[..end]
    }

    /// Adds a block with these points of the first.
    pub(crate) fn add_block(&mut self, points: &[usize], seed: u64) {
        let block = self.trials.last().map_or(0, |last| last.block + 1);
        let mut added: Vec<_> = points.iter().map(|&point| self.first_block()[point].clone()).collect();
        for trial in &mut added {
            let name = &self.scenarios[trial.scenario].name;
            trial.seed = super::trial_seed(seed, name, trial.point, block);
            // Of a self-check, each half has its own.
            let half = if self.self_check { trial.repetition % 2 + block } else { 0 };
            (trial.repetition, trial.block) = (block + half, block);
        }
        fastrand::Rng::with_seed(seed ^ u64::from(block)).shuffle(&mut added);
        self.trials.append(&mut added);
    }
}

#[cfg(test)]
mod tests {
    use model::scenario::{Extent, Runs};

    use super::*;
    use crate::{fixture, project, registry};

    const S: u64 = 1_000_000_000;

    /// A group of a baseline that always takes 1 and others that take these multiples of it in each pair of six blocks.
    fn group(number: usize, others: &[[f64; 3]]) -> Vec<PointState> {
        let point = |is_baseline, cpu: [f64; 3]| PointState {
            group: (number, 0),
            expected_ns: S,
            is_feed: number > 0,
            is_baseline,
            cpu: (0..).zip([cpu, cpu].concat()).collect(),
        };
        let others = others.iter().map(|cpu| point(false, *cpu));
        std::iter::once(point(true, [1.0; 3])).chain(others).collect()
    }

    const NARROW: [f64; 3] = [1.5, 1.5, 1.51];
    const WIDE: [f64; 3] = [1.4, 1.6, 1.8];
    const WIDEST: [f64; 3] = [1.5, 2.0, 2.5];

    #[test]
    fn a_further_block_holds_what_is_known_least_with_its_baseline() {
        let points = [group(1, &[NARROW, WIDE]), group(2, &[NARROW]), group(3, &[WIDEST])].concat();
        assert_eq!(next_block(&points, 100 * S, false), [0, 0, 2, 5, 5, 6]);
        assert_eq!(next_block(&points, 3 * S, false), [5, 5, 6], "the widest first");
        assert_eq!(next_block(&points, S, false), [] as [usize; 0]);
        let points = [group(0, &[WIDEST]), group(1, &[WIDE])].concat();
        assert_eq!(next_block(&points, 100 * S, false), [2, 2, 3], "the feeds before all others");
    }

    #[test]
    fn a_narrow_interval_of_few_blocks_does_not_end_a_point() {
        let mut points = [group(1, &[WIDE, NARROW]), group(2, &[NARROW])].concat();
        points[2].cpu.retain(|block, _| *block < 3);
        assert_eq!(next_block(&points, 100 * S, false), [0, 0, 1, 2]);
        points[4].cpu.retain(|block, _| *block < 1);
        assert_eq!(next_block(&points, 3 * S, false), [3, 3, 4], "a single block says least of all");
    }

    #[test]
    fn where_all_is_known_well_enough_all_points_share_what_is_left() {
        let points = [group(0, &[NARROW]), group(1, &[NARROW])].concat();
        assert_eq!(next_block(&points, 100 * S, false), [0, 0, 1, 2, 2, 3]);
        assert_eq!(next_block(&points, 3 * S, false), [0, 0, 1]);
    }

    #[test]
    fn a_point_that_always_fails_takes_no_further_time() {
        let mut points = group(0, &[WIDE, WIDE]);
        points[2].cpu.clear();
        assert_eq!(next_block(&points, 100 * S, false), [0, 0, 1]);
        assert_eq!(widths(&points).len(), 1);
    }

    fn chosen(budget_ns: u64) -> Vec<String> {
        let extent = if is_full_length(budget_ns) { Extent::Full } else { Extent::Quick };
        let scenarios = project::scenarios(&[], Runs::ByDefault, extent).unwrap();
        let slugs = registry::slugs();
        let choice = Choice { techniques: &slugs, seed: 7, budget_ns: Some(budget_ns), ..Choice::default() };
        choose(scenarios, &choice, budget_ns).into_iter().map(|scenario| scenario.name).collect()
    }

    #[test]
    fn the_feeds_come_first_and_everything_fits_a_night() {
        assert_eq!(chosen(90 * S)[0], "chat");
        let ten_minutes = chosen(600 * S);
        assert_eq!(ten_minutes[..4], FEEDS);
        assert!((5..25).contains(&ten_minutes.len()), "{ten_minutes:?}");
        assert_eq!(chosen(8 * 3_600 * S).len(), FEEDS.len() + OTHERS_IN_ORDER.len());
    }

    #[test]
    fn every_scenario_of_the_default_set_has_its_place() {
        let scenarios = project::scenarios(&[], Runs::ByDefault, Extent::Full).unwrap();
        let mut names: Vec<_> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
        let mut known = [&FEEDS[..], &OTHERS_IN_ORDER].concat();
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
    }

    #[test]
    fn an_added_block_has_events_and_an_order_of_its_own() {
        let slugs = ["a", "b", "c"];
        let x = fixture::scenario(&slugs, "events.rate = \"1/s\"");
        let y = Scenario { name: "y".to_owned(), ..x.clone() };
        let choice = Choice { techniques: &slugs, seed: 7, budget_ns: Some(S), ..Choice::default() };
        let mut plan = Plan::new(&[x, y], &choice);
        assert_eq!(plan.trials.len(), 6 * MIN_BLOCKS as usize);
        assert!(plan.trials.chunks(6).all(|block| block.iter().all(|trial| trial.block == block[0].block)));
        let scenarios: BTreeSet<_> = plan.trials[..3].iter().map(|trial| trial.scenario).collect();
        assert!(plan.first_block().len() == 6 && !scenarios.is_empty());
        plan.add_block(&[0, 4], 7);
        let added = &plan.trials[18..];
        assert!(added.iter().all(|trial| (trial.block, trial.repetition) == (3, 3)), "{added:?}");
        assert!(added.iter().all(|trial| trial.seed != plan.trials[0].seed));
    }
}

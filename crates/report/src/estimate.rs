//! A figure and its 95 % interval, from trials in blocks and blocks in runs.
//!
//! Events of one trial are correlated, and trials of one run share its machine and its hour. So a trial is the unit within a run,
//! and a run is the unit above it. Within a run, the standard error is that of the delete-one-block jackknife (Efron & Tibshirani,
//! *An Introduction to the Bootstrap*, 1993, §11.2), and for quantiles of pooled events that of the bootstrap. Over runs, the
//! figure is the weighted mean of a random-effects model (DerSimonian & Laird, *Controlled Clinical Trials* 7, 1986): its variance
//! is that within runs plus that between them. The interval uses Student's t with Satterthwaite's degrees of freedom. Positive
//! figures are combined on logarithms, so that the interval of a ratio does not depend on which side is divided.

use crate::distribution::t_at_95_percent;

/// A variance below this is that of rounding; its inverse can still be multiplied.
const ROUNDING: f64 = 1e-30;

/// A figure with its interval, and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// The ends of the 95 % interval; none with a single trial.
    pub interval: Option<[f64; 2]>,
    /// Trials that it rests on.
    pub trials: usize,
    /// Runs that these trials belong to.
    pub runs: usize,
}

impl Estimate {
    /// A figure that chance has no part in.
    pub fn exact(value: f64, trials: usize, runs: usize) -> Self {
        Self { value, interval: Some([value, value]), trials, runs }
    }

    /// The same figure in another unit.
    pub fn times(self, factor: f64) -> Self {
        Self {
            value: self.value * factor,
            interval: self.interval.map(|ends| ends.map(|end| end * factor)),
            ..self
        }
    }

    /// Half of the interval's width ÷ the figure; none without an interval.
    pub fn half_width(self) -> Option<f64> {
        self.interval.map(|[low, high]| (high - low) / 2.0 / self.value.abs()).filter(|half| half.is_finite())
    }

    /// Whether the interval holds this value; an unknown interval holds every value.
    pub fn may_be(self, value: f64) -> bool {
        self.interval.is_none_or(|[low, high]| low <= value && value <= high)
    }
}

/// What one run says: the statistic over all of its blocks, and over other choices of them, which tell how far it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFigure {
    /// Over all blocks.
    pub value: f64,
    /// How many there are.
    blocks: usize,
    /// The statistic over other choices of blocks; of a single block, empty.
    replicas: Vec<f64>,
    /// The sum of the replicas' squared distances from their mean, times this, is the variance of one block.
    weight: f64,
}

/// How blocks are chosen for the replicas of a statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resampling {
    /// All but one: for sums, means and their quotients.
    Jackknife,
    /// As many as there are, some of them twice: for quantiles, of which the jackknife's variance is wrong however many blocks there are
    /// (Efron & Tibshirani, *An Introduction to the Bootstrap*, §11.7).
    Bootstrap,
}

/// Choices of the bootstrap. They give a standard deviation to within 1 ÷ √(2 × 100) = 7 %.
const CHOICES: usize = 100;

impl RunFigure {
    /// Computes `statistic` over the blocks of a run. None where it has no value.
    pub fn of<T: Copy>(
        blocks: &[T],
        resampling: Resampling,
        statistic: impl Fn(&[T]) -> Option<f64>,
    ) -> Option<Self> {
        let statistic = |blocks: &[T]| statistic(blocks).filter(|value| value.is_finite());
        let value = statistic(blocks)?;
        let count = blocks.len();
        let (choices, weight): (Vec<Vec<usize>>, f64) = match resampling {
            _ if count < 2 => (Vec::new(), 0.0),
            Resampling::Jackknife => {
                let without = |left_out| (0..count).filter(|place| *place != left_out).collect();
                // A value moves by 1 ÷ (n − 1) of what its block does.
                ((0..count).map(without).collect(), count as f64 - 1.0)
            }
            Resampling::Bootstrap => {
                let mut rng = fastrand::Rng::with_seed(count as u64);
                let drawn = (0..CHOICES).map(|_| (0..count).map(|_| rng.usize(..count)).collect());
                // A choice varies as the mean of n blocks does, by n − 1 of them.
                let blocks = count as f64;
                (drawn.collect(), blocks * blocks / (blocks - 1.0) / CHOICES as f64)
            }
        };
        let chosen = |choice: &Vec<usize>| choice.iter().map(|place| blocks[*place]).collect::<Vec<T>>();
        let replicas: Vec<f64> = choices.iter().filter_map(|choice| statistic(&chosen(choice))).collect();
        // A resample with too few events has no quantile; where most have none, nothing can be said of the error.
        let least = if resampling == Resampling::Bootstrap { CHOICES / 2 } else { choices.len() };
        if replicas.len() < least {
            return Some(Self { value, blocks: 1, replicas: Vec::new(), weight: 0.0 });
        }
        let weight = weight * choices.len().max(1) as f64 / replicas.len().max(1) as f64;
        Some(Self { value, blocks: count, replicas, weight })
    }
}

/// Variance between runs on logarithms, by the method of moments; none of fewer than two runs with errors, and none of figures that can be
/// zero. It is averaged over all points of a metric, since two runs say little of it at one point.
pub fn variance_between(runs: &[RunFigure]) -> Option<f64> {
    Model::of(runs).filter(|model| model.is_logarithmic)?.variance_between()
}

/// The figure over all runs. `between` is the variance between runs on logarithms; figures that can be zero have one of their own.
pub fn combine(runs: &[RunFigure], between: f64) -> Option<Estimate> {
    let model = Model::of(runs)?;
    let between = if model.is_logarithmic { between } else { model.variance_between().unwrap_or_default() };
    let trials = model.blocks.iter().sum::<f64>() as usize;
    let all = || runs.iter().flat_map(|run| run.replicas.iter().chain([&run.value]));
    let first = runs[0].value;
    if all().all(|value| *value == first) {
        let interval = (trials > 1).then_some([first, first]);
        return Some(Estimate { value: first, interval, trials, runs: runs.len() });
    }
    let variance =
        |blocks: &f64| model.within.map_or(0.0, |within| within.variance) / blocks + between.max(0.0);
    let weights: Vec<f64> = match model.within {
        Some(_) => model.blocks.iter().map(|blocks| 1.0 / variance(blocks).max(ROUNDING)).collect(),
        None => model.blocks.clone(),
    };
    let value = weighted(&model.values, &weights);
    let interval = model.within.map(|within| {
        let total = 1.0 / weights.iter().sum::<f64>();
        let inside = within.variance / trials as f64;
        let outside = (total - inside).max(0.0);
        // The variance between runs is an average over many points: its own degrees of freedom do not bound the interval.
        let freedom =
            if inside > 0.0 { within.freedom * ((inside + outside) / inside).powi(2) } else { f64::INFINITY };
        let half = t_at_95_percent(freedom.min(10_000.0)) * total.sqrt();
        [value - half, value + half].map(|end| model.back(end))
    });
    // Times, bytes and counts are never less than nothing.
    let is_positive = runs.iter().all(|run| run.value >= 0.0);
    let interval = interval.map(|[low, high]| [if is_positive { low.max(0.0) } else { low }, high]);
    Some(Estimate { value: model.back(value), interval, trials, runs: runs.len() })
}

/// Runs on the scale on which they are combined.
struct Model {
    is_logarithmic: bool,
    values: Vec<f64>,
    blocks: Vec<f64>,
    within: Option<Within>,
}

/// The variance of one block, pooled over runs.
#[derive(Clone, Copy)]
struct Within {
    variance: f64,
    freedom: f64,
}

impl Model {
    /// Variance between runs on the model's scale, by the method of moments.
    fn variance_between(&self) -> Option<f64> {
        let within = self.within?;
        let weights: Vec<f64> =
            self.blocks.iter().map(|blocks| blocks / within.variance.max(ROUNDING)).collect();
        let sum: f64 = weights.iter().sum();
        let mean = weighted(&self.values, &weights);
        let squares = self.values.iter().zip(&weights).map(|(value, weight)| weight * (value - mean).powi(2));
        let q: f64 = squares.sum();
        let scale = sum - weights.iter().map(|weight| weight * weight).sum::<f64>() / sum;
        // Negative values stay, or the mean over points would be too large.
        (self.values.len() > 1 && scale > 0.0)
            .then(|| (q - (self.values.len() as f64 - 1.0)) / scale)
            .filter(|tau| tau.is_finite())
    }

    fn of(runs: &[RunFigure]) -> Option<Self> {
        let all = || runs.iter().flat_map(|run| run.replicas.iter().chain([&run.value]));
        let is_logarithmic = all().all(|value| *value > 0.0);
        let scale = |value: f64| if is_logarithmic { value.ln() } else { value };
        let (mut squares, mut freedom) = (0.0, 0.0);
        for run in runs.iter().filter(|run| run.replicas.len() > 1) {
            let replicas: Vec<f64> = run.replicas.iter().map(|value| scale(*value)).collect();
            let mean = replicas.iter().sum::<f64>() / replicas.len() as f64;
            let of_run = run.blocks as f64 - 1.0;
            squares += replicas.iter().map(|value| (value - mean).powi(2)).sum::<f64>() * run.weight * of_run;
            freedom += of_run;
        }
        if freedom == 0.0 && runs.len() > 1 {
            // Runs of one block each: nothing separates what varies within a run from what varies between them.
            let values: Vec<f64> = runs.iter().map(|run| scale(run.value)).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            (squares, freedom) =
                (values.iter().map(|value| (value - mean).powi(2)).sum(), values.len() as f64 - 1.0);
        }
        let within = (freedom > 0.0).then(|| Within { variance: squares / freedom, freedom });
        (!runs.is_empty()).then(|| Self {
            is_logarithmic,
            values: runs.iter().map(|run| scale(run.value)).collect(),
            blocks: runs.iter().map(|run| run.blocks as f64).collect(),
            within,
        })
    }

    fn back(&self, value: f64) -> f64 {
        if self.is_logarithmic { value.exp() } else { value }
    }
}

fn weighted(values: &[f64], weights: &[f64]) -> f64 {
    let sum: f64 = values.iter().zip(weights).map(|(value, weight)| value * weight).sum();
    sum / weights.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[f64]) -> Option<f64> {
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    fn run(values: &[f64]) -> RunFigure {
        RunFigure::of(values, Resampling::Jackknife, mean).expect("has a mean")
    }

    /// The sum of twelve uniforms has a variance of 1.
    fn noise(rng: &mut fastrand::Rng) -> f64 {
        (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0
    }

    #[test]
    fn three_trials_have_students_interval_and_not_their_range() {
        // 99, 100, 101: standard deviation 1, 4.303 × 1 ÷ √3 = 2.484.
        let estimate = combine(&[run(&[99.0, 100.0, 101.0])], 0.0).expect("has a mean");
        assert!((estimate.half_width().expect("three trials") - 0.02484).abs() < 1e-4, "{estimate:?}");
    }

    #[test]
    fn a_figure_that_most_resamples_do_not_have_has_no_interval() {
        let most_of_three = |blocks: &[f64]| mean(blocks).filter(|_| blocks.iter().sum::<f64>() >= 6.0);
        for resampling in [Resampling::Jackknife, Resampling::Bootstrap] {
            let figure =
                RunFigure::of(&[1.0, 2.0, 3.0], resampling, most_of_three).expect("all three have it");
            let interval = combine(&[figure], 0.0).expect("has a value").interval;
            assert_eq!(
                interval.is_some(),
                resampling == Resampling::Bootstrap,
                "{resampling:?} {interval:?}"
            );
            let all_of_them = |blocks: &[f64]| mean(blocks).filter(|_| blocks == [1.0, 2.0, 3.0]);
            let figure = RunFigure::of(&[1.0, 2.0, 3.0], resampling, all_of_them).expect("all three have it");
            assert_eq!(combine(&[figure], 0.0).expect("has a value").interval, None, "{resampling:?}");
        }
    }

    #[test]
    fn one_trial_has_no_interval_and_equal_ones_have_an_exact_one() {
        assert_eq!(combine(&[run(&[5.0])], 0.0).map(|it| it.interval), Some(None));
        assert_eq!(combine(&[run(&[5.0, 5.0])], 0.0), Some(Estimate::exact(5.0, 2, 1)));
        assert_eq!(combine(&[], 0.0), None);
        let rounded =
            RunFigure { value: 1720.32, blocks: 2, replicas: vec![1720.32, 1720.32 + 2e-13], weight: 1.0 };
        let estimate = combine(&[rounded], 0.0).expect("has a value");
        assert!(
            (estimate.value - 1720.32).abs() < 1e-9 && estimate.half_width() < Some(1e-9),
            "{estimate:?}"
        );
    }

    #[test]
    fn interval_holds_the_truth_nineteen_times_of_twenty() {
        let mut rng = fastrand::Rng::with_seed(7);
        // Runs differ by 5 %, blocks of a run by 10 %.
        for (runs, between) in [(1, 0.0), (5, 0.05)] {
            let held = (0..2_000).filter(|_| {
                let figures: Vec<RunFigure> = (0..runs)
                    .map(|_| {
                        let effect = 100.0 * (1.0 + between * noise(&mut rng));
                        run(&std::array::from_fn::<f64, 4, _>(|_| effect * (1.0 + 0.1 * noise(&mut rng))))
                    })
                    .collect();
                combine(&figures, between * between).expect("has a mean").may_be(100.0)
            });
            let share = held.count() as f64 / 2_000.0;
            assert!((0.93..0.975).contains(&share), "{runs} runs: {share}");
        }
    }

    #[test]
    fn variance_between_runs_is_found_on_average() {
        let mut rng = fastrand::Rng::with_seed(11);
        let found = (0..2_000).filter_map(|_| {
            let mut one = || {
                let effect = 100.0 * (1.0 + 0.1 * noise(&mut rng));
                run(&std::array::from_fn::<f64, 4, _>(|_| effect * (1.0 + 0.05 * noise(&mut rng))))
            };
            variance_between(&[one(), one(), one()])
        });
        let found: Vec<f64> = found.collect();
        let average = found.iter().sum::<f64>() / found.len() as f64;
        assert!((average.sqrt() - 0.1).abs() < 0.01, "{average}");
    }

    #[test]
    fn a_bootstrap_interval_holds_a_quantile_where_blocks_differ() {
        let mut rng = fastrand::Rng::with_seed(5);
        // Ten blocks of 100 values, which differ by 30 % between blocks and by 20 % within one: the truth is 100.
        let median = |blocks: &[[f64; 100]]| {
            let mut values = blocks.concat();
            values.sort_by(f64::total_cmp);
            Some(values[values.len() / 2])
        };
        let held = (0..400).filter(|_| {
            let blocks: [[f64; 100]; 10] = std::array::from_fn(|_| {
                let block = 0.3 * noise(&mut rng);
                std::array::from_fn(|_| 100.0 * (block + 0.2 * noise(&mut rng)).exp())
            });
            let figure = RunFigure::of(&blocks, Resampling::Bootstrap, median).expect("has a median");
            combine(&[figure], 0.0).expect("has a value").may_be(100.0)
        });
        let share = held.count() as f64 / 400.0;
        assert!((0.9..0.98).contains(&share), "{share}");
    }

    #[test]
    fn error_of_a_quotient_of_sums_is_that_of_its_residuals() {
        // Bytes and events of four trials; Cochran, Sampling Techniques, 3rd ed., §2.11: Σ(y − Rx)² ÷ (n − 1) ÷ n ÷ x̄².
        let trials: [(f64, f64); 4] = [(100.0, 10.0), (210.0, 20.0), (290.0, 30.0), (410.0, 40.0)];
        let quotient = |trials: &[(f64, f64)]| {
            let [bytes, events] = trials.iter().fold([0.0, 0.0], |[a, b], (x, y)| [a + x, b + y]);
            (events > 0.0).then(|| bytes / events)
        };
        let squares: f64 = trials.iter().map(|(y, x)| (y - 10.1 * x).powi(2)).sum();
        let half = 3.182 * (squares / 3.0 / 4.0).sqrt() / 25.0;
        let estimate =
            combine(&[RunFigure::of(&trials, Resampling::Jackknife, quotient).expect("has a value")], 0.0)
                .expect("has a value");
        assert!(
            (estimate.half_width().expect("four trials") * 10.1 / half - 1.0).abs() < 0.15,
            "{estimate:?}, {half}"
        );
    }
}

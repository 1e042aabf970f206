//! Two sides, such as two builds or two machines, compared point by point: the ratio new ÷ old of each metric, with its interval.
//!
//! Runs that were made in turns (old, new, old, new …) are compared pair by pair, which cancels what both runs of a pair share. Of others,
//! CPU is compared as a multiple of the baseline's in the same run, where both sides have one; times are not, and what two runs of the
//! same code differ by (`RUN_EFFECT`) is part of the interval unless each side has several runs that show it.
//!
//! A row's verdict keeps 95 % for all rows of its metric together (Bonferroni), so that one row of many is not called worse by chance.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use thiserror::Error;

use crate::catalogue::{Metric, known_metrics, metric};
use crate::distribution::t_outside;
use crate::estimate::{Estimate, Resampling, RunFigure, combine};
use crate::evidence::{Evidence, Point};
use crate::load::Trial;
use crate::summary::aligned;
use crate::{numbers, table};

/// What is compared unless a condition names more.
const METRICS: [&str; 5] = ["bytes", "cpu", "p50", "p99", "memory"];

/// Standard deviation, on logarithms, of what a single run adds to all its points: in runs of the same code an hour apart, absolute CPU
/// differed by up to 2.75 ×, p99 of pushes by 2.3 × in the median. Bytes and memory do not depend on the hour.
const RUN_EFFECT: [(&str, f64); 3] = [("cpu", 0.25), ("p50", 0.25), ("p99", 0.6)];

/// A mean over all points that differs by less is no difference that somebody would act on.
const RELEVANT: f64 = 0.03;

/// Whether the new side is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Surely worse.
    Worse,
    /// Surely better.
    Better,
    /// The interval holds 1, or there is none.
    CannotTell,
}

impl Verdict {
    /// Of a ratio whose interval is widened by this factor.
    fn of(metric: &Metric, ratio: Estimate, widened: f64) -> Self {
        let Some(interval) = ratio.interval else { return Self::CannotTell };
        match interval.map(|end| ratio.value * (end / ratio.value).powf(widened)) {
            [low, _] if low > 1.0 => {
                if metric.less_is_better {
                    Self::Worse
                } else {
                    Self::Better
                }
            }
            [_, high] if high < 1.0 => {
                if metric.less_is_better {
                    Self::Better
                } else {
                    Self::Worse
                }
            }
            _ => Self::CannotTell,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::CannotTell => "cannot tell",
        }
    }
}

/// A point's ratio.
#[derive(Debug)]
pub struct Row {
    /// The scenario, its swept values, and the technique.
    pub name: [String; 2],
    /// New ÷ old.
    pub ratio: Estimate,
    /// What it means.
    pub verdict: Verdict,
}

/// A metric over all points.
#[derive(Debug)]
pub struct Compared {
    pub metric: &'static Metric,
    /// Whether it is relative to the baseline's.
    pub is_relative: bool,
    /// The geometric mean of the ratios.
    pub mean: Estimate,
    /// What that means.
    pub verdict: Verdict,
    /// By point.
    pub rows: Vec<Row>,
}

/// Everything that both sides measured.
#[derive(Debug)]
pub struct Comparison {
    pub metrics: Vec<Compared>,
    /// Pairs of techniques whose order by CPU is surely another on the new side.
    pub rank_changes: Vec<String>,
    /// Whether runs were made in turns.
    pub is_paired: bool,
    /// Whether CPU times of both sides are those of a core of standard speed, or neither's.
    pub is_cpu_comparable: bool,
    points: usize,
}

/// Compares what both sides measured with the same settings; of metrics beyond the usual ones, those that conditions name.
pub fn compare(old: &Evidence, new: &Evidence, conditions: &[Condition]) -> Comparison {
    let sides = Sides { old, new, is_paired: in_turns(old, new) };
    let pairs: Vec<(&Point, &Point)> =
        old.points.iter().filter_map(|of| Some((of, sides.same(of)?))).collect();
    let named = conditions.iter().map(|condition| condition.metric.key);
    let has_speed = |side: &Evidence| (0..side.runs.len()).any(|run| side.exchange_ns(run).is_some());
    let is_cpu_comparable = has_speed(old) == has_speed(new);
    let is_comparable = |key: &&str| is_cpu_comparable || !(key.contains("cpu") || key.contains("cost"));
    let keys = METRICS.into_iter().chain(named.filter(|key| !METRICS.contains(key))).filter(is_comparable);
    let metrics = keys.filter_map(|key| sides.compared(metric(key)?, &pairs)).collect();
    Comparison {
        metrics,
        rank_changes: if is_cpu_comparable { sides.rank_changes(&pairs) } else { Vec::new() },
        is_cpu_comparable,
        is_paired: sides.is_paired,
        points: pairs.len(),
    }
}

/// Whether the sides have as many runs, at least two, and one of each follows one of the other.
fn in_turns(old: &Evidence, new: &Evidence) -> bool {
    let starts = |side: &Evidence| -> Vec<u64> {
        side.runs.iter().rev().map(|run| run.manifest.started_unix_s).collect()
    };
    let (old, new) = (starts(old), starts(new));
    let is_before = |pair: &[(u64, u64)]| pair[0].0.max(pair[0].1) <= pair[1].0.min(pair[1].1);
    let pairs: Vec<(u64, u64)> = old.iter().copied().zip(new.iter().copied()).collect();
    old.len() == new.len() && old.len() > 1 && pairs.windows(2).all(is_before)
}

struct Sides<'e> {
    old: &'e Evidence,
    new: &'e Evidence,
    is_paired: bool,
}

impl<'e> Sides<'e> {
    /// The new side's point with the same settings.
    fn same(&self, of: &Point) -> Option<&'e Point> {
        let found = self.new.points.iter().find(|other| other.is_like(of))?;
        let settings =
            |side: &'e Evidence, point| side.trials(point).next().map(|trial| &trial.record.settings);
        (of.is_search || settings(self.old, of) == settings(self.new, found)).then_some(found)
    }

    fn compared(&self, metric: &'static Metric, pairs: &[(&Point, &Point)]) -> Option<Compared> {
        let bases = |(old, new): &(&Point, &Point)| {
            let base = self.old.baseline().filter(|slug| metric.key == "cpu" && *slug != old.technique)?;
            Some((self.old.beside(old, base)?, self.new.beside(new, base)?))
        };
        // All rows or none: a mean over both kinds would mean nothing.
        let is_relative =
            metric.key == "cpu" && !self.is_paired && pairs.iter().any(|pair| bases(pair).is_some());
        let mut found: Vec<([String; 2], Estimate)> = Vec::new();
        for pair in pairs {
            let base = if is_relative { Some(bases(pair)) } else { None };
            let ratio = match base {
                Some(None) => continue,
                Some(base) => self.unpaired(metric, *pair, base),
                None if self.is_paired => paired(metric, &[self.blocks(*pair)]),
                None => self.unpaired(metric, *pair, None),
            };
            found.extend(ratio.map(|ratio| (self.name(pair.0), ratio)));
        }
        let widened = t_outside(0.05 / found.len().max(1) as f64, 30.0) / t_outside(0.05, 30.0);
        let rows: Vec<Row> = found
            .into_iter()
            .map(|(name, ratio)| Row { name, ratio, verdict: Verdict::of(metric, ratio, widened) })
            .collect();
        let mean = if self.is_paired {
            let blocks: Vec<_> = pairs.iter().map(|pair| self.blocks(*pair)).collect();
            paired(metric, &blocks)
        } else {
            mean(&rows)
        }?;
        let is_relevant = (mean.value - 1.0).abs() > RELEVANT || metric.is_portable;
        let verdict = if is_relevant { Verdict::of(metric, mean, 1.0) } else { Verdict::CannotTell };
        Some(Compared { metric, is_relative, mean, verdict, rows })
    }

    /// Trials of each side, by pair of runs.
    fn blocks(&self, (old, new): (&Point, &Point)) -> Vec<[Vec<&'e Trial>; 2]> {
        let of = |side: &'e Evidence, point: &Point, run: usize| -> Vec<&'e Trial> {
            side.trials(point).filter(|trial| trial.run == run).collect()
        };
        (0..self.old.runs.len()).map(|run| [of(self.old, old, run), of(self.new, new, run)]).collect()
    }

    /// Of two sides that share no moment: their errors add up, on logarithms.
    fn unpaired(
        &self,
        metric: &'static Metric,
        (old, new): (&Point, &Point),
        bases: Option<(&Point, &Point)>,
    ) -> Option<Estimate> {
        let of = |side: &Evidence, point: &Point, base: Option<&Point>| match base {
            Some(base) => side.ratio(point, base, metric),
            None => side.estimate(point, metric),
        };
        let [a, b] = [of(self.old, old, bases.map(|it| it.0))?, of(self.new, new, bases.map(|it| it.1))?];
        let effect = RUN_EFFECT.iter().find(|(key, _)| *key == metric.key && bases.is_none());
        let effect = |side: &Estimate| match effect {
            Some((_, effect)) if side.runs < 2 => 1.96 * effect,
            _ => 0.0,
        };
        let half = half(&a)
            .zip(half(&b))
            .map(|(a_half, b_half)| a_half.hypot(b_half).hypot(effect(&a)).hypot(effect(&b)).exp());
        let value = b.value / a.value;
        value.is_finite().then(|| Estimate {
            value,
            interval: half.filter(|it| it.is_finite()).map(|half| [value / half, value * half]),
            trials: a.trials + b.trials,
            runs: a.runs.min(b.runs),
        })
    }

    fn name(&self, point: &Point) -> [String; 2] {
        let at: Vec<&str> = point.at.values().map(String::as_str).collect();
        let scenario = if at.is_empty() { String::new() } else { format!(", {}", at.join(", ")) };
        [format!("{}{scenario}", point.scenario), table::name(self.old, point)]
    }

    fn rank_changes(&self, pairs: &[(&Point, &Point)]) -> Vec<String> {
        let Some(cpu) = metric("cpu") else { return Vec::new() };
        let mut changes = Vec::new();
        for (place, first) in pairs.iter().enumerate() {
            for second in &pairs[place + 1..] {
                if (&first.0.scenario, &first.0.at) != (&second.0.scenario, &second.0.at) {
                    continue;
                }
                let interval = |side: &Evidence, a, b| side.ratio(a, b, cpu).and_then(|ratio| ratio.interval);
                let (Some(old), Some(new)) =
                    (interval(self.old, first.0, second.0), interval(self.new, first.1, second.1))
                else {
                    continue;
                };
                let ([scenario, a], [_, b]) = (self.name(first.0), self.name(second.0));
                if old[1] < 1.0 && new[0] > 1.0 {
                    changes.push(format!("{scenario}: {b} now takes less CPU than {a}"));
                } else if old[0] > 1.0 && new[1] < 1.0 {
                    changes.push(format!("{scenario}: {a} now takes less CPU than {b}"));
                }
            }
        }
        changes
    }
}

/// The geometric mean over points of new ÷ old, with the pairs of runs as blocks.
fn paired(metric: &'static Metric, points: &[Vec<[Vec<&Trial>; 2]>]) -> Option<Estimate> {
    let runs: Vec<usize> = (0..points.first()?.len()).collect();
    let statistic = |runs: &[usize]| {
        let of_point = |blocks: &Vec<[Vec<&Trial>; 2]>| {
            let of = |side: usize| {
                let trials: Vec<&Trial> =
                    runs.iter().flat_map(|run| blocks[*run][side].iter().copied()).collect();
                (metric.of)(&trials)
            };
            Some((of(1)? / of(0)?).ln()).filter(|ratio| ratio.is_finite())
        };
        let logarithms: Vec<f64> = points.iter().filter_map(of_point).collect();
        (!logarithms.is_empty()).then(|| (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp())
    };
    let estimate = combine(&[RunFigure::of(&runs, Resampling::Jackknife, statistic)?], 0.0)?;
    Some(Estimate { runs: runs.len(), ..estimate })
}

/// Half the width of an interval, on logarithms.
fn half(estimate: &Estimate) -> Option<f64> {
    estimate.interval.map(|[low, high]| (high / low).ln() / 2.0)
}

/// The geometric mean of rows. What is wrong with a run is wrong with all of its points, so their errors do not average out.
fn mean(rows: &[Row]) -> Option<Estimate> {
    let average = |of: &dyn Fn(&Row) -> Option<f64>| -> Option<f64> {
        let values: Vec<f64> = rows.iter().map(of).collect::<Option<_>>()?;
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let value = average(&|row| Some(row.ratio.value.ln()))?.exp();
    let half = average(&|row| half(&row.ratio));
    let interval = half.map(|half| [value / half.exp(), value * half.exp()]);
    let trials = rows.iter().map(|row| row.ratio.trials).sum();
    Some(Estimate { value, interval, trials, runs: rows.iter().map(|row| row.ratio.runs).min()? })
}

/// What makes a comparison fail: a metric that changed by more than so much, and surely.
#[derive(Debug, Clone, Copy)]
pub struct Condition {
    metric: &'static Metric,
    is_above: bool,
    percent: f64,
}

/// Why a condition cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ConditionError {
    /// It has another form.
    #[error("`{0}` is no condition: write a metric, > or <, and a change, such as 'p99 > +10 %'")]
    Form(String),
    /// No such metric.
    #[error("there is no metric `{0}`; there are: {1}")]
    Metric(String, String),
    /// The change is no percentage.
    #[error("`{0}` is no change: write a percentage with its sign, such as +10 %")]
    Change(String),
    /// A change in either direction would be beyond it.
    #[error("`{0}` would hold for what grew and for what shrank: write > with +, or < with -")]
    Sign(String),
}

impl std::str::FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let place = text.find(['>', '<']).ok_or_else(|| ConditionError::Form(text.to_owned()))?;
        let (key, change) = (text[..place].trim(), text[place + 1..].trim());
        let metric = metric(key).ok_or_else(|| ConditionError::Metric(key.to_owned(), known_metrics()))?;
        let percent = change.strip_suffix('%').map(str::trim).filter(|it| it.starts_with(['+', '-']));
        let percent: Option<f64> =
            percent.and_then(|it| it.parse().ok()).filter(|it: &f64| *it > -100.0 && it.is_finite());
        let percent = percent.ok_or_else(|| ConditionError::Change(change.to_owned()))?;
        let is_above = text[place..].starts_with('>');
        if change.starts_with('+') != is_above {
            return Err(ConditionError::Sign(text[place..].to_owned()));
        }
        Ok(Self { metric, is_above, percent })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_above { '>' } else { '<' };
        write!(f, "{} {sign} {:+} %", self.metric.key, self.percent)
    }
}

impl Condition {
    /// The points, or the mean over all, at which it holds: the change is beyond the limit, and not by chance alone.
    pub fn holds(&self, comparison: &Comparison) -> Vec<String> {
        let is_beyond = |ratio: &Estimate, verdict| self.is_beyond(ratio) && verdict != Verdict::CannotTell;
        let of = comparison.metrics.iter().filter(|it| it.metric.key == self.metric.key);
        of.flat_map(|it| {
            let mean = Some("all points".to_owned()).filter(|_| is_beyond(&it.mean, it.verdict));
            let rows = it.rows.iter().filter(|row| is_beyond(&row.ratio, row.verdict));
            mean.into_iter().chain(rows.map(|row| row.name.join(", ")))
        })
        .collect()
    }

    /// Why nobody can tell whether it holds: nothing was measured, or changes beyond the limit may all be chance.
    pub fn undecided(&self, comparison: &Comparison) -> Option<String> {
        let Some(it) = comparison.metrics.iter().find(|it| it.metric.key == self.metric.key) else {
            return Some("no point has it on both sides".to_owned());
        };
        let beyond: Vec<&Row> = it.rows.iter().filter(|row| self.is_beyond(&row.ratio)).collect();
        if beyond.is_empty() || !self.holds(comparison).is_empty() {
            return None;
        }
        let why = match RUN_EFFECT.iter().find(|(key, _)| *key == it.metric.key && !it.is_relative) {
            _ if comparison.is_paired => "there are too few pairs of runs".to_owned(),
            _ if beyond.iter().all(|row| row.ratio.interval.is_none()) => {
                "a side has a single trial".to_owned()
            }
            Some((_, effect)) if beyond.iter().any(|row| row.ratio.runs < 2) => {
                let by = numbers::significant((1.96 * effect * 2_f64.sqrt()).exp());
                format!("single runs of the same code differ by up to {by} ×")
            }
            _ => "there are too few trials".to_owned(),
        };
        let blocks = if comparison.is_paired {
            ""
        } else {
            ", and the sides have no blocks in common: make their runs in turns, as --builds does"
        };
        Some(format!(
            "{} of {} points are beyond it, none surely: {why}{blocks}",
            beyond.len(),
            it.rows.len()
        ))
    }

    fn is_beyond(&self, ratio: &Estimate) -> bool {
        let limit = 1.0 + self.percent / 100.0;
        if self.is_above { ratio.value > limit } else { ratio.value < limit }
    }
}

impl Comparison {
    /// A table over all points, the rows that differ (or all of them), and rank changes; as Markdown or for a terminal.
    pub fn text(&self, is_markdown: bool, all: bool) -> String {
        let table = |head: &[&str], rows: &[Vec<String>]| match is_markdown {
            true => table::markdown(&head.iter().map(ToString::to_string).collect::<Vec<_>>(), rows),
            false => aligned(head, rows, 1..head.len()),
        };
        let name = |it: &Compared| match it.is_relative {
            true => format!("{} ÷ the baseline's", it.metric.label),
            false => it.metric.label.to_owned(),
        };
        let summary: Vec<Vec<String>> = self
            .metrics
            .iter()
            .map(|it| {
                let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
                it.rows.iter().for_each(|row| *counts.entry(row.verdict).or_default() += 1);
                let count = |verdict| counts.get(&verdict).copied().unwrap_or(0).to_string();
                let verdicts = [Verdict::Better, Verdict::Worse, Verdict::CannotTell].map(count);
                let mean = [name(it), numbers::show_ratio(it.mean), it.verdict.word().to_owned()];
                mean.into_iter().chain(verdicts).collect()
            })
            .collect();
        let mut text = table(
            &["new ÷ old", "geometric mean", "verdict", "points better", "worse", "cannot tell"],
            &summary,
        );
        let how = if self.is_paired {
            "runs in turns, compared pair by pair"
        } else {
            "runs not in turns, so no blocks in common"
        };
        let _ = writeln!(text, "\n{} points that both sides measured; {how}.", self.points);
        if !self.is_cpu_comparable {
            text += "CPU is left out: only one side measured how fast the core was. Make the other's runs again.\n";
        }
        let rows = self.metrics.iter().flat_map(|it| it.rows.iter().map(move |row| (it, row)));
        let rows: Vec<Vec<String>> = rows
            .filter(|(_, row)| all || row.verdict != Verdict::CannotTell)
            .map(|(it, row)| {
                let [scenario, technique] = row.name.clone();
                vec![
                    scenario,
                    technique,
                    name(it),
                    numbers::show_ratio(row.ratio),
                    row.verdict.word().to_owned(),
                ]
            })
            .collect();
        if !rows.is_empty() {
            let head = ["scenario", "technique", "metric", "new ÷ old", "verdict"];
            let _ = write!(text, "\n{}", table(&head, &rows));
        }
        for change in &self.rank_changes {
            let _ = writeln!(text, "\nRank: {change}");
        }
        text
    }
}

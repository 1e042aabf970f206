//! How far a run is, on standard error: a bar on a terminal, one plain line a trial elsewhere. No colours, so there is
//! nothing that `NO_COLOR` would have to turn off.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};
use model::quantity::show_duration;
use model::trial::{Counts, TrialOutcome, TrialResult, Verdict};
use report::numbers::{self, NOTHING};
use report::sample::{self, Sample};

use crate::plan::{Plan, Trial};
use crate::search::Found;

/// Shows the trials of a run as they end.
#[derive(Debug)]
pub(crate) struct Progress {
    /// When the last trial of a run with a budget must have ended.
    pub(crate) deadline: Option<Instant>,
    /// How well figures are known that a budget is spent on; shown beside the time left.
    pub(crate) precision: String,
    pub(crate) total: usize,
    shown: Shown,
    title_width: usize,
    left: TimeLeft,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    Lines,
}

/// What is left, corrected by how long the trials so far really took.
#[derive(Debug, Default)]
struct TimeLeft {
    planned_ns: u64,
    done_planned_ns: u64,
    done_took_ns: u64,
}

impl Progress {
    /// For all trials of `plan`, of which those that are still to run are expected to take `planned_ns`.
    pub(crate) fn new(plan: &Plan, planned_ns: u64) -> Self {
        let total = plan.trials.len();
        let title_width = plan.trials().map(|trial| width(&trial)).max().unwrap_or(0);
        let shown = if std::io::stderr().is_terminal() { Shown::Bar(bar(total)) } else { Shown::Lines };
        let left = TimeLeft { planned_ns, ..TimeLeft::default() };
        Self { deadline: None, precision: String::new(), total, shown, title_width, left }
    }

    pub(crate) fn left_of_budget_ns(&self) -> Option<u64> {
        let left = self.deadline?.saturating_duration_since(Instant::now());
        Some(left.as_nanos() as u64)
    }

    fn show_left(&self) -> String {
        match self.left_of_budget_ns() {
            Some(left_ns) => show_left(left_ns) + &self.precision,
            None => show_left(self.left.ns()),
        }
    }

    pub(crate) fn begin(&self, trial: &Trial<'_>) {
        if let Shown::Bar(bar) = &self.shown {
            bar.set_message(format!("{}  {}", trial.title(), self.show_left()));
            bar.set_length(self.total as u64);
        }
    }

    /// A trial has ended, with these delivery latencies in nanoseconds.
    pub(crate) fn end(
        &mut self,
        trial: &Trial<'_>,
        result: &TrialResult,
        delivery: Option<&Histogram<u64>>,
        took_ns: u64,
    ) {
        self.left.done(trial.expected_ns(), took_ns);
        let line = self.line(trial, &outcome(result, delivery));
        match (&self.shown, result) {
            (Shown::Bar(bar), TrialResult::Complete(_)) => bar.inc(1),
            (Shown::Bar(bar), _) => {
                bar.inc(1);
                bar.println(line);
            }
            (Shown::Lines, _) => self.note(&line),
        }
    }

    pub(crate) fn step(
        &self,
        trial: &Trial<'_>,
        result: &TrialResult,
        delivery: Option<&Histogram<u64>>,
        verdict: &Verdict,
    ) {
        if let Shown::Lines = self.shown {
            let figures =
                result.outcome().map_or_else(String::new, |outcome| figures(outcome, delivery) + "  ");
            self.note(&self.line(trial, &format!("{figures}{}", judged(verdict))));
        }
    }

    pub(crate) fn load(&self, trial: &Trial<'_>, result: &TrialResult, delivery: Option<&Histogram<u64>>) {
        if let Shown::Lines = self.shown {
            self.note(&self.line(trial, &outcome(result, delivery)));
        }
    }

    /// A search has ended, with all that was run behind it. `took_ns` is none when a part of it was run before.
    pub(crate) fn found(&mut self, trial: &Trial<'_>, found: &Found, took_ns: Option<u64>) {
        match took_ns {
            Some(took_ns) => self.left.done(trial.expected_ns(), took_ns),
            None => self.left.drop(trial.expected_ns()),
        }
        let line = self.line(trial, &format!("CAPACITY {}", found.show()));
        if let Shown::Bar(bar) = &self.shown {
            bar.inc(1);
        }
        self.note(&line);
    }

    pub(crate) fn already_there(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.inc(1);
        }
    }

    pub(crate) fn note(&self, line: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.println(line),
            // A reader that has gone away is no reason to stop measuring.
            Shown::Lines => drop(writeln!(std::io::stderr(), "{line}")),
        }
    }

    pub(crate) fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }

    fn line(&self, trial: &Trial<'_>, outcome: &str) -> String {
        let (width, title_width) = (self.total.to_string().len(), self.title_width);
        format!(
            "[{:>width$}/{}] {:<title_width$}  {outcome}  {}",
            trial.index + 1,
            self.total,
            trial.title(),
            self.show_left()
        )
    }
}

impl TimeLeft {
    fn done(&mut self, planned_ns: u64, took_ns: u64) {
        self.done_planned_ns += planned_ns;
        self.done_took_ns += took_ns;
    }

    fn drop(&mut self, planned_ns: u64) {
        self.planned_ns = self.planned_ns.saturating_sub(planned_ns);
    }

    fn ns(&self) -> u64 {
        let left = self.planned_ns.saturating_sub(self.done_planned_ns);
        match self.done_planned_ns {
            0 => left,
            done => (left as f64 * self.done_took_ns as f64 / done as f64) as u64,
        }
    }
}

/// Of the longest title at this place: a search's trials name their rates.
fn width(trial: &Trial<'_>) -> usize {
    const LONGEST_RATE: usize = " 123400/s".len();
    trial.title().chars().count() + if trial.point.search.is_some() { LONGEST_RATE } else { 0 }
}

fn bar(total: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("[{pos}/{len}] {bar:24} {wide_msg}");
    let bar = ProgressBar::new(total as u64).with_style(style.expect("the template is a constant"));
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}

/// Whole seconds: more would only flicker.
fn show_left(ns: u64) -> String {
    match ns.div_ceil(1_000_000_000) {
        0 => "done".to_owned(),
        seconds => format!("{} left", show_duration(seconds * 1_000_000_000)),
    }
}

fn judged(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed => "passed".to_owned(),
        Verdict::Failed { why } => format!("failed: {why}"),
        Verdict::NotJudged { why } => format!("not judged: {why}"),
    }
}

fn outcome(result: &TrialResult, delivery: Option<&Histogram<u64>>) -> String {
    match result {
        TrialResult::Complete(outcome) => figures(outcome, delivery),
        TrialResult::Incomplete(outcome) => {
            format!("{}  {}", figures(outcome, delivery), lost(&outcome.counts))
        }
        TrialResult::Failed(failure) => format!("FAILED: {}", failure.reason),
    }
}

fn lost(counts: &Counts) -> String {
    match counts.lost {
        0 => format!(
            "LOST {} of {} on their way to the application",
            counts.uplink_due.saturating_sub(counts.uplink_received),
            counts.uplink_due
        ),
        lost => format!("LOST {lost} of {}", counts.expected),
    }
}

fn figures(outcome: &TrialOutcome, delivery: Option<&Histogram<u64>>) -> String {
    let Some(delivery) = delivery else { return "nothing was delivered".to_owned() };
    let mut sample = Sample::of(delivery);
    sample.missing = outcome.counts.lost;
    let quantile =
        |one_in| sample::quantile(&[&sample], one_in).map_or_else(|| NOTHING.to_owned(), numbers::time);
    let warned = if outcome.warnings.is_empty() { "" } else { "  (warnings)" };
    format!("p50 {:>9}  p99 {:>9}{warned}", quantile(2.0), quantile(100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_shown_when_ten_values_lie_above_and_the_missing_are_the_slowest() {
        let shown = |count: u64, lost| {
            let mut delivery = loadgen::recorder::histogram::empty();
            (1..=count).for_each(|value| delivery.record(value * 1_000).unwrap());
            let mut outcome = TrialOutcome::default();
            outcome.counts.lost = lost;
            figures(&outcome, Some(&delivery)).split_whitespace().collect::<Vec<_>>().join(" ")
        };
        for (count, lost, wanted) in [
            (0, 0, "p50 – p99 –"),
            (19, 0, "p50 – p99 –"),
            (20, 0, "p50 10.0 µs p99 –"),
            (999, 0, "p50 500 µs p99 –"),
            (1_000, 0, "p50 500 µs p99 990 µs"),
            (100, 100, "p50 100 µs p99 –"),
            (100, 102, "p50 – p99 –"),
            (995, 5, "p50 500 µs p99 990 µs"),
            (989, 11, "p50 500 µs p99 –"),
            (0, 1_000, "p50 – p99 –"),
        ] {
            assert_eq!(shown(count, lost), wanted, "{count} values, {lost} lost");
        }
    }

    #[test]
    fn times_have_three_digits() {
        let shown = [31_500.0, 120_000.0, 1_234_567.0, 1_400_000_000.0].map(numbers::time);
        assert_eq!(shown, ["31.5 µs", "120 µs", "1.23 ms", "1.40 s"]);
    }

    #[test]
    fn the_time_left_follows_what_the_trials_really_took() {
        let mut left = TimeLeft { planned_ns: 10_000, ..TimeLeft::default() };
        assert_eq!(left.ns(), 10_000);
        left.done(2_000, 3_000);
        assert_eq!(left.ns(), 12_000);
        left.drop(4_000);
        assert_eq!(left.ns(), 6_000);
    }
}

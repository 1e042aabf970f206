//! What it takes until a subscriber is connected, and how long that weighs.

use model::byte_account::Account;
use model::settings::Settings;
use model::trial::{Quantiles, SetUp, TrialOutcome};

use super::estimate::Estimate;
use super::group::weighted_mean;
use super::stack::Stack;

/// Figures of one row, for each subscriber.
#[derive(Debug)]
pub(crate) struct SetUpCost {
    /// Bytes by layer.
    pub stack: Stack,
    /// Bytes of both directions.
    pub wire: Estimate,
    /// How long the quickest and the slowest of all trials took until it was connected, nanoseconds.
    pub elapsed: Option<(f64, f64)>,
    /// How long it took until the first message on average over subscribers, nanoseconds; until it was connected where nobody
    /// is greeted.
    pub first_message: Option<Estimate>,
    /// How long it took until it was connected on average over subscribers, nanoseconds.
    pub mean_elapsed: Option<Estimate>,
    /// Round trips, TCP's own among them; none when no delay was added that would tell them.
    pub round_trips: Option<u64>,
    /// CPU nanoseconds of the server; none of one whose process is not known.
    pub cpu: Option<Estimate>,
    trials: Vec<Trial>,
}

/// What the curve over events is made of.
#[derive(Debug)]
struct Trial {
    /// Bytes before the first event, for each subscriber.
    set_up: f64,
    /// Bytes between the window's edges.
    steady: f64,
    events: f64,
}

impl SetUpCost {
    /// None when a trial says nothing of its set-up.
    pub(super) fn of(outcomes: &[&TrialOutcome], settings: &Settings) -> Option<Self> {
        let trials: Vec<Trial> = outcomes.iter().map(|outcome| trial(outcome)).collect::<Option<_>>()?;
        let (mut account, mut subscribers) = (Account::default(), 0);
        for set_up in outcomes.iter().map(|outcome| &outcome.set_up) {
            account += set_up.account;
            subscribers += set_up.subscribers;
        }
        let bytes: Vec<f64> = trials.iter().map(|trial| trial.set_up).collect();
        let cpu: Option<Vec<f64>> = outcomes.iter().map(|outcome| cpu(outcome)).collect();
        Some(Self {
            stack: Stack::of(&account, None, subscribers)?,
            wire: Estimate::of(bytes.len(), |weights| weighted_mean(&bytes, weights))?,
            elapsed: elapsed(outcomes),
            first_message: mean(outcomes, until_first_message),
            mean_elapsed: mean(outcomes, |set_up| set_up.elapsed.as_ref()),
            round_trips: round_trips(outcomes, settings),
            cpu: cpu.and_then(|cpu| Estimate::of(cpu.len(), |weights| weighted_mean(&cpu, weights))),
            trials,
        })
    }

    /// Bytes for each event when the set-up is spread over so many of them: set-up ÷ events + what each costs in the
    /// steady state. None when no event came.
    pub(crate) fn spread_over(&self, events: f64) -> Option<Estimate> {
        Estimate::of(self.trials.len(), |weights| {
            let sum = |of: fn(&Trial) -> f64| -> f64 {
                self.trials.iter().zip(weights).map(|(trial, weight)| of(trial) * f64::from(*weight)).sum()
            };
            let drawn = f64::from(weights.iter().sum::<u32>());
            let (set_up, received) = (sum(|trial| trial.set_up), sum(|trial| trial.events));
            (received > 0.0).then(|| set_up / drawn / events + sum(|trial| trial.steady) / received)
        })
    }
}

fn trial(outcome: &TrialOutcome) -> Option<Trial> {
    let subscribers = outcome.set_up.subscribers;
    (subscribers > 0).then(|| Trial {
        set_up: outcome.set_up.account.wire() as f64 / subscribers as f64,
        steady: outcome.bytes.window.wire() as f64,
        events: outcome.counts.events_in_window as f64,
    })
}

fn cpu(outcome: &TrialOutcome) -> Option<f64> {
    let SetUp { server_cpu_ns, subscribers, .. } = &outcome.set_up;
    (*server_cpu_ns > 0).then(|| *server_cpu_ns as f64 / (*subscribers).max(1) as f64)
}

/// Extremes were measured whatever the number of subscribers, which may be too small to bound a quantile.
fn elapsed(outcomes: &[&TrialOutcome]) -> Option<(f64, f64)> {
    let all: Option<Vec<&Quantiles>> =
        outcomes.iter().map(|outcome| outcome.set_up.elapsed.as_ref()).collect();
    let all = all.filter(|all| !all.is_empty())?;
    let quickest = all.iter().map(|elapsed| elapsed.min_ns as f64).fold(f64::INFINITY, f64::min);
    Some((quickest, all.iter().map(|elapsed| elapsed.max_ns as f64).fold(0.0, f64::max)))
}

/// Until the server's greeting; a subscriber that is not greeted has nothing to wait for but its connection.
pub(super) fn until_first_message(set_up: &SetUp) -> Option<&Quantiles> {
    set_up.first_message.as_ref().or(set_up.elapsed.as_ref())
}

fn mean(outcomes: &[&TrialOutcome], of: fn(&SetUp) -> Option<&Quantiles>) -> Option<Estimate> {
    let means = outcomes.iter().map(|outcome| Some(of(&outcome.set_up)?.mean_ns));
    let means = means.collect::<Option<Vec<f64>>>()?;
    Estimate::of(means.len(), |weights| weighted_mean(&means, weights))
}

/// The quickest subscriber's time ÷ the added delay, which each answer that is waited for costs once, + 1 for the
/// connection itself, which the kernel opens without that delay. Rounded down, and of the quickest: everything else that
/// takes time, such as the others' turn on the CPU, only adds to it.
fn round_trips(outcomes: &[&TrialOutcome], settings: &Settings) -> Option<u64> {
    let delay_ns = settings.subscribers.added_delay_ns;
    let quickest = outcomes.iter().map(|outcome| Some(outcome.set_up.elapsed.as_ref()?.min_ns));
    let quickest_ns = quickest.collect::<Option<Vec<u64>>>()?.into_iter().min()?;
    quickest_ns.checked_div(delay_ns).map(|trips| trips + 1)
}

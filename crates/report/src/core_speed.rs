//! How fast the server's core was in each trial of a run, for the work of its scenario.
//!
//! The same work takes up to twice the CPU time from one second to the next on a virtual machine, and each trial measures that by a fixed
//! piece of work, an exchange over a socket pair. How strongly other work follows it differs: waking a sleeping core suffers more than
//! copying bytes. So CPU time is taken to be proportional to a power of what an exchange takes. The power is fitted for each scenario of
//! a run over its points (a control variate: Asmussen & Glynn, *Stochastic Simulation*, 2007, §V.2); of few trials it stays near 1.
//! Speeds are adjusted around the scenario's mean, so that the power decides nothing about the mean of a scenario; it moves points whose
//! trials met slower moments than others. What an exchange takes is assumed not to depend on the technique beside it: in the runs of
//! 2026-11-30, no technique had slower exchanges than the others in each run.

use std::collections::BTreeMap;

use model::trial::{CoreSpeed, TrialRecord, TrialResult};

/// The power is believed to be 1 ± 0.5, and CPU times to scatter by 10 % around it: (0.1 ÷ 0.5)².
const BELIEF: f64 = 0.04;

/// The speed to take for each of a run's trials; none where no trial of the run measured it. A server that keeps its core busy leaves no
/// time to measure how fast it is: for its trial, it is the mean speed of the others.
pub fn core_speeds(records: &[&TrialRecord]) -> Vec<Option<CoreSpeed>> {
    let known = records.iter().filter_map(|record| core_speed(record));
    let mean = known.reduce(|sum, speed| CoreSpeed {
        exchanges: sum.exchanges + speed.exchanges,
        cpu_ns: sum.cpu_ns + speed.cpu_ns,
    });
    let mut scenarios: BTreeMap<&str, Vec<&TrialRecord>> = BTreeMap::new();
    for record in records {
        scenarios.entry(&record.key.scenario).or_default().push(record);
    }
    let powers: BTreeMap<&str, Power> =
        scenarios.into_iter().map(|(name, records)| (name, Power::of(&records))).collect();
    let counted = |record: &&TrialRecord| {
        let speed = core_speed(record).map(|speed| powers[&*record.key.scenario].adjust(speed));
        speed.or(mean)
    };
    records.iter().map(counted).collect()
}

/// How fast the core was, where that was measured well enough.
fn core_speed(record: &TrialRecord) -> Option<CoreSpeed> {
    let speed = record.result.outcome()?.instrument.server_core_speed?;
    speed.exchange_ns().map(|_| speed)
}

/// How work follows the speed of a core.
struct Power {
    exponent: f64,
    /// Of what an exchange took, on logarithms.
    mean: f64,
}

impl Power {
    fn of(records: &[&TrialRecord]) -> Self {
        // Trials of a search have rates of their own, and an event costs less at a high one.
        let counts = |record: &&&TrialRecord| {
            record.search.is_none() && record.load.is_none() && record.disturbance.is_none()
        };
        Self::fit(records.iter().filter(counts).filter_map(|record| {
            let TrialResult::Complete(outcome) = &record.result else { return None };
            let exchange_ns = core_speed(record)?.exchange_ns()?;
            let per_event = outcome.cost.server_cpu_ns as f64 / outcome.counts.events_in_window as f64;
            let key = &record.key;
            let point = (&key.point, &key.technique, &key.target, record.settings.client);
            Some((point, exchange_ns.ln(), per_event.ln())).filter(|(.., cpu)| cpu.is_finite())
        }))
    }

    /// Of points, what an exchange took, and CPU; both as logarithms.
    fn fit<P: Ord>(trials: impl Iterator<Item = (P, f64, f64)>) -> Self {
        let mut points: BTreeMap<P, Vec<[f64; 2]>> = BTreeMap::new();
        trials.for_each(|(point, exchange, cpu)| points.entry(point).or_default().push([exchange, cpu]));
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let (mut squares, mut products) = (BELIEF, BELIEF);
        for point in points.values() {
            let [exchange, cpu] = [0, 1].map(|axis| mean(point.iter().map(|pair| pair[axis]).collect()));
            squares += point.iter().map(|[x, _]| (x - exchange).powi(2)).sum::<f64>();
            products += point.iter().map(|[x, y]| (x - exchange) * (y - cpu)).sum::<f64>();
        }
        let exponent = products / squares;
        Self { exponent, mean: mean(points.into_values().flatten().map(|[x, _]| x).collect()) }
    }

    fn adjust(&self, speed: CoreSpeed) -> CoreSpeed {
        let Some(exchange_ns) = speed.exchange_ns().filter(|ns| *ns > 0.0 && self.mean > 0.0) else {
            return speed;
        };
        let adjusted_ns = (self.mean + self.exponent * (exchange_ns.ln() - self.mean)).exp();
        CoreSpeed { cpu_ns: (adjusted_ns * speed.exchanges as f64).round() as u64, ..speed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_power_with_which_work_follows_a_core_is_found() {
        let mut rng = fastrand::Rng::with_seed(2);
        // Two points of 30 trials: work that follows the square of what an exchange takes, with errors of 5 %.
        let pairs: Vec<(usize, f64, f64)> = (0..60)
            .map(|place| {
                let exchange: f64 = 1_300.0 * (0.8 + 0.4 * rng.f64());
                let cpu = 1e4 * (1.0 + (place % 2) as f64) * (exchange / 1_300.0).powi(2);
                (place % 2, exchange.ln(), (cpu * (0.95 + 0.1 * rng.f64())).ln())
            })
            .collect();
        let power = Power::fit(pairs.iter().copied());
        assert!((1.6..2.1).contains(&power.exponent), "{}", power.exponent);
        // At the mean, the power changes nothing.
        let speed = CoreSpeed { exchanges: 1_000_000, cpu_ns: (power.mean.exp() * 1e6) as u64 };
        assert!(power.adjust(speed).cpu_ns.abs_diff(speed.cpu_ns) <= 1, "{speed:?}");
        // A single trial says nothing: the power is 1, and the speed counts as it was measured.
        let single = Power::fit([(0, speed.exchange_ns().unwrap().ln(), 9.0)].into_iter());
        assert_eq!((single.exponent, single.adjust(speed)), (1.0, speed));
    }
}

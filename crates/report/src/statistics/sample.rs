//! A histogram as its recorded values alone, and several of them side by side.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;

use super::quantile::Quantile;

/// Recorded values in nanoseconds with their counts, ascending; each value is the upper end of its histogram bucket,
/// as `value_at_quantile` of HdrHistogram answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sample {
    values: Vec<(u64, u64)>,
}

impl Sample {
    /// Nothing recorded.
    pub(crate) const fn empty() -> Self {
        Self { values: Vec::new() }
    }

    /// Reads HdrHistogram's V2 (with or without deflate) in base64.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the text.
    pub(crate) fn decode(deserializer: &mut Deserializer, text: &str) -> Result<Self, String> {
        let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
        let histogram: Histogram<u64> =
            deserializer.deserialize(&mut bytes.as_slice()).map_err(|error| error.to_string())?;
        Ok(Self::of(&histogram))
    }

    /// The recorded values of a histogram.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let recorded = histogram.iter_recorded();
        Self { values: recorded.map(|step| (step.value_iterated_to(), step.count_at_value())).collect() }
    }

    /// How many values were recorded.
    pub(crate) fn count(&self) -> u64 {
        self.values.iter().map(|(_, count)| count).sum()
    }
}

/// Samples of several trials, merged under a weight for each: how often a resampling drew it.
///
/// Events that never came stand above all values, so that a lossy trial does not look quick.
#[derive(Debug)]
pub(crate) struct Pool {
    /// Distinct values of all samples, ascending.
    values: Vec<u64>,
    /// For each value, one column for each trial: how many of the trial's values are at most this one.
    cumulative: Vec<u64>,
    /// For each trial: delivered + missing.
    totals: Vec<u64>,
}

impl Pool {
    /// Puts samples side by side, each with the number of values that are missing in it.
    pub(crate) fn of(samples: &[(&Sample, u64)]) -> Self {
        let mut values: Vec<u64> =
            samples.iter().flat_map(|(sample, _)| sample.values.iter().map(|(value, _)| *value)).collect();
        values.sort_unstable();
        values.dedup();
        let mut cumulative = vec![0; values.len() * samples.len()];
        for (column, (sample, _)) in samples.iter().enumerate() {
            fill(&mut cumulative, &values, samples.len(), column, sample);
        }
        let totals = samples.iter().map(|(sample, missing)| sample.count() + missing).collect();
        Self { values, cumulative, totals }
    }

    /// How many trials.
    pub(crate) fn trials(&self) -> usize {
        self.totals.len()
    }

    /// How many values under these weights, missing ones included.
    pub(crate) fn total(&self, weights: &[u32]) -> u64 {
        weigh(&self.totals, weights)
    }

    /// The smallest value that at least this share of all values does not exceed; none when it is among the missing.
    pub(crate) fn at(&self, quantile: Quantile, weights: &[u32]) -> Option<u64> {
        let rank = quantile.rank(self.total(weights));
        let columns = self.trials();
        let below = |row: usize| weigh(&self.cumulative[row * columns..][..columns], weights) < rank;
        let (mut low, mut high) = (0, self.values.len());
        while low < high {
            let middle = low.midpoint(high);
            if below(middle) { low = middle + 1 } else { high = middle }
        }
        self.values.get(low).copied().filter(|_| rank > 0)
    }
}

fn fill(cumulative: &mut [u64], values: &[u64], columns: usize, column: usize, sample: &Sample) {
    let mut recorded = sample.values.iter().peekable();
    let mut sum = 0;
    for (row, value) in values.iter().enumerate() {
        while let Some((_, count)) = recorded.next_if(|(recorded, _)| recorded <= value) {
            sum += count;
        }
        cumulative[row * columns + column] = sum;
    }
}

fn weigh(counts: &[u64], weights: &[u32]) -> u64 {
    counts.iter().zip(weights).map(|(count, weight)| count * u64::from(*weight)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).expect("bounds are right");
        values.into_iter().for_each(|value| histogram.saturating_record(value));
        histogram
    }

    #[test]
    fn quantiles_equal_those_of_the_merged_histogram() {
        let slow = recorded((1..=5_000).map(|value| value * 1_731));
        let quick = recorded((1..=900).map(|value| value * value));
        let mut merged = slow.clone();
        merged.add(&quick).expect("bounds are the same");
        let (slow, quick) = (Sample::of(&slow), Sample::of(&quick));
        let pool = Pool::of(&[(&slow, 0), (&quick, 0)]);
        for quantile in Quantile::SHOWN {
            let expected = merged.value_at_quantile(quantile.share());
            assert_eq!(pool.at(quantile, &[1, 1]), Some(expected), "{}", quantile.label());
        }
    }

    #[test]
    fn weights_draw_a_trial_several_times_or_never() {
        let (low, high) = (Sample::of(&recorded([10; 10])), Sample::of(&recorded([1_000; 10])));
        let pool = Pool::of(&[(&low, 0), (&high, 0)]);
        assert_eq!(pool.at(Quantile::P50, &[2, 0]), Some(10));
        assert_eq!(pool.at(Quantile::P50, &[0, 2]), Some(1_000));
        assert_eq!(pool.total(&[2, 1]), 30);
    }

    #[test]
    fn missing_events_stand_above_all_values() {
        let sample = Sample::of(&recorded([10; 80]));
        let pool = Pool::of(&[(&sample, 20)]);
        assert_eq!(pool.at(Quantile::P50, &[1]), Some(10));
        assert_eq!(pool.at(Quantile::P90, &[1]), None);
        assert_eq!(Pool::of(&[]).at(Quantile::P50, &[]), None);
    }
}

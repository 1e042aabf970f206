//! A histogram as its recorded values alone, and quantiles of several of them together.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;

/// A quantile is given when at least this many values lie above it.
///
/// With *n* independent values the distribution-free upper 97.5 % limit of quantile *q* exists when 1 − qⁿ ≥ 0.975, that
/// is with 3.7 values in the tail (David & Nagaraja, *Order Statistics*, 3rd ed., §7.1). Deliveries are not independent:
/// subscribers of one channel receive the same event, and a scheduling delay affects those next to each other. Hence ten.
pub const LEAST_IN_TAIL: f64 = 10.0;

/// Recorded values in nanoseconds, ascending, each with how many values do not exceed it; a value is the upper end of its histogram
/// bucket, as `value_at_quantile` of HdrHistogram answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    values: Vec<(u64, u64)>,
    /// Values that are missing: they stand above all recorded ones, so that a lossy trial does not look quick.
    pub missing: u64,
}

impl Sample {
    /// Reads HdrHistogram's V2 (with or without deflate) in base64.
    /// Fails when the text is something else.
    pub fn decode(deserializer: &mut Deserializer, text: &str) -> Result<Self, String> {
        let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
        let histogram: Histogram<u64> =
            deserializer.deserialize(&mut bytes.as_slice()).map_err(|error| error.to_string())?;
        Ok(Self::of(&histogram))
    }

    /// The recorded values of a histogram.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let mut up_to = 0;
        let values = histogram.iter_recorded().map(|step| {
            up_to += step.count_at_value();
            (step.value_iterated_to(), up_to)
        });
        Self { values: values.collect(), missing: 0 }
    }

    /// How many values, missing ones included.
    pub fn total(&self) -> u64 {
        self.values.last().map_or(0, |(_, all)| *all) + self.missing
    }

    fn up_to(&self, limit: u64) -> u64 {
        let place = self.values.partition_point(|(value, _)| *value <= limit);
        place.checked_sub(1).map_or(0, |place| self.values[place].1)
    }
}

/// The smallest value that at least the share `1 - 1/one_in` of all values does not exceed. None when it is among the
/// missing, or when fewer than [`LEAST_IN_TAIL`] values lie above it.
pub fn quantile(samples: &[&Sample], one_in: f64) -> Option<f64> {
    let total: u64 = samples.iter().map(|sample| sample.total()).sum();
    let up_to = |limit: u64| samples.iter().map(|sample| sample.up_to(limit)).sum::<u64>();
    if (total as f64) < LEAST_IN_TAIL * one_in {
        return None;
    }
    // Whole tails are exact, where ⌈q·n⌉ in floating point is not.
    let rank = total - (total as f64 / one_in).floor() as u64;
    let largest = samples.iter().filter_map(|sample| Some(sample.values.last()?.0)).max()?;
    let (mut low, mut high) = (0, largest);
    if up_to(high) < rank {
        return None;
    }
    // The smallest limit that as many values do not exceed is one of them.
    while low < high {
        let middle = low.midpoint(high);
        match up_to(middle) >= rank {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    Some(high as f64)
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
        let quick = recorded((1..=6_900).map(|value| value * value));
        let mut merged = slow.clone();
        merged.add(&quick).expect("bounds are the same");
        let samples = [Sample::of(&slow), Sample::of(&quick)];
        let samples: Vec<&Sample> = samples.iter().collect();
        for one_in in [2.0, 10.0, 100.0, 1_000.0] {
            let expected = merged.value_at_quantile(1.0 - 1.0 / one_in) as f64;
            assert_eq!(quantile(&samples, one_in), Some(expected), "one in {one_in}");
        }
    }

    #[test]
    fn missing_values_stand_above_all_others() {
        let sample = Sample { missing: 200, ..Sample::of(&recorded([10; 800])) };
        assert_eq!(quantile(&[&sample], 2.0), Some(10.0));
        assert_eq!(quantile(&[&sample], 10.0), None);
    }

    #[test]
    fn thousand_values_bound_p99_and_not_p99_9() {
        let sample = Sample::of(&recorded([10; 1_000]));
        assert_eq!(quantile(&[&sample], 100.0), Some(10.0));
        assert_eq!(quantile(&[&sample], 1_000.0), None);
        assert_eq!(quantile(&[], 2.0), None);
    }
}

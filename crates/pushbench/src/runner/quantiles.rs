//! Which quantiles a terminal shows: those that the sample can bound, a missing event being slower than all others.

use hdrhistogram::Histogram;

/// A quantile is shown when at least this many values lie above it, as in the report.
const LEAST_ABOVE: u64 = 10;

/// A quantile, by its upper tail: one value in this many lies above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OneIn(u64);

pub(crate) const P50: OneIn = OneIn(2);
pub(crate) const P99: OneIn = OneIn(100);

impl OneIn {
    /// The quantile of what was delivered, in `histogram`'s unit, and of `missing` events; none when the sample does not
    /// bound it, or when it lies among the missing.
    pub(crate) fn of(self, histogram: &Histogram<u64>, missing: u64) -> Option<u64> {
        let total = histogram.len() + missing;
        let above = total / self.0;
        let rank = total - above;
        if above < LEAST_ABOVE || rank > histogram.len() {
            return None;
        }
        // Half a value less, since the histogram rounds up to the next whole one.
        Some(histogram.value_at_quantile((rank as f64 - 0.5) / histogram.len() as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up_to(count: u64) -> Histogram<u64> {
        let mut histogram = loadgen::recorder::histogram::empty();
        (1..=count).for_each(|value| histogram.record(value).unwrap());
        histogram
    }

    #[test]
    fn ten_values_must_lie_above() {
        assert_eq!((P50.of(&up_to(19), 0), P50.of(&up_to(20), 0)), (None, Some(10)));
        assert_eq!((P99.of(&up_to(999), 0), P99.of(&up_to(1_000), 0)), (None, Some(990)));
        assert_eq!(P50.of(&loadgen::recorder::histogram::empty(), 0), None);
    }

    #[test]
    fn the_missing_are_slower_than_all_that_came() {
        assert_eq!(P50.of(&up_to(100), 100), Some(100));
        assert_eq!(P50.of(&up_to(100), 102), None);
        assert_eq!(P99.of(&up_to(995), 5), Some(990));
        assert_eq!(P99.of(&up_to(989), 11), None);
        assert_eq!(P50.of(&loadgen::recorder::histogram::empty(), 1_000), None);
    }
}

//! Histograms of nanoseconds: the same bounds everywhere, so that any two can be merged; kept losslessly.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use model::trial::Quantiles;

/// The longest time that a histogram can hold: an hour.
pub const HIGHEST_NS: u64 = 3_600_000_000_000;
/// Significant decimal digits: a value is off by at most 0.1 %.
pub const DIGITS: u8 = 3;

/// An empty histogram from 1 ns to [`HIGHEST_NS`].
///
/// The lower bound is 1 ns, not the 1 µs that would do: with 1 µs the resolution below 1 ms would be 512 ns, which is
/// 2 % of a loopback's latency. It costs 80 KiB a histogram.
pub fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, HIGHEST_NS, DIGITS).expect("the bounds are constants and in order")
}

/// The quantiles of `histogram`; none when it is empty.
pub fn quantiles(histogram: &Histogram<u64>) -> Option<Quantiles> {
    (!histogram.is_empty()).then(|| Quantiles {
        count: histogram.len(),
        min_ns: histogram.min(),
        mean_ns: histogram.mean(),
        p50_ns: histogram.value_at_quantile(0.5),
        p90_ns: histogram.value_at_quantile(0.9),
        p99_ns: histogram.value_at_quantile(0.99),
        p99_9_ns: histogram.value_at_quantile(0.999),
        max_ns: histogram.max(),
    })
}

/// `histogram` as HdrHistogram V2, deflated, in base64: what HdrHistogram's own tools and logs read.
pub fn to_base64(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    // Writing to memory has no failure of its own, and the serializer only fails on counts beyond an i64.
    V2DeflateSerializer::new().serialize(histogram, &mut bytes).expect("memory takes every histogram");
    STANDARD.encode(bytes)
}

/// What [`to_base64`] wrote; none of anything else.
pub fn from_base64(text: &str) -> Option<Histogram<u64>> {
    let bytes = STANDARD.decode(text).ok()?;
    let read: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).ok()?;
    // Into the bounds that everything else is merged with; whatever does not fit them is not ours.
    let mut histogram = empty();
    histogram.add(&read).ok()?;
    Some(histogram)
}

/// For `#[serde(with = "histogram::in_base64")]`: from one load process to another nothing is lost.
pub(crate) mod in_base64 {
    use hdrhistogram::Histogram;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(histogram: &Histogram<u64>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::to_base64(histogram))
    }

    pub(crate) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Histogram<u64>, D::Error> {
        let text = String::deserialize(from)?;
        super::from_base64(&text).ok_or_else(|| D::Error::custom("not a histogram"))
    }
}

/// Adds `other` to `sum`. Both are of [`empty`]'s bounds, so that nothing is lost.
pub fn merge(sum: &mut Histogram<u64>, other: &Histogram<u64>) {
    sum.add(other).expect("all histograms have the same bounds");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_on_the_way_through_base64() {
        let mut histogram = empty();
        for value in [1, 30_000, 30_001, 5_000_000_000, HIGHEST_NS] {
            histogram.record(value).unwrap();
        }
        let read = from_base64(&to_base64(&histogram)).unwrap();
        assert_eq!(read, histogram);
        assert_eq!((read.len(), read.min(), read.max()), (5, histogram.min(), histogram.max()));
        assert_eq!(from_base64("no histogram"), None);
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let mut histogram = empty();
        for micros in 1..=1000 {
            histogram.record(micros * 1000).unwrap();
        }
        let found = quantiles(&histogram).unwrap();
        let close = |found: u64, exact: u64| found.abs_diff(exact) * 1000 <= exact;
        assert!(close(found.p50_ns, 500_000) && close(found.p99_ns, 990_000), "{found:?}");
        assert!(close(found.p99_9_ns, 999_000) && close(found.max_ns, 1_000_000), "{found:?}");
        assert_eq!((found.count, found.min_ns), (1000, 1000));
        assert_eq!(quantiles(&empty()), None);
    }

    #[test]
    fn merging_adds_the_counts() {
        let (mut sum, mut other) = (empty(), empty());
        sum.record(5).unwrap();
        other.record(7).unwrap();
        merge(&mut sum, &other);
        assert_eq!((sum.len(), sum.min(), sum.max()), (2, 5, 7));
    }
}

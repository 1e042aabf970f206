//! Histograms as files: HdrHistogram's own log format, so that HdrHistogram's own tools read them.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{
    IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, Tag,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};

/// Histograms of nanoseconds by their tag.
pub(crate) type Tagged = BTreeMap<String, Histogram<u64>>;

/// Reads a histogram as the load generator hands it over: V2, deflated, in base64.
pub(crate) fn decode(base64: &str) -> anyhow::Result<Histogram<u64>> {
    let bytes = STANDARD.decode(base64).context("decode a histogram's base64")?;
    Deserializer::new()
        .deserialize(&mut bytes.as_slice())
        .map_err(|error| anyhow!("decode a histogram: {error}"))
}

/// A log with one line a histogram, begun at `started_unix_s` and `took_ns` long.
pub(crate) fn to_log(histograms: &Tagged, started_unix_s: u64, took_ns: u64) -> anyhow::Result<Vec<u8>> {
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut writer = IntervalLogWriterBuilder::new()
        .add_comment("[pushbench: nanoseconds of CLOCK_MONOTONIC; one tagged line for each histogram]")
        .with_start_time(UNIX_EPOCH + Duration::from_secs(started_unix_s))
        .begin_log_with(&mut log, &mut serializer)?;
    for (tag, histogram) in histograms {
        let tag = Tag::new(tag).with_context(|| format!("tag {tag:?} cannot stand in a histogram log"))?;
        let start = Duration::from_secs(started_unix_s);
        writer
            .write_histogram(histogram, start, Duration::from_nanos(took_ns), Some(tag))
            .map_err(|error| anyhow!("encode histogram {}: {error:?}", tag.as_str()))?;
    }
    Ok(log)
}

/// Reads a log back; histograms of the same tag are merged.
pub(crate) fn from_log(log: &[u8]) -> anyhow::Result<Tagged> {
    let mut histograms = Tagged::new();
    for entry in IntervalLogIterator::new(log) {
        let entry = entry.map_err(|error| anyhow!("not a histogram log: {error:?}"))?;
        let LogEntry::Interval(interval) = entry else { continue };
        let tag = interval.tag().map_or("", |tag| tag.as_str()).to_owned();
        merge(&mut histograms, &tag, &decode(interval.encoded_histogram())?)?;
    }
    Ok(histograms)
}

/// Adds a histogram to those of its tag.
pub(crate) fn merge(histograms: &mut Tagged, tag: &str, histogram: &Histogram<u64>) -> anyhow::Result<()> {
    let sum = histograms.entry(tag.to_owned()).or_insert_with(loadgen::recorder::histogram::empty);
    sum.add(histogram).map_err(|error| anyhow!("merge histogram {tag}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_loses_nothing_and_merges_by_tag() {
        let mut histogram = loadgen::recorder::histogram::empty();
        histogram.record_n(30_000, 7).unwrap();
        histogram.record(1_400_000_000).unwrap();
        let histograms = Tagged::from([("delivery".to_owned(), histogram.clone())]);
        let log = to_log(&histograms, 1_700_000_000, 2_000_000_000).unwrap();
        assert_eq!(from_log(&log).unwrap(), histograms);
        let twice = from_log(&[log.clone(), log].concat()).unwrap();
        assert_eq!(twice["delivery"].len(), 16);
    }

    #[test]
    fn the_load_generators_form_is_read() {
        let mut histogram = loadgen::recorder::histogram::empty();
        histogram.record(42).unwrap();
        assert_eq!(decode(&loadgen::recorder::histogram::to_base64(&histogram)).unwrap(), histogram);
        assert!(decode("not base64!").is_err());
        assert!(decode("AAAA").is_err());
    }
}

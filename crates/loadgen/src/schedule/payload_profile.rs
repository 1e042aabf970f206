//! What payloads are like: how much a compressor can take out of them, and out of one after the other.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use model::settings::Settings;
use model::trial::PayloadProfile;

use crate::schedule::payload::{PayloadError, PayloadSource};
use crate::schedule::{self, Purpose};

/// More payloads, or more bytes, would not change the figures' second digit, and a trial waits for this at its end.
const MOST_PAYLOADS: u64 = 1_000;
const MOST_BYTES: u64 = 256 * 1024;
/// zlib's own default, and that of most servers.
const LEVEL: u32 = 6;

/// The profile of the events that a publisher with these settings and this seed sends, measured on as many of them as were
/// published, at most 1,000 and 256 KiB. None without events, or when they have no bytes.
/// Fails when such payloads cannot be made.
pub fn payload_profile(
    settings: &Settings,
    seed: u64,
    published: u64,
) -> Result<Option<PayloadProfile>, PayloadError> {
    let bytes = settings.events.payload_bytes;
    let most = MOST_BYTES.checked_div(bytes.into()).unwrap_or(0).max(1);
    let count = published.min(MOST_PAYLOADS).min(most);
    let rng = schedule::rng(seed, Purpose::EventPayload, 0);
    let mut source = PayloadSource::new(settings.events.payload, bytes, rng)?;
    if count == 0 || bytes == 0 {
        return Ok(None);
    }
    let unix_ms = os::unix_ms();
    let payloads: Vec<Vec<u8>> = (0..count).map(|_| source.next(unix_ms).0.to_vec()).collect();
    Ok(Some(measure(&payloads)))
}

fn measure(payloads: &[Vec<u8>]) -> PayloadProfile {
    let all: u64 = payloads.iter().map(|payload| payload.len() as u64).sum();
    let alone: u64 = payloads.iter().map(|payload| deflated_len(std::slice::from_ref(payload))).sum();
    PayloadProfile {
        measured: payloads.len() as u64,
        entropy_bits_per_byte: entropy_bits_per_byte(payloads),
        deflated_alone: alone as f64 / all as f64,
        deflated_together: deflated_len(payloads) as f64 / all as f64,
    }
}

/// Shannon, "A Mathematical Theory of Communication", 1948, §6: −Σ p log₂ p over the bytes' frequencies.
fn entropy_bits_per_byte(payloads: &[Vec<u8>]) -> f64 {
    let mut counts = [0u64; 256];
    for &byte in payloads.iter().flatten() {
        counts[usize::from(byte)] += 1;
    }
    let all: u64 = counts.iter().sum();
    let shares = counts.iter().filter(|&&count| count > 0).map(|&count| count as f64 / all as f64);
    // Adding 0 makes a single value's −0 the 0 that it is.
    -shares.map(|share| share * share.log2()).sum::<f64>() + 0.0
}

/// Bytes of one DEFLATE stream (RFC 1951) of all parts, without any container.
fn deflated_len(parts: &[Vec<u8>]) -> u64 {
    let mut encoder = DeflateEncoder::new(Counter(0), Compression::new(LEVEL));
    let written = parts.iter().try_for_each(|part| encoder.write_all(part));
    written.and_then(|()| encoder.finish()).map_or(0, |counter| counter.0)
}

/// Takes everything, and keeps how much it was.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use model::settings::{Events, Payload};

    use super::*;

    fn settings(payload: Payload, payload_bytes: u32) -> Settings {
        let events = Events { payload, payload_bytes, ..Settings::default().events };
        Settings { events, ..Settings::default() }
    }

    #[test]
    fn a_string_of_one_letter_says_nothing_and_compresses_to_nothing() {
        let found = measure(&[vec![b'x'; 10_000]]);
        assert_eq!((found.measured, found.entropy_bits_per_byte), (1, 0.0));
        assert!(found.deflated_alone < 0.01 && found.deflated_together < 0.01, "{found:?}");
    }

    #[test]
    fn all_bytes_alike_are_eight_bits_each() {
        let found = measure(&[(0..=255).collect()]);
        assert!((found.entropy_bits_per_byte - 8.0).abs() < 1e-9, "{found:?}");
        assert!(found.deflated_alone > 1.0, "256 different bytes only grow: {found:?}");
    }

    #[test]
    fn text_of_the_seed_is_near_noise_and_json_is_not() {
        let of = |payload| payload_profile(&settings(payload, 200), 7, 5_000).unwrap().unwrap();
        let (text, json) = (of(Payload::Text), of(Payload::Json));
        assert_eq!((text.measured, json.measured), (1_000, 1_000));
        // 93 printable characters, each as likely as the other: log₂ 93.
        assert!((text.entropy_bits_per_byte - 93f64.log2()).abs() < 0.02, "{text:?}");
        assert!(text.deflated_alone > 0.8, "{text:?}");
        assert!(json.entropy_bits_per_byte < 5.5, "{json:?}");
        assert!(json.deflated_together < 0.6 * json.deflated_alone, "names repeat: {json:?}");
    }

    #[test]
    fn the_payloads_are_those_of_the_trial() {
        let again = || payload_profile(&settings(Payload::Json, 300), 7, 10).unwrap();
        assert_eq!(again(), again());
        assert_ne!(again(), payload_profile(&settings(Payload::Json, 300), 8, 10).unwrap());
    }

    #[test]
    fn no_events_or_no_bytes_have_no_profile() {
        assert_eq!(payload_profile(&settings(Payload::Text, 100), 7, 0).unwrap(), None);
        assert_eq!(payload_profile(&settings(Payload::Text, 0), 7, 10).unwrap(), None);
        assert!(payload_profile(&settings(Payload::Chat, 3), 7, 10).is_err());
    }

    #[test]
    fn long_payloads_are_measured_on_fewer() {
        let found = payload_profile(&settings(Payload::Text, 64 * 1024), 7, 100).unwrap().unwrap();
        assert_eq!(found.measured, 4);
    }
}

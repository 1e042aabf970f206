//! What a message carries: printable text, a chat's JSON, or an application's, of an exact number of bytes.
//!
//! Pure: the wall clock's time and the randomness are given.

mod json;
mod profile;

use fastrand::Rng;
use model::scenario::SMALLEST_JSON_BYTES;
use model::settings::Payload;
use protocol::message::PayloadKind;

pub use self::profile::profile;

const CHAT_BEGIN: &[u8] = br#"{"content":""#;
const CHAT_MIDDLE: &[u8] = br#"","timestamp":"#;
/// Milliseconds since 1970 have 13 digits until the year 2286.
const TIMESTAMP_DIGITS: usize = 13;
const CHAT_END: &[u8] = b"}";

/// Bytes of a chat payload whose content is empty; a shorter one cannot be made.
pub const SHORTEST_CHAT_BYTES: u32 =
    (CHAT_BEGIN.len() + CHAT_MIDDLE.len() + TIMESTAMP_DIGITS + CHAT_END.len()) as u32;

/// Texts are cut out of a pool that is this much longer than a text, so that they differ at the price of a copy.
const POOL_SURPLUS: usize = 4096;

/// A payload that cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Shorter than the JSON round an empty content.
    #[error(
        "a chat payload of {bytes} bytes is too short: it takes {SHORTEST_CHAT_BYTES} with an empty content"
    )]
    ShortChat {
        /// The bytes that were asked for.
        bytes: u32,
    },
    /// Shorter than a JSON object with something in it.
    #[error("a JSON payload of {bytes} bytes is too short: it takes {SMALLEST_JSON_BYTES}")]
    ShortJson {
        /// The bytes that were asked for.
        bytes: u32,
    },
}

/// Makes payloads of one kind and length.
#[derive(Debug)]
pub struct PayloadSource {
    payload: Payload,
    pool: Vec<u8>,
    text_len: usize,
    rng: Rng,
    current: Vec<u8>,
}

impl PayloadSource {
    /// A source of payloads of exactly `bytes` bytes.
    ///
    /// # Errors
    ///
    /// When such a payload cannot be so short.
    pub fn new(payload: Payload, bytes: u32, mut rng: Rng) -> Result<Self, PayloadError> {
        let text_len = match payload {
            Payload::Chat => {
                bytes.checked_sub(SHORTEST_CHAT_BYTES).ok_or(PayloadError::ShortChat { bytes })?
            }
            Payload::Json if bytes < SMALLEST_JSON_BYTES => return Err(PayloadError::ShortJson { bytes }),
            Payload::Text | Payload::Json => bytes,
        } as usize;
        let pool = (0..text_len + POOL_SURPLUS).map(|_| printable(&mut rng)).collect();
        Ok(Self { payload, pool, text_len, rng, current: Vec::with_capacity(bytes as usize) })
    }

    /// The next payload, and how it stands in a message. `unix_ms` is the time that a chat message tells.
    pub fn next(&mut self, unix_ms: u64) -> (&[u8], PayloadKind) {
        match self.payload {
            Payload::Text => (self.cut(), PayloadKind::Text),
            Payload::Chat => {
                let at = self.rng.usize(..=POOL_SURPLUS);
                self.current.clear();
                self.current.extend_from_slice(CHAT_BEGIN);
                self.current.extend_from_slice(&self.pool[at..at + self.text_len]);
                self.current.extend_from_slice(CHAT_MIDDLE);
                push_digits(&mut self.current, unix_ms);
                self.current.extend_from_slice(CHAT_END);
                (&self.current, PayloadKind::Json)
            }
            Payload::Json => {
                self.current.clear();
                json::append(&mut self.current, self.text_len, &mut self.rng);
                (&self.current, PayloadKind::Json)
            }
        }
    }

    /// A text out of the pool.
    fn cut(&mut self) -> &[u8] {
        let at = self.rng.usize(..=POOL_SURPLUS);
        &self.pool[at..at + self.text_len]
    }
}

/// A printable ASCII character that stands in JSON as it is.
fn printable(rng: &mut Rng) -> u8 {
    loop {
        let byte = rng.u8(b' '..=b'~');
        if byte != b'"' && byte != b'\\' {
            return byte;
        }
    }
}

/// Appends exactly [`TIMESTAMP_DIGITS`] digits; JSON knows no leading zero, so the first one is at least 1.
fn push_digits(out: &mut Vec<u8>, unix_ms: u64) {
    let smallest = 10u64.pow(TIMESTAMP_DIGITS as u32 - 1);
    let mut rest = unix_ms.clamp(smallest, smallest * 10 - 1);
    let begin = out.len();
    out.resize(begin + TIMESTAMP_DIGITS, 0);
    for digit in out[begin..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_372_033_123;

    fn source(payload: Payload, bytes: u32) -> PayloadSource {
        PayloadSource::new(payload, bytes, Rng::with_seed(3)).unwrap()
    }

    #[test]
    fn a_text_has_its_length_and_nothing_to_escape() {
        for bytes in [0, 1, 100, 16_384] {
            let mut source = source(Payload::Text, bytes);
            for _ in 0..100 {
                let (text, kind) = source.next(NOW);
                assert_eq!((text.len(), kind), (bytes as usize, PayloadKind::Text));
                assert!(text.iter().all(|byte| (b' '..=b'~').contains(byte) && !b"\"\\".contains(byte)));
            }
        }
    }

    #[test]
    fn a_chat_is_json_of_its_length_with_content_and_timestamp() {
        for bytes in [SHORTEST_CHAT_BYTES, 41, 200] {
            let mut source = source(Payload::Chat, bytes);
            let (payload, kind) = source.next(NOW);
            assert_eq!((payload.len(), kind), (bytes as usize, PayloadKind::Json));
            let value: serde_json::Value = serde_json::from_slice(payload).unwrap();
            assert_eq!(value["timestamp"], NOW);
            assert_eq!(value["content"].as_str().unwrap().len(), (bytes - SHORTEST_CHAT_BYTES) as usize);
        }
    }

    #[test]
    fn a_chat_shorter_than_its_json_is_refused() {
        let bytes = SHORTEST_CHAT_BYTES - 1;
        let error = PayloadSource::new(Payload::Chat, bytes, Rng::with_seed(3)).unwrap_err();
        assert_eq!(error, PayloadError::ShortChat { bytes });
        assert_eq!(
            error.to_string(),
            "a chat payload of 39 bytes is too short: it takes 40 with an empty content"
        );
    }

    #[test]
    fn the_seed_decides_the_payloads_and_they_differ() {
        let texts = || {
            let mut source = source(Payload::Text, 20);
            (0..3).map(|_| source.next(NOW).0.to_vec()).collect::<Vec<_>>()
        };
        let once = texts();
        assert_eq!(once, texts());
        assert_ne!(once[0], once[1]);
    }
}

//! What a message carries: printable text, a chat's JSON, or an application's, of an exact number of bytes.
//!
//! An application's object has an identifier that never repeats, names that always do, numbers, and a text of common words.
//! So it compresses as such messages do, neither like one repeated letter nor like noise.
//!
//! Pure: the wall clock's time and the randomness are given.

use fastrand::Rng;
use model::scenario::SMALLEST_JSON_BYTES;
use model::settings::Payload;
use protocol::message::PayloadKind;

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

const KINDS: [&str; 4] = ["created", "updated", "shipped", "deleted"];

/// By falling frequency in English prose; each is drawn about as often as Zipf has it, by 1 ÷ its place.
const WORDS: [&str; 64] = [
    "the", "of", "and", "to", "in", "is", "that", "for", "it", "as", "was", "with", "be", "by", "on", "not",
    "this", "are", "or", "from", "at", "which", "have", "an", "they", "you", "were", "their", "one", "all",
    "can", "has", "there", "been", "if", "more", "when", "will", "would", "who", "so", "order", "customer",
    "delivery", "please", "address", "tomorrow", "morning", "confirm", "payment", "invoice", "received",
    "package", "station", "account", "question", "answer", "meeting", "project", "release", "server",
    "network", "message", "thanks",
];

/// A payload that cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// So many bytes are fewer than the JSON round an empty content takes.
    #[error("a chat payload of {0} bytes is too short: it takes {SHORTEST_CHAT_BYTES} with an empty content")]
    ShortChat(u32),
    /// So many bytes are fewer than a JSON object with something in it takes.
    #[error("a JSON payload of {0} bytes is too short: it takes {SMALLEST_JSON_BYTES}")]
    ShortJson(u32),
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
    /// Fails when such a payload cannot be so short.
    pub fn new(payload: Payload, bytes: u32, mut rng: Rng) -> Result<Self, PayloadError> {
        let text_len = match payload {
            Payload::Chat => bytes.checked_sub(SHORTEST_CHAT_BYTES).ok_or(PayloadError::ShortChat(bytes))?,
            Payload::Json if bytes < SMALLEST_JSON_BYTES => return Err(PayloadError::ShortJson(bytes)),
            Payload::Text | Payload::Json => bytes,
        } as usize;
        let pool = (0..text_len + POOL_SURPLUS).map(|_| printable(&mut rng)).collect();
        Ok(Self { payload, pool, text_len, rng, current: Vec::with_capacity(bytes as usize) })
    }

    /// The next payload, and how it stands in a message. `unix_ms` is the time in a chat message.
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
                append_json(&mut self.current, self.text_len, &mut self.rng);
                (&self.current, PayloadKind::Json)
            }
        }
    }

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
    let start = out.len();
    out.resize(start + TIMESTAMP_DIGITS, 0);
    for digit in out[start..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// Appends an object of exactly `bytes` bytes, which must be [`SMALLEST_JSON_BYTES`]
/// at least.
fn append_json(out: &mut Vec<u8>, bytes: usize, rng: &mut Rng) {
    let start = out.len();
    let (id, kind) = (rng.u64(..), KINDS[rng.usize(..KINDS.len())]);
    let (euros, cents, quantity) = (rng.u32(1..500), rng.u32(10..100), rng.u32(1..20));
    let head = format!(
        r#"{{"id":"{id:016x}","kind":"{kind}","price":{euros}.{cents},"quantity":{quantity},"text":""#
    );
    out.extend_from_slice(head.as_bytes());
    let end = start + bytes - br#""}"#.len();
    while out.len() < end {
        out.extend_from_slice(word(rng).as_bytes());
        out.push(b' ');
    }
    out.truncate(end);
    out.extend_from_slice(br#""}"#);
}

/// Place r, from 0, with a weight of ln (1 + 1 ÷ (r + 1)): the logarithm of the place is uniform, so its density falls
/// as 1 ÷ (r + 1).
fn word(rng: &mut Rng) -> &'static str {
    let place = (WORDS.len() as f64 + 1.0).powf(rng.f64()) - 1.0;
    // Rounding must not lead beyond the last one.
    WORDS[(place as usize).min(WORDS.len() - 1)]
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
    fn a_chat_shorter_than_its_json_is_rejected() {
        let bytes = SHORTEST_CHAT_BYTES - 1;
        let error = PayloadSource::new(Payload::Chat, bytes, Rng::with_seed(3)).unwrap_err();
        assert_eq!(error, PayloadError::ShortChat(bytes));
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

    #[test]
    fn an_object_is_json_of_its_exact_length() {
        let mut rng = Rng::with_seed(5);
        for bytes in [SMALLEST_JSON_BYTES as usize, 101, 256, 1_024, 16_384] {
            for _ in 0..200 {
                let mut out = Vec::new();
                append_json(&mut out, bytes, &mut rng);
                assert_eq!(out.len(), bytes);
                let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
                assert!(value["price"].as_f64().unwrap() >= 1.0);
                assert!(!value["text"].as_str().unwrap().is_empty());
            }
        }
    }

    #[test]
    fn words_are_drawn_by_their_places() {
        let mut rng = Rng::with_seed(5);
        let mut drawn = [0u32; WORDS.len()];
        for _ in 0..1_000_000 {
            let word = word(&mut rng);
            drawn[WORDS.iter().position(|&other| other == word).unwrap()] += 1;
        }
        for (place, &times) in drawn.iter().enumerate() {
            let weight = (1.0 + 1.0 / (place as f64 + 1.0)).ln() / (WORDS.len() as f64 + 1.0).ln();
            let share = f64::from(times) / 1e6;
            assert!((share - weight).abs() < 0.1 * weight, "place {place}: {share} against {weight}");
        }
    }

    #[test]
    fn no_two_objects_are_alike() {
        let mut rng = Rng::with_seed(5);
        let mut object = || {
            let mut out = Vec::new();
            append_json(&mut out, 200, &mut rng);
            out
        };
        assert_ne!(object(), object());
    }
}

//! A JSON object as an application sends it: an identifier that repeats nowhere, names that repeat everywhere, numbers,
//! and a text of common words, the commoner the more often. So it compresses as such messages do, neither like a string of
//! x's nor like noise.

use fastrand::Rng;

const KINDS: [&str; 4] = ["created", "updated", "shipped", "deleted"];

/// By falling frequency in English prose; each is drawn about as often as its place says (Zipf).
const WORDS: [&str; 64] = [
    "the", "of", "and", "to", "in", "is", "that", "for", "it", "as", "was", "with", "be", "by", "on", "not",
    "this", "are", "or", "from", "at", "which", "have", "an", "they", "you", "were", "their", "one", "all",
    "can", "has", "there", "been", "if", "more", "when", "will", "would", "who", "so", "order", "customer",
    "delivery", "please", "address", "tomorrow", "morning", "confirm", "payment", "invoice", "received",
    "package", "station", "account", "question", "answer", "meeting", "project", "release", "server",
    "network", "message", "thanks",
];

/// Appends an object of exactly `bytes` bytes, which must be [`SMALLEST_JSON_BYTES`](schema::scenario::SMALLEST_JSON_BYTES)
/// at least.
pub(super) fn append(out: &mut Vec<u8>, bytes: usize, rng: &mut Rng) {
    let begin = out.len();
    let (id, kind) = (rng.u64(..), KINDS[rng.usize(..KINDS.len())]);
    let (euros, cents, quantity) = (rng.u32(1..500), rng.u32(10..100), rng.u32(1..20));
    let head = format!(
        r#"{{"id":"{id:016x}","kind":"{kind}","price":{euros}.{cents},"quantity":{quantity},"text":""#
    );
    out.extend_from_slice(head.as_bytes());
    let end = begin + bytes - br#""}"#.len();
    while out.len() < end {
        out.extend_from_slice(word(rng).as_bytes());
        out.push(b' ');
    }
    out.truncate(end);
    out.extend_from_slice(br#""}"#);
}

/// Place r with a weight of about 1 ÷ (r + 1): the product of two uniform numbers leans to the small ones.
fn word(rng: &mut Rng) -> &'static str {
    let place = rng.f64() * rng.f64() * WORDS.len() as f64;
    WORDS[place as usize]
}

#[cfg(test)]
mod tests {
    use schema::scenario::SMALLEST_JSON_BYTES;

    use super::*;

    #[test]
    fn an_object_is_json_of_its_exact_length() {
        let mut rng = Rng::with_seed(5);
        for bytes in [SMALLEST_JSON_BYTES as usize, 101, 256, 1_024, 16_384] {
            for _ in 0..200 {
                let mut out = Vec::new();
                append(&mut out, bytes, &mut rng);
                assert_eq!(out.len(), bytes);
                let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
                assert!(value["price"].as_f64().unwrap() >= 1.0);
                assert!(!value["text"].as_str().unwrap().is_empty());
            }
        }
    }

    #[test]
    fn no_two_objects_are_alike() {
        let mut rng = Rng::with_seed(5);
        let mut object = || {
            let mut out = Vec::new();
            append(&mut out, 200, &mut rng);
            out
        };
        assert_ne!(object(), object());
    }
}

//! A JSON object as an application sends it: an identifier that repeats nowhere, names that repeat everywhere, numbers,
//! and a text of common words, the commoner the more often. So it compresses as such messages do, neither like a string of
//! x's nor like noise.

use fastrand::Rng;

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

/// Appends an object of exactly `bytes` bytes, which must be [`SMALLEST_JSON_BYTES`](model::scenario::SMALLEST_JSON_BYTES)
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

/// Place r, from 0, with a weight of ln (1 + 1 ÷ (r + 1)): the logarithm of the place is uniform, so its density falls
/// as 1 ÷ (r + 1).
fn word(rng: &mut Rng) -> &'static str {
    let place = (WORDS.len() as f64 + 1.0).powf(rng.f64()) - 1.0;
    // Rounding must not lead beyond the last one.
    WORDS[(place as usize).min(WORDS.len() - 1)]
}

#[cfg(test)]
mod tests {
    use model::scenario::SMALLEST_JSON_BYTES;

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
            append(&mut out, 200, &mut rng);
            out
        };
        assert_ne!(object(), object());
    }
}

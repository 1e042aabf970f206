//! Finds messages in what servers of others send: a frame, an event's data, a line or a body may hold one or several, bare or
//! in an envelope, as JSON or as text in JSON.
//!
//! A stamp of 40 hex digits is unique, so it marks a message wherever it stands: `["` before it, `",` behind it, with white space
//! between the tokens or without. In a text within JSON the quotes are escaped (RFC 8259 §7), as `\"` or `\u0022`; the text is
//! unescaped first, and may itself hold such a text. What was changed on the way is found nevertheless, and has another length.

use std::ops::Range;

use memchr::{memchr, memchr2};
use protocol::message::{Message, PREFIX_LEN, PayloadKind, Stamp};

/// Digits of a stamp.
const DIGITS: usize = 40;
/// Texts within texts are looked into this deep.
const MOST_DEPTH: u32 = 4;

/// A message where it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<'a> {
    pub stamp: Stamp,
    pub kind: PayloadKind,
    /// Without quotes and escapes of an envelope.
    pub payload: &'a [u8],
    /// Bytes of the whole message, likewise.
    pub len: usize,
}

impl Found<'_> {
    /// Whether nothing stands beside stamp and payload.
    pub fn is_bare(&self) -> bool {
        self.len == self.payload.len() + self.kind.stamp_len()
    }
}

/// Hands every message in `bytes` to `take`, in order, and returns how many there were.
pub fn find(bytes: &[u8], mut take: impl FnMut(Found<'_>)) -> usize {
    find_at(bytes, MOST_DEPTH, &mut take)
}

fn find_at(bytes: &[u8], depth: u32, take: &mut dyn FnMut(Found<'_>)) -> usize {
    let (mut at, mut messages) = (0, 0);
    while let Some(open) = memchr(b'[', &bytes[at..]).map(|found| at + found) {
        at = open + 1;
        match bytes.get(at) {
            Some(b'\\') if depth > 0 => {
                let (text, len) = unescaped(&bytes[open..]);
                messages += find_at(&text, depth - 1, take);
                // Only the last byte may be the bracket of a message that is no text.
                at = at.max(open + len - 1);
            }
            _ => {
                if let Some(message) = message(&bytes[open..]) {
                    at = open + message.len;
                    messages += 1;
                    take(message);
                }
            }
        }
    }
    messages
}

/// The message that begins with the bracket at the front of `bytes`, whole or cut off.
fn message(bytes: &[u8]) -> Option<Found<'_>> {
    let digits_at = after_space(bytes, 1) + 1;
    let digits = bytes.get(digits_at..digits_at + DIGITS)?;
    if bytes[digits_at - 1] != b'"' || bytes.get(digits_at + DIGITS) != Some(&b'"') {
        return None;
    }
    let stamp = stamp(digits)?;
    let comma = after_space(bytes, digits_at + DIGITS + 1);
    let value_at = after_space(bytes, comma + usize::from(bytes.get(comma) == Some(&b',')));
    let kind = bytes.get(value_at).map_or(PayloadKind::Json, |&first| PayloadKind::of(first));
    let (payload, behind) = match kind {
        PayloadKind::Text => text(bytes, value_at + 1),
        PayloadKind::Json => value(bytes, value_at),
    };
    let bracket = after_space(bytes, behind);
    let len = if bytes.get(bracket) == Some(&b']') { bracket + 1 } else { behind };
    Some(Found { stamp, kind, payload: &bytes[payload], len })
}

fn stamp(digits: &[u8]) -> Option<Stamp> {
    let mut bare = *br#"["0000000000000000000000000000000000000000",0]"#;
    bare[2..PREFIX_LEN - 2].copy_from_slice(digits);
    Message::decode(&bare).ok().map(|message| message.stamp)
}

/// Where a text ends whose first byte stands at `begin`, and what follows its quote.
fn text(bytes: &[u8], begin: usize) -> (Range<usize>, usize) {
    let end = memchr(b'"', &bytes[begin..]).map_or(bytes.len(), |found| begin + found);
    (begin..end, bytes.len().min(end + 1))
}

/// Where a JSON value ends that begins at `begin`: at the bracket that closes what is round it.
fn value(bytes: &[u8], begin: usize) -> (Range<usize>, usize) {
    let (mut depth, mut in_text, mut at) = (0u32, false, begin);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if in_text => at += 1,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth == 0 => break,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    let end = at.min(bytes.len());
    let trimmed = bytes[begin..end].trim_ascii_end().len();
    (begin..begin + trimmed, end)
}

/// The index of the first byte at or behind `at` that is no white space of JSON.
fn after_space(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| b" \t\r\n".contains(byte)).count()
}

/// The rest of a text of JSON, up to its closing quote, without escapes; and how many bytes it took.
fn unescaped(bytes: &[u8]) -> (Vec<u8>, usize) {
    let (mut text, mut at) = (Vec::new(), 0);
    while let Some(next) = memchr2(b'\\', b'"', &bytes[at..]) {
        text.extend_from_slice(&bytes[at..at + next]);
        at += next;
        match (bytes[at], bytes.get(at + 1)) {
            (b'\\', Some(b'u')) => {
                let unit = |at: usize| {
                    let digits = bytes.get(at + 2..at + 6).filter(|_| bytes[at..].starts_with(b"\\u"));
                    u16::from_str_radix(std::str::from_utf8(digits?).ok()?, 16).ok()
                };
                let Some(first) = unit(at) else { return (text, at) };
                let second = unit(at + 6).filter(|_| (0xd800..0xdc00).contains(&first));
                let decoded = char::decode_utf16([Some(first), second].into_iter().flatten()).next();
                let character = decoded.and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER);
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                at += if second.is_some() { 12 } else { 6 };
            }
            (b'\\', Some(&escape)) => {
                text.push(match escape {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'f' => 12,
                    other => other,
                });
                at += 2;
            }
            _ => return (text, at),
        }
    }
    text.extend_from_slice(&bytes[at..]);
    (text, bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"["0000002a000000e8d4a51000000000e8d4a51007","hello"]"#;
    const JSON: &str = r#"["0000002b000000e8d4a51000000000e8d4a51007",{"a":[1,"]\""],"b":2}]"#;

    fn json(text: &str) -> String {
        serde_json::to_string(text).unwrap()
    }

    /// The payloads of all messages, marked where something stands beside stamp and payload.
    fn payloads(bytes: &str) -> Vec<String> {
        let mut found = Vec::new();
        let count = find(bytes.as_bytes(), |message| {
            let mark = if message.is_bare() { "" } else { " +" };
            found.push(format!("{}{mark}", String::from_utf8_lossy(message.payload)));
        });
        assert_eq!(count, found.len());
        found
    }

    #[test]
    fn a_message_is_found_in_any_envelope() {
        let object = r#"{"a":[1,"]\""],"b":2}"#;
        let twice = json(&json(TEXT));
        for (bytes, expected) in [
            (TEXT.to_owned(), vec!["hello"]),
            (JSON.to_owned(), vec![object]),
            (format!("{TEXT}\n{JSON}\r\n"), vec!["hello", object]),
            (format!("[{TEXT},{JSON}]"), vec!["hello", object]),
            (format!(r#"{{"channel":"[x]","data":{TEXT},"offset":7}}"#), vec!["hello"]),
            (format!(r#"{{"data":{}}}"#, json(TEXT)), vec!["hello"]),
            (format!(r#"{{"data":[{},{}]}}"#, json(TEXT), json(JSON)), vec!["hello", object]),
            (format!(r#"a[{twice}]"#), vec!["hello"]),
            (json(TEXT).replace("\\\"", "\\u0022"), vec!["hello"]),
            (json(&format!("é\u{1f600}\n{TEXT}")).replace('é', "\\u00e9"), vec!["hello"]),
            (format!("MESSAGE\nsubscription:0\n\n{TEXT}\0"), vec!["hello"]),
            (format!(r#"[\x{TEXT}"#), vec!["hello"]),
        ] {
            assert_eq!(payloads(&bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn what_was_changed_on_the_way_is_found_and_has_another_length() {
        for (bytes, expected) in [
            (TEXT.replace("\",\"", "\", \""), "hello +"),
            (TEXT.replace("[\"", "[\n  \""), "hello +"),
            (JSON.replace("\"b\":2", "\"b\": 2").replace("}]", "} ]"), r#"{"a":[1,"]\""],"b": 2} +"#),
            (TEXT[..TEXT.len() - 4].to_owned(), "hel +"),
            (JSON[..JSON.len() - 4].to_owned(), r#"{"a":[1,"]\""],"b" +"#),
            (TEXT[..44].to_owned(), " +"),
            (TEXT.replace("ll", "\""), "he +"),
        ] {
            assert_eq!(payloads(&bytes), [expected], "{bytes}");
        }
    }

    #[test]
    fn what_holds_no_stamp_holds_no_message() {
        let garbled = TEXT.replace("000000e8", "000000E8");
        for bytes in
            ["", "[", "{}", r#"{"type":"welcome"}"#, r#"["ping",1]"#, r"[\", &TEXT[..41], &garbled, "[\\u00"]
        {
            assert_eq!(payloads(bytes), [""; 0], "{bytes}");
        }
    }
}

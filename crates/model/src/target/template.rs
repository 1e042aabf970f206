//! What a client writes, with placeholders in it: a text, or bytes in hex.
//!
//! - a text: `{channel}`, `{subscriber}` (a number of its own for each subscriber), `{message}` (the message as it is),
//!   `{message_json}` (as a JSON string with its quotes), `{message_bytes}` (its length), and the values that were found in
//!   earlier answers
//! - hex: pairs of digits, with white space between them or without; texts in single quotes; `1( … )`, `2( … )` or `4( … )`
//!   for the length of what is within, as so many bytes, before it; `v( … )` for a length of seven bits a byte, lowest first

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A frame of WebSocket that a client writes, or a part of one that it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Frame {
    /// Text.
    Text(String),
    /// Bytes, as hex.
    Hex(String),
}

impl Frame {
    /// The same with its text as `change` returns it.
    #[must_use]
    pub fn with(&self, change: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Text(text) => Self::Text(change(text)),
            Self::Hex(text) => Self::Hex(change(text)),
        }
    }

    /// Its template.
    /// Fails with a sentence when it is hex that cannot be read.
    pub fn template(&self) -> Result<Template, String> {
        match self {
            Self::Text(text) => Ok(Template::text(text)),
            Self::Hex(text) => Template::hex(text),
        }
    }
}

/// What placeholders stand for.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    pub channel: u32,
    pub subscriber: u32,
    pub message: &'a [u8],
    /// Values that were found in answers, by their names.
    pub found: &'a BTreeMap<String, String>,
}

/// A text or bytes with placeholders, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Bytes(Vec<u8>),
    Channel,
    Subscriber,
    Message,
    MessageJson,
    MessageBytes,
    /// What was found by this name.
    Found(String),
    /// Its length before it.
    Sized(Width, Template),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    /// So many bytes, highest first.
    Bytes(usize),
    /// Seven bits a byte, lowest first; the eighth says that more follow (MQTT 3.1.1 §2.2.3).
    Variable,
}

impl Template {
    /// Of a text. Braces around anything but a name stay as they are.
    pub fn text(text: &str) -> Self {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, name, behind)) = placeholder(rest) {
            pieces.push(Piece::Bytes(before.as_bytes().to_vec()));
            pieces.push(match name {
                "channel" => Piece::Channel,
                "subscriber" => Piece::Subscriber,
                "message" => Piece::Message,
                "message_json" => Piece::MessageJson,
                "message_bytes" => Piece::MessageBytes,
                _ => Piece::Found(name.to_owned()),
            });
            rest = behind;
        }
        pieces.push(Piece::Bytes(rest.as_bytes().to_vec()));
        pieces.retain(|piece| !matches!(piece, Piece::Bytes(bytes) if bytes.is_empty()));
        Self(pieces)
    }

    /// Of bytes in hex.
    /// Fails with a sentence when they cannot be read.
    pub fn hex(text: &str) -> Result<Self, String> {
        let (template, rest) = hex(text)?;
        if rest.is_empty() { Ok(template) } else { Err("it has a `)` too many".to_owned()) }
    }

    /// Appends it to `out`, with these values.
    pub fn append(&self, values: &Values<'_>, out: &mut Vec<u8>) {
        for piece in &self.0 {
            match piece {
                Piece::Bytes(bytes) => out.extend_from_slice(bytes),
                Piece::Channel => out.extend_from_slice(values.channel.to_string().as_bytes()),
                Piece::Subscriber => out.extend_from_slice(values.subscriber.to_string().as_bytes()),
                Piece::Message => out.extend_from_slice(values.message),
                Piece::MessageJson => {
                    let text = String::from_utf8_lossy(values.message);
                    serde_json::to_writer(&mut *out, &text).expect("memory takes all that is written");
                }
                Piece::MessageBytes => out.extend_from_slice(values.message.len().to_string().as_bytes()),
                Piece::Found(name) => match values.found.get(name) {
                    Some(value) => out.extend_from_slice(value.as_bytes()),
                    None => out.extend_from_slice(format!("{{{name}}}").as_bytes()),
                },
                Piece::Sized(width, inner) => {
                    let mut bytes = Vec::new();
                    inner.append(values, &mut bytes);
                    width.append(bytes.len(), out);
                    out.extend_from_slice(&bytes);
                }
            }
        }
    }

    /// Whether it says where the message goes.
    pub fn has_message(&self) -> bool {
        self.0.iter().any(|piece| match piece {
            Piece::Message | Piece::MessageJson => true,
            Piece::Sized(_, inner) => inner.has_message(),
            _ => false,
        })
    }

    /// The names that stand for what earlier answers held.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Found(name) => names.push(name.as_str()),
                Piece::Sized(_, inner) => names.extend(inner.names()),
                _ => {}
            }
        }
        names
    }

    /// Looks for it in `bytes`. A name without a value stands for anything up to what follows it; what that is comes back
    /// by its name. None where it does not occur.
    pub fn find(&self, bytes: &[u8], values: &Values<'_>) -> Option<BTreeMap<String, String>> {
        let mut literals = vec![Vec::new()];
        let mut names = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Found(name) if !values.found.contains_key(name) => {
                    names.push(name);
                    literals.push(Vec::new());
                }
                other => Self(vec![other.clone()]).append(values, literals.last_mut()?),
            }
        }
        let mut at = position(bytes, &literals[0])? + literals[0].len();
        let mut found = BTreeMap::new();
        for (name, literal) in names.into_iter().zip(&literals[1..]) {
            let end = if literal.is_empty() { bytes.len() } else { at + position(&bytes[at..], literal)? };
            found.insert(name.clone(), String::from_utf8_lossy(&bytes[at..end]).into_owned());
            at = end + literal.len();
        }
        Some(found)
    }
}

impl Width {
    fn append(self, mut len: usize, out: &mut Vec<u8>) {
        match self {
            Self::Bytes(width) => out.extend_from_slice(&(len as u64).to_be_bytes()[8 - width..]),
            Self::Variable => {
                while len > 0x7f {
                    out.push((len & 0x7f) as u8 | 0x80);
                    len >>= 7;
                }
                out.push(len as u8);
            }
        }
    }
}

fn position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() { Some(0) } else { bytes.windows(part.len()).position(|window| window == part) }
}

/// The first name in braces: what stands before it, the name, and what follows.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    text.match_indices('{').find_map(|(open, _)| {
        let (name, behind) = text[open + 1..].split_once('}')?;
        is_name(name).then_some((&text[..open], name, behind))
    })
}

/// Up to the bracket that closes it, or the end; and what follows.
fn hex(mut rest: &str) -> Result<(Template, &str), String> {
    let mut pieces = Vec::new();
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok((Template(pieces), rest)) };
        let digit = |at: usize| rest.as_bytes().get(at).and_then(|byte| char::from(*byte).to_digit(16));
        if first == ')' {
            return Ok((Template(pieces), rest));
        } else if let Some(quoted) = rest.strip_prefix('\'') {
            let (text, behind) = quoted.split_once('\'').ok_or("a quote is not closed")?;
            pieces.extend(Template::text(text).0);
            rest = behind;
        } else if rest[first.len_utf8()..].starts_with('(') {
            let width = match first {
                '1' | '2' | '4' => Width::Bytes(first as usize - '0' as usize),
                'v' => Width::Variable,
                _ => return Err(format!("`{first}(` is no length; there are 1(, 2(, 4( and v(")),
            };
            let (inner, behind) = hex(&rest[2..])?;
            rest = behind.strip_prefix(')').ok_or("a `(` is not closed")?;
            pieces.push(Piece::Sized(width, inner));
        } else if let (Some(high), Some(low)) = (digit(0), digit(1)) {
            pieces.push(Piece::Bytes(vec![(high << 4 | low) as u8]));
            rest = &rest[2..];
        } else {
            return Err(format!("`{}` is no pair of hex digits", rest.chars().take(2).collect::<String>()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &Template, found: &BTreeMap<String, String>) -> Vec<u8> {
        let mut out = Vec::new();
        let values = Values { channel: 7, subscriber: 3, message: br#"["00","a"]"#, found };
        template.append(&values, &mut out);
        out
    }

    #[test]
    fn a_text_has_placeholders() {
        let found = BTreeMap::from([("client_id".to_owned(), "x1".to_owned())]);
        for (text, expected) in [
            ("{message}", r#"["00","a"]"#),
            (
                r#"{"channel":"c{channel}","data":{message_json}}"#,
                r#"{"channel":"c7","data":"[\"00\",\"a\"]"}"#,
            ),
            (r#"{"a":{message},"b":{message}}"#, r#"{"a":["00","a"],"b":["00","a"]}"#),
            ("PUB c{channel} {message_bytes}\r\n", "PUB c7 10\r\n"),
            ("{messages} { x } {{subscriber}}", "{messages} { x } {3}"),
            ("{client_id}/{other_id}", "x1/{other_id}"),
        ] {
            assert_eq!(String::from_utf8_lossy(&filled(&Template::text(text), &found)), expected, "{text}");
        }
    }

    #[test]
    fn hex_has_texts_and_lengths() {
        let none = BTreeMap::new();
        let long = format!("v('{}')", "x".repeat(321));
        for (text, expected) in [
            ("30 0aFF", b"\x30\x0a\xff".to_vec()),
            ("82 v( 0001 2('c{channel}') 00 )", b"\x82\x07\x00\x01\x00\x02c7\x00".to_vec()),
            ("1(4('ab'))", b"\x06\x00\x00\x00\x02ab".to_vec()),
            (&long, [b"\xc1\x02".to_vec(), vec![b'x'; 321]].concat()),
        ] {
            assert_eq!(filled(&Template::hex(text).unwrap(), &none), expected, "{text}");
        }
        for (text, why) in [
            ("3", "`3` is no pair of hex digits"),
            ("3(00)", "`3(` is no length"),
            ("2(00", "a `(` is not closed"),
            ("00)", "a `)` too many"),
            ("'x", "a quote is not closed"),
            ("é(00)", "is no length"),
        ] {
            let error = Template::hex(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_pattern_is_found_and_its_names_get_values() {
        let found = BTreeMap::from([("id".to_owned(), "9".to_owned())]);
        let values = Values { channel: 7, subscriber: 3, message: b"", found: &found };
        for (pattern, bytes, expected) in [
            ("ack", "connection_ack", Some(vec![])),
            ("ack", "welcome", None),
            (r#""clientId":"{client_id}""#, r#"[{"clientId":"ab","x":1}]"#, Some(vec![("client_id", "ab")])),
            (r#""clientId":"{client_id}""#, r#"[{"clientId":"ab"#, None),
            ("session:{session}", "CONNECTED\nsession:12", Some(vec![("session", "12")])),
            ("id={id};c{channel}", "id=9;c7", Some(vec![])),
            ("id={id};", "id=8;", None),
        ] {
            let expected = expected.map(|pairs: Vec<(&str, &str)>| {
                pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
            });
            assert_eq!(
                Template::text(pattern).find(bytes.as_bytes(), &values),
                expected,
                "{pattern} {bytes}"
            );
        }
    }
}

//! The body of a request that publishes: the message, or a template with it.

use bytes::{BufMut as _, BytesMut};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Channel,
    Message,
    /// As a JSON string with its quotes.
    MessageJson,
}

const PLACEHOLDERS: [(&str, Piece); 3] =
    [("{channel}", Piece::Channel), ("{message}", Piece::Message), ("{message_json}", Piece::MessageJson)];

/// What a body is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BodyTemplate(Vec<Piece>);

impl BodyTemplate {
    /// Of a text with placeholders; without a text the body is the message.
    pub(super) fn new(text: Option<&str>) -> Self {
        let Some(mut rest) = text else { return Self(vec![Piece::Message]) };
        let mut pieces = Vec::new();
        while let Some((at, name, piece)) = PLACEHOLDERS
            .iter()
            .filter_map(|(name, piece)| Some((rest.find(name)?, name, piece)))
            .min_by_key(|(at, ..)| *at)
        {
            pieces.extend([Piece::Text(rest[..at].to_owned()), piece.clone()]);
            rest = &rest[at + name.len()..];
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        Self(pieces)
    }

    /// Appends the body of `message` to `out`.
    pub(super) fn append(&self, channel: u32, message: &[u8], out: &mut BytesMut) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Channel => out.extend_from_slice(channel.to_string().as_bytes()),
                Piece::Message => out.extend_from_slice(message),
                Piece::MessageJson => {
                    let text = String::from_utf8_lossy(message);
                    serde_json::to_writer((&mut *out).writer(), &text)
                        .expect("memory takes all that is written");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_the_message_or_a_template_with_it() {
        let message = br#"["00","a"]"#;
        for (template, expected) in [
            (None, r#"["00","a"]"#),
            (Some("{message}"), r#"["00","a"]"#),
            (
                Some(r#"{"channel":"c{channel}","data":{message_json}}"#),
                r#"{"channel":"c7","data":"[\"00\",\"a\"]"}"#,
            ),
            (Some(r#"{"a":{message},"b":{message}}"#), r#"{"a":["00","a"],"b":["00","a"]}"#),
            (Some("{messages}"), "{messages}"),
        ] {
            let mut out = BytesMut::new();
            BodyTemplate::new(template).append(7, message, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{template:?}");
        }
    }
}

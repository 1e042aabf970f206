//! What an event or an acknowledgement carries ("Sending and receiving data", "Acknowledgement").

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Kind, Packet};

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A JSON value as in the packet. A placeholder deeper inside it stays; its number is the place among
    /// the packet's attachments.
    Json(Bytes),
    /// An attachment.
    Binary(Bytes),
}

impl Argument {
    /// The text, if it is a JSON string.
    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Json(json) => serde_json::from_slice(json).ok(),
            Self::Binary(_) => None,
        }
    }
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it is called; a number is taken by its digits.
    pub name: String,
    /// What it carries.
    pub arguments: Vec<Argument>,
}

/// Why a packet's data is not what it must be.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// It is no JSON array.
    #[error("a packet's data is no JSON array")]
    Json(#[from] serde_json::Error),
    /// The event has no name.
    #[error("an event has no name")]
    NoName,
    /// The event has a name that is reserved for the connection.
    #[error("an event has the reserved name {0}")]
    Reserved(String),
    /// A placeholder names an attachment that is missing.
    #[error("a placeholder stands for attachment {0}, which is not there")]
    Placeholder(u64),
}

/// The JSON object in an attachment's place.
#[derive(Deserialize)]
struct Placeholder {
    #[serde(rename = "_placeholder")]
    is_one: bool,
    num: u64,
}

/// Names that the reference takes from nobody (`socket.io-parser` 4.2.7).
const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

impl Packet {
    /// An event's packet of the main namespace, binary if an argument is; with an id, it wants an answer.
    pub fn event(name: &str, arguments: &[Argument], id: Option<u64>) -> Self {
        let name = serde_json::to_string(name).expect("a string is JSON");
        let all = [&[Argument::Json(name.into())], arguments].concat();
        Self::of_arguments([Kind::Event, Kind::BinaryEvent], &all, id)
    }

    /// The answer to the event of this id, binary if an argument is.
    pub fn ack(id: u64, arguments: &[Argument]) -> Self {
        Self::of_arguments([Kind::Ack, Kind::BinaryAck], arguments, Some(id))
    }

    fn of_arguments([plain, binary]: [Kind; 2], arguments: &[Argument], id: Option<u64>) -> Self {
        let (data, attachments) = encode(arguments);
        let kind = if attachments.is_empty() { plain } else { binary };
        Self { id, attachments, ..Self::new(kind, data) }
    }

    /// What an acknowledgement carries, or an event with its name before it.
    /// Fails when the data is no JSON array, or an attachment is missing.
    pub fn arguments(&self) -> Result<Vec<Argument>, PayloadError> {
        let _: Vec<IgnoredAny> = serde_json::from_slice(&self.data)?;
        elements(&self.data).map(|element| self.argument(element)).collect()
    }

    /// The event that the packet is.
    /// Fails as [`arguments`](Self::arguments), and when it has no name, or one that nobody may use.
    pub fn to_event(&self) -> Result<Event, PayloadError> {
        let mut arguments = self.arguments()?;
        if arguments.is_empty() {
            return Err(PayloadError::NoName);
        }
        let name = match arguments.remove(0) {
            Argument::Json(name) if name.starts_with(b"\"") => serde_json::from_slice(&name)?,
            Argument::Json(name) if matches!(name.first(), Some(b'-' | b'0'..=b'9')) => {
                String::from_utf8_lossy(&name).into_owned()
            }
            Argument::Json(_) | Argument::Binary(_) => return Err(PayloadError::NoName),
        };
        if RESERVED.contains(&name.as_str()) {
            return Err(PayloadError::Reserved(name));
        }
        Ok(Event { name, arguments })
    }

    fn argument(&self, element: &[u8]) -> Result<Argument, PayloadError> {
        // serde would take an array for it, too.
        let may_be = self.kind.is_binary() && element.starts_with(b"{");
        let placeholder = may_be.then(|| serde_json::from_slice(element).ok()).flatten();
        let Some(Placeholder { is_one: true, num }) = placeholder else {
            return Ok(Argument::Json(self.data.slice_ref(element)));
        };
        let attachment = usize::try_from(num).ok().and_then(|at| self.attachments.get(at));
        attachment.cloned().map(Argument::Binary).ok_or(PayloadError::Placeholder(num))
    }
}

/// The elements of a JSON array that is known to be one.
fn elements(array: &[u8]) -> impl Iterator<Item = &[u8]> {
    let inside = array.trim_ascii();
    let inside = inside.get(1..inside.len().saturating_sub(1)).unwrap_or_default().trim_ascii();
    let mut rest = (!inside.is_empty()).then_some(inside);
    std::iter::from_fn(move || {
        let (element, behind) = first_element(rest?);
        rest = behind;
        Some(element.trim_ascii())
    })
}

/// Splits at the first comma that is in no string and in nothing nested.
fn first_element(list: &[u8]) -> (&[u8], Option<&[u8]>) {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for (at, &byte) in list.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return (&list[..at], Some(&list[at + 1..])),
            _ => {}
        }
    }
    (list, None)
}

fn encode(arguments: &[Argument]) -> (Bytes, Vec<Bytes>) {
    let (mut data, mut attachments) = (BytesMut::from(&b"["[..]), Vec::new());
    for (at, argument) in arguments.iter().enumerate() {
        if at > 0 {
            data.put_u8(b',');
        }
        match argument {
            Argument::Json(json) => data.put_slice(json),
            Argument::Binary(attachment) => {
                data.put_slice(format!("{{\"_placeholder\":true,\"num\":{}}}", attachments.len()).as_bytes());
                attachments.push(attachment.clone());
            }
        }
    }
    data.put_u8(b']');
    (data.freeze(), attachments)
}

//! An event's arguments, taken apart so that the library puts the attachments in their places again.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, SerializeTuple as _, Serializer};
use serde_json::Value as Json;
use socketioxide::handler::Value;

/// What stood behind the event's name.
pub(super) struct Arguments(Vec<Argument>);

enum Argument {
    Attachment(Bytes),
    Array(Vec<Argument>),
    Object(Vec<(String, Argument)>),
    Json(Json),
}

impl Arguments {
    /// None if it is no event, or has a placeholder for an attachment that is not there.
    pub(super) fn of(event: &Value) -> Option<Self> {
        let Value::Str(text, attachments) = event else { return None };
        let mut elements: VecDeque<Json> = serde_json::from_str(text).ok()?;
        elements.pop_front()?;
        let nothing = VecDeque::new();
        let attachments = attachments.as_ref().unwrap_or(&nothing);
        elements.into_iter().map(|json| Argument::of(json, attachments)).collect::<Option<_>>().map(Self)
    }
}

impl Argument {
    fn of(json: Json, attachments: &VecDeque<Bytes>) -> Option<Self> {
        Some(match json {
            Json::Object(object) if object.get("_placeholder") == Some(&Json::Bool(true)) => {
                let at = object.get("num")?.as_u64()?;
                Self::Attachment(attachments.get(usize::try_from(at).ok()?)?.clone())
            }
            Json::Object(object) => {
                let field = |(name, json)| Some((name, Self::of(json, attachments)?));
                Self::Object(object.into_iter().map(field).collect::<Option<_>>()?)
            }
            Json::Array(array) => {
                let element = |json| Self::of(json, attachments);
                Self::Array(array.into_iter().map(element).collect::<Option<_>>()?)
            }
            other => Self::Json(other),
        })
    }
}

/// A tuple, which the library takes for several arguments.
impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for argument in &self.0 {
            tuple.serialize_element(argument)?;
        }
        tuple.end()
    }
}

impl Serialize for Argument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Attachment(bytes) => serializer.serialize_bytes(bytes),
            Self::Json(json) => json.serialize(serializer),
            Self::Array(elements) => {
                let mut array = serializer.serialize_seq(Some(elements.len()))?;
                elements.iter().try_for_each(|element| array.serialize_element(element))?;
                array.end()
            }
            Self::Object(fields) => {
                let mut object = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(name, field)| object.serialize_entry(name, field))?;
                object.end()
            }
        }
    }
}

//! Why a message was none, on its way from one load process to another: for `#[serde(with = "unreadable")]`.

use protocol::message::MessageError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// [`MessageError`], which `protocol` has without serde.
#[derive(Serialize, Deserialize)]
enum Told {
    Short(usize),
    Punctuation(usize),
    Digit,
}

pub(super) fn serialize<S: Serializer>(error: &Option<MessageError>, to: S) -> Result<S::Ok, S::Error> {
    let told = error.map(|error| match error {
        MessageError::Short(bytes) => Told::Short(bytes),
        MessageError::Punctuation(at) => Told::Punctuation(at),
        MessageError::Digit => Told::Digit,
    });
    told.serialize(to)
}

pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Option<MessageError>, D::Error> {
    let told = Option::<Told>::deserialize(from)?;
    Ok(told.map(|told| match told {
        Told::Short(bytes) => MessageError::Short(bytes),
        Told::Punctuation(at) => MessageError::Punctuation(at),
        Told::Digit => MessageError::Digit,
    }))
}

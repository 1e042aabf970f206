//! An event's argument, as the library is given it: JSON that is written down already.

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

/// The name by which serde_json knows that a struct is a [`RawValue`](serde_json::value::RawValue), and writes its text
/// as it is. A `RawValue` itself can only be had by parsing the text, for each subscriber anew.
const RAW: &str = "$serde_json::private::RawValue";

/// The message as JSON: what is none, and would break the packet that it stands in, becomes a string.
pub(crate) fn encode(message: &Bytes) -> Bytes {
    match serde_json::from_slice::<IgnoredAny>(message) {
        Ok(_) => message.clone(),
        Err(_) => serde_json::Value::from(String::from_utf8_lossy(message)).to_string().into(),
    }
}

/// What [`encode`] made, as an argument.
pub(crate) struct Encoded<'a>(pub(crate) &'a str);

impl Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut raw = serializer.serialize_struct(RAW, 1)?;
        raw.serialize_field(RAW, self.0)?;
        raw.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_written_as_it_is() {
        for text in [r#"["00",  "x"]"#, "7", r#"{"a" : [ ]}"#] {
            assert_eq!(serde_json::to_string(&Encoded(text)).unwrap(), text);
        }
    }

    #[test]
    fn json_stays_what_it_is_and_what_is_none_becomes_a_string() {
        let message = Bytes::from_static(br#"["00",{"a": 1}]"#);
        assert_eq!(encode(&message), message);
        assert_eq!(encode(&Bytes::from_static(br#"["00",{{]"#)), r#""[\"00\",{{]""#);
    }
}

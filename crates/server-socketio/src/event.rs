//! JSON that is written down already.

use serde::de::IgnoredAny;
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

/// The name by which serde_json knows that a struct is a [`RawValue`](serde_json::value::RawValue), and writes its text
/// as it is. A `RawValue` itself can only be had by parsing the text, for each subscriber again.
const RAW: &str = "$serde_json::private::RawValue";

/// What is none would break the packet that it stands in.
pub(crate) fn is_json(message: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(message).is_ok()
}

/// JSON as an event's argument, as the library is given it.
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
    fn what_would_break_a_packet_is_no_json() {
        assert!(is_json(br#"["00",{"a": 1}]"#));
        for broken in [&br#"["00",{{]"#[..], br#"["00"],["01"]"#, b""] {
            assert!(!is_json(broken));
        }
    }
}

//! Socket.IO, protocol 5 (`socketio/socket.io`, `docs/socket.io-protocol/v5-current.md`), in the main namespace.

/// The digit that a packet begins with ("Packet encoding").
pub const TYPE: u64 = 1;

/// The framing of the only argument of an event, by the length of its name, in which JSON escapes nothing
/// ("Packet encoding", EVENT): the type, `["`, the name, `",` and `]`.
pub fn event(name: u64) -> u64 {
    TYPE + r#"["","#.len() as u64 + name + "]".len() as u64
}

/// A CONNECT with this many bytes of JSON ("Connection to a namespace").
pub fn connect(auth: u64) -> u64 {
    TYPE + auth
}

/// Its answer with a session's id of this many bytes ("Connection to a namespace").
pub fn connected(sid: u64) -> u64 {
    TYPE + r#"{"sid":""}"#.len() as u64 + sid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_as_long_as_their_texts() {
        // The protocol document's examples, without their Engine.IO type.
        assert_eq!(event("foo".len() as u64) + 5, r#"2["foo","bar"]"#.len() as u64);
        assert_eq!(connect(r#"{"token":"123"}"#.len() as u64), r#"0{"token":"123"}"#.len() as u64);
        let answer = r#"0{"sid":"wZX3oN0bSVIhsaknAAAI"}"#;
        assert_eq!(connected("wZX3oN0bSVIhsaknAAAI".len() as u64), answer.len() as u64);
    }
}

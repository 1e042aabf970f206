//! Server-Sent Events (WHATWG HTML §9.2): the framing of a message of one line.

use crate::digits;

/// `name: value` and its line end (WHATWG HTML §9.2.5).
pub fn field(name_bytes: u64, value_bytes: u64) -> u64 {
    name_bytes + ": ".len() as u64 + value_bytes + 1
}

/// The empty line that dispatches an event (WHATWG HTML §9.2.6).
pub const DISPATCH: u64 = 1;

/// The framing of an event's data: `data: …` and the empty line.
pub fn data_framing() -> u64 {
    field("data".len() as u64, 0) + DISPATCH
}

/// The event's id: `id: N`.
pub fn id(seq: u64) -> u64 {
    field("id".len() as u64, digits(seq))
}

/// The framing of a message with this id: `id: N`, `data: …` and the empty line.
pub fn event_framing(seq: u64) -> u64 {
    id(seq) + data_framing()
}

/// The reconnection time in milliseconds, and an empty line: `retry: 1000`.
pub fn retry(milliseconds: u64) -> u64 {
    field("retry".len() as u64, digits(milliseconds)) + DISPATCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_framing_is_as_long_as_its_text() {
        assert_eq!(data_framing(), "data: \n\n".len() as u64);
        for seq in [0, 9, 10, 99, 100, 12_345] {
            assert_eq!(event_framing(seq), format!("id: {seq}\ndata: \n\n").len() as u64, "{seq}");
        }
        assert_eq!(retry(1_000), "retry: 1000\n\n".len() as u64);
    }
}

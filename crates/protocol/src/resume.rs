//! Where a subscriber begins to read: its channel, and the last sequence number that it has.
//!
//! As a query string, `channel=0&after=17`, for the HTTP techniques and the WebSocket handshake; the same text is
//! the hello of raw TCP.

use std::fmt;

/// From where on a subscriber wants the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// A new subscriber: what is published from now on, after the greeting if there is one.
    #[default]
    Fresh,
    /// Everything after this sequence number that the replay window still holds; 0 for all of it.
    After(u64),
}

/// What a subscriber requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resume {
    /// The channel to read.
    pub channel: u32,
    /// From where on.
    pub start: Start,
}

/// A query that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} takes a whole number, not `{value}`")]
pub struct QueryError {
    key: &'static str,
    value: String,
}

impl Resume {
    /// Reads a query string; keys that it does not know are passed over.
    /// Fails when a known key's value is not a whole number in range.
    pub fn from_query(query: &str) -> Result<Self, QueryError> {
        let mut resume = Self::default();
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match key {
                "channel" => resume.channel = number("channel", value)?,
                "after" => resume.start = Start::After(number("after", value)?),
                _ => {}
            }
        }
        Ok(resume)
    }
}

/// The query string.
impl fmt::Display for Resume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "channel={}", self.channel)?;
        match self.start {
            Start::Fresh => Ok(()),
            Start::After(seq) => write!(f, "&after={seq}"),
        }
    }
}

fn number<T: std::str::FromStr>(key: &'static str, value: &str) -> Result<T, QueryError> {
    value.parse().map_err(|_| QueryError { key, value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_survives_a_round_trip() {
        for resume in [Resume::default(), Resume { channel: 3, start: Start::After(17) }] {
            assert_eq!(Resume::from_query(&resume.to_string()), Ok(resume));
        }
    }

    #[test]
    fn unknown_keys_are_passed_over_and_bad_values_named() {
        assert_eq!(Resume::from_query("x=y&&flag"), Ok(Resume::default()));
        let error = Resume::from_query("after=soon").unwrap_err();
        assert_eq!(error.to_string(), "after takes a whole number, not `soon`");
    }
}

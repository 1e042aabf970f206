//! The line by which a server process reports that it is listening: one line of JSON on its standard output.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// The contents of the ready line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadyLine {
    /// The technique's slug.
    pub technique: String,
    /// Where it accepts connections.
    pub address: SocketAddr,
    /// The path of the feed's Unix socket, if it was requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed: Option<String>,
    /// The server's certificate, DER in base64, for clients that shall trust it; none without TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The process, for its clocks and for signals.
    pub pid: u32,
}

impl ReadyLine {
    /// Reads the line.
    /// Fails when it is not JSON of this shape.
    pub fn parse(line: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line)
    }

    /// The line, without the newline.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("a ready line is plain data")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_this_text() {
        let text = r#"{"technique":"websocket","address":"127.0.0.1:4000","feed":"/run/feed","pid":7}"#;
        let ready = ReadyLine::parse(text).unwrap();
        assert_eq!(ready.to_line(), text);
        assert!(ReadyLine::parse("listening on port 4000").is_err());
    }
}

//! The open packet ("Handshake").

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A session's parameters, as in the server's open packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// The session's id, which every later request carries.
    pub sid: String,
    /// The transports to which the session can be upgraded.
    pub upgrades: Vec<String>,
    /// How often the server pings.
    pub ping_interval: Duration,
    /// How long it waits for the pong. A client that hears no ping within both together takes the connection for
    /// closed ("Heartbeat").
    pub ping_timeout: Duration,
    /// The largest polling body that the server takes, in bytes; none if it is not given (engine.io before 6.2).
    pub max_payload: Option<u64>,
}

/// Why data is no handshake.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// It is not the JSON object that it must be.
    #[error("the open packet is not what it must be")]
    Json(#[from] serde_json::Error),
    /// It is something else than an object.
    #[error("the open packet is no object")]
    NoObject,
    /// It names no session.
    #[error("the open packet has an empty session id")]
    NoSession,
}

/// The JSON, times in milliseconds.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    sid: String,
    upgrades: Vec<String>,
    ping_interval: u64,
    ping_timeout: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_payload: Option<u64>,
}

impl Handshake {
    /// Reads an open packet's data; keys that it does not know are passed over.
    ///
    /// # Errors
    ///
    /// When it is no JSON object with what a handshake must have.
    pub fn decode(data: &[u8]) -> Result<Self, HandshakeError> {
        // serde would take an array for it, too.
        if !data.trim_ascii_start().starts_with(b"{") {
            return Err(HandshakeError::NoObject);
        }
        let Json { sid, upgrades, ping_interval, ping_timeout, max_payload } = serde_json::from_slice(data)?;
        if sid.is_empty() {
            return Err(HandshakeError::NoSession);
        }
        let (ping_interval, ping_timeout) =
            (Duration::from_millis(ping_interval), Duration::from_millis(ping_timeout));
        Ok(Self { sid, upgrades, ping_interval, ping_timeout, max_payload })
    }

    /// An open packet's data, times cut to whole milliseconds.
    pub fn encode(&self) -> String {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let json = Json {
            sid: self.sid.clone(),
            upgrades: self.upgrades.clone(),
            ping_interval: ms(self.ping_interval),
            ping_timeout: ms(self.ping_timeout),
            max_payload: self.max_payload,
        };
        serde_json::to_string(&json).expect("strings and numbers are JSON")
    }

    /// How long a client waits for a ping before it takes the connection for closed ("Heartbeat").
    pub fn patience(&self) -> Duration {
        self.ping_interval.saturating_add(self.ping_timeout)
    }
}

//! The negotiation of permessage-deflate in the handshake (RFC 7692 §7.1).

use sockudo_ws::deflate::{DeflateConfig, negotiate_server_deflate, parse_deflate_offer};

/// What a client offers, word for word what browsers do: its own window may be made smaller.
pub const OFFER: &str = "permessage-deflate; client_max_window_bits";

/// How both sides compress. Contexts are taken over and windows are of 32 KiB, unless the other side requests less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement(DeflateConfig);

/// The server answered an [`OFFER`] with something else than it allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("permessage-deflate was asked for, and the server agreed to {answered}")]
pub struct Disagreement {
    /// Its `sec-websocket-extensions`.
    pub answered: String,
}

impl Agreement {
    /// The server's part: takes the first of the client's offers that can be kept, and returns what it answers.
    pub fn answer(offers: &str) -> Option<(Self, String)> {
        let agreed = negotiate_server_deflate(offers, &policy())?;
        let answer = agreed.to_response_header();
        Some((Self(agreed.config), answer))
    }

    /// The client's part: takes the server's answer to an [`OFFER`].
    ///
    /// # Errors
    ///
    /// When there is none, or when it is for another extension, or has parameters that no server may answer with or
    /// that cannot be kept (a window of 256 bytes to compress with).
    pub fn of_answer(answer: Option<&str>) -> Result<Self, Disagreement> {
        answer
            .and_then(read)
            .map(Self)
            .ok_or_else(|| Disagreement { answered: answer.unwrap_or("nothing").to_owned() })
    }

    pub(super) fn into_config(self) -> DeflateConfig {
        self.0
    }
}

fn read(answer: &str) -> Option<DeflateConfig> {
    let parameters = parse_deflate_offer(answer)?;
    // Only an offer may leave the size open (RFC 7692 §7.1.2.2).
    if parameters.contains(&("client_max_window_bits", None)) {
        return None;
    }
    let agreed = DeflateConfig::from_params(&parameters).ok()?;
    Some(DeflateConfig { compression_threshold: policy().compression_threshold, ..agreed })
}

/// Level 6 is zlib's default. Every message is compressed, except an empty one: its second flush in a row yields nothing.
fn policy() -> DeflateConfig {
    DeflateConfig { compression_level: 6, compression_threshold: 1, ..DeflateConfig::default() }
}

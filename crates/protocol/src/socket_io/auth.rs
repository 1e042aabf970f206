//! A [`Resume`] as what a CONNECT carries ("Connection to a namespace"): `{"channel":3,"after":17}`.

use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use crate::{Resume, Start};

/// Where a client begins to read, as the `auth` of its CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Auth {
    /// The channel to read; the first one when it is left out.
    #[serde(default)]
    pub channel: u32,
    /// The last sequence number that the client has; a fresh subscriber leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// A CONNECT carries something else.
#[derive(Debug, thiserror::Error)]
#[error("a client says where it begins as {{\"channel\":…,\"after\":…}}, whole numbers")]
pub struct AuthError(#[from] serde_json::Error);

impl Auth {
    /// Reads a CONNECT's data; keys that it does not know are passed over, and nothing at all is the first channel from
    /// now on.
    ///
    /// # Errors
    ///
    /// When it is no JSON object, or a known key's value is not a whole number in range.
    pub fn decode(data: &[u8]) -> Result<Self, AuthError> {
        if data.is_empty() {
            return Ok(Self::default());
        }
        // A derived reader takes an array for the fields in their order, too.
        if !data.trim_ascii_start().starts_with(b"{") {
            return Err(serde_json::Error::custom("it is no object").into());
        }
        Ok(serde_json::from_slice(data)?)
    }

    /// A CONNECT's data.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("numbers are JSON")
    }
}

impl From<Resume> for Auth {
    fn from(resume: Resume) -> Self {
        let after = match resume.start {
            Start::Fresh => None,
            Start::After(seq) => Some(seq),
        };
        Self { channel: resume.channel, after }
    }
}

impl From<Auth> for Resume {
    fn from(auth: Auth) -> Self {
        Self { channel: auth.channel, start: auth.after.map_or(Start::Fresh, Start::After) }
    }
}

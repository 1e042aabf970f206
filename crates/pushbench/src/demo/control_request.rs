//! The request of a control, which is checked as a whole before any of it is applied.

use std::ops::RangeInclusive;

use serde::Deserialize;
use server_kit::hub::{SessionClose, SessionCloseError};

use super::state::DemoState;

const RATES: RangeInclusive<f64> = 0.1..=200.0;
const PAYLOADS: RangeInclusive<u32> = 0..=16_384;
const DELAYS: RangeInclusive<u32> = 0..=2_000;
const STALLS: RangeInclusive<u32> = 1..=5_000;
/// The close reason of a session that is closed on request.
const REASON: &str = "requested by the page";

/// The body of `POST /control`: JSON with one or more of these.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ControlRequest {
    rate_per_s: Option<f64>,
    payload_bytes: Option<u32>,
    /// Delay each way, in ms.
    delay_ms: Option<u32>,
    /// Hold everything at the servers' side for this many ms from now on.
    stall_ms: Option<u32>,
    /// Close the WebSocket sessions with this code.
    close_code: Option<u16>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ControlError {
    /// It is not the expected JSON.
    #[error("a control is JSON such as {{\"rate_per_s\": 20}}: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("the request is empty: name one of rate_per_s, payload_bytes, delay_ms, stall_ms, close_code")]
    Empty,
    #[error("{name} is {found}, and must be from {least} to {most}")]
    OutOfRange { name: &'static str, found: f64, least: f64, most: f64 },
    /// The close code must not be sent.
    #[error(transparent)]
    CloseCode(#[from] SessionCloseError),
}

impl ControlRequest {
    /// Parses and checks a request.
    pub(super) fn parse(body: &[u8]) -> Result<Self, ControlError> {
        let request: Self = serde_json::from_slice(body)?;
        if request.is_empty() {
            return Err(ControlError::Empty);
        }
        within("rate_per_s", request.rate_per_s, &RATES)?;
        within("payload_bytes", request.payload_bytes, &PAYLOADS)?;
        within("delay_ms", request.delay_ms, &DELAYS)?;
        within("stall_ms", request.stall_ms, &STALLS)?;
        request.close().map_or(Ok(()), |close| close.check())?;
        Ok(request)
    }

    fn is_empty(&self) -> bool {
        let numbers = [self.payload_bytes, self.delay_ms, self.stall_ms];
        self.rate_per_s.is_none() && self.close_code.is_none() && numbers.iter().all(Option::is_none)
    }

    fn close(&self) -> Option<SessionClose> {
        self.close_code.map(|code| SessionClose { code, reason: REASON.to_owned() })
    }

    /// Applies it.
    pub(super) fn apply(&self, state: &DemoState) {
        let now_ns = os::now_ns();
        state.change(|values| {
            values.rate_per_s = self.rate_per_s.unwrap_or(values.rate_per_s);
            values.payload_bytes = self.payload_bytes.unwrap_or(values.payload_bytes);
            values.delay_ms = self.delay_ms.unwrap_or(values.delay_ms);
            if let Some(stall_ms) = self.stall_ms {
                values.stalled_from_ns = now_ns;
                values.stalled_until_ns = now_ns + u64::from(stall_ms) * 1_000_000;
            }
        });
        for server in &state.servers {
            // It is checked already, and a technique without WebSocket sessions ignores it.
            self.close().map(|close| server.hub.close_sessions(close));
        }
    }
}

fn within<T: Copy + PartialOrd + Into<f64>>(
    name: &'static str,
    value: Option<T>,
    range: &RangeInclusive<T>,
) -> Result<(), ControlError> {
    match value {
        Some(value) if !range.contains(&value) => Err(ControlError::OutOfRange {
            name,
            found: value.into(),
            least: (*range.start()).into(),
            most: (*range.end()).into(),
        }),
        _ => Ok(()),
    }
}

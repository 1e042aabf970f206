//! What a control of the page asks for. All of it is checked before any of it is done.

use std::ops::RangeInclusive;

use loadgen::os;
use serde::Deserialize;
use server_kit::hub::{DismissError, Dismissal};

use super::Stage;

const RATES: RangeInclusive<f64> = 0.1..=200.0;
const PAYLOADS: RangeInclusive<u32> = 0..=16_384;
const DELAYS: RangeInclusive<u32> = 0..=2_000;
const STALLS: RangeInclusive<u32> = 1..=5_000;
/// What a session that is closed on purpose is told.
const REASON: &str = "asked for by the page";

/// The body of `POST /control`: JSON with one or more of these.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    /// Events a second.
    rate_per_s: Option<f64>,
    /// Bytes of each event's payload.
    payload_bytes: Option<u32>,
    /// Delay each way, in ms.
    delay_ms: Option<u32>,
    /// Hold everything at the servers' side for so many ms, from now on.
    stall_ms: Option<u32>,
    /// Close the WebSocket lane's sessions with this code.
    close_code: Option<u16>,
}

/// Why a wish is not fulfilled.
#[derive(Debug, thiserror::Error)]
pub(super) enum WishError {
    /// It is not the JSON that is expected.
    #[error("a control is JSON such as {{\"rate_per_s\": 20}}: {0}")]
    Malformed(#[from] serde_json::Error),
    /// There is nothing in it.
    #[error("there is nothing in it: name one of rate_per_s, payload_bytes, delay_ms, stall_ms, close_code")]
    Empty,
    /// A number is out of its range.
    #[error("{name} is {found}, and must be from {least} to {most}")]
    OutOfRange {
        /// The control.
        name: &'static str,
        /// What was asked for.
        found: f64,
        /// The least that may be.
        least: f64,
        /// The most that may be.
        most: f64,
    },
    /// A close code that must not be sent.
    #[error(transparent)]
    CloseCode(#[from] DismissError),
}

impl Wish {
    /// Reads and checks it.
    ///
    /// # Errors
    ///
    /// When it cannot be understood or fulfilled.
    pub(super) fn parse(body: &[u8]) -> Result<Self, WishError> {
        let wish: Self = serde_json::from_slice(body)?;
        if wish.is_empty() {
            return Err(WishError::Empty);
        }
        within("rate_per_s", wish.rate_per_s, &RATES)?;
        within("payload_bytes", wish.payload_bytes, &PAYLOADS)?;
        within("delay_ms", wish.delay_ms, &DELAYS)?;
        within("stall_ms", wish.stall_ms, &STALLS)?;
        wish.dismissal().map_or(Ok(()), |dismissal| dismissal.check())?;
        Ok(wish)
    }

    fn is_empty(&self) -> bool {
        let numbers = [self.payload_bytes, self.delay_ms, self.stall_ms];
        self.rate_per_s.is_none() && self.close_code.is_none() && numbers.iter().all(Option::is_none)
    }

    fn dismissal(&self) -> Option<Dismissal> {
        self.close_code.map(|code| Dismissal { code, reason: REASON.to_owned() })
    }

    /// Does it.
    pub(super) fn fulfil(&self, stage: &Stage) {
        let now_ns = os::now_ns();
        stage.board.change(|values| {
            values.rate_per_s = self.rate_per_s.unwrap_or(values.rate_per_s);
            values.payload_bytes = self.payload_bytes.unwrap_or(values.payload_bytes);
            values.delay_ms = self.delay_ms.unwrap_or(values.delay_ms);
            if let Some(stall_ms) = self.stall_ms {
                values.stalled_from_ns = now_ns;
                values.stalled_until_ns = now_ns + u64::from(stall_ms) * 1_000_000;
            }
        });
        for lane in &stage.lanes {
            // Checked already; a technique without WebSocket sessions takes no notice.
            self.dismissal().map(|dismissal| lane.hub.dismiss(dismissal));
        }
    }
}

fn within<T: Copy + PartialOrd + Into<f64>>(
    name: &'static str,
    value: Option<T>,
    range: &RangeInclusive<T>,
) -> Result<(), WishError> {
    match value {
        Some(value) if !range.contains(&value) => Err(WishError::OutOfRange {
            name,
            found: value.into(),
            least: (*range.start()).into(),
            most: (*range.end()).into(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> String {
        Wish::parse(body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_number_out_of_range_is_named_with_the_range() {
        assert_eq!(
            refusal(r#"{"rate_per_s": 1e9}"#),
            "rate_per_s is 1000000000, and must be from 0.1 to 200"
        );
        assert_eq!(
            refusal(r#"{"delay_ms": 5, "payload_bytes": 16385}"#),
            "payload_bytes is 16385, and must be from 0 to 16384"
        );
        assert_eq!(refusal(r#"{"stall_ms": 0}"#), "stall_ms is 0, and must be from 1 to 5000");
    }

    #[test]
    fn what_is_no_control_is_told_what_is() {
        assert!(refusal("{}").starts_with("there is nothing in it: name one of rate_per_s"));
        assert!(refusal(r#"{"speed": 3}"#).contains("unknown field `speed`, expected one of `rate_per_s`"));
        assert!(refusal("faster!").starts_with("a control is JSON such as {\"rate_per_s\": 20}"));
        assert!(refusal(r#"{"close_code": 70000}"#).contains("70000"));
    }

    #[test]
    fn a_close_code_that_must_never_be_sent_is_refused_by_name() {
        for code in [999, 1005, 1006, 1015, 5000] {
            let told = refusal(&format!(r#"{{"close_code": {code}}}"#));
            assert!(told.contains(&code.to_string()), "{told}");
        }
        assert!(Wish::parse(br#"{"close_code": 1001}"#).is_ok());
    }
}

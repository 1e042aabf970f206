//! What makes a trial's figures meaningless although it ran to its end: messages that came again, in wrong channels or changed.

use model::settings::Client;
use model::trial::{Counts, TrialSpec};

use super::load_report::LoadReport;
use crate::recorder::content::ContentSum;

/// Of the expected deliveries, so many per mille may come again or in wrong channels.
const MOST_PER_MILLE: u64 = 1;

/// What a server did to messages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryFault {
    /// Subscribers received messages of channels that they do not read.
    #[error("{} foreign messages: {}", grouped(*.count), if *.is_everything {
        "the server sends every channel's events to everybody"
    } else {
        "subscribers received events of channels that they do not read"
    })]
    Foreign {
        count: u64,
        /// As many as come of all channels.
        is_everything: bool,
    },
    /// Messages came again.
    #[error("{} of {} deliveries came again: the server sends messages more than once", grouped(*.count), grouped(*.expected))]
    Duplicate { count: u64, expected: u64 },
    /// Messages have other lengths.
    #[error("{} of {} messages came with another length{}", grouped(*.count), grouped(*.delivered), if found == published {
        ": the server rewrites their JSON".to_owned()
    } else {
        format!(", the first with a payload of {} bytes instead of {}", grouped(*.found), grouped(*.published))
    })]
    Length { count: u64, delivered: u64, found: u64, published: u64 },
    /// Payloads have the right lengths and another content.
    #[error("payloads came with another content than they were published with: the server changes messages")]
    Content,
}

/// The first fault that the counts and contents show; `published` is the content of all events, as often as they must come.
pub(super) fn find(
    spec: &TrialSpec,
    counts: &Counts,
    sum: &LoadReport,
    published: ContentSum,
) -> Result<(), DeliveryFault> {
    let most = counts.expected * MOST_PER_MILLE / 1_000;
    let Counts { foreign, duplicate, expected, delivered, .. } = *counts;
    if foreign + duplicate > most && foreign > 0 {
        let of_others = u64::from(spec.settings.subscribers.channels).saturating_sub(1) * expected;
        // Some may still be on their way when the trial ends.
        return Err(DeliveryFault::Foreign { count: foreign, is_everything: foreign >= of_others / 2 });
    }
    if duplicate > most {
        return Err(DeliveryFault::Duplicate { count: duplicate, expected });
    }
    let recorder = &sum.recorder;
    if let (count @ 1.., Some(found)) = (recorder.counters.altered, recorder.altered_bytes) {
        let published = u64::from(spec.settings.events.payload_bytes);
        return Err(DeliveryFault::Length { count, delivered, found, published });
    }
    let mut sent = published;
    sent.merge(recorder.sent_content);
    // Pages report stamps only, and the contents of what was lost are missing.
    let is_comparable = spec.settings.client == Client::Native && counts.lost == 0;
    if is_comparable && sent != recorder.received_content { Err(DeliveryFault::Content) } else { Ok(()) }
}

/// With a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_sentences() {
        for (fault, expected) in [
            (
                DeliveryFault::Foreign { count: 39_600, is_everything: true },
                "39,600 foreign messages: the server sends every channel's events to everybody",
            ),
            (
                DeliveryFault::Foreign { count: 7, is_everything: false },
                "7 foreign messages: subscribers received events of channels that they do not read",
            ),
            (
                DeliveryFault::Duplicate { count: 1_000, expected: 1_234_567 },
                "1,000 of 1,234,567 deliveries came again: the server sends messages more than once",
            ),
            (
                DeliveryFault::Length { count: 21, delivered: 21, found: 90, published: 100 },
                "21 of 21 messages came with another length, the first with a payload of 90 bytes instead of 100",
            ),
            (
                DeliveryFault::Length { count: 21, delivered: 21, found: 100, published: 100 },
                "21 of 21 messages came with another length: the server rewrites their JSON",
            ),
        ] {
            assert_eq!(fault.to_string(), expected);
        }
    }
}

//! What the handles of a hub share, but for the channels.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use protocol::message::{MAX_SEQ, PayloadKind};
use protocol::{Message, Stamp};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::session_close::SessionCloses;
use crate::settings::{LagPolicy, UplinkTo};

/// What of a message goes on the wire: a technique's framing of the message with this sequence number.
pub type Encode = fn(u64, &Bytes) -> Bytes;

/// A channel that the server does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no channel {channel}: this server's are numbered from 0 to {}", .channels.saturating_sub(1))]
pub struct UnknownChannel {
    pub(super) channel: u32,
    pub(super) channels: u32,
}

/// Why a message was not published, or not handed to the application.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The channel does not exist.
    #[error(transparent)]
    UnknownChannel(#[from] UnknownChannel),
    /// It is over [`Limits::message_bytes`](crate::settings::Limits::message_bytes).
    #[error("a message of {len} bytes is over the limit of {limit}")]
    TooLong {
        /// Its bytes.
        len: usize,
        /// The most that is taken.
        limit: usize,
    },
    /// It is no message.
    #[error("not a message: {0}")]
    Malformed(#[from] protocol::message::MessageError),
    /// A text frame cannot carry it.
    #[error("not a message: it is not UTF-8")]
    NotUtf8,
    /// A line cannot carry it.
    #[error("not a message: it holds a line break")]
    LineBreak,
    /// The technique cannot carry it ([`Hub::admit_only`](crate::Hub::admit_only)).
    #[error("not a message: it is not JSON")]
    NotJson,
    /// The channel's sequence numbers are used up.
    #[error("the channel has used up its {MAX_SEQ} sequence numbers")]
    Exhausted,
}

pub(super) struct Shared {
    pub(super) encode: Encode,
    pub(super) lag_policy: LagPolicy,
    pub(super) greeting: bool,
    pub(super) uplink: UplinkTo,
    pub(super) message_bytes: usize,
    pub(super) replay_events: usize,
    pub(super) coalescing: Duration,
    pub(super) skipped: AtomicU64,
    pub(super) uplink_queue: UplinkQueue,
    pub(super) rejections: Rejections,
    pub(super) session_closes: SessionCloses,
    pub(super) is_json: OnceLock<fn(&[u8]) -> bool>,
}

impl Shared {
    /// The greeting of a fresh subscriber: its cursor. Not an event, hence without send times.
    pub(super) fn greeting(&self, head: u64) -> Option<Bytes> {
        self.greeting.then(|| {
            let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis());
            let payload = format!(r#"{{"content":"welcome","timestamp":{unix_ms}}}"#);
            let stamp = Stamp { seq: head, ..Stamp::default() };
            let message = Message { stamp, payload: payload.as_bytes(), kind: PayloadKind::Json }.to_bytes();
            (self.encode)(head, &message)
        })
    }
}

/// The way to the application: bounded, and never waited for.
#[derive(Default)]
pub(super) struct UplinkQueue {
    receivers: Mutex<Vec<mpsc::Sender<BytesMut>>>,
    dropped: AtomicU64,
}

impl UplinkQueue {
    pub(super) fn receiver(&self, capacity: usize) -> mpsc::Receiver<BytesMut> {
        let (sender, receiver) = mpsc::channel(capacity);
        self.receivers.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    /// Gives the frame to the oldest receiver, or drops and counts it.
    pub(super) fn hand_over(&self, frame: BytesMut) {
        let mut receivers = self.receivers.lock().unwrap_or_else(PoisonError::into_inner);
        receivers.retain(|receiver| !receiver.is_closed());
        let sent = match receivers.first() {
            Some(oldest) => oldest.try_send(frame),
            None => Err(TrySendError::Closed(frame)),
        };
        if sent.is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Connections that were rejected: how many, and why the last one.
#[derive(Default)]
pub(super) struct Rejections(Mutex<Option<(u64, String)>>);

impl Rejections {
    pub(super) fn add(&self, reason: String) {
        let mut total = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = total.as_ref().map_or(0, |(count, _)| *count);
        *total = Some((before + 1, reason));
    }

    pub(super) fn total(&self) -> Option<(u64, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

//! The hub: numbers messages, keeps each channel's replay window, and wakes the subscribers.
//!
//! A message is encoded once, when it is published, and its bytes are shared by all subscribers. They lie one behind another,
//! so that all that a subscriber has pending, up to 64 KiB, is one [`Run`]. A [`Subscription`] is a cursor into the shared
//! window, so that a slow subscriber costs no memory: it falls out of the window and gets [`Lagged`], or skips the gap
//! ([`LagPolicy::Skip`](crate::settings::LagPolicy::Skip)). Publishing never waits for a subscriber.
//!
//! With [`Settings::coalescing`], events are held for so long from the first one on, and released together: one wake-up and one
//! run for all of them. They are numbered and retained as they come; a subscriber cannot read what is held.
//!
//! # Layout
//!
//! - `log`: the replay window, in shared segments
//! - `channel`: a log, how far it is released, and which subscribers wait for more
//! - `subscription`: a cursor
//! - `shared`: what the handles of a hub share, such as the queue of messages to the application
//! - `session_close`: sessions that the application ends

mod channel;
mod log;
mod session_close;
mod shared;
mod subscription;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::BytesMut;
use protocol::{Message, Resume};
use tokio::sync::mpsc;

use crate::settings::{Settings, UplinkTo};
use crate::tls;
use channel::Channel;
pub use log::Run;
use session_close::SessionCloses;
pub use session_close::{CloseListener, LONGEST_REASON, SessionClose, SessionCloseError};
pub use shared::{Encode, PublishError, UnknownChannel};
use shared::{Rejections, Shared, UplinkQueue};
pub use subscription::{Lagged, Subscription};

/// The hub of one server. Clones share it.
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Shared>,
    channels: Arc<[OnceLock<Arc<Channel>>]>,
}

impl Hub {
    /// A hub without events, whose messages go on the wire as `encode` has it.
    pub fn new(encode: Encode, settings: &Settings) -> Self {
        let limits = &settings.limits;
        let shared = Shared {
            encode,
            lag_policy: settings.lag_policy,
            greeting: settings.greeting,
            uplink: settings.uplink,
            message_bytes: limits.message_bytes,
            replay_events: limits.replay_events.max(1),
            coalescing: settings.coalescing,
            skipped: AtomicU64::new(0),
            uplink_queue: UplinkQueue::default(),
            rejections: Rejections::default(),
            session_closes: SessionCloses::default(),
            is_json: OnceLock::new(),
        };
        let channels = (0..limits.channels).map(|_| OnceLock::new()).collect();
        Self { shared: Arc::new(shared), channels }
    }

    /// Numbers the message in place, encodes it, retains it and wakes the channel's subscribers, now or when the coalescing
    /// window is over. Returns its sequence number.
    ///
    /// With [`Settings::coalescing`], it must be called inside of a tokio runtime, and panics elsewhere.
    /// Fails when the bytes are no message, are too long, or the channel cannot take it.
    pub fn publish(&self, channel: u32, message: BytesMut) -> Result<u64, PublishError> {
        self.check(&message)?;
        self.channel(channel)?.publish(message, &self.shared)
    }

    /// Takes a subscriber's own message, and sends it where [`Settings::uplink`] says.
    /// Fails as [`publish`](Self::publish). An application that is not there or does not keep up is none: the message is
    /// counted in [`undelivered`](Self::undelivered).
    pub fn uplink(&self, channel: u32, message: &[u8]) -> Result<(), PublishError> {
        if self.shared.is_json.get().is_some_and(|is_json| !is_json(message)) {
            return Err(PublishError::NotJson);
        }
        match self.shared.uplink {
            UplinkTo::Channel => self.publish(channel, BytesMut::from(message)).map(|_| ()),
            UplinkTo::Application => {
                self.check(message)?;
                self.channel(channel)?;
                self.shared.uplink_queue.hand_over(protocol::frame::encode_feed(channel, message));
                Ok(())
            }
        }
    }

    /// From now on, a subscriber's own message must be JSON by this measure: for a technique whose packets it would
    /// break otherwise. What the application publishes is not looked at.
    pub fn admit_only(&self, is_json: fn(&[u8]) -> bool) {
        self.shared.is_json.get_or_init(|| is_json);
    }

    /// Begins to read a channel.
    ///
    /// Fresh begins at the head. After a sequence number begins behind it, or at the head if the channel has not come
    /// so far; what the replay window no longer holds is reported by the first read as [`Lagged`], except after 0,
    /// which takes what is there.
    /// Fails when the channel does not exist.
    pub fn subscribe(&self, resume: Resume) -> Result<Subscription, UnknownChannel> {
        let channel = self.channel(resume.channel)?;
        Ok(Subscription::new(self.shared.clone(), channel.clone(), resume.start))
    }

    /// Ends all WebSocket sessions of now: each sends a close frame with this code and reason. Other techniques have no
    /// such frame, and ignore it.
    /// Fails as [`SessionClose::check`]; no session ends then.
    pub fn close_sessions(&self, close: SessionClose) -> Result<(), SessionCloseError> {
        self.shared.session_closes.send(close)
    }

    /// By which a session learns that the application [ends](Self::close_sessions) it from now on.
    pub fn close_listener(&self) -> CloseListener {
        self.shared.session_closes.subscribe()
    }

    /// Events that subscribers skipped since they had fallen out of the replay window.
    pub fn skipped(&self) -> u64 {
        self.shared.skipped.load(Ordering::Relaxed)
    }

    /// Subscribers that wait for the channel's next event.
    pub fn waiting(&self, channel: u32) -> usize {
        self.channel(channel).map_or(0, |channel| channel.lock().waiting.count())
    }

    /// Messages to the application that were dropped, since it was not there or did not keep up.
    pub fn undelivered(&self) -> u64 {
        self.shared.uplink_queue.dropped()
    }

    /// Counts a connection that was given up, since it does not speak what is served here.
    pub fn reject(&self, reason: &impl ToString) {
        self.shared.rejections.add(reason.to_string());
    }

    /// Counts a connection that ended with this error, if TLS found something wrong, such as a broken record.
    pub fn reject_broken_tls(&self, error: &(dyn std::error::Error + 'static)) {
        if let Some(broken) = tls::broken(error) {
            self.reject(&format_args!("TLS: {broken}"));
        }
    }

    /// Connections that were [rejected](Self::reject), and the last one's reason. None if there was none.
    pub fn rejected(&self) -> Option<(u64, String)> {
        self.shared.rejections.total()
    }

    /// The longest message that is taken.
    pub fn message_bytes(&self) -> usize {
        self.shared.message_bytes
    }

    /// Frames for the application; each goes to the oldest receiver that is still held. At most `capacity` wait.
    pub(crate) fn application(&self, capacity: usize) -> mpsc::Receiver<BytesMut> {
        self.shared.uplink_queue.receiver(capacity)
    }

    fn channel(&self, channel: u32) -> Result<&Arc<Channel>, UnknownChannel> {
        let channels = &self.channels;
        let slot = channels.get(channel as usize);
        let unknown = || UnknownChannel { channel, channels: channels.len() as u32 };
        slot.map(|slot| slot.get_or_init(Arc::default)).ok_or_else(unknown)
    }

    /// One check for all techniques, so that what one can carry, all can: a text frame must be UTF-8, a line must not
    /// be broken.
    fn check(&self, message: &[u8]) -> Result<(), PublishError> {
        let (len, limit) = (message.len(), self.shared.message_bytes);
        if len > limit {
            return Err(PublishError::TooLong { len, limit });
        }
        Message::decode(message)?;
        std::str::from_utf8(message).map_err(|_| PublishError::NotUtf8)?;
        if message.contains(&b'\n') || message.contains(&b'\r') {
            return Err(PublishError::LineBreak);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("channels", &self.channels.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! Records messages of one load thread's subscribers: those that came, and those that they send.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Bytes;
use model::settings::UplinkTo;
use protocol::message::{Message, Stamp};

use super::Session;
use super::worker_context::WorkerContext;
use crate::assignment::Assignment;
use crate::finder::{self, Found};
use crate::numbering::ChannelNumbers;
use crate::recorder::cursor::Cursor;

impl Session {
    /// Records a message, and returns how many it was. Its receive time is that of the latest read from the sockets of this
    /// subscriber's connection group, so all messages of one read have the same, however long it takes to separate them.
    /// What a server of others sends is looked through: it may hold several messages, or none.
    pub fn received(&self, message: &[u8]) -> usize {
        let read_ns = self.0.set_up.group.byte_counts.borrow().read_ns;
        let (worker, mut cursor) = (&self.0.worker, self.0.cursor.borrow_mut());
        let messages = if self.subscription().is_some() {
            worker.found(self.keeps_up(), (&mut cursor, &self.0.senders), self.0.channel, message, read_ns)
        } else {
            worker.received(self.keeps_up(), &mut cursor, message, read_ns);
            1
        };
        drop(cursor);
        if let Some(turn) = &self.settings().turn {
            let (mut recorder, mut clock) = (worker.recorder.borrow_mut(), self.0.turn.borrow_mut());
            recorder.in_turn(&mut clock, turn.events.into(), self.received_up_to(), read_ns);
        }
        if let Some(recovery) = &self.0.recovery {
            recovery.received(self.received_up_to(), read_ns);
        }
        if !self.0.greeted.get() && matches!(self.resume().start, protocol::Start::After(_)) {
            self.0.greeted.set(true);
            self.0.worker.one_more_greeted(&self.0.set_up);
            self.settle();
        }
        messages
    }

    /// The next message to send, its actual send time stamped as it is returned. Pends for ever in a one-way
    /// scenario. Cancel-safe. One task at a time may wait for it.
    pub async fn outgoing(&self) -> Bytes {
        let intended_ns = poll_fn(|context| self.poll_outgoing(context)).await;
        let number = match self.subscription() {
            // Our own servers number what comes.
            None => 0,
            Some(_) => {
                self.0.sent.update(|sent| sent + 1);
                let sender = self.settings().subscribers.channels.max(1) + self.0.index;
                ChannelNumbers::of(self.settings()).number(sender, self.0.sent.get())
            }
        };
        self.0.worker.uplink_message(self.0.channel, number, intended_ns)
    }

    fn poll_outgoing(&self, context: &mut Context<'_>) -> Poll<u64> {
        let mut outgoing = self.0.outgoing.borrow_mut();
        let Some(receiver) = outgoing.as_mut() else { return Poll::Pending };
        match receiver.poll_recv(context) {
            Poll::Ready(Some(intended_ns)) => {
                if self.settings().turn.is_some() {
                    self.0.turn.borrow_mut().asks(intended_ns);
                }
                Poll::Ready(intended_ns)
            }
            // A schedule that has ended sends nothing more.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl WorkerContext {
    /// Records a message of one of our own servers.
    pub(crate) fn received(&self, keeps_up: bool, cursor: &mut Cursor, bytes: &[u8], now_ns: u64) {
        let mut recorder = self.recorder_of(keeps_up);
        match Message::decode(bytes) {
            Ok(Message { stamp, payload, .. }) => {
                if recorder.received(cursor, stamp, bytes.len(), now_ns) {
                    recorder.check(&self.check, stamp.intended_ns, payload, true);
                }
            }
            Err(error) => {
                recorder.counters.unreadable += 1;
                self.unreadable.set(self.unreadable.get().or(Some(error)));
            }
        }
    }

    /// Records the messages in what a server of others sent to a subscriber of this channel, and returns how many there were. If
    /// there are none, it is control traffic.
    pub(crate) fn found(
        &self,
        keeps_up: bool,
        (cursor, senders): (&mut Cursor, &RefCell<BTreeMap<u32, Cursor>>),
        channel: u32,
        bytes: &[u8],
        now_ns: u64,
    ) -> usize {
        let numbers = ChannelNumbers::of(&self.spec.settings);
        let channels = u64::from(self.spec.settings.subscribers.channels.max(1));
        let mut senders = senders.borrow_mut();
        let mut recorder = self.recorder_of(keeps_up);
        let messages = finder::find(bytes, |message| {
            let Found { stamp, payload, len, .. } = message;
            let (of, place) = numbers.read(stamp.seq);
            let sender = of.checked_sub(channels).map(|sender| sender as u32);
            let of = sender.map_or(of, |sender| u64::from(sender) % channels);
            let cursor = match sender {
                None => &mut *cursor,
                Some(sender) => senders.entry(sender).or_insert_with(Cursor::beginning),
            };
            if of != u64::from(channel) {
                recorder.foreign(stamp, len);
            } else if recorder.received(cursor, Stamp { seq: place, ..stamp }, len, now_ns) {
                recorder.check(&self.check, stamp.intended_ns, payload, message.is_bare());
            }
        });
        if messages == 0 {
            recorder.counters.control += 1;
            self.control.note(bytes);
        }
        messages
    }

    /// A message of this worker's subscribers to this channel, sent now.
    pub(crate) fn uplink_message(&self, channel: u32, seq: u64, intended_ns: u64) -> Bytes {
        let settings = &self.spec.settings;
        let deliveries = match settings.uplink.as_ref().map(|uplink| uplink.to) {
            Some(UplinkTo::Channel) => Assignment::of_settings(settings, 1).members(channel),
            Some(UplinkTo::Application) | None => 0,
        };
        let mut source = self.uplink_payload.borrow_mut();
        let (payload, kind) = source.next(os::unix_ms());
        let stamp = Stamp { seq, intended_ns, actual_ns: os::now_ns() };
        let message = Message { stamp, payload, kind }.to_bytes();
        let mut recorder = self.recorder.borrow_mut();
        if recorder.sent(intended_ns, message.len()) {
            recorder.sent_content.add(self.check.sampling, intended_ns, payload, deliveries);
        }
        message
    }
}

//! What waits to be sent: packets of the protocol's own, and the subscriber's messages once it has joined.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use protocol::engine_io::{Kind, Packet};
use protocol::socket_io::{self, Auth};
use tokio::sync::Notify;

use crate::session::Session;

#[derive(Debug)]
pub(super) struct Outbox {
    session: Session,
    queued: RefCell<VecDeque<Packet>>,
    woken: Notify,
    joined: Cell<bool>,
}

/// A polling body to post.
pub(super) struct Batch {
    pub(super) body: Bytes,
    /// Whether a message of the subscriber's is in it.
    pub(super) has_event: bool,
    pub(super) closes: bool,
}

impl Outbox {
    pub(super) fn new(session: Session) -> Self {
        Self { session, queued: RefCell::default(), woken: Notify::new(), joined: Cell::new(false) }
    }

    /// The namespace that the subscriber joins: the main one of our own servers.
    pub(super) fn namespace(&self) -> &str {
        let target = self.session.subscription();
        target.and_then(|target| target.namespace.as_deref()).unwrap_or(socket_io::MAIN)
    }

    /// Asks to join the namespace, where the subscriber begins to read.
    pub(super) fn ask_to_join(&self) {
        let auth = Auth::from(self.session.resume()).encode();
        self.push_own(socket_io::Kind::Connect, auth);
    }

    /// From now on, the subscriber's messages are sent, after the event that a target wants.
    pub(super) fn joined(&self) {
        if let Some(join) = self.session.subscription().and_then(|target| target.join.as_ref()) {
            let channel = self.session.resume().channel.to_string();
            self.push_own(socket_io::Kind::Event, join.replace("{channel}", &channel));
        }
        self.joined.set(true);
        self.woken.notify_one();
    }

    /// Leaves the namespace; no message of the subscriber's follows.
    pub(super) fn leave(&self) {
        self.joined.set(false);
        self.push_own(socket_io::Kind::Disconnect, Bytes::new());
    }

    fn push_own(&self, kind: socket_io::Kind, data: impl Into<Bytes>) {
        let namespace = self.namespace().to_owned();
        self.push_packet(&socket_io::Packet { namespace, ..socket_io::Packet::new(kind, data) });
    }

    pub(super) fn push(&self, packet: Packet) {
        self.queued.borrow_mut().push_back(packet);
        self.woken.notify_one();
    }

    /// Sends a packet of Socket.IO, then its attachments.
    pub(super) fn push_packet(&self, packet: &socket_io::Packet) {
        self.push(Packet::Text(Kind::Message, packet.text()));
        for attachment in &packet.attachments {
            self.push(Packet::Binary(attachment.clone()));
        }
    }

    /// The next packet to send. Cancel-safe; one task at a time may wait for it.
    pub(super) async fn next(&self) -> Packet {
        loop {
            if let Some(packet) = self.take_queued() {
                return packet;
            }
            tokio::select! {
                () = self.woken.notified() => {}
                message = self.session.outgoing(), if self.joined.get() => return event(&message),
            }
        }
    }

    /// As many packets as wait by now and fit into `max_bytes`, the first in any case, as a polling body. The last
    /// close packet has one of its own, as the official client's: its server leaves no namespace once that is read.
    pub(super) fn gather(&self, first: Packet, max_bytes: usize) -> Batch {
        let mut body = BytesMut::new();
        let (mut has_event, mut closes) = (false, false);
        let mut next = Some(first);
        while let Some(packet) = next {
            let is_last = matches!(packet, Packet::Text(Kind::Close, _));
            let is_full = body.len() + 1 + packet.record_len() > max_bytes;
            if !body.is_empty() && (is_last || is_full) {
                self.queued.borrow_mut().push_front(packet);
                break;
            }
            has_event |= is_event(&packet);
            closes |= is_last;
            packet.push_record(&mut body);
            next = self.take_queued().or_else(|| self.outgoing_now());
        }
        Batch { body: body.freeze(), has_event, closes }
    }

    /// What waits, but for messages of the subscriber's.
    pub(super) fn take_queued(&self) -> Option<Packet> {
        self.queued.borrow_mut().pop_front()
    }

    fn outgoing_now(&self) -> Option<Packet> {
        let message = self.joined.get().then(|| self.session.outgoing().now_or_never()).flatten()?;
        Some(event(&message))
    }
}

/// A message as the event that carries it.
fn event(message: &[u8]) -> Packet {
    Packet::Text(Kind::Message, socket_io::encode_message(message))
}

fn is_event(packet: &Packet) -> bool {
    matches!(packet, Packet::Text(Kind::Message, text) if socket_io::message(text).is_some())
}

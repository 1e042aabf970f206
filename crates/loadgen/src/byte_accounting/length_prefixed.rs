//! The frames of raw TCP: four bytes of length, then a message. The client's first is its hello.

use model::byte_account::Layers;
use protocol::frame::FRAMING_LEN;

use super::byte_counts::{Layer, settle, split_at_most};
use super::message::{Meter, settle_whole};

/// Takes in a stream of frames.
#[derive(Debug)]
pub(super) struct LengthPrefixed {
    next: Body,
    prefix: [u8; FRAMING_LEN],
    prefix_len: usize,
    /// Bytes of the frame that are still to come, once its prefix is whole.
    left: Option<u64>,
    message: Meter,
}

/// What the next frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Hello,
    Message,
}

impl LengthPrefixed {
    pub(super) fn beginning_with(first: Body) -> Self {
        let prefix = [0; FRAMING_LEN];
        Self { next: first, prefix, prefix_len: 0, left: None, message: Meter::new() }
    }

    pub(super) fn take(&mut self, mut bytes: &[u8], layers: &mut Layers) {
        while !bytes.is_empty() {
            bytes = match self.left {
                Some(left) => self.take_body(left, bytes, layers),
                None => self.take_prefix(bytes, layers),
            };
        }
    }

    fn take_prefix<'a>(&mut self, bytes: &'a [u8], layers: &mut Layers) -> &'a [u8] {
        let (part, rest) = split_at_most(bytes, (FRAMING_LEN - self.prefix_len) as u64);
        self.prefix[self.prefix_len..][..part.len()].copy_from_slice(part);
        self.prefix_len += part.len();
        if self.prefix_len == FRAMING_LEN {
            self.prefix_len = 0;
            self.keep_on(u64::from(u32::from_be_bytes(self.prefix)), layers);
        }
        rest
    }

    fn take_body<'a>(&mut self, left: u64, bytes: &'a [u8], layers: &mut Layers) -> &'a [u8] {
        let (data, rest) = split_at_most(bytes, left);
        if data.len() as u64 == left && self.message.is_empty() && self.next == Body::Message {
            settle_whole(data, FRAMING_LEN as u64, layers);
            self.left = None;
        } else {
            self.message.push(data);
            self.keep_on(left - data.len() as u64, layers);
        }
        rest
    }

    /// Goes on with the frame if more of it must come, else ends it.
    fn keep_on(&mut self, left: u64, layers: &mut Layers) {
        self.left = (left > 0).then_some(left);
        if left > 0 {
            return;
        }
        let framing = FRAMING_LEN as u64;
        match std::mem::replace(&mut self.next, Body::Message) {
            Body::Hello => settle(layers, Layer::Handshake, self.message.take_len() + framing),
            Body::Message => {
                self.message.settle(framing, layers);
            }
        }
    }
}

//! Stamp and payload of a message, however it is cut.
//!
//! Of our own servers, a message's first 45 bytes and its last two decide, or the two before a closing bracket; nothing else is
//! kept, and nothing allocated. What a server of others sends is kept until it is whole, and looked through.

use model::byte_account::Layers;
use protocol::message::{JSON_STAMP_LEN, PREFIX_LEN, PayloadKind, TEXT_STAMP_LEN};

use super::byte_counts::{Layer, settle};
use super::found::FoundBytes;

/// The prefix, and the byte that tells the payload's kind.
const HEAD_LEN: usize = PREFIX_LEN + 1;

/// Where a message may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// It is all there is, as our own servers have it.
    Whole,
    /// Anywhere, with others: servers of others.
    Anywhere,
}

/// Takes in a message part by part.
#[derive(Debug)]
pub(super) struct Meter {
    len: u64,
    head: [u8; HEAD_LEN],
    tail: [u8; 3],
    /// All of it, where messages may stand anywhere. Behind a pointer, since a meter is made for each poll.
    kept: Option<Box<Kept>>,
}

#[derive(Debug, Default)]
struct Kept(Vec<u8>);

/// The key of a masked WebSocket frame (RFC 6455 §5.3), and how far it has been used.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mask {
    key: [u8; 4],
    used: usize,
}

impl Meter {
    pub(super) fn new(finding: Finding) -> Self {
        let kept = (finding == Finding::Anywhere).then(Box::default);
        Self { len: 0, head: [0; HEAD_LEN], tail: [0; 3], kept }
    }

    pub(super) fn finding(&self) -> Finding {
        if self.kept.is_some() { Finding::Anywhere } else { Finding::Whole }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Begins again, and returns how many bytes there were: they are the caller's to settle.
    pub(super) fn take_len(&mut self) -> u64 {
        if let Some(kept) = &mut self.kept {
            kept.0.clear();
        }
        std::mem::take(&mut self.len)
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.push_masked(bytes, Mask::default());
    }

    /// Unmasks only the bytes that decide.
    pub(super) fn push_masked(&mut self, bytes: &[u8], mask: Mask) {
        if let Some(kept) = &mut self.kept {
            kept.0.extend(bytes.iter().enumerate().map(|(at, byte)| byte ^ mask.at(at)));
            self.len += bytes.len() as u64;
            return;
        }
        let known = self.len.min(HEAD_LEN as u64) as usize;
        for (at, (slot, byte)) in self.head[known..].iter_mut().zip(bytes).enumerate() {
            *slot = byte ^ mask.at(at);
        }
        for (at, byte) in bytes.iter().enumerate().skip(bytes.len().saturating_sub(self.tail.len())) {
            self.tail = [self.tail[1], self.tail[2], byte ^ mask.at(at)];
        }
        self.len += bytes.len() as u64;
    }

    /// The message is whole: settles it together with the `framing` bytes round it, and begins again. Returns what the
    /// framing was settled as.
    pub(super) fn settle(&mut self, framing: u64, layers: &mut Layers) -> Layer {
        if let Some(kept) = &self.kept {
            let layer = settle_found(&kept.0, framing, layers);
            self.take_len();
            return layer;
        }
        let [_, tail @ ..] = self.tail;
        let kind = self.kind(tail, self.len);
        settle_as(kind, self.take_len(), framing, layers)
    }

    /// The same for a message that lies here in one piece; nothing of it was pushed.
    pub(super) fn settle_whole(&self, message: &[u8], framing: u64, layers: &mut Layers) -> Layer {
        match self.finding() {
            Finding::Whole => settle_whole(message, framing, layers),
            Finding::Anywhere => settle_found(message, framing, layers),
        }
    }

    /// If what was taken in is an event and a closing bracket, settles the event, and begins again; the bracket is the
    /// caller's to settle. Says whether it is. Where messages may stand anywhere, what is round them is of Socket.IO.
    pub(super) fn settle_bracketed(&mut self, layers: &mut Layers) -> bool {
        if let Some((_, bracketed)) = self.kept.as_ref().and_then(|kept| kept.0.split_last()) {
            let Some(found) = FoundBytes::of(bracketed) else { return false };
            found.settle(Layer::SocketIo, layers);
            self.take_len();
            return true;
        }
        let [tail @ .., bracket] = self.tail;
        let len = self.len.saturating_sub(1);
        let kind = self.kind(tail, len).filter(|_| bracket == b']');
        if kind.is_some() {
            settle_as(kind, len, 0, layers);
            self.len = 0;
        }
        kind.is_some()
    }

    fn kind(&self, tail: [u8; 2], len: u64) -> Option<PayloadKind> {
        (len >= HEAD_LEN as u64).then(|| event_kind(&self.head, tail, len)).flatten()
    }

    /// What was taken in is no message, whatever it looks like.
    pub(super) fn settle_as_control(&mut self, framing: u64, layers: &mut Layers) {
        settle_as(None, self.take_len(), framing, layers);
    }
}

impl Mask {
    pub(super) fn new(key: [u8; 4]) -> Self {
        Self { key, used: 0 }
    }

    pub(super) fn advance(&mut self, bytes: usize) {
        self.used = (self.used + bytes) % self.key.len();
    }

    /// The same for what comes so many bytes later.
    pub(super) fn after(mut self, bytes: usize) -> Self {
        self.advance(bytes);
        self
    }

    pub(super) fn at(&self, index: usize) -> u8 {
        self.key[(self.used + index) % self.key.len()]
    }
}

/// Settles a message that lies here in one piece, without copying any of it.
pub(super) fn settle_whole(message: &[u8], framing: u64, layers: &mut Layers) -> Layer {
    let kind = match (message.first_chunk(), message.last_chunk()) {
        (Some(head), Some(tail)) => event_kind(head, *tail, message.len() as u64),
        _ => None,
    };
    settle_as(kind, message.len() as u64, framing, layers)
}

fn settle_found(bytes: &[u8], framing: u64, layers: &mut Layers) -> Layer {
    let Some(found) = FoundBytes::of(bytes) else {
        return settle_as(None, bytes.len() as u64, framing, layers);
    };
    found.settle(Layer::MessageFraming, layers);
    settle(layers, Layer::MessageFraming, framing);
    Layer::MessageFraming
}

fn settle_as(kind: Option<PayloadKind>, len: u64, framing: u64, layers: &mut Layers) -> Layer {
    let Some(kind) = kind else {
        settle(layers, Layer::Control, len + framing);
        return Layer::Control;
    };
    let stamp = kind.stamp_len() as u64;
    settle(layers, Layer::Stamp, stamp);
    settle(layers, Layer::Payload, len - stamp);
    settle(layers, Layer::MessageFraming, framing);
    Layer::MessageFraming
}

/// The payload's kind if this is a message, as [`protocol::Message::decode`] has it, and not a greeting.
fn event_kind(head: &[u8; HEAD_LEN], tail: [u8; 2], len: u64) -> Option<PayloadKind> {
    let kind = PayloadKind::of(head[PREFIX_LEN]);
    let closed = tail[1] == b']'
        && match kind {
            PayloadKind::Text => len >= TEXT_STAMP_LEN as u64 && tail[0] == b'"',
            PayloadKind::Json => len >= JSON_STAMP_LEN as u64,
        };
    let punctuated = head.starts_with(b"[\"") && head[42..44] == *b"\",";
    let times = &head[10..42];
    // Without an early end, these loops become a few vector instructions.
    let is_hex = head[2..42].iter().fold(true, |all, digit| all & matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let is_timed = times.iter().fold(0, |any, digit| any | (digit ^ b'0')) != 0;
    (closed && punctuated && is_hex && is_timed).then_some(kind)
}

#[cfg(test)]
mod tests {
    use protocol::{Message, Stamp};

    use super::*;
    use crate::byte_accounting::byte_counts::arrive;

    const STAMP: Stamp = Stamp { seq: 7, intended_ns: 1_000, actual_ns: 2_000 };

    fn message(stamp: Stamp, payload: &[u8], kind: PayloadKind) -> Vec<u8> {
        Message { stamp, payload, kind }.to_bytes().to_vec()
    }

    fn settled(parts: [&[u8]; 2], mask: [u8; 4]) -> Layers {
        let mut layers = Layers::default();
        let (mut meter, mut mask) = (Meter::new(Finding::Whole), Mask::new(mask));
        for part in parts {
            arrive(&mut layers, part.len());
            meter.push_masked(part, mask);
            mask.advance(part.len());
        }
        arrive(&mut layers, 3);
        meter.settle(3, &mut layers);
        layers
    }

    #[test]
    fn stamp_payload_and_framing_are_told_apart_at_any_cut() {
        for (payload, kind) in
            [(&b""[..], PayloadKind::Text), (b"a\"b", PayloadKind::Text), (b"{}", PayloadKind::Json)]
        {
            let message = message(STAMP, payload, kind);
            let expected = Layers {
                payload: payload.len() as u64,
                stamp: kind.stamp_len() as u64,
                message_framing: 3,
                ..Layers::default()
            };
            for cut in 0..=message.len() {
                assert_eq!(settled([&message[..cut], &message[cut..]], [0; 4]), expected, "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_masked_message_is_unmasked_at_any_cut() {
        let key = [1, 200, 33, 4];
        let clear = message(STAMP, b"hello", PayloadKind::Text);
        let masked: Vec<u8> = clear.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect();
        for cut in 0..=masked.len() {
            let layers = settled([&masked[..cut], &masked[cut..]], key);
            assert_eq!((layers.payload, layers.stamp), (5, TEXT_STAMP_LEN as u64), "cut at {cut}");
        }
    }

    #[test]
    fn a_greeting_and_what_is_no_message_are_control() {
        let greeting = message(Stamp { seq: 9, ..Stamp::default() }, b"{}", PayloadKind::Json);
        let mut bad_digit = message(STAMP, b"x", PayloadKind::Text);
        bad_digit[5] = b'A';
        let mut open = message(STAMP, b"x", PayloadKind::Text);
        open.pop();
        for other in [greeting, bad_digit, open, b"{\"error\":\"too slow\"}".to_vec(), Vec::new()] {
            assert!(
                Message::decode(&other).is_ok_and(|message| message.stamp.is_greeting())
                    || Message::decode(&other).is_err()
            );
            let expected = Layers { control: other.len() as u64 + 3, ..Layers::default() };
            assert_eq!(settled([&other, b""], [0; 4]), expected);
            let mut layers = Layers { unfinished: other.len() as u64, ..Layers::default() };
            settle_whole(&other, 0, &mut layers);
            assert_eq!(layers.control, other.len() as u64);
        }
    }
}

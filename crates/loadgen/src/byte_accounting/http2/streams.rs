//! Requests and their answers, which may come in any order: a stream each (RFC 9113 §5, §8.1).
//!
//! A request is held until its answer says whether the poll found something, and an exchange of Engine.IO until its packets
//! say what it is. A stream is forgotten as soon as both sides have ended it, or one has reset it.

use std::collections::BTreeMap;

use model::byte_account::{Account, Layers};
use model::trial::Direction;

use super::block::{Block, CONTROL, HANDSHAKE, HeadBytes, HeadLayers, REQUEST, RESPONSE, Request};
use super::frames::Malformed;
use crate::byte_accounting::body::Content;
use crate::byte_accounting::byte_counts::{Layer, layers_of, settle};
use crate::byte_accounting::engine_io::Carried;
use crate::byte_accounting::message::Finding;
use crate::byte_accounting::websocket::Frames;

#[derive(Debug, Default)]
pub(super) struct Streams {
    open: BTreeMap<u32, Stream>,
    /// The highest number that a request has had; a request must have a higher one (RFC 9113 §5.1.1).
    highest: u32,
}

#[derive(Debug)]
struct Stream {
    request: Request,
    up: Half,
    down: Half,
}

impl Streams {
    /// A header block of the client: a request, or a request's trailers.
    pub(super) fn take_request(&mut self, block: &Block, account: &mut Account) -> Result<(), Malformed> {
        if let Some(stream) = self.open.get_mut(&block.stream) {
            stream.up.take_head(block.bytes, &mut account.up);
        } else if block.stream > self.highest {
            let stream = Stream::begin(block, &mut account.up)?;
            self.highest = block.stream;
            self.open.insert(block.stream, stream);
        } else {
            CONTROL.settle(block.bytes, &mut account.up);
        }
        Ok(())
    }

    /// A header block of the server: an interim answer, the answer, or its trailers.
    pub(super) fn take_answer(&mut self, block: &Block, account: &mut Account) -> Result<(), Malformed> {
        let Some(stream) = self.open.get_mut(&block.stream) else {
            CONTROL.settle(block.bytes, &mut account.down);
            return Ok(());
        };
        if matches!(stream.down.heads, Heads::Awaited) {
            match block.head.status.ok_or(Malformed)? {
                // The exchange goes on.
                100..=199 => {
                    CONTROL.settle(block.bytes, &mut account.down);
                    return Ok(());
                }
                status => stream.answer(status, block, &mut account.up),
            }
        }
        stream.down.take_head(block.bytes, &mut account.down);
        Ok(())
    }

    pub(super) fn take_data_framing(
        &mut self,
        direction: Direction,
        number: u32,
        bytes: u64,
        layers: &mut Layers,
    ) {
        match self.open.get_mut(&number).map(|stream| stream.half(direction)) {
            Some(half) => half.take_data_framing(bytes, layers),
            None => settle(layers, Layer::Control, bytes),
        }
    }

    pub(super) fn take_data(
        &mut self,
        direction: Direction,
        number: u32,
        bytes: &[u8],
        account: &mut Account,
    ) {
        match self.open.get_mut(&number) {
            Some(stream) => {
                stream.half(direction).take_data(bytes, layers_of(account, direction));
                stream.settle_held(account);
            }
            None => settle(layers_of(account, direction), Layer::Control, bytes.len() as u64),
        }
    }

    /// One direction sends nothing more on this stream.
    pub(super) fn end(&mut self, direction: Direction, number: u32, account: &mut Account) {
        let Some(stream) = self.open.get_mut(&number) else { return };
        stream.half(direction).end(layers_of(account, direction));
        stream.settle_held(account);
        if stream.up.ended && stream.down.ended {
            self.reset(number, account);
        }
    }

    /// Nothing more comes on this stream, and what waits for its answer will not get one.
    pub(super) fn reset(&mut self, number: u32, account: &mut Account) {
        if let Some(mut stream) = self.open.remove(&number) {
            stream.up.end(&mut account.up);
            stream.down.end(&mut account.down);
            stream.settle_held(account);
            stream.up.know(CONTROL, &mut account.up);
            stream.down.know(CONTROL, &mut account.down);
        }
    }
}

impl Stream {
    fn begin(block: &Block, layers: &mut Layers) -> Result<Self, Malformed> {
        let request = Request::of(&block.head)?;
        let mut stream = Self {
            request,
            up: Half::carrying(request.content(&block.head), Heads::Held),
            down: Half::carrying(Content::CONTROL, Heads::Awaited),
        };
        stream.up.take_head(block.bytes, layers);
        if request == Request::Sending {
            stream.up.know(REQUEST, layers);
        }
        Ok(stream)
    }

    /// The final answer: tells what the request was, but for Engine.IO's.
    fn answer(&mut self, status: u16, block: &Block, up: &mut Layers) {
        let well = (200..300).contains(&status);
        let (request, response, content) = match self.request {
            // It may be answered by a stream.
            Request::Sending => {
                (REQUEST, RESPONSE, Content::of(block.head.media_type, block.head.is_coded, Finding::Whole))
            }
            Request::WebSocket if well => {
                (HANDSHAKE, HANDSHAKE, Content::WebSocket(Frames::new(Finding::Whole)))
            }
            Request::WebSocketOfPackets if well => {
                (HANDSHAKE, HANDSHAKE, Content::WebSocket(Frames::of_packets(Finding::Whole)))
            }
            Request::Posting => return self.answer_post(well),
            Request::Polling if self.request.found_something(status, block.ends_stream) => {
                self.down.heads = Heads::Held;
                self.down.content = Content::packets(block.head.is_coded, Finding::Whole);
                return;
            }
            asking if asking.found_something(status, block.ends_stream) => {
                (REQUEST, RESPONSE, Content::of(block.head.media_type, block.head.is_coded, Finding::Whole))
            }
            _ => (CONTROL, CONTROL, Content::CONTROL),
        };
        self.up.know(request, up);
        self.down.content = content;
        self.down.heads = Heads::Known(response);
    }

    /// The answer to a POST of Engine.IO is what the packets were that came so far.
    fn answer_post(&mut self, well: bool) {
        let carried = self.up.carried;
        self.down.heads = Heads::Known(carried.heads(RESPONSE));
        self.down.content = if well { Content::Known(carried.answer()) } else { Content::CONTROL };
    }

    /// Settles the heads of an exchange of Engine.IO, if by now its packets tell what they are.
    fn settle_held(&mut self, account: &mut Account) {
        match self.request {
            Request::Polling => {
                if let Some(carried) = self.down.decided() {
                    self.up.know(carried.heads(REQUEST), &mut account.up);
                    self.down.know(carried.heads(RESPONSE), &mut account.down);
                }
            }
            Request::Posting => {
                if let Some(carried) = self.up.decided() {
                    self.up.know(carried.heads(REQUEST), &mut account.up);
                }
            }
            _ => {}
        }
    }

    fn half(&mut self, direction: Direction) -> &mut Half {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}

#[derive(Debug)]
struct Half {
    content: Content,
    heads: Heads,
    /// What waits for its heads to be known.
    held: Held,
    /// What of Engine.IO's packets came.
    carried: Carried,
    ended: bool,
}

/// What the heads of one side are.
#[derive(Debug, Clone, Copy)]
enum Heads {
    /// None has come.
    Awaited,
    /// It is still open.
    Held,
    Known(HeadLayers),
}

#[derive(Debug, Default, Clone, Copy)]
struct Held {
    head: HeadBytes,
    /// Frame headers and padding of DATA.
    data_framing: u64,
}

impl Half {
    fn carrying(content: Content, heads: Heads) -> Self {
        Self { content, heads, held: Held::default(), carried: Carried::default(), ended: false }
    }

    fn take_head(&mut self, bytes: HeadBytes, layers: &mut Layers) {
        match self.heads {
            Heads::Known(heads) => heads.settle(bytes, layers),
            Heads::Awaited | Heads::Held => self.held.head += bytes,
        }
    }

    fn take_data(&mut self, bytes: &[u8], layers: &mut Layers) {
        self.content.take(bytes, layers);
        self.carried = self.carried.max(self.content.carried());
    }

    fn take_data_framing(&mut self, bytes: u64, layers: &mut Layers) {
        match (self.heads, &self.content) {
            (Heads::Held, Content::Packets(_) | Content::Compressed) => self.held.data_framing += bytes,
            (_, content) => settle(layers, content.data_framing(), bytes),
        }
    }

    /// What the packets were, if that is settled: they are over, or there was an event.
    fn decided(&self) -> Option<Carried> {
        let is_told = matches!(self.heads, Heads::Held) && (self.ended || self.carried == Carried::Events);
        is_told.then_some(self.carried)
    }

    /// Settles what waited for this, if anything did.
    fn know(&mut self, heads: HeadLayers, layers: &mut Layers) {
        let held = std::mem::take(&mut self.held);
        heads.settle(held.head, layers);
        settle(layers, heads.data_framing, held.data_framing);
        if !matches!(self.heads, Heads::Known(_)) {
            self.heads = Heads::Known(heads);
        }
    }

    /// What comes behind the end has no right to, and carries nothing.
    fn end(&mut self, layers: &mut Layers) {
        self.content.end(layers);
        self.carried = self.carried.max(self.content.carried());
        self.content = Content::CONTROL;
        self.ended = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::byte_accounting::head::Method;
    use crate::byte_accounting::http2::block::Head;

    fn block(stream: u32, head: Head) -> Block {
        Block { stream, ends_stream: true, bytes: HeadBytes::default(), head }
    }

    #[test]
    fn a_stream_that_both_sides_have_ended_or_one_has_reset_is_forgotten() {
        let (mut streams, mut account) = (Streams::default(), Account::default());
        for number in [1, 3] {
            let request = block(number, Head { method: Some(Method::Get), ..Head::default() });
            assert!(streams.take_request(&request, &mut account).is_ok());
            streams.end(Direction::Up, number, &mut account);
        }
        assert_eq!(streams.open.len(), 2);
        let answer = block(3, Head { status: Some(204), ..Head::default() });
        assert!(streams.take_answer(&answer, &mut account).is_ok());
        streams.end(Direction::Down, 3, &mut account);
        assert_eq!(streams.open.len(), 1);
        streams.reset(1, &mut account);
        assert!(streams.open.is_empty());
    }
}

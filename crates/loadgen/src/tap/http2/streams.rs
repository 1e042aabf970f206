//! Requests and their answers, which may come in any order: a stream each (RFC 9113 §5, §8.1).
//!
//! A request is held until its answer says whether the poll found something. A stream is forgotten as soon as both
//! sides have ended it, or one has reset it.

use std::collections::BTreeMap;

use schema::bytes_account::{Account, Layers};

use super::block::{Block, Head, HeadBytes};
use super::{Malformed, Side};
use crate::tap::content::Content;
use crate::tap::head::Method;
use crate::tap::ledger::{Layer, settle};
use crate::tap::websocket::Frames;

/// The streams that are open.
#[derive(Debug, Default)]
pub(super) struct Streams {
    open: BTreeMap<u32, Stream>,
    /// The highest number that a request has had; a request must have a higher one (RFC 9113 §5.1.1).
    highest: u32,
}

#[derive(Debug)]
struct Stream {
    request: Request,
    /// What of the request waits for its answer.
    held: HeadBytes,
    up: Half,
    down: Half,
}

#[derive(Debug)]
struct Half {
    content: Content,
    /// What its heads are, once it is known.
    heads: Option<HeadLayers>,
    ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    /// A poll: what it was is held.
    Asking,
    /// As [`Self::Asking`], but the answer has no body, whatever it found.
    AskingForHead,
    /// A POST: it carried a message.
    Sending,
    /// Extended CONNECT (RFC 8441 §4).
    WebSocket,
}

/// What header blocks and their frames are settled as.
#[derive(Debug, Clone, Copy)]
struct HeadLayers {
    block: Layer,
    framing: Layer,
}

const REQUEST: HeadLayers = HeadLayers { block: Layer::RequestHead, framing: Layer::FrameHeaders };
const RESPONSE: HeadLayers = HeadLayers { block: Layer::ResponseHead, framing: Layer::FrameHeaders };
const HANDSHAKE: HeadLayers = HeadLayers { block: Layer::Handshake, framing: Layer::FrameHeaders };
const CONTROL: HeadLayers = HeadLayers { block: Layer::Control, framing: Layer::Control };

impl Streams {
    /// A header block of the client: a request, or a request's trailers.
    pub(super) fn take_request(&mut self, block: &Block, account: &mut Account) -> Result<(), Malformed> {
        if let Some(stream) = self.open.get_mut(&block.stream) {
            match stream.up.heads {
                Some(heads) => heads.settle(block.bytes, &mut account.up),
                None => stream.held += block.bytes,
            }
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
        let heads = match self.open.get_mut(&block.stream) {
            None => CONTROL,
            Some(Stream { down: Half { heads: Some(heads), .. }, .. }) => *heads,
            Some(stream) => match block.head.status.ok_or(Malformed)? {
                // The exchange goes on.
                100..=199 => CONTROL,
                status => stream.answer(status, block, &mut account.up),
            },
        };
        heads.settle(block.bytes, &mut account.down);
        Ok(())
    }

    /// What the frame headers and padding of DATA on this stream are.
    pub(super) fn data_framing(&mut self, side: Side, number: u32) -> Layer {
        match self.half(side, number) {
            Some(half) if half.content.carries_messages() => Layer::DataFraming,
            _ => Layer::Control,
        }
    }

    pub(super) fn take_data(&mut self, side: Side, number: u32, bytes: &[u8], layers: &mut Layers) {
        match self.half(side, number) {
            Some(half) => half.content.take(bytes, layers),
            None => settle(layers, Layer::Control, bytes.len() as u64),
        }
    }

    /// One side sends nothing more on this stream.
    pub(super) fn end(&mut self, side: Side, number: u32, account: &mut Account) {
        let Some(stream) = self.open.get_mut(&number) else { return };
        stream.half(side).end(side.layers(account));
        if stream.up.ended && stream.down.ended {
            self.reset(number, account);
        }
    }

    /// Nothing more comes on this stream, and what waits for its answer will not get one.
    pub(super) fn reset(&mut self, number: u32, account: &mut Account) {
        if let Some(mut stream) = self.open.remove(&number) {
            CONTROL.settle(stream.held, &mut account.up);
            stream.up.end(&mut account.up);
            stream.down.end(&mut account.down);
        }
    }

    fn half(&mut self, side: Side, number: u32) -> Option<&mut Half> {
        self.open.get_mut(&number).map(|stream| stream.half(side))
    }
}

impl Stream {
    fn begin(block: &Block, layers: &mut Layers) -> Result<Self, Malformed> {
        let request = Request::of(&block.head)?;
        let mut stream = Self {
            request,
            held: block.bytes,
            up: Half::carrying(request.content(&block.head)),
            down: Half::carrying(Content::Control),
        };
        if request == Request::Sending {
            stream.settle_request(REQUEST, layers);
        }
        Ok(stream)
    }

    /// The final answer: tells what the request was. Returns what the answer's head is.
    fn answer(&mut self, status: u16, block: &Block, up: &mut Layers) -> HeadLayers {
        let (request, response, content) = match self.request {
            Request::Sending => (REQUEST, RESPONSE, Content::Control),
            Request::WebSocket if (200..300).contains(&status) => {
                (HANDSHAKE, HANDSHAKE, Content::WebSocket(Frames::new()))
            }
            asking if asking.found_something(status, block.ends_stream) => {
                (REQUEST, RESPONSE, Content::of(block.head.media_type, block.head.is_coded))
            }
            _ => (CONTROL, CONTROL, Content::Control),
        };
        self.settle_request(request, up);
        self.down.content = content;
        self.down.heads = Some(response);
        response
    }

    fn settle_request(&mut self, heads: HeadLayers, layers: &mut Layers) {
        heads.settle(std::mem::take(&mut self.held), layers);
        self.up.heads = Some(heads);
    }

    fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Up => &mut self.up,
            Side::Down => &mut self.down,
        }
    }
}

impl Half {
    fn carrying(content: Content) -> Self {
        Self { content, heads: None, ended: false }
    }

    /// What comes behind the end has no right to, and carries nothing.
    fn end(&mut self, layers: &mut Layers) {
        self.content.end(layers);
        self.content = Content::Control;
        self.ended = true;
    }
}

impl Request {
    fn of(head: &Head) -> Result<Self, Malformed> {
        Ok(match head.method.ok_or(Malformed)? {
            Method::Connect if head.to_websocket => Self::WebSocket,
            Method::Get | Method::Connect => Self::Asking,
            Method::Head => Self::AskingForHead,
            Method::Other => Self::Sending,
        })
    }

    /// What its DATA carries. Behind an accepted CONNECT a client need not wait, so that frames are read at once.
    fn content(self, head: &Head) -> Content {
        match self {
            Self::Asking | Self::AskingForHead => Content::Control,
            Self::Sending => Content::message(head.is_coded),
            Self::WebSocket => Content::WebSocket(Frames::new()),
        }
    }

    /// Whether a poll that was answered so carries events. One that found nothing ends with its head.
    fn found_something(self, status: u16, ends_stream: bool) -> bool {
        let has_content = (200..300).contains(&status) && status != 204;
        match self {
            Self::Asking => has_content && !ends_stream,
            Self::AskingForHead => has_content,
            Self::Sending | Self::WebSocket => false,
        }
    }
}

impl HeadLayers {
    fn settle(self, bytes: HeadBytes, layers: &mut Layers) {
        settle(layers, self.block, bytes.block);
        settle(layers, self.framing, bytes.framing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(stream: u32, head: Head) -> Block {
        Block { stream, ends_stream: true, bytes: HeadBytes::default(), head }
    }

    #[test]
    fn a_stream_that_both_sides_have_ended_or_one_has_reset_is_forgotten() {
        let (mut streams, mut account) = (Streams::default(), Account::default());
        for number in [1, 3] {
            let request = block(number, Head { method: Some(Method::Get), ..Head::default() });
            assert!(streams.take_request(&request, &mut account).is_ok());
            streams.end(Side::Up, number, &mut account);
        }
        assert_eq!(streams.open.len(), 2);
        let answer = block(3, Head { status: Some(204), ..Head::default() });
        assert!(streams.take_answer(&answer, &mut account).is_ok());
        streams.end(Side::Down, 3, &mut account);
        assert_eq!(streams.open.len(), 1);
        streams.reset(1, &mut account);
        assert!(streams.open.is_empty());
    }
}

//! Both directions of an HTTP/1.1 connection (RFC 9112), and of the WebSocket that it may become.
//!
//! A request's head is held until its answer says whether the poll found something. Engine.IO has a say of its own: what
//! the heads of its exchanges are, the packets in their bodies tell, and until then they are held.

use std::collections::VecDeque;

use model::byte_account::{Account, Layers};
use model::trial::Direction;

use super::body::Content;
use super::body::{Body, Framing, Progress};
use super::byte_counts::{Layer, layers_of, settle};
use super::engine_io::Carried;
use super::head::{Collected, HeadBuffer, Method, Request, Response, read_request, read_response};
use super::message::Finding;
use super::websocket::Frames;

/// Attributes the bytes of one connection.
#[derive(Debug)]
pub(super) struct Connection {
    finding: Finding,
    up: Half,
    down: Half,
    /// Requests that are not answered yet.
    exchanges: VecDeque<Exchange>,
    /// The head of Engine.IO's POST whose packets are coming: its length.
    posted: Option<u64>,
    /// The heads of Engine.IO's poll whose packets are coming.
    polled: Option<Heads>,
}

#[derive(Debug)]
struct Half {
    head: HeadBuffer,
    state: State,
    /// What Engine.IO's packets in the latest body were so far.
    carried: Carried,
}

/// Lengths of a request's and its answer's head.
#[derive(Debug, Clone, Copy)]
struct Heads {
    up: u64,
    down: u64,
}

/// What the next byte of a direction is part of.
#[derive(Debug)]
enum State {
    Head,
    Body(Body),
    WebSocket(Frames),
    /// Something malformed came; nothing after it can be attributed.
    Lost,
}

#[derive(Debug, Clone, Copy)]
enum Exchange {
    /// A GET or HEAD: its head, of this length, is held.
    Asking { head_len: u64, method: Method },
    /// A POST: it carried a message, so its head is settled.
    Sending,
    /// A poll of Engine.IO, or its upgrade: its head, of this length, is held.
    Polling { head_len: u64 },
    /// A POST of Engine.IO, and what it carried.
    Posting(Carried),
}

impl Connection {
    pub(super) fn new(finding: Finding) -> Self {
        let (up, down, exchanges) = (Half::new(), Half::new(), VecDeque::new());
        Self { finding, up, down, exchanges, posted: None, polled: None }
    }

    pub(super) fn take(&mut self, direction: Direction, mut bytes: &[u8], account: &mut Account) {
        while !bytes.is_empty() {
            let half = if direction == Direction::Up { &mut self.up } else { &mut self.down };
            bytes = match (half.take(bytes, layers_of(account, direction)), direction) {
                (Some(rest), _) => rest,
                (None, Direction::Up) => self.take_request(bytes, account),
                (None, Direction::Down) => self.take_response(bytes, account),
            };
            match direction {
                Direction::Up => self.settle_posted(account),
                Direction::Down => self.settle_polled(account),
            }
        }
    }

    fn take_request<'a>(&mut self, bytes: &'a [u8], account: &mut Account) -> &'a [u8] {
        match self.up.head.collect(bytes, read_request) {
            Collected::Partial => &[],
            Collected::Malformed => self.up.lose(),
            Collected::Whole { head, len, taken } => {
                self.begin_request(head, len, account);
                &bytes[taken..]
            }
        }
    }

    fn begin_request(&mut self, request: Request, head_len: u64, account: &mut Account) {
        let content = match request.method {
            Method::Get if request.to_engine_io => {
                self.exchanges.push_back(Exchange::Polling { head_len });
                Content::CONTROL
            }
            Method::Other if request.to_engine_io => {
                self.exchanges.push_back(Exchange::Posting(Carried::Nothing));
                self.posted = Some(head_len);
                Content::packets(request.is_coded, self.finding)
            }
            method @ (Method::Get | Method::Head) => {
                self.exchanges.push_back(Exchange::Asking { head_len, method });
                Content::CONTROL
            }
            Method::Connect | Method::Other => {
                self.exchanges.push_back(Exchange::Sending);
                settle(&mut account.up, Layer::RequestHead, head_len);
                Content::message(request.is_coded, self.finding)
            }
        };
        self.up.begin_body(request.body, content);
    }

    /// Settles the head of Engine.IO's POST, if by now its packets tell what it is.
    fn settle_posted(&mut self, account: &mut Account) {
        if let Some(carried) = self.up.decided()
            && let Some(head_len) = self.posted.take()
        {
            settle(&mut account.up, carried.request_head(), head_len);
            if let Some(Exchange::Posting(known)) = self.exchanges.back_mut() {
                *known = carried;
            }
        }
    }

    /// Settles the heads of Engine.IO's poll, if by now the packets tell what they are.
    fn settle_polled(&mut self, account: &mut Account) {
        if let Some(carried) = self.down.decided()
            && let Some(heads) = self.polled.take()
        {
            settle(&mut account.up, carried.request_head(), heads.up);
            settle(&mut account.down, carried.response_head(), heads.down);
        }
    }

    fn take_response<'a>(&mut self, bytes: &'a [u8], account: &mut Account) -> &'a [u8] {
        match self.down.head.collect(bytes, read_response) {
            Collected::Partial => &[],
            Collected::Malformed => self.down.lose(),
            Collected::Whole { head, len, taken } => {
                self.begin_response(head, len, account);
                &bytes[taken..]
            }
        }
    }

    fn begin_response(&mut self, response: Response, head_len: u64, account: &mut Account) {
        match response.status {
            101 => self.upgrade(head_len, account),
            // An interim answer; the exchange goes on.
            100..=199 => settle(&mut account.down, Layer::Control, head_len),
            _ => {
                let exchange = self.exchanges.pop_front();
                self.answer(exchange, response, head_len, account);
            }
        }
    }

    fn upgrade(&mut self, head_len: u64, account: &mut Account) {
        let (asked, frames): (_, fn(Finding) -> Frames) = match self.exchanges.pop_front() {
            Some(Exchange::Asking { head_len, .. }) => (head_len, Frames::new),
            Some(Exchange::Polling { head_len }) => (head_len, Frames::of_packets),
            _ => {
                self.down.lose();
                return;
            }
        };
        settle(&mut account.up, Layer::Handshake, asked);
        settle(&mut account.down, Layer::Handshake, head_len);
        self.down.state = State::WebSocket(frames(self.finding));
        // A client that wrote more before it was answered had no right to; what it wrote cannot be attributed.
        let waited = matches!(self.up.state, State::Head) && self.up.head.is_empty();
        self.up.state = if waited { State::WebSocket(frames(self.finding)) } else { State::Lost };
    }

    fn answer(
        &mut self,
        exchange: Option<Exchange>,
        response: Response,
        down_len: u64,
        account: &mut Account,
    ) {
        let Response { status, body, media_type, is_coded } = response;
        let well = (200..300).contains(&status);
        let found = well && status != 204 && !body.is_empty();
        if let Some(Exchange::Polling { head_len }) = exchange
            && found
        {
            self.polled = Some(Heads { up: head_len, down: down_len });
            return self.down.begin_body(body, Content::packets(is_coded, self.finding));
        }
        let (layer, content) = match exchange {
            Some(Exchange::Asking { head_len, .. }) if found => {
                settle(&mut account.up, Layer::RequestHead, head_len);
                (Layer::ResponseHead, Content::of(media_type, is_coded, self.finding))
            }
            Some(Exchange::Asking { head_len, .. } | Exchange::Polling { head_len }) => {
                settle(&mut account.up, Layer::Control, head_len);
                (Layer::Control, Content::CONTROL)
            }
            // It may be answered by a stream.
            Some(Exchange::Sending) => (Layer::ResponseHead, Content::of(media_type, is_coded, self.finding)),
            Some(Exchange::Posting(carried)) => {
                let content = if well { Content::Known(carried.answer()) } else { Content::CONTROL };
                (carried.response_head(), content)
            }
            // An answer without a request, such as one that reports a time-out.
            None => (Layer::Control, Content::CONTROL),
        };
        settle(&mut account.down, layer, down_len);
        let to_head = matches!(exchange, Some(Exchange::Asking { method: Method::Head, .. }));
        let bodiless = to_head || matches!(status, 204 | 304);
        self.down.begin_body(if bodiless { Framing::Length(0) } else { body }, content);
    }
}

impl Half {
    fn new() -> Self {
        Self { head: HeadBuffer::default(), state: State::Head, carried: Carried::default() }
    }

    /// Takes what is no head, and returns the rest; none when a head is due.
    fn take<'a>(&mut self, bytes: &'a [u8], layers: &mut Layers) -> Option<&'a [u8]> {
        match &mut self.state {
            State::Head => return None,
            State::Body(body) => {
                let progress = body.take(bytes, layers);
                self.carried = body.carried();
                match progress {
                    Progress::Open => {}
                    Progress::Ended(rest) => {
                        self.state = State::Head;
                        return Some(rest);
                    }
                    Progress::Malformed => self.state = State::Lost,
                }
            }
            State::WebSocket(frames) => frames.take(bytes, layers),
            State::Lost => {}
        }
        Some(&[])
    }

    /// What Engine.IO's packets in the latest body were, if that is settled: it is over, or there was an event.
    fn decided(&self) -> Option<Carried> {
        match self.state {
            State::Head => Some(self.carried),
            State::Body(_) if self.carried == Carried::Events => Some(self.carried),
            _ => None,
        }
    }

    fn begin_body(&mut self, framing: Framing, content: Content) {
        self.carried = content.carried();
        self.state = if framing.is_empty() { State::Head } else { State::Body(Body::new(framing, content)) };
    }

    fn lose(&mut self) -> &'static [u8] {
        self.state = State::Lost;
        &[]
    }
}

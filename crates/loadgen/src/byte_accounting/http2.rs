//! Both directions of an HTTP/2 connection (RFC 9113), by frame, header block and stream.
//!
//! # Which bytes are what
//!
//! - A frame's 9 bytes are known first. Those of DATA, and its padding, are `data_framing`; those of HEADERS and
//!   CONTINUATION, their padding and priority, `frame_headers`. All other frames are `http2_control` whole, and so is
//!   the preface.
//! - A header block is `request_head` or `response_head`, trailers too. The first block of a direction is always
//!   `first_header_block`, whatever it asks or answers: it is what fills HPACK's table.
//! - A poll that found nothing is control with all its frames, and so are interim answers, and what belongs to no open
//!   stream. DATA that carries no message, the text of a refusal say, is control with its frame headers.
//! - What the exchanges of Engine.IO's long-polling are, their packets tell, and until then heads and DATA framing are
//!   held. A handshake's DATA framing is `handshake`, its frame headers `frame_headers`.
//! - Extended CONNECT (RFC 8441) that was accepted: both blocks are `handshake`, their frame headers `frame_headers`;
//!   DATA carries WebSocket frames, both ways.
//!
//! # Layout
//!
//! - `frames`: where frames begin and end
//! - `block`: header blocks, from HEADERS to the last CONTINUATION
//! - `hpack`, `huffman`: what a block says
//! - `streams`, `half`: requests and their answers, and one side of either

mod block;
mod frames;
mod half;
mod hpack;
mod huffman;
mod streams;

use model::byte_account::Account;

use super::byte_counts::{Layer, settle};
use block::BlockReader;
use frames::{Frame, FrameReader, HEADER_LEN, Kind, Malformed, PREFACE, Piece, Side};
use streams::Streams;

/// Attributes the bytes of one connection.
#[derive(Debug)]
pub(super) struct Connection {
    up: Direction,
    down: Direction,
    streams: Streams,
}

#[derive(Debug)]
struct Direction {
    frames: FrameReader,
    blocks: BlockReader,
}

impl Connection {
    pub(super) fn new() -> Self {
        Self {
            up: Direction::new(FrameReader::behind_preface()),
            down: Direction::new(FrameReader::new()),
            streams: Streams::default(),
        }
    }

    pub(super) fn up(&mut self, bytes: &[u8], account: &mut Account) {
        self.take(Side::Up, bytes, account);
    }

    pub(super) fn down(&mut self, bytes: &[u8], account: &mut Account) {
        self.take(Side::Down, bytes, account);
    }

    fn take(&mut self, side: Side, mut bytes: &[u8], account: &mut Account) {
        while let Some(piece) = self.direction(side).frames.next(&mut bytes) {
            if self.take_piece(side, piece, account).is_err() {
                self.direction(side).frames.lose();
            }
        }
    }

    fn direction(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Up => &mut self.up,
            Side::Down => &mut self.down,
        }
    }

    fn take_piece(&mut self, side: Side, piece: Piece<'_>, account: &mut Account) -> Result<(), Malformed> {
        match piece {
            Piece::Preface => settle(side.layers(account), Layer::Http2Control, PREFACE.len() as u64),
            Piece::Header(frame) => self.begin_frame(side, frame, account)?,
            Piece::Filling(frame, len) => self.take_filling(side, frame, len, account),
            Piece::Content(frame, bytes) => self.take_content(side, frame, bytes, account)?,
            Piece::End(frame) => self.end_frame(side, frame, account)?,
        }
        Ok(())
    }

    fn begin_frame(&mut self, side: Side, frame: Frame, account: &mut Account) -> Result<(), Malformed> {
        match frame.kind {
            Kind::Headers | Kind::Continuation => return self.direction(side).blocks.begin_frame(frame),
            // Nothing may stand between the frames of a block (RFC 9113 §6.10).
            _ if self.direction(side).blocks.is_open() => return Err(Malformed),
            // hyper's client allows no push, and the block of one would have to be read.
            Kind::PushPromise => return Err(Malformed),
            Kind::Data => self.take_filling(side, frame, HEADER_LEN as u64, account),
            Kind::Reset | Kind::Other => {
                settle(side.layers(account), Layer::Http2Control, HEADER_LEN as u64);
            }
        }
        Ok(())
    }

    /// Pad length, padding, priority.
    fn take_filling(&mut self, side: Side, frame: Frame, len: u64, account: &mut Account) {
        match frame.kind {
            Kind::Data => self.streams.take_data_framing(side, frame.stream, len, side.layers(account)),
            _ => self.direction(side).blocks.add_framing(len),
        }
    }

    fn take_content(
        &mut self,
        side: Side,
        frame: Frame,
        bytes: &[u8],
        account: &mut Account,
    ) -> Result<(), Malformed> {
        match frame.kind {
            Kind::Data => self.streams.take_data(side, frame.stream, bytes, account),
            Kind::Headers | Kind::Continuation => self.direction(side).blocks.push(bytes)?,
            _ => settle(side.layers(account), Layer::Http2Control, bytes.len() as u64),
        }
        Ok(())
    }

    fn end_frame(&mut self, side: Side, frame: Frame, account: &mut Account) -> Result<(), Malformed> {
        match frame.kind {
            Kind::Headers | Kind::Continuation if frame.ends_headers() => self.end_block(side, account),
            Kind::Data if frame.ends_stream() => {
                self.streams.end(side, frame.stream, account);
                Ok(())
            }
            Kind::Reset => {
                self.streams.reset(frame.stream, account);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn end_block(&mut self, side: Side, account: &mut Account) -> Result<(), Malformed> {
        let block = self.direction(side).blocks.finish(side.layers(account))?;
        match side {
            Side::Up => self.streams.take_request(&block, account)?,
            Side::Down => self.streams.take_answer(&block, account)?,
        }
        if block.ends_stream {
            self.streams.end(side, block.stream, account);
        }
        Ok(())
    }
}

impl Direction {
    fn new(frames: FrameReader) -> Self {
        Self { frames, blocks: BlockReader::default() }
    }
}

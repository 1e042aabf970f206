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
//! - `streams`: requests and their answers

mod block;
mod frames;
mod hpack;
mod huffman;
mod streams;

use model::byte_account::Account;
use model::trial::Direction;

use super::byte_counts::{Layer, layers_of, settle};
use block::BlockReader;
use frames::{Frame, FrameReader, HEADER_LEN, Kind, Malformed, PREFACE, Piece};
use streams::Streams;

/// Attributes the bytes of one connection.
#[derive(Debug)]
pub(super) struct Connection {
    up: Readers,
    down: Readers,
    streams: Streams,
}

#[derive(Debug)]
struct Readers {
    frames: FrameReader,
    blocks: BlockReader,
}

impl Connection {
    pub(super) fn new() -> Self {
        Self {
            up: Readers::new(FrameReader::behind_preface()),
            down: Readers::new(FrameReader::new()),
            streams: Streams::default(),
        }
    }

    pub(super) fn take(&mut self, direction: Direction, mut bytes: &[u8], account: &mut Account) {
        while let Some(piece) = self.readers(direction).frames.next(&mut bytes) {
            if self.take_piece(direction, piece, account).is_err() {
                self.readers(direction).frames.lose();
            }
        }
    }

    fn readers(&mut self, direction: Direction) -> &mut Readers {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    fn take_piece(
        &mut self,
        direction: Direction,
        piece: Piece<'_>,
        account: &mut Account,
    ) -> Result<(), Malformed> {
        match piece {
            Piece::Preface => {
                settle(layers_of(account, direction), Layer::Http2Control, PREFACE.len() as u64);
            }
            Piece::Header(frame) => self.begin_frame(direction, frame, account)?,
            Piece::Filling(frame, len) => self.take_filling(direction, frame, len, account),
            Piece::Content(frame, bytes) => self.take_content(direction, frame, bytes, account)?,
            Piece::End(frame) => self.end_frame(direction, frame, account)?,
        }
        Ok(())
    }

    fn begin_frame(
        &mut self,
        direction: Direction,
        frame: Frame,
        account: &mut Account,
    ) -> Result<(), Malformed> {
        match frame.kind {
            Kind::Headers | Kind::Continuation => return self.readers(direction).blocks.begin_frame(frame),
            // Nothing may stand between the frames of a block (RFC 9113 §6.10).
            _ if self.readers(direction).blocks.is_open() => return Err(Malformed),
            // hyper's client allows no push, and the block of one would have to be read.
            Kind::PushPromise => return Err(Malformed),
            Kind::Data => self.take_filling(direction, frame, HEADER_LEN as u64, account),
            Kind::Reset | Kind::Other => {
                settle(layers_of(account, direction), Layer::Http2Control, HEADER_LEN as u64);
            }
        }
        Ok(())
    }

    /// Pad length, padding, priority.
    fn take_filling(&mut self, direction: Direction, frame: Frame, len: u64, account: &mut Account) {
        match frame.kind {
            Kind::Data => {
                self.streams.take_data_framing(direction, frame.stream, len, layers_of(account, direction));
            }
            _ => self.readers(direction).blocks.add_framing(len),
        }
    }

    fn take_content(
        &mut self,
        direction: Direction,
        frame: Frame,
        bytes: &[u8],
        account: &mut Account,
    ) -> Result<(), Malformed> {
        match frame.kind {
            Kind::Data => self.streams.take_data(direction, frame.stream, bytes, account),
            Kind::Headers | Kind::Continuation => self.readers(direction).blocks.push(bytes)?,
            _ => settle(layers_of(account, direction), Layer::Http2Control, bytes.len() as u64),
        }
        Ok(())
    }

    fn end_frame(
        &mut self,
        direction: Direction,
        frame: Frame,
        account: &mut Account,
    ) -> Result<(), Malformed> {
        match frame.kind {
            Kind::Headers | Kind::Continuation if frame.ends_headers() => self.end_block(direction, account),
            Kind::Data if frame.ends_stream() => {
                self.streams.end(direction, frame.stream, account);
                Ok(())
            }
            Kind::Reset => {
                self.streams.reset(frame.stream, account);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn end_block(&mut self, direction: Direction, account: &mut Account) -> Result<(), Malformed> {
        let block = self.readers(direction).blocks.finish(layers_of(account, direction))?;
        match direction {
            Direction::Up => self.streams.take_request(&block, account)?,
            Direction::Down => self.streams.take_answer(&block, account)?,
        }
        if block.ends_stream {
            self.streams.end(direction, block.stream, account);
        }
        Ok(())
    }
}

impl Readers {
    fn new(frames: FrameReader) -> Self {
        Self { frames, blocks: BlockReader::default() }
    }
}

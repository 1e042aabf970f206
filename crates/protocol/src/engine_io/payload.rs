//! A polling body, however it is cut: packets between separators ("Packet encoding", "HTTP long-polling").

use bytes::{Buf, BytesMut};

use super::{Packet, PacketError, SEPARATOR};

/// Splits a polling body into packets as it comes. The last one ends with the body.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    scanned: usize,
    limit: usize,
}

impl Decoder {
    /// A decoder of one body that takes packets of up to `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), scanned: 0, limit }
    }

    /// Takes in the next bytes of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole packet, if any.
    ///
    /// # Errors
    ///
    /// When it is no packet, or what has come of it is over the limit. Nothing after it can be trusted.
    pub fn next_packet(&mut self) -> Result<Option<Packet>, PacketError> {
        let found = memchr::memchr(SEPARATOR, &self.buffer[self.scanned..]);
        let end = self.scanned + found.unwrap_or(self.buffer.len() - self.scanned);
        self.check(end)?;
        if found.is_none() {
            self.scanned = end;
            return Ok(None);
        }
        let record = self.buffer.split_to(end).freeze();
        self.buffer.advance(1);
        self.scanned = 0;
        Packet::from_record(&record).map(Some)
    }

    /// The last packet, when the body has ended and [`next_packet`](Self::next_packet) has nothing more.
    ///
    /// # Errors
    ///
    /// When it is no packet; that of an empty body, or behind a last separator, is empty, which is none.
    pub fn finish(self) -> Result<Packet, PacketError> {
        self.check(self.buffer.len())?;
        Packet::from_record(&self.buffer.freeze())
    }

    fn check(&self, len: usize) -> Result<(), PacketError> {
        if len > self.limit { Err(PacketError::Oversize(self.limit)) } else { Ok(()) }
    }
}

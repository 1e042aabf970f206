//! The socket under TLS: notes which records pass as the socket takes and gives them.
//!
//! Records are split by their headers (RFC 8446 §5.1). Their content does not matter here.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use model::byte_account::Account;
use model::trial::Direction;
use tokio::io::{AsyncRead, ReadBuf};

use crate::byte_accounting::byte_counts::{arrive, layers_of};
use crate::byte_accounting::counting_stream::{CountingStream, Observer};

/// Bytes that are asked of the socket at a time, about a record's most.
const READ_BYTES: usize = 16 * 1024;

/// A socket that carries TLS records. A reader gets one record at most by each read, so that the TLS driver knows which of them gave plaintext.
#[derive(Debug)]
pub(super) struct RecordStream<S> {
    counting: CountingStream<S, Passing>,
    /// Read, and not handed on yet.
    incoming: BytesMut,
}

/// The records that passed whole, in order, until somebody attributes them.
#[derive(Debug, Default)]
pub(super) struct Passing {
    written: Records,
    read: Records,
    pub(super) up: VecDeque<Record>,
    pub(super) down: VecDeque<Record>,
}

impl<S> RecordStream<S> {
    pub(super) fn new(counting: CountingStream<S, Passing>) -> Self {
        Self { counting, incoming: BytesMut::new() }
    }

    pub(super) fn passing(&mut self) -> &mut Passing {
        &mut self.counting.observer
    }
}

/// What is read is split when it is handed on.
impl Observer for Passing {
    fn observe(&mut self, direction: Direction, mut bytes: &[u8], account: &mut Account) {
        arrive(layers_of(account, direction), bytes.len());
        while direction == Direction::Up && !bytes.is_empty() {
            let (taken, record) = self.written.take(bytes);
            self.up.extend(record);
            bytes = &bytes[taken..];
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RecordStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { counting, incoming } = &mut *self;
        if incoming.is_empty() {
            let mut room = [MaybeUninit::uninit(); READ_BYTES];
            let mut read = ReadBuf::uninit(&mut room);
            ready!(Pin::new(&mut *counting).poll_read(cx, &mut read))?;
            incoming.extend_from_slice(read.filled());
        }
        let fits = incoming.len().min(buf.remaining());
        let (taken, record) = counting.observer.read.take(&incoming[..fits]);
        counting.observer.down.extend(record);
        buf.put_slice(&incoming[..taken]);
        incoming.advance(taken);
        Poll::Ready(Ok(()))
    }
}

forward_writes!(RecordStream<S>, this => &mut this.counting, this.counting.is_write_vectored());

/// Content type, legacy version, length.
const HEADER_LEN: usize = 5;
/// The content type of every encrypted record.
const APPLICATION_DATA: u8 = 23;
/// Bytes of an encrypted record with application data that are not the data: header, inner content type, tag
/// (RFC 8446 §5.2). rustls adds no padding.
pub(super) const OVERHEAD: u64 = HEADER_LEN as u64 + 1 + 16;

/// A record that passed whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    content_type: u8,
    /// With its header.
    pub(super) len: u64,
}

impl Record {
    /// How much data it holds if it is application data; none when it cannot be.
    pub(super) fn data_len(self) -> Option<usize> {
        let data = self.len.checked_sub(OVERHEAD)?;
        (self.content_type == APPLICATION_DATA).then_some(data as usize)
    }
}

/// Follows the records of one direction, however they are cut.
#[derive(Debug, Default)]
pub(super) struct Records {
    header: [u8; HEADER_LEN],
    header_len: usize,
    body_left: usize,
}

impl Records {
    /// Takes in the beginning of `bytes`, to the end of a record at most. Returns how many bytes that is, and the
    /// record if it is whole now.
    pub(super) fn take(&mut self, bytes: &[u8]) -> (usize, Option<Record>) {
        let mut taken = 0;
        if self.header_len < HEADER_LEN {
            taken = bytes.len().min(HEADER_LEN - self.header_len);
            self.header[self.header_len..][..taken].copy_from_slice(&bytes[..taken]);
            self.header_len += taken;
            if self.header_len < HEADER_LEN {
                return (taken, None);
            }
            self.body_left = self.body_len();
        }
        let of_body = self.body_left.min(bytes.len() - taken);
        self.body_left -= of_body;
        (taken + of_body, self.whole())
    }

    fn whole(&mut self) -> Option<Record> {
        (self.body_left == 0).then(|| {
            self.header_len = 0;
            Record { content_type: self.header[0], len: (HEADER_LEN + self.body_len()) as u64 }
        })
    }

    fn body_len(&self) -> usize {
        usize::from(u16::from_be_bytes([self.header[3], self.header[4]]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hello of 3 bytes, a record with 2 bytes of data, one without any body.
    const STREAM: &[u8] =
        b"\x16\x03\x01\x00\x03abc\x17\x03\x03\x00\x13dd0123456789abcdef+\x17\x03\x03\x00\x00";

    #[test]
    fn records_are_told_apart_at_any_cut() {
        for cut in 0..=STREAM.len() {
            let (mut records, mut whole) = (Records::default(), Vec::new());
            for mut part in [&STREAM[..cut], &STREAM[cut..]] {
                while !part.is_empty() {
                    let (taken, record) = records.take(part);
                    part = &part[taken..];
                    whole.extend(record);
                }
            }
            let lens: Vec<_> = whole.iter().map(|record| (record.len, record.data_len())).collect();
            assert_eq!(lens, [(8, None), (24, Some(2)), (5, None)], "cut at {cut}");
        }
    }

    #[test]
    fn nothing_behind_a_record_is_taken_with_it() {
        let mut records = Records::default();
        assert_eq!(records.take(STREAM), (8, Some(Record { content_type: 22, len: 8 })));
    }
}

//! The socket under TLS: counts ciphertext as the socket takes and gives it, and notes which records passed.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use model::byte_account::Account;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::records::{Record, Records};
use crate::byte_accounting::byte_counts::arrive;
use crate::byte_accounting::counting_stream::CountingStream;

/// Bytes that are asked of the socket at a time, about a record's most.
const READ_BYTES: usize = 16 * 1024;

/// A socket that carries TLS records.
///
/// A reader gets one record at most by each read, so that the TLS driver knows which of them gave plaintext.
#[derive(Debug)]
pub(super) struct Meter<S> {
    counted: CountingStream<S>,
    /// Read, and not handed on yet.
    incoming: BytesMut,
    pub(super) up: Passing,
    pub(super) down: Passing,
}

/// The records of one direction.
#[derive(Debug, Default)]
pub(super) struct Passing {
    records: Records,
    /// Those that passed whole, in order, until somebody attributes them.
    pub(super) whole: VecDeque<Record>,
}

impl<S> Meter<S> {
    pub(super) fn new(counted: CountingStream<S>) -> Self {
        Self { counted, incoming: BytesMut::new(), up: Passing::default(), down: Passing::default() }
    }

    /// Hands on what is there of one record.
    fn hand_on(&mut self, buf: &mut ReadBuf<'_>) {
        let fits = self.incoming.len().min(buf.remaining());
        let taken = self.down.take(&self.incoming[..fits]);
        buf.put_slice(&self.incoming[..taken]);
        self.incoming.advance(taken);
    }
}

impl Passing {
    /// Takes in bytes to the end of a record at most, and returns how many.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let (taken, record) = self.records.take(bytes);
        self.whole.extend(record);
        taken
    }

    fn take_written(&mut self, mut bytes: &[u8], account: &mut Account) {
        arrive(&mut account.up, bytes.len());
        while !bytes.is_empty() {
            bytes = &bytes[self.take(bytes)..];
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Meter<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.incoming.is_empty() {
            let mut room = [MaybeUninit::uninit(); READ_BYTES];
            let mut read = ReadBuf::uninit(&mut room);
            let count = |bytes: &[u8], account: &mut Account| arrive(&mut account.down, bytes.len());
            ready!(self.counted.poll_read(cx, &mut read, count))?;
            self.incoming.extend_from_slice(read.filled());
        }
        self.hand_on(buf);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Meter<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { counted, up, .. } = &mut *self;
        counted.poll_write(cx, bytes, |bytes, account| up.take_written(bytes, account))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { counted, up, .. } = &mut *self;
        counted.poll_write_vectored(cx, slices, |bytes, account| up.take_written(bytes, account))
    }

    fn is_write_vectored(&self) -> bool {
        self.counted.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.counted.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.counted.poll_shutdown(cx)
    }
}

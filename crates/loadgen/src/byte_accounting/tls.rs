//! A TLS stream whose bytes are counted above and below: plaintext by layer, and what TLS itself adds (RFC 8446 §5).
//!
//! Ciphertext arrives in the account when the socket takes or gives it. Which record held what is known from driving
//! TLS one record at a time: one that gives no plaintext is all TLS's own (hellos, certificate, finished, tickets,
//! alerts); of one that does, 22 bytes are, and the rest goes to the classifier as the reader is handed it. Upwards,
//! plaintext is kept until the record that holds it has been written.

mod records;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use model::byte_account::Layers;
use model::trial::Direction;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsConnector, rustls};

use super::byte_counts::{Layer, SharedByteCounts, settle};
use super::classifier::{Classifier, Protocol};
use super::counting_stream::{CountingStream, taken};
use super::trace::ConnectionTrace;
use records::{OVERHEAD, Passing, Record, RecordStream};

/// TLS over a stream whose bytes are counted, by layer and in sum.
#[derive(Debug)]
pub struct CountingTlsStream<S> {
    tls: TlsStream<RecordStream<S>>,
    classifier: Classifier,
    byte_counts: SharedByteCounts,
    /// Plaintext that TLS took, and whose record is not written yet.
    kept: BytesMut,
}

/// What a [`CountingTlsStream`] is made of, beside the socket.
pub struct TlsParameters<'a> {
    /// Verifies the server, resumes sessions.
    pub connector: &'a TlsConnector,
    /// Whom to expect.
    pub server: ServerName<'static>,
    /// What to offer (RFC 7301); none offers nothing.
    pub alpn: Option<&'static str>,
    /// What is spoken inside.
    pub protocol: Protocol,
    /// Where bytes are counted.
    pub byte_counts: SharedByteCounts,
    /// By how much ciphertext is held back after it has come.
    pub added_delay: Duration,
    /// Where every flight is recorded.
    pub trace: Option<ConnectionTrace>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> CountingTlsStream<S> {
    /// Shakes hands over a fresh connection.
    /// Fails when the server is not trusted, speaks no TLS 1.3, takes nothing of what is offered, or goes away.
    pub async fn open(stream: S, parameters: TlsParameters<'_>) -> io::Result<Self> {
        let TlsParameters { connector, server, alpn, protocol, byte_counts, added_delay, trace } = parameters;
        let counts = SharedByteCounts::clone(&byte_counts);
        let counting = CountingStream::observed(stream, Passing::default(), counts, added_delay, trace);
        let records = RecordStream::new(counting);
        let alpn = alpn.map(|name| name.as_bytes().to_vec()).into_iter().collect();
        let shaken = connector.with_alpn(alpn).connect(server, records).into_fallible().await;
        let tls = shaken.map_err(|(error, mut records)| {
            settle_handshake(records.passing(), &byte_counts);
            error
        })?;
        let mut counting =
            Self { tls, classifier: Classifier::new(protocol), byte_counts, kept: BytesMut::new() };
        let gave_plaintext = counting.holds_plaintext();
        counting.settle_up();
        counting.settle_down(gave_plaintext);
        Ok(counting)
    }

    /// The protocol that both agreed on.
    pub fn agreed(&self) -> Option<String> {
        self.tls.get_ref().1.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned())
    }

    /// Whether the session is a resumed one (RFC 8446 §2.2).
    pub fn is_resumed(&self) -> bool {
        self.tls.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    /// Whether the handshake's last read brought data of the server's with it.
    fn holds_plaintext(&mut self) -> bool {
        let state = self.tls.get_mut().1.process_new_packets();
        state.is_ok_and(|state| state.plaintext_bytes_to_read() > 0)
    }

    /// Hands on plaintext of one record at most.
    fn poll_plaintext(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.tls).poll_fill_buf(cx).map_ok(|plaintext| {
            buf.put_slice(&plaintext[..plaintext.len().min(buf.remaining())]);
        });
        let plaintext = &buf.filled()[before..];
        self.settle_down(!plaintext.is_empty());
        self.classifier.attribute(Direction::Down, plaintext, &mut self.byte_counts.borrow_mut().account);
        Pin::new(&mut self.tls).consume(plaintext.len());
        polled
    }
}

impl<S> CountingTlsStream<S> {
    /// Attributes the records that were written: each holds the oldest plaintext that is kept, or none.
    fn settle_up(&mut self) {
        let account = &mut self.byte_counts.borrow_mut().account;
        while let Some(record) = self.tls.get_mut().0.passing().up.pop_front() {
            match record.data_len() {
                Some(len @ 1..) if len <= self.kept.len() => {
                    settle(&mut account.up, Layer::TlsRecords, OVERHEAD);
                    self.classifier.attribute(Direction::Up, &self.kept[..len], account);
                    self.kept.advance(len);
                }
                _ => settle(&mut account.up, Layer::TlsHandshake, record.len),
            }
        }
    }

    /// Attributes the records that were read since the last call: TLS is asked for no more once a record has given
    /// plaintext, so if one did, it is the last.
    fn settle_down(&mut self, gave_plaintext: bool) {
        let whole = &mut self.tls.get_mut().0.passing().down;
        let with_data = if gave_plaintext { whole.pop_back() } else { None };
        let down = &mut self.byte_counts.borrow_mut().account.down;
        settle_whole(whole.drain(..), down);
        if with_data.is_some() {
            settle(down, Layer::TlsRecords, OVERHEAD);
        }
    }
}

/// A handshake that failed.
fn settle_handshake(passing: &mut Passing, byte_counts: &SharedByteCounts) {
    let account = &mut byte_counts.borrow_mut().account;
    settle_whole(passing.up.drain(..), &mut account.up);
    settle_whole(passing.down.drain(..), &mut account.down);
}

fn settle_whole(records: impl Iterator<Item = Record>, layers: &mut Layers) {
    for record in records {
        settle(layers, Layer::TlsHandshake, record.len);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for CountingTlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let polled = self.poll_plaintext(cx, buf);
        // What TLS finds broken it answers with an alert.
        self.settle_up();
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for CountingTlsStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.tls).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = polled {
            self.kept.extend_from_slice(&bytes[..written]);
        }
        self.settle_up();
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.tls).poll_write_vectored(cx, slices);
        if let Poll::Ready(Ok(written)) = polled {
            for part in taken(slices, written) {
                self.kept.extend_from_slice(part);
            }
        }
        self.settle_up();
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.tls).poll_flush(cx);
        self.settle_up();
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.tls).poll_shutdown(cx);
        self.settle_up();
        polled
    }
}

//! Which bytes under TLS are whose, however the socket cuts them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use loadgen::byte_accounting::{ByteCounts, CountingTlsStream, Protocol, SharedByteCounts, TlsParameters};
use model::byte_account::{Account, Layers};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_rustls::server::TlsStream;

use crate::rig::{Identity, counted, event};

/// Header, content type, tag.
const RECORD: u64 = 22;
const HELLO: &[u8] = b"channel=0&after=0";

/// A client that trusts as browsers do, by the library's own rules.
fn connector(identity: &Identity) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(identity.certificate().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// A socket that takes and gives at most so many bytes at a time, and is not ready every other time.
struct Cutting {
    stream: DuplexStream,
    most: usize,
    reads: bool,
    writes: bool,
}

/// Ready every other time.
fn take_turn(turn: &mut bool, cx: &Context<'_>) -> Poll<()> {
    *turn = !*turn;
    if *turn {
        return Poll::Ready(());
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

impl AsyncRead for Cutting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(take_turn(&mut self.reads, cx));
        let mut part = vec![0; buf.remaining().min(self.most)];
        let mut read = ReadBuf::new(&mut part);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
        buf.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Cutting {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(take_turn(&mut self.writes, cx));
        let most = bytes.len().min(self.most);
        Pin::new(&mut self.stream).poll_write(cx, &bytes[..most])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    near: S,
    trusted: &Identity,
    byte_counts: &SharedByteCounts,
    added_delay: Duration,
) -> io::Result<CountingTlsStream<S>> {
    let parameters = TlsParameters {
        connector: &connector(trusted),
        server: ServerName::try_from("localhost").unwrap(),
        alpn: None,
        protocol: Protocol::RawTcp,
        byte_counts: SharedByteCounts::clone(byte_counts),
        added_delay,
        trace: None,
    };
    CountingTlsStream::open(near, parameters).await
}

/// The server sends `downs`, a record each, then the client reads all, answers with `up` in slices of its own, and ends. Both sides must
/// count the same bytes, and the client's layers add up to them.
async fn exchange(most: usize, tickets: usize, delay: Duration, downs: &[Vec<u8>], up: &[u8]) -> Account {
    let identity = Identity::new();
    let (near, far) = duplex(1 << 20);
    let near = Cutting { stream: near, most, reads: false, writes: false };
    let ((far, crossed), byte_counts) = (counted(far), SharedByteCounts::default());
    let acceptor = identity.acceptor(&[], tickets);
    let server = async {
        let mut tls: TlsStream<_> = acceptor.accept(far).await.unwrap();
        let mut hello = vec![0; 4 + HELLO.len()];
        tls.read_exact(&mut hello).await.unwrap();
        for down in downs {
            tls.write_all(down).await.unwrap();
            tls.flush().await.unwrap();
        }
        let mut read = Vec::new();
        tls.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, up);
        tls.shutdown().await.unwrap();
    };
    let client = async {
        let mut tls = open(near, &identity, &byte_counts, delay).await.unwrap();
        tls.write_all(&protocol::frame::encode(HELLO)).await.unwrap();
        tls.flush().await.unwrap();
        let mut read = vec![0; downs.iter().map(Vec::len).sum()];
        for part in read.chunks_mut(11) {
            tls.read_exact(part).await.unwrap();
        }
        assert_eq!(read, downs.concat());
        write_in_slices(&mut tls, up).await;
        tls.shutdown().await.unwrap();
        assert_eq!(tls.read(&mut [0; 8]).await.unwrap(), 0);
    };
    tokio::join!(server, client);
    let ByteCounts { account, socket_read, socket_written, .. } = *byte_counts.borrow();
    assert_eq!((socket_read, socket_written), (crossed.written.get(), crossed.read.get()));
    assert_eq!((account.down.wire(), account.up.wire()), (socket_read, socket_written));
    assert_eq!((account.down.unfinished, account.up.unfinished), (0, 0), "{account:?}");
    account
}

async fn write_in_slices(tls: &mut CountingTlsStream<Cutting>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_at(bytes.len().min(7));
        let written = tls.write_vectored(&[IoSlice::new(head), IoSlice::new(rest)]).await.unwrap();
        bytes = &bytes[written..];
    }
    tls.flush().await.unwrap();
}

/// Messages of raw TCP: two in a record, one in two records, one longer than a record may be.
fn downs() -> Vec<Vec<u8>> {
    let frame = |seq| protocol::frame::encode(&event(seq)).to_vec();
    let cut = frame(3);
    let long = protocol::frame::encode(&vec![b'x'; 40_000]).to_vec();
    vec![[frame(1), frame(2)].concat(), cut[..9].to_vec(), cut[9..].to_vec(), long]
}

#[tokio::test(flavor = "local")]
async fn the_layers_are_the_same_however_the_socket_cuts_the_records() {
    let up = [1, 2].map(|seq| protocol::frame::encode(&event(seq)).to_vec()).concat();
    for (most, delay_ms) in [(1 << 20, 0), (4096, 0), (61, 0), (5, 0), (1, 0), (1 << 20, 3)] {
        let delay = Duration::from_millis(delay_ms);
        let Account { up, down } = exchange(most, 2, delay, &downs(), &up).await;
        assert_eq!((up.payload, down.payload, up.stamp, down.stamp), (10, 15, 94, 141), "{most}");
        assert_eq!((up.handshake, up.message_framing, down.message_framing), (21, 8, 12), "{most}");
        assert_eq!(down.control, 40_004, "what is no message");
        // Three writes, and 40,004 bytes in records of 16,384 at most.
        assert_eq!(down.tls_records, RECORD * (3 + 3), "{most}");
        assert_eq!(up.tls_records % RECORD, 0);
        assert!(up.tls_records >= 2 * RECORD);
    }
}

#[tokio::test(flavor = "local")]
async fn tickets_and_the_last_alert_belong_to_the_handshake() {
    let mut seen = Vec::new();
    for tickets in 0..=2 {
        seen.push(exchange(usize::MAX, tickets, Duration::ZERO, &downs(), b"").await);
    }
    let handshake = |at: usize| seen[at].down.tls_handshake;
    assert!(handshake(1) > handshake(0) + 50, "a ticket has more than 50 bytes");
    assert!(handshake(2) > handshake(1) + 50);
    let without = |layers: Layers| Layers { tls_handshake: 0, ..layers };
    assert_eq!(without(seen[0].down), without(seen[2].down));
    // An alert has 2 bytes in a record of its own; Finished 36 and ChangeCipherSpec 6 in all (RFC 8446 §4.4.4, §5).
    assert!(seen[0].up.tls_handshake > (RECORD + 2) + (RECORD + 36) + 6);
}

#[tokio::test(flavor = "local")]
async fn what_a_failed_handshake_took_is_its_own() {
    let (identity, other) = (Identity::new(), Identity::new());
    let (near, far) = duplex(1 << 20);
    let (byte_counts, acceptor) = (SharedByteCounts::default(), identity.acceptor(&[], 0));
    let (refused, opened) =
        tokio::join!(acceptor.accept(far), open(near, &other, &byte_counts, Duration::ZERO));
    assert!(refused.is_err() && opened.is_err());
    let ByteCounts { account, socket_read, socket_written, .. } = *byte_counts.borrow();
    assert_eq!(account.up.tls_handshake, socket_written);
    assert_eq!(account.down.tls_handshake + account.down.unfinished, socket_read);
    assert!(socket_written > 0 && account.down.tls_handshake > 0);
}

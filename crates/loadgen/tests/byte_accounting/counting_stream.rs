//! The counting stream: what it counts, what it passes on, and what it holds back.

use std::io::IoSlice;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use loadgen::byte_accounting::{ByteCounts, CountingStream, Protocol, SharedByteCounts};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::net::{TcpListener, TcpStream};

const DELAY: Duration = Duration::from_millis(30);

fn counting<S>(stream: S, added_delay: Duration) -> (CountingStream<S>, SharedByteCounts) {
    let byte_counts = SharedByteCounts::default();
    (CountingStream::new(stream, Protocol::RawTcp, Rc::clone(&byte_counts), added_delay), byte_counts)
}

fn counting_pipe(added_delay: Duration) -> (CountingStream<DuplexStream>, DuplexStream, SharedByteCounts) {
    let (near, far) = duplex(1 << 20);
    let (stream, byte_counts) = counting(near, added_delay);
    (stream, far, byte_counts)
}

/// A frame of raw TCP with no message in it.
fn frame(body: &[u8]) -> Vec<u8> {
    protocol::frame::encode(body).to_vec()
}

#[tokio::test]
async fn what_the_socket_takes_and_gives_is_counted() {
    let (mut stream, mut far, byte_counts) = counting_pipe(Duration::ZERO);
    stream.write_all(&frame(b"channel=0")).await.unwrap();
    far.write_all(&frame(b"no message")).await.unwrap();
    let mut read = [0; 14];
    stream.read_exact(&mut read).await.unwrap();

    assert_eq!(read[4..], *b"no message");
    let byte_counts = byte_counts.borrow();
    assert_eq!((byte_counts.socket_written, byte_counts.socket_read), (13, 14));
    assert_eq!((byte_counts.account.up.handshake, byte_counts.account.down.control), (13, 14));
}

#[tokio::test]
async fn a_vectored_write_is_passed_on_as_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    let (mut stream, byte_counts) = counting(near, Duration::ZERO);
    assert!(stream.is_write_vectored());

    let hello = frame(b"channel=0");
    let slices = [IoSlice::new(&hello[..4]), IoSlice::new(&[]), IoSlice::new(&hello[4..])];
    assert_eq!(stream.write_vectored(&slices).await.unwrap(), hello.len());
    let mut read = [0; 13];
    far.read_exact(&mut read).await.unwrap();
    assert_eq!(read, hello[..]);
    assert_eq!((byte_counts.borrow().socket_written, byte_counts.borrow().account.up.handshake), (13, 13));
}

#[tokio::test]
async fn a_write_is_counted_as_far_as_it_was_taken() {
    let (near, mut far) = duplex(6);
    let (mut stream, byte_counts) = counting(near, Duration::ZERO);
    let hello = frame(b"channel=0");
    let slices = [IoSlice::new(&hello[..4]), IoSlice::new(&hello[4..])];
    assert_eq!(stream.write_vectored(&slices).await.unwrap(), 6);
    assert_eq!(byte_counts.borrow().socket_written, 6);
    far.read_exact(&mut [0; 6]).await.unwrap();
    assert_eq!(stream.write(&hello[6..]).await.unwrap(), 6);
    assert_eq!((byte_counts.borrow().socket_written, byte_counts.borrow().account.up.unfinished), (12, 12));
}

#[tokio::test]
async fn the_end_of_a_stream_counts_nothing() {
    let (mut stream, far, byte_counts) = counting_pipe(Duration::ZERO);
    drop(far);
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(*byte_counts.borrow(), ByteCounts::default());
}

#[tokio::test]
async fn an_added_delay_holds_every_byte_back_and_keeps_the_order() {
    let (mut stream, mut far, byte_counts) = counting_pipe(DELAY);
    let sender = async {
        let mut sent = Vec::new();
        for byte in 0..10u8 {
            sent.push(Instant::now());
            far.write_all(&[byte; 3]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(7)).await;
        }
        sent
    };
    let receiver = async {
        let mut received = Vec::new();
        for byte in 0..10u8 {
            let mut read = [0; 3];
            stream.read_exact(&mut read).await.unwrap();
            assert_eq!(read, [byte; 3]);
            received.push(Instant::now());
        }
        received
    };
    let (sent, received) = tokio::join!(sender, receiver);

    for (sent, received) in sent.iter().zip(&received) {
        let took = *received - *sent;
        assert!(took >= DELAY && took < DELAY + Duration::from_secs(2), "{took:?}");
    }
    assert_eq!(byte_counts.borrow().socket_read, 30);
}

#[tokio::test]
async fn the_end_of_a_stream_is_held_back_as_well_and_told_again() {
    let (mut stream, mut far, _counts) = counting_pipe(DELAY);
    let begin = Instant::now();
    far.write_all(b"last").await.unwrap();
    drop(far);
    let mut read = Vec::new();
    stream.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"last");
    assert!(begin.elapsed() >= DELAY);
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
}

/// A socket that must not be asked again once it has ended.
struct EndsOnce {
    ended: bool,
}

impl AsyncRead for EndsOnce {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        assert!(!self.ended, "it was asked again");
        self.ended = true;
        Poll::Ready(Err(std::io::ErrorKind::ConnectionReset.into()))
    }
}

#[tokio::test]
async fn an_error_is_held_back_and_the_socket_not_asked_again() {
    let begin = Instant::now();
    let (mut stream, _counts) = counting(EndsOnce { ended: false }, DELAY);
    let error = stream.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(begin.elapsed() >= DELAY);
}

#[tokio::test]
async fn a_reader_with_little_room_gets_all_that_is_due() {
    let (mut stream, mut far, _counts) = counting_pipe(DELAY);
    far.write_all(b"0123456789").await.unwrap();
    let mut read = [0; 10];
    for part in read.chunks_mut(3) {
        stream.read_exact(part).await.unwrap();
    }
    assert_eq!(read, *b"0123456789");
}

#[tokio::test]
async fn more_than_the_line_holds_waits_in_the_socket_and_is_not_lost() {
    let (mut stream, mut far, byte_counts) = counting_pipe(Duration::from_millis(2));
    let bytes: Vec<u8> = (0..9_000_000u32).map(|at| (at % 251) as u8).collect();
    let sender = async {
        far.write_all(&bytes).await.unwrap();
        drop(far);
    };
    let mut read = Vec::new();
    let (_, result) = tokio::join!(sender, stream.read_to_end(&mut read));
    result.unwrap();
    assert!(read == bytes);
    assert_eq!(byte_counts.borrow().socket_read, bytes.len() as u64);
}

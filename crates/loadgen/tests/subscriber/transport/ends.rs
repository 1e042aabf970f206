//! What is counted of a connection's last bytes, and the kernel's segments.

use std::time::{Duration, Instant};

use loadgen::subscriber::{http_streaming, raw_tcp};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::spawn_local;

use crate::rig::{Crossed, Identity, Rig, assert_whole, event, run, settings, until};

/// IPv4, TCP, timestamps.
const SEGMENT: u64 = 20 + 20 + 12;
/// By how much the options of a SYN are longer.
const SYN: u64 = 8;

/// Sends an event when the client has ended its side, and ends.
async fn say_more_at_the_end(mut stream: impl AsyncRead + AsyncWrite + Unpin, first: &[u8], last: &[u8]) {
    stream.write_all(first).await.unwrap();
    stream.flush().await.unwrap();
    // A reset would be an error here.
    while stream.read(&mut [0; 1024]).await.unwrap() > 0 {}
    stream.write_all(last).await.unwrap();
    stream.shutdown().await.unwrap();
}

fn assert_all_seen(rig: &Rig, crossed: &Crossed) {
    let snapshot = rig.worker.snapshot();
    assert_whole(&snapshot);
    let server = (crossed.read.get(), crossed.written.get());
    assert_eq!((snapshot.socket_written, snapshot.socket_read), server);
}

#[test]
fn what_a_server_says_after_the_end_is_seen_and_nobody_is_reset() {
    run(async {
        let identity = Identity::new();
        let frame = protocol::frame::encode(&event(1));
        for identity in [None, Some(&identity)] {
            let rig = Rig::trusting(settings(), identity).await;
            let subscriber = spawn_local(raw_tcp::subscribe(rig.session_of(0)));
            let (stream, frame) = (rig.accept_counted().await, frame.clone());
            let crossed = stream.crossed.clone();
            let acceptor = identity.map(|identity| identity.acceptor(&[], 2));
            let server = spawn_local(async move {
                match acceptor {
                    None => say_more_at_the_end(stream, &frame, &frame).await,
                    Some(acceptor) => {
                        say_more_at_the_end(acceptor.accept(stream).await.unwrap(), &frame, &frame).await;
                    }
                }
            });
            rig.until_events(1).await;
            rig.stopper.stop();
            subscriber.await.unwrap().unwrap();
            server.await.unwrap();
            rig.closed().await;
            assert_all_seen(&rig, &crossed);
            assert_eq!(rig.worker.snapshot().account.down.payload, 10);
        }
    });
}

#[test]
fn a_response_that_is_left_is_read_to_its_end() {
    run(async {
        let rig = Rig::new(settings()).await;
        let subscriber = spawn_local(http_streaming::ndjson(rig.session_of(0)));
        let mut stream = rig.accept_counted().await;
        let crossed = stream.crossed.clone();
        let chunk = [b"35\r\n", &protocol::lines::encode(&event(1))[..], b"\r\n"].concat();
        assert_eq!(chunk.len(), 4 + 0x35 + 2);
        let head =
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
        // The server begins to speak when it was asked.
        stream.read_exact(&mut [0; 4]).await.unwrap();
        let first = [&head[..], &chunk].concat();
        let last = [&chunk[..], b"0\r\n\r\n"].concat();
        let server = spawn_local(async move { say_more_at_the_end(stream, &first, &last).await });
        rig.until_events(1).await;
        rig.stopper.stop();
        subscriber.await.unwrap().unwrap();
        server.await.unwrap();
        rig.closed().await;
        assert_all_seen(&rig, &crossed);
    });
}

#[test]
fn a_server_that_does_not_end_is_left_after_half_a_second() {
    run(async {
        let rig = Rig::new(settings()).await;
        let subscriber = spawn_local(raw_tcp::subscribe(rig.session_of(0)));
        let _stream = rig.accept_counted().await;
        until(|| rig.worker.connected() == 1).await;
        let begin = Instant::now();
        rig.stopper.stop();
        subscriber.await.unwrap().unwrap();
        assert!(begin.elapsed() >= Duration::from_millis(500));
    });
}

#[test]
fn the_kernels_segments_are_those_of_open_and_closed_sockets() {
    run(async {
        let rig = Rig::new(settings()).await;
        for connections in 1..=2 {
            let subscriber = spawn_local(raw_tcp::subscribe(rig.session_of(0)));
            let mut stream = rig.accept_counted().await;
            stream.read_exact(&mut [0; 21]).await.unwrap();
            stream.write_all(&protocol::frame::encode(&event(connections))).await.unwrap();
            rig.until_events(connections).await;

            let open = rig.worker.snapshot().segments;
            assert_eq!((open.up.with_data, open.down.with_data), (connections, connections));
            for count in [open.up, open.down] {
                assert_eq!(count.header_bytes, count.segments * SEGMENT + connections * SYN);
            }
            assert!(open.up.segments >= 3 * connections, "SYN, ACK, hello");
            drop(stream);
            subscriber.await.unwrap().unwrap();
            let closed = rig.closed().await.segments;
            assert_eq!((closed.up.with_data, closed.down.with_data), (connections, connections));
            assert!(closed.up.segments > open.up.segments, "a FIN or its ACK");
        }
    });
}

#[test]
fn segments_are_as_a_1500_byte_path_has_them() {
    run(async {
        let rig = Rig::new(settings()).await;
        let _subscriber = spawn_local(raw_tcp::subscribe(rig.session_of(0)));
        let mut stream = rig.accept_counted().await;
        let long = protocol::frame::encode(&[&event(1)[..], &[b'x'; 10 * 1448]].concat());
        stream.write_all(&long).await.unwrap();
        until(|| rig.worker.snapshot().socket_read == long.len() as u64).await;
        assert_eq!(rig.worker.snapshot().segments.down.with_data, 11);
    });
}

//! Streams in gzip: one compressor for the whole of a stream, flushed behind each batch.

use std::io::Write as _;

use flate2::write::GzDecoder;
use test_support::http::get_with;
use test_support::server::{DATE, Peer, Running, compressed, line, plain, replaying};

use crate::{event, events, lines};

/// A client that inflates what comes, as it comes.
struct Reader {
    peer: Peer,
    text: GzDecoder<Vec<u8>>,
}

impl Reader {
    async fn new(server: &Running, target: &str, media_type: &str) -> Self {
        let mut peer = server.send(get_with(target, "accept-encoding: gzip, deflate, br\r\n")).await;
        peer.expect(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncache-control: no-store\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\ndate: {DATE}\r\n\r\n"
        ))
        .await;
        Self { peer, text: GzDecoder::new(Vec::new()) }
    }

    async fn of_lines(server: &Running, after: u64) -> Self {
        Self::new(server, &format!("/stream?after={after}"), "application/x-ndjson").await
    }

    /// What the next chunk says, and its length on the wire.
    async fn chunk(&mut self) -> (String, usize) {
        let size = self.peer.until("\r\n").await;
        let size = std::str::from_utf8(&size[..size.len() - 2]).unwrap();
        let len = usize::from_str_radix(size, 16).unwrap();
        let data = self.peer.take(len + 2).await;
        self.text.write_all(&data[..len]).unwrap();
        // Only what was flushed comes out.
        self.text.flush().unwrap();
        (String::from_utf8(std::mem::take(self.text.get_mut())).unwrap(), len)
    }
}

#[tokio::test]
async fn what_is_there_together_is_one_chunk_and_can_be_read_at_once() {
    let server = events(compressed(plain())).await;
    server.publish("one");
    server.publish("two");
    let mut reader = Reader::new(&server, "/stream?after=0", "text/event-stream").await;
    let (first, _) = reader.chunk().await;
    assert_eq!(first, ["retry: 1000\n\n", &event(1, "one"), &event(2, "two")].concat());
    server.until_waiting(1).await;
    server.publish("three");
    assert_eq!(reader.chunk().await.0, event(3, "three"));
}

#[tokio::test]
async fn what_was_said_before_makes_the_same_shorter() {
    let server = lines(compressed(plain())).await;
    let payload: String = (0..500).map(|i| char::from(b'!' + ((i * i + 7 * i) % 89) as u8)).collect();
    let payload = payload.replace(['"', '\\'], "'");
    server.publish(&payload);
    let mut reader = Reader::of_lines(&server, 0).await;
    let (_, first) = reader.chunk().await;
    server.until_waiting(1).await;
    server.publish(&payload);
    let (text, second) = reader.chunk().await;
    assert_eq!(text, line(2, &payload));
    assert!(second < first / 2, "{second} bytes after {first}");
}

#[tokio::test]
async fn a_stop_ends_the_gzip_stream_as_it_ends_the_answer() {
    let server = lines(compressed(plain())).await;
    server.publish("one");
    let mut reader = Reader::of_lines(&server, 0).await;
    assert_eq!(reader.chunk().await.0, line(1, "one"));
    server.stop();
    assert_eq!(reader.chunk().await.0, "");
    // The checksum at the end is verified here (RFC 1952 §2.3.1).
    reader.text.try_finish().unwrap();
    reader.peer.expect("0\r\n\r\n").await;
    reader.peer.expect_end().await;
}

#[tokio::test]
async fn a_subscriber_that_fell_out_of_the_window_gets_what_it_missed_in_gzip() {
    let server = lines(compressed(replaying(2))).await;
    server.publish_times(6, "x");
    let mut reader = Reader::of_lines(&server, 1).await;
    assert_eq!(reader.chunk().await.0, "{\"error\":\"too slow\",\"missed\":3}\n");
}

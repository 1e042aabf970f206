//! Streams in gzip: one compressor for the whole of a stream, flushed behind each batch.

use std::io::Write as _;

use flate2::write::GzDecoder;
use server_http_streaming::{ndjson, sse};
use server_kit::Settings;
use server_kit::settings::{Compression, Limits, Transport};
use server_kit::testing::{DATE, Peer, Running, numbered, start};

const GET: &str = "GET /stream?after=0 HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip, deflate, br\r\n\r\n";

fn settings(limits: Limits) -> Settings {
    let transport = Transport { compression: Compression::Deflate, ..Transport::default() };
    Settings { transport, limits, ..Settings::default() }
}

/// A client that inflates what comes, as it comes.
struct Reader {
    peer: Peer,
    text: GzDecoder<Vec<u8>>,
}

impl Reader {
    async fn new(server: &Running, media_type: &str) -> Self {
        let mut peer = server.send(GET).await;
        peer.expect(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncache-control: no-store\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\ndate: {DATE}\r\n\r\n"
        ))
        .await;
        Self { peer, text: GzDecoder::new(Vec::new()) }
    }

    /// What the next chunk says, and its length on the wire.
    async fn chunk(&mut self) -> (String, usize) {
        let size = self.peer.until(b"\r\n").await;
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
    let server = start(sse::encode, settings(Limits::default()), sse::serve).await;
    let event = |seq, payload| format!("id: {seq}\ndata: {}\n\n", numbered(seq, payload));
    server.publish("one");
    server.publish("two");
    let mut reader = Reader::new(&server, "text/event-stream").await;
    let (first, _) = reader.chunk().await;
    assert_eq!(first, ["retry: 1000\n\n", &event(1, "one"), &event(2, "two")].concat());
    server.until_waiting(1).await;
    server.publish("three");
    assert_eq!(reader.chunk().await.0, event(3, "three"));
}

#[tokio::test]
async fn what_was_said_before_makes_the_same_shorter() {
    let server = start(ndjson::encode, settings(Limits::default()), ndjson::serve).await;
    let payload: String = (0..500).map(|i| char::from(b'!' + ((i * i + 7 * i) % 89) as u8)).collect();
    let payload = payload.replace(['"', '\\'], "'");
    server.publish(&payload);
    let mut reader = Reader::new(&server, "application/x-ndjson").await;
    let (_, first) = reader.chunk().await;
    server.until_waiting(1).await;
    server.publish(&payload);
    let (line, second) = reader.chunk().await;
    assert_eq!(line, numbered(2, &payload) + "\n");
    assert!(second < first / 2, "{second} bytes after {first}");
}

#[tokio::test]
async fn a_stop_ends_the_gzip_stream_as_it_ends_the_answer() {
    let server = start(ndjson::encode, settings(Limits::default()), ndjson::serve).await;
    server.publish("one");
    let mut reader = Reader::new(&server, "application/x-ndjson").await;
    assert_eq!(reader.chunk().await.0, numbered(1, "one") + "\n");
    server.stop();
    assert_eq!(reader.chunk().await.0, "");
    // The checksum at the end is verified here (RFC 1952 §2.3.1).
    reader.text.try_finish().unwrap();
    reader.peer.expect("0\r\n\r\n").await;
    reader.peer.expect_end().await;
}

#[tokio::test]
async fn who_fell_out_of_the_window_is_told_so_in_gzip() {
    let server =
        start(ndjson::encode, settings(Limits { replay_events: 2, ..Limits::default() }), ndjson::serve)
            .await;
    for _ in 0..6 {
        server.publish("x");
    }
    let mut peer = server.send(GET.replace("after=0", "after=1")).await;
    peer.until(b"\r\n\r\n").await;
    let mut reader = Reader { peer, text: GzDecoder::new(Vec::new()) };
    assert_eq!(reader.chunk().await.0, "{\"error\":\"too slow\",\"missed\":3}\n");
}

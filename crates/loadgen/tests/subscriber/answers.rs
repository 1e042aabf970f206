//! What a subscriber makes of responses: ordinary ones, those that only hyper reads, streams, and content that is gzip
//! (RFC 9110 §8.4.1.3). Errors are those of hyper.

use std::io::Write;

use bytes::Bytes;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use loadgen::subscriber::{SubscribeError, http_streaming, polling};
use model::settings::{Compression, Settings, ShortPolling, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::task::{spawn_local, yield_now};

use crate::rig::{
    NDJSON, Rig, assert_counted, assert_whole, chain, event, found, head, lines, settings, settings_of, until,
};

/// What hyper tells of an answer that is these bytes and then the connection's end.
async fn by_hyper(answer: &[u8]) -> String {
    let (near, mut far) = duplex(64 * 1024);
    let (mut sender, connection) = http1::handshake(TokioIo::new(near)).await.unwrap();
    spawn_local(async { drop(connection.await) });
    let asked = async {
        let mut body = sender.send_request(Request::new(Full::<Bytes>::default())).await?.into_body();
        while let Some(frame) = body.frame().await {
            frame?;
        }
        Ok::<_, hyper::Error>(())
    };
    let said = async {
        far.read_u8().await.unwrap();
        far.write_all(answer).await.unwrap();
        far.shutdown().await.unwrap();
        far
    };
    let (asked, _far) = tokio::join!(asked, said);
    chain(&SubscribeError::from(asked.unwrap_err()))
}

/// Answers with the events 1 and 2, byte by byte, and wants what is behind them to be asked for.
async fn take_two(answer: &[u8], closes: bool) {
    let (rig, mut stream, _) = Rig::asked(settings(), polling::long).await;
    for byte in answer {
        stream.write_all(&[*byte]).await.unwrap();
        yield_now().await;
    }
    let next = if closes {
        stream.shutdown().await.unwrap();
        rig.accept().await.1
    } else {
        head(&mut stream).await
    };
    assert!(next.starts_with("GET /events?channel=0&after=2 "), "{next}");
    assert_eq!(rig.worker.snapshot().counters.events, 2);
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

fn chunked() -> Vec<u8> {
    let lines = lines(&[1, 2]);
    let (one, two) = lines.split_at(17);
    [CHUNKED.as_bytes(), &chunk(one), &chunk(two), &chunk(b"")].concat()
}

#[tokio::test(flavor = "local")]
async fn answers_that_are_not_ordinary_are_read_nevertheless() {
    let lines = lines(&[1, 2]);
    let length = format!("content-length: {}\r\n\r\n", lines.len());
    let of = |head: &str| [head.as_bytes(), &lines].concat();
    for (answer, closes) in [
        (chunked(), false),
        (of(&format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n{length}")), false),
        (of(&format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{length}")), true),
        (of(&format!("HTTP/1.0 200 OK\r\n{length}")), true),
        (of("HTTP/1.1 200 OK\r\n\r\n"), true),
    ] {
        take_two(&answer, closes).await;
    }
}

#[tokio::test(flavor = "local")]
async fn hyper_goes_on_where_it_has_taken_up() {
    let (rig, mut stream, _) = Rig::asked(settings(), polling::long).await;
    stream.write_all(&chunked()).await.unwrap();
    assert!(head(&mut stream).await.contains("after=2"));
    stream.write_all(&found(&[3])).await.unwrap();
    assert!(head(&mut stream).await.contains("after=3"));
    let counters = rig.worker.snapshot().counters;
    assert_eq!((counters.requests, counters.connections, counters.responses), (3, 1, 2));
    assert_counted(&rig.worker.snapshot());
}

#[tokio::test(flavor = "local")]
async fn an_answer_is_taken_however_it_is_cut() {
    let answer = found(&[1, 2]);
    for cut in 0..answer.len() {
        let (rig, mut stream, _) = Rig::asked(settings(), polling::long).await;
        stream.write_all(&answer[..cut]).await.unwrap();
        yield_now().await;
        stream.write_all(&answer[cut..]).await.unwrap();
        assert!(head(&mut stream).await.contains("after=2"), "cut at {cut}");
        assert_eq!(rig.worker.snapshot().counters.events, 2);
    }
}

#[tokio::test(flavor = "local")]
async fn what_breaks_off_or_is_no_http_is_reported_as_hyper_reports_it() {
    let (truncated, cut_chunks) = (found(&[1, 2]), chunked());
    for answer in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
        &truncated[..truncated.len() - 20],
        &cut_chunks[..cut_chunks.len() - 9],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        b"HTTP/1.1 2\r\n\r\n",
        b"HTTP/3 200\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ] {
        let (rig, mut stream, _) = Rig::asked(settings(), polling::short).await;
        stream.write_all(answer).await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(rig.failure().await, by_hyper(answer).await, "{}", String::from_utf8_lossy(answer));
    }
}

#[tokio::test(flavor = "local")]
async fn a_connection_that_the_server_ended_or_spoke_on_unasked_is_not_asked_on_again() {
    for last_word in [&b""[..], b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"] {
        let short_polling = ShortPolling { interval_ns: 20_000_000, ..settings().short_polling };
        let settings = Settings { short_polling, ..settings() };
        let (rig, mut stream, _) = Rig::asked(settings, polling::short).await;
        stream.write_all(&found(&[1])).await.unwrap();
        stream.write_all(last_word).await.unwrap();
        stream.shutdown().await.unwrap();
        let (_stream, request) = rig.accept().await;
        assert!(request.contains("after=1"), "{request}");
        assert_eq!(rig.worker.snapshot().counters.connections, 2);
    }
}

/// Every chunk holds 40 events and comes in two pieces, the first of which ends within an event.
async fn serve_chunks(rig: &Rig, encode: fn(u64) -> Vec<u8>) {
    let (mut stream, _) = rig.accept().await;
    let head = CHUNKED.replace("\r\n\r\n", "\r\ncontent-type: text/event-stream\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    for nth in 0..3u64 {
        let before = 40 * nth;
        let halves: [Vec<u8>; 2] =
            [0, 20].map(|from| (1..=20).flat_map(|at| encode(before + from + at)).collect());
        let (begun, rest) = halves[1].split_at(3);
        let size = format!("{:x}\r\n", halves.concat().len());
        stream.write_all(&[size.as_bytes(), &halves[0], begun].concat()).await.unwrap();
        rig.until_events(before + 20).await;
        stream.write_all(&[rest, b"\r\n"].concat()).await.unwrap();
        rig.until_events(before + 40).await;
        assert_eq!(rig.worker.snapshot().counters.responses, nth + 1);
    }
}

#[tokio::test(flavor = "local")]
async fn a_chunk_that_comes_in_pieces_is_one_response() {
    let rig = Rig::subscribed(settings(), http_streaming::sse).await;
    serve_chunks(&rig, |seq| protocol::sse::encode(seq, &event(seq)).to_vec()).await;

    let rig = Rig::subscribed(settings(), http_streaming::ndjson).await;
    serve_chunks(&rig, |seq| protocol::lines::encode(&event(seq)).to_vec()).await;
}

fn deflated() -> Transport {
    Transport { compression: Compression::Deflate, ..Transport::default() }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// An answer whose content is gzip.
fn gzipped(body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("{NDJSON}content-encoding: gzip\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A subscriber whose first poll is answered with this body.
async fn answered(body: &[u8]) -> Rig {
    let (rig, mut stream) = Rig::accepted(settings_of(deflated()), polling::long).await;
    assert!(head(&mut stream).await.contains("\r\naccept-encoding: gzip\r\n"));
    spawn_local({
        let answer = gzipped(body);
        async move {
            // A subscriber that has seen enough does not read on.
            let _ = stream.write_all(&answer).await;
            while matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {}
        }
    });
    rig
}

#[tokio::test(flavor = "local")]
async fn a_polls_body_is_inflated_and_counted_as_it_came() {
    let body = gzip(&lines(&[1, 2, 3]));
    let rig = answered(&body).await;
    rig.until_events(3).await;
    until(|| rig.worker.snapshot().counters.requests == 2).await;
    rig.stop().await;
    let snapshot = rig.closed().await;
    assert_eq!(snapshot.counters.responses, 1);
    assert_eq!((snapshot.account.down.compressed, snapshot.account.down.payload), (body.len() as u64, 0));
}

#[tokio::test(flavor = "local")]
async fn each_batch_of_a_stream_is_handed_on_as_it_is_flushed() {
    let (rig, mut stream) = Rig::accepted(settings_of(deflated()), http_streaming::sse).await;
    head(&mut stream).await;
    let response = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\
                transfer-encoding: chunked\r\n\r\n";
    stream.write_all(response.as_bytes()).await.unwrap();
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    for seq in 1..=3u64 {
        encoder.write_all(&protocol::sse::encode(seq, &event(seq))).unwrap();
        encoder.flush().unwrap();
        stream.write_all(&chunk(&std::mem::take(encoder.get_mut()))).await.unwrap();
        rig.until_events(seq).await;
        assert_eq!(rig.worker.snapshot().counters.responses, seq);
    }
    stream.write_all(&[&chunk(&encoder.finish().unwrap())[..], b"0\r\n\r\n"].concat()).await.unwrap();
    rig.ended().await.unwrap();
    drop(stream);
    let snapshot = rig.closed().await;
    assert_whole(&snapshot);
    assert!(snapshot.account.down.compressed > 0 && snapshot.account.down.chunk_framing > 0);
}

#[tokio::test(flavor = "local")]
async fn a_bomb_and_what_is_no_gzip_end_the_subscription() {
    let bomb = gzip(&vec![b'x'; 24 * 1024 * 1024]);
    for (body, expected) in [
        (&bomb[..], "more than 16777216 bytes hold no whole message"),
        (b"[\"no gzip\"]\n", "the body is no sound gzip"),
        (&gzip(&event(1))[..20], "the body is no sound gzip"),
    ] {
        let error = answered(body).await.error().await;
        let SubscribeError::Inflate(cause) = error else { panic!("{error:?}") };
        assert_eq!(cause.to_string(), expected);
    }
}

//! Polls and streams whose content is compressed (RFC 9110 §8.4.1.3).

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use loadgen::subscriber::{SubscribeError, http_streaming, polling};
use model::settings::Transport;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::{JoinHandle, spawn_local};

use crate::rig::{Rig, assert_whole, event, head, run, settings_of, until};

fn deflated() -> Transport {
    Transport { compression: model::settings::Compression::Deflate, ..Transport::default() }
}

/// What was written so far, as the encoder left it at a sync flush.
fn flushed(encoder: &mut GzEncoder<Vec<u8>>, text: &[u8]) -> Vec<u8> {
    encoder.write_all(text).unwrap();
    encoder.flush().unwrap();
    std::mem::take(encoder.get_mut())
}

fn encoder() -> GzEncoder<Vec<u8>> {
    GzEncoder::new(Vec::new(), Compression::default())
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = encoder();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// An answer whose content is gzip.
fn found(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncontent-encoding: gzip\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// Answers the first poll with this body, and returns what became of the subscriber.
async fn answered(rig: &Rig, body: &[u8]) -> JoinHandle<Result<(), SubscribeError>> {
    let subscriber = spawn_local(polling::long(rig.session_of(0)));
    let mut stream = rig.accept_counted().await;
    assert!(head(&mut stream).await.contains("\r\naccept-encoding: gzip\r\n"));
    spawn_local({
        let answer = found(body);
        async move {
            // A subscriber that has seen enough does not read on.
            let _ = stream.write_all(&answer).await;
            while matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {}
        }
    });
    subscriber
}

#[test]
fn a_polls_body_is_inflated_and_counted_as_it_came() {
    run(async {
        let rig = Rig::new(settings_of(deflated())).await;
        let lines = [1, 2, 3].map(|seq| protocol::lines::encode(&event(seq)).to_vec()).concat();
        let body = gzip(&lines);
        let subscriber = answered(&rig, &body).await;
        rig.until_events(3).await;
        until(|| rig.worker.snapshot().counters.requests == 2).await;
        rig.stopper.stop();
        subscriber.await.unwrap().unwrap();
        let snapshot = rig.closed().await;
        assert_eq!(snapshot.counters.responses, 1);
        assert_eq!((snapshot.account.down.compressed, snapshot.account.down.payload), (body.len() as u64, 0));
    });
}

#[test]
fn each_batch_of_a_stream_is_handed_on_as_it_is_flushed() {
    run(async {
        let rig = Rig::new(settings_of(deflated())).await;
        let subscriber = spawn_local(http_streaming::sse(rig.session_of(0)));
        let mut stream = rig.accept_counted().await;
        head(&mut stream).await;
        let response = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        stream.write_all(response.as_bytes()).await.unwrap();
        let mut encoder = encoder();
        for seq in 1..=3u64 {
            let text = [format!("id: {seq}\ndata: ").as_bytes(), &event(seq), b"\n\n"].concat();
            stream.write_all(&chunk(&flushed(&mut encoder, &text))).await.unwrap();
            rig.until_events(seq).await;
            assert_eq!(rig.worker.snapshot().counters.responses, seq);
        }
        stream.write_all(&[&chunk(&encoder.finish().unwrap())[..], b"0\r\n\r\n"].concat()).await.unwrap();
        subscriber.await.unwrap().unwrap();
        drop(stream);
        let snapshot = rig.closed().await;
        assert_whole(&snapshot);
        assert!(snapshot.account.down.compressed > 0 && snapshot.account.down.chunk_framing > 0);
    });
}

#[test]
fn a_bomb_and_what_is_no_gzip_end_the_subscription() {
    run(async {
        let rig = Rig::new(settings_of(deflated())).await;
        let bomb = gzip(&vec![b'x'; 24 * 1024 * 1024]);
        for (body, expected) in [
            (&bomb[..], "more than 16777216 bytes hold no whole message"),
            (b"[\"no gzip\"]\n", "the body is no sound gzip"),
            (&gzip(&event(1))[..20], "the body is no sound gzip"),
        ] {
            let error = answered(&rig, body).await.await.unwrap().unwrap_err();
            let SubscribeError::Inflate(cause) = error else { panic!("{error:?}") };
            assert_eq!(cause.to_string(), expected);
        }
    });
}

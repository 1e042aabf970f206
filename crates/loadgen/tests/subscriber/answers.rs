//! Responses to polls: ordinary ones, and those that only hyper reads. Errors are those of hyper.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use loadgen::subscriber::{SubscribeError, polling};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use crate::rig::{Rig, chain, event, found, head, run, settings};

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
async fn take_two(rig: &mut Rig, answer: &[u8], closes: bool) {
    let subscriber = spawn_local(polling::long(rig.session()));
    let (mut stream, _) = rig.accept().await;
    for byte in answer {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let next = if closes {
        stream.shutdown().await.unwrap();
        rig.accept().await.1
    } else {
        head(&mut stream).await
    };
    assert!(next.starts_with("GET /events?channel=0&after=2 "), "{next}");
    assert_eq!(rig.worker.snapshot().counters.events, 2);
    subscriber.abort();
}

fn lines() -> Vec<u8> {
    [1, 2].iter().flat_map(|&seq| protocol::lines::encode(&event(seq))).collect()
}

fn chunked() -> Vec<u8> {
    let lines = lines();
    let (one, two) = lines.split_at(17);
    let mut body = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for part in [one, two] {
        body.extend(format!("{:x}\r\n", part.len()).into_bytes());
        body.extend(part);
        body.extend(b"\r\n");
    }
    body.extend(b"0\r\n\r\n");
    body
}

#[test]
fn answers_that_are_not_ordinary_are_read_nevertheless() {
    run(async {
        let lines = lines();
        let of = |head: &str| [head.as_bytes(), &lines].concat();
        for (answer, closes) in [
            (chunked(), false),
            (
                of(&format!(
                    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                    lines.len()
                )),
                false,
            ),
            (
                of(&format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    lines.len()
                )),
                true,
            ),
            (of(&format!("HTTP/1.0 200 OK\r\ncontent-length: {}\r\n\r\n", lines.len())), true),
            (of("HTTP/1.1 200 OK\r\n\r\n"), true),
        ] {
            let mut rig = Rig::new(settings()).await;
            take_two(&mut rig, &answer, closes).await;
        }
    });
}

#[test]
fn hyper_goes_on_where_it_has_taken_up() {
    run(async {
        let mut rig = Rig::new(settings()).await;
        let _subscriber = spawn_local(polling::long(rig.session()));
        let (mut stream, _) = rig.accept().await;
        stream.write_all(&chunked()).await.unwrap();
        assert!(head(&mut stream).await.contains("after=2"));
        stream.write_all(&found(&[3])).await.unwrap();
        assert!(head(&mut stream).await.contains("after=3"));
        let counters = rig.worker.snapshot().counters;
        assert_eq!((counters.requests, counters.connections, counters.responses), (3, 1, 2));
        let snapshot = rig.worker.snapshot();
        let wire = (snapshot.account.up.wire(), snapshot.account.down.wire());
        assert_eq!(wire, (snapshot.socket_written, snapshot.socket_read));
    });
}

#[test]
fn an_answer_is_taken_however_it_is_cut() {
    run(async {
        let answer = found(&[1, 2]);
        for cut in 0..answer.len() {
            let mut rig = Rig::new(settings()).await;
            let subscriber = spawn_local(polling::long(rig.session()));
            let (mut stream, _) = rig.accept().await;
            stream.write_all(&answer[..cut]).await.unwrap();
            tokio::task::yield_now().await;
            stream.write_all(&answer[cut..]).await.unwrap();
            assert!(head(&mut stream).await.contains("after=2"), "cut at {cut}");
            assert_eq!(rig.worker.snapshot().counters.events, 2);
            subscriber.abort();
        }
    });
}

#[test]
fn what_breaks_off_or_is_no_http_is_reported_as_hyper_reports_it() {
    run(async {
        let truncated = {
            let mut answer = found(&[1, 2]);
            answer.truncate(answer.len() - 20);
            answer
        };
        let mut cut_chunks = chunked();
        cut_chunks.truncate(cut_chunks.len() - 9);
        for answer in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\ncontent-le",
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
            &truncated,
            &cut_chunks,
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
            b"HTTP/1.1 2\r\n\r\n",
            b"HTTP/3 200\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n",
        ] {
            let mut rig = Rig::new(settings()).await;
            let subscriber = spawn_local(polling::short(rig.session()));
            let (mut stream, _) = rig.accept().await;
            stream.write_all(answer).await.unwrap();
            stream.shutdown().await.unwrap();
            let error = subscriber.await.unwrap().unwrap_err();
            let shown = String::from_utf8_lossy(answer);
            assert_eq!(chain(&error), by_hyper(answer).await, "{shown}");
        }
    });
}

#[test]
fn a_connection_that_the_server_ended_or_spoke_on_unasked_is_not_asked_on_again() {
    run(async {
        for last_word in [&b""[..], b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"] {
            let mut settings = settings();
            settings.short_polling.interval_ns = 20_000_000;
            let mut rig = Rig::new(settings).await;
            let _subscriber = spawn_local(polling::short(rig.session()));
            let (mut stream, _) = rig.accept().await;
            stream.write_all(&found(&[1])).await.unwrap();
            stream.write_all(last_word).await.unwrap();
            stream.shutdown().await.unwrap();
            let (_stream, request): (TcpStream, String) = rig.accept().await;
            assert!(request.contains("after=1"), "{request}");
            assert_eq!(rig.worker.snapshot().counters.connections, 2);
        }
    });
}

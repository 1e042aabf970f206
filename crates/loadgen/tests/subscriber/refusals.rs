//! How a subscriber reports that the server rejects it or closes its session.

use futures_util::FutureExt;
use loadgen::subscriber::{SubscribeError, http_streaming, polling, raw_tcp, websocket};
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_local;

use crate::rig::{OVER_HTTP, Rig, Subscribe, event, run, settings};

const GONE: &str = "HTTP/1.1 410 Gone\r\ncontent-length: 14\r\n\r\nmissed 7\nmore\n";

#[test]
fn an_unexpected_status_is_reported_with_the_first_line_of_its_body() {
    run(async {
        let mut rig = Rig::new(settings()).await;
        let websocket: (&str, Subscribe) =
            ("websocket", |session| websocket::subscribe(session).boxed_local());
        for (technique, subscribe) in OVER_HTTP.into_iter().chain([websocket]) {
            let subscriber = spawn_local(subscribe(rig.session()));
            let (mut stream, _) = rig.accept().await;
            stream.write_all(GONE.as_bytes()).await.unwrap();
            let error = subscriber.await.unwrap().unwrap_err();
            assert_eq!(error.to_string(), "the server answered 410 Gone: missed 7", "{technique}");
        }
    });
}

#[test]
fn the_last_word_of_a_stream_closes_the_session() {
    run(async {
        let mut rig = Rig::new(settings()).await;
        let subscriber = spawn_local(http_streaming::ndjson(rig.session()));
        let (mut stream, _) = rig.accept().await;
        let last = b"{\"error\":\"too slow\",\"missed\":7}\n";
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\r\n\n";
        stream.write_all(&[head.as_bytes(), &event(1), b"\n", last].concat()).await.unwrap();
        let error = subscriber.await.unwrap().unwrap_err();
        assert!(
            matches!(&error, SubscribeError::SessionClosed(said) if said.contains("too slow")),
            "{error}"
        );
        assert_eq!(rig.worker.snapshot().counters.events, 1);
    });
}

#[test]
fn the_last_frame_of_raw_tcp_closes_the_session() {
    run(async {
        let mut rig = Rig::new(settings()).await;
        let subscriber = spawn_local(raw_tcp::subscribe(rig.session()));
        let (mut stream, _) = rig.listener.accept().await.unwrap();
        stream.write_all(&protocol::frame::encode(&event(1))).await.unwrap();
        stream.write_all(&protocol::frame::encode(b"{\"error\":\"too slow\"}")).await.unwrap();
        let error = subscriber.await.unwrap().unwrap_err();
        assert!(
            matches!(&error, SubscribeError::SessionClosed(said) if said.contains("too slow")),
            "{error}"
        );
        assert_eq!(rig.worker.snapshot().counters.events, 1);
    });
}

#[test]
fn a_frame_that_no_message_can_fill_is_refused_before_it_comes() {
    run(async {
        let mut rig = Rig::new(settings()).await;
        let subscriber = spawn_local(raw_tcp::subscribe(rig.session()));
        let (mut stream, _) = rig.listener.accept().await.unwrap();
        stream.write_all(b"HTTP").await.unwrap();
        let error = subscriber.await.unwrap().unwrap_err();
        assert!(matches!(error, SubscribeError::Oversize(_)), "{error}");
    });
}

#[test]
fn a_websocket_that_is_closed_with_an_errors_code_closes_the_session() {
    run(async {
        let mut rig = Rig::new(settings()).await;
        // RFC 6455 §5.2: close, 2 bytes of code, the reason.
        for (frame, dismissed) in [
            (&b"\x88\x0a\x03\xf5too slow"[..], true),
            (b"\x88\x02\x03\xe9", false),
            (b"\x88\x02\x03\xe8", false),
        ] {
            let subscriber = spawn_local(websocket::subscribe(rig.session()));
            let mut stream = rig.accept_websocket().await;
            stream.write_all(frame).await.unwrap();
            drop(stream);
            let ended = subscriber.await.unwrap();
            let said =
                matches!(&ended, Err(SubscribeError::SessionClosed(said)) if said.contains("too slow"));
            assert_eq!(said, dismissed, "{ended:?}");
        }
    });
}

#[test]
fn a_server_that_is_not_there_is_named() {
    run(async {
        let mut rig = Rig::new(settings()).await;
        let (session, address) = (rig.session(), rig.address());
        drop(rig.listener);
        let error = polling::short(session).await.unwrap_err();
        assert_eq!(error.to_string(), format!("connect to {address}"));
    });
}

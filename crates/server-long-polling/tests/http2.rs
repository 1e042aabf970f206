//! Held requests over HTTP/2.

use std::time::Duration;

use server_kit::Settings;
use server_kit::settings::{HttpVersion, Transport};
use server_kit::testing::http2::*;
use server_kit::testing::{Peer, Running, numbered, start};
use server_long_polling::{encode, serve};

const OK: &[u8] = b"\x88";
const NO_CONTENT: &[u8] = b"\x89";

async fn server(hold: Duration) -> Running {
    let transport = Transport { http: HttpVersion::Http2, ..Transport::default() };
    start(encode, Settings { transport, hold, ..Settings::default() }, serve).await
}

async fn held(server: &Running) -> Peer {
    server.send([preface(), get(1, "/events"), get(3, "/events")].concat()).await
}

#[tokio::test]
async fn requests_that_are_held_on_one_connection_are_all_answered_by_an_event() {
    let server = server(Duration::from_secs(25)).await;
    let mut peer = held(&server).await;
    server.until_waiting(2).await;
    server.publish("one");
    let line = numbered(1, "one") + "\n";
    let mut answered = Vec::new();
    for _ in 0..4 {
        let frame = peer.stream_frame().await;
        match frame.kind {
            HEADERS => assert_eq!(&frame.payload[..1], OK),
            _ => {
                assert_eq!(
                    (frame.kind, frame.flags, &frame.payload[..]),
                    (DATA, END_STREAM, line.as_bytes())
                );
                answered.push(frame.stream);
            }
        }
    }
    answered.sort_unstable();
    assert_eq!(answered, [1, 3]);
}

#[tokio::test]
async fn a_request_is_answered_that_there_is_nothing_when_it_was_held_long_enough() {
    let server = server(Duration::from_millis(20)).await;
    let mut peer = server.send([preface(), get(1, "/events")].concat()).await;
    peer.expect_answer(1, NO_CONTENT).await;
}

#[tokio::test]
async fn a_stop_answers_what_is_held() {
    let server = server(Duration::from_secs(25)).await;
    let mut peer = held(&server).await;
    server.until_waiting(2).await;
    server.stop();
    let mut answered = [0; 2];
    for stream in &mut answered {
        let frame = peer.stream_frame().await;
        assert_eq!((frame.kind, &frame.payload[..1]), (HEADERS, NO_CONTENT));
        *stream = frame.stream;
    }
    answered.sort_unstable();
    assert_eq!(answered, [1, 3]);
}

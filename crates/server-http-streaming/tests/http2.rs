//! Streams over HTTP/2: one event is one DATA frame.

use server_http_streaming::{ndjson, sse};
use server_kit::Settings;
use server_kit::settings::{HttpVersion, Limits, Transport};
use server_kit::testing::http2::*;
use server_kit::testing::{Peer, Running, numbered, start};

const OK: &[u8] = b"\x88";

fn settings(limits: Limits) -> Settings {
    let transport = Transport { http: HttpVersion::Http2, ..Transport::default() };
    Settings { transport, limits, ..Settings::default() }
}

async fn lines(limits: Limits) -> Running {
    start(ndjson::encode, settings(limits), ndjson::serve).await
}

async fn begin(server: &Running) -> Peer {
    server.send(preface()).await
}

#[tokio::test]
async fn an_event_is_a_data_frame_with_nine_bytes_of_framing() {
    let server = start(sse::encode, settings(Limits::default()), sse::serve).await;
    server.publish("one");
    let mut peer = begin(&server).await;
    peer.send(get(1, "/stream?channel=0&after=0")).await;
    peer.expect_head(1, OK).await;
    peer.expect("\0\0\x0d\0\0\0\0\0\x01retry: 1000\n\n").await;
    let event = "id: 1\ndata: [\"0000000100000000000000010000000000000002\",\"one\"]\n\n";
    peer.expect(["\0\0\x40\0\0\0\0\0\x01", event].concat()).await;
    server.publish("two");
    peer.expect_data(1, 0, format!("id: 2\ndata: {}\n\n", numbered(2, "two"))).await;
}

#[tokio::test]
async fn many_streams_of_a_connection_get_the_same_events_each_in_order() {
    let server = lines(Limits::default()).await;
    let mut peer = begin(&server).await;
    let streams = [1, 3, 5, 7];
    for stream in streams {
        peer.send(get(stream, "/stream?after=0")).await;
        peer.expect_head(stream, OK).await;
    }
    server.until_waiting(streams.len()).await;
    for seq in 1..=20 {
        server.publish("x");
        let mut got = Vec::new();
        for _ in streams {
            let frame = peer.stream_frame().await;
            assert_eq!((frame.kind, frame.flags), (DATA, 0));
            assert_eq!(frame.payload, (numbered(seq, "x") + "\n").as_bytes());
            got.push(frame.stream);
        }
        got.sort_unstable();
        assert_eq!(got, streams);
    }
}

#[tokio::test]
async fn an_event_over_a_frames_size_comes_in_as_few_frames_as_there_must_be() {
    let server = lines(Limits::default()).await;
    let payload = "x".repeat(20_000);
    server.publish(&payload);
    let mut peer = begin(&server).await;
    peer.send(get(1, "/stream?after=0")).await;
    peer.expect_head(1, OK).await;
    let line = numbered(1, &payload) + "\n";
    // SETTINGS_MAX_FRAME_SIZE as it is at first (RFC 9113 §6.5.2).
    peer.expect_data(1, 0, &line[..16_384]).await;
    peer.expect_data(1, 0, &line[16_384..]).await;
}

#[tokio::test]
async fn a_request_over_the_limit_of_streams_is_reset_and_the_others_go_on() {
    let server = lines(Limits { streams: 1, ..Limits::default() }).await;
    let mut peer = begin(&server).await;
    peer.send(get(1, "/stream")).await;
    peer.expect_head(1, OK).await;
    server.until_waiting(1).await;
    peer.send(get(3, "/stream")).await;
    // REFUSED_STREAM (RFC 9113 §7).
    assert_eq!(
        peer.stream_frame().await,
        Frame { kind: RST_STREAM, flags: 0, stream: 3, payload: vec![0, 0, 0, 7] }
    );
    server.publish("one");
    peer.expect_data(1, 0, numbered(1, "one") + "\n").await;
}

#[tokio::test]
async fn a_client_that_resets_its_stream_is_no_subscriber_any_more() {
    let server = lines(Limits::default()).await;
    let mut peer = begin(&server).await;
    peer.send(get(1, "/stream")).await;
    server.until_waiting(1).await;
    // CANCEL (RFC 9113 §7).
    peer.send(frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])).await;
    server.until_waiting(0).await;
}

#[tokio::test]
async fn a_client_that_goes_away_ends_all_its_streams() {
    let server = lines(Limits::default()).await;
    let mut peer = begin(&server).await;
    for stream in [1, 3] {
        peer.send(get(stream, "/stream")).await;
    }
    server.until_waiting(2).await;
    drop(peer);
    server.until_waiting(0).await;
}

#[tokio::test]
async fn a_stop_ends_the_streams_then_the_connection() {
    let server = lines(Limits::default()).await;
    let mut peer = begin(&server).await;
    peer.send(get(1, "/stream")).await;
    peer.expect_head(1, OK).await;
    server.until_waiting(1).await;
    server.stop();
    peer.expect_data(1, END_STREAM, "").await;
    // The first GOAWAY names no last stream yet; the second waits for the answer to a ping, so that no request is lost
    // on its way (RFC 9113 §6.8).
    while peer.frame_of(GOAWAY).await.payload[..4] != [0, 0, 0, 1] {}
    peer.expect_end().await;
    server.ended().await;
}

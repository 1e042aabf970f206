//! Streams over HTTP/2: one event is one DATA frame.

use server_kit::settings::Limits;
use test_support::exchange::*;
use test_support::exchanges;
use test_support::http2::*;
use test_support::server::{limited, line, numbered, on_http2, plain};

use crate::{event, events, lines};

/// A connection with these requests.
fn begin(targets: &[(u32, &str)]) -> Step {
    let requests = targets.iter().map(|(stream, target)| send(get(*stream, target)));
    all([open(preface()), all(requests)])
}

exchanges! { events;
    an_event_is_a_data_frame_with_nine_bytes_of_framing(on_http2(plain())):
        publish("one"), begin(&[(1, "/stream?channel=0&after=0")]), Head(1, OK),
        expect("\0\0\x0d\0\0\0\0\0\x01retry: 1000\n\n"),
        expect("\0\0\x40\0\0\0\0\0\x01id: 1\ndata: [\"0000000100000000000000010000000000000002\",\"one\"]\n\n"),
        publish("two"), data(1, 0, event(2, "two"));
}

exchanges! { lines;
    /// SETTINGS_MAX_FRAME_SIZE as it is at first (RFC 9113 §6.5.2).
    an_event_over_a_frames_size_comes_in_as_few_frames_as_there_must_be(on_http2(plain())):
        publish(&"x".repeat(20_000)), begin(&[(1, "/stream?after=0")]), Head(1, OK),
        data(1, 0, &line(1, &"x".repeat(20_000))[..16_384]), data(1, 0, &line(1, &"x".repeat(20_000))[16_384..]);

    /// REFUSED_STREAM (RFC 9113 §7).
    a_request_over_the_limit_of_streams_is_reset_and_the_others_go_on(
        on_http2(limited(Limits { streams: 1, ..Limits::default() }))
    ):
        begin(&[(1, "/stream")]), Head(1, OK), Waiting(1),
        send(get(3, "/stream")), Reset(3, 7),
        publish("one"), data(1, 0, line(1, "one"));

    /// CANCEL (RFC 9113 §7).
    a_client_that_resets_its_stream_is_no_subscriber_any_more(on_http2(plain())):
        begin(&[(1, "/stream")]), Waiting(1), send(frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])), Waiting(0);

    a_client_that_goes_away_ends_all_its_streams(on_http2(plain())):
        begin(&[(1, "/stream"), (3, "/stream")]), Waiting(2), Leave, Waiting(0);
}

#[tokio::test]
async fn many_streams_of_a_connection_get_the_same_events_each_in_order() {
    let server = lines(on_http2(plain())).await;
    let mut peer = server.send(preface()).await;
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
async fn a_stop_ends_the_streams_then_the_connection() {
    let mut server = lines(on_http2(plain())).await;
    let mut peer = server.send([preface(), get(1, "/stream")].concat()).await;
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

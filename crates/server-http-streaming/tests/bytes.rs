//! Literal requests to the streaming servers and their literal streams: what is there together is one chunk.

use std::time::Duration;

use server_http_streaming::{ndjson, sse};
use server_kit::Settings;
use server_kit::settings::{LagPolicy, Limits};
use server_kit::testing::{DATE, Peer, Running, message, numbered, start};

async fn lines(settings: Settings) -> Running {
    start(ndjson::encode, settings, ndjson::serve).await
}

async fn events(settings: Settings) -> Running {
    start(sse::encode, settings, sse::serve).await
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n")
}

fn head(media_type: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncache-control: no-store\r\ntransfer-encoding: chunked\r\ndate: {DATE}\r\n\r\n"
    )
}

fn chunk(data: &str) -> String {
    format!("{:X}\r\n{data}\r\n", data.len())
}

/// The data of the chunks that come, this much of it.
async fn data(peer: &mut Peer, len: usize) -> String {
    let mut data = Vec::new();
    while data.len() < len {
        let size = peer.until(b"\r\n").await;
        let size = usize::from_str_radix(std::str::from_utf8(&size[..size.len() - 2]).unwrap(), 16).unwrap();
        assert_ne!(size, 0, "the stream ended");
        data.extend(peer.take(size).await);
        peer.expect("\r\n").await;
    }
    String::from_utf8(data).unwrap()
}

async fn lines_from(server: &Running, target: &str) -> Peer {
    let mut peer = server.send(get(target)).await;
    peer.expect(head("application/x-ndjson")).await;
    peer
}

async fn events_from(server: &Running, request: impl AsRef<[u8]>) -> Peer {
    let mut peer = server.send(request).await;
    peer.expect(head("text/event-stream")).await;
    peer.expect("D\r\nretry: 1000\n\n\r\n").await;
    peer
}

#[tokio::test]
async fn a_line_is_a_chunk_and_several_that_are_there_are_one() {
    let server = lines(Settings::default()).await;
    server.publish("one");
    let mut peer = lines_from(&server, "/stream?channel=0&after=0").await;
    peer.expect("33\r\n[\"0000000100000000000000010000000000000002\",\"one\"]\n\r\n").await;
    server.publish("two");
    server.publish("three");
    peer.expect(chunk(&format!("{}\n{}\n", numbered(2, "two"), numbered(3, "three")))).await;
    server.until_waiting(1).await;
    server.publish("four");
    peer.expect(chunk(&(numbered(4, "four") + "\n"))).await;
}

/// A target in absolute form (RFC 9112 §3.2.2) is nothing plain, so that hyper answers.
#[tokio::test]
async fn a_request_that_is_not_plain_is_answered_by_the_same_bytes() {
    let (lines, events) = (lines(Settings::default()).await, events(Settings::default()).await);
    for server in [&lines, &events] {
        server.publish("one");
    }
    let mut peer = lines_from(&lines, "http://x/stream?after=0").await;
    peer.expect(chunk(&(numbered(1, "one") + "\n"))).await;
    let mut event_peer = events_from(&events, get("http://x/stream?after=0")).await;
    event_peer.expect(chunk(&format!("id: 1\ndata: {}\n\n", numbered(1, "one")))).await;
    lines.publish("two");
    lines.publish("three");
    peer.expect(chunk(&format!("{}\n{}\n", numbered(2, "two"), numbered(3, "three")))).await;
    lines.stop();
    peer.expect("0\r\n\r\n").await;
    peer.expect_end().await;
}

#[tokio::test]
async fn a_request_may_come_in_pieces_and_another_behind_a_stream_that_ended() {
    let limits = Limits { replay_events: 1, ..Limits::default() };
    let server = lines(Settings { limits, ..Settings::default() }).await;
    for _ in 0..3 {
        server.publish("x");
    }
    let mut peer = server.connect().await;
    for part in get("/stream?after=1").as_bytes().chunks(7) {
        peer.send(part).await;
        tokio::task::yield_now().await;
    }
    peer.expect(head("application/x-ndjson")).await;
    peer.expect("20\r\n{\"error\":\"too slow\",\"missed\":1}\n\r\n0\r\n\r\n").await;
    peer.send(get("/stream?after=2")).await;
    peer.expect(head("application/x-ndjson")).await;
    peer.expect(chunk(&(numbered(3, "x") + "\n"))).await;
}

#[tokio::test]
async fn a_run_of_many_large_events_comes_whole_and_in_order() {
    let server = lines(Settings::default()).await;
    let payloads: Vec<_> = (1..=60).map(|n| "x".repeat(n * 997)).collect();
    let mut peer = lines_from(&server, "/stream?after=0").await;
    server.until_waiting(1).await;
    let mut expected = String::new();
    for (payload, seq) in payloads.iter().zip(1..) {
        server.publish(payload);
        expected += &(numbered(seq, payload) + "\n");
    }
    assert_eq!(data(&mut peer, expected.len()).await, expected);
}

#[tokio::test]
async fn an_event_with_its_id_is_a_chunk() {
    let server = events(Settings::default()).await;
    server.publish("one");
    let mut peer = events_from(&server, get("/stream?after=0")).await;
    peer.expect("40\r\nid: 1\ndata: [\"0000000100000000000000010000000000000002\",\"one\"]\n\n\r\n").await;
    server.publish("two");
    peer.expect(chunk(&format!("id: 2\ndata: {}\n\n", numbered(2, "two")))).await;
}

#[tokio::test]
async fn no_retry_is_sent_when_there_is_none() {
    let server = events(Settings { retry: Duration::ZERO, ..Settings::default() }).await;
    server.publish("one");
    let mut peer = server.send(get("/stream?after=0")).await;
    peer.expect(head("text/event-stream")).await;
    peer.expect("40\r\nid: 1\n").await;
}

#[tokio::test]
async fn a_fresh_subscriber_gets_its_greeting_then_what_comes() {
    let server = lines(Settings { greeting: true, ..Settings::default() }).await;
    server.publish("missed");
    let mut peer = lines_from(&server, "/stream").await;
    peer.expect(
        "5D\r\n[\"0000000100000000000000000000000000000000\",{\"content\":\"welcome\",\"timestamp\":",
    )
    .await;
    peer.stream.readable().await.unwrap();
    let mut rest = [0; 18];
    tokio::io::AsyncReadExt::read_exact(&mut peer.stream, &mut rest).await.unwrap();
    assert!(rest.ends_with(b"}]\n\r\n"), "{}", rest.escape_ascii());
    server.publish("next");
    peer.expect(chunk(&(numbered(2, "next") + "\n"))).await;
}

#[tokio::test]
async fn the_last_event_id_wins_over_the_url() {
    let server = events(Settings::default()).await;
    for payload in ["one", "two", "three"] {
        server.publish(payload);
    }
    let request = |id| format!("GET /stream?after=0 HTTP/1.1\r\nhost: x\r\nlast-event-id: {id}\r\n\r\n");
    let mut peer = events_from(&server, request("2")).await;
    peer.expect(chunk(&format!("id: 3\ndata: {}\n\n", numbered(3, "three")))).await;
    let mut peer = events_from(&server, request("")).await;
    let all = [(1, "one"), (2, "two"), (3, "three")];
    let all = all.map(|(seq, payload)| format!("id: {seq}\ndata: {}\n\n", numbered(seq, payload)));
    peer.expect(chunk(&all.concat())).await;
    let mut peer = server.send(request("x")).await;
    peer.expect("HTTP/1.1 400 Bad Request\r\n").await;
}

#[tokio::test]
async fn silence_is_broken_by_a_heartbeat_again_and_again() {
    let settings = Settings { heartbeat: Duration::from_millis(30), ..Settings::default() };
    let (lines, events) = (lines(settings.clone()).await, events(settings).await);
    let mut peer = lines_from(&lines, "/stream").await;
    peer.expect("1\r\n\n\r\n1\r\n\n\r\n").await;
    let mut peer = events_from(&events, get("/stream")).await;
    peer.expect("3\r\n:\n\n\r\n3\r\n:\n\n\r\n").await;
}

#[tokio::test]
async fn a_subscriber_that_was_away_too_long_is_told_what_it_missed_and_the_stream_ends() {
    let limits = Limits { replay_events: 2, ..Limits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let (lines, events) = (lines(settings.clone()).await, events(settings).await);
    for _ in 0..6 {
        lines.publish("x");
        events.publish("x");
    }
    let mut peer = lines_from(&lines, "/stream?after=1").await;
    peer.expect("20\r\n{\"error\":\"too slow\",\"missed\":3}\n\r\n0\r\n\r\n").await;
    let mut peer = events_from(&events, get("/stream?after=1")).await;
    peer.expect("16\r\n: too slow, missed 3\n\n\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_told_so_once_it_does_and_delays_nobody() {
    let limits = Limits { replay_events: 8, ..Limits::default() };
    let server = lines(Settings { limits, ..Settings::default() }).await;
    let slow = lines_from(&server, "/stream").await;
    let mut quick = lines_from(&server, "/stream").await;
    // More than any socket buffer holds.
    let payload = "x".repeat(60_000);
    for seq in 1..=400 {
        server.publish(&payload);
        quick.expect(chunk(&(numbered(seq, &payload) + "\n"))).await;
    }
    // The connection stays for a next request; at the stop, it ends behind the stream.
    server.stop();
    let received = slow.rest().await;
    assert!(received.ends_with(b"}\n\r\n0\r\n\r\n"));
    let last = String::from_utf8_lossy(&received[received.len() - 60..]);
    assert!(last.contains("{\"error\":\"too slow\",\"missed\":"), "{last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads_everybody_gets_everything_once_and_in_order() {
    let server = lines(Settings::default()).await;
    let expected: String = (1..=500).map(|seq| numbered(seq, "x") + "\n").collect();
    let mut reading = Vec::new();
    for _ in 0..20 {
        let mut peer = lines_from(&server, "/stream?after=0").await;
        let expected = expected.clone();
        reading
            .push(tokio::spawn(async move { assert_eq!(data(&mut peer, expected.len()).await, expected) }));
    }
    for _ in 0..500 {
        server.publish("x");
        tokio::task::yield_now().await;
    }
    for peer in reading {
        peer.await.unwrap();
    }
}

#[tokio::test]
async fn a_slow_client_that_may_skip_goes_on() {
    let limits = Limits { replay_events: 1, ..Limits::default() };
    let server = lines(Settings { limits, lag_policy: LagPolicy::Skip, ..Settings::default() }).await;
    for _ in 0..3 {
        server.publish("x");
    }
    let mut peer = lines_from(&server, "/stream?after=1").await;
    peer.expect(chunk(&(numbered(3, "x") + "\n"))).await;
    assert_eq!(server.hub.skipped(), 1);
}

#[tokio::test]
async fn a_posted_message_reaches_the_streams() {
    let server = events(Settings::default()).await;
    let mut peer = events_from(&server, get("/stream")).await;
    let body = String::from_utf8(message("up").to_vec()).unwrap();
    let len = body.len();
    let mut post = server
        .send(format!("POST /messages HTTP/1.1\r\nhost: x\r\ncontent-length: {len}\r\n\r\n{body}"))
        .await;
    post.expect("HTTP/1.1 204 No Content\r\n").await;
    peer.expect(chunk(&format!("id: 1\ndata: {}\n\n", numbered(1, "up")))).await;
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_place() {
    let server = lines(Settings::default()).await;
    let peer = lines_from(&server, "/stream").await;
    server.until_waiting(1).await;
    drop(peer);
    server.until_waiting(0).await;
}

/// Once by the server itself, and once by hyper, which a request that is not plain goes to.
#[tokio::test]
async fn a_stop_ends_a_stream_that_has_events_without_a_pause() {
    for target in ["/stream?after=0", "http://x/stream?after=0"] {
        let server = lines(Settings::default()).await;
        let mut peer = lines_from(&server, target).await;
        server.until_waiting(1).await;
        // Each is a run by itself.
        let payload = "x".repeat(60_000);
        for _ in 0..40 {
            server.publish(&payload);
        }
        server.stop();
        let expected: String = (1..=16).map(|seq| chunk(&(numbered(seq, &payload) + "\n"))).collect();
        peer.expect(expected + "0\r\n\r\n").await;
        peer.expect_end().await;
    }
}

#[tokio::test]
async fn what_is_released_together_is_one_chunk_wherever_the_hubs_memory_parts() {
    let server = lines(Settings::default()).await;
    let mut peer = lines_from(&server, "/stream").await;
    let mut seq = 0;
    for _ in 0..20 {
        server.until_waiting(1).await;
        let events: String = (0..100)
            .map(|_| {
                seq = server.publish("a payload of some bytes");
                numbered(seq, "a payload of some bytes") + "\n"
            })
            .collect();
        peer.expect(chunk(&events)).await;
    }
}

#[tokio::test]
async fn a_client_that_goes_away_behind_stray_bytes_frees_its_place() {
    let server = lines(Settings::default()).await;
    let mut peer = lines_from(&server, "/stream").await;
    server.until_waiting(1).await;
    peer.send("X").await;
    tokio::task::yield_now().await;
    drop(peer);
    server.until_waiting(0).await;
}

#[tokio::test]
async fn a_stop_ends_the_streams_properly() {
    let settings = Settings::default();
    let (lines, events) = (lines(settings.clone()).await, events(settings).await);
    let mut line_peer = lines_from(&lines, "/stream").await;
    let mut event_peer = events_from(&events, get("/stream")).await;
    lines.stop();
    events.stop();
    for peer in [&mut line_peer, &mut event_peer] {
        peer.expect("0\r\n\r\n").await;
    }
    lines.ended().await;
    events.ended().await;
    line_peer.expect_end().await;
    event_peer.expect_end().await;
}

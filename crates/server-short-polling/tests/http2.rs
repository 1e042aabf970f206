//! Literal frames to the short-polling server and back. These hold for what all HTTP servers share, too.

use std::time::Duration;

use server_kit::Settings;
use server_kit::settings::{HttpVersion, Limits, Transport};
use server_kit::testing::http2::*;
use server_kit::testing::{Peer, Running, message, numbered, start};
use server_short_polling::{encode, serve};

/// `:status` as the static table has it, or as a Huffman-coded literal (RFC 7541 §A, §B).
const OK: &[u8] = b"\x88";
const NO_CONTENT: &[u8] = b"\x89";
const BAD_REQUEST: &[u8] = b"\x8c";
const NOT_FOUND: &[u8] = b"\x8d";
const HEADERS_TOO_LARGE: &[u8] = b"\x48\x83\x69\x90\xff";
const NOT_IMPLEMENTED: &[u8] = b"\x48\x82\x6c\x01";
const UNAVAILABLE: &[u8] = b"\x48\x83\x6c\x0c\xff";

async fn server(limits: Limits) -> Running {
    let transport = Transport { http: HttpVersion::Http2, ..Transport::default() };
    start(encode, Settings { limits, transport, ..Settings::default() }, serve).await
}

async fn begin(server: &Running) -> Peer {
    server.send(preface()).await
}

/// The whole answer to a poll that found nothing.
async fn still_serves(server: &Running) {
    let mut peer = begin(server).await;
    peer.send(get(1, "/events")).await;
    peer.expect_answer(1, NO_CONTENT).await;
}

fn setting(settings: &[u8], id: u16) -> Option<u32> {
    let mut entries = settings.chunks_exact(6);
    let entry = entries.find(|entry| entry[..2] == id.to_be_bytes())?;
    entry[2..].try_into().ok().map(u32::from_be_bytes)
}

#[tokio::test]
async fn the_server_says_first_what_it_takes_and_that_it_takes_extended_connect() {
    let server = server(Limits { header_bytes: 9_000, streams: 7, ..Limits::default() }).await;
    let settings = begin(&server).await.frame().await;
    assert_eq!((settings.kind, settings.stream), (SETTINGS, 0));
    assert_eq!([3, 6, 8].map(|id| setting(&settings.payload, id)), [Some(7), Some(9_000), Some(1)]);
}

#[tokio::test]
async fn polls_and_posts_share_a_connection() {
    let server = server(Limits::default()).await;
    let mut peer = begin(&server).await;
    peer.send(frame(HEADERS, END_HEADERS, 1, &request_block(POST, "/messages?channel=0"))).await;
    peer.send(frame(DATA, END_STREAM, 1, &message("up"))).await;
    peer.expect_answer(1, NO_CONTENT).await;
    peer.send(get(3, "/events?after=0")).await;
    peer.expect_head(3, OK).await;
    peer.expect_data(3, END_STREAM, numbered(1, "up") + "\n").await;
    peer.send(get(5, "/events?after=1")).await;
    peer.expect_answer(5, NO_CONTENT).await;
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_a_line_and_no_header_of_the_connection() {
    let server = server(Limits { body_bytes: 4, ..Limits::default() }).await;
    let mut peer = begin(&server).await;
    peer.send(get(1, "/")).await;
    peer.expect_head(1, NOT_FOUND).await;
    peer.expect_data(1, END_STREAM, "there is nothing here\n").await;
    peer.send(get(3, "/events?after=soon")).await;
    peer.expect_head(3, BAD_REQUEST).await;
    peer.expect_data(3, END_STREAM, "after takes a whole number, not `soon`\n").await;
    peer.send(frame(HEADERS, END_HEADERS, 5, &request_block(POST, "/messages"))).await;
    peer.send(frame(DATA, END_STREAM, 5, b"a long body")).await;
    let head = peer.stream_frame().await;
    // `connection: close` would make it malformed (RFC 9113 §8.2.2); its name stands in no table.
    assert!(!String::from_utf8_lossy(&head.payload).contains("connection"));
    peer.expect_data(5, END_STREAM, "the body is over the limit of 4 bytes\n").await;
    peer.send(get(7, "/events")).await;
    peer.expect_answer(7, NO_CONTENT).await;
}

#[tokio::test]
async fn a_header_list_over_the_limit_is_answered_431_and_the_connection_goes_on() {
    let server = server(Limits { header_bytes: 8_192, ..Limits::default() }).await;
    let mut peer = begin(&server).await;
    // A cookie of 10,000 bytes, not indexed: its length is 127 + 9,873 (RFC 7541 §5.1, §6.2.2).
    let block = [&request_block(GET, "/events")[..], b"\x0f\x11\x7f\x91\x4d", &[b'c'; 10_000]].concat();
    peer.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, &block)).await;
    peer.expect_answer(1, HEADERS_TOO_LARGE).await;
    peer.send(get(3, "/events")).await;
    peer.expect_answer(3, NO_CONTENT).await;
}

#[tokio::test]
async fn a_header_block_without_end_ends_its_connection_and_no_other() {
    let server = server(Limits { header_bytes: 8_192, ..Limits::default() }).await;
    let mut peer = begin(&server).await;
    peer.send(frame(HEADERS, END_STREAM, 1, &request_block(GET, "/events"))).await;
    let flood = frame(CONTINUATION, 0, 1, &[b"\x0f\x11\x7f\x81\x7e", &[b'c'; 16_256][..]].concat());
    peer.send(flood.repeat(40)).await;
    let goaway = peer.frame_of(GOAWAY).await;
    // ENHANCE_YOUR_CALM (RFC 9113 §7).
    assert_eq!(goaway.payload[4..8], [0, 0, 0, 0xb]);
    peer.expect_end().await;
    still_serves(&server).await;
}

#[tokio::test]
async fn a_broken_frame_ends_its_connection_and_no_other() {
    let server = server(Limits::default()).await;
    let mut peer = begin(&server).await;
    // DATA on stream 0 is a PROTOCOL_ERROR (RFC 9113 §6.1).
    peer.send(frame(DATA, 0, 0, b"x")).await;
    assert_eq!(peer.frame_of(GOAWAY).await.payload[4..8], [0, 0, 0, 1]);
    peer.expect_end().await;
    still_serves(&server).await;
}

#[tokio::test]
async fn extended_connect_for_a_protocol_that_is_not_spoken_is_answered_501() {
    let server = server(Limits::default()).await;
    let mut peer = begin(&server).await;
    // `:method` CONNECT and `:protocol` are literals.
    let block = b"\x02\x07CONNECT\x86\x04\x07/events\x41\x01x\x00\x09:protocol\x09websocket".as_slice();
    peer.send(frame(HEADERS, END_HEADERS, 1, block)).await;
    peer.expect_head(1, NOT_IMPLEMENTED).await;
}

#[tokio::test]
async fn who_speaks_http_1_is_told_so_in_http_1() {
    let server = server(Limits::default()).await;
    let mut peer = server.send("GET /events HTTP/1.1\r\nhost: x\r\n\r\n").await;
    peer.expect(
        "HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 44\r\n\r\nthis server speaks HTTP/2, and nothing else\n",
    )
    .await;
    peer.expect_end().await;
    assert_eq!(server.hub.rejected(), Some((1, "this server speaks HTTP/2, and nothing else".to_owned())));
    still_serves(&server).await;
}

#[tokio::test]
async fn who_speaks_http_2_to_a_server_of_http_1_is_told_so_in_http_2() {
    let server = start(encode, Settings::default(), serve).await;
    let mut peer = server.send([preface(), get(1, "/events")].concat()).await;
    assert_eq!(peer.frame().await.kind, SETTINGS);
    let goaway = peer.frame().await;
    // No stream was served; HTTP_1_1_REQUIRED (RFC 9113 §7).
    assert_eq!(
        (goaway.kind, &goaway.payload[..]),
        (GOAWAY, &b"\0\0\0\0\0\0\0\x0dthis server speaks HTTP/1.1"[..])
    );
    peer.expect_end().await;
    let reason = "a client speaks HTTP/2, and this server HTTP/1.1";
    assert_eq!(server.hub.rejected(), Some((1, reason.to_owned())));
}

#[tokio::test]
async fn a_connection_over_the_limit_is_answered_503_and_told_to_go() {
    let server = server(Limits { connections: 1, ..Limits::default() }).await;
    let mut first = begin(&server).await;
    first.send(get(1, "/events")).await;
    first.expect_answer(1, NO_CONTENT).await;
    let mut second = begin(&server).await;
    second.send(get(1, "/events")).await;
    second.expect_head(1, UNAVAILABLE).await;
    second.expect_data(1, END_STREAM, "too many connections\n").await;
    assert_eq!(second.frame_of(GOAWAY).await.payload[4..8], [0; 4]);
}

#[tokio::test]
async fn a_connection_without_requests_is_told_to_go() {
    let server = server(Limits { idle: Duration::from_millis(50), ..Limits::default() }).await;
    let mut used = begin(&server).await;
    used.send(get(1, "/events")).await;
    used.expect_answer(1, NO_CONTENT).await;
    assert_eq!(used.frame_of(GOAWAY).await.payload[4..8], [0; 4]);
    // Nor does a client keep its place that says nothing at all.
    server.connect().await.expect_end().await;
}

#[tokio::test]
async fn a_stop_ends_idle_connections() {
    let server = server(Limits::default()).await;
    let silent = server.connect().await;
    let mut used = begin(&server).await;
    used.send(get(1, "/events")).await;
    used.expect_answer(1, NO_CONTENT).await;
    server.stop();
    assert_eq!(used.frame_of(GOAWAY).await.payload[4..8], [0; 4]);
    silent.expect_end().await;
    drop(used);
    server.ended().await;
}

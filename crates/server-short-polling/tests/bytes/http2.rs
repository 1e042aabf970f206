//! Literal frames to the short-polling server and back. These hold for what all HTTP servers share, too.

use server_kit::settings::Limits;
use test_support::exchange::*;
use test_support::exchanges;
use test_support::http2::*;
use test_support::server::{admitting, idle_ms, limited, line, message, on_http2, plain};

use crate::server;

/// `:status` as the static table has it, or as a Huffman-coded literal (RFC 7541 §A, §B).
const BAD_REQUEST: &[u8] = b"\x8c";
const NOT_FOUND: &[u8] = b"\x8d";
const HEADERS_TOO_LARGE: &[u8] = b"\x48\x83\x69\x90\xff";
const NOT_IMPLEMENTED: &[u8] = b"\x48\x82\x6c\x01";
const UNAVAILABLE: &[u8] = b"\x48\x83\x6c\x0c\xff";

/// A connection with a poll that finds nothing.
fn serves() -> Step {
    all([open(preface()), polls(1)])
}

/// A poll on this stream that finds nothing.
fn polls(stream: u32) -> Step {
    all([send(get(stream, "/events")), Answer(stream, NO_CONTENT)])
}

fn header_limit() -> server_kit::Settings {
    on_http2(limited(Limits { header_bytes: 8_192, ..Limits::default() }))
}

exchanges! { server;
    polls_and_posts_share_a_connection(on_http2(plain())):
        open(preface()),
        send(frame(HEADERS, END_HEADERS, 1, &request_block(POST, "/messages?channel=0"))),
        send(frame(DATA, END_STREAM, 1, &message("up"))), Answer(1, NO_CONTENT),
        send(get(3, "/events?after=0")), Head(3, OK), data(3, END_STREAM, line(1, "up")),
        send(get(5, "/events?after=1")), Answer(5, NO_CONTENT);

    // A cookie of 10,000 bytes, not indexed: its length is 127 + 9,873 (RFC 7541 §5.1, §6.2.2).
    a_header_list_over_the_limit_is_answered_431_and_the_connection_goes_on(header_limit()):
        open(preface()),
        send(frame(
            HEADERS, END_STREAM | END_HEADERS, 1,
            &[&request_block(GET, "/events")[..], b"\x0f\x11\x7f\x91\x4d", &[b'c'; 10_000]].concat(),
        )),
        Answer(1, HEADERS_TOO_LARGE), polls(3);

    // ENHANCE_YOUR_CALM (RFC 9113 §7).
    a_header_block_without_end_ends_its_connection_and_no_other(header_limit()):
        open(preface()), send(frame(HEADERS, END_STREAM, 1, &request_block(GET, "/events"))),
        send(frame(CONTINUATION, 0, 1, &[b"\x0f\x11\x7f\x81\x7e", &[b'c'; 16_256][..]].concat()).repeat(40)),
        GoAway(0xb), End, serves();

    // DATA on stream 0 is a PROTOCOL_ERROR (RFC 9113 §6.1).
    a_broken_frame_ends_its_connection_and_no_other(on_http2(plain())):
        open(preface()), send(frame(DATA, 0, 0, b"x")), GoAway(1), End, serves();

    // `:method` CONNECT and `:protocol` are literals.
    extended_connect_for_a_protocol_that_is_not_spoken_is_answered_501(on_http2(plain())):
        open(preface()),
        send(frame(
            HEADERS, END_HEADERS, 1,
            b"\x02\x07CONNECT\x86\x04\x07/events\x41\x01x\x00\x09:protocol\x09websocket",
        )),
        Head(1, NOT_IMPLEMENTED);

    a_client_that_speaks_http_1_is_answered_in_http_1(on_http2(plain())):
        open("GET /events HTTP/1.1\r\nhost: x\r\n\r\n"),
        expect(
            "HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 44\r\n\r\nthis server speaks HTTP/2, and nothing else\n",
        ),
        End,
        Rejected("this server speaks HTTP/2, and nothing else"), serves();

    a_connection_over_the_limit_is_answered_503_and_goaway(on_http2(admitting(1))):
        serves(), open(preface()), send(get(1, "/events")), Head(1, UNAVAILABLE),
        data(1, END_STREAM, "too many connections\n"), GoAway(0);

    // Nor does a client keep its place that says nothing at all.
    a_connection_without_requests_gets_goaway(on_http2(idle_ms(50))):
        serves(), GoAway(0), connect(), End;

    a_stop_ends_idle_connections(on_http2(plain())):
        connect(), serves(), Stop, GoAway(0), On(0), End, On(1), Leave, Ended;
}

fn setting(settings: &[u8], id: u16) -> Option<u32> {
    let mut entries = settings.chunks_exact(6);
    let entry = entries.find(|entry| entry[..2] == id.to_be_bytes())?;
    entry[2..].try_into().ok().map(u32::from_be_bytes)
}

#[tokio::test]
async fn the_server_says_first_what_it_takes_and_that_it_takes_extended_connect() {
    let limits = Limits { header_bytes: 9_000, streams: 7, ..Limits::default() };
    let server = server(on_http2(limited(limits))).await;
    let settings = server.send(preface()).await.frame().await;
    assert_eq!((settings.kind, settings.stream), (SETTINGS, 0));
    assert_eq!([3, 6, 8].map(|id| setting(&settings.payload, id)), [Some(7), Some(9_000), Some(1)]);
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_a_line_and_no_header_of_the_connection() {
    let server = server(on_http2(limited(Limits { body_bytes: 4, ..Limits::default() }))).await;
    let mut peer = server.send(preface()).await;
    for (stream, target, status, reason) in [
        (1, "/", NOT_FOUND, "there is nothing here\n"),
        (3, "/events?after=soon", BAD_REQUEST, "after takes a whole number, not `soon`\n"),
    ] {
        peer.send(get(stream, target)).await;
        peer.expect_head(stream, status).await;
        peer.expect_data(stream, END_STREAM, reason).await;
    }
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
async fn a_client_that_speaks_http_2_to_a_server_of_http_1_is_answered_in_http_2() {
    let server = server(plain()).await;
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

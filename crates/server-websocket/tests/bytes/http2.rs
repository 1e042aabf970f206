//! WebSocket on streams of an HTTP/2 connection (RFC 8441), with and without TLS.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::ext::Protocol;
use hyper::http::request::Builder;
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use protocol::deflate::OFFER;
use server_kit::Settings;
use server_kit::hub::SessionClose;
use test_support::exchange::Io;
use test_support::http2::{ACK, END_HEADERS, HEADERS, OK, SETTINGS, frame, preface};
use test_support::server::{LONGEST, Peer, Running, compressed, message, on_http2};
use test_support::websocket::{close, masked, text};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use crate::deflate::{Client, event as inflated};
use crate::{event, server, short_messages, tls};

fn plain() -> Settings {
    on_http2(test_support::server::plain())
}

fn over_tls() -> Settings {
    on_http2(tls())
}

/// A server, and a connection to it.
async fn begin(settings: Settings) -> (Running, SendRequest<Full<Bytes>>) {
    let server = server(settings).await;
    let sender = connect(&server).await;
    (server, sender)
}

async fn connect(server: &Running) -> SendRequest<Full<Bytes>> {
    let stream: Box<dyn Io> = match server.speaks_tls() {
        false => Box::new(server.connect().await.stream),
        true => Box::new(server.connect_tls(&["h2"]).await.stream),
    };
    let (sender, mut connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    // The client may ask once the server has said that it may (RFC 8441 §3), which another task of hyper's hears.
    let allowed = async {
        while !connection.is_extended_connect_protocol_enabled() {
            let ended = timeout(Duration::from_millis(1), &mut connection).await;
            assert!(ended.is_err(), "the connection goes on");
        }
    };
    timeout(LONGEST, allowed).await.expect("the server allows extended CONNECT");
    tokio::spawn(connection);
    sender
}

fn handshake(target: &str) -> Builder {
    Request::builder()
        .method(Method::CONNECT)
        .uri(format!("http://localhost{target}"))
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
}

async fn ask(sender: &mut SendRequest<Full<Bytes>>, request: Builder) -> Response<Incoming> {
    let request = request.body(Full::default()).unwrap();
    timeout(LONGEST, sender.send_request(request)).await.expect("an answer").unwrap()
}

/// A stream on which the server speaks WebSocket.
type Stream = Peer<TokioIo<Upgraded>>;

async fn open(sender: &mut SendRequest<Full<Bytes>>, target: &str) -> Stream {
    let answer = ask(sender, handshake(target)).await;
    assert_eq!(answer.status(), StatusCode::OK);
    upgraded(answer).await
}

async fn upgraded(answer: Response<Incoming>) -> Stream {
    Peer { stream: TokioIo::new(hyper::upgrade::on(answer).await.unwrap()) }
}

/// Both sides end the stream, and the server says nothing more.
async fn expect_end(mut stream: Stream) {
    stream.stream.shutdown().await.unwrap();
    stream.expect_end().await;
}

#[tokio::test]
async fn an_extended_connect_is_answered_200_with_nothing_of_the_upgrade() {
    for settings in [plain(), over_tls()] {
        let (server, mut sender) = begin(settings).await;
        let answer =
            ask(&mut sender, handshake("/ws?channel=0&after=0").header("sec-websocket-extensions", OFFER))
                .await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers().keys().collect::<Vec<_>>(), ["date"]);
        let mut stream = upgraded(answer).await;
        server.publish("one");
        stream.expect(event(1, "one")).await;
    }
}

#[tokio::test]
async fn streams_of_one_connection_are_sessions_of_their_own() {
    for settings in [plain(), over_tls()] {
        let (server, mut sender) = begin(settings).await;
        let mut one = open(&mut sender, "/ws?channel=0").await;
        let mut two = open(&mut sender, "/ws?channel=0").await;
        let mut other = open(&mut sender, "/ws?channel=1").await;
        one.send(text(message("hello"))).await;
        one.expect(event(1, "hello")).await;
        two.expect(event(1, "hello")).await;
        one.send(masked(0x88, b"\x03\xe8bye")).await;
        one.expect(close(1000, "bye")).await;
        expect_end(one).await;
        server.until_waiting(1).await;
        two.send(masked(0x89, b"?")).await;
        two.expect(b"\x8a\x01?").await;
        other.send(text(message("elsewhere"))).await;
        other.expect(event(1, "elsewhere")).await;
    }
}

#[tokio::test]
async fn many_events_come_in_order() {
    let server = server(plain()).await;
    server.publish_times(2_000, "x");
    let mut sender = connect(&server).await;
    let mut stream = open(&mut sender, "/ws?after=0").await;
    let expected: Vec<u8> = (1..=2_000).flat_map(|seq| event(seq, "x")).collect();
    stream.expect(expected).await;
}

#[tokio::test]
async fn events_and_messages_are_compressed_where_that_was_agreed_on() {
    for settings in [compressed(plain()), compressed(over_tls())] {
        let (_server, mut sender) = begin(settings).await;
        let answer = ask(&mut sender, handshake("/ws").header("sec-websocket-extensions", OFFER)).await;
        assert_eq!(answer.headers()["sec-websocket-extensions"], "permessage-deflate");
        let mut client = Client::of(upgraded(answer).await);
        for seq in 1..=3 {
            client.send(&message("hello")).await;
            assert_eq!(client.next().await, inflated(seq, "hello"));
        }
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_refused_and_the_connection_goes_on() {
    let (server, mut sender) = begin(plain()).await;
    let get = Request::builder().uri("http://localhost/ws").header("sec-websocket-version", "13");
    let old = Request::builder()
        .method(Method::CONNECT)
        .uri("http://localhost/ws")
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "8");
    for rejected in [get, old] {
        let answer = ask(&mut sender, rejected).await;
        assert_eq!(answer.status(), StatusCode::UPGRADE_REQUIRED);
        assert_eq!(answer.headers()["sec-websocket-version"], "13");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "this path speaks WebSocket, version 13\n");
    }
    let gone = ask(&mut sender, handshake("/ws?channel=100000")).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    let mut stream = open(&mut sender, "/ws").await;
    server.until_waiting(1).await;
    server.publish("one");
    stream.expect(event(1, "one")).await;
}

#[tokio::test]
async fn a_session_that_breaks_the_rules_ends_with_its_code_and_its_neighbour_goes_on() {
    let (_server, mut sender) = begin(on_http2(short_messages())).await;
    let mut neighbour = open(&mut sender, "/ws").await;
    for (bytes, code, reason) in [
        (masked(0xc1, b"a"), 1002, "Reserved bits are non-zero"),
        (text(b"\xff"), 1007, "a text frame is not UTF-8"),
        (text([b'x'; 5_000]), 1009, "a message of 5000 bytes is over the limit of 1000"),
    ] {
        let mut stream = open(&mut sender, "/ws").await;
        stream.send(bytes).await;
        stream.expect(close(code, reason)).await;
        expect_end(stream).await;
    }
    neighbour.send(text(message("still here"))).await;
    neighbour.expect(event(1, "still here")).await;
}

#[tokio::test]
async fn a_stop_says_going_away_on_every_stream() {
    for settings in [plain(), over_tls()] {
        let (mut server, mut sender) = begin(settings).await;
        let mut streams = Vec::new();
        for _ in 0..3 {
            streams.push(open(&mut sender, "/ws").await);
        }
        server.until_waiting(3).await;
        server.stop();
        for mut stream in streams {
            stream.expect(close(1001, "going away")).await;
            stream.send(masked(0x88, 1001u16.to_be_bytes())).await;
            expect_end(stream).await;
        }
        server.ended().await;
    }
}

#[tokio::test]
async fn the_application_closes_every_stream_and_the_connection_goes_on() {
    let (server, mut sender) = begin(plain()).await;
    let mut closed = open(&mut sender, "/ws").await;
    server.until_waiting(1).await;
    server.hub.close_sessions(SessionClose { code: 1011, reason: "a reason".to_owned() }).unwrap();
    closed.expect(close(1011, "a reason")).await;
    closed.send(masked(0x88, 1011u16.to_be_bytes())).await;
    expect_end(closed).await;
    let mut next = open(&mut sender, "/ws").await;
    next.send(text(message("x"))).await;
    next.expect(event(1, "x")).await;
}

#[tokio::test]
async fn a_stream_that_is_reset_and_a_connection_that_goes_away_free_their_places() {
    let (server, mut sender) = begin(plain()).await;
    let one = open(&mut sender, "/ws").await;
    let two = open(&mut sender, "/ws").await;
    server.until_waiting(2).await;
    drop(one);
    server.until_waiting(1).await;
    drop((two, sender));
    server.until_waiting(0).await;
}

/// A string of HPACK's, as it is (RFC 7541 §5.2).
fn string(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

/// The fields of an extended CONNECT (RFC 8441 §5): literals, and scheme https by its index in the static table.
fn connect_block() -> Vec<u8> {
    [
        [b"\x02".to_vec(), string("CONNECT")].concat(),
        [b"\0".to_vec(), string(":protocol"), string("websocket")].concat(),
        b"\x87".to_vec(),
        [b"\x04".to_vec(), string("/ws")].concat(),
        [b"\x01".to_vec(), string("x")].concat(),
        [b"\0".to_vec(), string("sec-websocket-version"), string("13")].concat(),
    ]
    .concat()
}

#[tokio::test]
async fn a_broken_record_below_sessions_on_http_2_is_counted_once() {
    let mut server = server(over_tls()).await;
    let mut peer = server.connect_tls(&["h2"]).await;
    peer.send([preface(), frame(SETTINGS, ACK, 0, b"")].concat()).await;
    for stream in [1, 3] {
        peer.send(frame(HEADERS, END_HEADERS, stream, &connect_block())).await;
        peer.expect_head(stream, OK).await;
    }
    server.until_waiting(2).await;
    peer.send_broken_record().await;
    server.until_waiting(0).await;
    server.stop();
    server.ended().await;
    assert_eq!(server.hub.rejected(), Some((1, "TLS: cannot decrypt peer's message".to_owned())));
}

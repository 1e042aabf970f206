//! WebSocket on streams of an HTTP/2 connection (RFC 8441), with and without TLS.

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::ext::Protocol;
use hyper::http::request::Builder;
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use protocol::deflate::{Agreement, Codec, Kind, Message, OFFER, Role};
use server_kit::Settings;
use server_kit::hub::SessionClose;
use server_kit::settings::{Compression, HttpVersion, Limits, Transport};
use server_kit::testing::{Running, message, numbered};
use server_kit::tls::{Certificate, HTTP_2, Resumption, TlsServer};
use support::{close, frame, server, text};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const LONGEST: Duration = Duration::from_secs(20);

fn plain() -> Settings {
    let transport = Transport { http: HttpVersion::Http2, ..Transport::default() };
    Settings { transport, ..Settings::default() }
}

fn over_tls() -> Settings {
    let tls = TlsServer::new(Certificate::made().unwrap(), Resumption::Off).unwrap();
    let transport = Transport { tls: Some(Arc::new(tls)), ..plain().transport };
    Settings { transport, ..plain() }
}

fn deflate(settings: Settings) -> Settings {
    let transport = Transport { compression: Compression::Deflate, ..settings.transport };
    Settings { transport, ..settings }
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

async fn connect(server: &Running, settings: &Settings) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let stream: Box<dyn Io> = match &settings.transport.tls {
        None => Box::new(stream),
        Some(tls) => Box::new(secured(stream, tls).await),
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

async fn secured(stream: TcpStream, tls: &TlsServer) -> impl Io + use<> {
    let mut roots = RootCertStore::empty();
    roots.add(tls.certificate().to_vec().into()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![HTTP_2.to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
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
struct Stream(TokioIo<Upgraded>);

impl Stream {
    async fn open(sender: &mut SendRequest<Full<Bytes>>, target: &str) -> Self {
        let answer = ask(sender, handshake(target)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        Self::of(answer).await
    }

    async fn of(answer: Response<Incoming>) -> Self {
        Self(TokioIo::new(hyper::upgrade::on(answer).await.unwrap()))
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    async fn expect(&mut self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        let mut got = vec![0; expected.len()];
        timeout(LONGEST, self.0.read_exact(&mut got)).await.expect("all of it").unwrap();
        assert_eq!(got.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    async fn expect_end(mut self) {
        self.0.shutdown().await.unwrap();
        let mut rest = Vec::new();
        timeout(LONGEST, self.0.read_to_end(&mut rest)).await.expect("an end").unwrap();
        assert_eq!(rest.escape_ascii().to_string(), "");
    }
}

fn event(seq: u64, payload: &str) -> Vec<u8> {
    let message = numbered(seq, payload);
    [&[0x81, u8::try_from(message.len()).unwrap()][..], message.as_bytes()].concat()
}

#[tokio::test]
async fn an_extended_connect_is_answered_200_with_nothing_of_the_upgrade() {
    for settings in [plain(), over_tls()] {
        let server = server(settings.clone()).await;
        let mut sender = connect(&server, &settings).await;
        let answer =
            ask(&mut sender, handshake("/ws?channel=0&after=0").header("sec-websocket-extensions", OFFER))
                .await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers().keys().collect::<Vec<_>>(), ["date"]);
        let mut stream = Stream::of(answer).await;
        server.publish("one");
        stream.expect(event(1, "one")).await;
    }
}

#[tokio::test]
async fn streams_of_one_connection_are_sessions_of_their_own() {
    for settings in [plain(), over_tls()] {
        let server = server(settings.clone()).await;
        let mut sender = connect(&server, &settings).await;
        let mut one = Stream::open(&mut sender, "/ws?channel=0").await;
        let mut two = Stream::open(&mut sender, "/ws?channel=0").await;
        let mut other = Stream::open(&mut sender, "/ws?channel=1").await;
        one.send(text(&message("hello"))).await;
        one.expect(event(1, "hello")).await;
        two.expect(event(1, "hello")).await;
        one.send(frame(0x88, b"\x03\xe8bye")).await;
        one.expect(close(1000, "bye")).await;
        one.expect_end().await;
        server.until_waiting(1).await;
        two.send(frame(0x89, b"?")).await;
        two.expect(b"\x8a\x01?").await;
        other.send(text(&message("elsewhere"))).await;
        other.expect(event(1, "elsewhere")).await;
    }
}

#[tokio::test]
async fn many_events_come_in_order() {
    let server = server(plain()).await;
    for _ in 1..=2_000 {
        server.publish("x");
    }
    let mut sender = connect(&server, &plain()).await;
    let mut stream = Stream::open(&mut sender, "/ws?after=0").await;
    let expected: Vec<u8> = (1..=2_000).flat_map(|seq| event(seq, "x")).collect();
    stream.expect(expected).await;
}

#[tokio::test]
async fn events_and_messages_are_compressed_where_that_was_agreed_on() {
    for settings in [deflate(plain()), deflate(over_tls())] {
        let server = server(settings.clone()).await;
        let mut sender = connect(&server, &settings).await;
        let answer = ask(&mut sender, handshake("/ws").header("sec-websocket-extensions", OFFER)).await;
        assert_eq!(answer.headers()["sec-websocket-extensions"], "permessage-deflate");
        let mut stream = Stream::of(answer).await.0;
        let mut codec =
            Codec::new(Role::Client, Agreement::of_answer(Some("permessage-deflate")).unwrap(), 1_000);
        for seq in 1..=3 {
            let mut out = BytesMut::new();
            codec.data(Kind::Text, &message("hello"), &mut out);
            stream.write_all(&out).await.unwrap();
            let received = loop {
                match codec.next_message().unwrap() {
                    Some(message) => break message,
                    None => assert_ne!(stream.read_buf(codec.buffer()).await.unwrap(), 0),
                }
            };
            assert_eq!(received, Message::Data(Kind::Text, numbered(seq, "hello").into()));
        }
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_refused_and_the_connection_goes_on() {
    let server = server(plain()).await;
    let mut sender = connect(&server, &plain()).await;
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
    let mut stream = Stream::open(&mut sender, "/ws").await;
    server.until_waiting(1).await;
    server.publish("one");
    stream.expect(event(1, "one")).await;
}

#[tokio::test]
async fn a_session_that_breaks_the_rules_ends_with_its_code_and_its_neighbour_goes_on() {
    let limits = Limits { message_bytes: 1_000, ..Limits::default() };
    let server = server(Settings { limits, ..plain() }).await;
    let mut sender = connect(&server, &plain()).await;
    let mut neighbour = Stream::open(&mut sender, "/ws").await;
    for (bytes, code, reason) in [
        (frame(0xc1, b"a"), 1002, "Reserved bits are non-zero"),
        (text(b"\xff"), 1007, "a text frame is not UTF-8"),
        (text(&[b'x'; 5_000]), 1009, "a message of 5000 bytes is over the limit of 1000"),
    ] {
        let mut stream = Stream::open(&mut sender, "/ws").await;
        stream.send(bytes).await;
        stream.expect(close(code, reason)).await;
        stream.expect_end().await;
    }
    neighbour.send(text(&message("still here"))).await;
    neighbour.expect(event(1, "still here")).await;
}

#[tokio::test]
async fn a_stop_says_going_away_on_every_stream() {
    for settings in [plain(), over_tls()] {
        let server = server(settings.clone()).await;
        let mut sender = connect(&server, &settings).await;
        let mut streams = Vec::new();
        for _ in 0..3 {
            streams.push(Stream::open(&mut sender, "/ws").await);
        }
        server.until_waiting(3).await;
        server.stop();
        for mut stream in streams {
            stream.expect(close(1001, "going away")).await;
            stream.send(frame(0x88, &1001u16.to_be_bytes())).await;
            stream.expect_end().await;
        }
        server.ended().await;
    }
}

#[tokio::test]
async fn a_dismissal_closes_every_stream_and_the_connection_goes_on() {
    let server = server(plain()).await;
    let mut sender = connect(&server, &plain()).await;
    let mut dismissed = Stream::open(&mut sender, "/ws").await;
    server.until_waiting(1).await;
    server.hub.dismiss(SessionClose { code: 1011, reason: "a reason".to_owned() }).unwrap();
    dismissed.expect(close(1011, "a reason")).await;
    dismissed.send(frame(0x88, &1011u16.to_be_bytes())).await;
    dismissed.expect_end().await;
    let mut next = Stream::open(&mut sender, "/ws").await;
    next.send(text(&message("x"))).await;
    next.expect(event(1, "x")).await;
}

#[tokio::test]
async fn a_stream_that_is_reset_and_a_connection_that_goes_away_free_their_places() {
    let server = server(plain()).await;
    let mut sender = connect(&server, &plain()).await;
    let one = Stream::open(&mut sender, "/ws").await;
    let two = Stream::open(&mut sender, "/ws").await;
    server.until_waiting(2).await;
    drop(one);
    server.until_waiting(1).await;
    drop((two, sender));
    server.until_waiting(0).await;
}

//! WebSocket: frames, closes, permessage-deflate (RFC 7692), and streams of an HTTP/2 connection (RFC 8441) against a server
//! of hyper's.

use std::convert::Infallible;

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use loadgen::subscriber::{SubscribeError, websocket};
use model::settings::{Compression, Frames, HeaderProfile, HttpVersion, Settings, Transport};
use protocol::deflate::{Agreement, Codec, Kind, Message, OFFER, Role};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{spawn_local, yield_now};

use crate::rig::{OnThisThread, Rig, agree, event, is_at_end, read, settings, settings_of};

/// A subscriber, and its connection, upgraded with these fields in the answer.
async fn opened(settings: Settings, fields: &str) -> (Rig, TcpStream) {
    let rig = Rig::subscribed(settings, websocket::subscribe).await;
    let (stream, _) = rig.accept_websocket(fields).await;
    (rig, stream)
}

#[tokio::test(flavor = "local")]
async fn a_websocket_sends_messages_with_the_opcode_of_the_settings_and_answers_pings() {
    for (frames, opcode) in [(Frames::Text, 0x81), (Frames::Binary, 0x82)] {
        let mut settings = settings();
        settings.websocket.frames = frames;
        let (rig, mut stream) = opened(settings, "").await;
        rig.sender.send(5).unwrap();
        let frame: [u8; 6 + 52] = read(&mut stream).await;
        assert_eq!(frame[..2], [opcode, 0x80 | 52]);
        stream.write_all(b"\x89\x01?").await.unwrap();
        let pong: [u8; 6 + 1] = read(&mut stream).await;
        assert_eq!(pong[..2], [0x8a, 0x81]);
    }
}

#[tokio::test(flavor = "local")]
async fn a_websocket_that_is_closed_with_an_errors_code_closes_the_session() {
    let rig = Rig::new(settings()).await;
    // RFC 6455 §5.2: close, 2 bytes of code, the reason.
    for (frame, dismissed) in
        [(&b"\x88\x0a\x03\xf5too slow"[..], true), (b"\x88\x02\x03\xe9", false), (b"\x88\x02\x03\xe8", false)]
    {
        rig.subscribe(websocket::subscribe);
        let (mut stream, _) = rig.accept_websocket("").await;
        stream.write_all(frame).await.unwrap();
        drop(stream);
        let ended = rig.ended().await;
        let said = matches!(&ended, Err(SubscribeError::SessionClosed(said)) if said.contains("too slow"));
        assert_eq!(said, dismissed, "{ended:?}");
    }
}

#[tokio::test(flavor = "local")]
async fn a_websocket_closes_with_1000_and_waits_for_the_answer() {
    let (rig, mut stream) = opened(settings(), "").await;
    rig.until_connected().await;
    rig.cancel();
    let close: [u8; 2 + 4 + 2] = read(&mut stream).await;
    let code = [close[6] ^ close[2], close[7] ^ close[3]];
    assert_eq!((close[0], close[1], u16::from_be_bytes(code)), (0x88, 0x82, 1_000));
    assert!(!rig.has_ended());
    stream.write_all(b"\x88\x02\x03\xe8").await.unwrap();
    drop(stream);
    rig.ended().await.unwrap();
    assert_eq!(rig.worker.snapshot().account.down.control, 4);
}

#[tokio::test(flavor = "local")]
async fn a_server_that_does_not_answer_a_close_is_left() {
    let (rig, _stream) = opened(settings(), "").await;
    rig.until_connected().await;
    rig.stop().await;
}

#[tokio::test(flavor = "local")]
async fn a_server_that_does_not_answer_the_upgrade_is_left() {
    let rig = Rig::subscribed(settings(), websocket::subscribe).await;
    let _accepted = rig.accept().await;
    rig.stop().await;
}

const AGREED: &str = "sec-websocket-extensions: permessage-deflate\r\n";
/// "Hello" (RFC 7692 §7.2.3.1).
const HELLO: &[u8] = &[0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

fn compressed() -> Settings {
    settings_of(Transport { compression: Compression::Deflate, ..Transport::default() })
}

fn server() -> Codec {
    Codec::new(Role::Server, Agreement::of_answer(Some("permessage-deflate")).unwrap(), 1 << 20)
}

/// The next message of the client's.
async fn next(codec: &mut Codec, stream: &mut (impl AsyncRead + Unpin)) -> Message {
    loop {
        match codec.next_message().unwrap() {
            Some(message) => return message,
            None => assert_ne!(stream.read_buf(codec.buffer()).await.unwrap(), 0),
        }
    }
}

#[tokio::test(flavor = "local")]
async fn every_profile_offers_what_browsers_offer() {
    for headers in [HeaderProfile::Minimal, HeaderProfile::Browser] {
        let mut settings = compressed();
        settings.http.headers = headers;
        let rig = Rig::subscribed(settings, websocket::subscribe).await;
        let (_stream, request) = rig.accept_websocket(AGREED).await;
        let offer = "\r\nsec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n";
        assert!(request.contains(offer), "{request}");
    }
}

#[tokio::test(flavor = "local")]
async fn events_are_inflated_however_they_are_cut_and_fragmented() {
    let (rig, mut stream) = opened(compressed(), AGREED).await;
    let (mut server, mut frames) = (server(), BytesMut::new());
    for seq in 1..=3 {
        server.data(Kind::Text, &event(seq), &mut frames);
    }
    for part in frames.chunks(5) {
        stream.write_all(part).await.unwrap();
        yield_now().await;
    }
    rig.until_events(3).await;

    let mut whole = BytesMut::new();
    server.data(Kind::Text, &event(4), &mut whole);
    let (first, last) = whole[2..].split_at(3);
    stream
        .write_all(&[&[0x41, 3], first, b"\x89\x01?", &[0x80, last.len() as u8], last].concat())
        .await
        .unwrap();
    assert_eq!(next(&mut server, &mut stream).await, Message::Pong);
    rig.until_events(4).await;
    assert_eq!(rig.worker.snapshot().counters.responses, 4);
}

#[tokio::test(flavor = "local")]
async fn an_event_in_the_same_segment_as_the_answer_is_taken() {
    let rig = Rig::subscribed(compressed(), websocket::subscribe).await;
    let mut frames = BytesMut::new();
    server().data(Kind::Binary, &event(1), &mut frames);
    let (mut stream, request) = rig.accept().await;
    agree(&mut stream, &request, AGREED, &frames).await;
    rig.until_events(1).await;
}

#[tokio::test(flavor = "local")]
async fn messages_are_sent_compressed_with_the_opcode_of_the_settings() {
    for (frames, kind) in [(Frames::Text, Kind::Text), (Frames::Binary, Kind::Binary)] {
        let mut settings = compressed();
        settings.websocket.frames = frames;
        let (rig, mut stream) = opened(settings, AGREED).await;
        let mut server = server();
        for intended_ns in [5, 6] {
            rig.sender.send(intended_ns).unwrap();
            let Message::Data(found, payload) = next(&mut server, &mut stream).await else {
                panic!("no message")
            };
            let stamp = protocol::Message::decode(&payload).unwrap().stamp;
            assert_eq!((found, stamp.intended_ns), (kind, intended_ns));
        }
    }
}

#[tokio::test(flavor = "local")]
async fn a_server_that_does_not_agree_is_reported() {
    for (settings, fields, said) in [
        (compressed(), "", "permessage-deflate was asked for, and the server agreed to nothing"),
        (
            compressed(),
            "sec-websocket-extensions: permessage-deflate; server_max_window_bits=99\r\n",
            "permessage-deflate was asked for, and the server agreed to permessage-deflate; server_max_window_bits=99",
        ),
        (settings(), AGREED, "the server agreed to extensions that were not asked for: permessage-deflate"),
    ] {
        let (rig, _stream) = opened(settings, fields).await;
        assert_eq!(root_cause(&rig.error().await), said);
    }
}

/// The last cause of an error.
fn root_cause(error: &SubscribeError) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |&error| error.source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}

#[tokio::test(flavor = "local")]
async fn an_invalid_message_is_answered_with_its_close_code() {
    // 60 MiB of zeros, as messages of one would be (RFC 7692 §7.2.1 takes the mark between them off).
    let mut bomb = Vec::new();
    let mut codec = server();
    for _ in 0..60 {
        let mut part = BytesMut::new();
        codec.data(Kind::Binary, &[0; 1 << 20], &mut part);
        bomb.extend_from_slice(&part[4..]);
        bomb.extend_from_slice(&[0, 0, 0xff, 0xff]);
    }
    bomb.push(0);
    let len = u16::try_from(bomb.len()).unwrap().to_be_bytes();
    let bomb = [&[0xc2, 126, len[0], len[1]], &bomb[..]].concat();
    for (frame, code, said) in [
        (&b"\xc1\x01\x07"[..], 1_007, "a compressed message cannot be inflated"),
        (b"\xc1\x07\x00\x01\x00\xfe\xff\xff\x00", 1_007, "a text message is not UTF-8"),
        (b"\xc0\x00", 1_002, "RSV1 on control or continuation frame"),
        (&bomb, 1_009, "a message is over the limit of 16777216"),
    ] {
        let (rig, mut stream) = opened(compressed(), AGREED).await;
        stream.write_all(frame).await.unwrap();
        let Message::Close(Some(close)) = next(&mut server(), &mut stream).await else {
            panic!("no close frame")
        };
        assert_eq!((close.code, close.reason.as_str()), (code, said));
        drop(stream);
        assert_eq!(root_cause(&rig.error().await), said);
    }
}

#[tokio::test(flavor = "local")]
async fn a_frame_that_says_compressed_where_nothing_was_agreed_on_is_refused() {
    let (rig, mut stream) = opened(settings(), "").await;
    stream.write_all(HELLO).await.unwrap();
    drop(stream);
    assert_eq!(root_cause(&rig.error().await), "Reserved bits are non-zero");
}

#[tokio::test(flavor = "local")]
async fn a_compressed_session_closes_with_1000_and_is_closed_like_any_other() {
    let (rig, mut stream) = opened(compressed(), AGREED).await;
    stream.write_all(b"\x88\x0a\x03\xf5too slow").await.unwrap();
    let answer: [u8; 2 + 4 + 10] = read(&mut stream).await;
    assert_eq!(answer[..2], [0x88, 0x80 | 10]);
    drop(stream);
    rig.assert_session_closed("too slow (1013)").await;

    rig.subscribe(websocket::subscribe);
    let (mut stream, _) = rig.accept_websocket(AGREED).await;
    rig.until_connected().await;
    rig.cancel();
    let mut server = server();
    let Message::Close(Some(close)) = next(&mut server, &mut stream).await else { panic!("no close") };
    assert_eq!((close.code, close.reason.as_str()), (1_000, ""));
    stream.write_all(b"\x88\x02\x03\xe8").await.unwrap();
    stream.shutdown().await.unwrap();
    rig.ended().await.unwrap();
    // The client's side ends, too, and is not reset.
    assert!(is_at_end(&mut stream).await);
}

fn http2() -> Settings {
    settings_of(Transport { http: HttpVersion::Http2, ..Transport::default() })
}

type Stream = TokioIo<Upgraded>;

/// What a request said, and its stream if the answer allowed one.
struct Accepted {
    head: String,
    stream: Stream,
}

/// How the server answers.
#[derive(Clone, Copy)]
struct Script {
    allows: bool,
    status: StatusCode,
    extensions: Option<&'static str>,
}

const TAKES: Script = Script { allows: true, status: StatusCode::OK, extensions: None };

/// Serves one connection by the script; accepted streams come out of the channel.
async fn serve(rig: &Rig, script: Script) -> mpsc::UnboundedReceiver<Accepted> {
    let stream = rig.accept_stream().await;
    let (accepted, streams) = mpsc::unbounded_channel();
    spawn_local(drive(stream, script, accepted));
    streams
}

/// A subscriber on HTTP/2, and what the server has accepted of it.
async fn accepted(settings: Settings, script: Script) -> (Rig, Accepted) {
    let rig = Rig::subscribed(settings, websocket::subscribe).await;
    let accepted = serve(&rig, script).await.recv().await.unwrap();
    (rig, accepted)
}

async fn drive(stream: TcpStream, script: Script, accepted: mpsc::UnboundedSender<Accepted>) {
    let service = service_fn(|request| answer(request, script, accepted.clone()));
    let mut server = http2::Builder::new(OnThisThread);
    if script.allows {
        server.enable_connect_protocol();
    }
    // The client ends the connection.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    mut request: Request<Incoming>,
    script: Script,
    accepted: mpsc::UnboundedSender<Accepted>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let head = text_of(&request);
    let upgrade = hyper::upgrade::on(&mut request);
    spawn_local(async move {
        if let Ok(upgraded) = upgrade.await {
            drop(accepted.send(Accepted { head, stream: TokioIo::new(upgraded) }));
        }
    });
    let refused = if script.status.is_success() { "" } else { "not today\n" };
    let mut response = Response::new(Full::from(refused));
    *response.status_mut() = script.status;
    if let Some(extensions) = script.extensions {
        response.headers_mut().insert("sec-websocket-extensions", extensions.parse().unwrap());
    }
    Ok(response)
}

/// An event as a server's frame.
fn frame(seq: u64) -> Vec<u8> {
    [&[0x81, 52][..], &event(seq)].concat()
}

fn text_of(request: &Request<Incoming>) -> String {
    let protocol =
        request.extensions().get::<hyper::ext::Protocol>().map_or("-", |protocol| protocol.as_str());
    let fields =
        request.headers().iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
    format!("{} {protocol} {}\n{}", request.method(), request.uri(), fields.collect::<String>())
}

#[tokio::test(flavor = "local")]
async fn a_subscriber_asks_by_extended_connect_and_says_nothing_of_the_upgrade() {
    let (rig, Accepted { head, mut stream }) = accepted(http2(), TAKES).await;
    let address = rig.address();
    let target = format!("http://{address}/ws?channel=0&after=0");
    assert_eq!(head, format!("CONNECT websocket {target}\nsec-websocket-version: 13\n"));
    stream.write_all(&frame(1)).await.unwrap();
    rig.until_events(1).await;
    rig.sender.send(5).unwrap();
    let sent: [u8; 6 + 52] = read(&mut stream).await;
    assert_eq!(sent[..2], [0x81, 0x80 | 52]);
    let counters = rig.worker.snapshot().counters;
    assert_eq!((counters.requests, counters.connections, counters.events), (1, 1, 1));
}

#[tokio::test(flavor = "local")]
async fn subscribers_that_share_a_connection_have_streams_of_their_own() {
    let settings = settings_of(Transport { per_connection: 3, ..http2().transport });
    let rig = Rig::new(settings).await;
    for index in 0..3 {
        rig.subscribe_as(&rig.session_of(index), websocket::subscribe);
    }
    let mut streams = serve(&rig, TAKES).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(streams.recv().await.unwrap().stream);
    }
    for stream in &mut open {
        stream.write_all(&frame(1)).await.unwrap();
    }
    rig.until_events(3).await;
    // One goes, the others stay.
    open.swap_remove(0).write_all(b"\x88\x02\x03\xe9").await.unwrap();
    for stream in &mut open {
        stream.write_all(&frame(2)).await.unwrap();
    }
    rig.until_events(5).await;
    assert_eq!(rig.worker.snapshot().counters.connections, 1);
}

#[tokio::test(flavor = "local")]
async fn frames_on_a_stream_are_compressed_where_that_was_agreed_on() {
    let mut settings = http2();
    settings.transport.compression = Compression::Deflate;
    let script = Script { extensions: Some("permessage-deflate"), ..TAKES };
    let (rig, Accepted { head, mut stream }) = accepted(settings, script).await;
    assert!(head.contains(&format!("sec-websocket-extensions: {OFFER}\n")), "{head}");
    let (mut codec, mut frames) = (server(), BytesMut::new());
    for seq in 1..=2 {
        codec.data(Kind::Text, &event(seq), &mut frames);
    }
    stream.write_all(&frames).await.unwrap();
    rig.until_events(2).await;
    rig.sender.send(5).unwrap();
    assert!(matches!(next(&mut codec, &mut stream).await, Message::Data(Kind::Text, _)));
}

#[tokio::test(flavor = "local")]
async fn a_server_that_refuses_is_reported() {
    for (script, said) in [
        (Script { allows: false, ..TAKES }, "the server does not allow extended CONNECT"),
        (Script { status: StatusCode::NOT_FOUND, ..TAKES }, "the server answered 404 Not Found: not today"),
        (
            Script { extensions: Some("permessage-deflate"), ..TAKES },
            "the server agreed to extensions that were not asked for: permessage-deflate",
        ),
    ] {
        let rig = Rig::subscribed(http2(), websocket::subscribe).await;
        let _streams = serve(&rig, script).await;
        assert_eq!(rig.error().await.to_string(), said);
    }
}

#[tokio::test(flavor = "local")]
async fn a_stream_is_parted_with_1000_and_its_end_and_dismissed_like_any_other() {
    let (rig, Accepted { mut stream, .. }) = accepted(http2(), TAKES).await;
    stream.write_all(b"\x88\x0a\x03\xf5too slow").await.unwrap();
    drop(stream);
    rig.assert_session_closed("too slow (1013)").await;

    rig.subscribe(websocket::subscribe);
    let mut stream = serve(&rig, TAKES).await.recv().await.unwrap().stream;
    rig.until_connected().await;
    rig.cancel();
    let close: [u8; 2 + 4 + 2] = read(&mut stream).await;
    assert_eq!(close[..2], [0x88, 0x82]);
    stream.write_all(b"\x88\x02\x03\xe8").await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(is_at_end(&mut stream).await);
    rig.ended().await.unwrap();
}

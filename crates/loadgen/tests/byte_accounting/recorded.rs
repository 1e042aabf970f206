//! Exchanges between hyper's own HTTP/2 client and server at the two ends of a pipe, recorded at the client's end.
//!
//! What is expected is counted in the recording by a splitter that knows nothing but the 9-byte header.

use std::convert::Infallible;
use std::io;
use std::sync::mpsc::channel;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::ext::Protocol;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use loadgen::byte_accounting::Protocol::Http2;
use model::byte_account::{Account, Layers};
use model::trial::Direction;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::io::{InspectReader, InspectWriter};

use crate::engine_io::{packet, packets};
use crate::h2::{CONTINUATION, DATA, HEADERS, PREFACE};
use crate::rig::{Step, account, down, event, in_pieces, up};
use crate::websocket::{FIN, KEY, TEXT, frame};

type Body = Full<Bytes>;

/// Three events, packets of Engine.IO, an empty answer, a POST that is taken, and WebSocket that says one thing and hears one.
async fn serve(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (status, media_type, body) = match (request.method(), request.uri().path()) {
        (&Method::CONNECT, _) => {
            tokio::spawn(converse(request));
            (StatusCode::OK, None, Vec::new())
        }
        (&Method::POST, protocol::paths::SOCKETIO) => {
            let _packets = request.into_body().collect().await;
            (StatusCode::OK, Some("text/plain"), b"ok".to_vec())
        }
        (_, protocol::paths::SOCKETIO) => (StatusCode::OK, Some("text/plain"), three_packets()),
        (&Method::POST, _) => {
            let _message = request.into_body().collect().await;
            (StatusCode::NO_CONTENT, None, Vec::new())
        }
        (_, "/lines") => (StatusCode::OK, Some(protocol::lines::MEDIA_TYPE), each(protocol::lines::encode)),
        (_, "/events") => (
            StatusCode::OK,
            Some(protocol::sse::MEDIA_TYPE),
            each(|message| protocol::sse::encode(7, message)),
        ),
        _ => (StatusCode::NO_CONTENT, None, Vec::new()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    if let Some(media_type) = media_type {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    Ok(response)
}

fn three_packets() -> Vec<u8> {
    packets(&[5, 100, 40_000].map(|len| packet(&event(len))).each_ref().map(Vec::as_slice))
}

fn each(encode: impl Fn(&[u8]) -> Bytes) -> Vec<u8> {
    [5, 100, 40_000].into_iter().flat_map(|len| encode(&event(len))).collect()
}

async fn converse(request: Request<Incoming>) -> io::Result<()> {
    let upgraded = hyper::upgrade::on(request).await.map_err(io::Error::other)?;
    let mut stream = TokioIo::new(upgraded);
    stream.write_all(&frame(FIN | TEXT, &event(9), None)).await?;
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await?;
    stream.shutdown().await
}

/// Runs `speak` against hyper's server until both sides have closed, and returns what crossed.
async fn record<F: Future<Output = ()>>(speak: impl FnOnce(SendRequest<Body>) -> F) -> Vec<Step> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    server.enable_connect_protocol();
    let served = tokio::spawn(server.serve_connection(TokioIo::new(far), service_fn(serve)));
    let (written, steps) = channel();
    let read = written.clone();
    let near = InspectWriter::new(near, move |bytes: &[u8]| drop(written.send(up(bytes))));
    let near = InspectReader::new(near, move |bytes: &[u8]| drop(read.send(down(bytes))));
    let client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = client.handshake(TokioIo::new(near)).await.expect("a handshake");
    let driven = tokio::spawn(connection);
    speak(sender).await;
    driven.await.expect("no panic").expect("an end");
    served.await.expect("no panic").expect("an end");
    steps.into_iter().collect()
}

fn request(method: Method, path: &str, body: Vec<u8>) -> Request<Body> {
    let mut request = Request::new(Full::from(body));
    *request.method_mut() = method;
    *request.uri_mut() = format!("http://127.0.0.1:8080{path}").parse().expect("a uri");
    request
}

async fn ask(sender: &mut SendRequest<Body>, request: Request<Body>) -> (StatusCode, Bytes) {
    sender.ready().await.expect("a connection");
    let response = sender.send_request(request).await.expect("an answer");
    let status = response.status();
    (status, response.into_body().collect().await.expect("a body").to_bytes())
}

async fn speak_websocket(sender: &mut SendRequest<Body>) {
    let mut opening = request(Method::CONNECT, "/ws", Vec::new());
    opening.extensions_mut().insert(Protocol::from_static("websocket"));
    sender.ready().await.expect("a connection");
    let response = sender.send_request(opening).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    let mut stream = TokioIo::new(hyper::upgrade::on(response).await.expect("a stream"));
    stream.write_all(&frame(FIN | TEXT, &event(3), Some(KEY))).await.expect("room");
    stream.shutdown().await.expect("an end");
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.expect("a frame");
    assert_eq!(heard, frame(FIN | TEXT, &event(9), None));
}

/// The bytes of one direction in one piece.
fn joined(steps: &[Step], direction: Direction) -> Vec<u8> {
    steps.iter().filter(|step| step.direction == direction).flat_map(|step| step.bytes.clone()).collect()
}

/// Kinds and payload lengths of all frames.
fn frames_of(mut bytes: &[u8]) -> Vec<(u8, u64)> {
    let mut frames = Vec::new();
    while let [a, b, c, kind, ..] = *bytes {
        let len = u32::from_be_bytes([0, a, b, c]);
        frames.push((kind, u64::from(len)));
        bytes = &bytes[9 + len as usize..];
    }
    frames
}

/// What of the frames' own bytes must be in which layer, if every poll found something.
fn framing(frames: &[(u8, u64)]) -> Layers {
    let of = |wanted: u8| frames.iter().filter(move |(kind, _)| *kind == wanted);
    let blocks: Vec<u64> = of(HEADERS).map(|(_, len)| *len).collect();
    let others = frames.iter().filter(|(kind, _)| ![DATA, HEADERS, CONTINUATION].contains(kind));
    Layers {
        data_framing: 9 * of(DATA).count() as u64,
        frame_headers: 9 * (of(HEADERS).count() + of(CONTINUATION).count()) as u64,
        first_header_block: blocks[0],
        response_head: blocks[1..].iter().sum(),
        http2_control: others.map(|(_, len)| 9 + len).sum(),
        ..Layers::default()
    }
}

/// The same of both directions, up and down. The preface is control.
fn both_framings(steps: &[Step]) -> (Layers, Layers) {
    let (of_client, of_server) = (joined(steps, Direction::Up), joined(steps, Direction::Down));
    let asked = framing(&frames_of(&of_client[PREFACE.len()..]));
    let http2_control = asked.http2_control + PREFACE.len() as u64;
    (Layers { http2_control, ..asked }, framing(&frames_of(&of_server)))
}

fn assert_any_cut(steps: &[Step], expected: Account) {
    assert_eq!(account(Http2, steps.to_vec()), expected);
    for size in [1, 7, 100] {
        assert_eq!(account(Http2, in_pieces(steps, size)), expected, "pieces of {size}");
    }
}

#[tokio::test]
async fn polls_that_find_events_and_posts_of_hyper_are_accounted_to_the_byte() {
    let steps = record(async |mut sender| {
        for _ in 0..3 {
            assert_eq!(ask(&mut sender, request(Method::GET, "/lines", vec![])).await.0, StatusCode::OK);
            assert_eq!(ask(&mut sender, request(Method::GET, "/events", vec![])).await.0, StatusCode::OK);
            let taken = ask(&mut sender, request(Method::POST, "/messages", event(20))).await;
            assert_eq!(taken.0, StatusCode::NO_CONTENT);
        }
    })
    .await;
    let (asked, answered) = both_framings(&steps);
    let framing_of_events = 3 * (3 + 3 * protocol::sse::framing_len(7) as u64);
    let up =
        layers!(request_head: asked.response_head, response_head: 0, payload: 3 * 20, stamp: 3 * 47, ..asked);
    let payload = 6 * (5 + 100 + 40_000);
    let down = layers!(payload: payload, stamp: 18 * 47, message_framing: framing_of_events, ..answered);
    assert_any_cut(&steps, Account { up, down });
}

#[tokio::test]
async fn polls_of_hyper_that_find_nothing_are_control_but_for_the_first_blocks() {
    let steps = record(async |mut sender| {
        for _ in 0..4 {
            let answer = ask(&mut sender, request(Method::GET, "/nothing", vec![])).await;
            assert_eq!(answer, (StatusCode::NO_CONTENT, Bytes::new()));
        }
    })
    .await;
    let (asked, answered) = both_framings(&steps);
    let expected = |framing: Layers| Layers {
        first_header_block: framing.first_header_block,
        control: framing.response_head + framing.frame_headers,
        http2_control: framing.http2_control,
        ..Layers::default()
    };
    assert_any_cut(&steps, Account { up: expected(asked), down: expected(answered) });
}

#[tokio::test]
async fn websocket_of_hyper_in_a_stream_is_accounted_to_the_byte() {
    let steps = record(async |mut sender| {
        ask(&mut sender, request(Method::GET, "/lines", vec![])).await;
        speak_websocket(&mut sender).await;
        speak_websocket(&mut sender).await;
    })
    .await;
    let (asked, answered) = both_framings(&steps);
    let opened = |of: Layers| layers!(handshake: of.response_head, response_head: 0, ..of);
    let up = layers!(payload: 2 * 3, stamp: 2 * 47, message_framing: 2 * 6, ..opened(asked));
    let payload = 5 + 100 + 40_000 + 2 * 9;
    let down = layers!(payload: payload, stamp: 5 * 47, message_framing: 3 + 2 * 2, ..opened(answered));
    assert_any_cut(&steps, Account { up, down });
}

#[tokio::test]
async fn polls_and_posts_of_engine_io_are_accounted_to_the_byte() {
    let path = protocol::paths::SOCKETIO;
    let steps = record(async |mut sender| {
        for _ in 0..3 {
            assert_eq!(ask(&mut sender, request(Method::GET, path, vec![])).await.0, StatusCode::OK);
            let taken = ask(&mut sender, request(Method::POST, path, packet(&event(20)))).await;
            assert_eq!(taken, (StatusCode::OK, Bytes::from_static(b"ok")));
        }
    })
    .await;
    let (asked, answered) = both_framings(&steps);
    let posts = layers!(request_head: asked.response_head, response_head: 0, ..asked);
    let up = layers!(payload: 3 * 20, stamp: 3 * 47, engine_io: 3, socket_io: 3 * 13, ..posts);
    // Types and separators, and `ok`.
    let engine_io = 3 * (3 + 2 + 2);
    let payload = 3 * (5 + 100 + 40_000);
    let down = layers!(payload: payload, stamp: 9 * 47, engine_io: engine_io, socket_io: 9 * 13, ..answered);
    assert_any_cut(&steps, Account { up, down });
}

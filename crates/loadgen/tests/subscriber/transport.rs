//! What lies below a technique: TLS, HTTP/2 connections that are shared or not, and how connections end.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, Version};
use hyper_util::rt::TokioIo;
use loadgen::Session;
use loadgen::byte_accounting::Protocol;
use loadgen::subscriber::{SubscribeError, http_streaming, polling, raw_tcp};
use loadgen::transport::close;
use model::settings::{HttpVersion, Settings, Transport};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::spawn_local;
use tokio_rustls::TlsAcceptor;

use crate::rig::{
    Crossed, Identity, OnThisThread, Rig, Subscribe, assert_whole, chain, counted, event, lines, settings,
    settings_of, two_way, until,
};

/// IPv4, TCP, timestamps.
const SEGMENT: u64 = 20 + 20 + 12;
/// By how much the options of a SYN are longer.
const SYN: u64 = 8;

/// Sends an event when the client has ended its side, and ends.
async fn say_more_at_the_end(mut stream: impl AsyncRead + AsyncWrite + Unpin, first: &[u8], last: &[u8]) {
    stream.write_all(first).await.unwrap();
    stream.flush().await.unwrap();
    // A reset would be an error here.
    while stream.read(&mut [0; 1024]).await.unwrap() > 0 {}
    stream.write_all(last).await.unwrap();
    stream.shutdown().await.unwrap();
}

fn assert_all_seen(rig: &Rig, crossed: &Crossed) {
    let snapshot = rig.worker.snapshot();
    assert_whole(&snapshot);
    let server = (crossed.read.get(), crossed.written.get());
    assert_eq!((snapshot.socket_written, snapshot.socket_read), server);
}

#[tokio::test(flavor = "local")]
async fn what_a_server_says_after_the_end_is_seen_and_nobody_is_reset() {
    let identity = Identity::new();
    let frame = protocol::frame::encode(&event(1));
    for identity in [None, Some(&identity)] {
        let rig = Rig::trusting(settings(), identity).await;
        rig.subscribe(raw_tcp::subscribe);
        let ((stream, crossed), frame) = (counted(rig.accept_stream().await), frame.clone());
        let acceptor = identity.map(|identity| identity.acceptor(&[], 2));
        let server = spawn_local(async move {
            match acceptor {
                None => say_more_at_the_end(stream, &frame, &frame).await,
                Some(acceptor) => {
                    say_more_at_the_end(acceptor.accept(stream).await.unwrap(), &frame, &frame).await;
                }
            }
        });
        rig.until_events(1).await;
        rig.stop().await;
        server.await.unwrap();
        rig.closed().await;
        assert_all_seen(&rig, &crossed);
        assert_eq!(rig.worker.snapshot().account.down.payload, 10);
    }
}

#[tokio::test(flavor = "local")]
async fn a_response_that_is_left_is_read_to_its_end() {
    let rig = Rig::subscribed(settings(), http_streaming::ndjson).await;
    let (mut stream, crossed) = counted(rig.accept_stream().await);
    let chunk = [b"35\r\n", &protocol::lines::encode(&event(1))[..], b"\r\n"].concat();
    assert_eq!(chunk.len(), 4 + 0x35 + 2);
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
    // The server begins to speak when it was asked.
    stream.read_exact(&mut [0; 4]).await.unwrap();
    let first = [&head[..], &chunk].concat();
    let last = [&chunk[..], b"0\r\n\r\n"].concat();
    let server = spawn_local(async move { say_more_at_the_end(stream, &first, &last).await });
    rig.until_events(1).await;
    rig.stop().await;
    server.await.unwrap();
    rig.closed().await;
    assert_all_seen(&rig, &crossed);
}

#[tokio::test(flavor = "local")]
async fn a_server_that_does_not_end_is_left_after_half_a_second() {
    let (rig, _stream) = Rig::accepted(settings(), raw_tcp::subscribe).await;
    rig.until_connected().await;
    let begin = Instant::now();
    rig.stop().await;
    assert!(begin.elapsed() >= Duration::from_millis(500));
}

#[tokio::test(flavor = "local")]
async fn the_kernels_segments_are_those_of_open_and_closed_sockets() {
    let rig = Rig::new(settings()).await;
    for connections in 1..=2 {
        rig.subscribe(raw_tcp::subscribe);
        let mut stream = rig.accept_stream().await;
        stream.read_exact(&mut [0; 21]).await.unwrap();
        stream.write_all(&protocol::frame::encode(&event(connections))).await.unwrap();
        rig.until_events(connections).await;

        let open = rig.worker.snapshot().segments;
        assert_eq!((open.up.with_data, open.down.with_data), (connections, connections));
        for count in [open.up, open.down] {
            assert_eq!(count.header_bytes, count.segments * SEGMENT + connections * SYN);
        }
        assert!(open.up.segments >= 3 * connections, "SYN, ACK, hello");
        drop(stream);
        rig.ended().await.unwrap();
        let closed = rig.closed().await.segments;
        assert_eq!((closed.up.with_data, closed.down.with_data), (connections, connections));
        assert!(closed.up.segments > open.up.segments, "a FIN or its ACK");
    }
}

#[tokio::test(flavor = "local")]
async fn segments_are_as_a_1500_byte_path_has_them() {
    let (rig, mut stream) = Rig::accepted(settings(), raw_tcp::subscribe).await;
    let long = protocol::frame::encode(&[&event(1)[..], &[b'x'; 10 * 1448]].concat());
    stream.write_all(&long).await.unwrap();
    until(|| rig.worker.snapshot().socket_read == long.len() as u64).await;
    assert_eq!(rig.worker.snapshot().segments.down.with_data, 11);
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

fn http2() -> Transport {
    Transport { http: HttpVersion::Http2, ..Transport::default() }
}

/// What a server was asked, in order.
#[derive(Clone, Default)]
struct Asked(Rc<RefCell<Vec<Request<()>>>>);

impl Asked {
    fn len(&self) -> usize {
        self.0.borrow().len()
    }
}

/// Answers `POST` with 204, a stream with one event and no end, the first poll with two events and the others with 204.
fn answer(asked: &Asked, request: &Request<()>) -> Response<Body> {
    let is_first = asked.len() == 1;
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/stream") => {
            let first = stream::iter([Ok(Frame::data(Bytes::from(lines(&[1]))))]);
            found(StreamBody::new(first.chain(stream::pending())).boxed_unsync())
        }
        (&Method::GET, _) if is_first => found(Full::from(lines(&[1, 2])).boxed_unsync()),
        _ => Response::builder().status(204).body(Full::default().boxed_unsync()).unwrap(),
    }
}

fn found(body: Body) -> Response<Body> {
    Response::builder().header("content-type", "application/x-ndjson").body(body).unwrap()
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, asked: Asked) {
    let service = service_fn(move |request: Request<Incoming>| {
        let asked = asked.clone();
        async move {
            let (parts, body) = request.into_parts();
            drop(body.collect().await);
            let request = Request::from_parts(parts, ());
            asked.0.borrow_mut().push(request.clone());
            Ok::<_, Infallible>(answer(&asked, &request))
        }
    });
    drop(http2::Builder::new(OnThisThread).serve_connection(TokioIo::new(stream), service).await);
}

/// A server that takes every connection, under TLS if there is an identity.
fn spawn_server(rig: &Rc<Rig>, identity: Option<&Identity>) -> Asked {
    let (asked, rig) = (Asked::default(), Rc::clone(rig));
    let acceptor = identity.map(|identity| identity.acceptor(&["h2"], 2));
    let to_all = asked.clone();
    spawn_local(async move {
        loop {
            match &acceptor {
                Some(acceptor) => spawn_local(serve(rig.accept_tls(acceptor).await, to_all.clone())),
                None => spawn_local(serve(rig.accept_stream().await, to_all.clone())),
            };
        }
    });
    asked
}

/// A subscriber by short polling whose server was asked so often.
async fn polled(settings: Settings, identity: Option<&Identity>, requests: usize) -> (Rc<Rig>, Asked) {
    let rig = Rc::new(Rig::trusting(settings, identity).await);
    let asked = spawn_server(&rig, identity);
    rig.subscribe(polling::short);
    until(|| asked.len() >= requests).await;
    (rig, asked)
}

#[tokio::test(flavor = "local")]
async fn polls_go_out_one_after_another_on_one_connection_plain_or_under_tls() {
    let identity = Identity::new();
    for identity in [None, Some(&identity)] {
        let (rig, asked) = polled(settings_of(http2()), identity, 4).await;
        rig.stop().await;

        let snapshot = rig.closed().await;
        assert_whole(&snapshot);
        assert_eq!((snapshot.counters.connections, snapshot.counters.events), (1, 2));
        let (up, down) = (snapshot.account.up, snapshot.account.down);
        assert!(up.first_header_block > 0 && up.http2_control > 24 && down.http2_control > 9, "{up:?}");
        assert_eq!((down.payload, up.tls_records > 0), (10, identity.is_some()));
        let requests = asked.0.borrow();
        let scheme = if identity.is_some() { "https" } else { "http" };
        let origin = format!("{scheme}://{}", rig.address());
        assert_eq!(requests[0].uri().to_string(), format!("{origin}/events?channel=0&after=0"));
        assert_eq!(requests[3].uri().query(), Some("channel=0&after=2"));
        assert!(requests[0].version() == Version::HTTP_2 && requests[0].headers().is_empty());
    }
}

#[tokio::test(flavor = "local")]
async fn what_was_said_is_recorded_once_for_each_kind_of_exchange() {
    let (rig, _) = polled(settings_of(http2()), None, 4).await;
    let heads = rig.worker.heads();
    let seen = heads.iter().map(|head| (&*head.exchange, &*head.target, head.status, head.request.len()));
    let expected =
        [("poll", "/events?channel=0&after=0", 200, 2), ("empty-poll", "/events?channel=0&after=2", 204, 2)];
    assert!(seen.eq(expected), "{heads:?}");
    assert_eq!(heads[0].request[1], (":authority".to_owned(), rig.address().to_string()));
    assert!(heads[0].response.iter().any(|(name, _)| name == "content-length"));
}

#[tokio::test(flavor = "local")]
async fn so_many_subscribers_share_a_connection_as_the_settings_say() {
    let identity = Identity::new();
    let transport = Transport { per_connection: 3, ..http2() };
    let rig = Rc::new(Rig::trusting(settings_of(transport), Some(&identity)).await);
    let asked = spawn_server(&rig, Some(&identity));
    let sessions: Vec<_> = (0..7).map(|index| rig.session_of(index)).collect();
    for session in &sessions {
        rig.subscribe_as(session, http_streaming::ndjson);
    }
    rig.until_events(7).await;
    assert_eq!((asked.len(), rig.worker.snapshot().counters.connections), (7, 3));
    assert!(sessions.iter().all(Session::is_connected));
    rig.cancel();
    assert_whole(&rig.closed().await);
}

#[tokio::test(flavor = "local")]
async fn a_connection_that_broke_is_opened_again_by_the_first_subscriber() {
    let transport = Transport { per_connection: 2, ..http2() };
    let rig = Rc::new(Rig::new(settings_of(transport)).await);
    for connections in 1..=2 {
        for index in 0..2 {
            rig.subscribe_as(&rig.session_of(index), http_streaming::ndjson);
        }
        let server = spawn_local(serve(rig.accept_stream().await, Asked::default()));
        until(|| rig.worker.connected() == 2 * connections).await;
        server.abort();
        for _ in 0..2 {
            rig.error().await;
        }
        assert_eq!(rig.worker.snapshot().counters.connections, connections);
    }
}

#[tokio::test(flavor = "local")]
async fn a_poll_that_keeps_no_connection_opens_a_new_one() {
    let mut settings = settings_of(http2());
    settings.http.keep_alive = false;
    let (rig, asked) = polled(settings, None, 3).await;
    rig.stop().await;
    let snapshot = rig.closed().await;
    assert!(snapshot.counters.connections >= 3);
    assert_eq!(snapshot.counters.connections, snapshot.counters.requests);
    assert_whole(&snapshot);
    assert!(asked.0.borrow().iter().all(|request| request.headers().is_empty()));
}

#[tokio::test(flavor = "local")]
async fn messages_are_posted_beside_the_stream_on_the_same_connection() {
    let rig = Rc::new(Rig::new(Settings { transport: http2(), ..two_way() }).await);
    let asked = spawn_server(&rig, None);
    rig.subscribe(http_streaming::sse);
    rig.sender.send(5).unwrap();
    until(|| asked.len() == 2).await;
    let requests = asked.0.borrow();
    let post = requests.iter().find(|request| request.method() == Method::POST).unwrap();
    let fields: Vec<_> =
        post.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    assert_eq!((post.uri().path(), fields), ("/messages", vec![("content-length", &b"52"[..])]));
    assert_eq!(rig.worker.snapshot().counters.connections, 1);
}

#[tokio::test(flavor = "local")]
async fn a_server_that_speaks_another_version_is_reported() {
    let (rig, mut stream) = Rig::accepted(settings_of(http2()), polling::short).await;
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let error = rig.error().await;
    assert!(matches!(error, SubscribeError::Http(_)), "{error:?}");
}

/// It is an error of TLS, for this reason.
fn assert_tls(error: &SubscribeError, reason: &str) {
    assert!(matches!(error, SubscribeError::Tls(_)) && chain(error).contains(reason), "{error:?}");
}

fn tls() -> Transport {
    Transport { tls: true, ..Transport::default() }
}

#[tokio::test(flavor = "local")]
async fn another_certificate_than_the_named_one_is_not_trusted() {
    let (named, shown) = (Identity::new(), Identity::new());
    let rig = Rig::trusting(settings_of(tls()), Some(&named)).await;
    rig.subscribe(raw_tcp::subscribe);
    let refused = shown.acceptor(&[], 0).accept(rig.accept_stream().await).await;
    assert!(refused.unwrap_err().to_string().contains("alert"));
    assert_tls(&rig.error().await, "another than the server named");
}

#[tokio::test(flavor = "local")]
async fn a_server_that_does_not_agree_to_the_protocol_is_reported() {
    let identity = Identity::new();
    for (http, wanted) in [(HttpVersion::Http1, "http/1.1"), (HttpVersion::Http2, "h2")] {
        let rig = Rig::trusting(settings_of(Transport { http, ..tls() }), Some(&identity)).await;
        rig.subscribe(http_streaming::sse);
        let _without_alpn = rig.accept_tls(&identity.acceptor(&[], 0)).await;
        let expected = format!("the server was offered {wanted} and agreed to nothing");
        assert_eq!(rig.error().await.to_string(), expected);

        rig.subscribe(http_streaming::sse);
        let refused = identity.acceptor(&["other"], 0).accept(rig.accept_stream().await).await;
        assert!(refused.is_err());
        assert_tls(&rig.error().await, "");
    }
}

#[tokio::test(flavor = "local")]
async fn a_server_that_speaks_no_tls_is_reported() {
    let rig = Rig::trusting(settings_of(tls()), Some(&Identity::new())).await;
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b""] {
        rig.subscribe(polling::short);
        let mut stream = rig.accept_stream().await;
        stream.write_all(answer).await.unwrap();
        stream.shutdown().await.unwrap();
        assert_tls(&rig.error().await, "");
    }
}

#[tokio::test(flavor = "local")]
async fn a_broken_record_ends_a_subscription_as_what_it_is() {
    let ndjson: Subscribe = |session| http_streaming::ndjson(session).boxed_local();
    let raw_tcp: Subscribe = |session| raw_tcp::subscribe(session).boxed_local();
    let identity = Identity::new();
    let acceptor = identity.acceptor(&["http/1.1"], 0);
    let rig = Rig::trusting(settings_of(tls()), Some(&identity)).await;
    for subscribe in [ndjson, raw_tcp] {
        rig.subscribe(subscribe);
        let mut stream = rig.accept_tls(&acceptor).await;
        stream.read_exact(&mut [0; 21]).await.unwrap();
        let mut socket = stream.into_inner().0;
        socket.write_all(&[b"\x17\x03\x03\x00\x20", &[0; 32][..]].concat()).await.unwrap();
        assert_tls(&rig.error().await, "decrypt");
    }
}

/// Accepts every client, and reads to its end.
async fn accept_all(rig: Rc<Rig>, acceptor: TlsAcceptor, accepted: Rc<Cell<u32>>) {
    loop {
        let (stream, acceptor, accepted) =
            (rig.accept_stream().await, acceptor.clone(), Rc::clone(&accepted));
        spawn_local(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            accepted.set(accepted.get() + 1);
            read_to_end(stream).await;
        });
    }
}

async fn read_to_end(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    drop(stream.read_to_end(&mut Vec::new()).await);
    drop(stream.shutdown().await);
}

/// Sessions that resume or not, with a server that gives so many tickets and counts the clients.
async fn resuming(
    identity: &Identity,
    resumption: bool,
    tickets: usize,
    accepted: &Rc<Cell<u32>>,
) -> Rc<Rig> {
    let transport = Transport { resumption, ..tls() };
    let rig = Rc::new(Rig::trusting(settings_of(transport), Some(identity)).await);
    spawn_local(accept_all(Rc::clone(&rig), identity.acceptor(&[], tickets), Rc::clone(accepted)));
    rig
}

/// TLS's own bytes of three connections, and how many the server saw.
async fn handshakes(identity: &Identity, resumption: bool) -> ([u64; 3], u32) {
    let accepted = Rc::default();
    let rig = resuming(identity, resumption, 2, &accepted).await;
    rig.worker.prime().await.unwrap_or_else(|error| assert!(matches!(error, SubscribeError::Alpn { .. })));
    let mut bytes = [0; 3];
    let mut before = 0;
    for handshake in &mut bytes {
        let stream = rig.session_of(0).connect(Protocol::RawTcp).await.unwrap();
        close(stream).await;
        let account = rig.closed().await.account;
        *handshake = account.up.tls_handshake + account.down.tls_handshake - before;
        before += *handshake;
    }
    assert_eq!(rig.worker.snapshot().counters.connections, 3);
    (bytes, accepted.get())
}

#[tokio::test(flavor = "local")]
async fn a_resumed_handshake_is_smaller_and_what_fetched_the_ticket_is_not_counted() {
    let identity = Identity::new();
    let (full, accepted) = handshakes(&identity, false).await;
    assert_eq!(accepted, 3);
    let (resumed, accepted) = handshakes(&identity, true).await;
    assert_eq!(accepted, 4, "one fetches the first ticket");
    for (resumed, full) in resumed.into_iter().zip(full) {
        // Certificate and signature are left out; a ticket is shown.
        assert!(resumed + 200 < full, "{resumed} against {full}");
    }
}

#[tokio::test(flavor = "local")]
async fn a_server_without_tickets_resumes_nothing_and_is_reported() {
    let identity = Identity::new();
    let rig = resuming(&identity, true, 0, &Rc::default()).await;
    let error = raw_tcp::subscribe(rig.session_of(0)).await.unwrap_err();
    assert_eq!(error.to_string(), "the server gives no session ticket");
}

#[tokio::test(flavor = "local")]
async fn sessions_that_connect_at_the_same_time_resume_with_tickets_of_their_own() {
    let identity = Identity::new();
    let (full, _) = handshakes(&identity, false).await;
    let rig = resuming(&identity, true, 2, &Rc::default()).await;
    let opening: Vec<_> = (0..5)
        .map(|index| {
            let session = rig.session_of(index);
            spawn_local(async move { session.connect(Protocol::RawTcp).await.map(close).unwrap().await })
        })
        .collect();
    for opened in opening {
        opened.await.unwrap();
    }
    let account = rig.closed().await.account;
    let each = (account.up.tls_handshake + account.down.tls_handshake) / 5;
    assert!(each + 200 < full[0], "{each} against {}", full[0]);
}

#[tokio::test(flavor = "local")]
async fn a_server_that_takes_no_ticket_of_its_own_is_reported() {
    let identity = Identity::new();
    let rig = Rig::trusting(settings_of(Transport { resumption: true, ..tls() }), Some(&identity)).await;
    let forgetful = async {
        loop {
            // What an acceptor remembers, another one does not.
            spawn_local(read_to_end(rig.accept_tls(&identity.acceptor(&[], 2)).await));
        }
    };
    let ended = tokio::select! {
        ended = raw_tcp::subscribe(rig.session_of(0)) => ended,
        () = forgetful => unreachable!("it accepts for ever"),
    };
    assert_eq!(ended.unwrap_err().to_string(), "the server did not resume the session");
    assert_eq!(rig.worker.connected(), 0);
}

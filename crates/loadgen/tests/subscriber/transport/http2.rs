//! Requests on HTTP/2 connections that are shared, or not.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, Version};
use hyper_util::rt::TokioIo;
use loadgen::Session;
use loadgen::subscriber::{SubscribeError, http_streaming, polling};
use model::settings::{HttpVersion, Pace, Settings, Transport, Uplink, UplinkTo};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use crate::rig::{Identity, Rig, assert_whole, event, run, settings_of, until};

type Body = UnsyncBoxBody<Bytes, Infallible>;

fn http2() -> Transport {
    Transport { http: HttpVersion::Http2, ..Transport::default() }
}

#[derive(Clone, Copy)]
struct Here;

impl<F: Future + 'static> Executor<F> for Here {
    fn execute(&self, task: F) {
        spawn_local(async { drop(task.await) });
    }
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
    let lines =
        |seqs: &[u64]| seqs.iter().flat_map(|&seq| protocol::lines::encode(&event(seq))).collect::<Vec<u8>>();
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
    drop(http2::Builder::new(Here).serve_connection(TokioIo::new(stream), service).await);
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
                None => spawn_local(serve(rig.accept_counted().await, to_all.clone())),
            };
        }
    });
    asked
}

#[test]
fn polls_go_out_one_after_another_on_one_connection_plain_or_under_tls() {
    run(async {
        let identity = Identity::new();
        for identity in [None, Some(&identity)] {
            let rig = Rc::new(Rig::trusting(settings_of(http2()), identity).await);
            let asked = spawn_server(&rig, identity);
            let subscriber = spawn_local(polling::short(rig.session_of(0)));
            until(|| asked.len() >= 4).await;
            rig.stopper.stop();
            subscriber.await.unwrap().unwrap();

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
    });
}

#[test]
fn what_was_said_is_recorded_once_for_each_kind_of_exchange() {
    run(async {
        let rig = Rc::new(Rig::new(settings_of(http2())).await);
        let asked = spawn_server(&rig, None);
        let _subscriber = spawn_local(polling::short(rig.session_of(0)));
        until(|| asked.len() >= 4).await;
        let heads = rig.worker.heads();
        let seen: Vec<_> = heads
            .iter()
            .map(|head| (head.exchange.as_str(), head.target.as_str(), head.status, head.request.len()))
            .collect();
        let expected = [
            ("poll", "/events?channel=0&after=0", 200, 2),
            ("empty-poll", "/events?channel=0&after=2", 204, 2),
        ];
        assert_eq!(seen, expected);
        assert_eq!(heads[0].request[1], (":authority".to_owned(), rig.address().to_string()));
        assert!(heads[0].response.iter().any(|(name, _)| name == "content-length"));
    });
}

#[test]
fn so_many_subscribers_share_a_connection_as_the_settings_say() {
    run(async {
        let identity = Identity::new();
        let transport = Transport { per_connection: 3, ..http2() };
        let rig = Rc::new(Rig::trusting(settings_of(transport), Some(&identity)).await);
        let asked = spawn_server(&rig, Some(&identity));
        let sessions: Vec<_> = (0..7).map(|index| rig.session_of(index)).collect();
        for session in &sessions {
            spawn_local(http_streaming::ndjson(session.clone()));
        }
        rig.until_events(7).await;
        assert_eq!((asked.len(), rig.worker.snapshot().counters.connections), (7, 3));
        assert!(sessions.iter().all(Session::is_connected));
        rig.stopper.stop();
        assert_whole(&rig.closed().await);
    });
}

#[test]
fn a_connection_that_broke_is_opened_again_by_the_first_subscriber() {
    run(async {
        let transport = Transport { per_connection: 2, ..http2() };
        let rig = Rc::new(Rig::new(settings_of(transport)).await);
        for connections in 1..=2 {
            let subscribers = [0, 1].map(|index| spawn_local(http_streaming::sse(rig.session_of(index))));
            let server = spawn_local(serve(rig.accept_counted().await, Asked::default()));
            until(|| rig.worker.connected() == 2 * connections).await;
            server.abort();
            for subscriber in subscribers {
                assert!(subscriber.await.unwrap().is_err());
            }
            assert_eq!(rig.worker.snapshot().counters.connections, connections);
        }
    });
}

#[test]
fn a_poll_that_keeps_no_connection_opens_a_new_one() {
    run(async {
        let mut settings = settings_of(http2());
        settings.http.keep_alive = false;
        let rig = Rc::new(Rig::new(settings).await);
        let asked = spawn_server(&rig, None);
        let subscriber = spawn_local(polling::short(rig.session_of(0)));
        until(|| asked.len() >= 3).await;
        rig.stopper.stop();
        subscriber.await.unwrap().unwrap();
        let snapshot = rig.closed().await;
        assert!(snapshot.counters.connections >= 3);
        assert_eq!(snapshot.counters.connections, snapshot.counters.requests);
        assert_whole(&snapshot);
        assert!(asked.0.borrow().iter().all(|request| request.headers().is_empty()));
    });
}

#[test]
fn messages_are_posted_beside_the_stream_on_the_same_connection() {
    run(async {
        let uplink =
            Uplink { rate_per_s: 1.0, pace: Pace::Constant, payload_bytes: 5, to: UplinkTo::Application };
        let rig = Rc::new(Rig::new(Settings { uplink: Some(uplink), ..settings_of(http2()) }).await);
        let asked = spawn_server(&rig, None);
        let (sender, outgoing) = mpsc::unbounded_channel();
        let session = Session::new(&rig.worker, 0, 0, Some(outgoing));
        let _subscriber = spawn_local(http_streaming::sse(session));
        sender.send(5).unwrap();
        until(|| asked.len() == 2).await;
        let requests = asked.0.borrow();
        let post = requests.iter().find(|request| request.method() == Method::POST).unwrap();
        let fields: Vec<_> =
            post.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!((post.uri().path(), fields), ("/messages", vec![("content-length", &b"52"[..])]));
        assert_eq!(rig.worker.snapshot().counters.connections, 1);
    });
}

#[test]
fn a_server_that_speaks_another_version_is_reported() {
    run(async {
        let rig = Rig::new(settings_of(http2())).await;
        let subscriber = spawn_local(polling::short(rig.session_of(0)));
        let mut stream = rig.accept_counted().await;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let error = subscriber.await.unwrap().unwrap_err();
        assert!(matches!(error, SubscribeError::Http(_)), "{error:?}");
    });
}

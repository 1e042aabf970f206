//! WebSocket on streams of an HTTP/2 connection (RFC 8441), against a server of hyper's.

use std::convert::Infallible;

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use loadgen::session::Session;
use loadgen::subscriber::{SubscribeError, websocket};
use model::settings::{Compression, HttpVersion, Settings, Transport};
use protocol::deflate::{Agreement, Codec, Kind, Message, OFFER, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use crate::rig::{Rig, event, run, settings};

fn http2() -> Settings {
    Settings { transport: Transport { http: HttpVersion::Http2, ..Transport::default() }, ..settings() }
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
async fn serve(listener: &TcpListener, script: Script) -> mpsc::UnboundedReceiver<Accepted> {
    let (stream, _) = listener.accept().await.unwrap();
    let (accepted, streams) = mpsc::unbounded_channel();
    spawn_local(drive(stream, script, accepted));
    streams
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

fn text_of(request: &Request<Incoming>) -> String {
    let protocol =
        request.extensions().get::<hyper::ext::Protocol>().map_or("-", |protocol| protocol.as_str());
    let fields =
        request.headers().iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
    format!("{} {protocol} {}\n{}", request.method(), request.uri(), fields.collect::<String>())
}

#[derive(Clone, Copy)]
struct OnThisThread;

impl<F: Future + 'static> hyper::rt::Executor<F> for OnThisThread {
    fn execute(&self, task: F) {
        spawn_local(async { drop(task.await) });
    }
}

#[test]
fn a_subscriber_asks_by_extended_connect_and_says_nothing_of_the_upgrade() {
    run(async {
        let mut rig = Rig::new(http2()).await;
        let _subscriber = spawn_local(websocket::subscribe(rig.session()));
        let mut streams = serve(&rig.listener, TAKES).await;
        let Accepted { head, mut stream } = streams.recv().await.unwrap();
        let address = rig.address();
        assert_eq!(
            head,
            format!("CONNECT websocket http://{address}/ws?channel=0&after=0\nsec-websocket-version: 13\n")
        );
        let frame = [&[0x81, 52][..], &event(1)].concat();
        stream.write_all(&frame).await.unwrap();
        rig.until_events(1).await;
        rig.sender.send(5).unwrap();
        let mut sent = [0; 6 + 52];
        stream.read_exact(&mut sent).await.unwrap();
        assert_eq!(sent[..2], [0x81, 0x80 | 52]);
        let counters = rig.worker.snapshot().counters;
        assert_eq!((counters.requests, counters.connections, counters.events), (1, 1, 1));
    });
}

#[test]
fn subscribers_that_share_a_connection_have_streams_of_their_own() {
    run(async {
        let mut settings = http2();
        settings.subscribers.count = 3;
        settings.transport.per_connection = 3;
        let rig = Rig::new(settings).await;
        for index in 0..3 {
            spawn_local(websocket::subscribe(Session::new(&rig.worker, index, 0, None)));
        }
        let mut streams = serve(&rig.listener, TAKES).await;
        let mut open = Vec::new();
        for _ in 0..3 {
            open.push(streams.recv().await.unwrap().stream);
        }
        for stream in &mut open {
            stream.write_all(&[&[0x81, 52][..], &event(1)].concat()).await.unwrap();
        }
        rig.until_events(3).await;
        // One goes, the others stay.
        open.swap_remove(0).write_all(b"\x88\x02\x03\xe9").await.unwrap();
        for stream in &mut open {
            stream.write_all(&[&[0x81, 52][..], &event(2)].concat()).await.unwrap();
        }
        rig.until_events(5).await;
        assert_eq!(rig.worker.snapshot().counters.connections, 1);
    });
}

#[test]
fn frames_on_a_stream_are_compressed_where_that_was_agreed_on() {
    run(async {
        let mut settings = http2();
        settings.transport.compression = Compression::Deflate;
        let mut rig = Rig::new(settings).await;
        let _subscriber = spawn_local(websocket::subscribe(rig.session()));
        let mut streams =
            serve(&rig.listener, Script { extensions: Some("permessage-deflate"), ..TAKES }).await;
        let Accepted { head, mut stream } = streams.recv().await.unwrap();
        assert!(head.contains(&format!("sec-websocket-extensions: {OFFER}\n")), "{head}");
        let agreement = Agreement::of_answer(Some("permessage-deflate")).unwrap();
        let (mut codec, mut frames) = (Codec::new(Role::Server, agreement, 1_000), BytesMut::new());
        for seq in 1..=2 {
            codec.data(Kind::Text, &event(seq), &mut frames);
        }
        stream.write_all(&frames).await.unwrap();
        rig.until_events(2).await;
        rig.sender.send(5).unwrap();
        while stream.read_buf(codec.buffer()).await.unwrap() > 0 {
            if let Some(message) = codec.next_message().unwrap() {
                assert!(matches!(message, Message::Data(Kind::Text, _)));
                return;
            }
        }
        panic!("nothing was sent");
    });
}

#[test]
fn a_server_that_refuses_is_reported() {
    run(async {
        for (script, said) in [
            (Script { allows: false, ..TAKES }, "the server does not allow extended CONNECT"),
            (
                Script { status: StatusCode::NOT_FOUND, ..TAKES },
                "the server answered 404 Not Found: not today",
            ),
            (
                Script { extensions: Some("permessage-deflate"), ..TAKES },
                "the server agreed to extensions that were not asked for: permessage-deflate",
            ),
        ] {
            let mut rig = Rig::new(http2()).await;
            let subscriber = spawn_local(websocket::subscribe(rig.session()));
            let _streams = serve(&rig.listener, script).await;
            assert_eq!(subscriber.await.unwrap().unwrap_err().to_string(), said);
        }
    });
}

#[test]
fn a_stream_is_parted_with_1000_and_its_end_and_dismissed_like_any_other() {
    run(async {
        let mut rig = Rig::new(http2()).await;
        let dismissed = spawn_local(websocket::subscribe(rig.session()));
        let mut streams = serve(&rig.listener, TAKES).await;
        let mut stream = streams.recv().await.unwrap().stream;
        stream.write_all(b"\x88\x0a\x03\xf5too slow").await.unwrap();
        drop(stream);
        let error = dismissed.await.unwrap().unwrap_err();
        assert!(
            matches!(&error, SubscribeError::SessionClosed(said) if said == "too slow (1013)"),
            "{error}"
        );

        let session = rig.session();
        let parting = spawn_local(websocket::subscribe(session.clone()));
        let mut streams = serve(&rig.listener, TAKES).await;
        let mut stream = streams.recv().await.unwrap().stream;
        while !session.is_connected() {
            tokio::task::yield_now().await;
        }
        rig.stopper.stop();
        let mut close = [0; 2 + 4 + 2];
        stream.read_exact(&mut close).await.unwrap();
        assert_eq!(close[..2], [0x88, 0x82]);
        stream.write_all(b"\x88\x02\x03\xe8").await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        parting.await.unwrap().unwrap();
    });
}

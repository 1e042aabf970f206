//! The page's own origin: its files, the clock, the controls, and the stream of figures.
//!
//! | request | response |
//! |---|---|
//! | `GET /`, and the files of the page | the page |
//! | `GET /clock` | `CLOCK_MONOTONIC` now, in nanoseconds, as text |
//! | `GET /setup` | the techniques, their ports and the controls, as JSON |
//! | `GET /figures` | the figures, as Server-Sent Events, four times a second |
//! | `POST /control` | a control request, as JSON; the values of all controls, or `400` and the reason |
//!
//! Every response isolates the page from other origins (COOP, COEP): only then is a browser's clock finer than 100 µs.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use model::byte_account::{Account, Layers};
use serde_json::{Value, json};
use server_kit::Stop;
use server_kit::listener::accept_each;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Interval, interval, timeout};

use super::control_request::ControlRequest;
use super::state::{DemoServer, DemoState, RelayCounts};
use crate::page_files;
use crate::registry::Technique;

/// How long a request may take to arrive, and a connection may be idle.
const IDLE: Duration = Duration::from_secs(60);
const CONNECTIONS: usize = 256;
const LARGEST_REQUEST: usize = 4 * 1024;
const FIGURES_EVERY: Duration = Duration::from_millis(250);

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// Serves until `stop`, which cuts the connections. A connection's error ends only that connection.
pub(super) async fn serve(listener: TcpListener, state: Arc<DemoState>, stop: Stop) -> io::Result<()> {
    let mut connections = JoinSet::new();
    accept_each(
        || listener.accept(),
        &stop,
        &mut connections,
        |(stream, _), connections| {
            if connections.len() < CONNECTIONS {
                connections.spawn(connection(stream, state.clone()));
            }
        },
    )
    .await
}

async fn connection(stream: TcpStream, state: Arc<DemoState>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| {
        let state = state.clone();
        async move { Ok::<_, Infallible>(isolated(respond(&state, request).await)) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(IDLE);
    // A closed page breaks its streams, which is no error here.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(state: &Arc<DemoState>, request: Request<Incoming>) -> Reply {
    let (path, method) = (request.uri().path(), request.method());
    match (path, method) {
        ("/control", &Method::POST) => control(state, request).await,
        ("/control", _) => reject_method("POST"),
        (_, method) if method != Method::GET => reject_method("GET"),
        ("/clock", _) => reply(TEXT, os::now_ns().to_string()),
        ("/setup", _) => reply(JSON, setup(state).to_string()),
        ("/figures", _) => stream_figures(state.clone()),
        (path, _) => match page_files::of_the_demo(path) {
            Some(file) => reply(file.media_type, file.body),
            None => reject(StatusCode::NOT_FOUND, "there is no such page"),
        },
    }
}

/// Accepts only `application/json`, which another site's page cannot send without a preflight request.
async fn control(state: &DemoState, request: Request<Incoming>) -> Reply {
    let media_type = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !media_type.is_some_and(|found| found.starts_with(JSON.as_bytes())) {
        return reject(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a control request has content-type: application/json",
        );
    }
    let body = match timeout(IDLE, Limited::new(request.into_body(), LARGEST_REQUEST).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) => {
            return reject(StatusCode::PAYLOAD_TOO_LARGE, &format!("a control request is short: {error}"));
        }
        Err(_) => return reject(StatusCode::REQUEST_TIMEOUT, "the request did not arrive in time"),
    };
    match ControlRequest::parse(&body) {
        Ok(request) => {
            request.apply(state);
            reply(JSON, json!(state.values()).to_string())
        }
        Err(error) => reject(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

/// A page that follows the figures.
struct Viewer {
    state: Arc<DemoState>,
    ticks: Interval,
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.state.viewers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The stream of figures, as long as the page reads it.
fn stream_figures(state: Arc<DemoState>) -> Reply {
    state.viewers.fetch_add(1, Ordering::Relaxed);
    let viewer = Viewer { state, ticks: interval(FIGURES_EVERY) };
    let events = stream::unfold(viewer, |mut viewer| async move {
        viewer.ticks.tick().await;
        let event = Bytes::from(format!("data: {}\n\n", figures(&viewer.state)));
        Some((Ok::<_, Infallible>(Frame::data(event)), viewer))
    });
    let mut response = Response::new(StreamBody::new(events).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(protocol::sse::MEDIA_TYPE));
    response
}

fn reply(media_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut response = Response::new(Full::new(body.into()).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn reject(status: StatusCode, why: &str) -> Reply {
    let mut response = reply(TEXT, format!("{why}\n"));
    *response.status_mut() = status;
    response
}

fn reject_method(allow: &'static str) -> Reply {
    let mut response = reject(StatusCode::METHOD_NOT_ALLOWED, &format!("only {allow} is allowed here"));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

fn isolated(mut response: Reply) -> Reply {
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-embedder-policy", "require-corp"),
        ("x-content-type-options", "nosniff"),
    ] {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What a page needs at its start. The demo's start, ns of `CLOCK_MONOTONIC`, is a text: JavaScript's numbers hold 53 bits.
fn setup(state: &DemoState) -> Value {
    let technique = |server: &Arc<DemoServer>| {
        let Technique { slug, label, about, .. } = server.technique;
        json!({ "slug": slug, "label": label, "about": about, "port": server.port })
    };
    json!({
        "begun_ns": state.begun_ns.to_string(),
        "techniques": state.servers.iter().map(technique).collect::<Vec<_>>(),
        // In the order of the stack.
        "layers": Layers::default().named().map(|(label, _)| label).collect::<Vec<_>>(),
        "controls": state.values(),
    })
}

/// The figures so far. Times are ms since the demo began, and bytes are those of both directions. A page needs no empty layers.
fn figures(state: &DemoState) -> Value {
    let controls = state.values();
    let ms = |at_ns: u64| at_ns.saturating_sub(state.begun_ns) as f64 / 1e6;
    let technique = |server: &Arc<DemoServer>| {
        let RelayCounts { account: Account { up, down }, requests } = server.counts();
        let layers = up.named().zip(down.named()).map(|((label, up), (_, down))| (label, up + down));
        json!({
            "slug": server.technique.slug,
            "connections": server.connections(),
            "requests": requests,
            "bytes": up.wire() + down.wire(),
            "layers": layers.filter(|&(_, bytes)| bytes > 0).collect::<BTreeMap<_, _>>(),
        })
    };
    let mut figures = json!({
        "at_ms": ms(os::now_ns()),
        "published": state.published.load(Ordering::Relaxed),
        "viewers": state.viewers.load(Ordering::Relaxed),
        "controls": controls,
        "techniques": state.servers.iter().map(technique).collect::<Vec<_>>(),
    });
    if controls.stalled_until_ns > 0 {
        let (from_ms, until_ms) = (ms(controls.stalled_from_ns), ms(controls.stalled_until_ns));
        figures["stall"] = json!({ "from_ms": from_ms, "until_ms": until_ms });
    }
    figures
}

//! The page's own origin: its files, the clock, the controls, and the stream of figures.
//!
//! | request | answer |
//! |---|---|
//! | `GET /`, and the files that the page names | the page |
//! | `GET /clock` | `CLOCK_MONOTONIC` now, in nanoseconds, as text |
//! | `GET /programme` | the lanes, their ports and the controls, as JSON |
//! | `GET /figures` | how things stand, as Server-Sent Events, four times a second |
//! | `POST /control` | what a control asks for, as JSON; `204`, or `400` and why not |
//!
//! Every answer isolates the page from other origins (COOP, COEP): only then is a browser's clock finer than 100 µs.

mod figures;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use loadgen::os;
use server_kit::Stop;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::statistics::Programme;
use super::wish::Wish;
use super::{Stage, files};

/// How long a request may take to come, and a connection lie idle.
const IDLE: Duration = Duration::from_secs(60);
const CONNECTIONS: usize = 256;
const LARGEST_WISH: usize = 4 * 1024;
/// After a failed accept: time for a descriptor to come free.
const PAUSE: Duration = Duration::from_millis(10);

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// Serves until `stop`, which cuts the connections.
///
/// # Errors
///
/// Never: a connection that fails is that connection's end.
pub(super) async fn serve(listener: TcpListener, stage: Arc<Stage>, stop: Stop) -> anyhow::Result<()> {
    let mut connections = JoinSet::new();
    let accept_all = async {
        loop {
            while connections.try_join_next().is_some() {}
            match listener.accept().await {
                Ok((stream, _)) if connections.len() < CONNECTIONS => {
                    connections.spawn(connection(stream, stage.clone()));
                }
                Ok(_) => {}
                // A peer that gave up, or no descriptor free: the next may fare better.
                Err(_) => sleep(PAUSE).await,
            }
        }
    };
    tokio::select! {
        () = accept_all => {}
        () = stop.requested() => {}
    }
    Ok(())
}

async fn connection(stream: TcpStream, stage: Arc<Stage>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| {
        let stage = stage.clone();
        async move { Ok::<_, Infallible>(isolated(answer(&stage, request).await)) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(IDLE);
    // A page that is closed breaks off its streams, which is no error here.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(stage: &Arc<Stage>, request: Request<Incoming>) -> Reply {
    let (path, method) = (request.uri().path(), request.method());
    match (path, method) {
        ("/control", &Method::POST) => control(stage, request).await,
        ("/control", _) => refuse_method("POST"),
        (_, method) if method != Method::GET => refuse_method("GET"),
        ("/clock", _) => reply(TEXT, os::now_ns().to_string()),
        ("/programme", _) => json(&Programme::of(stage)),
        ("/figures", _) => figures::stream(stage.clone()),
        (path, _) => match files::find(path) {
            Some(file) => reply(file.media_type, file.content),
            None => refuse(StatusCode::NOT_FOUND, "there is nothing here"),
        },
    }
}

/// Only JSON that says so is taken: another site's page cannot send that without asking first.
async fn control(stage: &Stage, request: Request<Incoming>) -> Reply {
    let media_type = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !media_type.is_some_and(|found| found.starts_with(JSON.as_bytes())) {
        return refuse(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a control is sent as content-type: application/json",
        );
    }
    let body = match timeout(IDLE, Limited::new(request.into_body(), LARGEST_WISH).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) => {
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, &format!("a control is short: {error}"));
        }
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, "the request did not come in time"),
    };
    match Wish::parse(&body) {
        Ok(wish) => {
            wish.fulfil(stage);
            json(&stage.board.values())
        }
        Err(error) => refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn json(value: &impl serde::Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(text) => reply(JSON, text),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn reply(media_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut response = Response::new(Full::new(body.into()).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn refuse(status: StatusCode, why: &str) -> Reply {
    let mut response = reply(TEXT, format!("{why}\n"));
    *response.status_mut() = status;
    response
}

fn refuse_method(allow: &'static str) -> Reply {
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, &format!("only {allow} is allowed here"));
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

//! hyper's own HTTP/2 client and server at the two ends of a pipe, and what crosses it.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

use crate::exchange::{Step, down, event, up};
use crate::frames::{FIN, TEXT, frame};
use crate::socketio::{packet, packets};

pub(crate) type Body = Full<Bytes>;

/// Keeps what crosses it.
struct Recorder {
    stream: DuplexStream,
    steps: Arc<Mutex<Vec<Step>>>,
}

impl Recorder {
    fn keep(&self, step: Step) {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).push(step);
    }
}

impl AsyncRead for Recorder {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.keep(down(&buf.filled()[before..]));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Recorder {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.keep(up(&bytes[..written]));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

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
pub(crate) async fn record<F: Future<Output = ()>>(speak: impl FnOnce(SendRequest<Body>) -> F) -> Vec<Step> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    server.enable_connect_protocol();
    let served = tokio::spawn(server.serve_connection(TokioIo::new(far), service_fn(serve)));
    let steps = Arc::new(Mutex::new(Vec::new()));
    let recorder = TokioIo::new(Recorder { stream: near, steps: Arc::clone(&steps) });
    let client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = client.handshake(recorder).await.expect("a handshake");
    let driven = tokio::spawn(connection);
    speak(sender).await;
    driven.await.expect("no panic").expect("an end");
    served.await.expect("no panic").expect("an end");
    Arc::try_unwrap(steps).expect("only one left").into_inner().unwrap_or_else(PoisonError::into_inner)
}

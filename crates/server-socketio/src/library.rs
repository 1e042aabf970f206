//! The library's services, as much of them as is needed: they answer requests, and take streams.

use std::convert::Infallible;
use std::future::Future;

use bytes::Bytes;
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::{EngineIoService, NotFoundService};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper::{Method, Request, Response};
use socketioxide::service::SocketIoService;
use socketioxide::socket::Sid;

use crate::watched::Watched;

/// A service of engineioxide or socketioxide.
pub(crate) trait Library: Clone + Send + Sync + 'static {
    /// Answers a request. A WebSocket handshake it only says yes to.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Bytes>> + Send;

    /// Ends a session that is still polled, as if its client had said so. Others are left alone.
    fn end_polling(&self, id: Sid) -> impl Future<Output = ()> + Send;

    /// Takes the stream behind a WebSocket handshake, in tasks of its own.
    fn take(&self, stream: Watched, handshake: Request<()>);
}

impl Library for SocketIoService<NotFoundService> {
    async fn answer(&self, request: Request<Incoming>) -> Response<Bytes> {
        let Ok(answer) = self.call(request).await;
        whole(answer).await
    }

    async fn end_polling(&self, id: Sid) {
        let Ok(_) = self.call(farewell(id)).await;
    }

    fn take(&self, stream: Watched, handshake: Request<()>) {
        // Refused by a query that it did not refuse before, which cannot be.
        drop(self.call((stream, handshake)));
    }
}

impl<H: EngineIoHandler> Library for EngineIoService<H> {
    async fn answer(&self, request: Request<Incoming>) -> Response<Bytes> {
        let Ok(answer) = self.call(request).await;
        whole(answer).await
    }

    async fn end_polling(&self, id: Sid) {
        let Ok(_) = self.call(farewell(id)).await;
    }

    fn take(&self, stream: Watched, handshake: Request<()>) {
        drop(self.call((stream, handshake)));
    }
}

/// A client's close packet.
fn farewell(id: Sid) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::from("1"));
    *request.method_mut() = Method::POST;
    let target = format!("{}?EIO=4&transport=polling&sid={id}", wire::paths::SOCKETIO);
    *request.uri_mut() = target.parse().expect("an id is made of what a query may hold");
    request
}

/// Its bodies are empty, or one frame.
async fn whole<B: Body<Data = Bytes, Error = Infallible> + Unpin>(answer: Response<B>) -> Response<Bytes> {
    let (parts, mut body) = answer.into_parts();
    let Ok(data) = body.frame().await.transpose();
    let data = data.and_then(|frame| frame.into_data().ok()).unwrap_or_default();
    Response::from_parts(parts, data)
}

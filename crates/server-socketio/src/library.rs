//! The library's services, as much of them as is needed: they answer requests, and take streams.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::Future;

use bytes::Bytes;
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::{EngineIoService, NotFoundService};
use http_body_util::BodyExt as _;
use hyper::body::Body;
use hyper::service::Service;
use hyper::{Request, Response};
use socketioxide::service::SocketIoService;

use crate::spliced_stream::SplicedStream;

/// A request's body.
pub(crate) trait Asking: Body<Data = Bytes, Error: Debug> + Debug + Send + Unpin + 'static {}

impl<B: Body<Data = Bytes, Error: Debug> + Debug + Send + Unpin + 'static> Asking for B {}

/// A service of engineioxide or socketioxide.
pub(crate) trait Library: Clone + Send + Sync + 'static {
    /// Answers a request. A WebSocket handshake it only says yes to.
    fn answer<B: Asking>(&self, request: Request<B>) -> impl Future<Output = Response<Bytes>> + Send;

    /// Takes the stream behind a WebSocket handshake, in tasks of its own.
    fn take(&self, stream: SplicedStream, handshake: Request<()>);
}

macro_rules! library {
    ($service:ty $(, $handler:ident)?) => {
        impl$(<$handler: EngineIoHandler>)? Library for $service {
            async fn answer<B: Asking>(&self, request: Request<B>) -> Response<Bytes> {
                let Ok(answer) = self.call(request).await;
                whole(answer).await
            }

            fn take(&self, stream: SplicedStream, handshake: Request<()>) {
                // Rejected by a query that was not rejected before, which cannot be.
                drop(self.call((stream, handshake)));
            }
        }
    };
}

library!(SocketIoService<NotFoundService>);
library!(EngineIoService<H>, H);

/// Its bodies are empty, or one frame.
async fn whole<B: Body<Data = Bytes, Error = Infallible> + Unpin>(answer: Response<B>) -> Response<Bytes> {
    let (parts, mut body) = answer.into_parts();
    let Ok(data) = body.frame().await.transpose();
    let data = data.and_then(|frame| frame.into_data().ok()).unwrap_or_default();
    Response::from_parts(parts, data)
}

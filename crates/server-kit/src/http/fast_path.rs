//! What nearly all requests are, answered without hyper: a `GET` of the endpoint's path on HTTP/1.1, without a body and without
//! wishes about the connection.
//!
//! hyper builds maps of header fields and state for whatever a request might turn into, and holds two buffers of 8 KiB for each
//! connection. A push server's requests are all alike, and most of its connections are idle: here an answer's head is prepared
//! once, and a connection that waits holds no buffer. The first request that is not of this kind, or that is rejected, goes to
//! hyper with all that was read of it, and the connection stays there.
//!
//! # Layout
//!
//! - `plain_request`: a request, and whether it is of this kind
//! - `head`: heads of answers, prepared
//! - `peer`: the connection's stream, and what may end a wait on it

mod head;
mod peer;
mod plain_request;

use std::future::Future;
use std::io;
use std::sync::Arc;

use super::endpoint::{Endpoint, Site};
use super::http1::{self, Builder};
use crate::graceful_close;
use crate::listener::Admission;
use crate::stream::Stream;

pub use head::Head;
pub use peer::{Next, Peer};
pub use plain_request::PlainRequest;

/// Header fields of a request; one with more of them goes to hyper.
const MOST_HEADERS: usize = 32;

/// An endpoint that answers such requests by itself. Its answers are the same bytes as [`Endpoint::answer`]'s.
pub trait FastPath: Endpoint {
    /// What is taken from a request that is to be answered.
    type Parsed: Send;

    /// Takes it from the request; none leaves the request to hyper and [`Endpoint::answer`].
    fn parse(&self, plain: &PlainRequest<'_>) -> Option<Self::Parsed>;

    /// Answers. Errors are the connection's.
    fn respond(&self, parsed: Self::Parsed, peer: &mut Peer)
    -> impl Future<Output = io::Result<Next>> + Send;
}

pub(super) async fn connection<E: FastPath>(
    site: Arc<Site<E, Builder>>,
    stream: Stream,
    admission: Admission,
) {
    let mut peer = Peer::new(stream, &site.stop, &site.limits);
    let talked = match admission {
        Admission::Admitted(_) => talk(&site, &mut peer).await,
        Admission::Full(_) => Ok(End::Hyper),
    };
    let (stream, read) = peer.into_parts();
    match talked {
        // In a box of its own, so that a connection which stays here is no larger than it has to be.
        Ok(End::Hyper) => Box::pin(http1::rest(site, stream, read, admission)).await,
        Ok(End::Closed) => graceful_close::end(stream).await,
        Err(error) => {
            site.hub.reject_broken_tls(&error);
            graceful_close::close(stream).await;
        }
    }
}

/// Why nothing more is answered here.
enum End {
    Closed,
    Hyper,
}

async fn talk<E: FastPath>(site: &Site<E, Builder>, peer: &mut Peer) -> io::Result<End> {
    loop {
        let next = match parse(site, peer) {
            Parsed::Plain(parsed) => match site.endpoint.respond(parsed, peer).await? {
                // Requests that come without an end, before they are asked for, must not hold up the stop.
                Next::Request if !peer.read().is_empty() && site.stop.is_requested() => Next::Close,
                next => next,
            },
            Parsed::Partial => peer.more().await?,
            Parsed::Other => return Ok(End::Hyper),
        };
        if next == Next::Close {
            return Ok(End::Closed);
        }
    }
}

enum Parsed<W> {
    Plain(W),
    Partial,
    Other,
}

fn parse<E: FastPath>(site: &Site<E, Builder>, peer: &mut Peer) -> Parsed<E::Parsed> {
    let most = site.limits.header_bytes;
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let len = match request.parse(peer.read()) {
        Ok(httparse::Status::Complete(len)) if len <= most => len,
        Ok(httparse::Status::Partial) if peer.read().len() <= most => return Parsed::Partial,
        _ => return Parsed::Other,
    };
    match PlainRequest::new(&request, E::PATH).and_then(|plain| site.endpoint.parse(&plain)) {
        Some(parsed) => {
            peer.consume(len);
            Parsed::Plain(parsed)
        }
        None => Parsed::Other,
    }
}

//! What nearly all requests are, answered without hyper: a `GET` of the endpoint's path on HTTP/1.1, without a body and without
//! wishes about the connection.
//!
//! hyper builds maps of header fields and state for whatever a request might turn into, and holds two buffers of 8 KiB for each
//! connection. A push server's requests are all alike, and most of its connections are idle: here an answer's head is prepared
//! once, and a connection that waits holds no buffer. The first request that is not of this kind, or that is refused, goes to
//! hyper with all that was read of it, and the connection stays there.
//!
//! # Layout
//!
//! - `ask`: a request, and whether it is of this kind
//! - `head`: heads of answers, prepared
//! - `wire`: the connection's stream, and what may end a wait on it

mod ask;
mod head;
mod wire;

use std::future::Future;
use std::io;
use std::sync::Arc;

use super::http1::{self, Builder};
use super::{Endpoint, Site};
use crate::listener::Admission;
use crate::stream::Stream;
use crate::{linger, tls};

pub use ask::Ask;
pub use head::Head;
pub use wire::{Next, Wire};

/// Header fields of a request; one with more of them goes to hyper.
const MOST_HEADERS: usize = 32;

/// An endpoint that answers such requests by itself. Its answers are the same bytes as [`Endpoint::answer`]'s.
pub trait Direct: Endpoint {
    /// What is taken from a request that is to be answered.
    type Wish: Send;

    /// Takes it from the request; none leaves the request to hyper and [`Endpoint::answer`].
    fn wish(&self, ask: &Ask<'_>) -> Option<Self::Wish>;

    /// Answers. Errors are the connection's.
    fn grant(&self, wish: Self::Wish, wire: &mut Wire) -> impl Future<Output = io::Result<Next>> + Send;
}

pub(super) async fn connection<E: Direct>(site: Arc<Site<E, Builder>>, stream: Stream, admission: Admission) {
    let mut wire = Wire::new(stream, &site.stop, &site.limits);
    let talked = match admission {
        Admission::Admitted(_) => talk(&site, &mut wire).await,
        Admission::Full(_) => Ok(End::Hyper),
    };
    let (stream, read) = wire.into_parts();
    match talked {
        // In a box of its own, so that a connection which stays here is no larger than it has to be.
        Ok(End::Hyper) => Box::pin(http1::rest(site, stream, read, admission)).await,
        Ok(End::Closed) => linger::end(stream).await,
        Err(error) => {
            tls::count_broken(&site.hub, &error);
            linger::close(stream).await;
        }
    }
}

/// Why nothing more is answered here.
enum End {
    Closed,
    Hyper,
}

async fn talk<E: Direct>(site: &Site<E, Builder>, wire: &mut Wire) -> io::Result<End> {
    loop {
        let next = match parse(site, wire) {
            Parsed::Wish(wish) => match site.endpoint.grant(wish, wire).await? {
                // Requests that come without an end, before they are asked for, must not hold up the stop.
                Next::Request if !wire.read().is_empty() && site.stop.is_requested() => Next::Close,
                next => next,
            },
            Parsed::Partial => wire.more().await?,
            Parsed::Other => return Ok(End::Hyper),
        };
        if next == Next::Close {
            return Ok(End::Closed);
        }
    }
}

enum Parsed<W> {
    Wish(W),
    Partial,
    Other,
}

fn parse<E: Direct>(site: &Site<E, Builder>, wire: &mut Wire) -> Parsed<E::Wish> {
    let most = site.limits.header_bytes;
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let len = match request.parse(wire.read()) {
        Ok(httparse::Status::Complete(len)) if len <= most => len,
        Ok(httparse::Status::Partial) if wire.read().len() <= most => return Parsed::Partial,
        _ => return Parsed::Other,
    };
    match Ask::new(&request, E::PATH).and_then(|ask| site.endpoint.wish(&ask)) {
        Some(wish) => {
            wire.consume(len);
            Parsed::Wish(wish)
        }
        None => Parsed::Other,
    }
}

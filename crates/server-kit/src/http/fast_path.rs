//! What nearly all requests are, answered without hyper: a `GET` of the endpoint's path on HTTP/1.1, without a body and without
//! wishes about the connection.
//!
//! hyper builds maps of header fields and state for whatever a request might turn into, and holds two buffers of 8 KiB for each
//! connection. A push server's requests are all alike, and most of its connections are idle: here an answer's head is prepared
//! once, and a connection that waits holds no buffer. The first request that is not of this kind, or that is rejected, goes to
//! hyper with all that was read of it, and the connection stays there.

use std::future::Future;
use std::io;
use std::sync::Arc;

use httparse::Header;
use protocol::Resume;

use super::endpoint::{Endpoint, Site};
use super::http1::{self, Builder};
use super::peer::{Next, Peer};
use crate::listener::Admission;
use crate::stream::{self, Stream};

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
        Ok(End::Closed) => stream::end(stream).await,
        Err(error) => {
            site.hub.reject_broken_tls(&error);
            stream::close(stream).await;
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
    let body = match E::TAKES_MESSAGES.then(|| body_of(&request)).flatten() {
        Some(body_len) if body_len > site.limits.body_bytes => return Parsed::Other,
        Some(body_len) => match peer.read().get(len..len + body_len) {
            Some(body) => Some(body),
            None => return Parsed::Partial,
        },
        None => None,
    };
    let len = len + body.map_or(0, <[u8]>::len);
    match PlainRequest::new(&request, E::PATH, body).and_then(|plain| site.endpoint.parse(&plain)) {
        Some(parsed) => {
            peer.consume(len);
            Parsed::Plain(parsed)
        }
        None => Parsed::Other,
    }
}

/// How long the body of a `POST` is, if its head says so.
fn body_of(request: &httparse::Request<'_, '_>) -> Option<usize> {
    let mut lengths =
        request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("content-length"));
    let len = std::str::from_utf8(lengths.next()?.value).ok()?.parse().ok()?;
    (request.method == Some("POST") && lengths.next().is_none()).then_some(len)
}

/// A `GET` of the endpoint's path on HTTP/1.1, without a body and without wishes about the connection; or such a `POST`, with a
/// client's own message.
#[derive(Debug)]
pub struct PlainRequest<'a> {
    query: &'a str,
    message: Option<&'a [u8]>,
    headers: &'a [Header<'a>],
}

impl<'a> PlainRequest<'a> {
    /// None if the request is another.
    pub(super) fn new(
        request: &'a httparse::Request<'_, 'a>,
        path: &str,
        message: Option<&'a [u8]>,
    ) -> Option<Self> {
        let target = request.path?;
        let (asked, query) = target.split_once('?').unwrap_or((target, ""));
        let is_asked = (request.method == Some("GET") || message.is_some()) && asked == path;
        let is_length = |header: &Header<'_>| header.name.eq_ignore_ascii_case("content-length");
        let is_plain = |header: &Header<'_>| is_harmless(header) || (message.is_some() && is_length(header));
        (is_asked && request.version == Some(1) && request.headers.iter().all(is_plain)).then_some(Self {
            query,
            message,
            headers: request.headers,
        })
    }

    /// What stands behind the path, without its question mark.
    pub fn query(&self) -> &'a str {
        self.query
    }

    /// The client's own message, of a `POST`.
    pub fn message(&self) -> Option<&'a [u8]> {
        self.message
    }

    /// Where the client wants to begin; none if the query cannot be understood.
    pub fn resume(&self) -> Option<Resume> {
        Resume::from_query(self.query).ok()
    }

    /// The value of the header field of this name.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    }
}

/// Whether a header field changes nothing about the connection and the request's body.
fn is_harmless(header: &Header<'_>) -> bool {
    let is = |name: &str| header.name.eq_ignore_ascii_case(name);
    match header.name.len() {
        // Browsers say so on each request.
        10 if is("connection") => header.value.eq_ignore_ascii_case(b"keep-alive"),
        6 => !is("expect"),
        7 => !is("upgrade"),
        14 => !is("content-length"),
        17 => !is("transfer-encoding"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use protocol::Start;

    use super::*;

    fn is_asked(text: &str) -> bool {
        let mut headers = [httparse::EMPTY_HEADER; 8];
        let mut request = httparse::Request::new(&mut headers);
        assert!(request.parse(text.as_bytes()).unwrap().is_complete());
        PlainRequest::new(&request, "/events", None).is_some()
    }

    #[test]
    fn only_a_plain_get_of_the_path_is_answered() {
        for target in ["/events", "/events?", "/events?after=3&x=y"] {
            assert!(is_asked(&format!("GET {target} HTTP/1.1\r\nhost: x\r\nConnection: Keep-Alive\r\n\r\n")));
        }
        for line in [
            "POST /events HTTP/1.1",
            "GET /events HTTP/1.0",
            "GET /event HTTP/1.1",
            "GET http://x/events HTTP/1.1",
            "GET /events HTTP/1.1\r\nConnection: close",
            "GET /events HTTP/1.1\r\nUpgrade: websocket",
            "GET /events HTTP/1.1\r\nExpect: 100-continue",
            "GET /events HTTP/1.1\r\nContent-Length: 0",
            "GET /events HTTP/1.1\r\nTransfer-Encoding: chunked",
        ] {
            assert!(!is_asked(&format!("{line}\r\n\r\n")), "{line}");
        }
    }

    #[test]
    fn query_and_headers_are_parsed() {
        let mut headers = [httparse::EMPTY_HEADER; 8];
        let mut request = httparse::Request::new(&mut headers);
        let text = b"GET /events?channel=2&after=7 HTTP/1.1\r\nLast-Event-ID: 9\r\n\r\n";
        assert!(request.parse(text).unwrap().is_complete());
        let plain = PlainRequest::new(&request, "/events", None).unwrap();
        assert_eq!(plain.resume(), Some(Resume { channel: 2, start: Start::After(7) }));
        assert_eq!((plain.header("last-event-id"), plain.header("cookie")), (Some(&b"9"[..]), None));
    }
}

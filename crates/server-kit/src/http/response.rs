//! Response heads: small and fixed, since every byte of them is part of the result; and rejections, a status and one line of
//! text.

use std::cell::RefCell;
use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use httpdate::HttpDate;
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Request, Response, StatusCode, Version};
use protocol::Resume;

use crate::Lagged;
use crate::gzip::Encoding;
use crate::hub::UnknownChannel;

/// Keeps caches from answering in the server's place.
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// `200` with a body of this media type, which is in this encoding already.
pub fn answer<B>(media_type: &'static str, encoding: Encoding, body: B) -> Response<B> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, NO_STORE);
    if encoding == Encoding::Gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// `204`: there is nothing, or nothing more to say.
pub fn no_content() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// Where the client wants to begin, by the request's query.
///
/// # Errors
///
/// [`Rejection::BadRequest`] when the query cannot be understood.
pub fn resume(request: &Request<Incoming>) -> Result<Resume, Rejection> {
    let query = request.uri().query().unwrap_or_default();
    Resume::from_query(query).map_err(|error| Rejection::BadRequest(error.to_string()))
}

/// Why a request is rejected. hyper itself answers 431 to a head that is too large, and 400 to one it cannot read; on
/// HTTP/2, h2 answers 431 to a header list that is too large, and resets a stream, or ends a connection, that breaks
/// the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// `400`.
    #[error("{0}")]
    BadRequest(String),
    /// `404`: no such path.
    #[error("there is nothing here")]
    NotFound,
    /// `404`: no such channel.
    #[error("{0}")]
    NoSuchChannel(String),
    /// `405`.
    #[error("only {allow} is allowed here")]
    MethodNotAllowed {
        /// The method that is.
        allow: &'static str,
    },
    /// `408`: the body did not come in time.
    #[error("the request did not come in time")]
    TimedOut,
    /// `410`: the events that the client asks for are no longer retained.
    #[error(transparent)]
    Gone(#[from] Lagged),
    /// `413`.
    #[error("the body is over the limit of {limit} bytes")]
    BodyTooLarge {
        /// The most that is taken.
        limit: usize,
    },
    /// `426`: only a WebSocket handshake is answered here.
    #[error("this path speaks WebSocket, version 13")]
    NotWebSocket,
    /// `501`: an extended CONNECT for a protocol that is not spoken here (RFC 8441 §4).
    #[error("no protocol of this name is spoken here by extended CONNECT")]
    NoSuchProtocol,
    /// `503`: too many connections.
    #[error("too many connections")]
    Unavailable,
}

impl From<UnknownChannel> for Rejection {
    fn from(error: UnknownChannel) -> Self {
        Self::NoSuchChannel(error.to_string())
    }
}

impl Rejection {
    /// The answer to a request of this version.
    pub fn to_response(&self, version: Version) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(format!("{self}\n")));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        headers.insert(CACHE_CONTROL, NO_STORE);
        for (name, value) in self.headers(version) {
            headers.append(name, HeaderValue::from_static(value));
        }
        response
    }

    /// Whether the connection is closed with it.
    pub(super) fn closes(&self) -> bool {
        matches!(self, Self::TimedOut | Self::BodyTooLarge { .. } | Self::Unavailable)
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::NotFound | Self::NoSuchChannel(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::Gone(_) => StatusCode::GONE,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotWebSocket => StatusCode::UPGRADE_REQUIRED,
            Self::NoSuchProtocol => StatusCode::NOT_IMPLEMENTED,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn headers(&self, version: Version) -> Vec<(HeaderName, &'static str)> {
        match self {
            Self::MethodNotAllowed { allow } => vec![(ALLOW, allow)],
            // HTTP/2 knows no header of a connection (RFC 9113 §8.2.2).
            Self::NotWebSocket if version == Version::HTTP_2 => vec![(SEC_WEBSOCKET_VERSION, "13")],
            _ if version == Version::HTTP_2 => Vec::new(),
            Self::NotWebSocket => {
                vec![(CONNECTION, "upgrade"), (UPGRADE, "websocket"), (SEC_WEBSOCKET_VERSION, "13")]
            }
            _ if self.closes() => vec![(CONNECTION, "close")],
            _ => Vec::new(),
        }
    }
}

/// Bytes that follow the prepared ones of a [`Head`]: the length, and the date.
const ROOM: usize = 96;

thread_local! {
    /// The second since 1970 that was written last, and how it is written (RFC 9110 §5.6.7).
    static DATE: RefCell<(u64, String)> = RefCell::default();
}

/// An answer's status line and its header fields but for its length, the connection's, and the date: what is always the same
/// is written down once.
#[derive(Debug, Clone)]
pub struct Head(Vec<u8>);

/// How the end of an answer's body is marked (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// It has none.
    NoBody,
    Bytes(usize),
    Chunked,
}

impl Head {
    /// The head of this response.
    pub fn new<B>(response: &Response<B>) -> Self {
        let mut bytes = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
        for (name, value) in response.headers() {
            bytes.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        Self(bytes)
    }

    /// The whole of it, in hyper's order; `is_last` says that the connection closes behind this answer.
    pub(super) fn complete(&self, length: Length, is_last: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() + ROOM);
        out.extend_from_slice(&self.0);
        if is_last {
            out.extend_from_slice(b"connection: close\r\n");
        }
        match length {
            Length::NoBody => {}
            Length::Bytes(len) => write!(out, "content-length: {len}\r\n").expect("memory takes everything"),
            Length::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        }
        out.extend_from_slice(b"date: ");
        push_date(&mut out, SystemTime::now());
        out.extend_from_slice(b"\r\n\r\n");
        out
    }
}

fn push_date(out: &mut Vec<u8>, now: SystemTime) {
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    DATE.with_borrow_mut(|(written, text)| {
        if *written != second {
            *written = second;
            *text = HttpDate::from(UNIX_EPOCH + Duration::from_secs(second)).to_string();
        }
        out.extend_from_slice(text.as_bytes());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_of_the_second() {
        let at = |second: u64| {
            let mut out = Vec::new();
            push_date(&mut out, UNIX_EPOCH + Duration::from_millis(second * 1_000 + 999));
            String::from_utf8(out).unwrap()
        };
        // RFC 9110 §5.6.7 has this example.
        assert_eq!(at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at(784_111_778), "Sun, 06 Nov 1994 08:49:38 GMT");
    }

    #[test]
    fn a_head_tells_its_length_and_whether_it_is_the_last() {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let head = Head::new(&response);
        let text = |length, is_last| {
            let bytes = head.complete(length, is_last);
            let text = String::from_utf8(bytes).unwrap();
            text[..text.find("date: ").unwrap()].to_owned()
        };
        assert_eq!(text(Length::NoBody, false), "HTTP/1.1 204 No Content\r\n");
        assert_eq!(
            text(Length::Bytes(7), true),
            "HTTP/1.1 204 No Content\r\nconnection: close\r\ncontent-length: 7\r\n"
        );
        assert_eq!(text(Length::Chunked, false), "HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n");
    }
}

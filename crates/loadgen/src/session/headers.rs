//! Request headers by profile: the only place that defines what a client sends about itself.
//!
//! The browser's are what Chromium 156.0.8078.79 (Debian 12, captured on 2026-11-22 and 23 on a loopback socket) sent
//! to its own origin for `fetch()`, `fetch()` with a JSON body, `EventSource`, `WebSocket`, and for the polls and posts of
//! socket.io-client 4.8.4 (`XMLHttpRequest`): names, values and order, with the user agent that the same browser has
//! with a window (`Chrome/`, not `HeadlessChrome/`). Names are lower case here: HTTP does not mind, and the bytes are
//! as many. What depends on the message is added by the sender:
//! `content-length`, `sec-websocket-key`, `if-none-match`.

use std::net::SocketAddr;

use hyper::HeaderMap;
use hyper::header::{
    ACCEPT_ENCODING, CONNECTION, COOKIE, HOST, HeaderName, HeaderValue, ORIGIN, REFERER,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use model::settings::{Compression, HeaderProfile, HttpVersion, Transport};

/// Bytes of the session cookie's value.
pub const COOKIE_BYTES: usize = 1_024;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// A poll, short or long: `fetch()`.
    Poll,
    /// A response that never ends, read by `fetch()`.
    Stream,
    /// A response that never ends, read by `EventSource`.
    EventSource,
    /// The handshake of a WebSocket.
    WebSocket,
    /// A message of the client's own: `fetch()` with a body of JSON.
    Post,
    /// A poll of Engine.IO: `XMLHttpRequest`.
    EnginePoll,
    /// What a client of Engine.IO posts: `XMLHttpRequest` with a body of text.
    EnginePost,
}

impl RequestKind {
    /// All kinds, in the order of their declaration.
    const ALL: [Self; 7] = {
        use RequestKind::*;
        [Poll, Stream, EventSource, WebSocket, Post, EnginePoll, EnginePost]
    };
    /// How many of them subscribe: the first ones.
    const SUBSCRIBING: usize = 4;

    /// Whether the answer is a response that never ends.
    pub(crate) fn is_stream(self) -> bool {
        matches!(self, Self::Stream | Self::EventSource)
    }

    /// Whether the answer's body may be compressed.
    fn has_content(self) -> bool {
        matches!(self, Self::Poll | Self::Stream | Self::EventSource)
    }
}

/// The headers of every kind of request by the trial's profile, made once.
#[derive(Debug)]
pub(crate) struct RequestHeaders([HeaderMap; RequestKind::ALL.len()]);

impl RequestHeaders {
    pub(crate) fn new(profile: HeaderProfile, transport: &Transport, address: SocketAddr) -> Self {
        Self(RequestKind::ALL.map(|kind| headers(profile, kind, transport, address)))
    }

    /// Adds these fields to all requests that subscribe; a field whose value is empty is removed instead.
    pub(crate) fn with<'a>(mut self, fields: impl Iterator<Item = (&'a String, &'a String)>) -> Self {
        for (name, value) in fields {
            // The reader of a target's file has rejected invalid names and values.
            let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
                continue;
            };
            for headers in &mut self.0[..RequestKind::SUBSCRIBING] {
                if value.is_empty() {
                    headers.remove(&name);
                } else {
                    headers.insert(name.clone(), value.clone());
                }
            }
        }
        self
    }

    pub(crate) fn of(&self, kind: RequestKind) -> &HeaderMap {
        &self.0[kind as usize]
    }
}

/// The server's origin (RFC 6454 §7).
pub fn origin(transport: &Transport, address: SocketAddr) -> String {
    let scheme = if transport.tls { "https" } else { "http" };
    format!("{scheme}://{address}")
}

/// The headers of a request to `address`, in the order in which they are sent.
///
/// On HTTP/2, what is about the connection is left out (RFC 9113 §8.2.2), and so is `host`, which `:authority` stands
/// for (§8.3.1). What a browser adds there (`priority`) was not captured and is not sent.
pub fn headers(
    profile: HeaderProfile,
    kind: RequestKind,
    transport: &Transport,
    address: SocketAddr,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, value(&address.to_string()));
    match profile {
        HeaderProfile::Minimal => add_demanded(&mut headers, kind, transport),
        HeaderProfile::Browser | HeaderProfile::BrowserSession => {
            add_browser(&mut headers, kind, &origin(transport, address));
        }
    }
    if profile == HeaderProfile::BrowserSession {
        headers.insert(COOKIE, value(&session_cookie()));
    }
    match transport.http {
        HttpVersion::Http1 => headers,
        HttpVersion::Http2 => of_the_request_alone(&headers),
    }
}

/// Without what HTTP/2 has no place for, in the same order.
fn of_the_request_alone(headers: &HeaderMap) -> HeaderMap {
    let about_connection = [HOST, CONNECTION, UPGRADE];
    let kept = headers.iter().filter(|(name, _)| !about_connection.contains(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What RFC 6455 §4.1 demands of a handshake; HTTP/1.1 demands nothing but `host`. Who wants compressed content has to
/// say so (RFC 9110 §12.5.3).
fn add_demanded(headers: &mut HeaderMap, kind: RequestKind, transport: &Transport) {
    if transport.compression == Compression::Deflate && kind.has_content() {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if kind == RequestKind::WebSocket {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
}

fn add_browser(headers: &mut HeaderMap, kind: RequestKind, origin: &str) {
    let (own, shared) = browser(kind);
    for &(name, text) in own.iter().chain(shared) {
        let name = HeaderName::from_static(name);
        let text = match name {
            ORIGIN => value(origin),
            REFERER => value(&format!("{origin}/")),
            _ => HeaderValue::from_static(text),
        };
        headers.insert(name, text);
    }
}

/// A session identifier, as long as session cookies with signed content are.
fn session_cookie() -> String {
    let name = "session=";
    let token = "abcdefghijklmnopqrstuvwxyz0123456789".chars().cycle();
    name.chars().chain(token).take(COOKIE_BYTES).collect()
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).expect("addresses, origins and the cookie are visible ASCII")
}

type Field = (&'static str, &'static str);

/// Its value is made of the address.
const OF_ADDRESS: &str = "";
const USER_AGENT: Field = (
    "user-agent",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
);
const BRANDS: Field = ("sec-ch-ua", "\"Not:A-Brand\";v=\"8\", \"Chromium\";v=\"156\"");
const MOBILE: Field = ("sec-ch-ua-mobile", "?0");
const PLATFORM: Field = ("sec-ch-ua-platform", "\"Linux\"");
const KEEP_ALIVE: Field = ("connection", "keep-alive");
const ANYTHING: Field = ("accept", "*/*");
const PRAGMA: Field = ("pragma", "no-cache");
const NO_CACHE: Field = ("cache-control", "no-cache");
const FROM_ORIGIN: Field = ("origin", OF_ADDRESS);
const SAME_ORIGIN: Field = ("sec-fetch-site", "same-origin");
const CORS: Field = ("sec-fetch-mode", "cors");
const EMPTY: Field = ("sec-fetch-dest", "empty");
const REFERRER: Field = ("referer", OF_ADDRESS);
const ENCODINGS: Field = ("accept-encoding", "gzip, deflate, br, zstd");
const LANGUAGES: Field = ("accept-language", "en-US,en;q=0.9");

/// What ends the requests that the page's own scripts send.
const OF_SCRIPT: &[Field] = &[SAME_ORIGIN, CORS, EMPTY, REFERRER, ENCODINGS, LANGUAGES];

/// What follows `host`: the fields of this kind of request, and those that it shares with others.
fn browser(kind: RequestKind) -> (&'static [Field], &'static [Field]) {
    match kind {
        RequestKind::Poll | RequestKind::Stream => {
            (&[KEEP_ALIVE, PLATFORM, USER_AGENT, BRANDS, MOBILE, ANYTHING], OF_SCRIPT)
        }
        RequestKind::EventSource => {
            const ACCEPT: Field = ("accept", "text/event-stream");
            (&[KEEP_ALIVE, PRAGMA, NO_CACHE, PLATFORM, USER_AGENT, ACCEPT, BRANDS, MOBILE], OF_SCRIPT)
        }
        RequestKind::WebSocket => (
            &[
                ("connection", "Upgrade"),
                PRAGMA,
                NO_CACHE,
                USER_AGENT,
                ("upgrade", "websocket"),
                FROM_ORIGIN,
                ("sec-websocket-version", "13"),
                ENCODINGS,
                LANGUAGES,
                ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"),
            ],
            &[],
        ),
        RequestKind::Post => {
            const JSON: Field = ("content-type", "application/json");
            (&[KEEP_ALIVE, PLATFORM, USER_AGENT, BRANDS, JSON, MOBILE, ANYTHING, FROM_ORIGIN], OF_SCRIPT)
        }
        RequestKind::EnginePoll => (&[KEEP_ALIVE, PLATFORM, USER_AGENT, ANYTHING, BRANDS, MOBILE], OF_SCRIPT),
        RequestKind::EnginePost => {
            const TEXT: Field = ("content-type", "text/plain;charset=UTF-8");
            (&[KEEP_ALIVE, PLATFORM, USER_AGENT, ANYTHING, BRANDS, TEXT, MOBILE, FROM_ORIGIN], OF_SCRIPT)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 59871))
    }

    fn text(profile: HeaderProfile, kind: RequestKind) -> String {
        text_of(&headers(profile, kind, &Transport::default(), address()))
    }

    fn text_of(headers: &HeaderMap) -> String {
        headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect()
    }

    #[test]
    fn the_minimal_profile_says_what_the_protocol_demands() {
        for kind in RequestKind::ALL.into_iter().filter(|&kind| kind != RequestKind::WebSocket) {
            assert_eq!(text(HeaderProfile::Minimal, kind), "host: 127.0.0.1:59871\n");
        }
        assert_eq!(
            text(HeaderProfile::Minimal, RequestKind::WebSocket),
            "host: 127.0.0.1:59871\nconnection: Upgrade\nupgrade: websocket\nsec-websocket-version: 13\n"
        );
    }

    #[test]
    fn the_browser_profile_is_what_chromium_sent() {
        assert_eq!(
            text(HeaderProfile::Browser, RequestKind::EventSource),
            r#"host: 127.0.0.1:59871
connection: keep-alive
pragma: no-cache
cache-control: no-cache
sec-ch-ua-platform: "Linux"
user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36
accept: text/event-stream
sec-ch-ua: "Not:A-Brand";v="8", "Chromium";v="156"
sec-ch-ua-mobile: ?0
sec-fetch-site: same-origin
sec-fetch-mode: cors
sec-fetch-dest: empty
referer: http://127.0.0.1:59871/
accept-encoding: gzip, deflate, br, zstd
accept-language: en-US,en;q=0.9
"#
        );
        // Of what was captured for the others: all header lines, less the key, the content's length and `Headless`.
        for (kind, bytes) in [
            (RequestKind::Poll, 448),
            (RequestKind::Post, 510),
            (RequestKind::WebSocket, 415),
            (RequestKind::EnginePoll, 448),
            (RequestKind::EnginePost, 518),
        ] {
            assert_eq!(text(HeaderProfile::Browser, kind).len(), bytes, "{kind:?}");
        }
    }

    #[test]
    fn a_session_adds_a_cookie_of_1024_bytes_and_nothing_else() {
        for kind in RequestKind::ALL {
            let transport = Transport::default();
            let mut with = headers(HeaderProfile::BrowserSession, kind, &transport, address());
            assert_eq!(with.remove(COOKIE).unwrap().len(), 1_024);
            assert_eq!(with, headers(HeaderProfile::Browser, kind, &transport, address()));
        }
    }

    #[test]
    fn http_2_leaves_out_what_is_about_the_connection() {
        let transport = Transport { http: HttpVersion::Http2, tls: true, ..Transport::default() };
        let first_version = Transport { http: HttpVersion::Http1, ..transport.clone() };
        for kind in RequestKind::ALL {
            let of = |transport| headers(HeaderProfile::Browser, kind, transport, address());
            let (second, mut first) = (of(&transport), of(&first_version));
            for name in [HOST, CONNECTION, UPGRADE] {
                first.remove(name);
            }
            assert_eq!(second, first, "{kind:?}");
            assert!(second.get(ORIGIN).is_none_or(|origin| origin == "https://127.0.0.1:59871"));
        }
        let minimal = headers(HeaderProfile::Minimal, RequestKind::WebSocket, &transport, address());
        assert_eq!(text_of(&minimal), "sec-websocket-version: 13\n");
    }

    #[test]
    fn accept_encoding_is_sent_where_content_may_be_compressed() {
        let transport = Transport { compression: Compression::Deflate, ..Transport::default() };
        for kind in RequestKind::ALL {
            let minimal = headers(HeaderProfile::Minimal, kind, &transport, address());
            let says_so = minimal.get(ACCEPT_ENCODING).is_some_and(|coding| coding == "gzip");
            assert_eq!(says_so, kind.has_content(), "{kind:?}");
        }
    }
}

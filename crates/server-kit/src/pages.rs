//! Pages beside a technique: a few files, and the server's clock.
//!
//! The pages are cross-origin isolated (WHATWG HTML, COOP and COEP), which is what a browser's clock needs in order to be
//! fine: `performance.now()` steps by 5 µs in Chromium then, and by 100 µs otherwise.

use std::collections::BTreeMap;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};

use crate::http::{NO_STORE, Rejection};

/// Where the clock is asked: nanoseconds of `CLOCK_MONOTONIC` in decimal digits.
pub const CLOCK: &str = "/clock";

/// What makes a document cross-origin isolated, and lets it load what comes from here.
const ISOLATED: [(&str, &str); 3] = [
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// A file of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// Where it is served, such as `/` or `/bench/main.js`.
    pub path: &'static str,
    /// What it is, as `content-type`.
    pub media_type: &'static str,
    /// Its bytes.
    pub body: &'static [u8],
}

/// The files by their paths.
#[derive(Debug, Clone, Default)]
pub struct Pages(BTreeMap<&'static str, File>);

impl Pages {
    /// Serves these; of two with the same path, the later one.
    pub fn new(files: impl IntoIterator<Item = File>) -> Self {
        Self(files.into_iter().map(|file| (file.path, file)).collect())
    }

    /// The answer to a request, if it is one for a page or the clock.
    pub(crate) fn answer(
        &self,
        method: &Method,
        path: &str,
    ) -> Option<Result<Response<Full<Bytes>>, Rejection>> {
        let known = path == CLOCK || self.0.contains_key(path);
        if known && method != Method::GET {
            return Some(Err(Rejection::MethodNotAllowed { allow: "GET" }));
        }
        if path == CLOCK {
            return Some(Ok(response("text/plain", Bytes::from(now_ns().to_string()))));
        }
        self.0.get(path).map(|file| Ok(response(file.media_type, Bytes::from_static(file.body))))
    }
}

fn response(media_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, NO_STORE);
    for (name, value) in ISOLATED {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages() -> Pages {
        Pages::new([File { path: "/", media_type: "text/html; charset=utf-8", body: b"<p>" }])
    }

    #[test]
    fn a_page_is_cross_origin_isolated_and_never_kept() {
        let answer = pages().answer(&Method::GET, "/").unwrap().unwrap_or_else(|_| panic!("rejected"));
        let header = |name: &str| answer.headers()[name].to_str().unwrap();
        assert_eq!(header("content-type"), "text/html; charset=utf-8");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(header("cross-origin-embedder-policy"), "require-corp");
        assert_eq!(header("cache-control"), "no-store");
    }

    #[test]
    fn only_pages_and_the_clock_are_answered() {
        assert!(pages().answer(&Method::GET, "/events").is_none());
        assert!(pages().answer(&Method::GET, CLOCK).is_some());
        let rejected = pages().answer(&Method::POST, "/").unwrap();
        assert!(matches!(rejected, Err(Rejection::MethodNotAllowed { allow: "GET" })));
    }
}

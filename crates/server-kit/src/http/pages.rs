//! Serves pages, and the server's clock for them.
//!
//! The pages are cross-origin isolated (WHATWG HTML, COOP and COEP). A browser's clock is only fine then: `performance.now()`
//! steps by 5 µs in Chromium, and by 100 µs otherwise.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};

use super::response::{NO_STORE, Rejection};
use crate::settings::{CLOCK, Pages};

/// What makes a document cross-origin isolated, and lets it load what comes from here.
const ISOLATED: [(&str, &str); 3] = [
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// The answer to a request, if it is one for a page or the clock.
pub(super) fn answer(
    pages: &Pages,
    method: &Method,
    path: &str,
) -> Option<Result<Response<Full<Bytes>>, Rejection>> {
    let known = path == CLOCK || pages.find(path).is_some();
    if known && method != Method::GET {
        return Some(Err(Rejection::MethodNotAllowed { allow: "GET" }));
    }
    if path == CLOCK {
        return Some(Ok(response("text/plain", Bytes::from(now_ns().to_string()))));
    }
    pages.find(path).map(|file| Ok(response(file.media_type, Bytes::from_static(file.body))))
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
    use crate::settings::File;

    fn pages() -> Pages {
        Pages::new([File { path: "/", media_type: "text/html; charset=utf-8", body: b"<p>" }])
    }

    #[test]
    fn a_page_is_cross_origin_isolated_and_never_kept() {
        let answer = answer(&pages(), &Method::GET, "/").unwrap().unwrap_or_else(|_| panic!("rejected"));
        let header = |name: &str| answer.headers()[name].to_str().unwrap();
        assert_eq!(header("content-type"), "text/html; charset=utf-8");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(header("cross-origin-embedder-policy"), "require-corp");
        assert_eq!(header("cache-control"), "no-store");
    }

    #[test]
    fn only_pages_and_the_clock_are_answered() {
        assert!(answer(&pages(), &Method::GET, "/events").is_none());
        assert!(answer(&pages(), &Method::GET, CLOCK).is_some());
        let rejected = answer(&pages(), &Method::POST, "/").unwrap();
        assert!(matches!(rejected, Err(Rejection::MethodNotAllowed { allow: "GET" })));
    }
}

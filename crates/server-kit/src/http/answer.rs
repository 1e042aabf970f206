//! Small and fixed response heads, since every byte of them is part of the result.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use protocol::Resume;

use super::Rejection;
use crate::gzip::Encoding;

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

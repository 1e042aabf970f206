//! The opening handshake: an upgrade on HTTP/1.1 (RFC 6455 §4.2), an extended CONNECT on HTTP/2 (RFC 8441 §5); on
//! either, what is agreed on about compression (RFC 7692 §7.1).

use bytes::Bytes;
use http_body_util::Empty;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Method, Request, Response, StatusCode, Version};
use protocol::deflate::Agreement;
use server_kit::http::Rejection;
use server_kit::settings::Compression;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// A key is 16 bytes in base64.
const KEY_LEN: usize = 24;

/// The answer to a handshake, and how both sides compress from then on, if they do.
///
/// # Errors
///
/// [`Rejection::NotWebSocket`] when it asks for something else; [`Rejection::BadRequest`] when its key is none.
pub(crate) fn accept<B>(
    request: &Request<B>,
    compression: Compression,
) -> Result<(Response<Empty<Bytes>>, Option<Agreement>), Rejection> {
    let mut response = match request.version() {
        Version::HTTP_2 => accept_stream(request)?,
        _ => accept_upgrade(request.headers())?,
    };
    let agreed = match compression {
        Compression::None => None,
        Compression::Deflate => Agreement::answer(&offers(request.headers())),
    };
    let agreement = agreed.map(|(agreement, answer)| {
        let answer = HeaderValue::try_from(answer).expect("names and numbers make a header value");
        response.headers_mut().insert(SEC_WEBSOCKET_EXTENSIONS, answer);
        agreement
    });
    Ok((response, agreement))
}

fn accept_upgrade(headers: &HeaderMap) -> Result<Response<Empty<Bytes>>, Rejection> {
    let asked = names(headers, &CONNECTION, "upgrade") && names(headers, &UPGRADE, "websocket");
    if !asked || !is_version_13(headers) {
        return Err(Rejection::NotWebSocket);
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| is_key(key.as_bytes()));
    let key =
        key.ok_or_else(|| Rejection::BadRequest("sec-websocket-key is not 16 bytes in base64".into()))?;
    let accept =
        HeaderValue::try_from(derive_accept_key(key.as_bytes())).expect("base64 makes a header value");
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// `:protocol` stands for upgrade and connection, and was looked at when the request was routed here; there is no key,
/// and a 200 is the answer.
fn accept_stream<B>(request: &Request<B>) -> Result<Response<Empty<Bytes>>, Rejection> {
    if request.method() != Method::CONNECT || !is_version_13(request.headers()) {
        return Err(Rejection::NotWebSocket);
    }
    Ok(Response::new(Empty::new()))
}

fn is_version_13(headers: &HeaderMap) -> bool {
    headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13")
}

/// The extensions that are offered, as one list (RFC 6455 §9.1).
fn offers(headers: &HeaderMap) -> String {
    values(headers, &SEC_WEBSOCKET_EXTENSIONS).collect::<Vec<_>>().join(",")
}

/// Whether a header's comma-separated list holds this token, in whatever case.
fn names(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    values(headers, name)
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}

fn is_key(key: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == KEY_LEN && key.ends_with(b"==") && key[..KEY_LEN - 2].iter().all(digit)
}

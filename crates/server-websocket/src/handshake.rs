//! The opening handshake (RFC 6455 §4.2).

use bytes::Bytes;
use http_body_util::Empty;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Response, StatusCode};
use server_kit::http::Refusal;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// A key is 16 bytes in base64.
const KEY_LEN: usize = 24;

/// The answer to a handshake.
///
/// # Errors
///
/// [`Refusal::NotWebSocket`] when it asks for something else; [`Refusal::BadRequest`] when its key is none.
pub(crate) fn accept(headers: &HeaderMap) -> Result<Response<Empty<Bytes>>, Refusal> {
    let asked = names(headers, &CONNECTION, "upgrade")
        && names(headers, &UPGRADE, "websocket")
        && headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    if !asked {
        return Err(Refusal::NotWebSocket);
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| is_key(key.as_bytes()));
    let key = key.ok_or_else(|| Refusal::BadRequest("sec-websocket-key is not 16 bytes in base64".into()))?;
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

/// Whether a header's comma-separated list holds this token, in whatever case.
fn names(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}

fn is_key(key: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == KEY_LEN && key.ends_with(b"==") && key[..KEY_LEN - 2].iter().all(digit)
}

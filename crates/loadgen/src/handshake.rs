//! What a WebSocket's opening handshake must hold (RFC 6455 §4.1), for subscribers and for the publisher.

use bytes::{Buf, BytesMut};
use hyper::StatusCode;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::{ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;

/// The longest head of an answer that is taken.
const HEAD_LIMIT: usize = 64 * 1024;

/// Takes the head of the server's answer from what was read; none as long as it is not whole.
/// Fails when it is too long or no HTTP/1.1.
pub(crate) fn take_answer(read: &mut BytesMut) -> Result<Option<Response>, Error> {
    while let Some((len, answer)) = Response::try_parse(read)? {
        read.advance(len);
        // Others may come before the final one (RFC 9110 §15.2).
        let is_interim = answer.status().is_informational();
        if !is_interim || answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Some(answer));
        }
    }
    if read.len() > HEAD_LIMIT { Err(Error::Protocol(ProtocolError::HandshakeIncomplete)) } else { Ok(None) }
}

/// Checks that the server took the upgrade.
pub(crate) fn check(headers: &HeaderMap, key: &str) -> Result<(), Error> {
    let field = |name: HeaderName| headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
    let missing = if !field(UPGRADE).eq_ignore_ascii_case(b"websocket") {
        ProtocolError::MissingUpgradeWebSocketHeader
    } else if !tokens(headers, CONNECTION).any(|token| token.eq_ignore_ascii_case(b"upgrade")) {
        ProtocolError::MissingConnectionUpgradeHeader
    } else if field(SEC_WEBSOCKET_ACCEPT) != derive_accept_key(key.as_bytes()).as_bytes() {
        ProtocolError::SecWebSocketAcceptKeyMismatch
    } else {
        return Ok(());
    };
    Err(Error::Protocol(missing))
}

/// Checks that the server chose no other subprotocol than one that was asked for.
pub(crate) fn check_subprotocol(asked: &HeaderMap, answer: &HeaderMap) -> Result<(), Error> {
    let is_asked = |chosen| tokens(asked, SEC_WEBSOCKET_PROTOCOL).any(|offered| offered == chosen);
    if tokens(answer, SEC_WEBSOCKET_PROTOCOL).all(is_asked) {
        return Ok(());
    }
    let error = if asked.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        SubProtocolError::InvalidSubProtocol
    } else {
        SubProtocolError::ServerSentSubProtocolNoneRequested
    };
    Err(Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(error)))
}

/// The elements of a field that is a list, in one line or in several (RFC 9110 §5.6.1).
fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(name).into_iter();
    lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b',')).map(<[u8]>::trim_ascii)
}

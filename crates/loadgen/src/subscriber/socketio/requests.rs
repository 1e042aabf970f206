//! What is asked for: the targets and fields of polls, posts and the WebSocket handshake.

use std::fmt::Write as _;
use std::iter::repeat_with;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request};
use protocol::engine_io::VERSION;
use protocol::paths::SOCKETIO;

use crate::http_client::RequestBase;
use crate::session::Session;
use crate::session::headers::RequestKind;
use crate::subscriber::SubscribeError;

/// Characters of the value that keeps a browser from answering a poll out of its cache.
const CACHE_BUSTER: usize = 8;

pub(super) struct EngineRequests {
    base: RequestBase,
    /// `&sid=…`; nothing before the server has given the session an id.
    sid: String,
}

impl EngineRequests {
    pub(super) fn polls(session: &Session) -> Self {
        Self { base: RequestBase::new(session, Method::GET, RequestKind::EnginePoll), sid: String::new() }
    }

    pub(super) fn posts(session: &Session) -> Self {
        Self { base: RequestBase::new(session, Method::POST, RequestKind::EnginePost), sid: String::new() }
    }

    /// From now on, requests are of this session.
    pub(super) fn name(&mut self, sid: &str) {
        self.sid = format!("&sid={}", escape(sid));
    }

    /// The next request; each is another for a cache.
    pub(super) fn next(&self, body: Bytes) -> Result<Request<Full<Bytes>>, SubscribeError> {
        let (value, sid) = (cache_buster(), &self.sid);
        let target = format!("{SOCKETIO}?EIO={VERSION}&transport=polling&t={value}{sid}");
        Ok(self.base.request(self.base.uri(&target)?, body))
    }
}

/// The target of the WebSocket handshake, of a session that is there already or of a new one.
pub(super) fn websocket_target(sid: Option<&str>) -> String {
    let sid = sid.map(|sid| format!("&sid={}", escape(sid))).unwrap_or_default();
    format!("{SOCKETIO}?EIO={VERSION}&transport=websocket{sid}")
}

/// As long as the official client's, and of the same characters: five of the time and three random ones, base 36.
fn cache_buster() -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    repeat_with(|| char::from(DIGITS[fastrand::usize(..DIGITS.len())])).take(CACHE_BUSTER).collect()
}

/// As `encodeURIComponent` has it (ECMA-262, "URI Handling Functions").
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_cannot_leave_its_place_in_the_query() {
        assert_eq!(websocket_target(None), "/socket.io/?EIO=4&transport=websocket");
        assert_eq!(
            websocket_target(Some("lv_VI97HAXpY6yYWAAAC")),
            "/socket.io/?EIO=4&transport=websocket&sid=lv_VI97HAXpY6yYWAAAC"
        );
        assert!(websocket_target(Some("a&b=\r\n #é")).ends_with("&sid=a%26b%3D%0D%0A%20%23%C3%A9"));
    }

    #[test]
    fn a_cache_buster_is_as_long_as_the_official_clients() {
        let one = cache_buster();
        assert!(one.len() == 8 && one.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()));
        assert_ne!(one, cache_buster());
    }
}

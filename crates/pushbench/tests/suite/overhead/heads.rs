//! The heads of requests and answers, literally. A date is as long as any other.

use std::net::SocketAddr;

/// The answer to RFC 6455 §1.3's key, as long as to any other.
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A GET with the minimal profile.
pub(crate) fn get(target: &str, address: SocketAddr) -> u64 {
    len(&format!("GET {target} HTTP/1.1\r\nhost: {address}\r\n\r\n"))
}

/// A POST with the minimal profile.
pub(crate) fn post(target: &str, address: SocketAddr, content_length: u64) -> u64 {
    len(&format!("POST {target} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {content_length}\r\n\r\n"))
}

/// The answer to a poll that finds something.
pub(crate) fn found(content_length: u64) -> u64 {
    len(&format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncache-control: no-store\r\n\
         content-length: {content_length}\r\ndate: Sun, 22 Nov 2026 18:47:06 GMT\r\n\r\n"
    ))
}

/// The answer to a poll that finds nothing, and to a POST.
pub(crate) fn no_content() -> u64 {
    len("HTTP/1.1 204 No Content\r\ncache-control: no-store\r\ndate: Sun, 22 Nov 2026 18:47:06 GMT\r\n\r\n")
}

/// The start of a response that never ends.
pub(crate) fn stream(media_type: &str) -> u64 {
    len(&format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncache-control: no-store\r\n\
         transfer-encoding: chunked\r\ndate: Sun, 22 Nov 2026 18:47:06 GMT\r\n\r\n"
    ))
}

/// The request for an upgrade, with the minimal profile.
pub(crate) fn upgrade(target: &str, address: SocketAddr) -> u64 {
    len(&format!(
        "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ))
}

/// The answer that grants it.
pub(crate) fn upgraded() -> u64 {
    len(&format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {ACCEPT}\r\ndate: Sun, 22 Nov 2026 18:47:06 GMT\r\n\r\n"
    ))
}

fn len(text: &str) -> u64 {
    text.len() as u64
}

//! The heads of requests and answers, literally. A date is as long as any other, and so is a key.

use std::net::SocketAddr;

use test_support::http::{self, NOTHING};
use test_support::server::DATE;
use test_support::websocket::{ACCEPT, KEY, handshake};

/// A GET with the minimal profile.
pub(crate) fn get(target: &str, address: SocketAddr) -> u64 {
    to(address, &http::get(target))
}

/// A POST with the minimal profile.
pub(crate) fn post(target: &str, address: SocketAddr, content_length: u64) -> u64 {
    let body = "x".repeat(content_length as usize);
    to(address, &String::from_utf8_lossy(&http::post(target, &body))) - content_length
}

/// The answer to a poll that finds something.
pub(crate) fn found(content_length: u64) -> u64 {
    len(&http::lines(&"x".repeat(content_length as usize))) - content_length
}

/// The answer to a poll that finds nothing, and to a POST.
pub(crate) fn no_content() -> u64 {
    len(NOTHING)
}

/// The start of a response that never ends.
pub(crate) fn stream(media_type: &str) -> u64 {
    len(&format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncache-control: no-store\r\n\
         transfer-encoding: chunked\r\ndate: {DATE}\r\n\r\n"
    ))
}

/// The request for an upgrade, with the minimal profile.
pub(crate) fn upgrade(target: &str, address: SocketAddr) -> u64 {
    to(address, &handshake(target, KEY))
}

/// The answer that grants it.
pub(crate) fn upgraded() -> u64 {
    len(&format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {ACCEPT}\r\ndate: {DATE}\r\n\r\n"
    ))
}

/// Bytes of a request to this address.
fn to(address: SocketAddr, request: &str) -> u64 {
    len(&request.replacen("host: x", &format!("host: {address}"), 1))
}

fn len(text: &str) -> u64 {
    text.len() as u64
}

//! Literal requests and replies of HTTP/1.1. `date` is [`DATE`].

use crate::server::DATE;

/// The reply when there is nothing.
pub const NOTHING: &str =
    "HTTP/1.1 204 No Content\r\ncache-control: no-store\r\ndate: *****************************\r\n\r\n";

/// A request without a body.
pub fn get(target: &str) -> String {
    get_with(target, "")
}

/// The same with these header fields, each with the end of its line.
pub fn get_with(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: x\r\n{fields}\r\n")
}

/// A request with a body.
pub fn post(target: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A reply with this status, these header fields before its length, and this body.
pub fn reply(status: &str, fields: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{fields}content-length: {}\r\ndate: {DATE}\r\n\r\n{body}", body.len())
}

/// A reply with lines.
pub fn lines(body: &str) -> String {
    reply("200 OK", "content-type: application/x-ndjson\r\ncache-control: no-store\r\n", body)
}

/// The reply of such a status with the reason, and these header fields.
pub fn rejected(status: &str, fields: &str, reason: &str) -> String {
    let fields = format!("content-type: text/plain\r\ncache-control: no-store\r\n{fields}");
    reply(status, &fields, &format!("{reason}\n"))
}

/// The reply, which says that the connection closes behind it.
pub fn last(reply: &str) -> String {
    reply.replace("\r\ndate", "\r\nconnection: close\r\ndate")
}

/// A chunk of a body (RFC 9112 §7.1).
pub fn chunk(data: &str) -> String {
    format!("{:X}\r\n{data}\r\n", data.len())
}

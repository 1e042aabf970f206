//! Frames of HTTP/2 (RFC 9113) and header blocks (RFC 7541), written by hand.

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;
pub(crate) const PRIORITY_FLAG: u8 = 0x20;

/// `:method: GET`, `:scheme: http`, `:path: /`, all of the static table.
pub(crate) const GET: &[u8] = b"\x82\x86\x84";
/// `:method: POST`, `:scheme: http`, `:path: /`.
pub(crate) const POST: &[u8] = b"\x83\x86\x84";
/// `:method: HEAD`, not indexed, `:scheme: http`, `:path: /`.
pub(crate) const HEAD: &[u8] = b"\x02\x04HEAD\x86\x84";
/// `:method: CONNECT`, not indexed, `:protocol: websocket`, indexed, `:scheme: http`, `:path: /`.
pub(crate) const CONNECT: &[u8] = b"\x02\x07CONNECT\x40\x09:protocol\x09websocket\x86\x84";
/// `:method: GET`, `:scheme: http`, `:path: /socket.io/?sid=A`, not indexed.
pub(crate) const POLL_PACKETS: &[u8] = b"\x82\x86\x04\x11/socket.io/?sid=A";
/// The same by POST, the path in Huffman code, indexed.
pub(crate) const POST_PACKETS: &[u8] =
    b"\x83\x86\x44\x8d\x61\x07\x27\x52\xa5\x73\x1d\x8f\xf1\x06\x92\x08\x7f";
/// As `CONNECT`, to `/socket.io/`.
pub(crate) const CONNECT_PACKETS: &[u8] =
    b"\x02\x07CONNECT\x40\x09:protocol\x09websocket\x86\x04\x0b/socket.io/";
/// `:status: 200`.
pub(crate) const OK: &[u8] = b"\x88";
/// `:status: 204`.
pub(crate) const NO_CONTENT: &[u8] = b"\x89";
/// `:status: 304`.
pub(crate) const NOT_MODIFIED: &[u8] = b"\x8b";
/// `:status: 404`.
pub(crate) const NOT_FOUND: &[u8] = b"\x8d";
/// `:status: 103`, not indexed.
pub(crate) const EARLY_HINTS: &[u8] = b"\x08\x03103";
/// `:status: 200`, `content-type: application/x-ndjson`, indexed.
pub(crate) const LINES: &[u8] = b"\x88\x5f\x14application/x-ndjson";
/// `:status: 200` and the newest entry of the table.
pub(crate) const OK_AND_NEWEST: &[u8] = b"\x88\xbe";
/// `:status: 200`, `content-type: text/event-stream`, in Huffman code, indexed.
pub(crate) const EVENTS: &[u8] = b"\x88\x5f\x8c\x49\x7c\xa5\x82\xf7\x2d\x49\x59\x09\xb0\xa3\xa7";
/// `content-encoding: gzip`, in Huffman code, indexed.
pub(crate) const GZIP: &[u8] = b"\x5a\x83\x9b\xd9\xab";

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

pub(crate) fn headers(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, block)
}

pub(crate) fn last_headers(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, block)
}

pub(crate) fn data(stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(DATA, 0, stream, payload)
}

pub(crate) fn last_data(stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(DATA, END_STREAM, stream, payload)
}

pub(crate) fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, 8_u32.to_be_bytes())
}

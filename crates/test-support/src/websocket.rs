//! Literal WebSocket handshakes and frames (RFC 6455).

use crate::http::get_with;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// The standard's example of a key (§1.3).
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The answer to it.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A client's handshake with this key.
pub fn handshake(target: &str, key: &str) -> String {
    let upgrade = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n";
    get_with(target, &format!("{upgrade}sec-websocket-key: {key}\r\n"))
}

/// A client's text frame.
pub fn text(payload: impl AsRef<[u8]>) -> Vec<u8> {
    masked(0x81, payload)
}

/// A client's frame; `first` holds the final bit and the opcode.
pub fn masked(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut out = header(first, payload.len());
    out[1] |= 0x80;
    out.extend(MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

/// A server's frame.
pub fn unmasked(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    [&header(first, payload.len()), payload].concat()
}

/// A server's close frame.
pub fn close(code: u16, reason: &str) -> Vec<u8> {
    unmasked(0x88, [&code.to_be_bytes(), reason.as_bytes()].concat())
}

fn header(first: u8, len: usize) -> Vec<u8> {
    match len {
        ..126 => vec![first, len as u8],
        126..65_536 => [&[first, 126][..], &(len as u16).to_be_bytes()].concat(),
        _ => [&[first, 127][..], &(len as u64).to_be_bytes()].concat(),
    }
}

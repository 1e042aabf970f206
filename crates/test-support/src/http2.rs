//! The frames of an HTTP/2 connection (RFC 9113 §4), as bytes.

use tokio::io::{AsyncRead, AsyncWrite};

use crate::server::Peer;

/// Frame types (RFC 9113 §6).
pub const DATA: u8 = 0;
/// As [`DATA`].
pub const HEADERS: u8 = 1;
/// As [`DATA`].
pub const RST_STREAM: u8 = 3;
/// As [`DATA`].
pub const SETTINGS: u8 = 4;
/// As [`DATA`].
pub const PING: u8 = 6;
/// As [`DATA`].
pub const GOAWAY: u8 = 7;
/// As [`DATA`].
pub const CONTINUATION: u8 = 9;
/// The flag of a stream's last frame.
pub const END_STREAM: u8 = 1;
/// The flag of an answer to a SETTINGS or PING.
pub const ACK: u8 = 1;
/// The flag of a header block's last frame.
pub const END_HEADERS: u8 = 4;

/// `:status` 200, as the static table has it, or as a Huffman-coded literal (RFC 7541 §A, §B).
pub const OK: &[u8] = b"\x88";
/// `:status` 204.
pub const NO_CONTENT: &[u8] = b"\x89";
/// `:method`, from the static table (RFC 7541 §A).
pub const GET: u8 = 0x82;
/// As [`GET`].
pub const POST: u8 = 0x83;

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// The stream's number.
    pub stream: u32,
    /// What it holds.
    pub payload: Vec<u8>,
}

/// A frame's bytes.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The preface, and settings that change nothing.
pub fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, b"")].concat()
}

/// A header block (RFC 7541 §6): this method, `http`, this path as a literal of up to 126 bytes, and `x` as authority.
pub fn request_block(method: u8, path: &str) -> Vec<u8> {
    [&[method, 0x86, 0x04, path.len() as u8], path.as_bytes(), b"\x41\x01x"].concat()
}

/// A request without a body.
pub fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &request_block(GET, path))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// The next frame.
    pub async fn frame(&mut self) -> Frame {
        let head = self.take(9).await;
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Frame { kind: head[3], flags: head[4], stream, payload: self.take(len as usize).await }
    }

    /// The next frame of a request's stream.
    pub async fn stream_frame(&mut self) -> Frame {
        self.next(|frame| frame.stream != 0).await
    }

    /// The next frame of this type.
    pub async fn frame_of(&mut self, kind: u8) -> Frame {
        self.next(|frame| frame.kind == kind).await
    }

    /// The next frame that is wanted. Pings before it are answered.
    async fn next(&mut self, wanted: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            let next = self.frame().await;
            if wanted(&next) {
                return next;
            }
            if (next.kind, next.flags) == (PING, 0) {
                self.send(frame(PING, ACK, 0, &next.payload)).await;
            }
        }
    }

    /// The next frame of a stream is a header block whose status is coded so, and nothing comes behind it.
    pub async fn expect_answer(&mut self, stream: u32, status: &[u8]) {
        let frame = self.stream_frame().await;
        assert_eq!((frame.kind, frame.flags, frame.stream), (HEADERS, END_STREAM | END_HEADERS, stream));
        assert_eq!(&frame.payload[..status.len()], status);
    }

    /// The same, and data comes behind it.
    pub async fn expect_head(&mut self, stream: u32, status: &[u8]) {
        let frame = self.stream_frame().await;
        assert_eq!((frame.kind, frame.flags, frame.stream), (HEADERS, END_HEADERS, stream));
        assert_eq!(&frame.payload[..status.len()], status);
    }

    /// The next frame of a stream holds exactly these bytes.
    pub async fn expect_data(&mut self, stream: u32, flags: u8, bytes: impl AsRef<[u8]>) {
        let frame = self.stream_frame().await;
        assert_eq!((frame.kind, frame.flags, frame.stream), (DATA, flags, stream));
        assert_eq!(frame.payload.escape_ascii().to_string(), bytes.as_ref().escape_ascii().to_string());
    }
}

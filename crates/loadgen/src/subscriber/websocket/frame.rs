//! Frames (RFC 6455 §5.2) that are a message each, read where they lie and written as they go; a socket that sends and receives
//! messages, whichever library makes its frames; how a connection ends.

use std::io;
use std::ops::Range;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use protocol::websocket::{Header, Kind, LONGEST_HEADER, put_header};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::subscriber::{MESSAGE_LIMIT, SubscribeError};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum NextFrame {
    /// A message in one frame, which lacks at least this number of bytes.
    Partial(usize),
    /// The same, and where the message lies.
    Message(Kind, Range<usize>),
    /// Another frame, or one that is longer than what is taken: its header, and the length that it announces.
    Other { header: usize, len: u64 },
}

/// Looks at frames of a server.
pub(super) fn next_frame(bytes: &[u8]) -> NextFrame {
    let header = match Header::read(bytes) {
        Ok(header) => header,
        Err(missing) => return NextFrame::Partial(missing),
    };
    match (header.message(), usize::try_from(header.payload_len)) {
        (Some(kind), Ok(message)) if message <= MESSAGE_LIMIT && header.mask.is_none() => {
            let end = header.len + message;
            if bytes.len() < end {
                NextFrame::Partial(end - bytes.len())
            } else {
                NextFrame::Message(kind, header.len..end)
            }
        }
        _ => NextFrame::Other { header: header.len, len: header.payload_len },
    }
}

/// Whether the frame with this first byte is one of a message that goes on behind it; none for a control frame, which
/// changes nothing.
pub(super) fn goes_on(first: u8) -> Option<bool> {
    let is_control = first & 0x08 != 0;
    (!is_control).then_some(first & 0x80 == 0)
}

/// Appends `message` in one frame, masked by `key` as a client must.
pub(super) fn write(kind: Kind, message: &[u8], key: [u8; 4], out: &mut BytesMut) {
    out.reserve(LONGEST_HEADER + message.len());
    put_header(kind, message.len(), Some(key), out);
    let begin = out.len();
    out.put_slice(message);
    mask(&mut out[begin..], key);
}

fn mask(bytes: &mut [u8], key: [u8; 4]) {
    let word = u32::from_ne_bytes(key);
    let mut words = bytes.chunks_exact_mut(4);
    for four in &mut words {
        if let Ok(clear) = <[u8; 4]>::try_from(&*four) {
            four.copy_from_slice(&(u32::from_ne_bytes(clear) ^ word).to_ne_bytes());
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// How long a close may take, the server's own included.
pub(in crate::subscriber) const CLOSE_LIMIT: Duration = Duration::from_millis(500);
/// A normal close (RFC 6455 §7.4.1).
pub(super) const NORMAL: u16 = 1000;
/// The server goes away, which is no error of this subscriber's.
const AWAY: u16 = 1001;

/// A socket after its handshake, whichever library makes its frames.
pub(super) trait FrameSocket {
    type Stream: AsyncRead + AsyncWrite + Unpin;

    /// Waits for messages, and hands on all that are whole with one read of the stream. False at the connection's end.
    /// Pings and closes are answered on the way. Cancel-safe.
    async fn read(&mut self, take: impl FnMut(&[u8])) -> Result<bool, SubscribeError>;

    async fn send(&mut self, kind: Kind, message: &[u8]) -> Result<(), SubscribeError>;

    /// Sends a close frame with the code for a normal end.
    async fn close(&mut self) -> Result<(), SubscribeError>;

    fn into_stream(self) -> Self::Stream;
}

/// Ends this side, and reads what still comes, so that the connection is not reset.
pub(in crate::subscriber) async fn end(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    stream.shutdown().await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(())
}

/// The error that a close frame reports, if its code is that of one.
pub(super) fn close_result(code: u16, reason: &str) -> Result<(), SubscribeError> {
    match code {
        NORMAL | AWAY => Ok(()),
        _ => Err(SubscribeError::session_closed(format!("{reason} ({code})").as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(len: usize) -> Vec<u8> {
        protocol::websocket::encode(Kind::Text, &vec![b'x'; len]).to_vec()
    }

    #[test]
    fn a_message_in_one_frame_is_found_and_waited_for_at_any_cut() {
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            let whole = frame(len);
            let header = whole.len() - len;
            assert_eq!(next_frame(&whole), NextFrame::Message(Kind::Text, header..whole.len()));
            for cut in (0..whole.len()).filter(|cut| cut % 97 < 15) {
                let NextFrame::Partial(missing) = next_frame(&whole[..cut]) else { panic!("{cut} of {len}") };
                assert!((1..=whole.len() - cut).contains(&missing), "{cut} of {len}");
            }
        }
    }

    #[test]
    fn all_else_is_recognized_by_its_header_alone() {
        for (header, len) in [
            (&b"\x01\x05"[..], 5),
            (b"\x80\x05", 5),
            (b"\x89\x7d", 125),
            (b"\x88\x7e\x00\x80", 128),
            (b"\xc1\x03", 3),
            (b"\x83\x03", 3),
            (b"\x81\x83\x01\x02\x03\x04", 3),
            (b"\x82\x7f\x00\x00\x00\x00\x01\x00\x00\x01", MESSAGE_LIMIT as u64 + 1),
            (b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", u64::MAX),
        ] {
            assert_eq!(next_frame(header), NextFrame::Other { header: header.len(), len }, "{header:?}");
        }
    }

    #[test]
    fn only_data_frames_tell_whether_their_message_goes_on() {
        assert_eq!((goes_on(0x01), goes_on(0x00), goes_on(0x80)), (Some(true), Some(true), Some(false)));
        assert_eq!((goes_on(0x89), goes_on(0x88), goes_on(0x08)), (None, None, None));
    }

    #[test]
    fn what_is_written_is_the_frame_of_the_standard() {
        // RFC 6455 §5.7: a single-frame masked text message.
        let mut out = BytesMut::new();
        write(Kind::Text, b"Hello", [0x37, 0xfa, 0x21, 0x3d], &mut out);
        assert_eq!(out[..], [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        for (len, header) in
            [(126, &[0x82, 0xfe, 0, 126][..]), (65_536, &[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0])]
        {
            let mut out = BytesMut::new();
            write(Kind::Binary, &vec![1; len], [1, 2, 3, 4], &mut out);
            assert_eq!((&out[..header.len()], out.len()), (header, header.len() + 4 + len));
            assert_eq!(out[header.len() + 4..][..5], [0, 3, 2, 5, 0]);
        }
    }
}

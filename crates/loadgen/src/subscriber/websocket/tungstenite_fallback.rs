//! tungstenite, asked in memory about what is not a message in a frame of its own: control frames, fragments, what is
//! broken, and how a connection ends. It is made when it is first needed.

use std::io::{self, ErrorKind, Read, Write};

use bytes::BytesMut;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::frame::goes_on;
use crate::subscriber::MESSAGE_LIMIT;

/// tungstenite fills this with zeros on every read. Below 1 KiB it would not be reused as it is.
const READ_BUFFER: usize = 1024;

pub(super) struct TungsteniteFallback {
    protocol: WebSocketContext,
    /// Bytes of the frame that is being read, and that have not come yet.
    left: u64,
    is_fragmented: bool,
}

/// How reading a stream ended.
pub(super) enum StreamEnd {
    Closed,
    Broken(io::Error),
}

/// What tungstenite takes for its stream.
struct Memory<'a> {
    input: &'a [u8],
    /// What follows the input; none if more input will come.
    end: Option<StreamEnd>,
    output: &'a mut BytesMut,
}

impl TungsteniteFallback {
    pub(super) fn new() -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(MESSAGE_LIMIT))
            .max_frame_size(Some(MESSAGE_LIMIT));
        let protocol = WebSocketContext::new(Role::Client, Some(config));
        Self { protocol, left: 0, is_fragmented: false }
    }

    /// Whether messages may bypass it: none is incomplete, and neither side has closed.
    pub(super) fn is_idle(&self) -> bool {
        self.left == 0 && !self.is_fragmented && self.protocol.can_write()
    }

    /// Whether messages may be sent.
    pub(super) fn can_write(&self) -> bool {
        self.protocol.can_write()
    }

    /// Bytes that belong to the frame that is being read.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Starts a frame with this header, which announces `len` bytes.
    pub(super) fn begin(
        &mut self,
        header: &[u8],
        len: u64,
        output: &mut BytesMut,
    ) -> Result<Option<Message>, Error> {
        self.left = len;
        if let Some(goes_on) = header.first().and_then(|&first| goes_on(first)) {
            self.is_fragmented = goes_on;
        }
        self.read(Memory { input: header, end: None, output })
    }

    /// Goes on with the frame, and returns what is whole with it; what is to be answered is appended to `output`.
    pub(super) fn go_on(&mut self, bytes: &[u8], output: &mut BytesMut) -> Result<Option<Message>, Error> {
        self.left -= bytes.len() as u64;
        self.read(Memory { input: bytes, end: None, output })
    }

    /// What the stream's end is.
    pub(super) fn end(&mut self, end: StreamEnd, output: &mut BytesMut) -> Result<Option<Message>, Error> {
        self.read(Memory { input: &[], end: Some(end), output })
    }

    pub(super) fn write(&mut self, message: Message, output: &mut BytesMut) -> Result<(), Error> {
        let mut memory = Memory { input: &[], end: None, output };
        self.protocol.write(&mut memory, message)?;
        self.protocol.flush(&mut memory)
    }

    pub(super) fn close(&mut self, frame: Option<CloseFrame>, output: &mut BytesMut) -> Result<(), Error> {
        self.write(Message::Close(frame), output)
    }

    fn read(&mut self, mut memory: Memory<'_>) -> Result<Option<Message>, Error> {
        match self.protocol.read(&mut memory) {
            Ok(message) => {
                // Pongs and the answer to a close wait for this.
                self.protocol.flush(&mut memory)?;
                Ok(Some(message))
            }
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Read for Memory<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if !self.input.is_empty() {
            return self.input.read(room);
        }
        match self.end.take() {
            None => Err(ErrorKind::WouldBlock.into()),
            Some(StreamEnd::Closed) => Ok(0),
            Some(StreamEnd::Broken(error)) => Err(error),
        }
    }
}

impl Write for Memory<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

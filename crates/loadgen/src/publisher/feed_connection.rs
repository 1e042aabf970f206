//! The publisher's end of the feed. It writes all frames that are due at once, stamped as they leave, and reads the
//! subscribers' messages.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use protocol::frame::{self, Decoder, FEED_HEAD_LEN, FRAMING_LEN};
use protocol::message;

/// Messages that the socket holds before it blocks: enough for the server to find the next one when it has taken one,
/// few enough that a stopped server is felt at once.
const HELD_MESSAGES: usize = 8;
const READ_BYTES: usize = 16 * 1024;

/// Why the feed cannot be used any longer.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The server has closed it, or has ended.
    #[error("the server closed the feed")]
    Closed,
    /// Reading or writing failed.
    #[error("the feed broke")]
    Broken(#[source] io::Error),
    /// What came from the server is not a frame of the feed.
    #[error("the server sent something else than a frame on the feed")]
    NotAFrame,
    /// The server was killed, and no other has replaced it.
    #[error("no other server has come: {0}")]
    NotBack(String),
}

/// A connection to a server's feed that never blocks.
#[derive(Debug)]
pub struct FeedConnection {
    stream: UnixStream,
    outgoing: OutgoingFrames,
    /// All frames that were sent, for a server that replaces this one; none without a restart.
    log: Option<BytesMut>,
    message_bytes: usize,
    decoder: Decoder,
    read: Box<[u8]>,
}

/// Frames on their way out, in order.
#[derive(Debug, Default)]
struct OutgoingFrames {
    frames: BytesMut,
    /// Where each of them starts.
    starts: Vec<usize>,
    written: usize,
    is_blocked: bool,
}

impl OutgoingFrames {
    /// Stamps the frames of which nothing has left.
    fn stamp(&mut self) {
        let now_ns = os::now_ns();
        for start in self.starts.iter().filter(|start| **start >= self.written) {
            let message = &mut self.frames[start + FRAMING_LEN + FEED_HEAD_LEN..];
            message::set_actual_ns(message, now_ns).expect("the publisher sends messages");
        }
    }

    /// Sends everything again from the first frame.
    fn start_over(&mut self) {
        (self.written, self.is_blocked) = (0, false);
    }

    fn clear(&mut self) {
        self.frames.clear();
        self.starts.clear();
        self.start_over();
    }
}

impl FeedConnection {
    /// Connects to the Unix socket at `path`, for messages of `message_bytes` each out and at most `most_bytes` in.
    /// Fails when no process listens there.
    pub fn connect(path: &Path, message_bytes: usize, most_bytes: usize) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        prepare(&stream, message_bytes)?;
        let decoder = Decoder::new(FEED_HEAD_LEN + most_bytes);
        let read = vec![0; READ_BYTES].into_boxed_slice();
        Ok(Self { stream, outgoing: OutgoingFrames::default(), log: None, message_bytes, decoder, read })
    }

    /// Logs everything that is sent from now on.
    pub fn keep_log(&mut self) {
        self.log.get_or_insert_default();
    }

    /// Takes the log: whole frames, stamped.
    pub fn take_log(&mut self) -> BytesMut {
        self.log.take().unwrap_or_default()
    }

    /// Continues with another server, which has exactly `log`; the log is continued, too. Frames that were on their way to the
    /// old server are sent again, from the first byte.
    /// Fails when the socket cannot be set up.
    pub fn move_to(&mut self, stream: UnixStream, log: BytesMut) -> io::Result<()> {
        prepare(&stream, self.message_bytes)?;
        self.stream = stream;
        self.log = Some(log);
        // The rest of a frame that the old server began never comes.
        self.decoder.buffer().clear();
        self.outgoing.start_over();
        Ok(())
    }

    /// For waiting until it can be read or written.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Whether the socket did not take all frames that were begun; no other can be begun then.
    pub fn is_blocked(&self) -> bool {
        self.outgoing.is_blocked
    }

    /// Queues `message` for `channel`, after those that were queued since the last flush. Only when
    /// [not blocked](Self::is_blocked).
    pub fn begin(&mut self, channel: u32, message: &[u8]) {
        debug_assert!(!self.is_blocked(), "nothing is added to frames that are being written");
        self.outgoing.starts.push(self.outgoing.frames.len());
        frame::put_feed(&mut self.outgoing.frames, channel, message);
    }

    /// Continues sending. True when nothing is left to send, false when the socket takes no more now.
    /// Fails when the server is gone.
    pub fn flush(&mut self) -> Result<bool, FeedError> {
        let outgoing = &mut self.outgoing;
        while outgoing.written < outgoing.frames.len() {
            outgoing.stamp();
            match self.stream.write(&outgoing.frames[outgoing.written..]) {
                Ok(written) => outgoing.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    outgoing.is_blocked = true;
                    return Ok(false);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(error)),
            }
        }
        if let Some(log) = &mut self.log {
            log.extend_from_slice(&outgoing.frames);
        }
        outgoing.clear();
        Ok(true)
    }

    /// Hands every message that has come to `take`.
    /// Fails when the server is gone, or sends something else than frames.
    pub fn receive(&mut self, mut take: impl FnMut(u32, Bytes)) -> Result<(), FeedError> {
        loop {
            match self.stream.read(&mut self.read) {
                Ok(0) => return Err(FeedError::Closed),
                Ok(read) => self.decoder.buffer().extend_from_slice(&self.read[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(broken(error)),
            }
            while let Some(body) = self.decoder.next_body().map_err(|_| FeedError::NotAFrame)? {
                let (channel, message) = frame::decode_feed(body).ok_or(FeedError::NotAFrame)?;
                take(channel, message);
            }
        }
    }
}

fn prepare(stream: &UnixStream, message_bytes: usize) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    Ok(rustix::net::sockopt::set_socket_send_buffer_size(stream, send_buffer(message_bytes))?)
}

fn broken(error: io::Error) -> FeedError {
    match error.kind() {
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => FeedError::Closed,
        _ => FeedError::Broken(error),
    }
}

/// The value of `SO_SNDBUF` for [`HELD_MESSAGES`].
fn send_buffer(message_bytes: usize) -> usize {
    // What a message takes of the buffer is its truesize: a `struct sk_buff` (256 bytes) and the data with a
    // `struct skb_shared_info` (320 bytes), rounded up to a size of the kernel's allocator. The kernel doubles the
    // value that it is given (socket(7)).
    let data = (FRAMING_LEN + FEED_HEAD_LEN + message_bytes + 320).next_power_of_two();
    (256 + data) * HELD_MESSAGES / 2
}

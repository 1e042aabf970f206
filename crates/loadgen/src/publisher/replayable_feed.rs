//! The publisher's feed in a trial whose server is restarted. It logs what was handed over; another thread replays the log to
//! the next server, so that the schedule goes on meanwhile.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use protocol::frame::{self, Decoder};

use super::feed_connection::{FeedConnection, FeedError};
use crate::faults::ServerRestart;

/// The longest frame by which a server reports that it listens.
const MOST_LISTENING_BYTES: usize = 64;

/// A feed that outlives its server.
#[derive(Debug)]
pub struct ReplayableFeed {
    feed: FeedConnection,
    server_restart: Arc<ServerRestart>,
    server: FeedServer,
    log: Sender<BytesMut>,
    renewed: Receiver<Renewed>,
    /// Can be read once there is something in `renewed`.
    wake: UnixStream,
}

/// Which server the feed leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FeedServer {
    First,
    /// That one has gone, and no other is there.
    None,
    Second,
}

/// A new server that was given the log, with the log; or why there is none.
type Renewed = Result<(UnixStream, BytesMut), String>;

/// The other end, which replays the log to the next server.
#[derive(Debug)]
pub struct Successor {
    server_restart: Arc<ServerRestart>,
    log: Receiver<BytesMut>,
    renewed: Sender<Renewed>,
    wake: UnixStream,
}

impl ReplayableFeed {
    /// Keeps what leaves by `feed`.
    ///
    /// # Errors
    ///
    /// When no pair of sockets can be had.
    pub fn new(
        mut feed: FeedConnection,
        server_restart: Arc<ServerRestart>,
    ) -> std::io::Result<(Self, Successor)> {
        feed.keep_log();
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let ((give, taken), (tell, renewed)) = (mpsc::channel(), mpsc::channel());
        let successor =
            Successor { server_restart: Arc::clone(&server_restart), log: taken, renewed: tell, wake: waker };
        Ok((Self { feed, server_restart, server: FeedServer::First, log: give, renewed, wake }, successor))
    }

    /// For waiting until it can be read or written; where there is no server, until there is one.
    pub fn socket(&self) -> BorrowedFd<'_> {
        match self.server {
            FeedServer::None => self.wake.as_fd(),
            FeedServer::First | FeedServer::Second => self.feed.socket(),
        }
    }

    /// Whether there is no server to send to.
    pub fn is_away(&self) -> bool {
        self.server == FeedServer::None
    }

    /// Whether no other frame can be begun.
    pub fn is_blocked(&self) -> bool {
        self.is_away() || self.feed.is_blocked()
    }

    /// Notes that an event of this channel is due.
    pub fn due(&self, channel: u32) {
        self.server_restart.one_more_due(channel);
    }

    /// As [`FeedConnection::begin`].
    pub fn begin(&mut self, channel: u32, message: &[u8]) {
        self.feed.begin(channel, message);
    }

    /// As [`FeedConnection::flush`]; false as long as there is no server.
    ///
    /// # Errors
    ///
    /// When a server has gone that was not killed.
    pub fn flush(&mut self) -> Result<bool, FeedError> {
        if self.is_away() {
            return Ok(false);
        }
        let flushed = self.feed.flush();
        self.unless_killed(flushed, false)
    }

    /// As [`FeedConnection::receive`]; where there is no server, looks whether another one is there.
    ///
    /// # Errors
    ///
    /// When a server has gone that was not killed, sends something else than frames, or is not replaced.
    pub fn receive(&mut self, take: impl FnMut(Bytes)) -> Result<(), FeedError> {
        if self.is_away() {
            return self.look();
        }
        let received = self.feed.receive(take);
        self.unless_killed(received, ())
    }

    /// The end of a server that the trial killed is no error.
    fn unless_killed<T>(&mut self, result: Result<T, FeedError>, meanwhile: T) -> Result<T, FeedError> {
        let is_end = matches!(result, Err(FeedError::Closed | FeedError::Broken(_)));
        if !is_end || self.server != FeedServer::First || self.server_restart.killed_ns().is_none() {
            return result;
        }
        self.server = FeedServer::None;
        // If the other end is gone, the next look finds that.
        let _ = self.log.send(self.feed.take_log());
        Ok(meanwhile)
    }

    fn look(&mut self) -> Result<(), FeedError> {
        let (stream, log) = match self.renewed.try_recv() {
            Ok(renewed) => renewed.map_err(FeedError::NotBack)?,
            Err(TryRecvError::Empty) => return Ok(()),
            Err(TryRecvError::Disconnected) => {
                return Err(FeedError::NotBack("its thread has ended".to_owned()));
            }
        };
        self.feed.move_to(stream, log).map_err(FeedError::Broken)?;
        self.server = FeedServer::Second;
        Ok(())
    }
}

impl Successor {
    /// What the publisher has handed over so far, as soon as it has noticed that its server is gone; none when that takes
    /// longer than `idle_timeout`.
    pub fn log(&self, idle_timeout: Duration) -> Option<BytesMut> {
        self.log.recv_timeout(idle_timeout).ok()
    }

    /// Replays the log to a new server, and waits until it listens, for `idle_timeout` at most each time that it must wait.
    ///
    /// # Errors
    ///
    /// When the server goes, answers something else, or takes too long.
    pub fn replay(
        &self,
        stream: &mut UnixStream,
        log: &[u8],
        idle_timeout: Duration,
    ) -> Result<(), FeedError> {
        stream.set_nonblocking(false).map_err(FeedError::Broken)?;
        stream.set_write_timeout(Some(idle_timeout)).map_err(FeedError::Broken)?;
        stream.set_read_timeout(Some(idle_timeout)).map_err(FeedError::Broken)?;
        let written = stream.write_all(log).and_then(|()| stream.write_all(&frame::encode_log_end()));
        written.map_err(FeedError::Broken)?;
        self.server_restart.listen(listening_since(stream)?);
        Ok(())
    }

    /// Hands a server that has the log over to the publisher, or the reason why there is none.
    pub fn hand_over(&self, renewed: Result<(UnixStream, BytesMut), String>) {
        // A publisher that has ended needs none.
        let _ = self.renewed.send(renewed);
        let _ = (&self.wake).write(&[1]);
    }
}

/// Since when the server listens, as it says when it does.
fn listening_since(stream: &mut UnixStream) -> Result<u64, FeedError> {
    let (mut decoder, mut room) = (Decoder::new(MOST_LISTENING_BYTES), [0; MOST_LISTENING_BYTES]);
    loop {
        if let Some(body) = decoder.next_body().map_err(|_| FeedError::NotAFrame)? {
            let since_ns = match frame::decode_feed(body) {
                Some((frame::LOG, time)) => frame::decode_listening(&time),
                Some(_) | None => None,
            };
            return since_ns.ok_or(FeedError::NotAFrame);
        }
        match stream.read(&mut room).map_err(FeedError::Broken)? {
            0 => return Err(FeedError::Closed),
            read => decoder.buffer().extend_from_slice(&room[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use model::settings::Backoff;
    use protocol::message::{Message, PayloadKind, Stamp};

    use super::*;

    const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

    fn message(payload: &str) -> Bytes {
        Message { stamp: Stamp::default(), payload: payload.as_bytes(), kind: PayloadKind::Text }.to_bytes()
    }

    /// What a server reads: payloads with their stamps, until the log's end or the connection's.
    fn read_all(stream: &mut UnixStream) -> Vec<(Vec<u8>, Stamp)> {
        let (mut decoder, mut all, mut room) = (Decoder::new(10_000), Vec::new(), [0; 1_000]);
        loop {
            while let Some(body) = decoder.next_body().unwrap() {
                match frame::decode_feed(body).unwrap() {
                    (frame::LOG, _) => return all,
                    (_, message) => {
                        let message = Message::decode(&message).unwrap();
                        all.push((message.payload.to_vec(), message.stamp));
                    }
                }
            }
            match stream.read(&mut room).unwrap() {
                0 => return all,
                read => decoder.buffer().extend_from_slice(&room[..read]),
            }
        }
    }

    struct ReplayableRig {
        feed: ReplayableFeed,
        successor: Successor,
        first: UnixStream,
        listener: UnixListener,
        folder: tempfile::TempDir,
    }

    fn fixture() -> ReplayableRig {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed");
        let listener = UnixListener::bind(&path).unwrap();
        let feed = FeedConnection::connect(&path, 100, 100).unwrap();
        let (first, _) = listener.accept().unwrap();
        let (feed, successor) =
            ReplayableFeed::new(feed, Arc::new(ServerRestart::new(Backoff::None, 1))).unwrap();
        ReplayableRig { feed, successor, first, listener, folder }
    }

    #[test]
    fn the_next_server_is_given_all_that_the_first_one_got_and_then_what_follows() {
        let ReplayableRig { mut feed, successor, first, listener, folder } = fixture();
        for payload in ["a", "b"] {
            feed.begin(0, &message(payload));
            assert!(feed.flush().unwrap());
        }
        successor.server_restart.kill(os::now_ns());
        drop(first);
        feed.receive(|_| {}).unwrap();
        assert!(feed.is_away() && feed.is_blocked() && !feed.flush().unwrap());

        let log = successor.log(IDLE_TIMEOUT).unwrap();
        let mut to_second = UnixStream::connect(folder.path().join("feed")).unwrap();
        let second = thread::spawn(move || {
            let (mut second, _) = listener.accept().unwrap();
            let log = read_all(&mut second);
            second.write_all(&frame::encode_listening(77)).unwrap();
            (log, read_all(&mut second))
        });
        successor.replay(&mut to_second, &log, IDLE_TIMEOUT).unwrap();
        assert_eq!(successor.server_restart.listening_ns(), Some(77));
        feed.receive(|_| {}).unwrap();
        assert!(feed.is_away(), "the new server was not handed over yet");
        successor.hand_over(Ok((to_second, log)));
        feed.receive(|_| {}).unwrap();
        assert!(!feed.is_away() && !feed.is_blocked());
        feed.begin(0, &message("c"));
        assert!(feed.flush().unwrap());
        drop(feed);
        let (log, after) = second.join().unwrap();
        let payloads: Vec<_> = log.iter().map(|(payload, _)| payload.as_slice()).collect();
        assert_eq!(payloads, [b"a", b"b"]);
        assert!(
            log.iter().all(|(_, stamp)| stamp.actual_ns > 0),
            "they keep the time at which they left first"
        );
        assert_eq!(after.iter().map(|(payload, _)| payload.as_slice()).collect::<Vec<_>>(), [b"c"]);
    }

    #[test]
    fn an_event_that_was_on_its_way_leaves_whole_once_more() {
        let ReplayableRig { mut feed, successor, first, listener, folder } = fixture();
        // More than the socket holds.
        let long = message(&"x".repeat(1_000_000));
        feed.begin(0, &long);
        assert!(!feed.flush().unwrap());
        successor.server_restart.kill(os::now_ns());
        drop(first);
        assert!(!feed.flush().unwrap() && feed.is_away());
        let log = successor.log(IDLE_TIMEOUT).unwrap();
        assert!(log.is_empty(), "it was never handed over");
        let stream = UnixStream::connect(folder.path().join("feed")).unwrap();
        let (mut second, _) = listener.accept().unwrap();
        successor.hand_over(Ok((stream, log)));
        feed.receive(|_| {}).unwrap();
        let reader = thread::spawn(move || {
            let mut length = [0; 4];
            second.read_exact(&mut length).unwrap();
            let mut body = vec![0; u32::from_be_bytes(length) as usize];
            second.read_exact(&mut body).unwrap();
            body
        });
        while !feed.flush().unwrap() {
            thread::yield_now();
        }
        let body = reader.join().unwrap();
        assert_eq!(body.len(), frame::FEED_HEAD_LEN + long.len());
    }

    #[test]
    fn a_server_that_goes_by_itself_is_an_error_and_so_is_the_second_ones_end() {
        let ReplayableRig { mut feed, first, .. } = fixture();
        drop(first);
        assert!(matches!(feed.receive(|_| {}), Err(FeedError::Closed)));

        let ReplayableRig { mut feed, successor, first, listener, folder } = fixture();
        successor.server_restart.kill(os::now_ns());
        drop(first);
        feed.receive(|_| {}).unwrap();
        let log = successor.log(IDLE_TIMEOUT).unwrap();
        successor.hand_over(Ok((UnixStream::connect(folder.path().join("feed")).unwrap(), log)));
        feed.receive(|_| {}).unwrap();
        drop(listener.accept().unwrap());
        assert!(matches!(feed.receive(|_| {}), Err(FeedError::Closed)));
    }

    #[test]
    fn that_no_server_comes_is_reported_with_the_reason() {
        for gives_a_reason in [true, false] {
            let ReplayableRig { mut feed, successor, first, .. } = fixture();
            successor.server_restart.kill(os::now_ns());
            drop(first);
            feed.receive(|_| {}).unwrap();
            if gives_a_reason {
                successor.hand_over(Err("not after 10 s".to_owned()));
            }
            drop(successor);
            let error = feed.receive(|_| {}).unwrap_err().to_string();
            let reason = if gives_a_reason { "not after 10 s" } else { "its thread has ended" };
            assert_eq!(error, format!("no other server has come: {reason}"));
        }
    }
}

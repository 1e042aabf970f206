//! The publisher's feed in a trial whose server is restarted: what was handed over is kept, and given to the next server by a
//! thread of its own, so that the schedule goes on meanwhile.

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

/// What the server says when it listens: a frame with a time.
const LONGEST_WORD: usize = 64;

/// A feed that outlives its server.
#[derive(Debug)]
pub struct ReplayableFeed {
    feed: FeedConnection,
    server_restart: Arc<ServerRestart>,
    server: Server,
    log: Sender<BytesMut>,
    renewed: Receiver<Renewed>,
    /// Can be read once there is something in `renewed`.
    bell: UnixStream,
}

/// Which server the feed leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    First,
    /// That one has gone, and no other is there.
    None,
    Second,
}

/// A new server that was given the log, with the log; or why there is none.
type Renewed = Result<(UnixStream, BytesMut), String>;

/// The other end: whoever gives the log to the next server.
#[derive(Debug)]
pub struct Successor {
    server_restart: Arc<ServerRestart>,
    log: Receiver<BytesMut>,
    renewed: Sender<Renewed>,
    bell: UnixStream,
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
        let (bell, rope) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        let ((give, taken), (tell, renewed)) = (mpsc::channel(), mpsc::channel());
        let successor =
            Successor { server_restart: Arc::clone(&server_restart), log: taken, renewed: tell, bell: rope };
        Ok((Self { feed, server_restart, server: Server::First, log: give, renewed, bell }, successor))
    }

    /// For waiting until it can be read or written; where there is no server, until there is one.
    pub fn socket(&self) -> BorrowedFd<'_> {
        match self.server {
            Server::None => self.bell.as_fd(),
            Server::First | Server::Second => self.feed.socket(),
        }
    }

    /// Whether there is nobody to send to.
    pub fn is_away(&self) -> bool {
        self.server == Server::None
    }

    /// Whether no other frame can be begun.
    pub fn is_blocked(&self) -> bool {
        self.is_away() || self.feed.is_blocked()
    }

    /// Takes in that an event of this channel is due.
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
    /// When a server has gone that was not to go.
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
    /// When a server has gone that was not to go, sends rubbish, or no other comes.
    pub fn receive(&mut self, take: impl FnMut(Bytes)) -> Result<(), FeedError> {
        if self.is_away() {
            return self.look();
        }
        let received = self.feed.receive(take);
        self.unless_killed(received, ())
    }

    /// An end that was meant is none of the publisher's.
    fn unless_killed<T>(&mut self, result: Result<T, FeedError>, meanwhile: T) -> Result<T, FeedError> {
        let is_end = matches!(result, Err(FeedError::Closed | FeedError::Broken(_)));
        if !is_end || self.server != Server::First || self.server_restart.killed_ns().is_none() {
            return result;
        }
        self.server = Server::None;
        // Whoever does not take it has ended, which is found at the next look.
        let _ = self.log.send(self.feed.take_log());
        Ok(meanwhile)
    }

    fn look(&mut self) -> Result<(), FeedError> {
        let (stream, log) = match self.renewed.try_recv() {
            Ok(renewed) => renewed.map_err(FeedError::NotBack)?,
            Err(TryRecvError::Empty) => return Ok(()),
            Err(TryRecvError::Disconnected) => {
                return Err(FeedError::NotBack("nobody waits for it".to_owned()));
            }
        };
        self.feed.move_to(stream, log).map_err(FeedError::Broken)?;
        self.server = Server::Second;
        Ok(())
    }
}

impl Successor {
    /// What the publisher has handed over so far, as soon as it has noticed that its server is gone; none when that takes
    /// longer than `patience`.
    pub fn log(&self, patience: Duration) -> Option<BytesMut> {
        self.log.recv_timeout(patience).ok()
    }

    /// Gives the log to a new server, and waits until it listens, for `patience` at most each time that it must wait.
    ///
    /// # Errors
    ///
    /// When the server goes, says something else, or takes too long.
    pub fn give(&self, stream: &mut UnixStream, log: &[u8], patience: Duration) -> Result<(), FeedError> {
        stream.set_nonblocking(false).map_err(FeedError::Broken)?;
        stream.set_write_timeout(Some(patience)).map_err(FeedError::Broken)?;
        stream.set_read_timeout(Some(patience)).map_err(FeedError::Broken)?;
        let written = stream.write_all(log).and_then(|()| stream.write_all(&frame::encode_log_end()));
        written.map_err(FeedError::Broken)?;
        self.server_restart.listen(listening_since(stream)?);
        Ok(())
    }

    /// Hands a server that was given the log over to the publisher, or says why there is none.
    pub fn tell(&self, renewed: Result<(UnixStream, BytesMut), String>) {
        // A publisher that has ended needs none.
        let _ = self.renewed.send(renewed);
        let _ = (&self.bell).write(&[1]);
    }
}

/// Since when the server listens, as it says when it does.
fn listening_since(stream: &mut UnixStream) -> Result<u64, FeedError> {
    let (mut decoder, mut room) = (Decoder::new(LONGEST_WORD), [0; LONGEST_WORD]);
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

    const PATIENCE: Duration = Duration::from_secs(20);

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

    struct Fixture {
        kept: ReplayableFeed,
        successor: Successor,
        first: UnixStream,
        listener: UnixListener,
        folder: tempfile::TempDir,
    }

    fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed");
        let listener = UnixListener::bind(&path).unwrap();
        let feed = FeedConnection::connect(&path, 100, 100).unwrap();
        let (first, _) = listener.accept().unwrap();
        let (kept, successor) =
            ReplayableFeed::new(feed, Arc::new(ServerRestart::new(Backoff::None, 1))).unwrap();
        Fixture { kept, successor, first, listener, folder }
    }

    #[test]
    fn the_next_server_is_given_all_that_the_first_one_got_and_then_what_follows() {
        let Fixture { mut kept, successor, first, listener, folder } = fixture();
        for payload in ["a", "b"] {
            kept.begin(0, &message(payload));
            assert!(kept.flush().unwrap());
        }
        successor.server_restart.kill(os::now_ns());
        drop(first);
        kept.receive(|_| {}).unwrap();
        assert!(kept.is_away() && kept.is_blocked() && !kept.flush().unwrap());

        let log = successor.log(PATIENCE).unwrap();
        let mut to_second = UnixStream::connect(folder.path().join("feed")).unwrap();
        let second = thread::spawn(move || {
            let (mut second, _) = listener.accept().unwrap();
            let log = read_all(&mut second);
            second.write_all(&frame::encode_listening(77)).unwrap();
            (log, read_all(&mut second))
        });
        successor.give(&mut to_second, &log, PATIENCE).unwrap();
        assert_eq!(successor.server_restart.listening_ns(), Some(77));
        kept.receive(|_| {}).unwrap();
        assert!(kept.is_away(), "it was not told yet");
        successor.tell(Ok((to_second, log)));
        kept.receive(|_| {}).unwrap();
        assert!(!kept.is_away() && !kept.is_blocked());
        kept.begin(0, &message("c"));
        assert!(kept.flush().unwrap());
        drop(kept);
        let (log, behind) = second.join().unwrap();
        let payloads: Vec<_> = log.iter().map(|(payload, _)| payload.as_slice()).collect();
        assert_eq!(payloads, [b"a", b"b"]);
        assert!(
            log.iter().all(|(_, stamp)| stamp.actual_ns > 0),
            "they keep the time at which they left first"
        );
        assert_eq!(behind.iter().map(|(payload, _)| payload.as_slice()).collect::<Vec<_>>(), [b"c"]);
    }

    #[test]
    fn an_event_that_was_on_its_way_leaves_whole_once_more() {
        let Fixture { mut kept, successor, first, listener, folder } = fixture();
        // More than the socket holds.
        let long = message(&"x".repeat(1_000_000));
        kept.begin(0, &long);
        assert!(!kept.flush().unwrap());
        successor.server_restart.kill(os::now_ns());
        drop(first);
        assert!(!kept.flush().unwrap() && kept.is_away());
        let log = successor.log(PATIENCE).unwrap();
        assert!(log.is_empty(), "it was never handed over");
        let stream = UnixStream::connect(folder.path().join("feed")).unwrap();
        let (mut second, _) = listener.accept().unwrap();
        successor.tell(Ok((stream, log)));
        kept.receive(|_| {}).unwrap();
        let reader = thread::spawn(move || {
            let mut length = [0; 4];
            second.read_exact(&mut length).unwrap();
            let mut body = vec![0; u32::from_be_bytes(length) as usize];
            second.read_exact(&mut body).unwrap();
            body
        });
        while !kept.flush().unwrap() {
            thread::yield_now();
        }
        let body = reader.join().unwrap();
        assert_eq!(body.len(), frame::FEED_HEAD_LEN + long.len());
    }

    #[test]
    fn a_server_that_goes_by_itself_is_an_error_and_so_is_the_second_ones_end() {
        let Fixture { mut kept, first, .. } = fixture();
        drop(first);
        assert!(matches!(kept.receive(|_| {}), Err(FeedError::Closed)));

        let Fixture { mut kept, successor, first, listener, folder } = fixture();
        successor.server_restart.kill(os::now_ns());
        drop(first);
        kept.receive(|_| {}).unwrap();
        let log = successor.log(PATIENCE).unwrap();
        successor.tell(Ok((UnixStream::connect(folder.path().join("feed")).unwrap(), log)));
        kept.receive(|_| {}).unwrap();
        drop(listener.accept().unwrap());
        assert!(matches!(kept.receive(|_| {}), Err(FeedError::Closed)));
    }

    #[test]
    fn that_no_server_comes_is_told_with_the_reason() {
        for gives_a_reason in [true, false] {
            let Fixture { mut kept, successor, first, .. } = fixture();
            successor.server_restart.kill(os::now_ns());
            drop(first);
            kept.receive(|_| {}).unwrap();
            if gives_a_reason {
                successor.tell(Err("not after 10 s".to_owned()));
            }
            drop(successor);
            let error = kept.receive(|_| {}).unwrap_err().to_string();
            let reason = if gives_a_reason { "not after 10 s" } else { "nobody waits for it" };
            assert_eq!(error, format!("no other server has come: {reason}"));
        }
    }
}

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
    /// Fails when no pair of sockets can be had.
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
    /// Fails when a server has gone that was not killed.
    pub fn flush(&mut self) -> Result<bool, FeedError> {
        if self.is_away() {
            return Ok(false);
        }
        let flushed = self.feed.flush();
        self.unless_killed(flushed, false)
    }

    /// As [`FeedConnection::receive`]; where there is no server, looks whether another one is there.
    /// Fails when a server has gone that was not killed, sends something else than frames, or is not replaced.
    pub fn receive(&mut self, take: impl FnMut(u32, Bytes)) -> Result<(), FeedError> {
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
    /// Fails when the server goes, answers something else, or takes too long.
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

/// Since when the server listens, as it reports.
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
        let (mut decoder, mut all, mut room) = (Decoder::new(2_000_000), Vec::new(), [0; 1_000]);
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
        first: Option<UnixStream>,
        listener: UnixListener,
        folder: tempfile::TempDir,
    }

    impl ReplayableRig {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("feed");
            let listener = UnixListener::bind(&path).unwrap();
            let feed = FeedConnection::connect(&path, 100, 100).unwrap();
            let (first, _) = listener.accept().unwrap();
            let server_restart = Arc::new(ServerRestart::new(Backoff::None, 1));
            let (feed, successor) = ReplayableFeed::new(feed, server_restart).unwrap();
            Self { feed, successor, first: Some(first), listener, folder }
        }

        fn kill(&mut self) {
            self.successor.server_restart.kill(os::now_ns());
            self.first = None;
            self.feed.receive(|_, _| {}).unwrap();
        }

        /// A connection to the second server, and its end of it.
        fn connect(&self) -> (UnixStream, UnixStream) {
            let stream = UnixStream::connect(self.folder.path().join("feed")).unwrap();
            (stream, self.listener.accept().unwrap().0)
        }
    }

    #[test]
    fn the_next_server_is_given_all_that_the_first_one_got_and_then_what_follows() {
        let mut rig = ReplayableRig::new();
        for payload in ["a", "b"] {
            rig.feed.begin(0, &message(payload));
            assert!(rig.feed.flush().unwrap());
        }
        rig.kill();
        assert!(rig.feed.is_away() && rig.feed.is_blocked() && !rig.feed.flush().unwrap());

        let log = rig.successor.log(IDLE_TIMEOUT).unwrap();
        let (mut to_second, mut second) = rig.connect();
        let second = thread::spawn(move || {
            let log = read_all(&mut second);
            second.write_all(&frame::encode_listening(77)).unwrap();
            (log, read_all(&mut second))
        });
        rig.successor.replay(&mut to_second, &log, IDLE_TIMEOUT).unwrap();
        assert_eq!(rig.successor.server_restart.listening_ns(), Some(77));
        rig.feed.receive(|_, _| {}).unwrap();
        assert!(rig.feed.is_away(), "the new server was not handed over yet");
        rig.successor.hand_over(Ok((to_second, log)));
        rig.feed.receive(|_, _| {}).unwrap();
        assert!(!rig.feed.is_away() && !rig.feed.is_blocked());
        rig.feed.begin(0, &message("c"));
        assert!(rig.feed.flush().unwrap());
        drop(rig.feed);
        let (log, after) = second.join().unwrap();
        let payloads = |all: &[(Vec<u8>, Stamp)]| {
            all.iter().flat_map(|(payload, _)| payload.clone()).collect::<Vec<u8>>()
        };
        assert_eq!((payloads(&log).as_slice(), payloads(&after).as_slice()), (&b"ab"[..], &b"c"[..]));
        assert_eq!((log.len(), after.len()), (2, 1));
        assert!(
            log.iter().all(|(_, stamp)| stamp.actual_ns > 0),
            "they keep the time of their first sending"
        );
    }

    #[test]
    fn an_event_that_was_on_its_way_leaves_whole_once_more() {
        let mut rig = ReplayableRig::new();
        // More than the socket holds.
        let long = "x".repeat(1_000_000);
        rig.feed.begin(0, &message(&long));
        assert!(!rig.feed.flush().unwrap());
        rig.successor.server_restart.kill(os::now_ns());
        rig.first = None;
        assert!(!rig.feed.flush().unwrap() && rig.feed.is_away());
        let log = rig.successor.log(IDLE_TIMEOUT).unwrap();
        assert!(log.is_empty(), "it was never handed over");
        let (stream, mut second) = rig.connect();
        rig.successor.hand_over(Ok((stream, log)));
        rig.feed.receive(|_, _| {}).unwrap();
        let reader = thread::spawn(move || read_all(&mut second));
        while !rig.feed.flush().unwrap() {
            thread::yield_now();
        }
        drop(rig.feed);
        let read = reader.join().unwrap();
        assert!(read.len() == 1 && read[0].0 == long.as_bytes());
    }

    #[test]
    fn a_server_that_goes_by_itself_is_an_error_and_so_is_the_second_ones_end() {
        let mut rig = ReplayableRig::new();
        rig.first = None;
        assert!(matches!(rig.feed.receive(|_, _| {}), Err(FeedError::Closed)));

        let mut rig = ReplayableRig::new();
        rig.kill();
        let log = rig.successor.log(IDLE_TIMEOUT).unwrap();
        let (stream, second) = rig.connect();
        rig.successor.hand_over(Ok((stream, log)));
        rig.feed.receive(|_, _| {}).unwrap();
        drop(second);
        assert!(matches!(rig.feed.receive(|_, _| {}), Err(FeedError::Closed)));
    }

    #[test]
    fn that_no_server_comes_is_reported_with_the_reason() {
        for (given, reason) in [(Some("not after 10 s"), "not after 10 s"), (None, "its thread has ended")] {
            let mut rig = ReplayableRig::new();
            rig.kill();
            if let Some(given) = given {
                rig.successor.hand_over(Err(given.to_owned()));
            }
            drop(rig.successor);
            let error = rig.feed.receive(|_, _| {}).unwrap_err().to_string();
            assert_eq!(error, format!("no other server has come: {reason}"));
        }
    }
}

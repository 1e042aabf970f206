//! Tests as tables: a test is a row that names a fact, the server's settings, and one exchange of literal bytes.

use server_kit::hub::SessionClose;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use crate::http2::{Frame, GOAWAY, RST_STREAM};
use crate::server::{Peer, Running};

pub use self::Step::*;

/// Bytes both ways.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// What a client or the application does, or what the client must see then.
pub enum Step {
    /// A new connection, plain or with TLS and these protocols by ALPN; the steps behind it are on this one.
    Connect(Option<&'static [&'static str]>),
    /// The steps behind it are on the connection that was made so many-th, from 0.
    On(usize),
    /// The client sends these bytes.
    SendBytes(Vec<u8>),
    /// These bytes come next.
    Expect(Vec<u8>),
    /// Whatever comes next ends with these bytes at last.
    Until(Vec<u8>),
    /// The next frame of a stream on HTTP/2 is a header block whose status is coded so, and data comes behind it.
    Head(u32, &'static [u8]),
    /// The same, and it is all of an answer.
    Answer(u32, &'static [u8]),
    /// The next frame of a stream on HTTP/2 has these flags, and holds exactly this data.
    Data(u32, u8, Vec<u8>),
    /// The next frame of a stream on HTTP/2 resets this one with this code.
    Reset(u32, u8),
    /// A GOAWAY with this code comes next but for other frames.
    GoAway(u8),
    /// The connection ends, and nothing comes before.
    End,
    /// The client sends nothing more.
    Shutdown,
    /// The client goes away.
    Leave,
    /// The application ends the sessions of now with this code and reason.
    CloseSessions(u16, &'static str),
    /// The application publishes this payload so many times on channel 0.
    Publish(u32, String),
    /// So many subscribers wait for the next event of channel 0.
    Waiting(usize),
    /// The server is asked to stop.
    Stop,
    /// The server has ended, well.
    Ended,
    /// One connection was rejected by now, for this reason.
    Rejected(&'static str),
    /// This holds.
    Check(fn(&Running)),
    /// Several steps.
    All(Vec<Self>),
}

/// A new connection.
pub fn connect() -> Step {
    Connect(None)
}

/// A new connection with TLS, which offers these protocols.
pub fn connect_tls(protocols: &'static [&'static str]) -> Step {
    Connect(Some(protocols))
}

/// A new connection that has sent these bytes.
pub fn open(bytes: impl AsRef<[u8]>) -> Step {
    All(vec![connect(), send(bytes)])
}

/// [`SendBytes`].
pub fn send(bytes: impl AsRef<[u8]>) -> Step {
    SendBytes(bytes.as_ref().to_vec())
}

/// [`Expect`].
pub fn expect(bytes: impl AsRef<[u8]>) -> Step {
    Expect(bytes.as_ref().to_vec())
}

/// [`Until`].
pub fn until(bytes: impl AsRef<[u8]>) -> Step {
    Until(bytes.as_ref().to_vec())
}

/// [`Data`].
pub fn data(stream: u32, flags: u8, bytes: impl AsRef<[u8]>) -> Step {
    Data(stream, flags, bytes.as_ref().to_vec())
}

/// [`Publish`], once.
pub fn publish(payload: &str) -> Step {
    publish_times(1, payload)
}

/// [`Publish`].
pub fn publish_times(times: u32, payload: &str) -> Step {
    Publish(times, payload.to_owned())
}

/// Several steps as one.
pub fn all(steps: impl IntoIterator<Item = Step>) -> Step {
    All(steps.into_iter().collect())
}

/// Takes these steps with a server, one after the other.
pub async fn exchange(server: Running, steps: Vec<Step>) {
    let mut exchange = Exchange { server, peers: Vec::new(), current: 0 };
    let mut left: Vec<Step> = steps.into_iter().rev().collect();
    while let Some(step) = left.pop() {
        match step {
            All(steps) => left.extend(steps.into_iter().rev()),
            step => exchange.take(step).await,
        }
    }
}

struct Exchange {
    server: Running,
    /// Those that are none have ended.
    peers: Vec<Option<Peer<Box<dyn Io>>>>,
    current: usize,
}

impl Exchange {
    async fn take(&mut self, step: Step) {
        match step {
            Connect(protocols) => {
                let stream: Box<dyn Io> = match protocols {
                    None => Box::new(self.server.connect().await.stream),
                    Some(protocols) => Box::new(self.server.connect_tls(protocols).await.stream),
                };
                self.current = self.peers.len();
                self.peers.push(Some(Peer { stream }));
            }
            On(connection) => self.current = connection,
            SendBytes(bytes) => self.peer().send(bytes).await,
            Expect(bytes) => self.peer().expect(bytes).await,
            Until(bytes) => _ = self.peer().until(bytes).await,
            Answer(stream, status) => self.peer().expect_answer(stream, status).await,
            Head(stream, status) => self.peer().expect_head(stream, status).await,
            Data(stream, flags, bytes) => self.peer().expect_data(stream, flags, bytes).await,
            Reset(stream, code) => {
                let expected = Frame { kind: RST_STREAM, flags: 0, stream, payload: vec![0, 0, 0, code] };
                assert_eq!(self.peer().stream_frame().await, expected);
            }
            GoAway(code) => {
                assert_eq!(self.peer().frame_of(GOAWAY).await.payload[4..8], [0, 0, 0, code]);
            }
            End => self.peers[self.current].take().expect("it has not ended").expect_end().await,
            Shutdown => self.peer().stream.shutdown().await.expect("the server reads"),
            CloseSessions(code, reason) => {
                let close = SessionClose { code, reason: reason.to_owned() };
                self.server.hub.close_sessions(close).expect("a code that may be sent");
            }
            Leave => self.peers[self.current] = None,
            Publish(times, payload) => self.server.publish_times(times, &payload),
            Waiting(subscribers) => self.server.until_waiting(subscribers).await,
            Stop => self.server.stop(),
            Ended => self.server.ended().await,
            Rejected(reason) => assert_eq!(self.server.hub.rejected(), Some((1, reason.to_owned()))),
            Check(assertion) => assertion(&self.server),
            All(_) => unreachable!("they are taken one by one"),
        }
    }

    fn peer(&mut self) -> &mut Peer<Box<dyn Io>> {
        self.peers[self.current].as_mut().expect("it has not ended")
    }
}

/// Tests from rows `name(settings): step, step, …;` behind the function that starts a server with such settings.
#[macro_export]
macro_rules! exchanges {
    ($server:path; $($(#[$attribute:meta])* $name:ident($settings:expr): $($step:expr),+ $(,)?;)+) => {$(
        $(#[$attribute])*
        #[tokio::test]
        async fn $name() {
            $crate::exchange::exchange($server($settings).await, vec![$($step),+]).await;
        }
    )+};
}

//! The subscribers, bare sockets that count events, and the publishers.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::spawn_local;

use crate::Outcome;
use crate::contest::Way;
use crate::dialect::{Dialect, field};
use crate::socketio;

const READ_BYTES: usize = 16 * 1024;

/// Who has what.
pub(crate) struct Board {
    subscribers: u64,
    flight: u64,
    brackets_per_event: u64,
    published: Cell<u64>,
    brackets: Cell<u64>,
    reads: Cell<u64>,
    has_lost: Cell<bool>,
    moved: Notify,
}

impl Board {
    pub(crate) fn new(way: Way, subscribers: u64, flight: u64) -> Rc<Self> {
        Rc::new(Self {
            subscribers,
            flight,
            brackets_per_event: way.brackets(),
            published: Cell::new(0),
            brackets: Cell::new(0),
            reads: Cell::new(0),
            has_lost: Cell::new(false),
            moved: Notify::new(),
        })
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.brackets.get() / self.brackets_per_event
    }

    pub(crate) fn reads(&self) -> u64 {
        self.reads.get()
    }

    /// Whether a subscriber's connection has ended.
    pub(crate) fn has_lost(&self) -> bool {
        self.has_lost.get()
    }

    fn received(&self, bytes: &[u8]) {
        let brackets: u64 = bytes.iter().map(|&byte| u64::from(byte == b'[')).sum();
        self.brackets.set(self.brackets.get() + brackets);
        self.reads.set(self.reads.get() + 1);
        if self.has_room() {
            self.moved.notify_one();
        }
    }

    fn has_room(&self) -> bool {
        self.published.get() < self.delivered() / self.subscribers + self.flight
    }

    async fn publish(&self) {
        while !self.has_room() {
            self.moved.notified().await;
        }
        self.published.set(self.published.get() + 1);
    }
}

/// Connects the subscribers, and returns once all have been answered, or have asked where nothing is answered.
pub(crate) async fn connect(dialect: &Dialect, address: SocketAddr, board: &Rc<Board>) -> Outcome<()> {
    for _ in 0..board.subscribers {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(&dialect.hello).await?;
        match dialect.way {
            Way::Ndjson | Way::Sse => {}
            // The handshake's answer; nothing is published before.
            Way::WebSocket if stream.read(&mut [0; 1_024]).await? > 0 => {}
            Way::WebSocket => return Err("the server closed during a handshake".into()),
            Way::SocketIo => socketio::join(&mut stream).await?,
            Way::LongPolling => {
                let dialect = dialect.clone();
                spawn_local(poll(stream, board.clone(), move |answer| dialect.next_poll(answer)));
                continue;
            }
            Way::SocketIoPolling => {
                let next = socketio::join_by_polling(&mut stream).await?;
                stream.write_all(&next).await?;
                let is_well = |answer: &str| answer.starts_with("HTTP/1.1 200");
                let next = move |answer: &str| is_well(answer).then(|| next.clone());
                spawn_local(poll(stream, board.clone(), next));
                continue;
            }
        }
        spawn_local(read(stream, board.clone()));
    }
    Ok(())
}

/// Publishes an event by itself, and returns once everybody has it: so all are subscribed, and the number in flight is true.
pub(crate) async fn publish_one(dialect: &Dialect, address: SocketAddr, board: &Rc<Board>) -> Outcome<()> {
    let mut stream = TcpStream::connect(address).await?;
    board.publish().await;
    stream.write_all(&dialect.post).await?;
    while board.delivered() < board.subscribers {
        board.moved.notified().await;
    }
    match stream.read(&mut [0; 1_024]).await? {
        0 => Err("the server closed instead of answering a POST".into()),
        _ => Ok(()),
    }
}

async fn read(mut stream: TcpStream, board: Rc<Board>) {
    let mut buffer = vec![0; READ_BYTES];
    while let Ok(len @ 1..) = stream.read(&mut buffer).await {
        board.received(&buffer[..len]);
    }
    board.has_lost.set(true);
}

/// Asks again behind each answer, as `next` says.
async fn poll(mut stream: TcpStream, board: Rc<Board>, next: impl Fn(&str) -> Option<Vec<u8>>) {
    let mut buffer = vec![0; READ_BYTES];
    while let Some(answer) = whole_answer(&mut stream, &mut buffer).await {
        board.received(answer.as_bytes());
        let Some(request) = next(answer) else { break };
        if stream.write_all(&request).await.is_err() {
            break;
        }
    }
    board.has_lost.set(true);
}

/// The next answer, head and body; none when the server has closed or it is too long.
pub(crate) async fn whole_answer<'a>(stream: &mut TcpStream, buffer: &'a mut [u8]) -> Option<&'a str> {
    let mut len = 0;
    while let Ok(more @ 1..) = stream.read(&mut buffer[len..]).await {
        len += more;
        if std::str::from_utf8(&buffer[..len]).is_ok_and(is_whole) {
            return std::str::from_utf8(&buffer[..len]).ok();
        }
    }
    None
}

fn is_whole(answer: &str) -> bool {
    let Some((_, body)) = answer.split_once("\r\n\r\n") else { return false };
    let length = field(answer, "content-length").and_then(|length| length.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// As many publishers as events may be in flight, each on a connection of its own.
pub(crate) fn publish(dialect: &Dialect, address: SocketAddr, board: &Rc<Board>) {
    for _ in 0..board.flight {
        let (post, board) = (dialect.post.clone(), board.clone());
        spawn_local(async move {
            let Ok(mut stream) = TcpStream::connect(address).await else { return };
            let _ = stream.set_nodelay(true);
            let mut answer = [0; 1_024];
            loop {
                board.publish().await;
                if stream.write_all(&post).await.is_err()
                    || !matches!(stream.read(&mut answer).await, Ok(1..))
                {
                    return;
                }
            }
        });
    }
}

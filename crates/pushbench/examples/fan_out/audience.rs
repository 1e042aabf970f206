//! The subscribers, bare sockets that count events, and the publishers.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::spawn_local;

use crate::Outcome;
use crate::dialect::Dialect;

const READ_BYTES: usize = 16 * 1024;

/// Who has what.
pub(crate) struct Board {
    subscribers: u64,
    flight: u64,
    published: Cell<u64>,
    delivered: Cell<u64>,
    reads: Cell<u64>,
    moved: Notify,
}

impl Board {
    pub(crate) fn new(subscribers: u64, flight: u64) -> Rc<Self> {
        Rc::new(Self {
            subscribers,
            flight,
            published: Cell::new(0),
            delivered: Cell::new(0),
            reads: Cell::new(0),
            moved: Notify::new(),
        })
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.get()
    }

    pub(crate) fn reads(&self) -> u64 {
        self.reads.get()
    }

    fn received(&self, events: u64) {
        self.delivered.set(self.delivered.get() + events);
        self.reads.set(self.reads.get() + 1);
        if self.has_room() {
            self.moved.notify_one();
        }
    }

    fn has_room(&self) -> bool {
        self.published.get() < self.delivered.get() / self.subscribers + self.flight
    }

    async fn publish(&self) {
        while !self.has_room() {
            self.moved.notified().await;
        }
        self.published.set(self.published.get() + 1);
    }
}

/// Connects the subscribers, and returns once all have been answered, or hold where nothing is answered.
pub(crate) async fn connect(dialect: &Dialect, address: SocketAddr, board: &Rc<Board>) -> Outcome<()> {
    for _ in 0..board.subscribers {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(&dialect.hello).await?;
        if dialect.polls {
            spawn_local(poll(Rc::new(dialect.clone()), stream, board.clone()));
        } else {
            // The handshake's answer; nothing is published before.
            if dialect.technique == "websocket" && stream.read(&mut [0; 1_024]).await? == 0 {
                return Err("the server closed during a handshake".into());
            }
            spawn_local(read(stream, board.clone()));
        }
    }
    // Whoever is not subscribed by now misses the first event, and the board never moves: it would be noticed.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    Ok(())
}

/// A message begins with a bracket, and nothing else holds one.
fn events(bytes: &[u8]) -> u64 {
    bytes.iter().map(|&byte| u64::from(byte == b'[')).sum()
}

async fn read(mut stream: TcpStream, board: Rc<Board>) {
    let mut buffer = vec![0; READ_BYTES];
    while let Ok(len @ 1..) = stream.read(&mut buffer).await {
        board.received(events(&buffer[..len]));
    }
}

async fn poll(dialect: Rc<Dialect>, mut stream: TcpStream, board: Rc<Board>) {
    let (mut buffer, mut len) = (vec![0; READ_BYTES], 0);
    while let Ok(more @ 1..) = stream.read(&mut buffer[len..]).await {
        len += more;
        let Some(answer) = std::str::from_utf8(&buffer[..len]).ok().filter(|answer| is_whole(answer)) else {
            continue;
        };
        board.received(events(answer.as_bytes()));
        let Some(next) = dialect.next_poll(answer) else { return };
        len = 0;
        if stream.write_all(&next).await.is_err() {
            return;
        }
    }
}

fn is_whole(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse().ok())?
    });
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

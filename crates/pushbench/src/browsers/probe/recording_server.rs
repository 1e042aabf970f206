//! An HTTP/1.1 server that serves the page of a trial, and records the head of every request as it arrives.
//!
//! | path | response |
//! |---|---|
//! | `/isolated`, `/` | a page that is cross-origin isolated, and one that is not |
//! | `/clock…` | `CLOCK_MONOTONIC`, nanoseconds |
//! | `/hold…`, `/events…`, `/ws…` | a response, a stream of events, a WebSocket that stays open and silent |
//! | `/socket.io/…` | an Engine.IO session: the first poll opens it, later ones are held |
//! | any `POST` | `ok` |

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::page_files;

/// The longest head and the longest body that are read.
const LONGEST: usize = 64 * 1024;
const ISOLATED: &str =
    "cross-origin-opener-policy: same-origin\r\ncross-origin-embedder-policy: require-corp\r\n";
const SESSION: &str =
    r#"0{"sid":"browser-probe","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

/// A request's head as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordedHead {
    pub(super) line: String,
    /// Names and values, in order.
    pub(super) fields: Vec<(String, String)>,
}

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub(super) struct RecordingServer {
    address: SocketAddr,
    record: Arc<Record>,
    _task: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Record {
    heads: Mutex<Vec<RecordedHead>>,
    /// Each exchange that is held has one more.
    held: Arc<()>,
}

impl RecordingServer {
    /// Listens on a new port, and so has a new origin.
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let record = Arc::<Record>::default();
        let mut task = JoinSet::new();
        task.spawn(accept_all(listener, record.clone()));
        Ok(Self { address, record, _task: task })
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn held(&self) -> u32 {
        Arc::strong_count(&self.record.held) as u32 - 1
    }

    /// The first head whose request line starts with this.
    pub(super) fn head(&self, start: &str) -> Option<RecordedHead> {
        let heads = self.record.heads.lock().unwrap_or_else(PoisonError::into_inner);
        heads.iter().find(|head| head.line.starts_with(start)).cloned()
    }
}

impl RecordedHead {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split("\r\n").take_while(|line| !line.is_empty());
        let line = lines.next()?.to_owned();
        let field =
            |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Some(Self { line, fields: lines.map(field).collect::<Option<_>>()? })
    }

    fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// Reads a request's head and no byte after it; none at the end of the connection.
pub(super) async fn read_head(stream: &mut TcpStream) -> io::Result<Option<RecordedHead>> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        if text.len() == LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        match stream.read_u8().await {
            Ok(byte) => text.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let text = String::from_utf8(text).map_err(|_| io::ErrorKind::InvalidData)?;
    RecordedHead::parse(&text).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The response to a WebSocket's handshake (RFC 6455 §4.2.2); none if it is no handshake.
pub(super) fn switching(head: &RecordedHead) -> Option<String> {
    let accept = derive_accept_key(head.field("sec-websocket-key")?.as_bytes());
    Some(format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n"
    ))
}

async fn accept_all(listener: TcpListener, record: Arc<Record>) {
    // Dropped with the task, which ends the connections.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(stream, record.clone()));
    }
}

async fn serve(mut stream: TcpStream, record: Arc<Record>) -> io::Result<()> {
    while let Some(head) = read_head(&mut stream).await? {
        skip_body(&mut stream, &head).await?;
        record.heads.lock().unwrap_or_else(PoisonError::into_inner).push(head.clone());
        match response(&head) {
            Reply::Complete(response) => stream.write_all(&response).await?,
            Reply::Endless(start) => {
                let _held = Arc::clone(&record.held);
                stream.write_all(start.as_bytes()).await?;
                // Until the client closes.
                tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn skip_body(stream: &mut TcpStream, head: &RecordedHead) -> io::Result<()> {
    let len = head.field("content-length").and_then(|len| len.parse().ok()).unwrap_or(0);
    if len > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    stream.read_exact(&mut vec![0; len]).await.map(|_| ())
}

enum Reply {
    Complete(Vec<u8>),
    /// The start of a response that does not end.
    Endless(String),
}

fn response(head: &RecordedHead) -> Reply {
    let path = head.path();
    let held = |start: &str| Reply::Endless(start.to_owned());
    match path {
        _ if head.line.starts_with("POST ") => ok("text/plain", "", b"ok"),
        _ if path.starts_with("/clock") => ok("text/plain", "", os::now_ns().to_string().as_bytes()),
        _ if path.starts_with("/hold") => held(""),
        _ if path.starts_with("/events") => held(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n\r\n: open\n\n",
        ),
        _ if path.starts_with("/ws") => switching(head).map_or_else(not_found, Reply::Endless),
        _ if path.starts_with("/socket.io/") && path.contains("sid=") => held(""),
        _ if path.starts_with("/socket.io/") => ok("text/plain; charset=UTF-8", "", SESSION.as_bytes()),
        _ => {
            let (path, fields) = if path == "/isolated" { ("/", ISOLATED) } else { (path, "") };
            let file = page_files::of_a_trial().find(|file| file.path == path);
            file.map_or_else(not_found, |file| ok(file.media_type, fields, file.body))
        }
    }
}

fn ok(kind: &str, fields: &str, body: &[u8]) -> Reply {
    let len = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncache-control: no-store\r\n{fields}content-length: {len}\r\n\r\n"
    );
    Reply::Complete([head.as_bytes(), body].concat())
}

fn not_found() -> Reply {
    Reply::Complete("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_keeps_names_and_order() {
        let head = RecordedHead::parse("GET /x HTTP/1.1\r\nHost: a:1\r\nsec-ch-ua: \"b\"\r\n\r\n").unwrap();
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(head.fields, [field("Host", "a:1"), field("sec-ch-ua", "\"b\"")]);
        assert_eq!((head.path(), head.field("host")), ("/x", Some("a:1")));
        assert_eq!(RecordedHead::parse("GET / HTTP/1.1\r\nno field\r\n\r\n"), None);
    }
}

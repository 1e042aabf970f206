//! A server that has dozens of events for every read: it writes runs of them as fast as they are taken.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::Range;

use protocol::Stamp;
use protocol::deflate::Kind;
use protocol::message::{PayloadKind, set_seq};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::Outcome;

/// Connections at a time.
pub(crate) const CONNECTIONS: u32 = 4;
/// Events of all connections together.
pub(crate) const EVENTS: u64 = 4_000_000;
/// A client that begins like this gets the events without any handshake.
pub(crate) const BARE: &[u8] = b"bare";
/// Events in a write.
const RUN: u64 = 64;
const EACH: u64 = EVENTS / CONNECTIONS as u64;
const PAYLOAD: [u8; 64] = [b'x'; 64];

/// How events stand in the stream.
struct Format {
    /// What is said before them.
    head: fn(request: &[u8]) -> Vec<u8>,
    /// What stands before and behind a message.
    frame: fn(message: &[u8]) -> [Vec<u8>; 2],
    /// Whether a run is a chunk (RFC 9112 §7.1).
    chunked: bool,
    /// What is said behind them: the last chunk, or a close frame with the code for a normal end (RFC 6455 §5.5.1).
    end: Option<&'static [u8]>,
}

/// Serves [`CONNECTIONS`] clients at a time, for ever; says on standard output where.
pub(crate) fn serve(format: &str) -> Outcome<()> {
    let format = format_of(format)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    std::thread::scope(|scope| {
        for stream in listener.incoming().take(CONNECTIONS as usize) {
            let (stream, format) = (stream?, &format);
            scope.spawn(move || {
                if let Err(error) = flood(stream, format) {
                    eprintln!("warning: a flood broke off: {error}");
                }
            });
        }
        Ok(())
    })
}

fn format_of(name: &str) -> Outcome<Format> {
    Ok(match name {
        "websocket" => Format {
            head: switching,
            frame: |message| {
                let frame = protocol::websocket::encode(Kind::Text, message);
                [frame[..frame.len() - message.len()].to_vec(), Vec::new()]
            },
            chunked: false,
            end: Some(b"\x88\x02\x03\xe8"),
        },
        "ndjson" => Format {
            head: |_| stream_head(protocol::lines::MEDIA_TYPE),
            frame: |_| [Vec::new(), b"\n".to_vec()],
            chunked: true,
            end: Some(b"0\r\n\r\n"),
        },
        "sse" => Format {
            head: |_| stream_head(protocol::sse::MEDIA_TYPE),
            frame: |_| [b"data: ".to_vec(), b"\n\n".to_vec()],
            chunked: true,
            end: Some(b"0\r\n\r\n"),
        },
        "raw-tcp" => Format {
            head: |_| Vec::new(),
            frame: |message| [u32::try_from(message.len()).unwrap_or(0).to_be_bytes().to_vec(), Vec::new()],
            chunked: false,
            end: None,
        },
        _ => return Err(format!("there is no flood `{name}`").into()),
    })
}

fn stream_head(media_type: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ntransfer-encoding: chunked\r\n\r\n")
        .into_bytes()
}

/// RFC 6455 §4.2.2.
fn switching(request: &[u8]) -> Vec<u8> {
    let request = String::from_utf8_lossy(request);
    let named = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.to_owned())
    };
    let key = request.lines().find_map(named).unwrap_or_default();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    )
    .into_bytes()
}

/// Answers, and writes all runs.
fn flood(mut stream: TcpStream, format: &Format) -> Outcome<()> {
    stream.set_nodelay(true)?;
    let mut request = vec![0; 4096];
    let len = stream.read(&mut request)?;
    if &request[..len] != BARE {
        stream.write_all(&(format.head)(&request[..len]))?;
    }
    let mut run = Run::new(format);
    for first in (1..=EACH).step_by(RUN as usize) {
        stream.write_all(run.numbered(first)?)?;
    }
    if let Some(end) = format.end {
        stream.write_all(end)?;
    }
    stream.shutdown(Shutdown::Write)?;
    // What the client says to that.
    while stream.read(&mut request)? > 0 {}
    Ok(())
}

/// Events one behind the other.
struct Run {
    bytes: Vec<u8>,
    /// Where the messages are.
    messages: Vec<Range<usize>>,
}

impl Run {
    fn new(format: &Format) -> Self {
        let stamp = Stamp { seq: 1, intended_ns: 1, actual_ns: 1 };
        let message = protocol::Message { stamp, payload: &PAYLOAD, kind: PayloadKind::Text }.to_bytes();
        let [before, behind] = (format.frame)(&message);
        let event_len = before.len() + message.len() + behind.len();
        let mut bytes = Vec::new();
        if format.chunked {
            bytes.extend(format!("{:x}\r\n", event_len * RUN as usize).into_bytes());
        }
        let mut messages = Vec::new();
        for _ in 0..RUN {
            bytes.extend(&before);
            messages.push(bytes.len()..bytes.len() + message.len());
            bytes.extend(&message);
            bytes.extend(&behind);
        }
        if format.chunked {
            bytes.extend(b"\r\n");
        }
        Self { bytes, messages }
    }

    fn numbered(&mut self, first: u64) -> Outcome<&[u8]> {
        for (seq, place) in (first..).zip(&self.messages) {
            set_seq(&mut self.bytes[place.clone()], seq)?;
        }
        Ok(&self.bytes)
    }
}

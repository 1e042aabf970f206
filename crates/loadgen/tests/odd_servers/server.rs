//! A server of the tests' own: ordinary, but for what a script has in the place of the ordinary bytes.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use protocol::websocket::{Kind, encode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// What a server sends. Texts may hold `{n}`, an event's number in its channel; `{message}`, the message as it was posted;
/// `{json}`, the same as a text of JSON without its quotes; `{len}`, the length of a poll's body; `{accept}`, the key of a WebSocket;
/// `{agreed}`, the agreement to permessage-deflate if the client offers it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    /// The head of the answer to a subscriber.
    pub(crate) head: &'static str,
    /// What stands before the first event of a stream or of a poll's body.
    pub(crate) first: &'static str,
    pub(crate) event: &'static str,
    /// What separates events in a poll's body, and what follows the last one.
    pub(crate) between: &'static str,
    pub(crate) last: &'static str,
    pub(crate) wrapping: Wrapping,
    /// Once to each subscriber, in the place of this event, these bytes and then the connection's end.
    pub(crate) cut: Option<(usize, &'static str)>,
    /// What of a message gets into events.
    pub(crate) edit: fn(&str) -> String,
    /// Whether every subscriber gets the events of all channels.
    pub(crate) mixes_channels: bool,
    /// The answer to a post. It ends with the connection if it has no length.
    pub(crate) posted: &'static str,
    /// So long it takes.
    pub(crate) posted_after: Duration,
    /// Whether the head of a stream comes with the first event only.
    pub(crate) delays_head: bool,
    pub(crate) hang_up: HangUp,
}

/// When it closes a connection, such as one on which events are posted, without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HangUp {
    Never,
    /// When nothing was asked for so long; by a reset.
    Idle(Duration),
    /// When a second event comes, which it does not take.
    SecondPost,
    /// Not these, but every stream as soon as it has begun.
    Streams,
}

/// What is round a stream's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrapping {
    Nothing,
    /// Chunks, whose sizes have so many digits at least.
    Chunks(usize),
    /// The same, with a gzip member in each.
    GzipMembers,
    /// Frames of WebSocket; a NUL parts two of them.
    Frames,
    /// The answer to a poll, which waits for something to send.
    Poll,
}

struct State {
    script: Script,
    /// By the channel.
    logs: HashMap<String, Vec<String>>,
    streams: Vec<Stream>,
    subscriptions: Arc<AtomicU32>,
}

struct Stream {
    socket: TcpStream,
    channel: String,
    /// What was to be sent before the first event.
    begin: Vec<u8>,
    was_cut: bool,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

/// How long a poll waits.
const HOLD: Duration = Duration::from_millis(100);

/// Starts a server, whose threads end with the connections. It counts its subscriptions.
pub(crate) fn start(script: Script) -> (SocketAddr, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let subscriptions = Arc::<AtomicU32>::default();
    let state = State {
        script,
        logs: HashMap::new(),
        streams: Vec::new(),
        subscriptions: Arc::clone(&subscriptions),
    };
    let shared = Arc::new((Mutex::new(state), Condvar::new()));
    thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let shared = Arc::clone(&shared);
            // A client that goes away ends its thread.
            thread::spawn(move || drop(serve(socket, &shared)));
        }
    });
    (address, subscriptions)
}

fn serve(socket: TcpStream, shared: &Shared) -> io::Result<()> {
    let hang_up = shared.0.lock().unwrap().script.hang_up;
    if let HangUp::Idle(limit) = hang_up {
        socket.set_read_timeout(Some(limit))?;
        rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
    }
    let mut posts = 0;
    let (mut answers, mut requests) = (socket.try_clone()?, BufReader::new(socket));
    while let Some(request) = Request::read(&mut requests)? {
        let script = shared.0.lock().unwrap().script;
        if request.line.starts_with("POST") {
            posts += 1;
            if posts == 2 && hang_up == HangUp::SecondPost {
                return Ok(());
            }
            shared.0.lock().unwrap().publish(&request);
            shared.1.notify_all();
            thread::sleep(script.posted_after);
            answers.write_all(script.posted.as_bytes())?;
            let has_end = ["content-length", "chunked"].iter().any(|word| script.posted.contains(word));
            if script.posted.contains("connection: close") || !has_end {
                return answers.shutdown(Shutdown::Both);
            }
        } else if script.wrapping == Wrapping::Poll {
            answers.write_all(&poll(&request, shared))?;
        } else {
            shared.0.lock().unwrap().subscribe(&request, answers.try_clone()?)?;
        }
    }
    Ok(())
}

fn poll(request: &Request, shared: &Shared) -> Vec<u8> {
    let (channel, after) = (request.parameter("channel"), request.parameter("after").parse().unwrap_or(0));
    let has_none = |state: &mut State| state.logs.entry(channel.clone()).or_default().len() <= after;
    let state = shared.1.wait_timeout_while(shared.0.lock().unwrap(), HOLD, has_none).unwrap().0;
    let Script { head, first, between, last, .. } = state.script;
    let events: Vec<_> = (after..state.logs[&channel].len()).map(|at| state.event(&channel, at)).collect();
    if events.is_empty() {
        return b"HTTP/1.1 204 No Content\r\n\r\n".to_vec();
    }
    let body = format!("{first}{}{last}", events.join(between));
    [head.replace("{len}", &body.len().to_string()), body].concat().into_bytes()
}

impl State {
    fn publish(&mut self, request: &Request) {
        let channel = request.parameter("channel");
        let log = self.logs.entry(channel.clone()).or_default();
        log.push((self.script.edit)(&request.body));
        let at = log.len() - 1;
        let mut streams = std::mem::take(&mut self.streams);
        streams.retain_mut(|stream| {
            if stream.channel != channel && !self.script.mixes_channels {
                return true;
            }
            let begin = std::mem::take(&mut stream.begin);
            match self.script.cut {
                Some((nth, bytes)) if nth == at + 1 && !stream.was_cut => {
                    let _ = stream.socket.write_all(&self.wrapped(bytes));
                    let _ = stream.socket.shutdown(Shutdown::Write);
                    false
                }
                // An error says that the trial is over.
                _ => stream
                    .socket
                    .write_all(&[begin, self.wrapped(&self.event(&channel, at))].concat())
                    .is_ok(),
            }
        });
        self.streams = streams;
    }

    fn subscribe(&mut self, request: &Request, mut socket: TcpStream) -> io::Result<()> {
        let channel = request.parameter("channel");
        let key = request.field("sec-websocket-key").unwrap_or_default();
        let agreed = "sec-websocket-extensions: permessage-deflate\r\n";
        let agreed = request.field("sec-websocket-extensions").map_or("", |_| agreed);
        let head = self.script.head.replace("{accept}", &derive_accept_key(key.as_bytes()));
        let head = head.replace("{agreed}", agreed);
        let mut begin = head.into_bytes();
        if !self.script.first.is_empty() {
            begin.extend(self.wrapped(self.script.first));
        }
        if !self.script.delays_head {
            socket.write_all(&std::mem::take(&mut begin))?;
        }
        self.subscriptions.fetch_add(1, Ordering::Relaxed);
        if self.script.hang_up == HangUp::Streams {
            return socket.shutdown(Shutdown::Both);
        }
        // Nobody has anything before the first event, so a subscriber without an id has lost its connection and all.
        let last = request.field("last-event-id").map(|id| id.parse().unwrap_or(0));
        let log_len = self.logs.get(&channel).map_or(0, Vec::len);
        for at in last.unwrap_or(0)..log_len {
            socket.write_all(&self.wrapped(&self.event(&channel, at)))?;
        }
        self.streams.push(Stream { socket, channel, begin, was_cut: log_len > 0 });
        Ok(())
    }

    fn event(&self, channel: &str, at: usize) -> String {
        let message = &self.logs[channel][at];
        let json = serde_json::to_string(message).unwrap();
        let event = self.script.event.replace("{n}", &(at + 1).to_string());
        event.replace("{json}", &json[1..json.len() - 1]).replace("{message}", message)
    }

    fn wrapped(&self, text: &str) -> Vec<u8> {
        let chunk = |bytes: &[u8], digits: usize| {
            [format!("{:0digits$x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
        };
        match self.script.wrapping {
            Wrapping::Nothing | Wrapping::Poll => text.as_bytes().to_vec(),
            Wrapping::Chunks(digits) => chunk(text.as_bytes(), digits),
            Wrapping::GzipMembers => {
                let mut member = GzEncoder::new(Vec::new(), Compression::default());
                member.write_all(text.as_bytes()).unwrap();
                chunk(&member.finish().unwrap(), 1)
            }
            Wrapping::Frames => {
                text.split('\0').flat_map(|frame| encode(Kind::Text, frame.as_bytes()).to_vec()).collect()
            }
        }
    }
}

struct Request {
    line: String,
    fields: HashMap<String, String>,
    body: String,
}

impl Request {
    /// The next one; none when the connection is over, or speaks WebSocket.
    fn read(requests: &mut BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let mut lines = requests.by_ref().lines();
        let Some(line) = lines.next().transpose()? else { return Ok(None) };
        let mut fields = HashMap::new();
        for field in lines.map_while(Result::ok).take_while(|field| !field.is_empty()) {
            let (name, value) = field.split_once(':').unwrap_or_default();
            fields.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = fields.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        requests.read_exact(&mut body)?;
        Ok(Some(Self { line, fields, body: String::from_utf8_lossy(&body).into_owned() }))
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    fn parameter(&self, name: &str) -> String {
        let query = self.line.split([' ', '?']).nth(2).unwrap_or_default();
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
    }
}

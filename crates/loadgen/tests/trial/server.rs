//! A server of one channel over raw TCP, with threads and blocking sockets, that follows a script.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::{Bytes, BytesMut};
use protocol::frame::{self, Decoder};
use protocol::message::{Message, PayloadKind, Stamp, set_seq};
use protocol::{Resume, Start};
use tempfile::TempDir;

/// What the server does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    /// Which events go out when this one has come, as distances from it.
    pub(crate) deliver: fn(u64) -> &'static [i64],
    /// Cuts every connection instead of delivering this event.
    pub(crate) cut_at: Option<u64>,
    /// Closes the feed when this event has come.
    pub(crate) leave_at: Option<u64>,
    pub(crate) greet: bool,
    /// What it sends in a message's place.
    pub(crate) content: Content,
}

/// What a server sends for an event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    Message,
    /// The same with a stamp that cannot be read.
    Malformed,
    /// The same with one byte of payload more.
    Longer,
    /// The same with another byte in the payload.
    Garbled,
    Text(&'static [u8]),
}

impl Content {
    fn frame(self, message: &mut [u8]) -> Bytes {
        match self {
            Self::Message => frame::encode(message),
            Self::Malformed => {
                message[20] = b'!';
                frame::encode(message)
            }
            Self::Longer => frame::encode(&[&message[..50], b" ", &message[50..]].concat()),
            Self::Garbled => {
                message[50] = b'#';
                frame::encode(message)
            }
            Self::Text(text) => frame::encode(text),
        }
    }
}

impl Default for Script {
    fn default() -> Self {
        Self { deliver: |_| &[0], cut_at: None, leave_at: None, greet: false, content: Content::Message }
    }
}

/// A running server. Its threads end with their connections.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) feed: PathBuf,
    _folder: TempDir,
}

/// The channel: what was published, and who is subscribed.
struct Channel {
    script: Script,
    log: Vec<Bytes>,
    subscribers: Vec<TcpStream>,
}

impl Server {
    pub(crate) fn start(script: Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let feed = folder.path().join("feed");
        let (feeds, subscribers) =
            (UnixListener::bind(&feed).unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let address = subscribers.local_addr().unwrap();
        let channel = Arc::new(Mutex::new(Channel { script, log: Vec::new(), subscribers: Vec::new() }));
        let published = Arc::clone(&channel);
        thread::spawn(move || publish_all(feeds.accept().unwrap().0, &published));
        thread::spawn(move || {
            for subscriber in subscribers.incoming().map_while(Result::ok) {
                let channel = Arc::clone(&channel);
                thread::spawn(move || subscribe(subscriber, &channel));
            }
        });
        Self { address, feed, _folder: folder }
    }
}

impl Channel {
    fn publish(&mut self, message: &[u8]) {
        let seq = self.log.len() as u64 + 1;
        let mut message = BytesMut::from(message);
        set_seq(&mut message, seq).unwrap();
        self.log.push(self.script.content.frame(&mut message));
        if self.script.cut_at == Some(seq) {
            for subscriber in self.subscribers.drain(..) {
                subscriber.shutdown(Shutdown::Both).unwrap();
            }
        }
        for distance in (self.script.deliver)(seq) {
            let frame = &self.log[(seq.cast_signed() + distance - 1) as usize];
            for subscriber in &mut self.subscribers {
                // An error says that the trial is over.
                let _ = subscriber.write_all(frame);
            }
        }
    }

    fn join(&mut self, mut subscriber: TcpStream, resume: Resume) -> io::Result<()> {
        match resume.start {
            Start::After(seq) => subscriber.write_all(&self.log[seq as usize..].concat())?,
            Start::Fresh if self.script.greet => subscriber.write_all(&self.greeting())?,
            Start::Fresh => {}
        }
        self.subscribers.push(subscriber);
        Ok(())
    }

    fn greeting(&self) -> Bytes {
        let stamp = Stamp { seq: self.log.len() as u64, intended_ns: 0, actual_ns: 0 };
        frame::encode(&Message { stamp, payload: b"{}", kind: PayloadKind::Json }.to_bytes())
    }
}

fn publish_all(mut feed: impl Read, channel: &Mutex<Channel>) {
    let mut decoder = Decoder::new(10_000);
    while let Some(body) = next_body(&mut feed, &mut decoder) {
        let (_, message) = frame::decode_feed(body).unwrap();
        let mut channel = channel.lock().unwrap();
        channel.publish(&message);
        if channel.script.leave_at == Some(channel.log.len() as u64) {
            return;
        }
    }
}

fn subscribe(mut stream: TcpStream, channel: &Mutex<Channel>) {
    let mut decoder = Decoder::new(10_000);
    let Some(hello) = next_body(&mut stream, &mut decoder) else { return };
    let resume = Resume::from_query(std::str::from_utf8(&hello).unwrap()).unwrap();
    if channel.lock().unwrap().join(stream.try_clone().unwrap(), resume).is_err() {
        return;
    }
    while let Some(message) = next_body(&mut stream, &mut decoder) {
        channel.lock().unwrap().publish(&message);
    }
}

pub(crate) fn next_body(stream: &mut impl Read, decoder: &mut Decoder) -> Option<Bytes> {
    let mut part = [0; 4096];
    loop {
        if let Some(body) = decoder.next_body().unwrap() {
            return Some(body);
        }
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return None,
            Ok(read) => decoder.buffer().extend_from_slice(&part[..read]),
        }
    }
}

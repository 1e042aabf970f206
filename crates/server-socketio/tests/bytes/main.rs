//! A Socket.IO client that knows nothing but bytes: literal requests and frames to the server, and back.

mod polling;
mod protocol_tests;
mod websocket;

use server_kit::Settings;
use server_kit::settings::Limits;
use test_support::exchange::{Step, all, expect, open};
use test_support::http::{self, reply};
use test_support::server::{DATE, Peer, Running, limited, start};
use test_support::websocket::{ACCEPT, KEY, text, unmasked};

/// What a session id is made of: 12 random bytes in base64.
const SID_LEN: usize = 16;

async fn server(settings: Settings) -> Running {
    start(server_socketio::encode(&settings), settings, server_socketio::serve).await
}

/// With messages of up to so many bytes.
fn messages_of(message_bytes: usize) -> Settings {
    limited(Limits { message_bytes, ..Limits::default() })
}

fn target(transport: &str, sid: Option<&str>) -> String {
    let sid = sid.map(|sid| format!("&sid={sid}")).unwrap_or_default();
    format!("/socket.io/?EIO=4&transport={transport}{sid}")
}

/// A poll's request; its session, if it has one already.
fn get(sid: Option<&str>) -> String {
    http::get(&target("polling", sid))
}

fn post(sid: &str, body: &str) -> Vec<u8> {
    http::post(&target("polling", Some(sid)), body)
}

/// A WebSocket handshake; the session that it is to take over, if there is one.
fn handshake(sid: Option<&str>) -> String {
    test_support::websocket::handshake(&target("websocket", sid), KEY)
}

fn accepted() -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {ACCEPT}\r\ndate: {DATE}\r\n\r\n"
    )
}

/// The answer to a poll or a post.
fn ok(body: &str) -> String {
    reply("200 OK", "content-type: text/plain; charset=UTF-8\r\n", body)
}

/// The answer that says what is wrong in JSON.
fn wrong(code: u8, message: &str) -> String {
    let body = format!(r#"{{"code":"{code}","message":"{message}"}}"#);
    reply("400 Bad Request", "content-type: application/json\r\n", &body)
}

/// The answer to a session that is not there.
fn unknown() -> String {
    wrong(1, "Session ID unknown")
}

/// The answer that does not say what is wrong.
fn bad() -> String {
    reply("400 Bad Request", "", "")
}

/// A new connection, what it sends, and the answer.
fn asks(request: impl AsRef<[u8]>, answer: impl AsRef<[u8]>) -> Step {
    all([open(request), expect(answer)])
}

/// A session by polling, and the connection that it began on.
struct Polling {
    peer: Peer,
    sid: String,
}

impl Polling {
    async fn open(server: &Running) -> Self {
        let mut peer = server.send(get(None)).await;
        peer.until(b"0{\"sid\":\"").await;
        let sid = String::from_utf8(peer.take(SID_LEN).await).expect("a session id is text");
        peer.until(b"}").await;
        Self { peer, sid }
    }

    /// A server with such settings, and a session.
    async fn opened(settings: Settings) -> (Running, Self) {
        let server = server(settings).await;
        let session = Self::open(&server).await;
        (server, session)
    }

    /// The same, and it has joined.
    async fn joined(settings: Settings) -> (Running, Self) {
        let server = server(settings).await;
        let session = Self::join(&server, "").await;
        (server, session)
    }

    /// A session that has joined with this `auth`, and fetched that it has.
    async fn join(server: &Running, auth: &str) -> Self {
        let mut session = Self::open(server).await;
        session.post(&format!("40{auth}")).await;
        assert_eq!(session.poll().await, session.connect());
        session
    }

    /// The packet by which a client learns that it has joined.
    fn connect(&self) -> String {
        format!("40{{\"sid\":\"{}\"}}", self.sid)
    }

    /// Posts packets that are taken.
    async fn post(&mut self, body: &str) {
        self.peer.send(post(&self.sid, body)).await;
        self.peer.expect(ok("ok")).await;
    }

    async fn ask(&mut self) {
        self.peer.send(get(Some(&self.sid))).await;
    }

    /// What a poll brings.
    async fn poll(&mut self) -> String {
        self.ask().await;
        self.answer().await
    }

    /// The answer to a poll of a session that has ended.
    async fn expect_ended(&mut self) {
        self.ask().await;
        self.peer.expect(unknown()).await;
    }

    /// The body of the answer to what was asked.
    async fn answer(&mut self) -> String {
        let head = self.peer.until(b"\r\n\r\n").await;
        let head = String::from_utf8(head).expect("a head is text");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        let len = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let len = len.and_then(|len| len.parse().ok()).expect("a length");
        String::from_utf8(self.peer.take(len).await).expect("packets are text")
    }

    /// Polls up to the body that holds this packet; what came beside it.
    async fn until(&mut self, packet: &str) -> Vec<String> {
        let mut packets = Vec::new();
        loop {
            packets.extend(self.poll().await.split('\x1e').map(str::to_owned));
            if let Some(found) = packets.iter().position(|one| one == packet) {
                packets.remove(found);
                return packets;
            }
        }
    }
}

/// The WebSocket that is to take over this session, or that begins one.
async fn connected(server: &Running, sid: Option<&str>) -> Peer {
    let mut peer = server.send(handshake(sid)).await;
    peer.expect(accepted()).await;
    peer
}

/// The same, and the server has answered its probe.
async fn probed(server: &Running, sid: &str) -> Peer {
    let mut peer = connected(server, Some(sid)).await;
    probe(&mut peer).await;
    peer
}

async fn probe(peer: &mut Peer) {
    peer.send(text("2probe")).await;
    peer.expect(packet("3probe")).await;
}

/// A session by WebSocket from the start that has joined with this `auth`.
async fn joined(server: &Running, auth: &str) -> Peer {
    let mut peer = connected(server, None).await;
    peer.until("}").await;
    peer.send(text(format!("40{auth}"))).await;
    peer.expect(b"\x81\x1c40{\"sid\":\"").await;
    peer.until("}").await;
    peer
}

/// The server's text frame.
fn packet(payload: &str) -> Vec<u8> {
    unmasked(0x81, payload)
}

/// A message as the event that carries it.
fn event(message: impl AsRef<[u8]>) -> String {
    format!("42[\"message\",{}]", String::from_utf8_lossy(message.as_ref()))
}

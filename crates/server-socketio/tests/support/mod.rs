//! A Socket.IO client that knows nothing but bytes.

// Each test binary uses its own part.
#![allow(dead_code)]

use server_kit::Settings;
use server_kit::testing::{DATE, Peer, Running, start};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// What a session id is made of: 12 random bytes in base64.
const SID_LEN: usize = 16;

pub(crate) async fn server(settings: Settings) -> Running {
    start(server_socketio::encode, settings, server_socketio::serve).await
}

/// A poll's request; its session, if it has one already.
pub(crate) fn get(sid: Option<&str>) -> String {
    let sid = sid.map(|sid| format!("&sid={sid}")).unwrap_or_default();
    format!("GET /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nhost: x\r\n\r\n")
}

pub(crate) fn post(sid: &str, body: &str) -> String {
    let len = body.len();
    format!(
        "POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nhost: x\r\ncontent-length: {len}\r\n\r\n{body}"
    )
}

/// A WebSocket handshake; the session that it is to take over, if there is one.
pub(crate) fn handshake(sid: Option<&str>) -> String {
    let sid = sid.map(|sid| format!("&sid={sid}")).unwrap_or_default();
    format!(
        "GET /socket.io/?EIO=4&transport=websocket{sid} HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

pub(crate) fn accepted() -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\ndate: {DATE}\r\n\r\n"
    )
}

/// The answer to a poll or a post.
pub(crate) fn ok(body: &str) -> String {
    let len = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=UTF-8\r\ncontent-length: {len}\r\ndate: {DATE}\r\n\r\n{body}"
    )
}

/// The answer that says what is wrong in JSON.
pub(crate) fn wrong(body: &str) -> String {
    let len = body.len();
    format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len}\r\ndate: {DATE}\r\n\r\n{body}"
    )
}

/// The answer to a session that is not there.
pub(crate) fn unknown() -> String {
    wrong(r#"{"code":"1","message":"Session ID unknown"}"#)
}

/// The answer that does not say what is wrong.
pub(crate) fn bad() -> String {
    format!("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ndate: {DATE}\r\n\r\n")
}

/// A session by polling, and the connection that it began on.
pub(crate) struct Polling {
    pub(crate) peer: Peer,
    pub(crate) sid: String,
}

impl Polling {
    pub(crate) async fn open(server: &Running) -> Self {
        let mut peer = server.send(get(None)).await;
        peer.until(b"0{\"sid\":\"").await;
        let sid = String::from_utf8(peer.take(SID_LEN).await).expect("a session id is text");
        peer.until(b"}").await;
        Self { peer, sid }
    }

    /// A session that has joined with this `auth`, and fetched that it has.
    pub(crate) async fn join(server: &Running, auth: &str) -> Self {
        let mut session = Self::open(server).await;
        session.post(&format!("40{auth}")).await;
        assert_eq!(session.poll().await, format!("40{{\"sid\":\"{}\"}}", session.sid));
        session
    }

    /// Posts packets that are taken.
    pub(crate) async fn post(&mut self, body: &str) {
        self.peer.send(post(&self.sid, body)).await;
        self.peer.expect(ok("ok")).await;
    }

    pub(crate) async fn ask(&mut self) {
        self.peer.send(get(Some(&self.sid))).await;
    }

    /// What a poll brings.
    pub(crate) async fn poll(&mut self) -> String {
        self.ask().await;
        self.answer().await
    }

    /// The body of the answer to what was asked.
    pub(crate) async fn answer(&mut self) -> String {
        let head = self.peer.until(b"\r\n\r\n").await;
        let head = String::from_utf8(head).expect("a head is text");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        let len = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let len = len.and_then(|len| len.parse().ok()).expect("a length");
        String::from_utf8(self.peer.take(len).await).expect("packets are text")
    }

    /// Polls up to the body that holds this packet; what came beside it.
    pub(crate) async fn until(&mut self, packet: &str) -> Vec<String> {
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

/// A session by WebSocket from the start: its connection, which has read the open packet.
pub(crate) async fn open(server: &Running) -> Peer {
    let mut peer = server.send(handshake(None)).await;
    peer.expect(accepted()).await;
    peer.until(b"}").await;
    peer
}

/// One that has joined with this `auth`.
pub(crate) async fn join(server: &Running, auth: &str) -> Peer {
    let mut peer = open(server).await;
    peer.send(text(format!("40{auth}"))).await;
    peer.expect(b"\x81\x1c40{\"sid\":\"").await;
    peer.until(b"}").await;
    peer
}

/// A client's text frame.
pub(crate) fn text(payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(0x81, payload.as_ref())
}

/// A masked frame; `first` holds the final bit and the opcode.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = said(first, payload);
    out[1] |= 0x80;
    let payload_at = out.len() - payload.len();
    out.splice(
        payload_at..,
        MASK.into_iter().chain(payload.iter().zip(MASK.iter().cycle()).map(|(b, m)| b ^ m)),
    );
    out
}

/// The server's text frame.
pub(crate) fn packet(payload: &str) -> Vec<u8> {
    said(0x81, payload.as_bytes())
}

fn said(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ ..126 => out.push(len as u8),
        len @ ..65_536 => {
            out.push(126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

/// A message as the event that carries it.
pub(crate) fn event(message: impl AsRef<[u8]>) -> String {
    format!("42[\"message\",{}]", String::from_utf8_lossy(message.as_ref()))
}

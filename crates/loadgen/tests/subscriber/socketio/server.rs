//! A server of Engine.IO that says literal bytes.

use model::settings::{Settings, SocketIo, SocketIoTransports};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Rig, agree, event, head, two_way};

/// What an open packet says whose pings are not waited for.
pub(super) const OPEN: &str =
    r#"0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":200}"#;
/// The server lets the client join.
pub(super) const JOINED: &str = r#"40{"sid":"xyz"}"#;
/// What a client asks that was never there.
pub(super) const CONNECT: &str = r#"40{"channel":0,"after":0}"#;

pub(super) fn by(transports: SocketIoTransports) -> Settings {
    Settings { socketio: SocketIo { transports }, ..two_way() }
}

/// The message of this number as the event that carries it.
pub(super) fn message(seq: u64) -> String {
    format!("42[\"message\",{}]", String::from_utf8(event(seq)).unwrap())
}

/// The next request, its value against caches left out, and its body.
pub(super) async fn request(stream: &mut TcpStream) -> (String, String) {
    let head = head(stream).await;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    let line = head.lines().next().unwrap();
    let asked = match line.split_once("&t=") {
        Some((before, behind)) => format!("{before}&t=…{}", &behind[8..]),
        None => line.to_owned(),
    };
    (asked, String::from_utf8(body).unwrap())
}

/// Says this as the answer to a poll or a post.
pub(super) async fn answer(stream: &mut TcpStream, body: &str) {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=UTF-8\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
}

/// Says that there is something wrong with what was asked.
pub(super) async fn refuse(stream: &mut TcpStream, status: &str, body: &str) {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
}

/// Takes in the first poll of a session, and opens it with this. Returns the connection of polls.
pub(super) async fn open(rig: &Rig, said: &str) -> TcpStream {
    let (mut polls, _) = rig.listener.accept().await.unwrap();
    assert_eq!(request(&mut polls).await.0, "GET /socket.io/?EIO=4&transport=polling&t=… HTTP/1.1");
    answer(&mut polls, said).await;
    polls
}

/// Takes in the first post, which asks to join. Returns the connection of posts.
pub(super) async fn take_connect(rig: &Rig) -> TcpStream {
    let (mut posts, _) = rig.listener.accept().await.unwrap();
    let (asked, body) = request(&mut posts).await;
    assert_eq!(asked, "POST /socket.io/?EIO=4&transport=polling&t=…&sid=abc HTTP/1.1");
    assert_eq!(body, CONNECT);
    answer(&mut posts, "ok").await;
    posts
}

/// A session by polling whose client has joined: the connections of polls and posts, a poll being under way.
pub(super) async fn joined(rig: &Rig) -> (TcpStream, TcpStream) {
    let mut polls = open(rig, OPEN).await;
    let posts = take_connect(rig).await;
    take_poll(&mut polls).await;
    answer(&mut polls, JOINED).await;
    take_poll(&mut polls).await;
    (polls, posts)
}

pub(super) async fn take_poll(polls: &mut TcpStream) {
    let asked = request(polls).await.0;
    assert_eq!(asked, "GET /socket.io/?EIO=4&transport=polling&t=…&sid=abc HTTP/1.1");
}

/// A frame of the server's (RFC 6455 §5.2), of fewer than 126 bytes.
pub(super) fn frame(opcode: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).ok().filter(|&length| length < 126).unwrap();
    [&[0x80 | opcode, length], content].concat()
}

/// Says this in a text frame.
pub(super) async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(&frame(1, text.as_bytes())).await.unwrap();
}

/// The next frame of the client's: its opcode, and its content without the mask.
pub(super) async fn next_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut start = [0; 6];
    stream.read_exact(&mut start).await.unwrap();
    let mut content = vec![0; usize::from(start[1] & 0x7f)];
    assert!(content.len() < 126, "a longer length is not read here");
    stream.read_exact(&mut content).await.unwrap();
    content.iter_mut().zip(start[2..].iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    (start[0] & 0x0f, content)
}

/// The next text frame of the client's.
pub(super) async fn next_text(stream: &mut TcpStream) -> String {
    let (opcode, content) = next_frame(stream).await;
    assert_eq!(opcode, 1);
    String::from_utf8(content).unwrap()
}

/// Takes in the WebSocket handshake of a session, or of a new one.
pub(super) async fn take_websocket(rig: &Rig, query: &str) -> TcpStream {
    let (mut stream, head) = rig.accept().await;
    let asked = format!("GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\n");
    assert!(head.starts_with(&asked), "{head}");
    agree(&mut stream, &head, "").await;
    stream
}

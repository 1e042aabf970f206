//! The clients: pushbench's own subscribers, and a raw socket.

use std::error::Error;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use loadgen::session::Session;
use loadgen::shard::{Shard, ShardSpec};
use loadgen::stop;
use loadgen::subscriber::{short_polling, websocket};
use schema::settings::{
    EmptyAnswer, Events, Frames, HeaderProfile, Http, LongPolling, Pace, Payload, Phases, Settings,
    ShortPolling, Subscribers, WebSocket,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use wire::message::PayloadKind;
use wire::{Resume, Stamp};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Connections at a time.
pub(crate) const CONNECTIONS: u32 = 32;
/// Operations of all connections together.
pub(crate) const OPERATIONS: u64 = 200_000;
const EACH: u64 = OPERATIONS / CONNECTIONS as u64;
const PAYLOAD: [u8; 78] = [b'x'; 78];

/// Does [`OPERATIONS`] operations of `kind` against the server at `address`.
pub(crate) fn run(kind: &str, address: &str) -> Outcome<()> {
    let address: SocketAddr = address.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        match kind {
            "poll" => poll(address).await,
            "websocket" => all(address, echo).await,
            "raw" => all(address, echo_raw).await,
            _ => Err(format!("there is no client `{kind}`").into()),
        }
    })
}

async fn all<F: Future<Output = Outcome<()>>>(address: SocketAddr, one: fn(Session) -> F) -> Outcome<()> {
    let (_stopper, stop) = stop::channel();
    let shard = shard(address, stop)?;
    let clients = (0..CONNECTIONS).map(|index| one(shard.session(index, index, None)));
    join_all(clients).await.into_iter().collect()
}

/// Polls as fast as the answers come, until as many requests are counted as were asked for.
async fn poll(address: SocketAddr) -> Outcome<()> {
    let (stopper, stop) = stop::channel();
    let shard = shard(address, stop)?;
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|index| tokio::task::spawn_local(short_polling::subscribe(shard.session(index, 0, None))))
        .collect();
    while shard.recorder().counters.requests < OPERATIONS {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    stopper.stop();
    for client in clients {
        client.await??;
    }
    Ok(())
}

/// A channel of its own, so that a message comes back to its sender only.
async fn echo(session: Session) -> Outcome<()> {
    let mut socket = websocket::connect(&session).await?;
    let text = Utf8Bytes::try_from(message())?;
    for _ in 0..EACH {
        socket.send(Message::Text(text.clone())).await?;
        match socket.next().await.ok_or("the server closed")?? {
            Message::Text(text) => session.received(text.as_bytes()),
            other => return Err(format!("an echo came back as {other:?}").into()),
        }
    }
    Ok(())
}

/// The least that a client can do: a ready-made frame out, as many bytes as its echo has in.
async fn echo_raw(session: Session) -> Outcome<()> {
    let mut stream = TcpStream::connect(session.address()).await?;
    stream.set_nodelay(true)?;
    upgrade(&mut stream, session.resume()).await?;
    let message = message();
    let frame = masked_frame(&message);
    // RFC 6455 §5.2: an unmasked frame of up to 125 bytes has a header of 2, of up to 65,535 one of 4.
    let mut echo = vec![0; message.len() + if message.len() <= 125 { 2 } else { 4 }];
    for _ in 0..EACH {
        stream.write_all(&frame).await?;
        stream.read_exact(&mut echo).await?;
    }
    Ok(())
}

async fn upgrade(stream: &mut TcpStream, resume: Resume) -> Outcome<()> {
    let request = format!(
        "GET {}?{resume} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        wire::paths::WEBSOCKET
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    if head.starts_with(b"HTTP/1.1 101") { Ok(()) } else { Err("the upgrade was refused".into()) }
}

/// A text frame with the mask 0, which leaves the bytes as they are (RFC 6455 §5.3).
fn masked_frame(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81, 0x80 | u8::try_from(message.len()).expect("the message is short")];
    frame.extend([0; 4]);
    frame.extend(message);
    frame
}

/// A message of 125 bytes.
fn message() -> Bytes {
    let stamp = Stamp { seq: 0, intended_ns: 1, actual_ns: 1 };
    wire::Message { stamp, payload: &PAYLOAD, kind: PayloadKind::Text }.to_bytes()
}

fn shard(address: SocketAddr, stop: stop::Stop) -> Outcome<Rc<Shard>> {
    let spec = ShardSpec {
        address,
        trust: None,
        settings: Arc::new(settings()),
        seed: 1,
        index: 0,
        stop,
        connected: Arc::default(),
    };
    Ok(Shard::new(spec)?)
}

fn settings() -> Settings {
    Settings {
        events: Events { rate_per_s: 0.0, pace: Pace::Constant, payload_bytes: 78, payload: Payload::Text },
        subscribers: Subscribers { count: CONNECTIONS, channels: CONNECTIONS, added_delay_ns: 0 },
        uplink: None,
        http: Http { headers: HeaderProfile::Minimal, keep_alive: true },
        short_polling: ShortPolling { interval_ns: 0, empty: EmptyAnswer::NoContent },
        long_polling: LongPolling { hold_ns: 1_000_000_000 },
        websocket: WebSocket { frames: Frames::Text },
        greeting: false,
        phases: Phases { warm_up_ns: 0, window_ns: 1, drain_ns: 0 },
        bound: None,
        ..Settings::default()
    }
}

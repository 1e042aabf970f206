//! The least that a client can do: ready-made frames out, as many bytes in, by epoll and nothing else.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::fd::OwnedFd;

use super::client::message;
use super::{CONNECTIONS, OPERATIONS, Outcome, flood};

/// Room for what comes at a time.
const ROOM: usize = 64 * 1024;

/// Echoes ready-made frames [`OPERATIONS`] times, or takes a whole flood.
pub(crate) fn run(kind: &str, address: &str) -> Outcome<()> {
    match kind {
        "echo" => echo(address),
        "flood" => take(address),
        _ => Err(format!("there is no raw client `{kind}`").into()),
    }
}

struct Client {
    stream: TcpStream,
    /// Bytes of the echo that have not come yet.
    left: usize,
    /// Echoes.
    to_do: u64,
}

fn echo(address: &str) -> Outcome<()> {
    let message = message();
    let frame = masked_frame(&message);
    // RFC 6455 §5.2: an unmasked frame of up to 125 bytes has a header of 2.
    let echo_len = 2 + message.len();
    let open = |channel| -> Outcome<Client> {
        let mut stream = connect(address)?;
        upgrade(&mut stream, channel)?;
        stream.write_all(&frame)?;
        Ok(Client { stream, left: echo_len, to_do: OPERATIONS / u64::from(CONNECTIONS) })
    };
    let mut clients = (0..CONNECTIONS).map(open).collect::<Outcome<Vec<_>>>()?;
    let (poll, mut room, mut running) =
        (watch(clients.iter().map(|client| &client.stream))?, [0; ROOM], clients.len());
    let mut events = Vec::with_capacity(clients.len());
    while running > 0 {
        epoll::wait(&poll, spare_capacity(&mut events), None)?;
        for event in events.drain(..) {
            let client = &mut clients[usize::try_from(event.data.u64())?];
            client.left -= read(&mut client.stream, &mut room)?.unwrap_or(0);
            if client.left > 0 || client.to_do == 0 {
                continue;
            }
            client.to_do -= 1;
            if client.to_do == 0 {
                running -= 1;
            } else {
                client.left = echo_len;
                client.stream.write_all(&frame)?;
            }
        }
    }
    Ok(())
}

/// Reads all that a flood has, and looks at none of it.
fn take(address: &str) -> Outcome<()> {
    let open = |_| -> Outcome<TcpStream> {
        let mut stream = connect(address)?;
        stream.write_all(flood::BARE)?;
        Ok(stream)
    };
    let mut streams = (0..flood::CONNECTIONS).map(open).collect::<Outcome<Vec<_>>>()?;
    let (poll, mut room, mut running) = (watch(&streams)?, vec![0; ROOM], streams.len());
    let mut events = Vec::with_capacity(streams.len());
    while running > 0 {
        epoll::wait(&poll, spare_capacity(&mut events), None)?;
        for event in events.drain(..) {
            let stream = &mut streams[usize::try_from(event.data.u64())?];
            if read(stream, &mut room)?.is_none() {
                epoll::delete(&poll, &*stream)?;
                running -= 1;
            }
        }
    }
    Ok(())
}

fn connect(address: &str) -> Outcome<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Watches for what comes; events carry the streams' places.
fn watch<'a>(streams: impl IntoIterator<Item = &'a TcpStream>) -> Outcome<OwnedFd> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (place, stream) in streams.into_iter().enumerate() {
        stream.set_nonblocking(true)?;
        epoll::add(&poll, stream, epoll::EventData::new_u64(place as u64), epoll::EventFlags::IN)?;
    }
    Ok(poll)
}

/// How much has come; none at the end.
fn read(stream: &mut TcpStream, room: &mut [u8]) -> Outcome<Option<usize>> {
    match stream.read(room) {
        Ok(0) => Ok(None),
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Some(0)),
        Err(error) => Err(error.into()),
    }
}

fn upgrade(stream: &mut TcpStream, channel: u32) -> Outcome<()> {
    let request = format!(
        "GET {}?channel={channel}&after=0 HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        protocol::paths::WEBSOCKET
    );
    stream.write_all(request.as_bytes())?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
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

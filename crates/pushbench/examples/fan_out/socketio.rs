//! How a subscriber of Socket.IO opens a session and joins the channel, by either transport.

use protocol::engine_io::{Handshake, VERSION};
use protocol::paths::SOCKETIO;
use protocol::socket_io::Auth;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Outcome;
use crate::audience::whole_answer;

/// What an answer of a handshake may hold.
const ANSWER_BYTES: usize = 4 * 1024;
/// What the open packet and the answer to a CONNECT, both objects, begin with.
const OPEN: &str = "0{";
const CONNECTED: &str = "40{";

/// By WebSocket, behind the request for it: takes the open packet, and joins.
pub(crate) async fn join(stream: &mut TcpStream) -> Outcome<()> {
    read_object(stream, OPEN).await?;
    stream.write_all(&masked(&connect())).await?;
    read_object(stream, CONNECTED).await
}

/// By polling, behind the first poll: takes the open packet, joins, and returns the request of all further polls.
pub(crate) async fn join_by_polling(stream: &mut TcpStream) -> Outcome<Vec<u8>> {
    let mut buffer = vec![0; ANSWER_BYTES];
    let open = whole_answer(stream, &mut buffer).await.and_then(|answer| answer.split_once("\r\n\r\n0"));
    let (_, open) = open.ok_or("no open packet")?;
    let session = Handshake::decode(open.as_bytes())?.sid;
    let target = format!("{SOCKETIO}?EIO={VERSION}&transport=polling&sid={session}");
    let connect = connect();
    let post = format!(
        "POST {target} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain;charset=UTF-8\r\n\
         content-length: {}\r\n\r\n{connect}",
        connect.len()
    );
    let poll = format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n");
    for (request, answer_holds) in [(&post, "\r\n\r\nok"), (&poll, CONNECTED)] {
        stream.write_all(request.as_bytes()).await?;
        let answer = whole_answer(stream, &mut buffer).await.ok_or("the server closed during a handshake")?;
        if !answer.contains(answer_holds) {
            return Err(format!("answered instead of {answer_holds:?}: {answer}").into());
        }
    }
    Ok(poll.into_bytes())
}

/// The packet that joins the channel.
fn connect() -> String {
    format!("40{}", Auth::default().encode())
}

/// Reads until such a packet, the last that comes, is whole.
async fn read_object(stream: &mut TcpStream, begin: &str) -> Outcome<()> {
    let (mut buffer, mut len) = (vec![0; ANSWER_BYTES], 0);
    while let more @ 1.. = stream.read(&mut buffer[len..]).await? {
        len += more;
        let said = String::from_utf8_lossy(&buffer[..len]);
        if said.contains(begin) && said.ends_with('}') {
            return Ok(());
        }
    }
    Err(format!("the server closed before {begin}…").into())
}

/// A short text in a frame of a client, under a mask of zeros (RFC 6455 §5.3).
fn masked(text: &str) -> Vec<u8> {
    [&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0], text.as_bytes()].concat()
}

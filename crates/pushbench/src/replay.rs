//! Printed exchanges of the publications, sent and answered over a loopback connection by two processes, and counted by
//! the load generator's byte accounting at the client's socket: what the printed text is on a wire.

use std::cell::RefCell;
use std::io::{self, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use loadgen::byte_accounting::{ByteCounts, CountingStream, Protocol, SharedByteCounts};
use model::manifest::{FileInfo, Replay, ReplayedBytes};
use model::publication::{Exchange, Publication};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::supervisor::process::Process;

/// A peer that takes longer than this is gone.
const TIMEOUT: Duration = Duration::from_secs(5);
const LINE_END: &str = "\r\n";

/// The input of the answering process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    /// It answers when it has read so many bytes.
    pub(crate) request_bytes: usize,
    pub(crate) answer: String,
}

/// The answering process: accepts one connection, reads the request, answers, and waits for the other side to close.
pub(crate) fn answer(listener: &TcpListener, part: &Part) -> io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    stream.read_exact(&mut vec![0; part.request_bytes])?;
    stream.write_all(part.answer.as_bytes())?;
    io::copy(&mut stream, &mut io::sink()).map(drop)
}

/// Replays every printed exchange of these publications; `program` is the one that answers.
pub(crate) async fn all(program: &Path, publications: &[FileInfo]) -> anyhow::Result<Vec<Replay>> {
    let mut replays = Vec::new();
    for info in publications {
        for exchange in Publication::parse(&info.text, &info.id)?.replays {
            let replay = one(program, &info.id, &exchange).await;
            replays.push(replay.with_context(|| format!("replay {} of {}", exchange.exchange, info.id))?);
        }
    }
    Ok(replays)
}

async fn one(program: &Path, publication: &str, exchange: &Exchange) -> anyhow::Result<Replay> {
    let request = head(&exchange.request);
    let content = "x".repeat(exchange.body as usize);
    let part = Part { request_bytes: request.len(), answer: head(&exchange.response) + &content };
    let mut peer = Process::start("replay's peer", program, ["replay-answer"])?;
    peer.write_line(&serde_json::to_string(&part)?).await?;
    let address = peer.read_line(TIMEOUT).await?;
    let exchanged = timeout(TIMEOUT, exchanged(&address, &request, part.answer.len())).await;
    let (byte_counts, answer) = exchanged.context("the peer is silent")??;
    peer.end().await;
    ensure!(answer == part.answer.as_bytes(), "the answer is not what was sent");
    let bytes = |socket, text: &str, body| ReplayedBytes { socket, line_ends: line_ends(text), body };
    Ok(Replay {
        publication: publication.to_owned(),
        exchange: exchange.exchange.clone(),
        up: bytes(byte_counts.socket_written, &request, 0),
        down: bytes(byte_counts.socket_read, &part.answer, exchange.body.into()),
    })
}

/// Sends the request, reads an answer of so many bytes, and says what byte accounting counted.
async fn exchanged(address: &str, request: &str, answer_bytes: usize) -> io::Result<(ByteCounts, Vec<u8>)> {
    let byte_counts: SharedByteCounts = Rc::new(RefCell::new(ByteCounts::default()));
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut stream = CountingStream::new(stream, Protocol::Http, Rc::clone(&byte_counts), Duration::ZERO);
    stream.write_all(request.as_bytes()).await?;
    let mut answer = vec![0; answer_bytes];
    stream.read_exact(&mut answer).await?;
    let counted = *byte_counts.borrow();
    Ok((counted, answer))
}

/// Lines as HTTP/1.1 sends them (RFC 9112 §2.1): each ends, and an empty one ends them all.
fn head(lines: &[String]) -> String {
    lines.iter().map(String::as_str).chain([""]).flat_map(|line| [line, LINE_END]).collect()
}

fn line_ends(text: &str) -> u64 {
    (text.matches(LINE_END).count() * LINE_END.len()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_printed_crosses_the_socket_with_its_line_ends() {
        let request = head(&["GET / HTTP/1.1".to_owned(), "Host: a".to_owned()]);
        assert_eq!((request.as_str(), line_ends(&request)), ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 6));
        let part =
            Part { request_bytes: request.len(), answer: head(&["HTTP/1.1 200 OK".to_owned()]) + "xx" };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let answered = part.answer.clone();
        let answering = std::thread::spawn(move || answer(&listener, &part));
        let (byte_counts, answer) = exchanged(&address, &request, answered.len()).await.unwrap();
        answering.join().unwrap().unwrap();
        assert_eq!(answer, answered.as_bytes());
        assert_eq!((byte_counts.socket_written, byte_counts.socket_read), (27, 21));
    }
}

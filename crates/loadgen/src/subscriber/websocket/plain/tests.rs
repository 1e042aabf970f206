//! The socket against tungstenite's own: the same bytes, cut anywhere, are the same messages, the same answers and the same
//! end.

use std::error::Error as _;
use std::io::{self, Cursor, Read, Write};

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_tungstenite::tungstenite::WebSocket;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::*;
use crate::subscriber::MESSAGE_LIMIT;

#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    messages: Vec<(bool, Vec<u8>)>,
    end: String,
    /// What was answered, unmasked.
    answers: Vec<u8>,
}

/// Both ends in memory.
struct Script {
    input: Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for Script {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut self.input, room)
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(&mut self.output, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn text_of(error: &SubscribeError) -> String {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}")
}

fn by_tungstenite(bytes: &[u8]) -> Outcome {
    let config =
        WebSocketConfig::default().max_message_size(Some(MESSAGE_LIMIT)).max_frame_size(Some(MESSAGE_LIMIT));
    let script = Script { input: Cursor::new(bytes.to_vec()), output: Vec::new() };
    let mut socket = WebSocket::from_raw_socket(script, Role::Client, Some(config));
    let mut messages = Vec::new();
    let end = loop {
        match socket.read() {
            Ok(Message::Text(text)) => messages.push((true, text.as_bytes().to_vec())),
            Ok(Message::Binary(bytes)) => messages.push((false, bytes.to_vec())),
            Ok(Message::Close(Some(frame))) => {
                socket.flush().unwrap();
                if let Err(error) = close_result(frame.code.into(), &frame.reason) {
                    break text_of(&error);
                }
            }
            Ok(_) => {}
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => break "closed".to_owned(),
            Err(error) => break text_of(&error.into()),
        }
    };
    Outcome { messages, end, answers: unmasked(&socket.get_ref().output) }
}

/// The same bytes in two parts, to a socket that is read message by message or as much at a time as there is.
async fn by_ours(bytes: &[u8], cut: usize, at_once: bool) -> Outcome {
    let (near, mut far) = duplex(1 << 20);
    let mut socket = Socket::new(near, Bytes::new());
    let feed = async {
        far.write_all(&bytes[..cut]).await.unwrap();
        tokio::task::yield_now().await;
        far.write_all(&bytes[cut..]).await.unwrap();
        far.shutdown().await.unwrap();
        far
    };
    let mut messages = Vec::new();
    let take = async {
        loop {
            let outcome = if at_once {
                socket.read(|message| messages.push((None, message.to_vec()))).await
            } else {
                socket.next().await.map(|next| {
                    let came = next.is_some();
                    messages.extend(next.map(|(kind, message)| (Some(kind == Kind::Text), message.to_vec())));
                    came
                })
            };
            match outcome {
                Ok(true) => {}
                Ok(false) => break "closed".to_owned(),
                Err(error) => break text_of(&error),
            }
        }
    };
    let (mut far, end) = tokio::join!(feed, take);
    // What still is to be answered goes out with the next read.
    let _ = socket.flush().await;
    drop(socket);
    let mut answers = Vec::new();
    far.read_to_end(&mut answers).await.unwrap();
    let messages =
        messages.into_iter().map(|(is_text, message)| (is_text.unwrap_or(true), message)).collect();
    Outcome { messages, end, answers: unmasked(&answers) }
}

/// Frames of a client without their masks, none of which is longer than 125 bytes.
fn unmasked(mut frames: &[u8]) -> Vec<u8> {
    let mut clear = Vec::new();
    while let [first, second, key @ ..] = frames {
        let len = usize::from(second & 0x7f);
        clear.extend([*first, *second]);
        clear.extend(key[4..4 + len].iter().zip(key[..4].iter().cycle()).map(|(byte, key)| byte ^ key));
        frames = &key[4 + len..];
    }
    clear
}

fn assert_same(bytes: &[u8], cut: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let expected = by_tungstenite(bytes);
    assert_eq!(runtime.block_on(by_ours(bytes, cut, false)), expected, "{bytes:x?} cut at {cut}");
    let as_text = |outcome: Outcome| Outcome {
        messages: outcome.messages.into_iter().map(|(_, message)| (true, message)).collect(),
        ..outcome
    };
    let at_once = runtime.block_on(by_ours(bytes, cut, true));
    assert_eq!(at_once, as_text(expected), "{bytes:x?} cut at {cut}");
}

/// Frames that a server may send, and such as it must not.
#[rustfmt::skip]
const FRAMES: [&[u8]; 32] = [
    b"\x81\x05hello", b"\x82\x03\xff\x00\xfe", b"\x81\x00", b"\x81\x04\xf0\x9f\x98\x80",
    b"\x81\x02\xc3\x28", b"\x81\x03\xf0\x9f\x98", b"\x01\x03hel", b"\x01\x01\xc3", b"\x00\x01l",
    b"\x80\x01o", b"\x80\x01\xa9", b"\x80\x00", b"\x02\x02ab", b"\x89\x00", b"\x89\x03abc", b"\x8a\x01?",
    b"\x09\x01?", b"\x88\x00", b"\x88\x01\x03", b"\x88\x02\x03\xe8", b"\x88\x02\x03\xe9",
    b"\x88\x06\x03\xf3oops", b"\x88\x02\x03\xed", b"\x88\x04\x03\xe8\xc3\x28", b"\x89\x7e\x00\x7e",
    b"\xc1\x01x", b"\x83\x01x", b"\x8b\x00", b"\x81\x81\x01\x02\x03\x04y", b"\x81\x7e\x00\x03abc",
    b"\x82\x7f\x00\x00\x00\x00\x01\x00\x00\x01", b"\x01\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
];

#[test]
fn every_frame_is_what_tungstenite_says_it_is_at_any_cut() {
    for frame in FRAMES {
        for cut in 0..=frame.len() {
            assert_same(frame, cut);
        }
    }
}

#[test]
fn a_stream_may_end_anywhere() {
    for frame in FRAMES {
        for end in 0..frame.len() {
            assert_same(&frame[..end], end / 2);
        }
    }
}

#[test]
fn long_messages_are_read_in_any_number_of_parts() {
    for len in [126, 5_000, 70_000] {
        let frame = protocol::websocket::encode(Kind::Text, &vec![b'x'; len]);
        let twice = [&frame[..], &frame[..]].concat();
        for cut in [0, 3, 4, 11, frame.len() - 1, frame.len(), frame.len() + 3] {
            assert_same(&twice, cut);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_frames_in_a_row_are_what_tungstenite_says_they_are(
        picked in proptest::collection::vec(proptest::sample::select(&FRAMES[..]), 1..8),
        cut in any::<proptest::sample::Index>(),
    ) {
        let bytes = picked.concat();
        assert_same(&bytes, cut.index(bytes.len() + 1));
    }
}

#[tokio::test]
async fn nothing_is_sent_after_a_close_and_it_is_reported() {
    let (near, mut far) = duplex(1024);
    let mut socket = Socket::new(near, Bytes::new());
    socket.send(Kind::Text, b"hello").await.unwrap();
    socket.close(None).await.unwrap();
    let error = socket.send(Kind::Text, b"more").await.unwrap_err();
    assert_eq!(
        text_of(&error),
        "speak WebSocket: WebSocket protocol error: Sending after closing is not allowed"
    );
    let mut written = [0; 11 + 6];
    far.read_exact(&mut written).await.unwrap();
    assert_eq!(unmasked(&written), b"\x81\x85hello\x88\x80");
}

#[tokio::test]
async fn a_text_that_is_none_is_not_sent() {
    let (near, _far) = duplex(1024);
    let error = Socket::new(near, Bytes::new()).send(Kind::Text, b"\xff").await.unwrap_err();
    assert!(text_of(&error).starts_with("speak WebSocket: UTF-8 encoding error"), "{}", text_of(&error));
}

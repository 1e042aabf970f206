//! A socket with permessage-deflate, by the codec of [`protocol::deflate`].

use bytes::{Bytes, BytesMut};
use protocol::deflate::{Agreement, CloseFrame, Codec, Kind, Message, Role};
use protocol::websocket;
use server_kit::stream::Stream;
use tokio::io::AsyncWriteExt as _;

use super::Socket;
use crate::close_reason::End;

pub(crate) struct Deflated {
    stream: Stream,
    codec: Codec,
    kind: Kind,
    output: BytesMut,
    /// Whether all that was written has left the layers below.
    flushed: bool,
}

impl Deflated {
    /// `read` was read from the stream behind the handshake; a message is of up to `message_bytes`, inflated.
    pub(crate) fn new(
        stream: Stream,
        read: &[u8],
        kind: Kind,
        message_bytes: usize,
        agreement: Agreement,
    ) -> Self {
        let mut codec = Codec::new(Role::Server, agreement, message_bytes);
        codec.buffer().extend_from_slice(read);
        Self { stream, codec, kind, output: BytesMut::new(), flushed: true }
    }
}

impl Socket for Deflated {
    async fn send(&mut self, frames: Bytes) -> Result<(), End> {
        for message in websocket::messages(&frames) {
            self.codec.data(self.kind, message, &mut self.output);
        }
        self.flush().await
    }

    async fn ping(&mut self) -> Result<(), End> {
        self.codec.ping(&mut self.output);
        self.flush().await
    }

    async fn next(&mut self) -> Result<Bytes, End> {
        loop {
            // Answers to pings, before more of them are read.
            self.flush().await?;
            match self.codec.next_message()? {
                Some(Message::Data(_, payload)) => return Ok(payload),
                Some(Message::Ping(content)) => self.codec.pong(&content, &mut self.output),
                Some(Message::Close(reason)) => {
                    self.codec.close(reason.as_ref(), &mut self.output);
                    return Err(End::Closed);
                }
                None if self.stream.read_into(self.codec.buffer()).await? == 0 => return Err(End::Gone),
                Some(Message::Pong) | None => {}
            }
        }
    }

    async fn close(&mut self, code: u16, reason: String) -> Result<(), End> {
        self.codec.close(Some(&CloseFrame { code, reason }), &mut self.output);
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), End> {
        while !self.output.is_empty() {
            self.flushed = false;
            self.stream.write_buf(&mut self.output).await?;
        }
        if !self.flushed {
            self.stream.flush().await?;
            self.flushed = true;
        }
        Ok(())
    }

    fn into_stream(self) -> Stream {
        self.stream
    }
}

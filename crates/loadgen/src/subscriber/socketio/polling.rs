//! HTTP long polling: polls, and posts beside them on a connection of their own, as a browser has it.
//!
//! One poll and one post are under way at most: a server takes a second of either for an attack ("Sending and receiving
//! data" of Engine.IO's document).

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use protocol::engine_io::{Decoder, Handshake, Kind as PacketKind, Packet};
use tokio::sync::watch;
use tokio::time::timeout;

use super::inbox::SessionEnd;
use super::inbox::{Application, Inbox, handshake};
use super::outbox::{Batch, Outbox};
use super::requests::EngineRequests;
use crate::http_client::content::ContentDecoder;
use crate::http_client::{KeptConnection, head_of, unexpected};
use crate::session::Session;
use crate::session::recorded_heads::HeadKind;
use crate::subscriber::websocket::frame::CLOSE_LIMIT;
use crate::subscriber::{MESSAGE_LIMIT, SubscribeError};

/// Polls and posts until the server ends the session or the trial does.
pub(super) async fn run(
    session: &Session,
    inbox: &mut Inbox<'_, impl Application>,
) -> Result<(), SessionEnd> {
    let (outbox, heartbeat) = (inbox.outbox, inbox.heartbeat);
    let opened = tokio::select! {
        opened = open_session(session, inbox) => opened?,
        () = session.stopped() => return Ok(()),
    };
    let OpenSession { mut poller, mut poster, handshake } = opened;
    inbox.transport_stays();
    let (_never, pause) = watch::channel(false);
    let talk = async {
        tokio::select! {
            ended = poller.run(inbox, pause.clone()) => ended,
            ended = poster.run(outbox, pause.clone()) => ended,
            silent = heartbeat.watch(&handshake) => Err(silent.into()),
        }
    };
    tokio::pin!(talk);
    tokio::select! {
        ended = &mut talk => return ended,
        () = session.stopped() => {}
    }
    outbox.leave();
    outbox.push(Packet::bare(PacketKind::Close));
    // A server that does not read a close packet in time is left; the trial is over.
    let _ = timeout(CLOSE_LIMIT, talk).await;
    Ok(())
}

pub(super) struct OpenSession<'a> {
    pub(super) poller: Poller<'a>,
    pub(super) poster: Poster<'a>,
    pub(super) handshake: Handshake,
}

pub(super) async fn open_session<'a>(
    session: &'a Session,
    inbox: &mut Inbox<'_, impl Application>,
) -> Result<OpenSession<'a>, SessionEnd> {
    let mut poller =
        Poller { session, kept: KeptConnection::new(), requests: EngineRequests::polls(session) };
    let mut packets = Vec::new();
    let hold = |packet| {
        packets.push(packet);
        Ok(())
    };
    poller.poll(hold).await?;
    let mut packets = packets.into_iter();
    // A body has one packet at least.
    let first = packets.next().ok_or(protocol::engine_io::PacketError::Empty)?;
    let handshake = handshake(&first).map_err(SubscribeError::from)?;
    let mut requests = EngineRequests::posts(session);
    requests.name(&handshake.sid);
    poller.requests.name(&handshake.sid);
    let max_bytes = handshake.max_payload.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX);
    let poster = Poster { session, kept: KeptConnection::new(), requests, max_bytes };
    inbox.outbox.ask_to_join();
    for packet in packets {
        inbox.take(packet)?;
    }
    Ok(OpenSession { poller, poster, handshake })
}

pub(super) struct Poller<'a> {
    session: &'a Session,
    kept: KeptConnection,
    requests: EngineRequests,
}

impl Poller<'_> {
    /// Polls until the server ends the session, or until a pause is asked for and the poll under way is answered.
    pub(super) async fn run(
        &mut self,
        inbox: &mut Inbox<'_, impl Application>,
        pause: watch::Receiver<bool>,
    ) -> Result<(), SessionEnd> {
        while !*pause.borrow() {
            // What was asked for before that is not what is asked for again and again.
            let is_steady = self.session.is_connected();
            let mut events = 0;
            let answer = self
                .poll(|packet| {
                    events += inbox.take(packet)?;
                    Ok(())
                })
                .await?;
            self.session.response(events);
            if is_steady {
                self.record(if events > 0 { HeadKind::Poll } else { HeadKind::EmptyPoll }, &answer)?;
            }
            self.session.rest().await;
        }
        Ok(())
    }

    /// Records what was asked and answered, if it is the first of its kind. But for what keeps it out of caches, the same
    /// request can be made again.
    fn record(&self, kind: HeadKind, answer: &Response<()>) -> Result<(), SubscribeError> {
        if self.session.wants_head(kind) {
            self.session.record_head(kind, &self.requests.next(Bytes::new())?, answer);
        }
        Ok(())
    }

    /// Asks once, hands on each packet as it comes, and returns the answer's head.
    async fn poll(
        &mut self,
        mut take: impl FnMut(Packet) -> Result<(), SessionEnd>,
    ) -> Result<Response<()>, SessionEnd> {
        let request = self.requests.next(Bytes::new())?;
        let answer = self.kept.exchange(self.session, request).await?;
        if answer.status() != StatusCode::OK {
            return Err(unexpected(answer).await.into());
        }
        let (head, body) = answer.into_parts();
        let head = Response::from_parts(head, ());
        let content = ContentDecoder::of(&head)?;
        read(content, body, &mut take).await?;
        Ok(head)
    }
}

/// Reads a body to its end, or to where it ends the session.
async fn read(
    mut content: ContentDecoder,
    mut body: Incoming,
    take: &mut impl FnMut(Packet) -> Result<(), SessionEnd>,
) -> Result<(), SessionEnd> {
    let mut decoder = Decoder::new(MESSAGE_LIMIT);
    let mut ended = Ok(());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        content.push(&data, |text| {
            decoder.push(text);
            let mut packets = 0;
            while let Some(packet) = decoder.next_packet()? {
                packets += 1;
                ended = std::mem::replace(&mut ended, Ok(())).and_then(|()| take(packet));
            }
            Ok(packets)
        })?;
        std::mem::replace(&mut ended, Ok(()))?;
    }
    content.finish()?;
    take(decoder.finish()?)
}

pub(super) struct Poster<'a> {
    session: &'a Session,
    kept: KeptConnection,
    requests: EngineRequests,
    max_bytes: usize,
}

impl Poster<'_> {
    /// Posts what waits to be sent, until the session is closed by it, or a pause is asked for and the post under way
    /// is answered.
    pub(super) async fn run(
        &mut self,
        outbox: &Outbox,
        mut pause: watch::Receiver<bool>,
    ) -> Result<(), SessionEnd> {
        loop {
            let first = tokio::select! {
                biased;
                Ok(_) = pause.wait_for(|pause| *pause) => return Ok(()),
                packet = outbox.next() => packet,
            };
            let batch = outbox.gather(first, self.max_bytes);
            let closes = batch.closes;
            self.post(batch).await?;
            if closes {
                return Ok(());
            }
        }
    }

    async fn post(&mut self, batch: Batch) -> Result<(), SubscribeError> {
        let request = self.requests.next(batch.body)?;
        let is_wanted = batch.has_event && self.session.wants_head(HeadKind::Post);
        let head = is_wanted.then(|| head_of(&request));
        let answer = self.kept.exchange(self.session, request).await?;
        if let Some(head) = head {
            self.session.record_head(HeadKind::Post, &head, &answer);
        }
        if answer.status() != StatusCode::OK {
            return Err(unexpected(answer).await);
        }
        // "ok" of the reference ("Sending data" of Engine.IO's document), "OK" of python-engineio; the official client looks at
        // the status alone.
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            frame?;
        }
        Ok(())
    }
}

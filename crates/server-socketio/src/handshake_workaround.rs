//! Begins a session as the protocol has it: without a ping (Engine.IO 4, "Heartbeat": the first comes after
//! `pingInterval`).
//!
//! The library sends one at once (engineioxide #437). So a session is always begun by a poll, whose answer nobody has
//! seen when the ping is fetched and answered in the client's place; the next comes in time. A session by WebSocket is
//! then upgraded in the client's place, too: its stream seems to begin with what a client says for that, and the
//! library's answer to the probe is where the open packet goes.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode};
use protocol::websocket::{self, Kind};
use socketioxide::socket::Sid;
use tokio::time::sleep;

use crate::library::{Asking, Library};
use crate::session::{Session, Sessions};

/// A client's frames `2probe` and `5`, under a mask of zeros.
pub(crate) const UPGRADE: &[u8] = b"\x81\x86\0\0\0\x002probe\x81\x81\0\0\0\x005";

/// The internal side of a library: sessions of this path, and who begins them.
pub(crate) struct Host<L> {
    pub(crate) library: L,
    /// With a slash at its end.
    pub(crate) path: &'static str,
    pub(crate) sessions: Sessions,
}

impl<L: Library> Host<L> {
    /// Lets the library begin a session by this poll; its answer, and the session's id if it began.
    pub(crate) async fn begin<B: Asking>(
        &self,
        mut poll: Request<B>,
        session: &Session,
    ) -> (Response<Bytes>, Option<Sid>) {
        poll.extensions_mut().insert(session.clone());
        let answer = self.library.answer(poll).await;
        let id = (answer.status() == StatusCode::OK).then(|| id(answer.body())).flatten();
        if let Some(id) = id {
            self.sessions.insert(id, session);
            self.library.answer(self.poll(id)).await;
            self.library.answer(self.request(Method::POST, &format!("&sid={id}"), "3")).await;
        }
        (answer, id)
    }

    /// Begins a session for a client that has asked by WebSocket: the frame with its open packet.
    pub(crate) async fn begin_upgraded(&self) -> Option<(Sid, Session, Bytes)> {
        let session = Session::default();
        let (answer, id) = self.begin(self.first_poll(), &session).await;
        let open = str::from_utf8(answer.body()).ok()?.replace(r#"["websocket"]"#, "[]");
        Some((id?, session, websocket::encode(Kind::Text, open.as_bytes())))
    }

    /// A poll that begins a session.
    pub(crate) fn first_poll(&self) -> Request<Full<Bytes>> {
        self.request(Method::GET, "", "")
    }

    /// A poll of a session.
    pub(crate) fn poll(&self, id: Sid) -> Request<Full<Bytes>> {
        self.request(Method::GET, &format!("&sid={id}"), "")
    }

    /// What the library answers to a session that it does not know.
    pub(crate) async fn unknown(&self, id: Sid) -> Response<Bytes> {
        self.library.answer(self.poll(id)).await
    }

    /// Ends sessions that nobody has polled for so long, and nobody again for as long at most.
    pub(crate) async fn end_silent(&self, after: Duration) {
        loop {
            sleep(after).await;
            for id in self.sessions.silent() {
                self.end_polling(id).await;
            }
        }
    }

    /// Ends a session that is still polled, as if its client had said so. Others are left alone.
    pub(crate) async fn end_polling(&self, id: Sid) {
        self.library.answer(self.request(Method::POST, &format!("&sid={id}"), "1")).await;
    }

    fn request(&self, method: Method, query: &str, body: &'static str) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = method;
        let target = format!("{}?EIO=4&transport=polling{query}", self.path);
        *request.uri_mut() = target.parse().expect("an id is made of what a query may hold");
        request
    }
}

/// The id in an open packet.
fn id(open: &Bytes) -> Option<Sid> {
    let (_, rest) = str::from_utf8(open).ok()?.split_once(r#""sid":""#)?;
    rest.split('"').next()?.parse().ok()
}

//! The heads of requests and answers: one of each kind of exchange, from which theory predicts bytes.

use std::cell::{Cell, RefCell};

use hyper::header::HeaderMap;
use hyper::http::uri::Authority;
use hyper::{Request, Response, Version};
use model::trial::RecordedHead;

/// A kind of exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadKind {
    /// A poll that found something.
    Poll,
    /// A poll that found nothing.
    EmptyPoll,
    /// A response that never ends.
    Stream,
    /// The handshake of a WebSocket.
    WebSocket,
    /// A message of the subscriber's own.
    Post,
}

/// The first exchange of each kind.
#[derive(Debug, Default)]
pub(crate) struct RecordedHeads {
    /// A bit for each kind that is there.
    recorded_kinds: Cell<u8>,
    recorded: RefCell<Vec<RecordedHead>>,
}

impl RecordedHeads {
    /// Whether no exchange of this kind has been recorded.
    pub(crate) fn wants(&self, kind: HeadKind) -> bool {
        self.recorded_kinds.get() & kind.bit() == 0
    }

    /// Records an exchange, if it is the first of its kind.
    pub(crate) fn record<A, B>(&self, kind: HeadKind, request: &Request<A>, answer: &Response<B>) {
        if self.wants(kind) {
            self.recorded_kinds.set(self.recorded_kinds.get() | kind.bit());
            self.recorded.borrow_mut().push(head(kind, request, answer));
        }
    }

    pub(crate) fn all(&self) -> Vec<RecordedHead> {
        self.recorded.borrow().clone()
    }
}

impl HeadKind {
    fn bit(self) -> u8 {
        1 << self as u8
    }

    fn name(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::EmptyPoll => "empty-poll",
            Self::Stream => "stream",
            Self::WebSocket => "websocket",
            Self::Post => "post",
        }
    }
}

fn head<A, B>(kind: HeadKind, request: &Request<A>, answer: &Response<B>) -> RecordedHead {
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    RecordedHead {
        exchange: kind.name().to_owned(),
        method: request.method().to_string(),
        target: target.to_owned(),
        request: pseudo_fields(request).into_iter().chain(fields(request.headers())).collect(),
        status: answer.status().as_u16(),
        response: fields(answer.headers()).collect(),
    }
}

/// On HTTP/2, what of the request is sent as fields beside method and target (RFC 9113 §8.3.1, RFC 8441 §4).
fn pseudo_fields<A>(request: &Request<A>) -> Vec<(String, String)> {
    if request.version() != Version::HTTP_2 {
        return Vec::new();
    }
    let uri = request.uri();
    let protocol = request.extensions().get::<hyper::ext::Protocol>();
    let all = [
        (":scheme", uri.scheme_str()),
        (":authority", uri.authority().map(Authority::as_str)),
        (":protocol", protocol.map(hyper::ext::Protocol::as_str)),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect()
}

fn fields(headers: &HeaderMap) -> impl Iterator<Item = (String, String)> {
    headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(target: &str) -> (Request<()>, Response<()>) {
        let request = Request::get(target).header("Host", "a").body(()).unwrap();
        (request, Response::builder().status(204).header("Date", "now").body(()).unwrap())
    }

    #[test]
    fn the_first_exchange_of_each_kind_is_kept_as_it_was_said() {
        let heads = RecordedHeads::default();
        for (kind, target) in [(HeadKind::Poll, "/a?b"), (HeadKind::Poll, "/other"), (HeadKind::Post, "/c")] {
            let (request, answer) = exchange(target);
            heads.record(kind, &request, &answer);
        }
        let all = heads.all();
        let kinds: Vec<_> = all.iter().map(|head| (head.exchange.as_str(), head.target.as_str())).collect();
        assert_eq!(kinds, [("poll", "/a?b"), ("post", "/c")]);
        assert_eq!(all[0].request, [("host".to_owned(), "a".to_owned())]);
        assert_eq!((all[0].status, all[0].response.len()), (204, 1));
        assert!(!heads.wants(HeadKind::Poll) && heads.wants(HeadKind::Stream));
    }

    #[test]
    fn on_http_2_scheme_and_authority_are_fields() {
        let (mut request, _) = exchange("http://127.0.0.1:80/a");
        *request.version_mut() = Version::HTTP_2;
        let names: Vec<_> = pseudo_fields(&request).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, [":scheme", ":authority"]);
    }
}

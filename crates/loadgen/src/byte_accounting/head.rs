//! Heads of requests and answers: collected until they are whole, then read by `httparse`.

use std::mem::MaybeUninit;

use memchr::memchr_iter;

use super::body::Framing;
use super::body::{MediaType, is_coded};

/// A head that is longer is none.
const LONGEST: usize = 64 * 1024;
const MOST_FIELDS: usize = 128;

/// Collects a head, however it is cut.
#[derive(Debug, Default)]
pub(super) struct HeadBuffer {
    bytes: Vec<u8>,
}

pub(super) enum Collected<T> {
    /// Its end has not come yet; all bytes were taken.
    Partial,
    Whole {
        head: T,
        len: u64,
        /// How much of the bytes just given belongs to it.
        taken: usize,
    },
    /// It is too long, or not HTTP.
    Malformed,
}

pub(super) struct Request {
    pub(super) method: Method,
    pub(super) body: Framing,
    pub(super) is_coded: bool,
    pub(super) to_engine_io: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
    Connect,
    /// Carries something up.
    Other,
}

pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: Framing,
    pub(super) media_type: MediaType,
    pub(super) is_coded: bool,
}

impl HeadBuffer {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn collect<T>(&mut self, bytes: &[u8], read: fn(&[u8]) -> Option<T>) -> Collected<T> {
        if self.bytes.is_empty()
            && let Some(end) = end_of_head(bytes, 0)
        {
            // The usual case: it has come in one piece, and is read where it lies.
            return read(&bytes[..end]).map_or(Collected::Malformed, |head| Collected::Whole {
                head,
                len: end as u64,
                taken: end,
            });
        }
        self.collect_piece(bytes, read)
    }

    fn collect_piece<T>(&mut self, bytes: &[u8], read: fn(&[u8]) -> Option<T>) -> Collected<T> {
        let before = self.bytes.len();
        let room = LONGEST - before;
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let Some(end) = end_of_head(&self.bytes, before) else {
            return if bytes.len() > room { Collected::Malformed } else { Collected::Partial };
        };
        let head = read(&self.bytes[..end]);
        self.bytes.clear();
        head.map_or(Collected::Malformed, |head| Collected::Whole {
            head,
            len: end as u64,
            taken: end - before,
        })
    }
}

/// The length of the head that `bytes` begin with, if its empty line has come; `searched` bytes were searched before.
/// A line may end in a bare LF (RFC 9112 §2.2).
pub(super) fn end_of_head(bytes: &[u8], searched: usize) -> Option<usize> {
    let from = searched.saturating_sub(b"\n\r".len());
    memchr_iter(b'\n', &bytes[from..]).find_map(|at| {
        let line_end = from + at + 1;
        match bytes[line_end..] {
            [b'\n', ..] => Some(line_end + 1),
            [b'\r', b'\n', ..] => Some(line_end + 2),
            _ => None,
        }
    })
}

pub(super) fn read_request(head: &[u8]) -> Option<Request> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut request = httparse::Request::new(&mut []);
    let parsed = request.parse_with_uninit_headers(head, &mut fields).ok()?;
    let method = Method::of(request.method?.as_bytes());
    let said = Said::by(request.headers)?;
    // A request without either field has no body (RFC 9112 §6.3).
    let body = said.framing().unwrap_or(Framing::Length(0));
    let to_engine_io = request.path?.starts_with(protocol::paths::SOCKETIO);
    parsed.is_complete().then_some(Request { method, body, is_coded: said.is_coded, to_engine_io })
}

pub(super) fn read_response(head: &[u8]) -> Option<Response> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let parsed = config.parse_response_with_uninit_headers(&mut response, head, &mut fields).ok()?;
    let said = Said::by(response.headers)?;
    let body = said.framing().unwrap_or(Framing::UntilClose);
    let Said { media_type, is_coded, .. } = said;
    parsed.is_complete().then_some(Response { status: response.code?, body, media_type, is_coded })
}

impl Method {
    pub(super) fn of(name: &[u8]) -> Self {
        match name {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// What the fields say of the body.
#[derive(Debug, Default)]
struct Said {
    length: Option<u64>,
    transfer: Option<Transfer>,
    media_type: MediaType,
    is_coded: bool,
}

#[derive(Debug, Clone, Copy)]
enum Transfer {
    Chunked,
    Other,
}

impl Said {
    /// None when a field makes no sense.
    fn by(fields: &[httparse::Header<'_>]) -> Option<Self> {
        let mut said = Self::default();
        for &httparse::Header { name, value } in fields {
            // The length tells most fields apart from those that matter.
            match name.len() {
                12 if name.eq_ignore_ascii_case("content-type") => said.media_type = MediaType::of(value),
                14 if name.eq_ignore_ascii_case("content-length") => said.length = Some(length(value)?),
                16 if name.eq_ignore_ascii_case("content-encoding") => said.is_coded = is_coded(value),
                17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                    said.transfer = Some(Transfer::of(value));
                }
                _ => {}
            }
        }
        Some(said)
    }

    /// How the body is delimited (RFC 9112 §6.3); none when no field says so.
    fn framing(&self) -> Option<Framing> {
        match (self.transfer, self.length) {
            (Some(Transfer::Chunked), _) => Some(Framing::chunked()),
            (Some(Transfer::Other), _) => Some(Framing::UntilClose),
            (None, length) => length.map(Framing::Length),
        }
    }
}

impl Transfer {
    fn of(value: &[u8]) -> Self {
        let last = value.len().saturating_sub(b"chunked".len());
        if value[last..].eq_ignore_ascii_case(b"chunked") { Self::Chunked } else { Self::Other }
    }
}

fn length(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_head_is_its_empty_line() {
        for (bytes, end) in [
            (&b"GET / HTTP/1.1\r\n\r\nrest"[..], Some(18)),
            (b"GET / HTTP/1.1\n\nrest", Some(16)),
            (b"GET / HTTP/1.1\n\r\n", Some(17)),
            (b"GET / HTTP/1.1\r\na: b\r\n", None),
            (b"", None),
        ] {
            for searched in 0..=end.map_or(bytes.len(), |end| end - 1) {
                assert_eq!(end_of_head(bytes, searched), end, "{bytes:?} searched to {searched}");
            }
        }
    }

    #[test]
    fn a_head_over_the_limit_is_malformed_whether_it_comes_at_once_or_not() {
        let line = [b'a'; 1024];
        let mut buffer = HeadBuffer::default();
        let pieces = (0..=LONGEST / line.len()).map(|_| buffer.collect(&line, read_request));
        assert!(matches!(pieces.last(), Some(Collected::Malformed)));
        let whole = vec![b'a'; LONGEST + 1];
        assert!(matches!(HeadBuffer::default().collect(&whole, read_request), Collected::Malformed));
    }
}

//! Heads of requests and answers: collected until they are whole, then read by `httparse`.

use std::mem::MaybeUninit;

use memchr::memchr_iter;

use super::body::Framing;
use super::content::Content;

/// A head that is longer is none.
const LONGEST: usize = 64 * 1024;
const MOST_FIELDS: usize = 128;

/// Collects a head, however it is cut.
#[derive(Debug, Default)]
pub(super) struct HeadBuffer {
    bytes: Vec<u8>,
}

/// What has come of a head.
pub(super) enum Collected<T> {
    /// Its end has not come yet; all bytes were taken.
    Partial,
    /// It is whole.
    Whole {
        /// What it says.
        head: T,
        /// Its length.
        len: u64,
        /// How much of the bytes just given belongs to it.
        taken: usize,
    },
    /// It is too long, or not HTTP.
    Malformed,
}

/// What the tap needs to know of a request.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) body: Framing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
    /// Carries something up.
    Other,
}

/// What the tap needs to know of an answer.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: Framing,
    pub(super) content: Content,
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
///
/// A line may end in a bare LF (RFC 9112 §2.2).
fn end_of_head(bytes: &[u8], searched: usize) -> Option<usize> {
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
    let method = match request.method? {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        _ => Method::Other,
    };
    // A request without either field has no body (RFC 9112 §6.3).
    let body = framing(request.headers)?.unwrap_or(Framing::Length(0));
    parsed.is_complete().then_some(Request { method, body })
}

pub(super) fn read_response(head: &[u8]) -> Option<Response> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let parsed = config.parse_response_with_uninit_headers(&mut response, head, &mut fields).ok()?;
    let body = framing(response.headers)?.unwrap_or(Framing::UntilClose);
    let media_type = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-type"));
    let content = media_type.map_or(Content::Control, |field| Content::of(field.value));
    parsed.is_complete().then_some(Response { status: response.code?, body, content })
}

/// How the body is delimited (RFC 9112 §6.3); `Some(None)` when no field says so, `None` when a field makes no sense.
fn framing(fields: &[httparse::Header<'_>]) -> Option<Option<Framing>> {
    let mut length = None;
    for field in fields {
        if field.name.eq_ignore_ascii_case("transfer-encoding") {
            let chunked = field.value.to_ascii_lowercase().ends_with(b"chunked");
            return Some(Some(if chunked { Framing::chunked() } else { Framing::UntilClose }));
        }
        if field.name.eq_ignore_ascii_case("content-length") {
            length = Some(Framing::Length(std::str::from_utf8(field.value).ok()?.trim().parse().ok()?));
        }
    }
    Some(length)
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

//! The heads of ordinary answers.

use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Response, Status};
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// A head that is longer, or has more fields, is not ordinary.
const LONGEST: usize = 16 * 1024;
const MOST_FIELDS: usize = 64;

/// An ordinary answer's head.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub(crate) status: StatusCode,
    /// Its content's coding, if it names one.
    pub(crate) coding: Option<HeaderValue>,
    /// Its own length, the empty line included.
    pub(super) len: usize,
    /// The body's length.
    pub(super) body: u64,
}

#[derive(Debug)]
pub(super) enum ParsedHead {
    /// A head that has not come whole.
    Partial,
    Ordinary(ResponseHead),
    /// Something else, or a head that wants something done.
    Other,
}

impl ResponseHead {
    pub(super) fn parse(bytes: &[u8]) -> ParsedHead {
        let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
        let mut answer = Response::new(&mut []);
        let config = ParserConfig::default();
        match config.parse_response_with_uninit_headers(&mut answer, bytes, &mut fields) {
            Ok(Status::Complete(len)) => {
                Self::ordinary(&answer, len).map_or(ParsedHead::Other, ParsedHead::Ordinary)
            }
            Ok(Status::Partial) if bytes.len() < LONGEST => ParsedHead::Partial,
            _ => ParsedHead::Other,
        }
    }

    /// If the body's length is known (RFC 9112 §6.3), the connection stays (§9.3), and this is the final answer.
    fn ordinary(answer: &Response<'_, '_>, len: usize) -> Option<Self> {
        let status = StatusCode::from_u16(answer.code?).ok()?;
        if answer.version != Some(1) || status.is_informational() {
            return None;
        }
        let (mut length, mut coding) = (None, None);
        for &Header { name, value } in &*answer.headers {
            // The length alone excludes most fields that do not matter.
            match name.len() {
                10 if name.eq_ignore_ascii_case("connection") => {
                    only_if(value.eq_ignore_ascii_case(b"keep-alive"))?;
                }
                14 if name.eq_ignore_ascii_case("content-length") => {
                    only_if(length.is_none())?;
                    length = Some(digits(value)?);
                }
                16 if name.eq_ignore_ascii_case("content-encoding") => {
                    coding = Some(HeaderValue::try_from(value).ok()?);
                }
                17 if name.eq_ignore_ascii_case("transfer-encoding") => return None,
                _ => {}
            }
        }
        let has_no_body = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let body = if has_no_body { 0 } else { length? };
        Some(Self { status, coding, len, body })
    }
}

/// The fields of a whole head; none of one that cannot be read.
pub(super) fn fields(head: &[u8]) -> HeaderMap {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut answer = Response::new(&mut fields);
    let mut headers = HeaderMap::new();
    if answer.parse(head).is_ok() {
        for &Header { name, value } in &*answer.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.append(name, value);
            }
        }
    }
    headers
}

fn only_if(holds: bool) -> Option<()> {
    holds.then_some(())
}

/// A number of digits alone: `+5` is no length (RFC 9110 §8.6).
pub(crate) fn digits(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(fields: &str) -> ParsedHead {
        ResponseHead::parse(format!("HTTP/1.1 200 OK\r\n{fields}\r\nrest").as_bytes())
    }

    #[test]
    fn an_ordinary_head_tells_its_own_length_and_the_bodys() {
        let ParsedHead::Ordinary(head) =
            look("Content-Length: 12\r\nConnection: Keep-Alive\r\ndate: now\r\n")
        else {
            panic!("it is ordinary");
        };
        assert_eq!((head.status, head.body, head.coding), (StatusCode::OK, 12, None));
        assert_eq!(head.len, 17 + 20 + 24 + 11 + 2);
        for status in ["204 No Content", "304 Not Modified"] {
            let ParsedHead::Ordinary(head) =
                ResponseHead::parse(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes())
            else {
                panic!("it is ordinary");
            };
            assert_eq!(head.body, 0);
        }
    }

    #[test]
    fn a_head_is_waited_for_at_any_cut() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n";
        for cut in 0..whole.len() {
            assert!(matches!(ResponseHead::parse(&whole[..cut]), ParsedHead::Partial), "cut at {cut}");
        }
    }

    #[test]
    fn what_wants_something_done_is_not_ordinary() {
        for fields in [
            "",
            "transfer-encoding: chunked\r\n",
            "content-length: 3\r\ntransfer-encoding: chunked\r\n",
            "content-length: 3\r\nconnection: close\r\n",
            "content-length: 3\r\nconnection: keep-alive, upgrade\r\n",
            "content-length: 3\r\ncontent-length: 3\r\n",
            "content-length: +3\r\n",
            "content-length: \r\n",
            "content-length: 99999999999999999999\r\n",
            "content-length\r\n",
        ] {
            assert!(matches!(look(fields), ParsedHead::Other), "{fields:?}");
        }
        for head in
            ["HTTP/1.0 204 No Content\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "SSH-2.0-OpenSSH\r\n"]
        {
            assert!(matches!(ResponseHead::parse(head.as_bytes()), ParsedHead::Other), "{head}");
        }
        assert!(matches!(look(&"a: b\r\n".repeat(MOST_FIELDS + 1)), ParsedHead::Other));
        let endless = ["HTTP/1.1 200 OK\r\na: ", &"b".repeat(LONGEST)].concat();
        assert!(matches!(ResponseHead::parse(endless.as_bytes()), ParsedHead::Other));
    }
}

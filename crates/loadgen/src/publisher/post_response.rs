//! The answer to a message that was posted: a whole one of HTTP/1.1 at the start of a buffer.

use crate::http_client::digits;

const MOST_FIELDS: usize = 64;
const CHUNK_END: &[u8] = b"\r\n";
/// The longest line of a chunk's size, with its extensions.
const SIZE_LIMIT: usize = 1_024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotHttp;

/// A whole HTTP/1.1 answer at the start of a buffer (RFC 9112 §6.3): where it ends, and what it contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PostResponse {
    /// The status code.
    pub(super) status: u16,
    /// Without the sizes of its chunks, if it comes in chunks.
    pub(super) body: Vec<u8>,
    /// How many bytes of the buffer it takes.
    pub(super) len: usize,
    /// Whether the server ends the connection after it.
    pub(super) closes: bool,
    /// Where else the server wants the message.
    pub(super) location: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Fields {
    length: Length,
    closes: bool,
    location: Option<String>,
}

/// How long a body is.
#[derive(Debug, Clone, Copy, Default)]
enum Length {
    Bytes(usize),
    Chunked,
    /// It ends with the connection.
    #[default]
    UntilClose,
}

impl PostResponse {
    /// The first answer in `bytes`; none as long as it is not whole. `is_over` tells that nothing follows.
    pub(super) fn parse(bytes: &[u8], is_over: bool) -> Result<Option<Self>, NotHttp> {
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut head = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(head_len) = head.parse(bytes).map_err(|_| NotHttp)? else {
            return Ok(None);
        };
        let status = head.code.ok_or(NotHttp)?;
        let Fields { mut length, mut closes, location } = Fields::of(head.headers)?;
        closes |= head.version == Some(0);
        if matches!(status, 100..=199 | 204 | 304) {
            length = Length::Bytes(0);
        }
        let body = match length {
            Length::Bytes(length) => plain(bytes, head_len, length),
            Length::Chunked => chunks(bytes, head_len)?,
            Length::UntilClose => {
                closes = true;
                is_over.then(|| (bytes[head_len..].to_vec(), bytes.len()))
            }
        };
        Ok(body.map(|(body, len)| Self { status, body, len, closes, location }))
    }
}

impl Fields {
    fn of(headers: &[httparse::Header<'_>]) -> Result<Self, NotHttp> {
        let mut fields = Self::default();
        for header in headers {
            let value = str::from_utf8(header.value).unwrap_or_default().trim();
            let mut tokens = value.split(',').map(str::trim);
            let is = |name| header.name.eq_ignore_ascii_case(name);
            if is("content-length") && !matches!(fields.length, Length::Chunked) {
                fields.length = Length::Bytes(
                    digits(value.as_bytes()).and_then(|length| length.try_into().ok()).ok_or(NotHttp)?,
                );
            } else if is("transfer-encoding") {
                // Chunked is the last coding, or the body ends with the connection (RFC 9112 §6.3).
                let is_chunked = tokens.next_back().is_some_and(|last| last.eq_ignore_ascii_case("chunked"));
                fields.length = if is_chunked { Length::Chunked } else { Length::UntilClose };
            } else if is("connection") {
                fields.closes |= tokens.any(|token| token.eq_ignore_ascii_case("close"));
            } else if is("location") {
                fields.location = Some(value.to_owned());
            }
        }
        Ok(fields)
    }
}

fn plain(bytes: &[u8], head_len: usize, length: usize) -> Option<(Vec<u8>, usize)> {
    let len = head_len.checked_add(length)?;
    Some((bytes.get(head_len..len)?.to_vec(), len))
}

/// The chunks' data, and where the last one ends. Trailer fields are not expected of an answer to a message.
fn chunks(bytes: &[u8], head_len: usize) -> Result<Option<(Vec<u8>, usize)>, NotHttp> {
    let (mut at, mut body) = (head_len, Vec::new());
    loop {
        let Some((line_len, size)) = chunk_size(&bytes[at..])? else { return Ok(None) };
        let start = at + line_len;
        let end = start.checked_add(size).ok_or(NotHttp)?;
        let Some(after) = bytes.get(end..end.saturating_add(CHUNK_END.len())) else { return Ok(None) };
        if after != CHUNK_END {
            return Err(NotHttp);
        }
        at = end + CHUNK_END.len();
        if size == 0 {
            return Ok(Some((body, at)));
        }
        body.extend_from_slice(&bytes[start..end]);
    }
}

/// The line at the start of a chunk: how long it is, and the size that it says. Any number of zeros may lead (RFC 9112 §7.1).
fn chunk_size(bytes: &[u8]) -> Result<Option<(usize, usize)>, NotHttp> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() > SIZE_LIMIT { Err(NotHttp) } else { Ok(None) };
    };
    let line = str::from_utf8(&bytes[..end]).map_err(|_| NotHttp)?;
    let digits = line.split([';', ' ', '\t', '\r']).next().unwrap_or_default();
    // `from_str_radix` takes a sign.
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(NotHttp);
    }
    let size = usize::from_str_radix(digits, 16).map_err(|_| NotHttp)?;
    Ok(Some((end + 1, size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str, len: usize, closes: bool) -> PostResponse {
        PostResponse { status, body: body.into(), len, closes, location: None }
    }

    #[test]
    fn an_answer_ends_where_its_head_says_and_not_before() {
        for (text, expected) in [
            ("HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\nyes", answer(202, "yes", 47, false)),
            ("HTTP/1.1 204 No Content\r\n\r\n", answer(204, "", 27, false)),
            ("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", answer(200, "", 57, true)),
            ("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", answer(200, "", 38, true)),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nyes\r\n2\r\n!!\r\n0\r\n\r\n",
                answer(200, "yes!!", 67, false),
            ),
            // More digits than a number of 64 bits has.
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n00000000000000003;x=1\r\nyes\r\n0\r\n\r\n",
                answer(200, "yes", 80, false),
            ),
        ] {
            for cut in 0..text.len() {
                assert_eq!(
                    PostResponse::parse(&text.as_bytes()[..cut], false),
                    Ok(None),
                    "{text} cut at {cut}"
                );
            }
            assert_eq!(PostResponse::parse(text.as_bytes(), false), Ok(Some(expected.clone())), "{text}");
            let twice = text.repeat(2);
            assert_eq!(PostResponse::parse(twice.as_bytes(), false), Ok(Some(expected)), "{twice}");
        }
    }

    #[test]
    fn bytes_that_are_no_answer_are_rejected_at_once() {
        for text in [
            "SSH-2.0-x\r\n",
            "HTTP/2 200\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n+2\r\nno\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\nno\r\n",
        ] {
            assert_eq!(PostResponse::parse(text.as_bytes(), false), Err(NotHttp), "{text}");
        }
        let broken = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nyes\r\n";
        assert_eq!(PostResponse::parse(broken.as_bytes(), false), Err(NotHttp));
    }

    #[test]
    fn an_answer_without_a_length_ends_with_the_connection() {
        for text in ["HTTP/1.1 200 OK\r\n\r\nyes", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nyes"] {
            let bytes = text.as_bytes();
            assert_eq!(PostResponse::parse(bytes, false), Ok(None), "{text}");
            let whole = answer(200, "yes", bytes.len(), true);
            assert_eq!(PostResponse::parse(bytes, true), Ok(Some(whole)), "{text}");
        }
    }
}

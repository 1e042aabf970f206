//! One HTTP/1.1 answer out of a buffer (RFC 9112 §6.3): where it ends, and what it contains.

use std::ops::Range;

const MOST_FIELDS: usize = 64;
const CHUNK_END: &[u8] = b"\r\n";

/// What came is no HTTP/1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotHttp;

/// A whole answer at the start of a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PostResponse {
    /// The status code.
    pub(super) status: u16,
    /// Where its body stands in the buffer; the first chunk of it, if it comes in chunks.
    pub(super) body: Range<usize>,
    /// How many bytes of the buffer it takes.
    pub(super) len: usize,
    /// Whether the server ends the connection after it.
    pub(super) closes: bool,
}

/// What of the head says where the body ends.
#[derive(Debug, Clone, Copy, Default)]
struct BodyFraming {
    length: usize,
    is_chunked: bool,
    closes: bool,
}

impl PostResponse {
    /// The first answer in `bytes`; none as long as it is not whole.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, NotHttp> {
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut head = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(head_len) = head.parse(bytes).map_err(|_| NotHttp)? else {
            return Ok(None);
        };
        let status = head.code.ok_or(NotHttp)?;
        let mut framing = BodyFraming::of(head.headers)?;
        framing.closes |= head.version == Some(0);
        if matches!(status, 100..=199 | 204 | 304) {
            framing = BodyFraming { length: 0, is_chunked: false, ..framing };
        }
        let body = if framing.is_chunked {
            chunks(bytes, head_len)?
        } else {
            plain(bytes, head_len, framing.length)
        };
        Ok(body.map(|(body, len)| Self { status, body, len, closes: framing.closes }))
    }
}

impl BodyFraming {
    fn of(fields: &[httparse::Header<'_>]) -> Result<Self, NotHttp> {
        let mut framing = Self::default();
        for field in fields {
            let value = str::from_utf8(field.value).unwrap_or_default().trim();
            if field.name.eq_ignore_ascii_case("content-length") {
                framing.length = value.parse().map_err(|_| NotHttp)?;
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                framing.is_chunked = value.eq_ignore_ascii_case("chunked");
            } else if field.name.eq_ignore_ascii_case("connection") {
                framing.closes = value.eq_ignore_ascii_case("close");
            }
        }
        Ok(framing)
    }
}

fn plain(bytes: &[u8], head_len: usize, length: usize) -> Option<(Range<usize>, usize)> {
    let len = head_len.checked_add(length)?;
    (bytes.len() >= len).then_some((head_len..len, len))
}

/// The first chunk's data, and where the last one ends. Trailer fields are not expected of an answer to a message.
fn chunks(bytes: &[u8], head_len: usize) -> Result<Option<(Range<usize>, usize)>, NotHttp> {
    let (mut at, mut first) = (head_len, None);
    loop {
        let httparse::Status::Complete((size_len, size)) =
            httparse::parse_chunk_size(&bytes[at..]).map_err(|_| NotHttp)?
        else {
            return Ok(None);
        };
        let start = at + size_len;
        let end = usize::try_from(size).ok().and_then(|size| start.checked_add(size)).ok_or(NotHttp)?;
        let Some(after) = bytes.get(end..end.saturating_add(CHUNK_END.len())) else { return Ok(None) };
        if after != CHUNK_END {
            return Err(NotHttp);
        }
        at = end + CHUNK_END.len();
        if size == 0 {
            return Ok(Some((first.unwrap_or(start..start), at)));
        }
        first.get_or_insert(start..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: Range<usize>, len: usize, closes: bool) -> PostResponse {
        PostResponse { status, body, len, closes }
    }

    #[test]
    fn an_answer_ends_where_its_head_says_and_not_before() {
        for (text, expected) in [
            ("HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\nyes", answer(202, 44..47, 47, false)),
            ("HTTP/1.1 204 No Content\r\n\r\n", answer(204, 27..27, 27, false)),
            (
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                answer(200, 57..57, 57, true),
            ),
            ("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", answer(200, 38..38, 38, true)),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nyes\r\n2\r\n!!\r\n0\r\n\r\n",
                answer(200, 50..53, 67, false),
            ),
        ] {
            for cut in 0..text.len() {
                assert_eq!(PostResponse::parse(&text.as_bytes()[..cut]), Ok(None), "{text} cut at {cut}");
            }
            assert_eq!(PostResponse::parse(text.as_bytes()), Ok(Some(expected.clone())), "{text}");
            let twice = text.repeat(2);
            assert_eq!(PostResponse::parse(twice.as_bytes()), Ok(Some(expected)), "{twice}");
        }
    }

    #[test]
    fn bytes_that_are_no_answer_are_rejected_at_once() {
        for text in ["SSH-2.0-x\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"] {
            assert_eq!(PostResponse::parse(text.as_bytes()), Err(NotHttp), "{text}");
        }
        let broken = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nyes\r\n";
        assert_eq!(PostResponse::parse(broken.as_bytes()), Err(NotHttp));
    }
}

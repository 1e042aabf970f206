//! Heads of answers: what is always the same is written down once.

use std::cell::RefCell;
use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use httpdate::HttpDate;
use hyper::Response;

/// Bytes that follow the prepared ones: the length, and the date.
const ROOM: usize = 96;

thread_local! {
    /// The second since 1970 that was written last, and how it is written (RFC 9110 §5.6.7).
    static DATE: RefCell<(u64, String)> = RefCell::default();
}

/// An answer's status line and its header fields but for its length, the connection's, and the date.
#[derive(Debug, Clone)]
pub struct Head(Vec<u8>);

/// How the end of an answer's body is marked (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// It has none.
    NoBody,
    Bytes(usize),
    Chunked,
}

impl Head {
    /// The head of this response.
    pub fn new<B>(response: &Response<B>) -> Self {
        let mut bytes = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
        for (name, value) in response.headers() {
            bytes.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        Self(bytes)
    }

    /// The whole of it, in hyper's order; `is_last` tells that the connection closes behind this answer.
    pub(super) fn complete(&self, length: Length, is_last: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() + ROOM);
        out.extend_from_slice(&self.0);
        if is_last {
            out.extend_from_slice(b"connection: close\r\n");
        }
        match length {
            Length::NoBody => {}
            Length::Bytes(len) => write!(out, "content-length: {len}\r\n").expect("memory takes everything"),
            Length::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        }
        out.extend_from_slice(b"date: ");
        push_date(&mut out, SystemTime::now());
        out.extend_from_slice(b"\r\n\r\n");
        out
    }
}

fn push_date(out: &mut Vec<u8>, now: SystemTime) {
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    DATE.with_borrow_mut(|(written, text)| {
        if *written != second {
            *written = second;
            *text = HttpDate::from(UNIX_EPOCH + Duration::from_secs(second)).to_string();
        }
        out.extend_from_slice(text.as_bytes());
    });
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::*;

    #[test]
    fn the_date_is_of_the_second() {
        let at = |second: u64| {
            let mut out = Vec::new();
            push_date(&mut out, UNIX_EPOCH + Duration::from_millis(second * 1_000 + 999));
            String::from_utf8(out).unwrap()
        };
        // RFC 9110 §5.6.7 has this example.
        assert_eq!(at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at(784_111_778), "Sun, 06 Nov 1994 08:49:38 GMT");
    }

    #[test]
    fn a_head_tells_its_length_and_whether_it_is_the_last() {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let head = Head::new(&response);
        let text = |length, is_last| {
            let bytes = head.complete(length, is_last);
            let text = String::from_utf8(bytes).unwrap();
            text[..text.find("date: ").unwrap()].to_owned()
        };
        assert_eq!(text(Length::NoBody, false), "HTTP/1.1 204 No Content\r\n");
        assert_eq!(
            text(Length::Bytes(7), true),
            "HTTP/1.1 204 No Content\r\nconnection: close\r\ncontent-length: 7\r\n"
        );
        assert_eq!(text(Length::Chunked, false), "HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n");
    }
}

//! A request, as far as an endpoint has to know it.

use httparse::{Header, Request};
use protocol::Resume;

/// A `GET` of the endpoint's path on HTTP/1.1, without a body and without wishes about the connection.
#[derive(Debug)]
pub struct PlainRequest<'a> {
    query: &'a str,
    headers: &'a [Header<'a>],
}

impl<'a> PlainRequest<'a> {
    /// None if the request is another.
    pub(super) fn new(request: &'a Request<'_, 'a>, path: &str) -> Option<Self> {
        let target = request.path?;
        let (asked, query) = target.split_once('?').unwrap_or((target, ""));
        let is_get = request.method == Some("GET") && request.version == Some(1) && asked == path;
        (is_get && request.headers.iter().all(is_harmless))
            .then_some(Self { query, headers: request.headers })
    }

    /// What stands behind the path, without its question mark.
    pub fn query(&self) -> &'a str {
        self.query
    }

    /// Where the client wants to begin; none if the query cannot be understood.
    pub fn resume(&self) -> Option<Resume> {
        Resume::from_query(self.query).ok()
    }

    /// The value of the header field of this name.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    }
}

/// Whether a header field changes nothing about the connection and the request's body.
fn is_harmless(header: &Header<'_>) -> bool {
    let is = |name: &str| header.name.eq_ignore_ascii_case(name);
    match header.name.len() {
        // Browsers say so on each request.
        10 if is("connection") => header.value.eq_ignore_ascii_case(b"keep-alive"),
        6 => !is("expect"),
        7 => !is("upgrade"),
        14 => !is("content-length"),
        17 => !is("transfer-encoding"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use protocol::Start;

    use super::*;

    fn is_asked(text: &str) -> bool {
        let mut headers = [httparse::EMPTY_HEADER; 8];
        let mut request = Request::new(&mut headers);
        assert!(request.parse(text.as_bytes()).unwrap().is_complete());
        PlainRequest::new(&request, "/events").is_some()
    }

    #[test]
    fn only_a_plain_get_of_the_path_is_answered() {
        for target in ["/events", "/events?", "/events?after=3&x=y"] {
            assert!(is_asked(&format!("GET {target} HTTP/1.1\r\nhost: x\r\nConnection: Keep-Alive\r\n\r\n")));
        }
        for line in [
            "POST /events HTTP/1.1",
            "GET /events HTTP/1.0",
            "GET /event HTTP/1.1",
            "GET http://x/events HTTP/1.1",
            "GET /events HTTP/1.1\r\nConnection: close",
            "GET /events HTTP/1.1\r\nUpgrade: websocket",
            "GET /events HTTP/1.1\r\nExpect: 100-continue",
            "GET /events HTTP/1.1\r\nContent-Length: 0",
            "GET /events HTTP/1.1\r\nTransfer-Encoding: chunked",
        ] {
            assert!(!is_asked(&format!("{line}\r\n\r\n")), "{line}");
        }
    }

    #[test]
    fn query_and_headers_are_parsed() {
        let mut headers = [httparse::EMPTY_HEADER; 8];
        let mut request = Request::new(&mut headers);
        let text = b"GET /events?channel=2&after=7 HTTP/1.1\r\nLast-Event-ID: 9\r\n\r\n";
        assert!(request.parse(text).unwrap().is_complete());
        let plain = PlainRequest::new(&request, "/events").unwrap();
        assert_eq!(plain.resume(), Some(Resume { channel: 2, start: Start::After(7) }));
        assert_eq!((plain.header("last-event-id"), plain.header("cookie")), (Some(&b"9"[..]), None));
    }
}

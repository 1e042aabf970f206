//! HTTP/1.1 (RFC 9112): heads and chunks.

/// A header field: name and value.
pub type Field<'a> = (&'a str, &'a str);

const VERSION: &str = "HTTP/1.1";
const LINE_END: u64 = 2;

/// Bytes of a request's head (RFC 9112 §3, §5): request line, field lines, empty line.
pub fn request_head(method: &str, target: &str, fields: &[Field<'_>]) -> u64 {
    let line = method.len() + 1 + target.len() + 1 + VERSION.len();
    line as u64 + LINE_END + field_lines(fields) + LINE_END
}

/// Bytes of an answer's head (RFC 9112 §4, §5): status line, field lines, empty line.
///
/// None when no reason phrase of RFC 9110 is known for the status.
pub fn response_head(status: u16, fields: &[Field<'_>]) -> Option<u64> {
    let line = VERSION.len() + 1 + 3 + 1 + reason(status)?.len();
    Some(line as u64 + LINE_END + field_lines(fields) + LINE_END)
}

/// Field lines (RFC 9112 §5) with one space after the colon, as the standard prefers.
fn field_lines(fields: &[Field<'_>]) -> u64 {
    fields.iter().map(|(name, value)| (name.len() + ": ".len() + value.len()) as u64 + LINE_END).sum()
}

/// The framing of a chunk with this many bytes of data (RFC 9112 §7.1): the size in hex digits, and two line ends.
pub fn chunk_framing(data_bytes: u64) -> u64 {
    let hex_digits = data_bytes.checked_ilog2().map_or(1, |power| u64::from(power) / 4 + 1);
    hex_digits + 2 * LINE_END
}

/// The reason phrases of RFC 9110 §15, of the statuses that a subscriber's exchanges have.
fn reason(status: u16) -> Option<&'static str> {
    Some(match status {
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        304 => "Not Modified",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_long_as_its_text() {
        // RFC 9110 §3.9.
        let text = "GET /hello.txt HTTP/1.1\r\nUser-Agent: curl/7.64.1\r\nHost: www.example.com\r\n\
                    Accept-Language: en, mi\r\n\r\n";
        let fields =
            [("User-Agent", "curl/7.64.1"), ("Host", "www.example.com"), ("Accept-Language", "en, mi")];
        assert_eq!(request_head("GET", "/hello.txt", &fields), text.len() as u64);
        assert_eq!(request_head("GET", "/", &[]), "GET / HTTP/1.1\r\n\r\n".len() as u64);
    }

    #[test]
    fn an_answer_is_as_long_as_its_text() {
        // RFC 9110 §3.9.
        let text = "HTTP/1.1 200 OK\r\nDate: Mon, 27 Jul 2009 12:28:53 GMT\r\nServer: Apache\r\n\
                    Last-Modified: Wed, 22 Jul 2009 19:15:56 GMT\r\nETag: \"34aa387-d-1568eb00\"\r\n\
                    Accept-Ranges: bytes\r\nContent-Length: 51\r\nVary: Accept-Encoding\r\n\
                    Content-Type: text/plain\r\n\r\n";
        let fields = [
            ("Date", "Mon, 27 Jul 2009 12:28:53 GMT"),
            ("Server", "Apache"),
            ("Last-Modified", "Wed, 22 Jul 2009 19:15:56 GMT"),
            ("ETag", "\"34aa387-d-1568eb00\""),
            ("Accept-Ranges", "bytes"),
            ("Content-Length", "51"),
            ("Vary", "Accept-Encoding"),
            ("Content-Type", "text/plain"),
        ];
        assert_eq!(response_head(200, &fields), Some(text.len() as u64));
        assert_eq!(response_head(204, &[]), Some("HTTP/1.1 204 No Content\r\n\r\n".len() as u64));
        assert_eq!(response_head(299, &[]), None);
    }

    #[test]
    fn a_chunk_grows_with_the_hex_digits_of_its_size() {
        for (data, framing) in
            [(1, 5), (15, 5), (16, 6), (255, 6), (256, 7), (4_095, 7), (4_096, 8), (65_535, 8), (65_536, 9)]
        {
            assert_eq!(chunk_framing(data), framing, "{data}");
            let text = format!("{data:x}\r\n\r\n");
            assert_eq!(chunk_framing(data), text.len() as u64);
        }
    }
}

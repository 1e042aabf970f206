//! HTTP/1.1 as the clients here need it (RFC 9112).

use std::net::SocketAddr;

use protocol::Resume;

use super::tcp::Tcp;

/// The head of an answer.
pub(super) struct Head {
    pub(super) status: u16,
    fields: Vec<(String, String)>,
}

impl Head {
    /// The next head; none when the server has closed instead.
    pub(super) fn read(tcp: &mut Tcp) -> Option<Self> {
        let head = String::from_utf8(tcp.until(b"\r\n\r\n")?).expect("a head is text");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no field: {line}"));
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        let status = status.unwrap_or_else(|| panic!("no status line: {head}"));
        Some(Self { status, fields: fields.collect() })
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body of a known length.
    pub(super) fn body(&self, tcp: &mut Tcp) -> String {
        let len = match self.status {
            204 | 304 => 0,
            _ => self.field("content-length").and_then(|len| len.parse().ok()).expect("a length"),
        };
        String::from_utf8(tcp.whole(len)).expect("a body is text")
    }
}

/// `GET` with further fields, each with its line end.
pub(super) fn get(path: &str, resume: Resume, fields: &str) -> String {
    format!("GET {path}?{resume} HTTP/1.1\r\nhost: contract.test\r\n{fields}\r\n")
}

/// The uplink of the HTTP techniques: `POST` on a connection of its own, which stays.
pub(super) struct Post {
    tcp: Tcp,
    channel: u32,
}

impl Post {
    pub(super) fn connect(address: SocketAddr, channel: u32) -> Self {
        Self { tcp: Tcp::connect(address), channel }
    }

    /// Posts a message, and has it confirmed.
    pub(super) fn send(&mut self, message: &[u8]) {
        let (path, channel, len) = (protocol::paths::MESSAGES, self.channel, message.len());
        let head = format!(
            "POST {path}?channel={channel} HTTP/1.1\r\nhost: contract.test\r\ncontent-length: {len}\r\n\r\n"
        );
        self.tcp.send(&[head.as_bytes(), message].concat());
        let head = Head::read(&mut self.tcp).expect("an answer");
        assert_eq!((head.status, head.body(&mut self.tcp).as_str()), (204, ""));
    }
}

//! Where a server listens that runs already: `127.0.0.1:8080`, `localhost:8080`, `https://localhost:8443/prefix`.

use std::fmt;
use std::net::IpAddr;

/// An address as a target file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub tls: bool,
    /// A name, or an IP address without brackets.
    pub host: String,
    pub port: u16,
    /// What every path begins with; empty, or with a slash before it and none behind it.
    pub prefix: String,
}

impl Address {
    /// None where it is no address.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let (tls, port) = match scheme {
            "" => (false, None),
            "http" | "ws" => (false, Some(80)),
            "https" | "wss" => (true, Some(443)),
            _ => return None,
        };
        let (authority, prefix) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, digits)) if !digits.ends_with(']') => (host, digits.parse().ok()?),
            _ => (authority, port?),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        let fits = bare.parse::<IpAddr>().is_ok() || (!bare.is_empty() && bare.bytes().all(is_name));
        let is_prefix = prefix.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#'));
        (fits && is_prefix && port > 0).then(|| Self {
            tls,
            host: bare.to_owned(),
            port,
            prefix: prefix.trim_end_matches('/').to_owned(),
        })
    }

    /// The IP address that it has in place of a name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// As a `host` field has it, where it is a name (RFC 9110 §7.2).
    pub fn named_host(&self) -> Option<String> {
        let is_usual = self.port == if self.tls { 443 } else { 80 };
        let host = self.ip().is_none().then_some(&self.host)?;
        Some(if is_usual { host.clone() } else { format!("{host}:{}", self.port) })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https://" } else { "" };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}{open}{}{close}:{}{}", self.host, self.port, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_a_port_and_perhaps_a_scheme_and_a_prefix() {
        for (text, expected) in [
            ("127.0.0.1:8080", Some((false, "127.0.0.1", 8080, "", None))),
            ("[::1]:80", Some((false, "::1", 80, "", None))),
            ("localhost:8080", Some((false, "localhost", 8080, "", Some("localhost:8080")))),
            ("https://app.test/live/", Some((true, "app.test", 443, "/live", Some("app.test")))),
            ("wss://[::1]/", Some((true, "::1", 443, "", None))),
            ("http://a:90/b/c", Some((false, "a", 90, "/b/c", Some("a:90")))),
            ("localhost", None),
            ("ftp://a:1", None),
            ("a b:1", None),
            ("a:0", None),
            ("http://a/?x", None),
        ] {
            let found = Address::parse(text);
            let found = found.as_ref().map(|it| (it.tls, &*it.host, it.port, &*it.prefix, it.named_host()));
            let expected = expected
                .map(|(tls, host, port, prefix, named)| (tls, host, port, prefix, named.map(str::to_owned)));
            assert_eq!(found, expected, "{text}");
        }
    }
}

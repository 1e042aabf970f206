//! What the header profiles add to a request.

use std::net::SocketAddr;

use model::settings::HeaderProfile;

use crate::overhead::fixed_exchange::FixedExchange;
use crate::overhead::heads;

const COOKIE_LINE: u64 = "cookie: ".len() as u64 + 1_024 + 2;

fn up(technique: &'static str, headers: HeaderProfile) -> (u64, SocketAddr) {
    let found = FixedExchange { headers, ..FixedExchange::down(technique, 5) }.run();
    let up = found.account.up;
    (up.request_head + up.handshake, found.address)
}

#[test]
fn a_browsers_poll_is_these_bytes() {
    let (request_head, address) = up("short-polling", HeaderProfile::Browser);
    let sent = format!(
        "connection: keep-alive\r\nsec-ch-ua-platform: \"Linux\"\r\n\
         user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 \
         Safari/537.36\r\nsec-ch-ua: \"Not:A-Brand\";v=\"8\", \"Chromium\";v=\"156\"\r\nsec-ch-ua-mobile: ?0\r\n\
         accept: */*\r\nsec-fetch-site: same-origin\r\nsec-fetch-mode: cors\r\nsec-fetch-dest: empty\r\n\
         referer: http://{address}/\r\naccept-encoding: gzip, deflate, br, zstd\r\n\
         accept-language: en-US,en;q=0.9\r\n"
    );
    assert_eq!(request_head, heads::get("/events?channel=0&after=0", address) + sent.len() as u64);
}

#[test]
fn a_browsers_upgrade_is_these_bytes() {
    let (handshake, address) = up("websocket", HeaderProfile::Browser);
    let sent = format!(
        "pragma: no-cache\r\ncache-control: no-cache\r\n\
         user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 \
         Safari/537.36\r\norigin: http://{address}\r\naccept-encoding: gzip, deflate, br, zstd\r\n\
         accept-language: en-US,en;q=0.9\r\n\
         sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n"
    );
    assert_eq!(handshake, heads::upgrade("/ws?channel=0&after=0", address) + sent.len() as u64);
}

#[test]
fn a_session_adds_its_cookie_line_to_every_technique_but_raw_tcp() {
    for technique in
        ["short-polling", "long-polling", "http-streaming-ndjson", "http-streaming-sse", "websocket"]
    {
        let (with, at) = up(technique, HeaderProfile::BrowserSession);
        let (without, elsewhere) = up(technique, HeaderProfile::Browser);
        // The address stands in the head twice, as host and as referrer or origin, and ports may differ in length.
        let addresses = |address: SocketAddr| 2 * address.to_string().len() as u64;
        let added = (with - addresses(at)) - (without - addresses(elsewhere));
        assert_eq!(added, COOKIE_LINE, "{technique}");
    }
    let (with, _) = up("raw-tcp", HeaderProfile::BrowserSession);
    assert_eq!(with, up("raw-tcp", HeaderProfile::Minimal).0);
}

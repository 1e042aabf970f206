//! The `browser` header profile against what the Chromium that is here sends: names, order and values. Digits of versions
//! are compared by their shape.

use std::net::SocketAddr;

use browser::BrowserKind;
use loadgen::session::headers::{RequestKind, headers};
use model::browser::SeenHead;
use model::settings::{Client, HeaderProfile, Transport};

use crate::browsers::installed;
use crate::close_cases::browser_probe::browser_probe;

const PROFILE: [(&str, RequestKind); 7] = [
    ("fetch", RequestKind::Poll),
    ("fetch-stream", RequestKind::Stream),
    ("event-source", RequestKind::EventSource),
    ("websocket", RequestKind::WebSocket),
    ("post", RequestKind::Post),
    ("engine-io-poll", RequestKind::EnginePoll),
    ("engine-io-post", RequestKind::EnginePost),
];
/// What depends on the message, and is added when it is sent.
const OF_THE_MESSAGE: [&str; 2] = ["content-length", "sec-websocket-key"];

#[test]
fn the_browser_profile_is_what_chromium_sends() {
    let Some(_) = installed(BrowserKind::Chromium) else { return };
    for (kind, exchange) in PROFILE {
        let heads = &browser_probe().of(Client::Chromium).heads;
        let seen = heads.iter().find(|head| head.kind == kind).expect("a head of each kind");
        let profile = headers(HeaderProfile::Browser, exchange, &Transport::default(), host(seen));
        let profile = profile.iter().map(|(name, value)| line(name.as_str(), value.to_str().unwrap()));
        assert_eq!(profile.collect::<Vec<_>>(), lines(seen), "{kind}: mend loadgen/src/headers.rs");
    }
}

fn host(head: &SeenHead) -> SocketAddr {
    let host = head.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    host.expect("HTTP/1.1 demands a host").1.parse().expect("an address")
}

/// The user agent as the same browser has it with a window.
fn lines(head: &SeenHead) -> Vec<String> {
    let fields = head.fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    let fields = fields.filter(|(name, _)| !OF_THE_MESSAGE.contains(&name.as_str()));
    fields.map(|(name, value)| line(&name, &value.replace("HeadlessChrome/", "Chrome/"))).collect()
}

/// A number of a version is one that is as long.
fn line(name: &str, value: &str) -> String {
    let has_version = matches!(name, "user-agent" | "sec-ch-ua");
    let shape = |c: char| if has_version && c.is_ascii_digit() { '0' } else { c };
    format!("{name}: {}", value.chars().map(shape).collect::<String>())
}

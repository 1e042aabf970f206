//! What browsers do: how WebSockets end in each client, and clocks, limits, timers and request heads. One browser probe serves all tests.
//!
//! `DEVIATIONS` lists where a client is known to deviate from the standards, so that a change is noticed, for better or worse. The `browser`
//! header profile is compared with what the Chromium that is here sends: names, order and values. Digits of versions are compared by
//! their shape.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use browser::BrowserKind;
use loadgen::session::headers::{RequestKind, headers};
use model::browser::{BrowserFindings, SeenHead};
use model::close_case::{CloseCase, CloseCases, Peer, SeenEvent};
use model::settings::{Client, HeaderProfile, Transport};
use serde::de::DeserializeOwned;

use crate::browsers::installed;

/// A browser probe of all clients takes no longer.
const LONGEST: Duration = Duration::from_secs(90);

struct BrowserProbe {
    pub(crate) close_cases: CloseCases,
    findings: Vec<BrowserFindings>,
    took: Duration,
}

/// The browser probe of the native client and the installed browsers; made once.
fn browser_probe() -> &'static BrowserProbe {
    static PROBE: OnceLock<BrowserProbe> = OnceLock::new();
    PROBE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_pushbench"))
            .args(["browser-probe", "--out"])
            .arg(folder.path())
            .output()
            .unwrap();
        let took = start.elapsed();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let close_cases: CloseCases = read(&folder.path().join("close-cases.json"));
        let findings =
            close_cases.clients.iter().filter_map(|&client| findings(folder.path(), client)).collect();
        BrowserProbe { close_cases, findings, took }
    })
}

/// The installed browsers. For the others, the test is skipped or fails.
pub(crate) fn browsers() -> Vec<Client> {
    let all = [(BrowserKind::Chromium, Client::Chromium), (BrowserKind::Firefox, Client::Firefox)];
    all.into_iter().filter_map(|(kind, client)| installed(kind).map(|_| client)).collect()
}

impl BrowserProbe {
    pub(crate) fn of(&self, client: Client) -> &BrowserFindings {
        self.findings.iter().find(|found| found.client == client).expect("a browser's findings")
    }

    fn cases_of(&self, client: Client) -> impl Iterator<Item = &CloseCase> {
        self.close_cases.close_cases.iter().filter(move |case| case.client == client)
    }
}

fn findings(folder: &Path, client: Client) -> Option<BrowserFindings> {
    let name = match client {
        Client::Native => return None,
        Client::Chromium => "chromium",
        Client::Firefox => "firefox",
    };
    Some(read(&folder.join(format!("browsers/{name}.json"))))
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_probe_of_all_clients_is_bounded() {
    let browser_probe = browser_probe();
    assert!(browser_probe.took < LONGEST, "{:?}", browser_probe.took);
}

/// Codes of RFC 6455 §7.4.1.
const CODES: [u16; 12] = [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1015];

/// Client, code, and the start of the situation.
const DEVIATIONS: [(Client, u16, &str); 8] = [
    // tungstenite answers with 1002, and reports to its caller that 1002 came.
    (Client::Native, 1005, "a server sends this code"),
    (Client::Native, 1006, "a server sends this code"),
    (Client::Native, 1015, "a server sends this code"),
    // No `error` event (RFC 6455 §7.2.1 has a client fail a connection that is lost).
    (Client::Chromium, 1006, "the connection ends"),
    (Client::Chromium, 1006, "the connection is reset"),
    (Client::Firefox, 1006, "the connection ends"),
    // It sends the server 1002, not 1007.
    (Client::Chromium, 1007, "a server sends text"),
    // It reports 1015 to the page, not 1006.
    (Client::Firefox, 1015, "the server's certificate"),
];

fn is_known(case: &CloseCase) -> bool {
    DEVIATIONS.iter().any(|&(client, code, start)| {
        (client, code) == (case.client, case.code) && case.situation.starts_with(start)
    })
}

fn assert_conforms_for_every_code(client: Client) {
    for case in browser_probe().cases_of(client) {
        assert_eq!(case.conforms, !is_known(case), "{case:?}");
    }
    for code in CODES {
        assert!(browser_probe().cases_of(client).any(|case| case.code == code), "{code} {client:?}");
    }
}

#[test]
fn the_native_client_conforms_for_every_code_except_known_deviations() {
    assert_conforms_for_every_code(Client::Native);
}

#[test]
fn browsers_conform_for_every_code_except_known_deviations() {
    browsers().into_iter().for_each(assert_conforms_for_every_code);
}

#[test]
fn every_client_reports_what_our_server_sends() {
    for case in &browser_probe().close_cases.close_cases {
        let CloseCase { by: Peer::Server, sent: Some(sent), events, .. } = case else { continue };
        if case.situation.starts_with("a server") {
            continue;
        }
        let shown = SeenEvent::Close {
            code: sent.code.expect("our server always gives a code"),
            reason: sent.reason.clone(),
            clean: true,
        };
        assert_eq!(events, &[SeenEvent::Open, shown], "{case:?}");
    }
}

#[test]
fn the_table_is_in_the_order_of_the_codes() {
    assert!(browser_probe().close_cases.close_cases.is_sorted_by_key(|case| case.code));
}

fn all_findings() -> impl Iterator<Item = &'static BrowserFindings> {
    browsers().into_iter().map(|client| browser_probe().of(client))
}

fn opened(found: &BrowserFindings, technique: &str) -> u32 {
    let of = |kind: &&model::browser::OpenedAtOnce| kind.technique == technique;
    found.connections.iter().find(of).expect("its count").opened
}

#[test]
fn a_browser_opens_six_connections_to_an_origin_and_more_only_for_websockets() {
    for found in all_findings() {
        assert_eq!(opened(found, "long-polling"), 6, "{found:?}");
        assert_eq!(opened(found, "http-streaming-sse"), 6, "{found:?}");
        assert!(opened(found, "websocket") > 6, "{found:?}");
    }
}

#[test]
fn a_page_that_is_isolated_has_the_finer_clock() {
    for found in all_findings() {
        let clock = &found.clock;
        assert!(clock.isolated_resolution_ns <= 20_000, "{clock:?}");
        assert!(clock.plain_resolution_ns >= 100_000, "{clock:?}");
        // Exchanges at many moments of a step can bound it closer than a step.
        assert!((1..10_000_000).contains(&clock.offset_bound_ns), "{clock:?}");
    }
}

#[test]
fn a_timer_in_the_background_comes_once_a_second() {
    for found in all_findings() {
        let [front, behind] = &found.timers[..] else { panic!("{:?}", found.timers) };
        assert!(front.foreground && !behind.foreground, "{:?}", found.timers);
        assert!(front.median_ns < 500_000_000 && behind.median_ns >= 900_000_000, "{:?}", found.timers);
    }
}

#[test]
fn every_kind_of_request_was_seen() {
    for found in all_findings() {
        let kinds: Vec<_> = found.heads.iter().map(|head| head.kind.as_str()).collect();
        assert_eq!(kinds, PROFILE.map(|(kind, _)| kind));
    }
}

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

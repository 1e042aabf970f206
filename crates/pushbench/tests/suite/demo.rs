//! `pushbench demo`: a process of its own, its endpoints as any client meets them, and its page in real browsers.
//!
//! - `effects`: delay, stall, rate and close, observed on the techniques' own ports; figures that add up
//! - `page`: both browsers; every technique hears, sliders by keyboard, stall, close, narrow screens, dark colours; the README's pictures

mod effects;
mod page;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Nothing in these tests takes this long unless it hangs.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

/// A demo that listens; it ends with this value.
pub(crate) struct Demo {
    process: Child,
    pub(crate) address: SocketAddr,
    /// What it said of itself at its start.
    pub(crate) invitation: String,
}

impl Demo {
    pub(crate) fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_pushbench"))
            .args(["demo", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("pushbench starts");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let mut line = || lines.next().expect("a line").expect("text");
        let first = line();
        let address = first.trim_start_matches("The demo is at http://").trim_end_matches('/').parse();
        let address = address.unwrap_or_else(|error| panic!("{first}: {error}"));
        let invitation = format!("{first}\n{}", line());
        Self { process, address, invitation }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        send(self.address, "GET", path, &[], "")
    }

    pub(crate) fn control(&self, request: &str) -> Answer {
        send(self.address, "POST", "/control", &["content-type: application/json"], request)
    }

    pub(crate) fn setup(&self) -> Value {
        self.get("/setup").json()
    }

    /// Where this technique's server is.
    pub(crate) fn server_of(&self, slug: &str) -> SocketAddr {
        let port = figures_of(&self.setup(), slug)["port"].as_u64().expect("a port");
        SocketAddr::new(self.address.ip(), port as u16)
    }

    pub(crate) fn figures(&self) -> Value {
        let mut lines = stream(self.address, "/figures");
        let data = lines.find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
        serde_json::from_str(&data.expect("an event")).expect("JSON")
    }

    /// Figures that meet a condition, as soon as they do.
    pub(crate) fn figures_when(&self, what: &str, met: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let figures = self.figures();
            if met(&figures) {
                return figures;
            }
            assert!(begun.elapsed() < LONGEST, "not after {LONGEST:?}: {what}: {figures}");
        }
    }

    /// Ends its input, and waits for it.
    pub(crate) fn end(mut self) -> ExitStatus {
        drop(self.process.stdin.take());
        self.process.wait().expect("it ends")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Whatever came of it, it must not outlive its test; an error says that it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn figures_of<'a>(figures: &'a Value, slug: &str) -> &'a Value {
    let all = figures["techniques"].as_array().expect("techniques");
    all.iter().find(|it| it["slug"] == slug).unwrap_or_else(|| panic!("no {slug}"))
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and fields, in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.head.lines().any(|line| line == field)
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(LONGEST)).expect("a time-out");
    stream
}

/// Asks on a connection of its own.
pub(crate) fn send(address: SocketAddr, method: &str, path: &str, fields: &[&str], body: &str) -> Answer {
    let mut stream = connect(address);
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{fields}\r\n{body}"
    )
    .expect("the request is sent");
    let mut text = Vec::new();
    stream.read_to_end(&mut text).expect("an answer");
    let text = String::from_utf8_lossy(&text);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// A stream's lines, from behind its head.
pub(crate) fn stream(address: SocketAddr, path: &str) -> impl Iterator<Item = String> {
    let mut stream = connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").expect("the request is sent");
    let lines = BufReader::new(stream).lines().map(|line| line.expect("a line"));
    lines.skip_while(|line| !line.is_empty())
}

#[test]
fn the_page_is_isolated_and_uses_no_other_origin() {
    let demo = Demo::start();
    let page = demo.get("/");
    assert_eq!(page.status, 200);
    let files = ["/style.css", "/app.js", "/worker.js", "/clients/keep.js", "/vendor/socket.io.min.js"]
        .map(|path| demo.get(path));
    for answer in files.iter().chain([&page]) {
        assert_eq!(answer.status, 200);
        assert!(answer.has("cross-origin-opener-policy: same-origin"), "{}", answer.head);
        assert!(answer.has("cross-origin-embedder-policy: require-corp"), "{}", answer.head);
    }
    let own = [&page.body, &files[0].body, &files[1].body, &files[2].body, &files[3].body];
    for text in own {
        let named = text.replace("http://www.w3.org/2000/svg", "").replace("http://${host}", "");
        assert!(!named.contains("http://") && !named.contains("https://"), "a resource from elsewhere");
    }
}

#[test]
fn unknown_paths_and_methods_are_rejected() {
    let demo = Demo::start();
    assert_eq!(demo.get("/nothing").status, 404);
    let posted = send(demo.address, "POST", "/", &[], "");
    assert!(posted.status == 405 && posted.has("allow: get"), "{posted:?}");
    let got = demo.get("/control");
    assert!(got.status == 405 && got.has("allow: post"), "{got:?}");
}

#[test]
fn the_clock_is_the_one_that_events_are_stamped_with() {
    let demo = Demo::start();
    let before = os::now_ns();
    let clock: u64 = demo.get("/clock").body.parse().unwrap();
    assert!((before..=os::now_ns()).contains(&clock), "{clock}");
}

#[test]
fn every_technique_of_the_web_is_there_in_the_registrys_order() {
    let demo = Demo::start();
    let listed =
        Command::new(env!("CARGO_BIN_EXE_pushbench")).args(["list", "--techniques"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let setup = demo.setup();
    let slugs: Vec<_> =
        setup["techniques"].as_array().unwrap().iter().map(|it| it["slug"].as_str().unwrap()).collect();
    assert_eq!(slugs, listed.lines().filter(|slug| *slug != "raw-tcp").collect::<Vec<_>>());
    for slug in slugs {
        let client = demo.get(&format!("/clients/{slug}.js"));
        assert!(
            client.body.contains("export async function subscribe("),
            "the page has no client for {slug}"
        );
    }
}

#[test]
fn bad_input_is_rejected_with_the_reason_and_changes_nothing() {
    let demo = Demo::start();
    let before = demo.setup()["controls"].clone();
    for (request, why) in [
        (r#"{"rate_per_s": 100000}"#, "rate_per_s is 100000, and must be from 0.1 to 200"),
        (r#"{"payload_bytes": 50, "delay_ms": 9999}"#, "delay_ms is 9999, and must be from 0 to 2000"),
        (r#"{"delay_ms": 5, "payload_bytes": 16385}"#, "payload_bytes is 16385, and must be from 0 to 16384"),
        (r#"{"stall_ms": 0}"#, "stall_ms is 0, and must be from 1 to 5000"),
        (r#"{"payload_bytes": -1}"#, "-1"),
        (r#"{"speed": 3}"#, "unknown field `speed`, expected one of `rate_per_s`"),
        ("{}", "the request is empty: name one of rate_per_s"),
        ("faster", "a control is JSON such as {\"rate_per_s\": 20}"),
        (r#"{"close_code": 1006, "rate_per_s": 50}"#, "1006"),
        (r#"{"close_code": 999}"#, "999"),
        (r#"{"close_code": 1005}"#, "1005"),
        (r#"{"close_code": 1015}"#, "1015"),
        (r#"{"close_code": 5000}"#, "5000"),
        (r#"{"close_code": 70000}"#, "70000"),
    ] {
        let answer = demo.control(request);
        assert_eq!(answer.status, 400, "{request}");
        assert!(answer.body.contains(why) && answer.body.ends_with('\n'), "{request}: {}", answer.body);
    }
    assert_eq!(demo.setup()["controls"], before);
    assert_eq!(demo.control(r#"{"close_code": 1001}"#).status, 200);
}

#[test]
fn a_request_that_is_no_json_or_too_long_is_rejected() {
    let demo = Demo::start();
    // Another site's page could send this without a preflight request (Fetch §3.3.5).
    let request = r#"{"stall_ms": 1000}"#;
    let simple = send(demo.address, "POST", "/control", &["content-type: text/plain"], request);
    assert_eq!(simple.status, 415, "{simple:?}");
    let long = demo.control(&" ".repeat(5_000));
    assert_eq!(long.status, 413, "{long:?}");
}

#[test]
fn it_prints_who_can_see_it_and_ends_with_its_input() {
    let demo = Demo::start();
    assert!(demo.invitation.contains("Only this machine can see it"), "{}", demo.invitation);
    assert!(demo.end().success());
}

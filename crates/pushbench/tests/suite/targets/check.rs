//! `pushbench target`: a new file, and what a check says of good and of broken targets.

use std::fs;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use super::served::{Behaviour, answering, serve, target_at, write};
use crate::sandbox::{CommandOutput, Sandbox};

/// Asserts the exit code and that standard output has all of `words`.
#[track_caller]
fn says(output: &CommandOutput, code: i32, words: &[&str]) {
    output.expect(code, &[]);
    for words in words {
        assert!(output.out.contains(words), "`{words}` is not in {output:#?}");
    }
}

#[test]
fn a_new_file_is_not_written_over_another_one() {
    let sandbox = Sandbox::new();
    says(&sandbox.output("target new mine.toml"), 0, &["then: pushbench target check mine.toml"]);
    let text = fs::read_to_string(sandbox.path("mine.toml")).expect("it is written");
    assert!(text.contains("# Try it: pushbench target check mine.toml"), "{text}");
    sandbox.output("target new mine.toml").expect(2, &["mine.toml is there already; name another file"]);
    sandbox.output("target new My_Server.toml").expect(2, &["cannot be a target's name", "rename the file"]);
    // What stands there is no program.
    says(&sandbox.output("target check mine.toml"), 1, &["FAILS: ", "start my-server"]);
}

#[test]
fn a_check_shows_the_handshake_and_what_was_recognised() {
    let sandbox = Sandbox::new();
    let target = target_at(&sandbox, serve(Behaviour::Good));
    let begin = Instant::now();
    says(
        &sandbox.output(&format!("target check {target}")),
        0,
        &[
            "mine: A test, running at 127.0.0.1:",
            "→ GET /events?channel=",
            "← HTTP/1.1 204 No Content",
            "content-type: application/x-ndjson",
            "B, event 1: [\"00000001",
            "POST /publish?channel={channel}: 204 after ",
            "works: 3 of 3 events",
            "1 of 1 techniques work",
        ],
    );
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    sandbox.until_no_process_is_left();
    sandbox
        .output(&format!("target check {target} --technique websocket"))
        .expect(2, &["it has: short-polling"]);
}

/// An answer with this head and body.
fn http(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: ";
const TAKEN: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// How a server answers a publish call, and what it answers to a subscription given what was published.
type Answers = (fn(&str) -> String, fn(&[String]) -> Option<String>);

/// The faults that a target may have, and the sentence for each.
fn faults() -> Vec<(&'static str, Answers, &'static str)> {
    let taken: fn(&str) -> String = |_| TAKEN.to_owned();
    let nothing: fn(&[String]) -> Option<String> = |_| Some(TAKEN.to_owned());
    vec![
        (
            "short-polling",
            (taken, |_| Some(http("404 Not Found", "no such page"))),
            "answered 404 (no such page) to GET /sub?channel=",
        ),
        (
            "short-polling",
            (|_| http("307 Temporary Redirect\r\nlocation: /elsewhere", ""), nothing),
            "answered 307 (location: /elsewhere) to POST /pub: write the path that its `location` names",
        ),
        (
            "short-polling",
            (taken, |_| Some(http("301 Moved Permanently\r\nlocation: /sub/", ""))),
            "answered 301 (location: /sub/) to GET /sub?channel=",
        ),
        (
            "short-polling",
            (taken, |_| Some(http("401 Unauthorized", ""))),
            "give it what it asks for: headers = { authorization",
        ),
        ("websocket", (taken, |_| Some(http("200 OK", "hello"))), "what answers there is no WebSocket"),
        (
            "short-polling",
            (|_| http("415 Unsupported Media Type", "JSON only"), nothing),
            "answered 415 (JSON only) to POST /pub: set `content_type` of [publish]",
        ),
        (
            "short-polling",
            (|_| http("404 Not Found", ""), nothing),
            "answered 404 to POST /pub: correct `path` of [publish]",
        ),
        (
            "short-polling",
            (
                |_| {
                    thread::park();
                    String::new()
                },
                nothing,
            ),
            "did not answer POST /pub within",
        ),
        (
            "short-polling",
            (taken, |_| Some(http("200 OK\r\ncontent-encoding: gzip", "compressed"))),
            "the server compresses (gzip), and targets are measured without",
        ),
        ("short-polling", (taken, nothing), "compare the channel in `path` of [techniques.short-polling]"),
        (
            "http-streaming-sse",
            (taken, |_| {
                thread::park();
                None
            }),
            "sends no head: have it send the head at once",
        ),
        (
            "short-polling",
            (taken, |all| {
                Some(http(
                    "200 OK\r\ncontent-type: application/x-ndjson",
                    &all.join("\n").replace("\",\"", "\"; \""),
                ))
            }),
            "event 1 arrives changed",
        ),
    ]
}

#[test]
fn a_broken_target_is_answered_with_a_cause_and_a_remedy() {
    for (technique, (publish, subscribe), expected) in faults() {
        let sandbox = Sandbox::new();
        let published = Mutex::new(Vec::new());
        let address = answering(move |line, body| {
            if line.starts_with("POST") {
                published.lock().expect("no panic").push(body.clone());
                return Some(publish(&body));
            }
            let all = published.lock().expect("no panic").clone();
            subscribe(&all)
        });
        let text = format!(
            "label = \"A\"\nabout = \"b\"\naddress = \"{address}\"\n[publish]\npath = \"/pub\"\n\
             [techniques.{technique}]\npath = \"/sub?channel={{channel}}\"\n"
        );
        let target = write(&sandbox, &text);
        let output = sandbox.output(&format!("target check {target}"));
        says(&output, 1, &["FAILS: ", expected, "0 of 1 techniques work"]);
        sandbox.until_no_process_is_left();
    }
}

#[test]
fn a_slow_publish_call_is_named_with_the_rate_that_it_allows() {
    let sandbox = Sandbox::new();
    let good = serve(Behaviour::Good);
    let target = target_at(&sandbox, good);
    let slow = answering(move |line, body| {
        thread::sleep(Duration::from_millis(60));
        let path = line.split(' ').nth(1)?;
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = std::net::TcpStream::connect(good).ok()?;
        std::io::Write::write_all(&mut stream, request.as_bytes()).ok()?;
        let mut status = [0; 12];
        std::io::Read::read_exact(&mut stream, &mut status).ok()?;
        Some(TAKEN.to_owned())
    });
    let text = fs::read_to_string(&target).expect("a target");
    fs::write(&target, text.replace("[publish]\n", &format!("[publish]\naddress = \"{slow}\"\n")))
        .expect("and again");
    let output = sandbox.output(&format!("target check {target}"));
    says(
        &output,
        0,
        &["works: 3 of 3 events, but a publish call takes ", "set publisher_in_flight in the scenario"],
    );
}

#[test]
fn an_address_where_nothing_listens_is_named() {
    let sandbox = Sandbox::new();
    let target = target_at(&sandbox, serve(Behaviour::Good));
    let text = fs::read_to_string(&target).expect("a target");
    fs::write(&target, text.replace("[publish]\n", "[publish]\naddress = \"127.0.0.1:9\"\n"))
        .expect("and again");
    let output = sandbox.output(&format!("target check {target}"));
    says(
        &output,
        1,
        &["nothing listens at 127.0.0.1:9, where events are published: correct `address` of [publish]"],
    );
}

#[test]
fn a_stream_of_the_wrong_type_is_named() {
    // What is sent is the whole stream: nothing is published before it has begun.
    let sandbox = Sandbox::new();
    let address = answering(|line, _| {
        if line.starts_with("POST") {
            Some(TAKEN.to_owned())
        } else {
            Some(format!("{STREAM}text/html\r\n\r\n: hi\n\n"))
        }
    });
    let text = format!(
        "label = \"A\"\nabout = \"b\"\naddress = \"{address}\"\n[publish]\npath = \"/pub\"\n\
         [techniques.http-streaming-sse]\npath = \"/sub\"\n"
    );
    let target = write(&sandbox, &text);
    says(&sandbox.output(&format!("target check {target}")), 1, &["the stream's content type is text/html"]);
}

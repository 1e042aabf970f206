//! Mistakes on the command line, in scenario files, and in what is on disk; a server's flags, its ready line, and what it prints at its end.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use protocol::ready::ReadyLine;

use crate::sandbox::{CommandOutput, SHORT, Sandbox};

/// Scenario files with a mistake, and what the message has.
const BAD_SCENARIOS: &[(&str, &[&str])] = &[
    (
        "question = \"?\"\nreading = \"!\"\n[events]\nrte = \"5/s\"\n",
        &[
            "error: scenarios/bad.toml:4:1: `rte` is not a key of [events]",
            "4 | rte = \"5/s\"\n  | ^^^",
            "did you mean `rate`?",
        ],
    ),
    (
        "events.rate = \"50/s\"\nbound.p99 = \"1s\"\nsearch.from = \"20/s\"\n",
        &[
            "scenarios/bad.toml:",
            "the rate is given, and there is a [search] for it",
            "leave events.rate out",
        ],
    ),
    (
        "publisher = \"post\"\nevents.rate = \"50/s\"\ntransport.tls = true\n",
        &["bad.toml:4:13: the publisher posts over plain HTTP/1.1"],
    ),
];

#[test]
fn a_mistake_in_a_scenario_file_is_shown_with_its_place_and_the_remedy() {
    for (text, words) in BAD_SCENARIOS {
        let sandbox = Sandbox::new();
        sandbox.scenario("bad", text);
        sandbox.output("run --scenario bad").expect(2, words);
        assert!(!sandbox.path("results").exists(), "nothing was begun: {text}");
    }
}

/// Command lines with a mistake, and what the message has.
const MISTAKES: &[(&str, &[&str])] = &[
    ("run --scenario shrt", &["there is no scenario shrt; there are: short, "]),
    ("run --scenario my/own.toml", &["error: read my/own.toml", "caused by: No such file or directory"]),
    ("run --scenario short --scenario scenarios/short.toml", &["asked for twice"]),
    ("run --technique websockets", &["invalid value 'websockets'", "a similar value exists: 'websocket'"]),
    ("run --scenario short --technique websocket", &["nothing to run: none of the techniques takes part"]),
    ("run --repetitions 0", &["0 is not in 1..=1000"]),
    ("run --resume", &["read the folder results; make a run with `pushbench run`"]),
    ("run --resume tmp", &["tmp is not the folder of a run that can be resumed"]),
    ("run --resume --seed 7", &["cannot be used with"]),
    ("report", &["make a run with `pushbench run`"]),
    ("report tmp", &["error: read the results", "tmp/manifest.json"]),
    (
        "run --budget -5s",
        &["invalid value '-5s' for '--budget <TIME>': a budget is at least 30s and at most 24h"],
    ),
    ("run --budget 25h", &["a budget is at least 30s and at most 24h"]),
    ("run --self-check --target nchan", &["'--self-check' cannot be used with '--target"]),
    ("run --self-check --client native,firefox", &["'--self-check' cannot be used with '--client"]),
    ("compare a", &["not provided:\n  <NEW>\n", "Usage: pushbench compare <OLD> <NEW>\n"]),
    (
        "compare a b --fail-if cpu>-50%",
        &["`>-50%` would hold for what grew and for what shrank: write > with +"],
    ),
    ("compare a b --fail-if speed>+1%", &["there is no metric `speed`; there are: bytes, "]),
    ("compare scenarios tmp", &["there is no run in scenarios that can be read; `pushbench run` makes one"]),
    ("cite chat/websocket/cpu", &["make a run with `pushbench run`"]),
    ("cite chat", &["`chat` is not a figure's name: write scenario/technique/metric"]),
    ("advise --subscribers 5 --rate 1/s --within 0ms", &["'0ms' for '--within <TIME>': it must be above 0"]),
    ("advise --subscribers 5 --rate 1/s --within -1ms", &["`-1ms` is out of range"]),
    ("advise --subscribers 5 --rate 0/s", &["'0/s' for '--rate <RATE>': it must be above 0"]),
    ("advise --subscribers 5 --rate 1/s --price-core nan", &["a price is a number that is not below 0"]),
    (
        "advise --subscribers 5 --rate 1/s --price-core 0 --price-memory 0 --price-traffic 0",
        &["all prices are 0: one must be above 0, such as --price-core"],
    ),
    ("serve pigeon", &["possible values: short-polling, long-polling"]),
    ("serve long-polling --set long_polling.hold=25", &["`25` has no unit; write \"25s\""]),
    ("serve websocket --cores 4000", &["error: keep to cores [4000]", "caused by: Invalid argument"]),
    ("serve websocket --feed no/such/folder/feed", &["error: listen on the feed no/such/folder/feed"]),
    ("serve websocket --application protocol-tests", &["--application protocol-tests is for socketio only"]),
    ("serve websocket --certificate c.pem", &["--key <PATH>"]),
    ("serve websocket --key k.pem", &["--certificate <PATH>"]),
    ("serve websocket --certificate c.pem --key k.pem", &["add --set transport.tls=true"]),
    ("serve websocket --no-resumption", &["add --set transport.tls=true"]),
    ("serve websocket --set transport.tls", &["write KEY=VALUE"]),
    ("serve websocket --set transport.tlss=true", &["did you mean `tls`?"]),
    ("serve websocket --set no/such=1", &["`no/such` is not a key of a scenario"]),
    ("serve websocket --set =1", &["`` is not a key of a scenario"]),
    ("serve websocket --set transport.http=3", &["`3` is not known here", "allowed: 1.1, 2"]),
    ("serve websocket --settings {}", &["missing field"]),
];

#[test]
fn a_mistake_on_the_command_line_is_named_with_what_is_allowed() {
    let sandbox = Sandbox::new();
    for (line, words) in MISTAKES {
        sandbox.output(line).expect(2, words);
    }
}

#[test]
fn a_broken_scenario_stops_a_run_that_takes_them_all() {
    let sandbox = Sandbox::new();
    sandbox.scenario("bad", "question = ");
    sandbox.output("run").expect(2, &["scenarios/bad.toml:1:"]);
}

#[test]
fn outside_of_the_project_the_built_in_files_are_used() {
    let sandbox = Sandbox::new();
    fs::rename(sandbox.path("scenarios"), sandbox.path("elsewhere")).unwrap();
    let list = sandbox.output("list").out;
    assert!(list.contains("chat") && list.contains("stock-ticker"), "{list}");
    sandbox.output("run --quick --scenario smoke --technique raw-tcp --repetitions 1").expect(0, &[]);
    for made in ["results", "REPORT.md"] {
        assert!(sandbox.path(made).exists(), "{made}");
    }
    fs::create_dir(sandbox.path("scenarios")).unwrap();
    sandbox.scenario("chat", SHORT);
    sandbox.scenario("own", SHORT);
    let list = sandbox.output("list").out;
    let questions: Vec<_> = list.lines().filter(|line| line.contains("Does it come through?")).collect();
    assert!(matches!(questions[..], [chat, own] if chat.contains("chat") && own.contains("own")), "{list}");
    assert!(list.contains("stock-ticker"), "a local file overrides the built-in one of its name: {list}");
    let unknown = sandbox.output("run --scenario smoke --target no-such-server");
    unknown
        .expect(2, &["there is no target no-such-server; there are: aiohttp, axum, better-sse-node, nchan,"]);
}

#[test]
fn a_port_in_use_is_named_with_the_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let words = format!("error: listen on {address}; name another port with --listen");
    for command in ["serve websocket", "demo"] {
        let output = Sandbox::new().output(&format!("{command} --listen {address}"));
        output.expect(2, &[&words, "caused by: Address already in use"]);
    }
}

#[test]
fn load_rejects_rubbish_with_what_it_accepts() {
    let sandbox = Sandbox::new();
    let mut load = sandbox.pushbench("load").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    load.stdin.take().unwrap().write_all(b"hello\n").unwrap();
    let output = CommandOutput::of(load.wait_with_output().unwrap());
    output.expect(2, &["error: read the trial's spec: one line of JSON on standard input"]);
}

#[test]
fn resuming_needs_a_run_that_was_interrupted() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("results")).unwrap();
    sandbox.output("run --resume").expect(2, &["there is no interrupted run in results"]);
}

#[test]
fn help_lists_units_examples_and_exit_codes() {
    let sandbox = Sandbox::new();
    let output = sandbox.output("run --help");
    assert_eq!(output.code, Some(0));
    for words in ["Examples:", "rate = \"100/s\"", "130 interrupted"] {
        assert!(output.out.contains(words), "{}", output.out);
    }
    assert!(!sandbox.output("--help").out.contains("socket-ping"), "inner commands are hidden");
}

#[test]
fn every_shell_gets_completions_that_know_the_techniques() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        let output = sandbox.output(&format!("completions {shell}"));
        assert_eq!(output.code, Some(0));
        assert!(output.out.contains("http-streaming-sse"), "{shell}");
    }
}

#[test]
fn a_certificate_that_cannot_be_had_is_named_with_reason_and_remedy() {
    let sandbox = Sandbox::new();
    let serve = |certificate: &str| {
        let tls = format!("--set transport.tls=true --certificate {certificate} --key key.pem");
        sandbox.output(&format!("serve raw-tcp {tls}"))
    };
    let remedy = "no certificate can be read from none.pem: name a file that exists and may be read";
    serve("none.pem").expect(2, &["error: set up TLS", remedy, "No such file"]);
    fs::write(sandbox.path("prose.pem"), "this is no PEM").unwrap();
    serve("prose.pem").expect(2, &["from prose.pem: name a PEM file that holds a certificate"]);
}

#[test]
fn the_ready_line_has_the_certificate_and_the_end_reports_rejected_connections() {
    let sandbox = Sandbox::new();
    let mut server = sandbox
        .pushbench("serve short-polling --set transport.tls=true")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready = ReadyLine::parse(&line).unwrap();
    // DER begins with a sequence whose length takes two bytes: 0x30 0x82.
    assert!(ready.certificate.unwrap().starts_with("MII"));
    let mut client = TcpStream::connect(ready.address).unwrap();
    client.write_all(b"GET /events HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    // Returns once the server has given it up.
    client.read_to_end(&mut Vec::new()).unwrap();
    drop(server.stdin.take());
    let output = CommandOutput::of(server.wait_with_output().unwrap());
    output.expect(0, &["connections rejected: 1; the last: TLS handshake: received corrupt message"]);
}

//! Missing browsers, pages that never answer, processes that die.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use browser::BrowserKind;
use model::manifest::Manifest;
use model::trial::{Side, TrialResult};

use crate::browsers::installed;
use crate::browsers::left;
use crate::sandbox::Sandbox;

const SHORT: &str = r#"
question = "Does it come through?"
reading = "It does, or it does not."
techniques = ["long-polling"]
repetitions = 1
events.rate = "50/s"
phases = { warm_up = "50ms", window = "200ms" }
"#;

const LONG: &str = r#"
question = "Does it come through?"
reading = "It does, or it does not."
techniques = ["websocket"]
repetitions = 1
events.rate = "50/s"
phases = { warm_up = "50ms", window = "40s" }
"#;

fn sandbox(scenario: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.scenario("own", scenario);
    sandbox
}

fn manifest(sandbox: &Sandbox) -> Manifest {
    let text = std::fs::read_to_string(sandbox.only_run().join("manifest.json")).expect("a manifest");
    serde_json::from_str(&text).expect("readable")
}

fn failure(sandbox: &Sandbox) -> (Side, String) {
    match &sandbox.records()[0].result {
        TrialResult::Failed(failure) => (failure.side, failure.reason.clone()),
        other => panic!("it did not fail: {other:?}"),
    }
}

#[test]
fn a_missing_browser_is_skipped_by_name_with_what_to_install() {
    let sandbox = sandbox(SHORT);
    let arguments = "run --scenario own --client firefox,native --no-report --no-browser-probe";
    let output =
        sandbox.pushbench(arguments).env("PATH", sandbox.path("")).output().expect("pushbench starts");
    let output = crate::sandbox::CommandOutput::of(output);
    output.expect(0, &["skipped: client firefox: there is no firefox-esr on the PATH; install firefox-esr"]);
    let skipped = manifest(&sandbox).skipped;
    assert!(
        skipped.iter().any(|it| it.what == "client firefox" && it.why.contains("install")),
        "{skipped:?}"
    );
    assert_eq!(sandbox.records().len(), 1, "the native client alone");
}

#[test]
fn a_run_without_an_installed_client_is_rejected() {
    let sandbox = sandbox(SHORT);
    let arguments = "run --scenario own --client chromium --no-report --no-browser-probe";
    let output =
        sandbox.pushbench(arguments).env("PATH", sandbox.path("")).output().expect("pushbench starts");
    let output = crate::sandbox::CommandOutput::of(output);
    output.expect(2, &["install chromium and chromium-driver", "there is nothing to run"]);
}

#[test]
fn what_no_browser_can_do_is_skipped_by_name() {
    let Some(_) = installed(BrowserKind::Chromium) else { return };
    let sandbox = sandbox(&format!("transport = {{ http = \"2\" }}\n{SHORT}"));
    let arguments = "run --scenario own --client chromium,native --no-report --no-browser-probe";
    sandbox.output(arguments).expect(0, &["skipped: own with chromium: browsers speak HTTP/2 over TLS only"]);
}

#[test]
fn a_browser_probe_that_fails_is_reported_and_fails_no_run() {
    let Some(_) = installed(BrowserKind::Chromium) else { return };
    let sandbox = sandbox(SHORT);
    sandbox
        .output("run --scenario own --client chromium,native --no-report --no-browser-probe --keep-trials")
        .expect(0, &[]);
    // Only the browser probe of that run is left to do, and the browser is broken now.
    sandbox.script("chromium", "exit 1");
    sandbox.script("chromedriver", "echo it is broken >&2; exit 1");
    let run = sandbox.only_run().display().to_string();
    let mut resumed = sandbox.pushbench(&format!("run --resume {run} --no-report"));
    let output = resumed.env("PATH", sandbox.path("")).output().expect("pushbench starts");
    crate::sandbox::CommandOutput::of(output)
        .expect(0, &["own: 0 trials", "skipped: browser probe of chromium: start the browser"]);
    let skipped = manifest(&sandbox).skipped;
    assert!(skipped.iter().any(|it| it.what == "browser probe of chromium"), "{skipped:?}");
    let close_cases = std::fs::read_to_string(sandbox.only_run().join("close-cases.json"))
        .expect("a browser probe is kept");
    assert!(close_cases.contains("native") && !close_cases.contains("chromium"), "{close_cases}");
    left::nothing_of(&sandbox);
}

/// A server whose page never returns anything.
#[test]
fn a_page_that_never_reports_back_fails_its_trial_and_leaves_nothing() {
    for kind in BrowserKind::ALL {
        let Some(_) = installed(kind) else { continue };
        let sandbox = sandbox(SHORT);
        let silent = serve_page("<script>globalThis.bench = { clock: () => new Promise(() => {}) }</script>");
        let output = run_with_the_page_of(&sandbox, silent, kind);
        output.expect(1, &["FAILED", "1 trial failed"]);
        let (side, reason) = failure(&sandbox);
        assert_eq!(side, Side::Load);
        let words = format!("{kind}: run a script in the page: no answer within 20s");
        assert!(reason.contains(&words), "{reason}");
        left::nothing_of(&sandbox);
    }
}

#[test]
fn a_page_with_an_invalid_answer_fails_its_trial() {
    let Some(_) = installed(BrowserKind::Chromium) else { return };
    for (script, words) in [
        ("globalThis.bench = { clock: () => 'noon' }", "the page's answer cannot be read"),
        ("globalThis.bench = { clock: () => { throw new Error('no time') } }", "no time"),
        ("", "bench is not defined"),
    ] {
        let sandbox = sandbox(SHORT);
        let page = serve_page(&format!("<script>{script}</script>"));
        run_with_the_page_of(&sandbox, page, BrowserKind::Chromium).expect(1, &["FAILED"]);
        let (_, reason) = failure(&sandbox);
        assert!(reason.contains(words), "{reason}");
        left::nothing_of(&sandbox);
    }
}

#[test]
fn nothing_is_left_of_a_browser_whose_load_generator_or_server_is_killed() {
    for kind in BrowserKind::ALL {
        let Some(_) = installed(kind) else { continue };
        for (victim, words) in [("pushbench load", "load generator"), ("pushbench serve", "server")] {
            let sandbox = sandbox(LONG);
            let running = sandbox.start(&format!(
                "run --scenario own --client {} --no-report --no-browser-probe",
                kind.name()
            ));
            let victim = sandbox.descendant(victim);
            crate::sandbox::until("the browser has started", || left::has_browser(&sandbox));
            victim.kill();
            running.finish().expect(1, &[&format!("FAILED: the {words} ended with signal: 9")]);
            left::nothing_of(&sandbox);
        }
    }
}

/// Runs a trial whose server is real, but whose ready line sends the load generator elsewhere for its page.
fn run_with_the_page_of(
    sandbox: &Sandbox,
    page: SocketAddr,
    kind: BrowserKind,
) -> crate::sandbox::CommandOutput {
    let pushbench = env!("CARGO_BIN_EXE_pushbench");
    let elsewhere = format!("s/\"address\":\"[^\"]*\"/\"address\":\"{page}\"/");
    let script = format!("\"{pushbench}\" \"$@\" | sed -u '{elsewhere}'");
    let program = sandbox.script("server", &script);
    let arguments = format!("run --scenario own --no-report --no-browser-probe --server-program {program}");
    sandbox.output(&format!("{arguments} --client {}", kind.name()))
}

/// Answers every request with this page, as long as the test runs.
fn serve_page(page: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
        page.len()
    );
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || answer_one(&stream, &answer));
        }
    });
    address
}

fn answer_one(mut stream: &TcpStream, answer: &str) {
    let mut line = String::new();
    let mut request = BufReader::new(stream);
    while request.read_line(&mut line).is_ok_and(|read| read > 2) {
        line.clear();
    }
    // A browser may open connections that it does not use.
    let _ = stream.write_all(answer.as_bytes());
}

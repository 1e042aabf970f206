//! Trials whose subscribers are pages in real browsers, in real processes. They check counts, never times.

use std::fs;
use std::net::SocketAddr;
use std::panic::{self, AssertUnwindSafe};

use browser::{BrowserKind, InstalledBrowser};
use model::byte_account::Account;
use model::trial::{Side, TrialOutcome, TrialRecord, TrialResult};
use test_support::require;

use crate::sandbox::{CommandOutput, Sandbox, until};
use crate::targets::served::answering;

/// The browser if it is installed. Otherwise, the test is skipped or fails.
pub(crate) fn installed(kind: BrowserKind) -> Option<InstalledBrowser> {
    require(kind.name(), browser::detect(kind))
}

/// Runs a test in each browser that is installed, and fails after the last one if it failed in any.
fn in_each(test: impl Fn(BrowserKind)) {
    let failures = BrowserKind::ALL.into_iter().filter_map(|kind| {
        let test = || installed(kind).into_iter().for_each(|_| test(kind));
        let payload = panic::catch_unwind(AssertUnwindSafe(test)).err()?;
        let literal = || payload.downcast_ref::<&str>().copied().unwrap_or_default();
        Some(format!("in {kind}: {}", payload.downcast_ref::<String>().map_or_else(literal, String::as_str)))
    });
    let failures: Vec<String> = failures.collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

const TECHNIQUES: usize = 6;

/// Every subscriber sends to all, after a greeting.
const CHAT: &str = r#"
greeting = true
events.kind = "chat"
subscribers = { count = 3 }
uplink = { rate = "8/s", pace = "poisson", payload = "120 B" }
short_polling.interval = "100ms"
phases = { warm_up = "200ms", window = "800ms", drain = "10s" }
"#;

/// One way, each subscriber with a channel of its own.
const NEWS: &str = r#"
events.rate = "20/s"
subscribers = { count = 4, channels = 4 }
short_polling.interval = "100ms"
phases = { warm_up = "200ms", window = "800ms", drain = "10s" }
"#;

/// Runs a scenario in `kind`, and returns the outcomes, all complete.
fn run_in(kind: BrowserKind, scenario: &str, more: &str) -> Vec<(String, TrialOutcome)> {
    let sandbox = Sandbox::new();
    sandbox.scenario("own", scenario);
    let arguments = "run --scenario own --repetitions 1 --no-report --no-browser-probe --client";
    sandbox.output(&format!("{arguments} {}{more}", kind.name())).expect(0, &[]);
    let outcomes = sandbox.records().into_iter().map(complete).collect();
    nothing_of(&sandbox);
    outcomes
}

fn complete(record: TrialRecord) -> (String, TrialOutcome) {
    match record.result {
        TrialResult::Complete(outcome) => (record.key.technique, *outcome),
        other => panic!("{}: {other:?}", record.key.technique),
    }
}

/// Asserts that every event arrived once and in order, with a known clock, and that no bytes are counted.
fn assert_complete((technique, outcome): &(String, TrialOutcome)) {
    let counts = &outcome.counts;
    assert!(counts.expected > 0 && counts.delivered == counts.expected, "{technique}: {counts:?}");
    let wrong = (counts.lost, counts.duplicate, counts.reordered, counts.reconnects);
    assert_eq!(wrong, (0, 0, 0, 0), "{technique}: {counts:?}");
    assert!(counts.responses > 0 && counts.events_in_window > 0, "{technique}: {counts:?}");
    assert_eq!(outcome.bytes.total, Account::default(), "{technique}");
    let clock = outcome.clock.as_ref().unwrap_or_else(|| panic!("{technique}: no clock"));
    assert!(clock.isolated && clock.exchanges > 0, "{technique}: {clock:?}");
    let delivery = outcome.delivery.as_ref().expect("latencies");
    assert_eq!(delivery.count, counts.delivered, "{technique}");
    assert!(outcome.cost.server_cpu_ns > 0, "{technique}");
}

/// Runs a scenario with every technique of a page in each browser that is installed, and checks each outcome.
fn every_technique_in_each(scenario: &str, check: impl Fn(&str, &TrialOutcome)) {
    in_each(|kind| {
        let outcomes = run_in(kind, scenario, "");
        assert_eq!(outcomes.len(), TECHNIQUES);
        outcomes.iter().for_each(assert_complete);
        outcomes.iter().for_each(|(technique, outcome)| check(technique, outcome));
    });
}

#[test]
fn everyone_in_a_chat_of_each_browser_hears_everything_by_every_technique() {
    every_technique_in_each(CHAT, |technique, outcome| {
        let counts = &outcome.counts;
        assert!(counts.uplink_due > 0 && counts.uplink_sent == counts.uplink_due, "{technique}: {counts:?}");
        assert_eq!(counts.expected, 3 * counts.uplink_due, "{technique}: the three in the room hear it");
        assert_eq!(counts.greetings, 3, "{technique}: {outcome:?}");
    });
}

#[test]
fn everything_reaches_each_browser_by_every_technique() {
    every_technique_in_each(NEWS, |technique, outcome| {
        let counts = &outcome.counts;
        match technique {
            // Four subscribers poll ten times a second in four fifths of one.
            "short-polling" => assert!(counts.requests >= 20, "{counts:?}"),
            "long-polling" => assert!(counts.requests > 0, "{counts:?}"),
            _ => assert_eq!(counts.requests, 0, "{technique}: {counts:?}"),
        }
    });
}

/// TLS with a certificate that nobody has signed; over HTTP/2, all subscribers share a connection.
#[test]
fn everything_reaches_a_page_over_tls() {
    const TLS: &str = "transport = { tls = true }\n";
    const HTTP_2: &str = "transport = { tls = true, http = \"2\", per_connection = 4 }\n";
    in_each(|kind| {
        for transport in [TLS, HTTP_2] {
            let techniques = " --technique long-polling --technique http-streaming-sse --technique websocket";
            let outcomes = run_in(kind, &format!("{transport}{NEWS}"), techniques);
            assert_eq!(outcomes.len(), 3, "{transport}");
            outcomes.iter().for_each(assert_complete);
        }
    });
}

#[test]
fn everything_reaches_a_page_by_each_transport_of_socket_io() {
    in_each(|kind| {
        for way in ["polling", "upgrade", "websocket"] {
            // On a busy machine, a page upgrades late: what it polls until then must not lie in the window.
            let chat = CHAT.replace("warm_up = \"200ms\"", "warm_up = \"2s\"");
            let scenario = format!("socketio.transports = \"{way}\"\n{chat}");
            let outcomes = run_in(kind, &scenario, " --technique socketio");
            assert_eq!(outcomes.len(), 1);
            assert_complete(&outcomes[0]);
            let polls = outcomes[0].1.counts.requests > 0;
            assert_eq!(polls, way == "polling", "{way}: {:?}", outcomes[0].1.counts);
        }
    });
}

const SHORT: &str = r#"
techniques = ["long-polling"]
events.rate = "50/s"
phases = { warm_up = "50ms", window = "200ms" }
"#;

fn sandbox(scenario: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.scenario("own", scenario);
    sandbox
}

#[test]
fn a_missing_browser_is_skipped_by_name_with_what_to_install() {
    let sandbox = sandbox(SHORT);
    let arguments = "run --scenario own --client firefox,native --no-report --no-browser-probe";
    let output = sandbox.output_with_path("", arguments);
    output.expect(0, &["skipped: client firefox: there is no firefox-esr on the PATH; install firefox-esr"]);
    let skipped = sandbox.skipped("client firefox");
    assert!(skipped.iter().any(|why| why.contains("install")), "{skipped:?}");
    assert_eq!(sandbox.records().len(), 1, "the native client alone");
}

#[test]
fn a_run_without_an_installed_client_is_rejected() {
    let sandbox = sandbox(SHORT);
    let arguments = "run --scenario own --client chromium --no-report --no-browser-probe";
    let output = sandbox.output_with_path("", arguments);
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
    let output = sandbox.output_with_path("", &format!("run --resume {run} --no-report"));
    output.expect(0, &["own: 0 trials", "skipped: browser probe of chromium: start the browser"]);
    assert!(!sandbox.skipped("browser probe of chromium").is_empty(), "{:?}", sandbox.manifest());
    let close_cases =
        fs::read_to_string(sandbox.only_run().join("close-cases.json")).expect("a browser probe is kept");
    assert!(close_cases.contains("native") && !close_cases.contains("chromium"), "{close_cases}");
    nothing_of(&sandbox);
}

/// A server whose page never returns anything.
#[test]
fn a_page_that_never_reports_back_fails_its_trial_and_leaves_nothing() {
    in_each(|kind| {
        let sandbox = sandbox(SHORT);
        let silent = serve_page("<script>globalThis.bench = { clock: () => new Promise(() => {}) }</script>");
        let output = run_with_the_page_of(&sandbox, silent, kind);
        output.expect(1, &["FAILED", "1 trial failed"]);
        let (side, reason) = sandbox.failure();
        assert_eq!(side, Side::Load);
        let words = format!("{kind}: run a script in the page: no answer within 20s");
        assert!(reason.contains(&words), "{reason}");
        nothing_of(&sandbox);
    });
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
        let (_, reason) = sandbox.failure();
        assert!(reason.contains(words), "{reason}");
        nothing_of(&sandbox);
    }
}

#[test]
fn nothing_is_left_of_a_browser_whose_load_generator_or_server_is_killed() {
    in_each(|kind| {
        for (victim, words) in [("pushbench load", "load generator"), ("pushbench serve", "server")] {
            let sandbox = sandbox(&SHORT.replace("long-polling", "websocket").replace("200ms", "40s"));
            let running = sandbox.start(&format!(
                "run --scenario own --client {} --no-report --no-browser-probe",
                kind.name()
            ));
            let victim = sandbox.descendant(victim);
            until("the browser has started", || has_browser(&sandbox));
            victim.kill();
            sandbox.ends(running, 1, &[&format!("FAILED: the {words} ended with signal: 9")]);
            nothing_of(&sandbox);
        }
    });
}

/// Runs a trial whose server is real, but whose ready line sends the load generator elsewhere for its page.
fn run_with_the_page_of(sandbox: &Sandbox, page: SocketAddr, kind: BrowserKind) -> CommandOutput {
    let pushbench = env!("CARGO_BIN_EXE_pushbench");
    let elsewhere = format!("s/\"address\":\"[^\"]*\"/\"address\":\"{page}\"/");
    let script = format!("\"{pushbench}\" \"$@\" | sed -u '{elsewhere}'");
    let program = sandbox.script("server", &script);
    let arguments = format!("run --scenario own --no-report --no-browser-probe --server-program {program}");
    sandbox.output(&format!("{arguments} --client {}", kind.name()))
}

/// Answers every request with this page, as long as the test runs.
fn serve_page(page: &str) -> SocketAddr {
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
        page.len()
    );
    answering(move |_, _| Some(answer.clone()))
}

/// Returns once nothing is left of the browsers that were started from `sandbox`.
fn nothing_of(sandbox: &Sandbox) {
    let tmp = sandbox.path("tmp");
    let mark = tmp.display().to_string();
    until("every browser has ended", || processes_that_know(&mark).is_empty());
    until("every profile is removed", || fs::read_dir(&tmp).expect("a folder").next().is_none());
}

/// Whether a browser has been started from `sandbox`: a process has a profile of its own.
fn has_browser(sandbox: &Sandbox) -> bool {
    let profile = format!("HOME={}", sandbox.path("tmp/pushbench-browser-").display());
    processes_that_know(&profile).len() > 1
}

pub(crate) fn processes_that_know(mark: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("the kernel's list of processes").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let knows = |pid: &u32| {
        let of = |what: &str| fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
        [of("environ"), of("cmdline")].iter().any(|text| String::from_utf8_lossy(text).contains(mark))
    };
    pids.filter(knows).filter(|pid| !os::has_ended(*pid)).collect()
}

//! The page's own origin: its resources, and responses to bad input.

use std::net::TcpListener;
use std::process::Command;

use crate::demo::demo_process::Demo;
use crate::demo::http;

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
    let posted = http::request(demo.address, "POST", "/", &[], "");
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
fn every_technique_of_the_web_has_a_lane_in_the_registrys_order() {
    let demo = Demo::start();
    let listed =
        Command::new(env!("CARGO_BIN_EXE_pushbench")).args(["list", "--techniques"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let setup = demo.setup();
    let lanes: Vec<_> =
        setup["lanes"].as_array().unwrap().iter().map(|lane| lane["slug"].as_str().unwrap()).collect();
    assert_eq!(lanes, listed.lines().filter(|slug| *slug != "raw-tcp").collect::<Vec<_>>());
    for slug in lanes {
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
        (r#"{"payload_bytes": -1}"#, "-1"),
        (r#"{"speed": 3}"#, "unknown field `speed`"),
        ("{}", "the request is empty"),
        ("faster", "a control is JSON such as {\"rate_per_s\": 20}"),
        (r#"{"close_code": 1006, "rate_per_s": 50}"#, "1006"),
    ] {
        let answer = demo.control(request);
        assert_eq!(answer.status, 400, "{request}");
        assert!(answer.body.contains(why) && answer.body.ends_with('\n'), "{request}: {}", answer.body);
    }
    assert_eq!(demo.setup()["controls"], before);
}

#[test]
fn a_request_that_is_no_json_or_too_long_is_rejected() {
    let demo = Demo::start();
    // Another site's page could send this without a preflight request (Fetch §3.3.5).
    let request = r#"{"stall_ms": 1000}"#;
    let simple = http::request(demo.address, "POST", "/control", &["content-type: text/plain"], request);
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

#[test]
fn a_port_in_use_is_named_with_a_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output =
        Command::new(env!("CARGO_BIN_EXE_pushbench")).args(["demo", "--listen", &address]).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains(&format!("listen on {address}; name another port with --listen")), "{err}");
}

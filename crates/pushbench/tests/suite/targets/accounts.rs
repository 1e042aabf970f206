//! What is counted of targets, held against a relay that counts the bytes between subscribers and server.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use model::trial::TrialResult;
use test_support::require;

use super::served::write;
use super::{misfits, project};
use crate::relay::{Life, Relay};
use crate::sandbox::Sandbox;
use crate::server_process::PUSHBENCH;

const SCENARIO: &str = r#"
events = { rate = "50/s", pace = "constant", payload = "100 B" }
subscribers = { count = 6, channels = 2 }
publisher = "post"
phases = { warm_up = "0ms", window = "600ms", drain = "5s" }
"#;

#[test]
fn every_byte_of_a_target_is_in_the_account() {
    for (file, technique, needs) in [
        ("nchan.toml", "http-streaming-sse", "nginx"),
        ("socketio-node.toml", "socketio", "node"),
        ("examples/faye.toml", "websocket", "node"),
        ("examples/graphql-ws.toml", "websocket", "node"),
        ("examples/aiohttp-cursor.toml", "long-polling", "python3"),
        ("examples/mosquitto.toml", "websocket", "mosquitto"),
    ] {
        let (sandbox, path) = (Sandbox::new(), project().join("targets").join(file));
        let mut supervisor = Command::new(PUSHBENCH)
            .args(["supervise-target", "--technique", technique, "--file"])
            .arg(&path)
            .arg("--dir")
            .arg(sandbox.path("server"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        BufReader::new(supervisor.stdout.take().expect("a pipe")).read_line(&mut line).expect("readable");
        if line.is_empty() {
            let output = supervisor.wait_with_output().expect("it ends");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.contains("is missing; install"), "{file}: {said}");
            require::<()>(needs, Err(said));
            continue;
        }
        let ready: serde_json::Value = serde_json::from_str(&line).expect("a ready line");
        let address = ready["line"]["address"].as_str().expect("an address");
        let relay = Relay::start(address.parse().expect("an address"), Life::Whole);
        let text = std::fs::read_to_string(&path).expect("a target");
        let publish = text.find("[publish]\n").expect("it is published to");
        let text = format!(
            "label = \"A\"\nabout = \"b\"\naddress = \"{}\"\n[process]\npid = {}\n[publish]\naddress = \"{address}\"\n{}",
            relay.address(),
            ready["pids"][0],
            &text[publish + "[publish]\n".len()..]
        );
        sandbox.scenario("all", &format!("techniques = [\"{technique}\"]\n{SCENARIO}"));
        let target = write(&sandbox, &text);
        let output =
            sandbox.output(&format!("run --scenario all --only-targets --target {target} --no-report"));
        output.expect(0, &[]);
        relay.until_closed();
        let record = sandbox.records().remove(0);
        let TrialResult::Complete(outcome) = &record.result else { panic!("{record:?}") };
        let bytes = &outcome.bytes;
        assert_eq!((bytes.socket_written, bytes.socket_read), (relay.up(), relay.down()), "{file}");
        let layers = (bytes.total.up.wire(), bytes.total.down.wire());
        assert_eq!(layers, (relay.up(), relay.down()), "{file}: {:?}", bytes.total);
        assert_eq!((outcome.counts.published, outcome.counts.delivered), (60, 180), "{file}");
        assert_eq!(bytes.total.down.payload, 180 * 100, "{file}: {:?}", bytes.total.down);
        assert!(!outcome.warnings.iter().any(misfits), "{file}: {:?}", outcome.warnings);
        assert!(outcome.cost.server_cpu_ns > 0, "{file}");
        drop(supervisor.stdin.take());
        supervisor.wait().expect("it ends");
    }
}

//! How a target is started and published to: variables, folder, ports, readiness, requests of its own form, a command.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use model::trial::{TrialRecord, TrialResult};
use model::warning::Warning;

use super::served::{POLLS, answering, write};
use super::{fails_with, of_target, run};
use crate::sandbox::Sandbox;
use crate::server_process::ServerProcess;

#[track_caller]
fn delivers(sandbox: &Sandbox, target: &str) -> TrialRecord {
    run(sandbox, target).expect(0, &[]);
    let record = of_target(sandbox);
    let TrialResult::Complete(outcome) = &record.result else { panic!("{record:?}") };
    let counts = &outcome.counts;
    assert_eq!((counts.published, counts.delivered, counts.duplicate), (10, 30, 0));
    sandbox.until_no_process_is_left();
    record
}

#[test]
fn a_target_gets_its_variables_its_folder_and_its_ports_and_is_ready_when_it_says_so() {
    let sandbox = Sandbox::new();
    let (program, out) = (env!("CARGO_BIN_EXE_pushbench"), sandbox.path("out").display().to_string());
    fs::create_dir(sandbox.path("short-polling")).expect("a folder");
    let script = sandbox.script(
        "server",
        &format!(
            "echo \"$TECHNIQUE $PORT $OTHER $(pwd)\" > {out}\n\
             {program} serve short-polling --listen 127.0.0.1:$PORT < /dev/zero |\n\
             while read -r line; do echo \"it is listening: $line\"; done"
        ),
    );
    let target = write(
        &sandbox,
        &format!(
            "label = \"A\"\nabout = \"b\"\n[start]\ncommand = [\"{script}\"]\nfolder = \"{{technique}}\"\nstop = \"INT\"\n\
             env = {{ PORT = \"{{port}}\", OTHER = \"{{port2}}\", TECHNIQUE = \"{{technique}}\" }}\n\
             [ready]\nline = \"it is listening\"\n[publish]\npath = \"/messages?channel={{channel}}\"\n\
             [techniques.short-polling]\npath = \"/events?channel={{channel}}&after={{after}}\"\nresume = \"query\"\n"
        ),
    );
    delivers(&sandbox, &target);
    let found = fs::read_to_string(out).expect("the script wrote it");
    let words: Vec<_> = found.split_whitespace().collect();
    assert_eq!(words[0], "short-polling");
    assert!(words[1] != words[2] && words[1..3].iter().all(|port| port.parse::<u16>().is_ok()), "{found}");
    assert_eq!(Path::new(words[3]).file_name().expect("a folder"), "short-polling");
}

#[test]
fn a_target_that_does_not_write_its_line_or_lacks_its_folder_fails_with_the_reason() {
    for (more, words) in [
        ("[ready]\nline = \"up\"\nwithin = \"200ms\"\n", "it has not written a line with `up`"),
        ("folder = \"nowhere\"\n", "nowhere is not there; see [start] folder"),
    ] {
        let target = |sandbox: &Sandbox| {
            let script = sandbox.script("server", "exec sleep 600");
            let text = format!(
                "label = \"A\"\nabout = \"b\"\n[start]\ncommand = [\"{script}\"]\n{more}[publish]\npath = \"/p\"\n\
                 [techniques.short-polling]\npath = \"/e\"\n"
            );
            write(sandbox, &text)
        };
        fails_with(&target, &[words]);
    }
}

#[test]
fn a_target_that_listens_elsewhere_is_told_where() {
    let target = |sandbox: &Sandbox| {
        let program = env!("CARGO_BIN_EXE_pushbench");
        let script = sandbox.script("server", &format!("sleep 601 | {program} serve websocket"));
        let text = format!(
            "label = \"A\"\nabout = \"b\"\n[start]\ncommand = [\"{script}\"]\n[ready]\nwithin = \"1s\"\n\
             [publish]\npath = \"/p\"\n[techniques.short-polling]\npath = \"/e\"\n"
        );
        write(sandbox, &text)
    };
    fails_with(&target, &["it listens on 127.0.0.1:", "pass it {port}, which is ", "in `command` or `env`"]);
}

type Channels = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

/// A server for polls of what `channels` hold.
fn polled(channels: &Channels) -> std::net::SocketAddr {
    let channels = Arc::clone(channels);
    answering(move |line, _| {
        let query = line.split(' ').nth(1)?.split_once('?')?.1;
        let (channel, after) = query.split_once('&')?;
        let after: usize = after.parse().ok()?;
        let channels = channels.lock().expect("no panic");
        let messages = channels.get(channel).map(|all| all[after.min(all.len())..].join("\n"));
        let body = messages.filter(|body| !body.is_empty()).map(|body| body + "\n").unwrap_or_default();
        let length = body.len();
        Some(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    })
}

fn polling(sandbox: &Sandbox, channels: &Channels, publish: &str) -> String {
    let text = format!(
        "label = \"A\"\nabout = \"b\"\naddress = \"{}\"\n[publish]\n{publish}\n\
         [techniques.short-polling]\npath = \"/events?{{channel}}&{{after}}\"\nresume = \"query\"\n",
        polled(channels)
    );
    write(sandbox, &text)
}

#[derive(serde::Deserialize)]
struct Envelope {
    channel: String,
    data: String,
}

#[test]
fn events_are_published_elsewhere_within_a_body_and_taken_by_the_answers_body() {
    for (answer, reason) in [
        ("{\"ok\":true}", None),
        (
            "{\"error\":\"no such tenant\"}",
            Some("answered 200 to an event that was posted: {\"error\":\"no such tenant\"}"),
        ),
    ] {
        let (sandbox, channels) = (Sandbox::new(), Channels::default());
        let taken = Arc::clone(&channels);
        let publisher = answering(move |line, body| {
            assert!(line.starts_with("PUT /pub "), "{line}");
            let Envelope { channel, data } = serde_json::from_str(&body).expect("an envelope");
            taken.lock().expect("no panic").entry(channel).or_default().push(data);
            Some(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len()))
        });
        let publish = format!(
            "address = \"{publisher}\"\nmethod = \"PUT\"\npath = \"/pub\"\nsuccess = {{ lacks = '\"error\"' }}\n\
             body = '{{\"channel\":\"{{channel}}\",\"data\":{{message_json}}}}'\n"
        );
        match reason {
            None => drop(delivers(&sandbox, &polling(&sandbox, &channels, &publish))),
            Some(reason) => fails_with(&|sandbox| polling(sandbox, &channels, &publish), &[reason]),
        }
    }
}

#[test]
fn events_are_published_by_a_command_that_reads_lines() {
    let (sandbox, channels) = (Sandbox::new(), Channels::default());
    let taken = Arc::clone(&channels);
    let publisher = answering(move |line, body| {
        let channel = line.split(' ').nth(1)?.trim_start_matches('/').to_owned();
        taken.lock().expect("no panic").entry(channel).or_default().push(body);
        Some("HTTP/1.1 204 No Content\r\n\r\n".to_owned())
    });
    let script = format!(
        "exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/{}\n\
         while IFS=\"$(printf \"\\\\t\")\" read -r channel message; do\n\
         printf \"POST /%s HTTP/1.1\\r\\nhost: a\\r\\ncontent-length: %d\\r\\n\\r\\n%s\" \"$channel\" \"${{#message}}\" \"$message\" >&3\n\
         done'",
        publisher.port()
    );
    sandbox.script("publish", &script);
    let record = delivers(&sandbox, &polling(&sandbox, &channels, "command = [\"./publish\"]"));
    assert!(record.result.outcome().expect("an outcome").service.is_some());
}

#[test]
fn a_command_that_ends_or_is_not_there_fails_the_trial_with_the_reason() {
    for (command, words) in [
        (
            "[\"sh\", \"-c\", \"echo no tenant >&2; exit 4\"]",
            &["the command that publishes ended by itself (exit status: 4)", "no tenant"][..],
        ),
        ("[\"no-such-program\"]", &["start no-such-program"]),
    ] {
        let publish = format!("command = {command}");
        fails_with(&|sandbox| polling(sandbox, &Channels::default(), &publish), words);
    }
}

#[test]
fn only_targets_leaves_out_our_own_servers() {
    let (sandbox, channels) = (Sandbox::new(), Channels::default());
    let target = polling(&sandbox, &channels, "path = \"/p\"");
    sandbox.scenario("polls", POLLS);
    let output =
        sandbox.output(&format!("run --scenario polls --target {target} --only-targets --no-report"));
    output.expect(1, &[]);
    let records = sandbox.records();
    assert!(records.len() == 1 && records[0].key.target.is_some(), "{records:?}");
    sandbox
        .output("run --scenario polls --only-targets")
        .expect(2, &["no target takes part", "name one with --target"]);
}

#[test]
fn a_server_that_runs_already_is_measured_by_who_listens_there_or_by_what_is_named() {
    for process in [
        "",
        "[process]\npid = {pid}\n",
        "[process]\nports = [{port}]\n",
        "[process]\npid_file = \"my.pid\"\n",
    ] {
        let sandbox = Sandbox::new();
        // Afresh: it knows the events of a trial before.
        let server = ServerProcess::start_directly("short-polling", &[]);
        let (address, pid) = (server.ready().address, server.ready().pid.to_string());
        fs::write(sandbox.path("my.pid"), format!("{pid}\n")).expect("a file");
        let process = process.replace("{pid}", &pid).replace("{port}", &address.port().to_string());
        let text = format!(
            "label = \"A\"\nabout = \"b\"\naddress = \"{address}\"\n{process}[publish]\npath = \"/messages?channel=0\"\n\
             [techniques.short-polling]\npath = \"/events?channel=0&after={{after}}\"\nresume = \"query\"\n"
        );
        let record = delivers(&sandbox, &write(&sandbox, &text));
        let outcome = record.result.outcome().expect("it is complete");
        assert!(outcome.cost.server_cpu_ns > 0, "{process}: {:?}", outcome.cost);
        assert!(!outcome.warnings.contains(&Warning::ServerCostUnknown), "{process}");
    }
}

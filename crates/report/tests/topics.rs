//! Sections and charts of scenarios about limits, on synthetic runs.

#[path = "fixture/mod.rs"]
mod fixture;

use std::fs;

use fixture::contests::claim;
use fixture::reading::{folder, report, section};
use fixture::runs::small;
use fixture::scale::{connections, counts, server_restarts, slow_consumers};

/// The first line after `title` that begins so.
fn line<'t>(text: &'t str, title: &str, begin: &str) -> &'t str {
    let (_, rest) = text.split_once(title).unwrap_or_else(|| panic!("there is no {title}: {text}"));
    let found = rest.lines().find(|line| line.starts_with(begin));
    found.unwrap_or_else(|| panic!("no line begins with {begin}: {rest}"))
}

#[test]
fn cost_of_connections_is_a_line_with_intervals() {
    let root = folder();
    let report = report(root.path(), &connections(&[1_000, 2_000, 5_000, 10_000]));
    let text = section(&report, "connections");
    let memory = "**Memory of the server: anonymous and resident, that is heap and stacks**";
    // 8,000 B each and 1 MiB without any, with pages of noise.
    let row = line(text, memory, "| WebSocket | HTTP/1.1 |");
    assert!(row.starts_with("| WebSocket | HTTP/1.1 | 7.8") && row.contains(" KiB ["), "{row}");
    assert!(row.contains("] | 1.1") && row.contains("| yes (p = "), "{row}");
    let bent = line(text, memory, "| Raw TCP | HTTP/1.1 |");
    assert!(bent.contains("**bent** (p < 0.001; farthest off "), "{bent}");
    let idle = line(text, "**Server CPU for each second", "| WebSocket | HTTP/1.1 |");
    // 200 ns + 4 × 100 ns in a second; trials with events do not count.
    assert!(idle.starts_with("| WebSocket | HTTP/1.1 | 0.6") || idle.contains("| 0.59"), "{idle}");
    assert!(line(text, "**Time until all", "| WebSocket | HTTP/1.1 |").contains("| 70.0 µs"), "{text}");
}

#[test]
fn a_million_is_predicted_with_what_breaks_first() {
    let root = folder();
    let report = report(root.path(), &connections(&[1_000, 2_000, 5_000, 10_000]));
    let (_, text) =
        section(&report, "connections").split_once("**A million connections").expect("it is there");
    // 8,000 B × 1,000,000 + 1 MiB = 7.45 GiB; half of 9,000 B × 1,000,000 = 4.19 GiB.
    let row = line(text, "on paper**", "| WebSocket | HTTP/1.1 |");
    assert!(row.starts_with("| WebSocket | HTTP/1.1 | 7.4") && row.contains(" GiB ["), "{row}");
    assert!(row.contains("| 4.19 GiB") || row.contains("| 4.20 GiB"), "{row}");
    assert!(line(text, "on paper**", "| Raw TCP | HTTP/1.1 |").contains("\\* |"), "{text}");
    assert!(text.contains("1,000,000 ÷ 20,000 = 50 server processes"), "{text}");
    assert!(text.contains("An address") || text.contains("an address has 28,232 for"), "{text}");
    assert!(text.contains("1,000,000 ÷ 28,232 = 36 client addresses"), "{text}");
    let breaks = line(text, "*Where it will break.*", "| WebSocket | HTTP/1.1 |");
    // (8 GiB − 1 MiB) ÷ 12,500 B, within what noise makes of it.
    assert!(
        breaks.contains("(8 GiB − ") && breaks.contains(" = 68") && breaks.contains("| memory, at 68"),
        "that of descriptors is the same in all rows, and stands above: {breaks}"
    );
}

#[test]
fn what_a_trickle_brought_stands_by_the_number_of_connections() {
    let root = folder();
    let mut run = connections(&[1_000, 50_000]);
    let record =
        run.trials.iter_mut().map(|(record, _)| record).filter(|record| record.key.technique == "frames");
    for record in record.filter(|record| record.settings.subscribers.count == 50_000) {
        if let model::trial::TrialResult::Complete(outcome) = &mut record.result {
            outcome.counts.reconnects = 3;
        }
    }
    let report = report(root.path(), &run);
    let text = section(&report, "connections");
    let head = line(text, "Held at once", "| technique |");
    assert_eq!(head, "| technique | transport | 1000 | 50,000 |");
    let row = line(text, "Held at once", "| WebSocket | HTTP/1.1 |");
    assert!(row.contains(" µs") && row.ends_with("<br>**12 made again** |"), "{row}");
    assert!(line(text, "Held at once", "| WebSocket | HTTP/1.1 + TLS |").contains("| idle |"), "{text}");
    for chart in ["connections-connections", "connections-tls-connections"] {
        assert!(root.path().join(format!("results/run/charts/{chart}.svg")).exists(), "{chart}");
    }
}

#[test]
fn a_storm_tells_the_last_one_and_who_never_came() {
    let root = folder();
    let report = report(root.path(), &server_restarts());
    let text = section(&report, "server-restarts");
    // Of three repetitions 200, 201 and 202 ms, five times that and more for the last of them.
    let row = line(text, "server away", "| none | Short polling |");
    assert!(row.starts_with("| none | Short polling | 21.0 ms [18.5–23.5] | 101 ms [98.5–103] |"), "{row}");
    assert!(row.contains("| 1.00 s") || row.contains("| 1.01 s"), "{row}");
    assert!(row.ends_with("| all 30,000 | 0 / 0 | 21 |"), "{row}");
    assert!(
        line(text, "server away", "| jittered | Raw TCP |").contains("| **29,999 of 30,000** |"),
        "{text}"
    );
    assert!(root.path().join("results/run/charts/server_restart-server_restart.svg").exists());
}

#[test]
fn slow_consumers_are_compared_with_their_absence() {
    let root = folder();
    let report = report(root.path(), &slow_consumers());
    let text = section(&report, "slow-consumers");
    let row = line(text, "| slow consumers | technique |", "| 1% stop | WebSocket |");
    assert!(row.starts_with("| 1% stop | WebSocket | 30 | "), "{row}");
    assert!(row.ends_with(" | 0 | 3.00 MiB | 1.00 MiB | 8.00 MiB | 6 | 2.00 s | 150 |"), "{row}");
    assert!(row.contains(" | × "), "{row}");
    assert!(!text.contains("| nobody |"), "{text}");
    assert!(root.path().join("results/run/charts/slow-consumers-slow-consumers.svg").exists());
}

#[test]
fn counts_stand_for_each_delivery_and_as_multiples_of_the_floor() {
    let root = folder();
    let report = report(root.path(), &counts());
    let text = section(&report, "counters");
    let row = line(text, "| technique |", "| WebSocket |");
    // 8,000 instructions and a little against 4,000, two system calls and a rare one against one.
    assert!(row.starts_with("| WebSocket | 8001 [7999–8003]<br>× 2.00 | 2.00<br>× 2.00 | 1.00"), "{row}");
    assert!(text.contains("Counted by: strace 3.4; valgrind-1.2."), "{text}");
    assert!(text.contains("| WebSocket | epoll_wait 1.00, write 1.00 |"), "{text}");
    assert!(!text.contains("brk"), "{text}");
    assert!(
        text.contains("- counter system-calls in cost-counters: strace is missing; install strace"),
        "{text}"
    );
    assert!(root.path().join("results/run/charts/instructions-cost-counters.svg").exists());
}

#[test]
fn claims_about_what_a_subscriber_takes_are_decided_trial_by_trial() {
    let judged = |bounds: &str, takes: &str| {
        let root = folder();
        let mut run = connections(&[1_000, 20_000]);
        let at = "{ technique = \"frames\", point = { \"subscribers.count\" = \"20000\" } }";
        let rule = format!("{{ from = \"subscriber\", takes = \"{takes}\", {bounds}, at = {at} }}");
        claim(&mut run, "C0", "connections", &format!("[[must]]\nwhat = \"it\"\nrule = {rule}\n"));
        let report = report(root.path(), &run);
        line(section(&report, "claims"), "| claim | verdict |", "| [C0]").to_owned()
    };
    // 8,000 B and its share of 1 MiB, and noise.
    let little = judged("at_most = 8192", "memory");
    assert!(little.ends_with("| **holds** |"), "{little}");
    let less = judged("at_most = 8000", "memory");
    assert!(less.contains("**fails**: not so: it (80"), "{less}");
    let servers = judged("at_most = 1", "servers");
    assert!(servers.contains("**fails**: not so: it (2.00)"), "{servers}");
    let once = judged("at_least = 1, at_most = 1", "connections");
    assert!(once.ends_with("| **holds** |"), "{once}");
}

#[test]
fn one_trial_is_called_one_and_its_chart_says_so() {
    let root = folder();
    for (mut run, section_name) in
        [(server_restarts(), "server-restarts"), (connections(&[1_000, 2_000]), "connections")]
    {
        let several = report(root.path(), &run);
        assert!(!section(&several, section_name).contains("One trial"), "{several}");
        fs::remove_dir_all(root.path().join("results")).expect("there are results");
        run.trials.retain(|(record, _)| record.key.repetition == 0);
        let one = report(root.path(), &run);
        let text = section(&one, section_name);
        assert!(text.contains("Trials behind a row: 1. **One trial** has no interval"), "{text}");
        assert_eq!(
            text.contains("One trial each, so without intervals."),
            section_name == "server-restarts",
            "{text}"
        );
        fs::remove_dir_all(root.path().join("results")).expect("there are results");
        fs::remove_file(root.path().join("REPORT.md")).expect("there is a report");
    }
}

#[test]
fn scenarios_about_limits_are_in_no_other_table() {
    let root = folder();
    for run in [connections(&[1_000, 2_000]), server_restarts(), slow_consumers(), counts()] {
        let report = report(root.path(), &run);
        assert_eq!(
            section(&report, "results"),
            "*All scenarios of this run have sections of their own.*",
            "{report}"
        );
        fs::remove_dir_all(root.path().join("results")).expect("there are results");
        fs::remove_file(root.path().join("REPORT.md")).expect("there is a report");
    }
}

#[test]
fn runs_without_limits_say_so() {
    let root = folder();
    let report = report(root.path(), &small());
    for (name, words) in [
        ("connections", "did not count how cost grows"),
        ("server-restarts", "No server was restarted"),
        ("slow-consumers", "All subscribers of this run kept up"),
        ("counters", "Nothing was counted by a tool"),
    ] {
        assert!(section(&report, name).contains(words), "{name}: {report}");
    }
}

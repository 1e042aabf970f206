//! The topic pages: what they say follows from the figures, and what was not measured is not there.

use std::fs;
use std::sync::Arc;

use model::close_case::SeenEvent;
use model::manifest::{ProxyInfo, Skipped, TargetInfo};
use model::settings::Client;
use model::trial::{
    Counted, Failure, ProcessCost, Quantiles, SearchStep, ServerRestart, Side, SlowConsumerOutcome,
    TrialOutcome, TrialResult, Verdict,
};
use model::warning::Warning;
use report::cost_model::Passage;
use report::target_summary::target_summary;
use report::{Evidence, Run, Trial};
use tempfile::TempDir;

use crate::fixture::{With as _, close_case, close_cases, run, technique_infos, trial};

const SLUGS: [(&str, &str); 3] =
    [("long-polling", "Long polling"), ("websocket", "WebSocket"), ("raw-tcp", "Raw TCP")];

/// A trial of one of these techniques: each takes the CPU and the bytes of its place.
fn of(scenario: &str, place: usize, block: u32) -> Trial {
    let cost = 3 - place as u64;
    let trial = trial(scenario, "push", block).events(2_000, [80, 20 * cost], 1_000 * cost);
    trial
        .latencies((1..=2_000).map(|ns| ns * 1_000 * cost))
        .with(|trial| trial.record.key.technique = SLUGS[place].0.to_owned())
}

/// Two blocks of every technique.
fn each(scenario: &str, change: impl Fn(Trial) -> Trial) -> Vec<Trial> {
    (0..2)
        .flat_map(|block| (0..3).map(move |place| (place, block)))
        .map(|(place, block)| change(of(scenario, place, block)))
        .collect()
}

fn evidence(trials: Vec<Trial>, change: impl FnOnce(&mut Run)) -> Evidence {
    let mut run = run(1, &trials);
    run.manifest.techniques = technique_infos(&SLUGS);
    change(&mut run);
    Evidence::of(vec![run], vec![trials])
}

/// All pages, in their folder.
fn pages(evidence: Evidence) -> TempDir {
    let root = tempfile::tempdir().expect("there is a temporary folder");
    let model = Arc::new(report::cost_model::fit(&evidence));
    report::write_pages(&Arc::new(evidence), &model, &root.path().join("REPORT.md"))
        .expect("templates are right");
    root
}

/// The page, if it is written.
fn page(evidence: Evidence, name: &str) -> Option<String> {
    let text = fs::read_to_string(pages(evidence).path().join("docs").join(name)).ok();
    assert!(text.as_ref().is_none_or(|text| !text.contains("undefined")), "{text:?}");
    text
}

/// The page is written, with all of `expected` and nothing of `absent`.
#[track_caller]
fn assert_says(evidence: Evidence, name: &str, expected: &[&str], absent: &[&str]) {
    let text = page(evidence, name).expect("there are trials");
    for expected in expected {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    for absent in absent {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
}

fn search(place: usize, block: u32, verdict: &Verdict) -> Vec<Trial> {
    let late = Verdict::Failed { why: "late".to_owned() };
    let steps = [(0, 0, 800.0, Verdict::Passed), (1, 0, 880.0, verdict.clone()), (1, 1, 880.0, late)];
    let step = |(step, attempt, rate_per_s, verdict): (u32, u32, f64, Verdict)| {
        let rate_per_s = rate_per_s * (place + 1) as f64;
        of("saturation", place, block).with(|trial| {
            trial.record.settings.subscribers.count = 10;
            trial.record.search = Some(SearchStep { step, attempt, rate_per_s, verdict });
        })
    };
    steps.map(step).into()
}

fn searches(verdict: &Verdict) -> Vec<Trial> {
    (0..2).flat_map(|block| (0..3).flat_map(move |place| search(place, block, verdict))).collect()
}

#[test]
fn lower_bound_of_a_capacity_is_printed_as_at_least() {
    let late = Verdict::Failed { why: "late".to_owned() };
    let known = [
        "a server delivers 16,800/s [16,000–17,600] by WebSocket, and 8390/s",
        "Other capacities than raw TCP by this search: Long polling, WebSocket.",
    ];
    let absent = ["t least*", "at least 1"];
    assert_says(evidence(searches(&late), |_| ()), "capacity.md", &known, &absent);
    let busy = Verdict::NotJudged { why: "the load generator was busy".to_owned() };
    let bound =
        ["| WebSocket | at least 16,000/s", "*At least*: in some search the load generator was the limit"];
    assert_says(evidence(searches(&busy), |_| ()), "capacity.md", &bound, &[]);
}

fn times(ms: u64) -> Option<Box<Quantiles>> {
    let ns = ms * 1_000_000;
    let [p50_ns, p90_ns, p99_ns, p99_9_ns, max_ns] = [ns; 5];
    Some(Box::new(Quantiles {
        count: 1,
        min_ns: ns,
        mean_ns: ns as f64,
        p50_ns,
        p90_ns,
        p99_ns,
        p99_9_ns,
        max_ns,
    }))
}

#[test]
fn limits_of_all_kinds_are_on_the_page_of_capacity() {
    let loads = ["50%", "150%"].into_iter().zip([0.5, 1.5]).flat_map(|(text, load)| {
        each("overload", move |trial| trial.at("load", text).with(|trial| trial.record.load = Some(load)))
    });
    let slow = |cut_off: u64| {
        move |outcome: &mut TrialOutcome| {
            outcome.slow_consumers = Some(SlowConsumerOutcome {
                subscribers: 2,
                cut_off,
                delivered: 0,
                cut_off_after: times(2_000),
                tcp_grown_bytes: 4 << 20,
            });
        }
    };
    let slow = ["never", "1000 MiB/s"].into_iter().flat_map(|reads| {
        each("slow-consumers", move |trial| {
            let trial = trial.at("slow_consumers.reads", reads);
            if reads == "never" { trial.measured(slow(2)) } else { trial }
        })
    });
    let restart = |ms: u64| {
        move |outcome: &mut TrialOutcome| {
            outcome.server_restart = Some(ServerRestart {
                down_ns: 1,
                connected: times(ms),
                caught_up: times(ms),
                caught_up_subscribers: 1,
                failed_attempts: ms,
            });
        }
    };
    let restarts = [("none", 3_000), ("jittered", 1_500)].into_iter().flat_map(|(backoff, ms)| {
        each("server-restart", move |trial| trial.at("restart.backoff", backoff).measured(restart(ms)))
    });
    let counted = |outcome: &mut TrialOutcome| {
        outcome.cost.counted = Some(Counted {
            tool: "t".to_owned(),
            instructions: Some(5_000),
            system_calls: None,
            by_name: Default::default(),
            deliveries: 10,
        });
    };
    let counts = each("cost-counters", |trial| trial.at("counted", "instructions").measured(counted));
    let trials = loads.chain(slow).chain(restarts).chain(counts).collect();
    let expected = [
        "| technique | 50% | 150% |",
        "| WebSocket | never | 3.96 ms | 1.00 | 1.00 | 2.00 s | 4096 KiB |",
        "| Long polling | jittered | 1.50 s | 1.50 s | 0 | 1500 |",
        "takes 0.500 × as long as retrying at once, with fewer failed attempts.",
        "| WebSocket | 500 | 1.00 |",
    ];
    // Nothing was searched for.
    assert_says(evidence(trials, |_| ()), "capacity.md", &expected, &["The highest rate that passes"]);
}

#[test]
fn connections_are_shown_by_their_number() {
    let held = ["1000", "50000"].into_iter().flat_map(|count| {
        each("connections", move |trial| {
            let subscribers = count.parse().expect("it is a number");
            trial
                .at("subscribers.count", count)
                .with(|trial| trial.record.settings.subscribers.count = subscribers)
                .measured(|outcome| {
                    outcome.cost.server_rss_start_bytes = 1 << 20;
                    outcome.cost.server_rss_connected_bytes = (1 << 20) + u64::from(subscribers) * 6_000;
                })
        })
    });
    let expected = [
        "A WebSocket connection takes 6000 B of the server's memory.",
        "takes 1.00 × the memory of one of 1,000. A million would take\n5.6 GiB",
    ];
    let absent = ["with TLS", "Idle connections"];
    assert_says(evidence(held.collect(), |_| ()), "connections.md", &expected, &absent);
}

#[test]
fn transports_are_compared_with_plain_http() {
    let costs = [("HTTP/1.1", 1), ("HTTP/1.1 + TLS", 2), ("HTTP/1.1, deflate", 3)];
    let trials = costs.into_iter().flat_map(|(transport, factor)| {
        each("transport-cost", move |trial| {
            trial.at("transport", transport).measured(|outcome| outcome.cost.server_cpu_ns *= factor)
        })
    });
    let expected = [
        "TLS takes 2.00 × the server CPU of a plain WebSocket event.",
        "`permessage-deflate` takes 3.00 × the server CPU.",
        "| Long polling | 1.00 | 2.00 | 3.00 |",
    ];
    assert_says(evidence(trials.collect(), |_| ()), "transports.md", &expected, &["HTTP/2 with TLS"]);
}

/// Ours, and theirs at five times the CPU, with the run's description of theirs.
fn beside_others(change: impl Fn(&mut TrialOutcome)) -> (Vec<Trial>, TargetInfo) {
    let ours = each("other-servers", |trial| trial);
    let theirs = each("other-servers", |trial| {
        trial
            .measured(|outcome| {
                outcome.cost.server_cpu_ns *= 5;
                change(outcome);
            })
            .with(|trial| trial.record.key.target = Some("node".to_owned()))
    });
    let target = TargetInfo {
        name: "node".to_owned(),
        label: "A | server".to_owned(),
        about: "somebody's server".to_owned(),
        version: None,
        publish: "POST /publish".to_owned(),
        techniques: vec!["websocket".to_owned()],
        text: String::new(),
        outside: None,
    };
    ([ours, theirs].concat(), target)
}

#[test]
fn servers_of_others_stand_beside_ours_as_ratios() {
    let (trials, target) = beside_others(|_| {});
    let evidence = evidence(trials, |run| run.manifest.targets.push(target));
    let expected = [
        "A | server takes 5.00 × (WebSocket).",
        "| WebSocket, A \\| server | 10.0 µs | 5.00 |",
        "| A \\| server | somebody's server | unknown | POST /publish |",
    ];
    assert_says(evidence, "servers-of-others.md", &expected, &[]);
}

#[test]
fn the_worst_trial_behind_a_proxy_decides_its_cell() {
    let through = |place: usize, block: u32, through: &str, p50_ms: u64| {
        let p50_ns = p50_ms * 1_000_000;
        let trial = of("proxies", place, block).at("proxy", through);
        let trial = trial.measured(|outcome| outcome.delivery = Some(Quantiles { p50_ns, ..QUANTILES }));
        trial.with(|trial| trial.record.settings.through = Some(through.to_owned()).filter(|it| it != "none"))
    };
    let failed = |trial: Trial, reason: &str| {
        let failure = Failure { side: Side::Proxy, reason: reason.to_owned() };
        trial.with(|trial| trial.record.result = TrialResult::Failed(failure))
    };
    let trials = vec![
        through(0, 0, "none", 100),
        through(1, 0, "none", 1),
        through(0, 0, "a", 120),
        through(0, 1, "a", 130),
        through(0, 0, "b", 110),
        through(0, 1, "b", 160),
        failed(through(1, 0, "a", 0), "the answer was 426"),
        through(1, 1, "a", 1),
        failed(through(1, 0, "b", 0), Failure::SILENCE),
        through(1, 0, "b-fixed", 2),
    ];
    let evidence = evidence(trials, |run| {
        run.manifest.proxies = ["a", "b"].map(proxy_info).into();
    });
    let expected = [
        "| | A | B |",
        "| Long polling | 130 ms | **delayed**, 160 ms |",
        "| WebSocket | **refused**: `pass a` | **nothing**: `pass b` |",
        "| WebSocket |  | 2.00 ms |",
    ];
    assert_says(evidence, "behind-a-proxy.md", &expected, &[]);
}

#[test]
fn an_older_configuration_of_a_proxy_does_not_decide_its_cell() {
    let through = |through: Option<&str>| {
        let p50_ns = 1_000_000;
        let trial = of("proxies", 1, 0).at("proxy", through.unwrap_or("none"));
        let trial = trial.measured(|outcome| outcome.delivery = Some(Quantiles { p50_ns, ..QUANTILES }));
        trial.with(|trial| trial.record.settings.through = through.map(str::to_owned))
    };
    let refused = |reason: &str| {
        let failure = Failure { side: Side::Proxy, reason: reason.to_owned() };
        through(Some("a")).with(|trial| trial.record.result = TrialResult::Failed(failure))
    };
    let passages = |older_configuration: &str, older_scenario: &str| {
        let trials = [vec![through(None), through(Some("a"))], vec![through(None), refused("426")]];
        let runs = [2, 1].map(|second| {
            let mut run = run(second, &trials[2 - second as usize]);
            run.manifest.techniques = technique_infos(&SLUGS);
            run.manifest.proxies = vec![proxy_info("a")];
            run
        });
        let [newer, mut older] = runs;
        older.manifest.proxies[0].configurations =
            [("default.conf".to_owned(), older_configuration.to_owned())].into();
        older.manifest.scenarios[0].text = older_scenario.to_owned();
        let evidence = Evidence::of(vec![newer, older], trials.to_vec());
        report::proxies::cells(&evidence, "proxies").iter().map(|cell| cell.passage).collect::<Vec<_>>()
    };
    assert_eq!(passages("", ""), [Passage::Refused]);
    assert_eq!(passages("proxy_buffering on;", ""), [Passage::Works]);
    assert_eq!(passages("", "[phases]"), [Passage::Works]);
}

const QUANTILES: Quantiles =
    Quantiles { count: 1, min_ns: 0, mean_ns: 0.0, p50_ns: 0, p90_ns: 0, p99_ns: 0, p99_9_ns: 0, max_ns: 0 };

fn proxy_info(name: &str) -> ProxyInfo {
    ProxyInfo {
        name: name.to_owned(),
        label: name.to_uppercase(),
        version: None,
        fixes: [("websocket".to_owned(), format!("`pass {name}`"))].into(),
        configurations: [("default.conf".to_owned(), String::new())].into(),
        text: String::new(),
    }
}

#[test]
fn a_run_with_targets_ends_with_them_beside_ours_and_with_what_was_not_measured() {
    let process = |name: &str, cpu_ns| ProcessCost { pid: 1, name: name.to_owned(), cpu_ns };
    let (trials, target) = beside_others(|outcome| {
        outcome.counts.duplicate = 2;
        outcome.warnings = vec![Warning::ServerCostUnknown];
        outcome.cost.server_processes = vec![process("proxy", 1), process("server", 3)];
    });
    let evidence = evidence(trials, |run| {
        run.manifest.targets.push(target);
        let skipped = |what: &str| Skipped { what: what.to_owned(), why: "of TLS".to_owned() };
        run.manifest.skipped = ["target node in chat", "scenario game"].map(skipped).into();
    });
    let text = target_summary(&evidence);
    for words in [
        "A | server (version unknown) beside pushbench ",
        "other-servers  WebSocket, A | server",
        "other-servers  WebSocket  ",
        "its ratio to pushbench's",
        "5.00 ×",
        "CPU of WebSocket, A | server: server 75 %, proxy 25 %",
        "target node in chat: of TLS",
        "WebSocket, A | server: The server's processes cannot be read",
    ] {
        assert!(text.contains(words), "`{words}` is not in:\n{text}");
    }
    assert!(!text.contains("game"), "{text}");
    assert_eq!(target_summary(&self::evidence(each("chat", |trial| trial), |_| {})), "");
}

#[test]
fn ends_of_connections_are_shown_with_those_that_are_not_as_the_standards_demand() {
    let clients = [Client::Native, Client::Firefox];
    let case = |client| close_case(1_000, client, client == Client::Native, &[SeenEvent::Open]);
    let cases = close_cases(&clients, clients.map(case).into());
    let evidence = evidence(each("chat", |trial| trial), |run| run.close_cases = Some(cases));
    let expected = [
        "1 of 2 observed ends of a WebSocket are as the standards demand.",
        "Not as the standards demand: Firefox with 1000 (somebody | closes).",
        "| 1000 | somebody \\| closes (on request) | server | Firefox | open, close 1000 clean |",
    ];
    assert_says(evidence, "browsers.md", &expected, &["Delivery latency"]);
}

#[test]
fn a_page_says_so_where_nothing_was_measured() {
    let root = pages(evidence(each("poll-interval", |trial| trial), |_| ()));
    for name in [
        "capacity",
        "connections",
        "transports",
        "browsers",
        "behind-a-proxy",
        "servers-of-others",
        "token-streams",
        "claims",
        "publications",
    ] {
        let page = fs::read_to_string(root.path().join("docs").join(name).with_extension("md"));
        assert!(page.is_ok_and(|text| text.contains("Nothing of this was measured")), "{name}");
    }
}

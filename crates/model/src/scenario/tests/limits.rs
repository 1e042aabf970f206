//! Searches, scale, and what goes wrong on purpose.

use super::{assert_refused, each, message, parse, quick, settings};
use crate::scenario::{Runs, Search};
use crate::settings::{Backoff, Counter, Processes, Restart, SlowConsumers};

const SEARCH: &str = "bound.p99 = '100ms'\nsearch.from = '500/s'\n";

#[test]
fn every_key_of_a_search_is_taken_over() {
    let scenario = parse(
        r#"
        runs = "capacity"
        bound.p99 = "100ms"
        [search]
        from = "500/s"
        precision = "10%"
        most = "20000/s"
        then = ["50%", "150%"]
        "#,
    );
    let search = Search { from_per_s: 500.0, precision: 0.1, most_per_s: 20_000.0, then: vec![0.5, 1.5] };
    assert_eq!((scenario.runs, scenario.points[0].search.as_ref()), (Runs::Capacity, Some(&search)));
    assert_eq!(scenario.points[0].settings.events.rate_per_s, 500.0);
}

#[test]
fn a_search_that_says_little_is_precise_to_a_twentieth_and_has_no_loads() {
    let search = parse(SEARCH).points[0].search.clone().unwrap();
    assert_eq!((search.precision, search.most_per_s, search.then), (0.05, 1e6, Vec::new()));
}

#[test]
fn each_point_of_a_sweep_can_begin_its_search_elsewhere() {
    let scenario = parse(&format!(
        r#"{SEARCH}
        [[sweep]]
        key = "subscribers.count"
        values = [1, 10]
        with = {{ "search.from" = ["4000/s", "500/s"] }}
        "#
    ));
    assert_eq!(each(&scenario, |point| point.search.as_ref().unwrap().from_per_s), [4_000.0, 500.0]);
}

#[test]
fn a_quick_search_can_be_coarser() {
    let search =
        quick(&format!("{SEARCH}[quick]\nsearch.precision = '50%'")).points[0].search.clone().unwrap();
    assert_eq!((search.from_per_s, search.precision), (500.0, 0.5));
}

#[test]
fn the_keys_of_scale_and_disturbance_are_taken_over() {
    let of_all = settings(
        r#"
        events.rate = "1/s"
        subscribers.count = 200
        processes = { server = 2, load = 3 }
        coalescing.window = "300ms"
        slow_consumers = { share = "1%", reads = "4 KiB/s", idle_timeout = "2s", retained = 64 }
        "#,
    );
    assert_eq!(of_all.processes, Processes { server: 2, load: 3, cpu_contention: 0 });
    assert_eq!(of_all.coalescing.window_ns, 300_000_000);
    let slow_consumers = of_all.slow_consumers.unwrap();
    let expected = SlowConsumers {
        share: 0.01,
        reads_bytes_per_s: 4_096,
        idle_timeout_ns: 2_000_000_000,
        retained_events: 64,
    };
    assert_eq!((slow_consumers.of(200), slow_consumers.of(240), slow_consumers.of(260)), (2, 2, 3));
    assert_eq!(slow_consumers, expected);
    let one = |line: &str| settings(&format!("events.rate = '1/s'\n{line}"));
    let nobody = one("slow_consumers.share = '0%'").slow_consumers;
    let expected = SlowConsumers {
        share: 0.0,
        reads_bytes_per_s: 0,
        idle_timeout_ns: SlowConsumers::IDLE_TIMEOUT_NS,
        retained_events: SlowConsumers::RETAINED_EVENTS,
    };
    assert_eq!(nobody, Some(expected), "a share of nobody is what the others are compared with");
    let restart = one("restart = { at = '500ms', backoff = 'jittered' }").restart;
    assert_eq!(restart, Some(Restart { at_ns: 500_000_000, backoff: Backoff::Jittered }));
    assert_eq!(one("counted = 'system-calls'").counted, Some(Counter::SystemCalls));
}

#[test]
fn the_rate_is_searched_for_or_given_and_a_sweep_gives_it_too() {
    let given = message(&format!("{SEARCH}events.rate = '5/s'"));
    assert!(given.starts_with("x.toml:5:15: the rate is given, and there is a [search] for it"), "{given}");
    assert!(given.contains("leave events.rate out, in sweeps, too"), "{given}");
    let swept = message(&format!("{SEARCH}[[sweep]]\nkey = 'events.rate'\nvalues = ['5/s']"));
    assert!(swept.starts_with("x.toml:7:11: the rate is given"), "{swept}");
    let along = "[[sweep]]\nkey = 'subscribers.count'\nvalues = [1]\nwith = { 'events.rate' = ['5/s'] }";
    assert!(message(&format!("{SEARCH}{along}")).contains("the rate is given"));
}

#[test]
fn a_search_that_cannot_find_or_judge_anything_is_refused_with_the_remedy() {
    for (body, wanted) in [
        ("search.from = '5/s'", "a search for the bound, and there is none"),
        ("[search]\nmost = '5/s'", "`from` is missing in [search]"),
        ("bound.p99 = '1ms'\nsearch.from = '0/s'", "from is above 0"),
        ("bound.p99 = '1ms'\nsearch = { from = '9/s', most = '5/s' }", "not above most"),
        ("bound.p99 = '1ms'\nsearch = { from = '9/s', precision = '0%' }", "precision is above 0"),
        ("bound.p99 = '1ms'\nsearch = { from = '9/s', precision = 'a lot' }", "`a lot` is not a share"),
        ("bound.p99 = '1ms'\nsearch = { from = '9/s', then = ['50%', '50%'] }", "each stands there once"),
        ("bound.p99 = '1ms'\nsearch = { from = '9/s', then = ['0%'] }", "are above 0%"),
        ("[[sweep]]\nkey = 'search.from'\nvalues = ['1/s']", "`search.from` cannot be swept"),
    ] {
        refused(body, wanted);
    }
    for (more, wanted) in [
        ("stall = { at = '1s', for = '1s' }", "leave [stall] out"),
        ("restart.at = '1s'", "leave [restart] out"),
        ("counted = 'instructions'", "leave `counted` out"),
        ("traced = true", "leave `traced` out"),
        ("client = 'firefox'", "write client = \"native\""),
    ] {
        refused(&format!("{more}\n{SEARCH}"), wanted);
    }
}

#[test]
fn limits_that_contradict_themselves_are_refused_with_place_and_remedy() {
    for (more, wanted) in [
        ("processes.server = 11", "more processes than subscribers"),
        ("processes.load = 2\nclient = 'chromium'", "one page holds all subscribers"),
        ("processes = { server = 2, cpu_contention = 1 }", "several servers, and CPU contention"),
        ("processes.server = 2\npublisher = 'post'", "write publisher = \"feed\""),
        ("publisher_in_flight = 2", "write publisher = \"post\""),
        ("processes.server = 2\nuplink = { rate = '1/s' }", "write to = \"application\""),
        ("processes.server = 2\nstall = { at = '1s', for = '1s' }", "several servers, and a stall"),
        ("through = 'nginx-fix'", "did you mean `nginx-fixed`?"),
        ("through = 'nginx'\ntransport.tls = true", "write through = \"haproxy-tcp\", which passes TLS on"),
        ("through = 'nginx'\npublisher = 'post'", "which no proxy sees"),
        ("restart.at = '2s'", "the restart comes at 2 s, and the window ends at 2 s"),
        ("restart.backoff = 'none'", "`at` is missing in [restart]"),
        ("restart = { at = '1s', backoff = 'jitter' }", "did you mean `jittered`?"),
        ("restart.at = '1s'\nstall = { at = '1s', for = '1s' }", "leave [stall] or [restart] out"),
        ("restart.at = '1s'\npublisher = 'post'", "a restart, and events that are posted"),
        ("restart.at = '1s'\nprocesses.server = 2", "a restart of one server"),
        ("restart.at = '1s'\nclient = 'firefox'", "a restart under a browser's page"),
        ("restart.at = '1s'\nobserved = true", "leave `observed` out"),
        ("restart.at = '1s'\ntransport.tls = true", "leave transport.tls out"),
        ("restart.at = '0s'", "the restart coincides with the window's start"),
        ("restart.at = '1s'\nprocesses.load = 2", "a restart, and subscribers in several processes"),
        ("restart.at = '1s'\nuplink = { rate = '1/s' }", "a restart, and subscribers that send"),
        ("restart.at = '1s'\nslow_consumers.share = '50%'", "a restart, and subscribers that do not keep up"),
        ("slow_consumers.share = '50%'\nuplink = { rate = '1/s' }", "slow consumers that send"),
        ("slow_consumers.share = '1%'", "less than one subscriber"),
        ("slow_consumers.share = '99%'", "leaves no subscriber that keeps up"),
        ("slow_consumers = { share = '50%', reads = '4 KiB' }", "`4 KiB` is not a speed"),
        ("slow_consumers.share = '50%'\nclient = 'firefox'", "slow consumers in a browser's page"),
        (
            "slow_consumers.share = '50%'\ntransport = { http = '2', per_connection = 5 }",
            "leave transport.per_connection out",
        ),
        ("coalescing.window = '1500ms'", "events are held for 1.5 s, longer than the warm-up of 1 s"),
        (
            "coalescing.window = '500ms'\nphases.drain = '1400ms'",
            "the last event waits up to 1.5 s (short_polling.interval + subscribers.added_delay + coalescing.window)",
        ),
        ("counted = 'cycles'", "instructions, system-calls"),
        ("counted = 'instructions'\nstall = { at = '1s', for = '1s' }", "a counting tool, and a stall"),
        ("counted = 'instructions'\nrestart.at = '1s'", "a counting tool, and a restart"),
        ("counted = 'instructions'\nprocesses.server = 2", "a tool that counts one server"),
        ("counted = 'instructions'\nobserved = true", "a counting tool, and the kernel's counters"),
    ] {
        refused(&format!("events.rate = '1/s'\nsubscribers.count = 10\n{more}"), wanted);
    }
}

#[track_caller]
fn refused(body: &str, wanted: &str) {
    assert_refused(body, wanted);
    assert!(message(body).contains("\n  = "), "{body}");
}

#[test]
fn turns_that_cannot_be_are_refused() {
    let uplink = "uplink = { rate = '2/s', to = 'application' }";
    for (events, more, wanted) in [
        ("rate = '50/s'", "", "no messages to the application"),
        (
            "rate = '50/s'",
            "uplink = { rate = '2/s', pace = 'poisson', to = 'application' }",
            "at a constant pace",
        ),
        ("rate = '50/s', pace = 'poisson'", uplink, "come at random times"),
        ("rate = '30/s'", uplink, "the next turn begins before it ends"),
        ("rate = '50/s'", &format!("{uplink}\nsubscribers.count = 3"), "an answer that others hear"),
        ("rate = '50/s'", &format!("{uplink}\npublisher = 'post'"), "events that are posted"),
    ] {
        assert_refused(&format!("turn.events = 20\nevents = {{ {events} }}\n{more}"), wanted);
    }
    let of_all = settings(&format!("turn.events = 20\nevents.rate = '50/s'\n{uplink}"));
    assert_eq!(of_all.turn.map(|turn| turn.events), Some(20));
}

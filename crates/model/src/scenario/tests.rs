//! Scenario files: what a good one becomes, and how a bad one is rejected.

mod limits;

use super::{Extent, Point, Runs, Scenario, settings_from};
use crate::settings::{
    Compression, HeaderProfile, HttpVersion, Pace, Payload, Settings, Transport, UplinkTo,
};

const KNOWN: [&str; 3] = ["short-polling", "websocket", "raw-tcp"];
const HEAD: &str = "question = \"Why?\"\nreading = \"So.\"\n";

fn read(body: &str, extent: Extent) -> Result<Scenario, String> {
    Scenario::parse(&format!("{HEAD}{body}"), "x.toml", "x", &KNOWN, extent)
        .map_err(|error| error.to_string())
}

fn parse(body: &str) -> Scenario {
    read(body, Extent::Full).unwrap()
}

/// The settings of its first point.
fn settings(body: &str) -> Settings {
    parse(body).points.swap_remove(0).settings
}

/// What this says of each point.
fn each<T>(scenario: &Scenario, of: impl Fn(&Point) -> T) -> Vec<T> {
    scenario.points.iter().map(of).collect()
}

fn quick(body: &str) -> Scenario {
    read(body, Extent::Quick).unwrap()
}

fn message(body: &str) -> String {
    read(body, Extent::Full).unwrap_err()
}

#[track_caller]
fn assert_refused(body: &str, wanted: &str) {
    let found = message(body);
    assert!(found.contains(wanted), "{body}\nwanted: {wanted}\nfound: {found}");
    assert!(found.starts_with("x.toml:"), "{found}");
}

#[test]
fn every_key_is_taken_over() {
    let scenario = parse(
        r#"
        techniques = ["websocket", "raw-tcp"]
        repetitions = 3
        runs = "when-named"
        greeting = true
        heartbeat = "3s"
        events = { rate = "100/s", pace = "burst 10", payload = "1 KiB", kind = "chat" }
        subscribers = { count = 8, channels = 4, added_delay = "40ms" }
        uplink = { rate = "30/min", pace = "poisson", payload = "64 B", to = "application" }
        http = { headers = "browser+session", keep_alive = false }
        transport = { tls = true, resumption = true, http = "2", per_connection = 4, compression = "deflate" }
        [stall]
        at = "1s"
        for = "500ms"
        "#,
    );
    assert_eq!((scenario.name.as_str(), scenario.repetitions, scenario.runs), ("x", 3, Runs::WhenNamed));
    assert_eq!(scenario.techniques, ["websocket", "raw-tcp"]);
    let [Point { settings, .. }] = &scenario.points[..] else { panic!("one point") };
    assert_eq!((settings.events.pace, settings.events.payload_bytes), (Pace::Burst(10), 1_024));
    assert_eq!((settings.events.payload, settings.subscribers.added_delay_ns), (Payload::Chat, 40_000_000));
    let uplink = settings.uplink.as_ref().unwrap();
    assert_eq!((uplink.rate_per_s, uplink.to), (0.5, UplinkTo::Application));
    assert_eq!((settings.http.headers, settings.http.keep_alive), (HeaderProfile::BrowserSession, false));
    let transport = Transport {
        tls: true,
        resumption: true,
        http: HttpVersion::Http2,
        per_connection: 4,
        compression: Compression::Deflate,
    };
    assert_eq!(settings.transport, transport);
    assert_eq!(settings.stall.as_ref().unwrap().for_ns, 500_000_000);
    assert!(settings.greeting);
    assert_eq!(settings.heartbeat_ns, 3_000_000_000);
}

#[test]
fn a_key_with_a_typing_error_is_named_before_the_key_that_is_missing_for_it() {
    let whole = "question = 'Why?'\nreading = 'So.'\n[[sweep]]\nkey = 'heartbeat'\nvalues = ['1s']\n[search]\nfrom = '1/s'\n";
    for (key, wrong) in [("question", "qestion"), ("key", "keys"), ("values", "vals"), ("from", "form")] {
        let text = whole.replacen(key, wrong, 1);
        let error = Scenario::parse(&text, "x.toml", "x", &KNOWN, Extent::Full).unwrap_err().to_string();
        let said = error.contains(&format!("`{wrong}` is not a key of"));
        assert!(said && error.contains(&format!("did you mean `{key}`?")), "{error}");
    }
}

#[test]
fn a_file_that_says_little_means_the_default_settings() {
    let mut expected = Settings::default();
    expected.events.rate_per_s = 1.0;
    assert_eq!(settings("events.rate = '1/s'"), expected);
}

#[test]
fn a_point_can_have_repetitions_of_its_own() {
    let scenario = parse(
        r#"
        events.rate = "1/s"
        repetitions = 3
        [[sweep]]
        key = "events.payload"
        values = ["1 B", "2 B"]
        with = { repetitions = [1, 5] }
        "#,
    );
    assert_eq!((each(&scenario, |point| point.repetitions), scenario.repetitions), (vec![1, 5], 3));
}

#[test]
fn a_transport_that_contradicts_itself_is_refused() {
    let of = |text: &str| message(&format!("events.rate = '1/s'\n[transport]\n{text}"));
    assert!(of("resumption = true").contains("a session is resumed, and there is no TLS"));
    assert!(of("per_connection = 2").contains("subscribers share a connection of HTTP/1.1"));
    let crowd = of("http = '2'\nper_connection = 1001");
    assert!(crowd.contains("1001 subscribers share") && crowd.contains("1000 at most"), "{crowd}");
    let observed =
        message("events.rate = '1/s'\nobserved = true\ntransport = { tls = true, resumption = true }");
    assert!(observed.contains("an observed trial resumes TLS sessions"), "{observed}");
    assert!(of("http = '3'").contains("allowed: 1.1, 2"), "{}", of("http = '3'"));
}

#[test]
fn sweeps_multiply_with_the_first_outermost() {
    let scenario = parse(
        r#"
        events.rate = "1/s"
        [[sweep]]
        key = "http.headers"
        values = ["minimal", "browser"]
        [[sweep]]
        key = "events.payload"
        values = ["0 B", "16 KiB"]
        "#,
    );
    let points =
        each(&scenario, |p| format!("{} {}", p.values["http.headers"], p.settings.events.payload_bytes));
    assert_eq!(points, ["minimal 0", "minimal 16384", "browser 0", "browser 16384"]);
    assert_eq!(scenario.sweeps, ["http.headers", "events.payload"]);
}

#[test]
fn techniques_that_a_sweep_leaves_out_run_once_at_the_files_own_value() {
    let scenario = parse(
        r#"
        events.rate = "1/s"
        [[sweep]]
        key = "short_polling.interval"
        values = ["10ms", "20ms"]
        techniques = ["short-polling"]
        with = { "phases.window" = ["1s", "3s"] }
        "#,
    );
    let points = each(&scenario, |p| {
        let value = p.values.values().next().map_or("none", String::as_str);
        format!("{value}: {}, {}", p.techniques.join(" "), p.settings.phases.window_ns)
    });
    let (first, second) = ("10ms: short-polling, 1000000000", "20ms: short-polling, 3000000000");
    assert_eq!(points, [first, second, "none: websocket raw-tcp, 2000000000"]);
}

#[test]
fn variants_are_named_and_mean_what_goes_along() {
    let scenario = parse(
        r#"
        events.rate = "1/s"
        [[sweep]]
        name = "security"
        values = ["plain", "TLS", "TLS resumed"]
        with = { "transport.tls" = [false, true, true], "transport.resumption" = [false, false, true] }
        "#,
    );
    let points = each(&scenario, |p| {
        (p.values["security"].clone(), [p.settings.transport.tls, p.settings.transport.resumption])
    });
    let expected = [("plain", [false, false]), ("TLS", [true, false]), ("TLS resumed", [true, true])];
    assert_eq!(points, expected.map(|(name, is)| (name.to_owned(), is)));
    assert_eq!(scenario.sweeps, ["security"]);
}

#[test]
fn the_interval_of_short_polling_binds_the_warm_up_only_where_it_takes_part() {
    let body = "events.rate = '1/s'\nphases.warm_up = '50ms'\ntechniques = ['websocket']";
    assert_eq!(settings(body).phases.warm_up_ns, 50_000_000);
    let swept = |warm_up: &str| {
        format!(
            r#"
            events.rate = "1/s"
            phases.warm_up = "{warm_up}"
            [[sweep]]
            key = "short_polling.interval"
            values = ["10ms", "20ms"]
            techniques = ["short-polling"]
            "#
        )
    };
    assert_eq!(parse(&swept("20ms")).points.len(), 3);
    assert!(message(&swept("19ms")).contains("shorter than short polling's interval of 20 ms"));
}

#[test]
fn quick_is_laid_over_the_whole_and_replaces_the_sweeps() {
    let body = r#"
        repetitions = 5
        events.rate = "10/s"
        [phases]
        warm_up = "1s"
        window = "2s"
        [[sweep]]
        key = "events.payload"
        values = ["1 B", "2 B", "3 B"]
        [quick]
        repetitions = 1
        phases.window = "500ms"
        [[quick.sweep]]
        key = "events.payload"
        values = ["1 B"]
        "#;
    assert_eq!((parse(body).repetitions, parse(body).points.len()), (5, 3));
    let quick = quick(body);
    assert_eq!((quick.repetitions, quick.points.len()), (1, 1));
    let phases = &quick.points[0].settings.phases;
    assert_eq!((phases.warm_up_ns, phases.window_ns), (1_000_000_000, 500_000_000));
}

#[test]
fn a_mistake_in_quick_is_found_in_a_full_run_too() {
    assert!(message("events.rate = '1/s'\n[quick]\nphases.widow = '1s'").contains("did you mean `window`?"));
}

#[test]
fn a_wrong_key_is_answered_with_place_and_nearest_word() {
    assert_eq!(
        message("[events]\nrte = \"5/s\"\n"),
        "x.toml:4:1: `rte` is not a key of [events]\n  |\n4 | rte = \"5/s\"\n  | ^^^\n  = did you mean `rate`? allowed: rate, pace, payload, kind"
    );
    assert!(message("[event]\nrate = '5/s'\n").contains("did you mean `events`?"));
}

#[test]
fn a_mistake_in_a_swept_value_is_shown_in_the_sweep() {
    let body = "events.rate = '1/s'\n[[sweep]]\nkey = 'short_polling.interval'\nvalues = ['10ms', '20']\n";
    assert!(message(body).starts_with("x.toml:6:19: `20` has no unit; write \"20s\""), "{}", message(body));
}

#[test]
fn impossible_files_are_refused_by_name() {
    for (body, wanted) in [
        ("", "no events and no messages are sent"),
        ("events.rate = 5", "`5` has no unit; write \"5/s\""),
        ("events.rate = '5 B'", "`B` is not a unit here"),
        ("events.rate = '-5/s'", "out of range"),
        ("events.rate = true", "expected a number with a unit, in quotes, found `true`"),
        ("events = 5", "expected a table, found `5`"),
        ("events.pace = 'burst 0'", "is not a pace"),
        ("events = { rate = '5/s', kind = 'chat', payload = '39 B' }", "a payload of 39 B is out of range"),
        ("events = { rate = '5/s', payload = '64 KiB' }", "at most 65000 B"),
        ("uplink.to = 'channel'", "`rate` is missing in [uplink]"),
        ("uplink.rate = '0/s'", "the subscribers send at a rate of 0"),
        ("sweep = 5", "expected [[sweep]] in double brackets, found `5`"),
        ("question = \"again\"", "duplicate key"),
        ("events.rate = ", "string values must be quoted"),
    ] {
        assert_refused(body, wanted);
    }
    for (more, wanted) in [
        ("repetitions = 0", "expected a whole number from 1 to 1000, found `0`"),
        ("repetitions = -1", "found `-1`"),
        ("publisher_in_flight = 0", "expected a whole number from 1 to"),
        ("techniques = ['websockets']", "did you mean `websocket`?"),
        ("name = '../x'", "cannot be a scenario's name"),
        ("subscribers = { count = 2, channels = 3 }", "3 channels are more than 2 subscribers"),
        ("phases.window = '0s'", "a window of 0 measures nothing"),
        ("phases.warm_up = '2h'", "more than an hour"),
        ("phases.warm_up = '999ms'", "of 999 ms is shorter than short polling's interval of 1 s"),
        ("phases.drain = '10ms'", "the last event waits up to 1 s"),
        ("stall = { at = '1s', for = '2s' }", "the stall ends at 3 s, after the window of 2 s"),
        ("stall = { at = '1s', for = '0s' }", "a stall of 0 has no effect"),
        ("stall.at = '1s'", "`for` is missing in [stall]"),
    ] {
        assert_refused(&format!("events.rate = '5/s'\n{more}"), wanted);
    }
    for (sweep, wanted) in [
        ("values = [1]", "`key` is missing in [[sweep]]"),
        ("key = 'events.rate'", "`values` is missing in [[sweep]]"),
        ("key = 'events.rate'\nvalues = []", "a sweep without values"),
        ("key = 'events.rate'\nvalues = [['1/s']]", "expected a single value, found a list"),
        ("key = 'events.rate'\nvalues = ['1/s', '1/s']", "`1/s` is there twice"),
        ("key = 'events.rat'\nvalues = ['1/s']", "`rat` is not a key of [events]"),
        ("key = 'greeting.x'\nvalues = [1]\n", "expected true or false, found a table"),
        ("key = 'repetitions'\nvalues = [1]", "`repetitions` cannot be swept"),
        ("key = 'events.rate'\nvalues = ['1/s']\nuntil = 'bound'", "`until` is not a key of [[sweep]]"),
        ("key = 'events.rate'\nvalues = ['1/s']\ntechniques = ['tcp']", "`tcp` is not a technique"),
        ("key = 'events.rate'\nvalues = [1]\nwith = { 'phases.window' = [] }", "0 values go along with 1"),
        ("name = 'transport'\nvalues = ['TLS']", "`with` is missing in [[sweep]]"),
        ("name = 'a.b'\nvalues = [1]\nwith = { 'transport.tls' = [true] }", "`a.b` cannot be a sweep's name"),
        ("key = 'events.rate'\nname = 'x'\nvalues = ['1/s']", "a sweep has a key or a name, not both"),
    ] {
        assert_refused(&format!("[[sweep]]\n{sweep}"), wanted);
    }
    let unnamed = Scenario::parse(HEAD, "My file.toml", "My file", &KNOWN, Extent::Full).unwrap_err();
    assert!(unnamed.to_string().contains("the file's name, `My file`, cannot be a scenario's name"));
    let missing = Scenario::parse("reading = 'x'", "x.toml", "x", &KNOWN, Extent::Full).unwrap_err();
    assert!(missing.to_string().contains("`question` is missing in a scenario"));
}

#[test]
fn settings_of_the_command_line_are_checked_as_a_scenarios_are() {
    let set = |pairs: &[(&str, &str)]| {
        let pairs: Vec<_> =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        settings_from(&pairs).map_err(|error| error.to_string())
    };
    assert_eq!(set(&[]), Ok(Settings::default()));
    let slow = set(&[("slow_consumers.share", "0%"), ("slow_consumers.retained", "64")]).unwrap();
    assert_eq!(slow.slow_consumers.unwrap().retained_events, 64);
    for (key, value, message) in [
        ("slow_consumers.retained", "64", "`share` is missing in [slow_consumers]"),
        ("restart.backoff", "jittered", "`at` is missing in [restart]"),
        ("transport.resumption", "true", "a session is resumed, and there is no TLS"),
        ("events.payload", "1 MiB", "a payload of 1 MiB is out of range"),
        ("transport.tsl", "true", "`tsl` is not a key of [transport]"),
    ] {
        let error = set(&[(key, value)]).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}

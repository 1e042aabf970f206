//! What the browsers do.

use model::browser::BrowserFindings;

use crate::close_cases::browser_probe::{browser_probe, browsers};

fn all() -> impl Iterator<Item = &'static BrowserFindings> {
    browsers().into_iter().map(|client| browser_probe().of(client))
}

fn opened(found: &BrowserFindings, technique: &str) -> u32 {
    let of = |kind: &&model::browser::OpenedAtOnce| kind.technique == technique;
    found.connections.iter().find(of).expect("its count").opened
}

#[test]
fn a_browser_opens_six_connections_to_an_origin_and_more_only_for_websockets() {
    for found in all() {
        assert_eq!(opened(found, "long-polling"), 6, "{found:?}");
        assert_eq!(opened(found, "http-streaming-sse"), 6, "{found:?}");
        assert!(opened(found, "websocket") > 6, "{found:?}");
    }
}

#[test]
fn a_page_that_is_isolated_has_the_finer_clock() {
    for found in all() {
        let clock = &found.clock;
        assert!(clock.isolated_resolution_ns <= 20_000, "{clock:?}");
        assert!(clock.plain_resolution_ns >= 100_000, "{clock:?}");
        assert!(clock.offset_bound_ns > clock.isolated_resolution_ns, "{clock:?}");
    }
}

#[test]
fn a_timer_in_the_background_comes_once_a_second() {
    for found in all() {
        let [front, behind] = &found.timers[..] else { panic!("{:?}", found.timers) };
        assert!(front.foreground && !behind.foreground, "{:?}", found.timers);
        assert!(front.median_ns < 500_000_000 && behind.median_ns >= 900_000_000, "{:?}", found.timers);
    }
}

#[test]
fn every_kind_of_request_was_seen() {
    for found in all() {
        let kinds: Vec<_> = found.heads.iter().map(|head| head.kind.as_str()).collect();
        let expected = [
            "fetch",
            "fetch-stream",
            "event-source",
            "websocket",
            "post",
            "engine-io-poll",
            "engine-io-post",
        ];
        assert_eq!(kinds, expected);
    }
}

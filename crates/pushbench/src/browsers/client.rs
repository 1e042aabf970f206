//! The browser of each client, and which trials a browser can run.

use browser::{BrowserKind, MissingBrowser};
use model::manifest::Skipped;
use model::scenario::{Point, Scenario};
use model::settings::{Client, HeaderProfile, HttpVersion, Processes, Settings};

use crate::registry::{self, Technique};

pub(crate) const CLIENTS: [Client; 3] = [Client::Native, Client::Chromium, Client::Firefox];

/// The browser whose pages this client is; none for the native client.
pub(crate) fn browser_of(client: Client) -> Option<BrowserKind> {
    match client {
        Client::Native => None,
        Client::Chromium => Some(BrowserKind::Chromium),
        Client::Firefox => Some(BrowserKind::Firefox),
    }
}

/// A client's name on the command line, in scenario files and in file names.
pub(crate) fn name(client: Client) -> &'static str {
    browser_of(client).map_or("native", BrowserKind::name)
}

/// A browser opens at most six HTTP/1.1 connections to an origin, and a subscriber that posts sometimes needs a second one.
/// The limit applies to all clients of a scenario, since they are compared.
pub(crate) const MOST_SUBSCRIBERS: u32 = 4;
const KEY: &str = "client";

/// Sweeps the scenarios over `clients`, and skips missing browsers and what no browser can do, each with the reason.
/// Without `clients`, each scenario keeps those of its file.
pub(crate) fn fit(scenarios: Vec<Scenario>, clients: &[Client]) -> (Vec<Scenario>, Vec<Skipped>) {
    fit_with(scenarios, clients, |kind| browser::detect(kind).err())
}

fn fit_with(
    scenarios: Vec<Scenario>,
    clients: &[Client],
    missing: impl Fn(BrowserKind) -> Option<MissingBrowser>,
) -> (Vec<Scenario>, Vec<Skipped>) {
    let mut skipped = Vec::new();
    let mut fitting = Vec::new();
    for scenario in scenarios {
        let mut scenario = swept(scenario, clients);
        if scenario.points.iter().any(|point| browser_of(point.settings.client).is_some()) {
            skip(&mut scenario, &missing, &mut skipped);
        }
        if !scenario.points.is_empty() {
            fitting.push(scenario);
        }
    }
    (fitting, skipped)
}

/// The scenario at each of `clients`. A scenario that sweeps clients itself keeps those that are also in `clients`.
fn swept(mut scenario: Scenario, clients: &[Client]) -> Scenario {
    if clients.is_empty() {
        return scenario;
    }
    if scenario.sweeps.iter().any(|key| key == KEY) {
        scenario.points.retain(|point| clients.contains(&point.settings.client));
        return scenario;
    }
    let at = |client: Client, point: &Point| {
        let mut point = point.clone();
        point.settings.client = client;
        point.values.insert(KEY.to_owned(), name(client).to_owned());
        point
    };
    let points = &scenario.points;
    scenario.points =
        clients.iter().flat_map(|&client| points.iter().map(move |point| at(client, point))).collect();
    scenario.sweeps.push(KEY.to_owned());
    scenario
}

/// Removes what cannot be run, and limits the subscribers.
fn skip(
    scenario: &mut Scenario,
    missing: &impl Fn(BrowserKind) -> Option<MissingBrowser>,
    skipped: &mut Vec<Skipped>,
) {
    let name_of_scenario = scenario.name.clone();
    let mut report = |what: String, why: String| {
        if skipped.iter().all(|earlier| earlier.what != what || earlier.why != why) {
            skipped.push(Skipped { what, why });
        }
    };
    scenario.points.retain(|point| {
        let client = point.settings.client;
        let Some(kind) = browser_of(client) else { return true };
        let point_of = || format!("{} with {}{}", name_of_scenario, name(client), others(point));
        match (missing(kind), why_not(point)) {
            (Some(missing), _) => report(format!("client {}", name(client)), missing.to_string()),
            (None, Some(why)) => report(point_of(), why.to_owned()),
            (None, None) => return true,
        }
        false
    });
    let named = scenario.techniques.clone();
    for point in &mut scenario.points {
        limit(&mut point.settings);
        if browser_of(point.settings.client).is_some() {
            let wanted = if point.techniques.is_empty() { &named } else { &point.techniques };
            for slug in slugs(wanted, |technique| technique.page_client.is_none()) {
                report(
                    format!("{slug} with {}", name(point.settings.client)),
                    "a page has no raw sockets".to_owned(),
                );
            }
            point.techniques = slugs(wanted, |technique| technique.page_client.is_some());
        }
    }
}

/// The other swept values of a point, for people.
fn others(point: &Point) -> String {
    let others = point.values.iter().filter(|(key, _)| *key != KEY);
    others.map(|(_, value)| format!(", {value}")).collect()
}

/// Why a browser cannot run trials of this point; none if it can.
fn why_not(point: &Point) -> Option<&'static str> {
    let settings = &point.settings;
    let Settings { transport, subscribers, http, .. } = settings;
    let shared = transport.per_connection >= subscribers.count.min(MOST_SUBSCRIBERS);
    if transport.http == HttpVersion::Http2 && !transport.tls {
        Some("browsers speak HTTP/2 over TLS only")
    } else if transport.http == HttpVersion::Http2 && !shared {
        Some("a page has one HTTP/2 connection to its origin, which all of its subscribers share")
    } else if subscribers.added_delay_ns > 0 {
        Some("a page cannot delay what it receives")
    } else if !http.keep_alive {
        Some("a page cannot have a connection for each request")
    } else if http.headers != HeaderProfile::Browser {
        Some("a page cannot choose its browser's headers")
    } else if settings.observed || settings.traced {
        Some("a browser's sockets cannot be observed")
    } else if settings.restart.is_some() || settings.slow_consumers.is_some() {
        Some("a page does not control how its browser reads and reconnects")
    } else if settings.processes != Processes::default() {
        Some("one page holds all subscribers of one server")
    } else if point.search.is_some() {
        Some("the load of a page is unknown, so a search cannot decide which side was the bottleneck")
    } else {
        None
    }
}

fn limit(settings: &mut Settings) {
    let subscribers = &mut settings.subscribers;
    subscribers.count = subscribers.count.min(MOST_SUBSCRIBERS);
    subscribers.channels = subscribers.channels.min(subscribers.count);
}

/// Of the named techniques, or of all if none is named, those that meet a condition.
fn slugs(named: &[String], condition: fn(&Technique) -> bool) -> Vec<String> {
    let is_named = |slug: &str| named.is_empty() || named.iter().any(|other| other == slug);
    let techniques = registry::TECHNIQUES.iter();
    let meeting = techniques.filter(|technique| condition(technique) && is_named(technique.slug));
    meeting.map(|technique| technique.slug.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use model::scenario::Extent;

    use super::*;

    const ALL: [Client; 3] = [Client::Chromium, Client::Firefox, Client::Native];

    fn scenario(rest: &str) -> Scenario {
        let text = format!("question = \"What?\"\nreading = \"Look.\"\n{rest}\n[events]\nrate = \"10/s\"\n");
        Scenario::parse(&text, "test.toml", "test", &registry::slugs(), Extent::Full).unwrap()
    }

    fn all_installed(_: BrowserKind) -> Option<MissingBrowser> {
        None
    }

    fn clients(scenario: &Scenario) -> Vec<Client> {
        scenario.points.iter().map(|point| point.settings.client).collect()
    }

    #[test]
    fn a_scenario_is_run_at_each_client_with_the_same_few_subscribers() {
        let many = scenario("subscribers = { count = 200, channels = 200 }");
        let (fitting, _) = fit_with(vec![many], &ALL, all_installed);
        assert_eq!(clients(&fitting[0]), ALL);
        assert_eq!(fitting[0].sweeps, ["client"]);
        for point in &fitting[0].points {
            assert_eq!((point.settings.subscribers.count, point.settings.subscribers.channels), (4, 4));
            let raw = point.techniques.is_empty() || point.techniques.iter().any(|slug| slug == "raw-tcp");
            assert_eq!(raw, point.settings.client == Client::Native);
        }
    }

    #[test]
    fn without_browsers_nothing_is_limited() {
        let many = scenario("subscribers = { count = 200 }");
        for clients in [&[][..], &[Client::Native]] {
            let (fitting, skipped) = fit_with(vec![many.clone()], clients, all_installed);
            assert_eq!((fitting[0].points[0].settings.subscribers.count, skipped.len()), (200, 0));
        }
    }

    #[test]
    fn a_scenario_that_sweeps_clients_keeps_those_that_are_named() {
        let own = scenario("[[sweep]]\nkey = \"client\"\nvalues = [\"native\", \"chromium\", \"firefox\"]");
        let (fitting, _) = fit_with(vec![own], &[Client::Firefox], all_installed);
        assert_eq!(clients(&fitting[0]), [Client::Firefox]);
    }

    #[test]
    fn what_no_browser_can_do_is_skipped_with_the_reason() {
        let plain = scenario("transport = { http = \"2\", per_connection = 4 }");
        let (fitting, skipped) = fit_with(vec![plain], &ALL, all_installed);
        assert_eq!(clients(&fitting[0]), [Client::Native]);
        let reported: Vec<_> = skipped.iter().map(|skipped| (&*skipped.what, &*skipped.why)).collect();
        let why = "browsers speak HTTP/2 over TLS only";
        assert_eq!(reported, [("test with chromium", why), ("test with firefox", why)]);
    }
}

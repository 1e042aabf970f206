//! Combinations of settings that cannot be run: one table of rules, each with its place and its remedy.

use std::borrow::Cow;

use toml::de::DeTable;

use super::error::Fault;
use super::reader::{holds, span_of};
use crate::quantity::{show_duration, show_size};
use crate::settings::{Client, HttpVersion, Payload, Publisher, Settings, ShortPolling, UplinkTo};

/// Bytes of the smallest chat payload, `{"content":"","timestamp":1234567890123}`.
pub const SMALLEST_CHAT_BYTES: u32 = 40;
/// Bytes of the smallest JSON payload that still looks like an application's.
pub const SMALLEST_JSON_BYTES: u32 = 100;
/// Bytes of the largest payload: with its stamp it stays under the servers' limit of 64 KiB a message.
pub const LARGEST_PAYLOAD_BYTES: u32 = 65_000;

/// Subscribers that can share a connection.
const MOST_PER_CONNECTION: u32 = 1_000;
const HOUR_NS: u64 = 3_600_000_000_000;

/// Whether it is broken, the key that it is about, what is wrong, and the remedy.
type Rule<'a> = (bool, &'a str, Cow<'a, str>, Cow<'a, str>);

fn rule<'a>(
    broken: bool,
    path: &'a str,
    found: impl Into<Cow<'a, str>>,
    help: impl Into<Cow<'a, str>>,
) -> Rule<'a> {
    (broken, path, found.into(), help.into())
}

/// Reports the first broken rule.
fn check(tree: &DeTable<'_>, rules: impl IntoIterator<Item = Rule<'static>>) -> Result<(), Fault> {
    match rules.into_iter().find(|(broken, ..)| *broken) {
        Some((_, path, found, help)) => Err(Fault::new(span_of(tree, path), found).help(help)),
        None => Ok(()),
    }
}

/// Refuses settings that contradict themselves.
pub(super) fn settings(settings: &Settings, tree: &DeTable<'_>) -> Result<(), Fault> {
    check(tree, events(settings))?;
    check(tree, transport(settings))?;
    check(tree, phases(settings))?;
    check(tree, processes(settings))?;
    check(tree, restart(settings))?;
    check(tree, slow_consumers(settings))?;
    check(tree, counted(settings))
}

/// Refuses a search that cannot be judged, or whose rate is given as well. `settings` are those without the search.
pub(super) fn search(settings: &Settings, tree: &DeTable<'_>) -> Result<(), Fault> {
    let rules = [
        rule(
            holds(tree, "events.rate"),
            "events.rate",
            "the rate is given, and there is a [search] for it",
            "leave events.rate out, in sweeps, too: the search begins at search.from; or leave [search] out",
        ),
        rule(
            settings.bound.is_none(),
            "search",
            "a search for the bound, and there is none",
            "write [bound] with p99 = \"100ms\"",
        ),
        rule(
            settings.stall.is_some(),
            "search",
            "a search, and a stall in each of its trials",
            "leave [stall] out",
        ),
        rule(
            settings.restart.is_some(),
            "search",
            "a search, and a restart in each of its trials",
            "leave [restart] out",
        ),
        rule(
            settings.counted.is_some(),
            "search",
            "a search, and a tool that slows the server down",
            "leave `counted` out: the rate that is found would be the tool's",
        ),
        rule(
            settings.traced,
            "search",
            "a search whose trials are traced",
            "leave `traced` out: their flights are too many to be kept",
        ),
        rule(
            settings.client != Client::Native,
            "search",
            "a search by a browser's page",
            "write client = \"native\": a page does not report how busy it is, so the side that was too slow stays unknown",
        ),
    ];
    check(tree, rules)
}

/// Refuses a warm-up in which not every subscriber polls. Events flow from its start, so the first poll of the window
/// would find fewer of them than the later ones, and its events would have waited for less than they do.
pub(super) fn warm_up(settings: &Settings, techniques: &[&str], tree: &DeTable<'_>) -> Result<(), Fault> {
    let (warm_up_ns, interval_ns) = (settings.phases.warm_up_ns, settings.short_polling.interval_ns);
    let (warm_up, interval) = (show_duration(warm_up_ns), show_duration(interval_ns));
    check(
        tree,
        [rule(
            techniques.contains(&ShortPolling::TECHNIQUE) && warm_up_ns < interval_ns,
            "phases.warm_up",
            format!("a warm-up of {warm_up} is shorter than short polling's interval of {interval}"),
            "the first poll of the window would find too little; raise phases.warm_up, or lower short_polling.interval",
        )],
    )
}

fn events(settings: &Settings) -> Vec<Rule<'static>> {
    let (events, uplink) = (&settings.events, settings.uplink.as_ref());
    let (channels, count) = (settings.subscribers.channels, settings.subscribers.count);
    let smallest = match events.payload {
        Payload::Text => 0,
        Payload::Chat => SMALLEST_CHAT_BYTES,
        Payload::Json => SMALLEST_JSON_BYTES,
    };
    let payload = |path, bytes: u32| {
        rule(
            !(smallest..=LARGEST_PAYLOAD_BYTES).contains(&bytes),
            path,
            format!("a payload of {} is out of range", show_size(bytes.into())),
            format!("this kind takes at least {smallest} B and at most {LARGEST_PAYLOAD_BYTES} B"),
        )
    };
    let mut rules = vec![
        rule(
            events.rate_per_s == 0.0 && uplink.is_none(),
            "events.rate",
            "no events and no messages are sent",
            "give events.rate (\"10/s\"), or an [uplink] by which the subscribers send",
        ),
        rule(
            uplink.is_some_and(|uplink| uplink.rate_per_s == 0.0),
            "uplink.rate",
            "the subscribers send at a rate of 0",
            "give a rate above 0, or leave [uplink] out",
        ),
        payload("events.payload", events.payload_bytes),
    ];
    rules.extend(uplink.map(|uplink| payload("uplink.payload", uplink.payload_bytes)));
    rules.push(rule(
        channels > count,
        "subscribers.channels",
        format!("{channels} channels are more than {count} subscribers"),
        "every channel needs a subscriber: raise subscribers.count or lower subscribers.channels",
    ));
    rules
}

/// The publisher's requests are plain HTTP/1.1, are counted nowhere, and are answered as a subscriber's own are.
fn transport(settings: &Settings) -> Vec<Rule<'static>> {
    let transport = &settings.transport;
    let is_posted = settings.publisher == Publisher::Post;
    let to = settings.uplink.as_ref().map(|uplink| uplink.to);
    let by_feed = |broken, found: &'static str| {
        rule(is_posted && broken, "publisher", found, "write publisher = \"feed\", or leave it out")
    };
    vec![
        rule(
            transport.resumption && !transport.tls,
            "transport.resumption",
            "a session is resumed, and there is no TLS",
            "write tls = true, or leave resumption out",
        ),
        rule(
            transport.per_connection > 1 && transport.http == HttpVersion::Http1,
            "transport.per_connection",
            "subscribers share a connection of HTTP/1.1",
            "only HTTP/2 can do that: write http = \"2\", or leave per_connection out",
        ),
        rule(
            transport.per_connection > MOST_PER_CONNECTION,
            "transport.per_connection",
            format!("{} subscribers share a connection", transport.per_connection),
            format!(
                "{MOST_PER_CONNECTION} at most: a server allows 2,048 streams, and a subscriber that sends takes two"
            ),
        ),
        rule(
            settings.observed && transport.resumption,
            "transport.resumption",
            "an observed trial resumes TLS sessions",
            "the kernel would count the connection that fetches the first ticket, which is in no account: leave resumption out, or observed",
        ),
        rule(
            settings.publisher_in_flight > 1 && !is_posted,
            "publisher_in_flight",
            "several events are posted at once, and events are not posted",
            "write publisher = \"post\", or leave publisher_in_flight out",
        ),
        by_feed(
            transport.tls || transport.http == HttpVersion::Http2,
            "the publisher posts over plain HTTP/1.1, and the server speaks something else",
        ),
        by_feed(
            to == Some(UplinkTo::Application),
            "what is posted goes to the application, the publisher's events, too",
        ),
        by_feed(
            settings.observed,
            "the kernel would count the publisher's requests, which are in no account",
        ),
    ]
}

fn phases(settings: &Settings) -> Vec<Rule<'static>> {
    let (phases, coalescing_ns) = (&settings.phases, settings.coalescing.window_ns);
    let slowest_ns = settings.short_polling.interval_ns + settings.subscribers.added_delay_ns + coalescing_ns;
    let (drain, slowest) = (show_duration(phases.drain_ns), show_duration(slowest_ns));
    let (warm_up, window) = (show_duration(phases.warm_up_ns), show_duration(phases.window_ns));
    let short = |path, ns| {
        rule(
            ns > HOUR_NS,
            path,
            format!("{} is more than an hour", show_duration(ns)),
            "write \"60min\" or less",
        )
    };
    let (stall_ns, stall_end_ns) =
        settings.stall.as_ref().map_or((1, 0), |stall| (stall.for_ns, stall.at_ns + stall.for_ns));
    vec![
        rule(
            phases.window_ns == 0,
            "phases.window",
            "a window of 0 measures nothing",
            "write window = \"2s\"",
        ),
        short("phases.warm_up", phases.warm_up_ns),
        short("phases.window", phases.window_ns),
        short("phases.drain", phases.drain_ns),
        rule(
            phases.drain_ns < slowest_ns,
            "phases.drain",
            format!("a drain of {drain} loses events"),
            format!(
                "the last event waits up to {slowest} (short_polling.interval + subscribers.added_delay + coalescing.window); raise phases.drain"
            ),
        ),
        rule(stall_ns == 0, "stall.for", "a stall of 0 has no effect", "leave [stall] out"),
        rule(
            stall_end_ns > phases.window_ns,
            "stall",
            format!("the stall ends at {}, after the window of {window}", show_duration(stall_end_ns)),
            "stall.at + stall.for must not pass phases.window",
        ),
        // Events flow from the warm-up's start, so the window would otherwise start in the middle of what is held.
        rule(
            coalescing_ns > phases.warm_up_ns,
            "coalescing.window",
            format!(
                "events are held for {}, longer than the warm-up of {warm_up}",
                show_duration(coalescing_ns)
            ),
            "the window would start with too few of them; raise phases.warm_up",
        ),
    ]
}

fn processes(settings: &Settings) -> Vec<Rule<'static>> {
    let (processes, count) = (&settings.processes, settings.subscribers.count);
    let (servers, loads) = (processes.server > 1, processes.load > 1);
    let to = settings.uplink.as_ref().map(|uplink| uplink.to);
    let rules = [
        (
            processes.server.max(processes.load) > count,
            "more processes than subscribers",
            "raise subscribers.count, or lower what [processes] says",
        ),
        (
            (servers || loads) && settings.client != Client::Native,
            "several processes, and a browser whose one page holds all subscribers",
            "write client = \"native\", or leave [processes] out",
        ),
        (
            servers && processes.cpu_contention > 0,
            "several servers, and CPU contention on the core of one",
            "leave processes.cpu_contention out, or processes.server",
        ),
        (
            servers && settings.publisher == Publisher::Post,
            "several servers, and events are posted to one",
            "write publisher = \"feed\", which every server has, or leave processes.server out",
        ),
        (
            servers && to == Some(UplinkTo::Channel),
            "several servers, and a subscriber's message reaches those of its own server only",
            "write to = \"application\" in [uplink], or leave processes.server out",
        ),
        (
            servers && settings.stall.is_some(),
            "several servers, and a stall of one",
            "leave [stall] out, or processes.server",
        ),
        (
            loads && settings.uplink.is_some(),
            "several load generators, and subscribers that one of them makes send",
            "leave [uplink] out, or processes.load",
        ),
    ];
    all_at("processes", true, rules)
}

fn restart(settings: &Settings) -> Vec<Rule<'static>> {
    let Some(restart) = &settings.restart else { return Vec::new() };
    let (at, window) = (show_duration(restart.at_ns), show_duration(settings.phases.window_ns));
    let mut all = vec![
        rule(
            restart.at_ns == 0,
            "restart.at",
            "the restart coincides with the window's start",
            "raise restart.at: the server's cost is sampled at the window's start",
        ),
        rule(
            restart.at_ns >= settings.phases.window_ns,
            "restart.at",
            format!("the restart comes at {at}, and the window ends at {window}"),
            "restart.at must lie before the end of phases.window",
        ),
    ];
    let rules = [
        (
            settings.stall.is_some(),
            "the server is stopped and restarted in the same trial",
            "leave [stall] or [restart] out",
        ),
        (
            settings.publisher == Publisher::Post,
            "a restart, and events that are posted",
            "write publisher = \"feed\": it gives a new server what it missed",
        ),
        (
            settings.processes.server > 1,
            "a restart of one server, and there are several",
            "leave processes.server out",
        ),
        (
            settings.transport.tls,
            "a restart over TLS",
            "leave transport.tls out: the new server has a certificate of its own, which no client trusts",
        ),
        (
            settings.uplink.is_some(),
            "a restart, and subscribers that send",
            "leave [uplink] out: their messages are in no log that a new server could be given",
        ),
        (
            settings.processes.load > 1,
            "a restart, and subscribers in several processes",
            "leave processes.load out: only one process knows when the server was killed",
        ),
        (
            settings.client != Client::Native,
            "a restart under a browser's page",
            "write client = \"native\": a page's reconnecting is the browser's own",
        ),
        (
            settings.observed,
            "a restart under the kernel's counters",
            "leave `observed` out: what a killed server had still to send is in no account",
        ),
        (
            settings.slow_consumers.is_some(),
            "a restart, and subscribers that do not keep up",
            "leave [slow_consumers] or [restart] out: the kill looks the same as being cut off",
        ),
    ];
    all.extend(all_at("restart", true, rules));
    all
}

fn slow_consumers(settings: &Settings) -> Vec<Rule<'static>> {
    let Some(slow) = &settings.slow_consumers else { return Vec::new() };
    let count = settings.subscribers.count;
    let rules = [
        (
            slow.share > 0.0 && slow.of(count) == 0,
            "a share that is less than one subscriber",
            "raise slow_consumers.share or subscribers.count",
        ),
        (
            slow.of(count) == count,
            "a share that leaves no subscriber that keeps up",
            "lower slow_consumers.share: the other subscribers are measured",
        ),
        (
            settings.transport.per_connection > 1,
            "slow consumers on connections that they share with others",
            "leave transport.per_connection out",
        ),
        (
            settings.client != Client::Native,
            "slow consumers in a browser's page",
            "write client = \"native\": a page cannot leave bytes unread",
        ),
        (
            settings.uplink.is_some(),
            "slow consumers that send",
            "leave [uplink] out: what they send would be counted, and nothing else of them is",
        ),
    ];
    all_at("slow_consumers.share", true, rules)
}

fn counted(settings: &Settings) -> Vec<Rule<'static>> {
    let rules = [
        (settings.stall.is_some(), "a counting tool, and a stall", "leave [stall] out, or `counted`"),
        (settings.restart.is_some(), "a counting tool, and a restart", "leave [restart] out, or `counted`"),
        (
            settings.processes.server > 1,
            "a tool that counts one server, and there are several",
            "leave processes.server out, or `counted`",
        ),
        (
            settings.observed,
            "a counting tool, and the kernel's counters",
            "leave `observed` out, or `counted`: each runs the trial in its own way",
        ),
    ];
    all_at("counted", settings.counted.is_some(), rules)
}

fn all_at<const N: usize>(
    path: &'static str,
    applies: bool,
    rules: [(bool, &'static str, &'static str); N],
) -> Vec<Rule<'static>> {
    rules.into_iter().map(|(broken, found, help)| rule(applies && broken, path, found, help)).collect()
}

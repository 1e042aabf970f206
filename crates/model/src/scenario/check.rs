//! Combinations of settings that cannot be run: one table of rules, each with its place and its remedy.

use std::borrow::Cow;

use toml::de::DeTable;

use super::error::Fault;
use super::reader::{holds, span_of};
use crate::quantity::{show_duration, show_size};
use crate::settings::{Client, HttpVersion, Pace, Payload, Publisher, Settings, ShortPolling, UplinkTo};

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
type Rule = (bool, &'static str, Cow<'static, str>, Cow<'static, str>);

/// Rules, each of them `key, whether it is broken => what is wrong; the remedy;`. The key comes first where all share it.
macro_rules! rules {
    ($($path:expr, $broken:expr => $found:expr; $help:expr;)+) => {
        vec![$(rule($broken, $path, $found, $help)),+]
    };
    ($path:literal: $($broken:expr => $found:expr; $help:expr;)+) => {
        rules! { $($path, $broken => $found; $help;)+ }
    };
}

fn rule(
    broken: bool,
    path: &'static str,
    found: impl Into<Cow<'static, str>>,
    help: impl Into<Cow<'static, str>>,
) -> Rule {
    (broken, path, found.into(), help.into())
}

/// Reports the first broken rule.
fn check(tree: &DeTable<'_>, rules: Vec<Rule>) -> Result<(), Fault> {
    match rules.into_iter().find(|(broken, ..)| *broken) {
        Some((_, path, found, help)) => Err(Fault::new(span_of(tree, path), found).help(help)),
        None => Ok(()),
    }
}

pub(super) fn settings(settings: &Settings, tree: &DeTable<'_>) -> Result<(), Fault> {
    [events, turn, transport, through, phases, processes, restart, slow_consumers, counted]
        .into_iter()
        .try_for_each(|rules| check(tree, rules(settings)))
}

/// Refuses a search that cannot be judged, or whose rate is given as well. `settings` are those without the search.
pub(super) fn search(settings: &Settings, tree: &DeTable<'_>) -> Result<(), Fault> {
    let rules = rules! {
        "events.rate", holds(tree, "events.rate") => "the rate is given, and there is a [search] for it";
            "leave events.rate out, in sweeps, too: the search begins at search.from; or leave [search] out";
        "search", settings.bound.is_none() => "a search for the bound, and there is none";
            "write [bound] with p99 = \"100ms\"";
        "search", settings.stall.is_some() => "a search, and a stall in each of its trials";
            "leave [stall] out";
        "search", settings.restart.is_some() => "a search, and a restart in each of its trials";
            "leave [restart] out";
        "search", settings.counted.is_some() => "a search, and a tool that slows the server down";
            "leave `counted` out: the rate that is found would be the tool's";
        "search", settings.traced => "a search whose trials are traced";
            "leave `traced` out: their flights are too many to be kept";
        "search", settings.client != Client::Native => "a search by a browser's page";
            "write client = \"native\": a page does not report how busy it is, so the side that was too slow stays unknown";
    };
    check(tree, rules)
}

/// Refuses a warm-up in which not every subscriber polls. Events flow from its start, so the first poll of the window
/// would find fewer of them than the later ones, and its events would have waited for less than they do.
pub(super) fn warm_up(settings: &Settings, techniques: &[&str], tree: &DeTable<'_>) -> Result<(), Fault> {
    let (warm_up_ns, interval_ns) = (settings.phases.warm_up_ns, settings.short_polling.interval_ns);
    let (warm_up, interval) = (show_duration(warm_up_ns), show_duration(interval_ns));
    let rules = rules! {
        "phases.warm_up", techniques.contains(&ShortPolling::TECHNIQUE) && warm_up_ns < interval_ns =>
            format!("a warm-up of {warm_up} is shorter than short polling's interval of {interval}");
            "the first poll of the window would find too little; raise phases.warm_up, or lower short_polling.interval";
    };
    check(tree, rules)
}

fn events(settings: &Settings) -> Vec<Rule> {
    let (events, uplink) = (&settings.events, settings.uplink.as_ref());
    let (channels, count) = (settings.subscribers.channels, settings.subscribers.count);
    let smallest = match events.payload {
        Payload::Text => 0,
        Payload::Chat => SMALLEST_CHAT_BYTES,
        Payload::Json => SMALLEST_JSON_BYTES,
    };
    let fits = |bytes: u32| (smallest..=LARGEST_PAYLOAD_BYTES).contains(&bytes);
    let wrong = |bytes: u32| format!("a payload of {} is out of range", show_size(bytes.into()));
    let range = format!("this kind takes at least {smallest} B and at most {LARGEST_PAYLOAD_BYTES} B");
    let (payload, uplink_payload) = (events.payload_bytes, uplink.map(|uplink| uplink.payload_bytes));
    rules! {
        "events.rate", events.rate_per_s == 0.0 && uplink.is_none() => "no events and no messages are sent";
            "give events.rate (\"10/s\"), or an [uplink] by which the subscribers send";
        "uplink.rate", uplink.is_some_and(|uplink| uplink.rate_per_s == 0.0) => "the subscribers send at a rate of 0";
            "give a rate above 0, or leave [uplink] out";
        "events.payload", !fits(payload) => wrong(payload); range.clone();
        "uplink.payload", uplink_payload.is_some_and(|bytes| !fits(bytes)) => wrong(uplink_payload.unwrap_or(0)); range;
        "subscribers.channels", channels > count => format!("{channels} channels are more than {count} subscribers");
            "every channel needs a subscriber: raise subscribers.count or lower subscribers.channels";
    }
}

fn turn(settings: &Settings) -> Vec<Rule> {
    let Some(turn) = &settings.turn else { return Vec::new() };
    let (events, subscribers, uplink) = (&settings.events, &settings.subscribers, settings.uplink.as_ref());
    let turns_per_s = uplink.map_or(0.0, |uplink| uplink.rate_per_s);
    let answer_s = f64::from(turn.events) / events.rate_per_s;
    rules! { "turn":
        uplink.is_none_or(|uplink| uplink.to != UplinkTo::Application) => "turns, and no messages to the application that begin them";
            "give an [uplink] with to = \"application\"";
        uplink.is_some_and(|uplink| uplink.pace != Pace::Constant) => "turns that do not come at a constant pace";
            "write pace = \"constant\" in [uplink], so that a turn ends before the next one begins";
        events.pace == Pace::Poisson => "the answer's events come at random times";
            "write pace = \"constant\" or \"burst 3\" in [events], so that a turn ends before the next one begins";
        events.rate_per_s == 0.0 => "an answer, and no rate of its events"; "give events.rate (\"50/s\")";
        subscribers.channels != subscribers.count => "an answer that others hear, too";
            "write as many subscribers.channels as subscribers.count";
        answer_s * turns_per_s > 1.0 => format!("an answer lasts {answer_s} s, and the next turn begins before it ends");
            "lower turn.events or uplink.rate, or raise events.rate";
        settings.publisher == Publisher::Post => "turns, and events that are posted";
            "write publisher = \"feed\", by which the application gets the messages";
        settings.restart.is_some() || settings.slow_consumers.is_some() => "turns, and a restart or slow consumers";
            "leave [turn] out, or the others";
        settings.client != Client::Native => "turns in a browser's page"; "write client = \"native\"";
    }
}

/// The publisher's requests are plain HTTP/1.1, are counted nowhere, and are answered as a subscriber's own are.
fn transport(settings: &Settings) -> Vec<Rule> {
    const BY_FEED: &str = "write publisher = \"feed\", or leave it out";
    let transport = &settings.transport;
    let is_posted = settings.publisher == Publisher::Post;
    let to = settings.uplink.as_ref().map(|uplink| uplink.to);
    let has_other_protocol = transport.tls || transport.http == HttpVersion::Http2;
    rules! {
        "transport.resumption", transport.resumption && !transport.tls => "a session is resumed, and there is no TLS";
            "write tls = true, or leave resumption out";
        "transport.per_connection", transport.per_connection > 1 && transport.http == HttpVersion::Http1 =>
            "subscribers share a connection of HTTP/1.1";
            "only HTTP/2 can do that: write http = \"2\", or leave per_connection out";
        "transport.per_connection", transport.per_connection > MOST_PER_CONNECTION =>
            format!("{} subscribers share a connection", transport.per_connection);
            format!("{MOST_PER_CONNECTION} at most: a server allows 2,048 streams, and a subscriber that sends takes two");
        "transport.resumption", settings.observed && transport.resumption => "an observed trial resumes TLS sessions";
            "the kernel would count the connection that fetches the first ticket, which is in no account: leave resumption out, or observed";
        "publisher_in_flight", settings.publisher_in_flight > 1 && !is_posted =>
            "several events are posted at once, and events are not posted";
            "write publisher = \"post\", or leave publisher_in_flight out";
        "publisher", is_posted && has_other_protocol =>
            "the publisher posts over plain HTTP/1.1, and the server speaks something else"; BY_FEED;
        "publisher", is_posted && to == Some(UplinkTo::Application) =>
            "what is posted goes to the application, the publisher's events, too"; BY_FEED;
        "publisher", is_posted && settings.observed =>
            "the kernel would count the publisher's requests, which are in no account"; BY_FEED;
    }
}

fn phases(settings: &Settings) -> Vec<Rule> {
    let (phases, coalescing_ns) = (&settings.phases, settings.coalescing.window_ns);
    let slowest_ns = settings.short_polling.interval_ns + settings.subscribers.added_delay_ns + coalescing_ns;
    let (drain, slowest) = (show_duration(phases.drain_ns), show_duration(slowest_ns));
    let (warm_up, window) = (show_duration(phases.warm_up_ns), show_duration(phases.window_ns));
    let (stall_ns, stall_end_ns) =
        settings.stall.as_ref().map_or((1, 0), |stall| (stall.for_ns, stall.at_ns + stall.for_ns));
    let long = |ns| format!("{} is more than an hour", show_duration(ns));
    let hour = "write \"60min\" or less";
    rules! {
        "phases.window", phases.window_ns == 0 => "a window of 0 measures nothing"; "write window = \"2s\"";
        "phases.warm_up", phases.warm_up_ns > HOUR_NS => long(phases.warm_up_ns); hour;
        "phases.window", phases.window_ns > HOUR_NS => long(phases.window_ns); hour;
        "phases.drain", phases.drain_ns > HOUR_NS => long(phases.drain_ns); hour;
        "phases.drain", phases.drain_ns < slowest_ns => format!("a drain of {drain} loses events");
            format!("the last event waits up to {slowest} (short_polling.interval + subscribers.added_delay + coalescing.window); raise phases.drain");
        "stall.for", stall_ns == 0 => "a stall of 0 has no effect"; "leave [stall] out";
        "stall", stall_end_ns > phases.window_ns =>
            format!("the stall ends at {}, after the window of {window}", show_duration(stall_end_ns));
            "stall.at + stall.for must not pass phases.window";
        // Events flow from the warm-up's start, so the window would otherwise start in the middle of what is held.
        "coalescing.window", coalescing_ns > phases.warm_up_ns =>
            format!("events are held for {}, longer than the warm-up of {warm_up}", show_duration(coalescing_ns));
            "the window would start with too few of them; raise phases.warm_up";
    }
}

fn processes(settings: &Settings) -> Vec<Rule> {
    let (processes, count) = (&settings.processes, settings.subscribers.count);
    let (servers, loads) = (processes.server > 1, processes.load > 1);
    let to = settings.uplink.as_ref().map(|uplink| uplink.to);
    rules! { "processes":
        processes.server.max(processes.load) > count => "more processes than subscribers";
            "raise subscribers.count, or lower what [processes] says";
        (servers || loads) && settings.client != Client::Native =>
            "several processes, and a browser whose one page holds all subscribers";
            "write client = \"native\", or leave [processes] out";
        servers && processes.cpu_contention > 0 => "several servers, and CPU contention on the core of one";
            "leave processes.cpu_contention out, or processes.server";
        servers && settings.publisher == Publisher::Post => "several servers, and events are posted to one";
            "write publisher = \"feed\", which every server has, or leave processes.server out";
        servers && to == Some(UplinkTo::Channel) =>
            "several servers, and a subscriber's message reaches those of its own server only";
            "write to = \"application\" in [uplink], or leave processes.server out";
        servers && settings.stall.is_some() => "several servers, and a stall of one";
            "leave [stall] out, or processes.server";
        loads && settings.uplink.is_some() =>
            "several load generators, and subscribers that one of them makes send";
            "leave [uplink] out, or processes.load";
    }
}

/// The proxies' configurations speak HTTP/1.1 to one server without TLS.
fn through(settings: &Settings) -> Vec<Rule> {
    let Some(through) = &settings.through else { return Vec::new() };
    let (transport, is_tcp) = (&settings.transport, through.ends_with("-tcp"));
    rules! { "through":
        transport.tls && !is_tcp => format!("TLS through {through}, which reads HTTP");
            "write through = \"haproxy-tcp\", which passes TLS on, or leave transport.tls out";
        transport.http == HttpVersion::Http2 => "HTTP/2 through a proxy"; "leave transport.http out, or `through`";
        settings.publisher == Publisher::Post => "a proxy, and events that are posted through it";
            "write publisher = \"feed\", which no proxy sees";
        settings.client != Client::Native => "a browser behind a proxy"; "write client = \"native\"";
        settings.processes.server > 1 => "a proxy, and several servers behind it"; "leave processes.server out";
        settings.restart.is_some() => "a proxy, and a restart of the server"; "leave [restart] out, or `through`";
        settings.observed => "a proxy, whose packets the kernel would count, too"; "leave `observed` out";
    }
}

fn restart(settings: &Settings) -> Vec<Rule> {
    let Some(restart) = &settings.restart else { return Vec::new() };
    let (at, window) = (show_duration(restart.at_ns), show_duration(settings.phases.window_ns));
    rules! {
        "restart.at", restart.at_ns == 0 => "the restart coincides with the window's start";
            "raise restart.at: the server's cost is sampled at the window's start";
        "restart.at", restart.at_ns >= settings.phases.window_ns =>
            format!("the restart comes at {at}, and the window ends at {window}");
            "restart.at must lie before the end of phases.window";
        "restart", settings.stall.is_some() => "the server is stopped and restarted in the same trial";
            "leave [stall] or [restart] out";
        "restart", settings.publisher == Publisher::Post => "a restart, and events that are posted";
            "write publisher = \"feed\": it gives a new server what it missed";
        "restart", settings.processes.server > 1 => "a restart of one server, and there are several";
            "leave processes.server out";
        "restart", settings.transport.tls => "a restart over TLS";
            "leave transport.tls out: the new server has a certificate of its own, which no client trusts";
        "restart", settings.uplink.is_some() => "a restart, and subscribers that send";
            "leave [uplink] out: their messages are in no log that a new server could be given";
        "restart", settings.processes.load > 1 => "a restart, and subscribers in several processes";
            "leave processes.load out: only one process knows when the server was killed";
        "restart", settings.client != Client::Native => "a restart under a browser's page";
            "write client = \"native\": a page's reconnecting is the browser's own";
        "restart", settings.observed => "a restart under the kernel's counters";
            "leave `observed` out: what a killed server had still to send is in no account";
        "restart", settings.slow_consumers.is_some() => "a restart, and subscribers that do not keep up";
            "leave [slow_consumers] or [restart] out: the kill looks the same as being cut off";
    }
}

fn slow_consumers(settings: &Settings) -> Vec<Rule> {
    let Some(slow) = &settings.slow_consumers else { return Vec::new() };
    let count = settings.subscribers.count;
    rules! { "slow_consumers.share":
        slow.share > 0.0 && slow.of(count) == 0 => "a share that is less than one subscriber";
            "raise slow_consumers.share or subscribers.count";
        slow.of(count) == count => "a share that leaves no subscriber that keeps up";
            "lower slow_consumers.share: the other subscribers are measured";
        settings.transport.per_connection > 1 => "slow consumers on connections that they share with others";
            "leave transport.per_connection out";
        settings.client != Client::Native => "slow consumers in a browser's page";
            "write client = \"native\": a page cannot leave bytes unread";
        settings.uplink.is_some() => "slow consumers that send";
            "leave [uplink] out: what they send would be counted, and nothing else of them is";
    }
}

fn counted(settings: &Settings) -> Vec<Rule> {
    if settings.counted.is_none() {
        return Vec::new();
    }
    rules! { "counted":
        settings.stall.is_some() => "a counting tool, and a stall"; "leave [stall] out, or `counted`";
        settings.restart.is_some() => "a counting tool, and a restart"; "leave [restart] out, or `counted`";
        settings.processes.server > 1 => "a tool that counts one server, and there are several";
            "leave processes.server out, or `counted`";
        settings.observed => "a counting tool, and the kernel's counters";
            "leave `observed` out, or `counted`: each runs the trial in its own way";
    }
}

//! Combinations of settings that cannot be run, each with its place and its remedy.

mod limits;

use toml::de::DeTable;

use super::error::Fault;
use super::tree::{holds, span_of};
use crate::quantity::{show_duration, show_size};
use crate::settings::{HttpVersion, Payload, Publisher, Settings, ShortPolling, UplinkTo};

/// Bytes of the smallest chat payload, `{"content":"","timestamp":1234567890123}`.
pub const SMALLEST_CHAT_BYTES: u32 = 40;
/// Bytes of the smallest JSON payload that still looks like an application's.
pub const SMALLEST_JSON_BYTES: u32 = 100;
/// Bytes of the largest payload: with its stamp it stays under the servers' limit of 64 KiB a message.
pub const LARGEST_PAYLOAD_BYTES: u32 = 65_000;

/// Subscribers that can share a connection.
const MOST_PER_CONNECTION: u32 = 1_000;
const HOUR_NS: u64 = 3_600_000_000_000;

/// Refuses settings that contradict themselves.
pub(super) fn settings(settings: &Settings, tree: &DeTable<'_>) -> Result<(), Fault> {
    let at = |path: &str, found: String| Fault::new(span_of(tree, path), found);
    something_is_sent(settings, &at)?;
    payloads(settings, &at)?;
    channels(settings, &at)?;
    transport(settings, &at)?;
    publisher(settings, &at)?;
    phases(settings, &at)?;
    stall(settings, &at)?;
    limits::check(settings, &at)
}

/// Refuses a search that cannot be judged, or whose rate is given as well. `settings` are those without the search.
pub(super) fn search(settings: &Settings, tree: &DeTable<'_>) -> Result<(), Fault> {
    let at = |path: &str, found: String| Fault::new(span_of(tree, path), found);
    if holds(tree, "events.rate") {
        return Err(at("events.rate", "the rate is given, and there is a [search] for it".to_owned()).help(
            "leave events.rate out, in sweeps, too: the search begins at search.from; or leave [search] out",
        ));
    }
    limits::search(settings, &at)
}

/// Refuses a warm-up in which not every subscriber polls. Events flow from its start, so the first poll of the window
/// would find fewer of them than the later ones, and its events would have waited for less than they do.
pub(super) fn warm_up(settings: &Settings, techniques: &[&str], tree: &DeTable<'_>) -> Result<(), Fault> {
    let (warm_up_ns, interval_ns) = (settings.phases.warm_up_ns, settings.short_polling.interval_ns);
    if !techniques.contains(&ShortPolling::TECHNIQUE) || warm_up_ns >= interval_ns {
        return Ok(());
    }
    let (warm_up, interval) = (show_duration(warm_up_ns), show_duration(interval_ns));
    Err(Fault::new(
        span_of(tree, "phases.warm_up"),
        format!("a warm-up of {warm_up} is shorter than short polling's interval of {interval}"),
    )
    .help("the first poll of the window would find too little; raise phases.warm_up, or lower short_polling.interval"))
}

type At<'a> = dyn Fn(&str, String) -> Fault + 'a;

fn something_is_sent(settings: &Settings, at: &At<'_>) -> Result<(), Fault> {
    let uplink = settings.uplink.as_ref().map(|uplink| uplink.rate_per_s);
    if settings.events.rate_per_s == 0.0 && uplink.is_none() {
        return Err(at("events.rate", "nobody sends anything".to_owned())
            .help("give events.rate (\"10/s\"), or an [uplink] by which the subscribers send"));
    }
    if uplink == Some(0.0) {
        return Err(at("uplink.rate", "the subscribers send at a rate of 0".to_owned())
            .help("give a rate above 0, or leave [uplink] out"));
    }
    Ok(())
}

fn payloads(settings: &Settings, at: &At<'_>) -> Result<(), Fault> {
    let smallest = match settings.events.payload {
        Payload::Text => 0,
        Payload::Chat => SMALLEST_CHAT_BYTES,
        Payload::Json => SMALLEST_JSON_BYTES,
    };
    let uplink = settings.uplink.as_ref().map(|uplink| ("uplink.payload", uplink.payload_bytes));
    for (path, bytes) in
        [Some(("events.payload", settings.events.payload_bytes)), uplink].into_iter().flatten()
    {
        if !(smallest..=LARGEST_PAYLOAD_BYTES).contains(&bytes) {
            return Err(at(path, format!("a payload of {} does not do", show_size(bytes.into()))).help(
                format!(
                    "it takes at least {smallest} B for this kind, and at most {LARGEST_PAYLOAD_BYTES} B"
                ),
            ));
        }
    }
    Ok(())
}

fn channels(settings: &Settings, at: &At<'_>) -> Result<(), Fault> {
    let (channels, count) = (settings.subscribers.channels, settings.subscribers.count);
    if channels > count {
        return Err(at(
            "subscribers.channels",
            format!("{channels} channels are more than {count} subscribers"),
        )
        .help("every channel needs a subscriber: raise subscribers.count or lower subscribers.channels"));
    }
    Ok(())
}

fn transport(settings: &Settings, at: &At<'_>) -> Result<(), Fault> {
    let transport = &settings.transport;
    if transport.resumption && !transport.tls {
        return Err(at("transport.resumption", "a session is resumed, and there is no TLS".to_owned())
            .help("write tls = true, or leave resumption out"));
    }
    if transport.per_connection > 1 && transport.http == HttpVersion::Http1 {
        return Err(at("transport.per_connection", "subscribers share a connection of HTTP/1.1".to_owned())
            .help("only HTTP/2 can do that: write http = \"2\", or leave per_connection out"));
    }
    if transport.per_connection > MOST_PER_CONNECTION {
        let found = format!("{} subscribers share a connection", transport.per_connection);
        return Err(at("transport.per_connection", found).help(format!(
            "it takes {MOST_PER_CONNECTION} at most: a server allows 2,048 streams, and who sends messages takes two"
        )));
    }
    if settings.observed && transport.resumption {
        let found = "an observed trial resumes TLS sessions".to_owned();
        return Err(at("transport.resumption", found).help(
            "the kernel would count the connection that fetches the first ticket, which is in no account: leave resumption out, or observed",
        ));
    }
    Ok(())
}

/// The publisher's requests are plain HTTP/1.1, are counted nowhere, and are answered as a subscriber's own are.
fn publisher(settings: &Settings, at: &At<'_>) -> Result<(), Fault> {
    let transport = &settings.transport;
    let to = settings.uplink.as_ref().map(|uplink| uplink.to);
    let cannot = if settings.publisher == Publisher::Feed {
        None
    } else if transport.tls || transport.http == HttpVersion::Http2 {
        Some("the publisher posts over plain HTTP/1.1, and the server is asked for something else")
    } else if to == Some(UplinkTo::Application) {
        Some("what is posted goes to the application, the publisher's events, too")
    } else if settings.observed {
        Some("the kernel would count the publisher's requests, which are in no account")
    } else {
        None
    };
    cannot.map_or(Ok(()), |found| {
        Err(at("publisher", found.to_owned()).help("write publisher = \"feed\", or leave it out"))
    })
}

fn phases(settings: &Settings, at: &At<'_>) -> Result<(), Fault> {
    let phases = &settings.phases;
    if phases.window_ns == 0 {
        return Err(
            at("phases.window", "a window of 0 measures nothing".to_owned()).help("write window = \"2s\"")
        );
    }
    for (path, ns) in [
        ("phases.warm_up", phases.warm_up_ns),
        ("phases.window", phases.window_ns),
        ("phases.drain", phases.drain_ns),
    ] {
        if ns > HOUR_NS {
            return Err(at(path, format!("{} is more than an hour", show_duration(ns)))
                .help("write \"60min\" or less"));
        }
    }
    let slowest = settings.short_polling.interval_ns
        + settings.subscribers.added_delay_ns
        + settings.coalescing.window_ns;
    if phases.drain_ns < slowest {
        return Err(at("phases.drain", format!("a drain of {} loses events", show_duration(phases.drain_ns))).help(
            format!(
                "the last event waits up to {} (short_polling.interval + subscribers.added_delay + coalescing.window); raise phases.drain",
                show_duration(slowest)
            ),
        ));
    }
    Ok(())
}

fn stall(settings: &Settings, at: &At<'_>) -> Result<(), Fault> {
    let Some(stall) = &settings.stall else { return Ok(()) };
    if stall.for_ns == 0 {
        return Err(at("stall.for", "a stall of 0 is none".to_owned()).help("leave [stall] out"));
    }
    if stall.at_ns + stall.for_ns > settings.phases.window_ns {
        let end = show_duration(stall.at_ns + stall.for_ns);
        let window = show_duration(settings.phases.window_ns);
        return Err(at("stall", format!("the stall ends at {end}, after the window of {window}"))
            .help("stall.at + stall.for must not pass phases.window"));
    }
    Ok(())
}

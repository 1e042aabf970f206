//! The settings tables of a scenario file into [`Settings`], with the defaults.

use super::error::Fault;
use super::reader::{Table, Value, count, duration, rate, size, text, word, yes_or_no};
use crate::settings::{
    Bound, EmptyAnswer, Events, Frames, HeaderProfile, Http, LongPolling, Pace, Payload, Phases, Settings,
    ShortPolling, Stall, Subscribers, Uplink, UplinkTo, WebSocket,
};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;
/// A subscriber is a connection or two; more do not fit the ports of one loopback address.
const MOST_SUBSCRIBERS: u32 = 10_000;
/// What the servers hold at most.
const MOST_CHANNELS: u32 = 1_024;

/// Reads all settings from the file's root.
pub(super) fn read(root: &Table<'_>) -> Result<Settings, Fault> {
    Ok(Settings {
        events: events(root)?,
        subscribers: subscribers(root)?,
        uplink: uplink(root)?,
        http: http(root)?,
        short_polling: short_polling(root)?,
        long_polling: long_polling(root)?,
        websocket: websocket(root)?,
        greeting: root.read("greeting", yes_or_no)?.unwrap_or(false),
        phases: phases(root)?,
        bound: bound(root)?,
        stall: stall(root)?,
    })
}

fn events(root: &Table<'_>) -> Result<Events, Fault> {
    let table = root.section_or_empty("events")?;
    let events = Events {
        rate_per_s: table.read("rate", rate)?.unwrap_or(0.0),
        pace: table.read("pace", pace)?.unwrap_or(Pace::Constant),
        payload_bytes: table.read("payload", size)?.unwrap_or(100),
        payload: table
            .read("kind", word(&[("text", Payload::Text), ("chat", Payload::Chat)]))?
            .unwrap_or(Payload::Text),
    };
    table.finish()?;
    Ok(events)
}

fn subscribers(root: &Table<'_>) -> Result<Subscribers, Fault> {
    let table = root.section_or_empty("subscribers")?;
    let subscribers = Subscribers {
        count: table.read("count", count(MOST_SUBSCRIBERS))?.unwrap_or(1),
        channels: table.read("channels", count(MOST_CHANNELS))?.unwrap_or(1),
        added_delay_ns: table.read("added_delay", duration)?.unwrap_or(0),
    };
    table.finish()?;
    Ok(subscribers)
}

fn uplink(root: &Table<'_>) -> Result<Option<Uplink>, Fault> {
    let Some(table) = root.section("uplink")? else { return Ok(None) };
    let to = word(&[("channel", UplinkTo::Channel), ("application", UplinkTo::Application)]);
    let uplink = Uplink {
        rate_per_s: table.required("rate", rate, "\"1/s\"")?,
        pace: table.read("pace", pace)?.unwrap_or(Pace::Constant),
        payload_bytes: table.read("payload", size)?.unwrap_or(100),
        to: table.read("to", to)?.unwrap_or(UplinkTo::Channel),
    };
    table.finish()?;
    Ok(Some(uplink))
}

fn http(root: &Table<'_>) -> Result<Http, Fault> {
    let table = root.section_or_empty("http")?;
    let profiles = [
        ("minimal", HeaderProfile::Minimal),
        ("browser", HeaderProfile::Browser),
        ("browser+session", HeaderProfile::BrowserSession),
    ];
    let http = Http {
        headers: table.read("headers", word(&profiles))?.unwrap_or(HeaderProfile::Browser),
        keep_alive: table.read("keep_alive", yes_or_no)?.unwrap_or(true),
    };
    table.finish()?;
    Ok(http)
}

fn short_polling(root: &Table<'_>) -> Result<ShortPolling, Fault> {
    let table = root.section_or_empty("short_polling")?;
    let empty = word(&[("no-content", EmptyAnswer::NoContent), ("not-modified", EmptyAnswer::NotModified)]);
    let short_polling = ShortPolling {
        interval_ns: table.read("interval", duration)?.unwrap_or(S),
        empty: table.read("empty", empty)?.unwrap_or(EmptyAnswer::NoContent),
    };
    table.finish()?;
    Ok(short_polling)
}

fn long_polling(root: &Table<'_>) -> Result<LongPolling, Fault> {
    let table = root.section_or_empty("long_polling")?;
    let long_polling = LongPolling { hold_ns: table.read("hold", duration)?.unwrap_or(25 * S) };
    table.finish()?;
    Ok(long_polling)
}

fn websocket(root: &Table<'_>) -> Result<WebSocket, Fault> {
    let table = root.section_or_empty("websocket")?;
    let frames = word(&[("text", Frames::Text), ("binary", Frames::Binary)]);
    let websocket = WebSocket { frames: table.read("frames", frames)?.unwrap_or(Frames::Text) };
    table.finish()?;
    Ok(websocket)
}

fn phases(root: &Table<'_>) -> Result<Phases, Fault> {
    let table = root.section_or_empty("phases")?;
    let phases = Phases {
        warm_up_ns: table.read("warm_up", duration)?.unwrap_or(S),
        window_ns: table.read("window", duration)?.unwrap_or(2 * S),
        drain_ns: table.read("drain", duration)?.unwrap_or(5 * S),
    };
    table.finish()?;
    Ok(phases)
}

fn bound(root: &Table<'_>) -> Result<Option<Bound>, Fault> {
    let Some(table) = root.section("bound")? else { return Ok(None) };
    let bound = Bound { p99_ns: table.required("p99", duration, "\"50ms\"")? };
    table.finish()?;
    Ok(Some(bound))
}

fn stall(root: &Table<'_>) -> Result<Option<Stall>, Fault> {
    let Some(table) = root.section("stall")? else { return Ok(None) };
    let stall = Stall {
        at_ns: table.required("at", duration, "\"1s\"")?,
        for_ns: table.required("for", duration, "\"500ms\"")?,
    };
    table.finish()?;
    Ok(Some(stall))
}

/// `constant`, `poisson`, or `burst 10` for ten events at the same instant.
fn pace(value: &Value<'_>) -> Result<Pace, Fault> {
    let found = text(value)?;
    let burst = found.strip_prefix("burst ").and_then(|size| size.trim().parse().ok());
    match (found.as_str(), burst) {
        ("constant", _) => Ok(Pace::Constant),
        ("poisson", _) => Ok(Pace::Poisson),
        (_, Some(size @ 1..=10_000)) => Ok(Pace::Burst(size)),
        _ => Err(Fault::new(value.span(), format!("`{found}` is not a pace"))
            .help("allowed: constant, poisson, \"burst 10\" (up to 10000 events at the same instant)")),
    }
}

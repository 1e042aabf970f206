//! The settings tables of a scenario file into [`Settings`], with the defaults.

use super::error::Fault;
use super::limits;
use super::reader::{Table, Value, count, duration, rate, size, text, word, yes_or_no};
use crate::settings::{
    Bound, Client, Compression, EmptyAnswer, Events, Frames, HeaderProfile, Http, HttpVersion, LongPolling,
    Pace, Payload, Phases, Publisher, Settings, ShortPolling, SocketIo, SocketIoTransports, Stall,
    Subscribers, Transport, Uplink, UplinkTo, WebSocket,
};

/// A subscriber is a connection or two; a server process's port takes some 28,000 of one address.
const MOST_SUBSCRIBERS: u32 = 100_000;
/// What the servers hold at most.
const MOST_CHANNELS: u32 = 1_024;

const CLIENTS: [(&str, Client); 3] =
    [("native", Client::Native), ("chromium", Client::Chromium), ("firefox", Client::Firefox)];
const PUBLISHERS: [(&str, Publisher); 2] = [("feed", Publisher::Feed), ("post", Publisher::Post)];

/// Reads all settings from the file's root.
pub(super) fn read(root: &Table<'_>) -> Result<Settings, Fault> {
    let plain = Settings::default();
    Ok(Settings {
        events: events(root, &plain.events)?,
        subscribers: subscribers(root, &plain.subscribers)?,
        uplink: uplink(root)?,
        http: http(root, &plain.http)?,
        transport: transport(root, &plain.transport)?,
        short_polling: short_polling(root, &plain.short_polling)?,
        long_polling: long_polling(root, &plain.long_polling)?,
        websocket: websocket(root, &plain.websocket)?,
        socketio: socketio(root, &plain.socketio)?,
        client: root.read("client", word(&CLIENTS))?.unwrap_or(plain.client),
        publisher: root.read("publisher", word(&PUBLISHERS))?.unwrap_or(plain.publisher),
        greeting: root.read("greeting", yes_or_no)?.unwrap_or(plain.greeting),
        heartbeat_ns: root.read("heartbeat", duration)?.unwrap_or(plain.heartbeat_ns),
        phases: phases(root, &plain.phases)?,
        bound: bound(root)?,
        stall: stall(root)?,
        restart: limits::restart(root)?,
        slow_consumers: limits::slow_consumers(root)?,
        coalescing: limits::coalescing(root)?,
        processes: limits::processes(root)?,
        counted: limits::counted(root)?,
        observed: root.read("observed", yes_or_no)?.unwrap_or(plain.observed),
        traced: root.read("traced", yes_or_no)?.unwrap_or(plain.traced),
    })
}

fn events(root: &Table<'_>, plain: &Events) -> Result<Events, Fault> {
    let table = root.section_or_empty("events")?;
    let events = Events {
        rate_per_s: table.read("rate", rate)?.unwrap_or(plain.rate_per_s),
        pace: table.read("pace", pace)?.unwrap_or(plain.pace),
        payload_bytes: table.read("payload", size)?.unwrap_or(plain.payload_bytes),
        payload: table
            .read("kind", word(&[("text", Payload::Text), ("chat", Payload::Chat), ("json", Payload::Json)]))?
            .unwrap_or(plain.payload),
    };
    table.finish()?;
    Ok(events)
}

fn subscribers(root: &Table<'_>, plain: &Subscribers) -> Result<Subscribers, Fault> {
    let table = root.section_or_empty("subscribers")?;
    let subscribers = Subscribers {
        count: table.read("count", count(MOST_SUBSCRIBERS))?.unwrap_or(plain.count),
        channels: table.read("channels", count(MOST_CHANNELS))?.unwrap_or(plain.channels),
        added_delay_ns: table.read("added_delay", duration)?.unwrap_or(plain.added_delay_ns),
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

fn http(root: &Table<'_>, plain: &Http) -> Result<Http, Fault> {
    let table = root.section_or_empty("http")?;
    let profiles = [
        ("minimal", HeaderProfile::Minimal),
        ("browser", HeaderProfile::Browser),
        ("browser+session", HeaderProfile::BrowserSession),
    ];
    let http = Http {
        headers: table.read("headers", word(&profiles))?.unwrap_or(plain.headers),
        keep_alive: table.read("keep_alive", yes_or_no)?.unwrap_or(plain.keep_alive),
    };
    table.finish()?;
    Ok(http)
}

fn transport(root: &Table<'_>, plain: &Transport) -> Result<Transport, Fault> {
    let table = root.section_or_empty("transport")?;
    let versions = word(&[("1.1", HttpVersion::Http1), ("2", HttpVersion::Http2)]);
    let compressions = word(&[("none", Compression::None), ("deflate", Compression::Deflate)]);
    let transport = Transport {
        tls: table.read("tls", yes_or_no)?.unwrap_or(plain.tls),
        resumption: table.read("resumption", yes_or_no)?.unwrap_or(plain.resumption),
        http: table.read("http", versions)?.unwrap_or(plain.http),
        per_connection: table
            .read("per_connection", count(MOST_SUBSCRIBERS))?
            .unwrap_or(plain.per_connection),
        compression: table.read("compression", compressions)?.unwrap_or(plain.compression),
    };
    table.finish()?;
    Ok(transport)
}

fn short_polling(root: &Table<'_>, plain: &ShortPolling) -> Result<ShortPolling, Fault> {
    let table = root.section_or_empty("short_polling")?;
    let empty = word(&[("no-content", EmptyAnswer::NoContent), ("not-modified", EmptyAnswer::NotModified)]);
    let short_polling = ShortPolling {
        interval_ns: table.read("interval", duration)?.unwrap_or(plain.interval_ns),
        empty: table.read("empty", empty)?.unwrap_or(plain.empty),
    };
    table.finish()?;
    Ok(short_polling)
}

fn long_polling(root: &Table<'_>, plain: &LongPolling) -> Result<LongPolling, Fault> {
    let table = root.section_or_empty("long_polling")?;
    let long_polling = LongPolling { hold_ns: table.read("hold", duration)?.unwrap_or(plain.hold_ns) };
    table.finish()?;
    Ok(long_polling)
}

fn websocket(root: &Table<'_>, plain: &WebSocket) -> Result<WebSocket, Fault> {
    let table = root.section_or_empty("websocket")?;
    let frames = word(&[("text", Frames::Text), ("binary", Frames::Binary)]);
    let websocket = WebSocket { frames: table.read("frames", frames)?.unwrap_or(plain.frames) };
    table.finish()?;
    Ok(websocket)
}

fn socketio(root: &Table<'_>, plain: &SocketIo) -> Result<SocketIo, Fault> {
    let table = root.section_or_empty("socketio")?;
    let transports = [
        ("polling", SocketIoTransports::Polling),
        ("upgrade", SocketIoTransports::Upgrade),
        ("websocket", SocketIoTransports::Websocket),
    ];
    let socketio =
        SocketIo { transports: table.read("transports", word(&transports))?.unwrap_or(plain.transports) };
    table.finish()?;
    Ok(socketio)
}

fn phases(root: &Table<'_>, plain: &Phases) -> Result<Phases, Fault> {
    let table = root.section_or_empty("phases")?;
    let phases = Phases {
        warm_up_ns: table.read("warm_up", duration)?.unwrap_or(plain.warm_up_ns),
        window_ns: table.read("window", duration)?.unwrap_or(plain.window_ns),
        drain_ns: table.read("drain", duration)?.unwrap_or(plain.drain_ns),
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

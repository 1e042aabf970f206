//! Every key of the settings, once: its path in a scenario file, its field in [`Settings`], what its value may be, and what it means
//! when the file leaves it out. A new key is a row here and a field there, whose documentation says what it means.

use serde_json::{Value as Json, json};
use toml::de::{DeTable, DeValue};

use self::Absent::{Default, Required, Value as Otherwise};
use self::Kind::{Count, Duration, Flag, Pace, Rate, Share, Size, Speed, Word};
use super::error::Fault;
use super::reader::{
    Value, count, duration, per_cent, rate, size, table, text, unknown_key, word, yes_or_no,
};
use crate::settings::{Settings, THROUGH};

/// A subscriber is a connection or two; a server process's port takes some 28,000 of one address.
const MOST_SUBSCRIBERS: u32 = 100_000;
/// What the servers hold at most.
const MOST_CHANNELS: u32 = 1_024;
const MOST_PROCESSES: u32 = 16;
const MOST_IN_FLIGHT: u32 = 16;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Flag,
    Count(u32),
    Duration,
    Size,
    Rate,
    Share,
    Speed,
    Pace,
    /// One of these; `nothing` is none.
    Word(&'static [&'static str]),
}

/// What it means when the file has the key's section, and not the key.
#[derive(Debug, Clone, Copy)]
enum Absent {
    /// What [`Settings::default`] has.
    Default,
    /// A mistake; this could stand there.
    Required(&'static str),
    /// This, as JSON, of a section that the default settings do not have.
    Value(&'static str),
}

struct Key {
    path: &'static str,
    field: &'static str,
    kind: Kind,
    absent: Absent,
}

const fn key(path: &'static str, field: &'static str, kind: Kind, absent: Absent) -> Key {
    Key { path, field, kind, absent }
}

const IDLE_TIMEOUT: &str = "60000000000";
const RETAINED: &str = "65536";

static KEYS: &[Key] = &[
    key("implementation", "implementation", Word(&["lean", "library"]), Default),
    key("client", "client", Word(&["native", "chromium", "firefox"]), Default),
    key("publisher", "publisher", Word(&["feed", "post"]), Default),
    key("publisher_in_flight", "publisher_in_flight", Count(MOST_IN_FLIGHT), Default),
    key("greeting", "greeting", Flag, Default),
    key("heartbeat", "heartbeat_ns", Duration, Default),
    key("observed", "observed", Flag, Default),
    key("traced", "traced", Flag, Default),
    key("counted", "counted", Word(&["nothing", "instructions", "system-calls"]), Default),
    key("events.rate", "events.rate_per_s", Rate, Default),
    key("events.pace", "events.pace", Pace, Default),
    key("events.payload", "events.payload_bytes", Size, Default),
    key("events.kind", "events.payload", Word(&["text", "chat", "json"]), Default),
    key("subscribers.count", "subscribers.count", Count(MOST_SUBSCRIBERS), Default),
    key("subscribers.channels", "subscribers.channels", Count(MOST_CHANNELS), Default),
    key("subscribers.added_delay", "subscribers.added_delay_ns", Duration, Default),
    key("uplink.rate", "uplink.rate_per_s", Rate, Required("\"1/s\"")),
    key("uplink.pace", "uplink.pace", Pace, Otherwise("\"constant\"")),
    key("uplink.payload", "uplink.payload_bytes", Size, Otherwise("100")),
    key("uplink.to", "uplink.to", Word(&["channel", "application"]), Otherwise("\"channel\"")),
    key("turn.events", "turn.events", Count(100_000), Required("200")),
    key("http.headers", "http.headers", Word(&["minimal", "browser", "browser+session"]), Default),
    key("http.keep_alive", "http.keep_alive", Flag, Default),
    key("http.unbuffered", "http.unbuffered", Flag, Default),
    key("through", "through", Word(THROUGH), Default),
    key("transport.tls", "transport.tls", Flag, Default),
    key("transport.resumption", "transport.resumption", Flag, Default),
    key("transport.http", "transport.http", Word(&["1.1", "2"]), Default),
    key("transport.per_connection", "transport.per_connection", Count(MOST_SUBSCRIBERS), Default),
    key("transport.compression", "transport.compression", Word(&["none", "deflate"]), Default),
    key("short_polling.interval", "short_polling.interval_ns", Duration, Default),
    key("short_polling.empty", "short_polling.empty", Word(&["no-content", "not-modified"]), Default),
    key("long_polling.hold", "long_polling.hold_ns", Duration, Default),
    key("websocket.frames", "websocket.frames", Word(&["text", "binary"]), Default),
    key("socketio.transports", "socketio.transports", Word(&["polling", "upgrade", "websocket"]), Default),
    key("phases.warm_up", "phases.warm_up_ns", Duration, Default),
    key("phases.window", "phases.window_ns", Duration, Default),
    key("phases.drain", "phases.drain_ns", Duration, Default),
    key("bound.p99", "bound.p99_ns", Duration, Required("\"50ms\"")),
    key("stall.at", "stall.at_ns", Duration, Required("\"1s\"")),
    key("stall.for", "stall.for_ns", Duration, Required("\"500ms\"")),
    key("restart.at", "restart.at_ns", Duration, Required("\"500ms\"")),
    key("restart.backoff", "restart.backoff", Word(&["none", "jittered"]), Otherwise("\"none\"")),
    key("slow_consumers.share", "slow_consumers.share", Share, Required("\"1%\"")),
    key("slow_consumers.reads", "slow_consumers.reads_bytes_per_s", Speed, Otherwise("0")),
    key("slow_consumers.idle_timeout", "slow_consumers.idle_timeout_ns", Duration, Otherwise(IDLE_TIMEOUT)),
    key("slow_consumers.retained", "slow_consumers.retained_events", Count(10_000_000), Otherwise(RETAINED)),
    key("coalescing.window", "coalescing.window_ns", Duration, Default),
    key("processes.server", "processes.server", Count(MOST_PROCESSES), Default),
    key("processes.load", "processes.load", Count(MOST_PROCESSES), Default),
    key("processes.cpu_contention", "processes.cpu_contention", Count(MOST_PROCESSES), Default),
];

/// Reads all settings of a file, with the defaults. `others` are the keys at its root that are not settings.
pub(super) fn settings(tree: &DeTable<'_>, others: &[&'static str]) -> Result<Settings, Fault> {
    refuse_unknown(tree, others)?;
    let mut settings = serde_json::to_value(Settings::default()).unwrap_or_default();
    for key in KEYS {
        let (found, section) = match key.path.split_once('.') {
            None => (tree.get(key.path), None),
            Some((section, name)) => {
                let Some(value) = tree.get(section) else { continue };
                (table(value, "a table")?.get(name), Some((value.span(), section, name)))
            }
        };
        match (found, key.absent) {
            (Some(value), _) => put(&mut settings, key.field, key.kind.read(value)?),
            (None, Required(example)) => {
                let (place, section, name) = section.unwrap_or((0..0, "", key.path));
                return Err(Fault::new(place, format!("`{name}` is missing in [{section}]"))
                    .help(format!("write {name} = {example}")));
            }
            (None, Otherwise(text)) => {
                put(&mut settings, key.field, serde_json::from_str(text).unwrap_or_default());
            }
            (None, Default) => {}
        }
    }
    serde_json::from_value(settings).map_err(|error| Fault::new(0..0, error.to_string()))
}

/// The settings that differ from the default ones by these keys and values, each as in a scenario file, without quotes.
pub(super) fn assignments(pairs: &[(String, String)]) -> String {
    let line = |(path, value): &(String, String)| {
        let key = KEYS.iter().find(|key| key.path == *path);
        // What cannot be a key without quotes gets them, so that it is refused as any other unknown key is.
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        let is_path = path.split('.').all(|part| !part.is_empty() && part.chars().all(fits));
        let path = if is_path { path.clone() } else { toml::Value::from(path.as_str()).to_string() };
        let is_bare = key.is_some_and(|key| matches!(key.kind, Flag | Count(_)));
        if is_bare {
            format!("{path} = {value}\n")
        } else {
            format!("{path} = {}\n", toml::Value::from(value.as_str()))
        }
    };
    pairs.iter().map(line).collect()
}

/// Refuses what is neither a setting nor one of `others`.
pub(super) fn refuse_unknown(tree: &DeTable<'_>, others: &[&'static str]) -> Result<(), Fault> {
    let mut roots: Vec<&str> = others.to_vec();
    let sections = KEYS.iter().map(|key| key.path.split('.').next().unwrap_or_default());
    for section in sections {
        if !roots.contains(&section) {
            roots.push(section);
        }
    }
    only(tree, &roots, "a scenario")?;
    for (section, value) in tree.iter().filter(|(key, _)| !others.contains(&key.get_ref().as_ref())) {
        let section = section.get_ref().as_ref();
        if let DeValue::Table(table) = value.get_ref() {
            let names: Vec<&str> = KEYS
                .iter()
                .filter_map(|key| key.path.split_once('.').filter(|(of, _)| *of == section))
                .map(|(_, name)| name)
                .collect();
            if !names.is_empty() {
                only(table, &names, &format!("[{section}]"))?;
            }
        }
    }
    Ok(())
}

fn only(table: &DeTable<'_>, known: &[&str], of: &str) -> Result<(), Fault> {
    let unknown = table.keys().find(|key| !known.contains(&key.get_ref().as_ref()));
    unknown.map_or(Ok(()), |key| Err(unknown_key(key, of, known)))
}

/// Sets a field by its dotted path; objects on the way that are not there come into being.
fn put(settings: &mut Json, field: &str, value: Json) {
    let mut at = settings;
    for part in field.split('.') {
        if at.is_null() {
            *at = json!({});
        }
        at = &mut at[part];
    }
    *at = value;
}

impl Kind {
    fn read(self, value: &Value<'_>) -> Result<Json, Fault> {
        Ok(match self {
            Flag => json!(yes_or_no(value)?),
            Count(largest) => json!(count(largest)(value)?),
            Duration => json!(duration(value)?),
            Size => json!(size(value)?),
            Rate => json!(rate(value)?),
            Share => json!(per_cent(value)?),
            Speed => json!(speed(value)?),
            Pace => pace(value)?,
            Word(words) => {
                let pairs: Vec<_> = words.iter().map(|word| (*word, *word)).collect();
                match word(&pairs)(value)? {
                    "nothing" => Json::Null,
                    found => json!(found),
                }
            }
        })
    }
}

/// `constant`, `poisson`, or `burst 10` for ten events at the same instant.
fn pace(value: &Value<'_>) -> Result<Json, Fault> {
    let found = text(value)?;
    let burst = found.strip_prefix("burst ").and_then(|size| size.trim().parse().ok());
    match (found.as_str(), burst) {
        ("constant" | "poisson", _) => Ok(json!(found)),
        (_, Some(size @ 1..=10_000_u32)) => Ok(json!({ "burst": size })),
        _ => Err(Fault::new(value.span(), format!("`{found}` is not a pace"))
            .help("allowed: constant, poisson, \"burst 10\" (up to 10000 events at the same instant)")),
    }
}

/// `never`, or `4 KiB/s`.
fn speed(value: &Value<'_>) -> Result<u32, Fault> {
    let found = text(value)?;
    if found == "never" {
        return Ok(0);
    }
    let Some(amount) = found.strip_suffix("/s") else {
        return Err(Fault::new(value.span(), format!("`{found}` is not a speed"))
            .help("write \"4 KiB/s\", or \"never\""));
    };
    let bytes = crate::quantity::size_bytes(amount.trim_end());
    bytes.map_err(|error| Fault::new(value.span(), error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SlowConsumers;

    #[test]
    fn what_the_table_says_of_slow_consumers_is_what_the_settings_say() {
        assert_eq!(IDLE_TIMEOUT, SlowConsumers::IDLE_TIMEOUT_NS.to_string());
        assert_eq!(RETAINED, SlowConsumers::RETAINED_EVENTS.to_string());
    }

    #[test]
    fn every_field_of_the_settings_has_a_key() {
        let mut all = serde_json::to_value(Settings::default()).unwrap();
        for key in KEYS {
            put(&mut all, key.field, json!("set"));
        }
        let left: Vec<String> = leaves(&all, String::new())
            .into_iter()
            .filter(|(_, value)| value != "set")
            .map(|(path, _)| path)
            .collect();
        assert_eq!(left, Vec::<String>::new());
    }

    #[test]
    fn any_text_can_be_assigned() {
        for value in ["a\"b", "a\u{7f}b", "a\nb", "\u{1b}'é\\"] {
            let pairs = [("websocket.frames".to_owned(), value.to_owned())];
            let error = crate::scenario::settings_from(&pairs).unwrap_err();
            assert_eq!(error.found, format!("`{value}` is not known here"));
        }
    }

    fn leaves(value: &Json, path: String) -> Vec<(String, Json)> {
        match value {
            Json::Object(fields) => {
                fields.iter().flat_map(|(name, value)| leaves(value, format!("{path}.{name}"))).collect()
            }
            other => vec![(path, other.clone())],
        }
    }
}

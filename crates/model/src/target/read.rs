//! The TOML shape of a target into [`Target`].

use std::collections::BTreeMap;
use std::net::SocketAddr;

use toml::de::DeTable;

use super::{Answers, Connected, Needed, Publish, Ready, Requirement, Resumes, Server, Subscription, Target};
use crate::scenario::error::{Fault, choices};
use crate::scenario::reader::{
    Table, Value, array, count, duration, list, table, text, text_that, word, yes_or_no,
};
use crate::scenario::{ScenarioError, is_name};

const FILE: &str = "a target";
const READY_WITHIN_NS: u64 = 10_000_000_000;
const LONGEST_START_NS: u64 = 300_000_000_000;
/// What placeholders mean without a requirement that names one.
const PLACEHOLDERS: [&str; 3] = ["port", "dir", "channel"];

const RESUMES: [(&str, Resumes); 4] = [
    ("none", Resumes::None),
    ("query", Resumes::Query),
    ("validators", Resumes::Validators),
    ("last-event-id", Resumes::LastEventId),
];

const CONNECTED: [(&str, Connected); 2] =
    [("answered", Connected::Answered), ("request-sent", Connected::RequestSent)];

impl Target {
    /// Reads a target from `text`. `file` is how messages name it, `name` the target's name, `known` the slugs of all
    /// techniques that a server can be subscribed by.
    /// Fails at the first mistake, with its place and what is allowed.
    pub fn parse(text: &str, file: &str, name: &str, known: &[&str]) -> Result<Self, ScenarioError> {
        target(text, name, known).map_err(|fault| fault.locate(file, text))
    }
}

fn target(source: &str, name: &str, known: &[&str]) -> Result<Target, Fault> {
    let tree = DeTable::parse(source)?.into_inner();
    let root = Table::root_of(FILE, &tree);
    let (label, about) = (
        root.required("label", text, "\"My server\""),
        root.required("about", text, "\"what it is, in a line\""),
    );
    let (requires, server, ready) = (requirements(root.value("requires")), server(&root), ready(&root));
    let (version, publish, techniques) = (version(&root), publish(&root), techniques(&root, known));
    root.finish()?;
    Ok(Target {
        name: file_name(name)?,
        label: label?,
        about: about?,
        requires: requires?,
        server: server?,
        ready: ready?,
        version: version?,
        publish: publish?,
        techniques: techniques?,
        text: source.to_owned(),
    })
}

/// A target's name goes into file names, and stands where a technique's could.
fn file_name(name: &str) -> Result<String, Fault> {
    if is_name(name) {
        return Ok(name.to_owned());
    }
    Err(Fault::new(0..0, format!("the file's name, `{name}`, cannot be a target's name"))
        .help("rename the file: up to 40 small letters, digits and hyphens, such as my-server.toml"))
}

fn server(root: &Table<'_>) -> Result<Server, Fault> {
    let (start, address) = (root.section("start"), root.read("address", address));
    match (start?, address?) {
        (Some(start), None) => started(&start),
        (None, Some(address)) => Ok(Server::Running(address)),
        (Some(start), Some(_)) => Err(Fault::new(start.span(), "a target is started or has an address, not both")
            .help("leave one of them out: `address` is for a server that is running already")),
        (None, None) => Err(Fault::new(0..0, "`start` is missing in a target").help(
            "write [start] with command = [\"my-server\", \"--port\", \"{port}\"], or address = \"127.0.0.1:8080\"",
        )),
    }
}

fn started(start: &Table<'_>) -> Result<Server, Fault> {
    let command = start.required("command", command, "[\"my-server\", \"--port\", \"{port}\"]");
    let config = start.read("config", texts)?.unwrap_or_default();
    start.finish()?;
    Ok(Server::Started { command: command?, config })
}

fn ready(root: &Table<'_>) -> Result<Ready, Fault> {
    let table = root.section_or_empty("ready")?;
    let ready = Ready {
        path: table.read("path", path)?,
        within_ns: table.read("within", start_limit)?.unwrap_or(READY_WITHIN_NS),
    };
    table.finish()?;
    Ok(ready)
}

fn version(root: &Table<'_>) -> Result<Option<Vec<String>>, Fault> {
    let Some(table) = root.section("version")? else { return Ok(None) };
    let command = table.required("command", command, "[\"my-server\", \"--version\"]");
    table.finish()?;
    command.map(Some)
}

fn publish(root: &Table<'_>) -> Result<Publish, Fault> {
    let Some(table) = root.section("publish")? else {
        return Err(Fault::new(0..0, "`publish` is missing in a target")
            .help("write [publish] with path = \"/publish?channel={channel}\""));
    };
    let method = table.read("method", word(&[("POST", "POST"), ("PUT", "PUT")]))?.unwrap_or("POST");
    let path = table.required("path", path, "\"/publish?channel={channel}\"");
    let content_type = table.read("content_type", field_value)?;
    let rejected_if = table.read("rejected_if", text)?;
    table.finish()?;
    Ok(Publish {
        method: method.to_owned(),
        path: path?,
        content_type: content_type.unwrap_or_else(|| "application/json".to_owned()),
        rejected_if,
    })
}

fn techniques(root: &Table<'_>, known: &[&str]) -> Result<BTreeMap<String, Subscription>, Fault> {
    let none = |span| {
        Fault::new(span, "there is no technique by which to subscribe").help(
            "write [techniques.websocket] with path = \"/ws?channel={channel}\", or another technique's slug",
        )
    };
    let Some(value) = root.value("techniques") else { return Err(none(0..0)) };
    let mut techniques = BTreeMap::new();
    for (slug, value) in table(value, "a table")? {
        if !known.contains(&slug.get_ref().as_ref()) {
            return Err(Fault::new(
                slug.span(),
                format!("`{}` is not a technique that a target can have", slug.get_ref()),
            )
            .help(choices(slug.get_ref(), known)));
        }
        techniques.insert(slug.get_ref().to_string(), subscription(value)?);
    }
    if techniques.is_empty() { Err(none(value.span())) } else { Ok(techniques) }
}

fn subscription(value: &Value<'_>) -> Result<Subscription, Fault> {
    let table = Table::of("a technique of a target", value)?;
    let path = table.required("path", path, "\"/ws?channel={channel}\"");
    let defaults = Subscription::at("");
    let mut subscription = Subscription {
        resumes: table.read("resume", word(&RESUMES))?.unwrap_or(defaults.resumes),
        empty: table.read("empty", count(599))?.map(|status| status as u16),
        answers: table
            .read("answers", word(&[("one", Answers::One), ("all", Answers::All)]))?
            .unwrap_or(defaults.answers),
        connected: table.read("connected", word(&CONNECTED))?.unwrap_or(defaults.connected),
        namespace: table.read("namespace", namespace)?,
        join: table.read("join", event)?,
        newline: table.read("newline", yes_or_no)?.unwrap_or(defaults.newline),
        headers: table.read("headers", headers)?.unwrap_or_default(),
        path: defaults.path,
    };
    table.finish()?;
    subscription.path = path?;
    agree(&subscription, &table)?;
    Ok(subscription)
}

/// `{after}` and `resume = "query"` need each other.
fn agree(subscription: &Subscription, table: &Table<'_>) -> Result<(), Fault> {
    let span = |key| table.value(key).map_or(0..0, toml::Spanned::span);
    match (subscription.resumes == Resumes::Query, subscription.path.contains("{after}")) {
        (true, false) => {
            Err(Fault::new(span("resume"), "it resumes by the query, and the path does not say after what")
                .help("write {after} into the path: it becomes the last sequence number that was received"))
        }
        (false, true) => {
            Err(Fault::new(span("path"), "the path says {after}, and the technique does not resume by it")
                .help("write resume = \"query\", or take {after} out of the path"))
        }
        _ => Ok(()),
    }
}

fn requirements(value: Option<&Value<'_>>) -> Result<Vec<Requirement>, Fault> {
    let Some(value) = value else { return Ok(Vec::new()) };
    array(value, "[[requires]] in double brackets")?.iter().map(requirement).collect()
}

fn requirement(value: &Value<'_>) -> Result<Requirement, Fault> {
    let table = Table::of("[[requires]]", value)?;
    let (program, places) = (table.read("program", text)?, table.read("files", list(text))?);
    let placeholder = table.read("as", placeholder)?;
    let install = table.required("install", text, "\"the Debian package nginx\"");
    table.finish()?;
    let what = match (program, places) {
        (Some(program), None) => Needed::Program(program),
        (None, Some(places)) if !places.is_empty() => Needed::File { places, placeholder },
        _ => {
            return Err(Fault::new(value.span(), "a requirement is a program or files")
                .help("write program = \"nginx\", or files = [\"…\"] of which one is enough"));
        }
    };
    Ok(Requirement { what, install: install? })
}

fn placeholder(value: &Value<'_>) -> Result<String, Fault> {
    let fits = |name: &str| {
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        is_name && !PLACEHOLDERS.contains(&name)
    };
    let help = "small letters and underscores, and none of port, dir, channel";
    text_that(value, fits, "cannot be a placeholder's name", help)
}

fn command(value: &Value<'_>) -> Result<Vec<String>, Fault> {
    let words = list(text)(value)?;
    if words.first().is_none_or(String::is_empty) {
        return Err(
            Fault::new(value.span(), "a command without a program").help("write command = [\"my-server\"]")
        );
    }
    Ok(words)
}

/// A path goes into a request's first line as it is.
fn path(value: &Value<'_>) -> Result<String, Fault> {
    let fits = |path: &str| path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    let help = "it begins with a slash and has neither spaces nor letters beyond ASCII, such as \"/ws?channel={channel}\"";
    text_that(value, fits, "is not a path", help)
}

/// It ends with a comma in a packet.
fn namespace(value: &Value<'_>) -> Result<String, Fault> {
    let fits = |name: &str| name.starts_with('/') && !name.contains([',', '?']);
    text_that(value, fits, "is not a namespace", "it begins with a slash and has no comma, such as \"/chat\"")
}

fn event(value: &Value<'_>) -> Result<String, Fault> {
    let fits = |event: &str| event.starts_with("[\"") && event.ends_with(']');
    let help = "write its name and arguments as a JSON array, such as '[\"subscribe\",\"{channel}\"]'";
    text_that(value, fits, "is not an event", help)
}

fn field_value(value: &Value<'_>) -> Result<String, Fault> {
    let fits = |field: &str| !field.is_empty() && is_field_value(field);
    text_that(value, fits, "cannot be a header field's value", "it has no letters beyond ASCII")
}

fn is_field_value(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

fn address(value: &Value<'_>) -> Result<SocketAddr, Fault> {
    let found = text(value)?;
    let address: SocketAddr = found.parse().map_err(|_| {
        Fault::new(value.span(), format!("`{found}` is not an address")).help("write \"127.0.0.1:8080\"")
    })?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    // Load goes to this machine alone, regardless of who wrote the file.
    Err(Fault::new(value.span(), format!("{} is not on this machine", address.ip()))
        .help("write a loopback address, such as \"127.0.0.1:8080\""))
}

fn start_limit(value: &Value<'_>) -> Result<u64, Fault> {
    let ns = duration(value)?;
    if (1..=LONGEST_START_NS).contains(&ns) {
        return Ok(ns);
    }
    Err(Fault::new(value.span(), "a server cannot have so long to start").help("write \"10s\"; up to 5min"))
}

fn texts(value: &Value<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let table = table(value, "a table of texts")?;
    table.iter().map(|(key, value)| Ok((key.get_ref().to_string(), text(value)?))).collect()
}

/// Header fields by their names; an empty value is one, too.
fn headers(value: &Value<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let fields = texts(value)?;
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    match fields.iter().find(|(name, value)| !is_name(name) || !is_field_value(value)) {
        None => Ok(fields),
        Some((name, found)) => Err(Fault::new(
            value.span(),
            format!("`{name}: {found}` is not a header field"),
        )
        .help(
            "names are small letters, digits and hyphens, such as te; values have no letters beyond ASCII",
        )),
    }
}

//! The TOML shape of a target into [`Target`].

mod frames;
mod publish;
mod server;
mod values;

use std::borrow::Cow;
use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::frames::{frames, message_frame, refuse_frames};
use self::publish::publish;
use self::server::{ready, server, tls, version};
use self::values::{event, headers, namespace, path, texts};
use super::{Answers, Connected, Needed, PORTS, Publish, Requirement, Resumes, Send, Subscription, Target};
use crate::scenario::error::{Fault, choices};
use crate::scenario::reader::{
    Table, Value, array, count, list, table, text, text_that, unknown_key, word, yes_or_no,
};
use crate::scenario::{ScenarioError, is_name};

/// What placeholders mean without a requirement that names one.
const PLACEHOLDERS: [&str; 8] =
    ["dir", "channel", "technique", "message", "message_json", "variant", "upstream", "upstream_port"];

const CONNECTED: [(&str, Connected); 2] =
    [("answered", Connected::Answered), ("request-sent", Connected::RequestSent)];

impl Target {
    /// Reads a target from `text`. `file` is how messages name it, `name` the target's name, `known` the slugs of all
    /// techniques that a server can be subscribed by.
    /// Fails at the first mistake, with its place and what is allowed.
    pub fn parse(text: &str, file: &str, name: &str, known: &[&str]) -> Result<Self, ScenarioError> {
        let own = |root: &Table<'_>| (publish(root), techniques(root, known), Ok(BTreeMap::new()));
        target(text, name, "a target", own).map_err(|fault| fault.locate(file, text))
    }

    /// Reads a proxy: what passes a server's events on. It has `[fixes]` in the place of `[publish]` and `[techniques]`. Its texts may
    /// have `{upstream}`, the server's address, `{upstream_port}`, and `{variant}`, which of its configurations is meant.
    /// Fails as [`parse`](Self::parse) does.
    pub fn parse_proxy(text: &str, file: &str, name: &str, known: &[&str]) -> Result<Self, ScenarioError> {
        let own = |root: &Table<'_>| (Ok(Publish::own()), Ok(BTreeMap::new()), fixes(root, known));
        target(text, name, "a proxy", own).map_err(|fault| fault.locate(file, text))
    }
}

/// What a file has beside what all have: how to publish, how to subscribe, and a proxy's fixes.
type Own = (
    Result<Publish, Fault>,
    Result<BTreeMap<String, Subscription>, Fault>,
    Result<BTreeMap<String, String>, Fault>,
);

fn target(
    source: &str,
    name: &str,
    file: &'static str,
    own: impl FnOnce(&Table<'_>) -> Own,
) -> Result<Target, Fault> {
    let tree = DeTable::parse(source)?.into_inner();
    let root = Table::root_of(file, &tree);
    let (label, about) = (
        root.required("label", text, "\"My server\""),
        root.required("about", text, "\"what it is, in a line\""),
    );
    let (requires, server, ready) = (requirements(root.value("requires")), server(&root), ready(&root));
    let (version, (publish, techniques, fixes)) = (version(&root), own(&root));
    let server = server?;
    let tls = tls(&root, &server);
    root.finish()?;
    Ok(Target {
        name: file_name(name)?,
        label: label?,
        about: about?,
        requires: requires?,
        server,
        tls: tls?,
        ready: ready?,
        version: version?,
        publish: publish?,
        techniques: techniques?,
        fixes: fixes?,
        text: source.to_owned(),
    })
}

fn fixes(root: &Table<'_>, known: &[&str]) -> Result<BTreeMap<String, String>, Fault> {
    let Some(value) = root.value("fixes") else { return Ok(BTreeMap::new()) };
    let known_technique = |key: &Spanned<Cow<'_, str>>| {
        known
            .contains(&key.get_ref().as_ref())
            .then_some(())
            .ok_or_else(|| unknown_key(key, "[fixes]", known))
    };
    table(value, "a table of settings by technique")?.keys().try_for_each(known_technique)?;
    texts(value)
}

/// A target's name goes into file names, and stands where a technique's could.
fn file_name(name: &str) -> Result<String, Fault> {
    if is_name(name) {
        return Ok(name.to_owned());
    }
    Err(Fault::new(0..0, format!("the file's name, `{name}`, cannot be a target's name"))
        .help("rename the file: up to 40 small letters, digits and hyphens, such as my-server.toml"))
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
        techniques.insert(slug.get_ref().to_string(), subscription(slug.get_ref(), value)?);
    }
    if techniques.is_empty() { Err(none(value.span())) } else { Ok(techniques) }
}

fn subscription(slug: &str, value: &Value<'_>) -> Result<Subscription, Fault> {
    let table = Table::of("a technique of a target", value)?;
    if slug != "websocket" {
        refuse_frames(&table, "only [techniques.websocket] has frames")?;
    }
    let path = table.required("path", path, "\"/ws?channel={channel}\"");
    let defaults = Subscription::at("");
    let mut subscription = Subscription {
        resumes: table.read("resume", resumes)?.unwrap_or(defaults.resumes),
        empty: table.read("empty", count(599))?.map(|status| status as u16),
        answers: table
            .read("answers", word(&[("one", Answers::One), ("all", Answers::All)]))?
            .unwrap_or(defaults.answers),
        connected: table.read("connected", word(&CONNECTED))?.unwrap_or(defaults.connected),
        namespace: table.read("namespace", namespace)?,
        join: table.read("join", event)?,
        newline: table.read("newline", yes_or_no)?.unwrap_or(defaults.newline),
        headers: table.read("headers", headers)?.unwrap_or_default(),
        ..defaults
    };
    subscription.frames = frames(&table, &mut subscription.headers)?;
    subscription.send = message_frame(&table)?.map(Send::Frame);
    table.finish()?;
    subscription.path = path?;
    agree(&subscription, &table)?;
    Ok(subscription)
}

fn resumes(value: &Value<'_>) -> Result<Resumes, Fault> {
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        // A word has its place in this list.
        let words = [Resumes::None, Resumes::Query, Resumes::Validators, Resumes::LastEventId];
        let at = word(&[("none", 0), ("query", 1), ("validators", 2), ("last-event-id", 3)])(value)?;
        return Ok(words[at].clone());
    }
    let table = Table::of("`resume`", value)?;
    let is_pointer = |pointer: &str| pointer.starts_with('/');
    let pointer = |value: &Value<'_>| {
        text_that(value, is_pointer, "is not a JSON pointer", "write resume = { json = \"/next\" }")
    };
    let (header, json) = (table.read("header", text)?, table.read("json", pointer)?);
    table.finish()?;
    match (header, json) {
        (Some(name), None) => Ok(Resumes::Header(name.to_ascii_lowercase())),
        (None, Some(pointer)) => Ok(Resumes::Json(pointer)),
        _ => Err(Fault::new(value.span(), "a cursor comes from a header field or from the body")
            .help("write resume = { header = \"x-next\" } or { json = \"/next\" }")),
    }
}

/// `{after}` and `resume = "query"` need each other, and so do `{cursor}` and where it comes from.
fn agree(subscription: &Subscription, table: &Table<'_>) -> Result<(), Fault> {
    let span = |key| table.value(key).map_or(0..0, Spanned::span);
    match (subscription.resumes.is_cursor(), subscription.path.contains("{cursor}")) {
        (true, false) => {
            return Err(Fault::new(
                span("resume"),
                "it resumes by a cursor, and the path does not say where the cursor goes",
            )
            .help(
                "write {cursor} into the path: it becomes what the last answer named, and nothing at first",
            ));
        }
        (false, true) => {
            return Err(Fault::new(span("path"), "the path says {cursor}, and the technique does not resume by it")
                .help("write resume = { header = \"x-next\" } or { json = \"/next\" }, or take {cursor} out of the path"));
        }
        _ => {}
    }
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
        is_name && !PLACEHOLDERS.contains(&name) && !PORTS.contains(&name)
    };
    let help = format!("small letters and underscores, and none of port, {}", PLACEHOLDERS.join(", "));
    text_that(value, fits, "cannot be a placeholder's name", &help)
}

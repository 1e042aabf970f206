//! What a client writes on a WebSocket: the keys `subprotocols`, `open`, `answer`, and `send` of a publisher.

use std::collections::{BTreeMap, BTreeSet};

use super::values::is_field_value;
use crate::scenario::error::{Fault, choices};
use crate::scenario::reader::{Table, Value, array, list, text, text_that};
use crate::target::{Answer, Frame, Frames, OpenStep, Template};

const SUBPROTOCOL: &str = "sec-websocket-protocol";

/// The frames of a table, whose subprotocols become a header field.
pub(super) fn frames(table: &Table<'_>, headers: &mut BTreeMap<String, String>) -> Result<Frames, Fault> {
    if let Some(offered) = table.read("subprotocols", list(subprotocol))? {
        headers.insert(SUBPROTOCOL.to_owned(), offered.join(", "));
    }
    let frames = Frames {
        open: table.read("open", list(step))?.unwrap_or_default(),
        answer: table.read("answer", list(answer))?.unwrap_or_default(),
    };
    let mut known = BTreeSet::new();
    for (step, value) in frames.open.iter().zip(elements(table, "open")?) {
        refuse_unknown_names(step.send.as_ref(), &known, value)?;
        known.extend(names(step.until.as_ref()));
    }
    for (answer, value) in frames.answer.iter().zip(elements(table, "answer")?) {
        let with_own = known.iter().cloned().chain(names(Some(&answer.to))).collect();
        refuse_unknown_names(Some(&answer.send), &with_own, value)?;
    }
    if let Some(value) = table.value("send").or_else(|| table.value("send_hex")) {
        refuse_unknown_names(frame(table, "send", "send_hex")?.as_ref(), &known, value)?;
    }
    Ok(frames)
}

/// The names in a frame that stand for what earlier answers held.
fn names(frame: Option<&Frame>) -> Vec<String> {
    let template = frame.and_then(|frame| frame.template().ok());
    template.iter().flat_map(Template::names).map(str::to_owned).collect()
}

/// A name that nothing has found would be sent as it is.
fn refuse_unknown_names(
    sent: Option<&Frame>,
    known: &BTreeSet<String>,
    value: &Value<'_>,
) -> Result<(), Fault> {
    let Some(unknown) = names(sent).into_iter().find(|name| !known.contains(name)) else { return Ok(()) };
    let mut all = vec!["channel", "subscriber", "message", "message_json", "message_bytes"];
    all.extend(known.iter().map(String::as_str));
    Err(Fault::new(
        value.span(),
        format!("{{{unknown}}} is neither a placeholder nor a name in an earlier `until`"),
    )
    .help(format!("{}; where braces are meant, put a space behind the first", choices(&unknown, &all))))
}

/// The elements of a list, with their places.
fn elements<'v>(table: &Table<'v>, key: &'static str) -> Result<&'v [Value<'v>], Fault> {
    table.value(key).map_or(Ok(&[][..]), |value| Ok(array(value, "a list")?))
}

/// Where such a key stands that only a WebSocket has.
pub(super) fn refuse_frames(table: &Table<'_>, because: &str) -> Result<(), Fault> {
    let key =
        ["subprotocols", "open", "answer", "send", "send_hex"].into_iter().find_map(|key| table.value(key));
    key.map_or(Ok(()), |value| Err(Fault::new(value.span(), because).help("leave it out")))
}

fn step(value: &Value<'_>) -> Result<OpenStep, Fault> {
    let table = Table::of("a step of `open`", value)?;
    let step =
        OpenStep { send: frame(&table, "send", "send_hex")?, until: frame(&table, "until", "until_hex")? };
    table.finish()?;
    if step.send.is_none() && step.until.is_none() {
        return Err(Fault::new(value.span(), "a step that neither sends nor waits")
            .help("write { send = \"…\", until = \"…\" }, or one of the two"));
    }
    Ok(step)
}

fn answer(value: &Value<'_>) -> Result<Answer, Fault> {
    let table = Table::of("an element of `answer`", value)?;
    let (to, is) = (frame(&table, "to", "to_hex")?, frame(&table, "is", "is_hex")?);
    let send = frame(&table, "send", "send_hex")?;
    table.finish()?;
    let whole = is.is_some();
    match (to.xor(is), send) {
        (Some(to), Some(send)) => Ok(Answer { to, whole, send }),
        _ => Err(Fault::new(value.span(), "an answer needs what it answers, and what it is")
            .help("write { to = \"ping\", send = \"pong\" }, or `is` in place of `to` for a whole frame")),
    }
}

/// The frame by which a message is sent; none where there is no such key.
pub(super) fn message_frame(table: &Table<'_>) -> Result<Option<Frame>, Fault> {
    let Some(frame) = frame(table, "send", "send_hex")? else { return Ok(None) };
    if frame.template().is_ok_and(|template| template.has_message()) {
        return Ok(Some(frame));
    }
    let span = ["send", "send_hex"].into_iter().find_map(|key| table.value(key)).map(toml::Spanned::span);
    Err(Fault::new(span.unwrap_or_default(), "what is sent is without the message")
        .help("write {message} or {message_json} into `send`, or '{message}' into `send_hex`"))
}

/// A frame as a text, or as bytes in hex.
fn frame(table: &Table<'_>, as_text: &'static str, as_hex: &'static str) -> Result<Option<Frame>, Fault> {
    match (table.read(as_text, text)?, table.read(as_hex, hex)?) {
        (Some(_), Some(_)) => {
            Err(Fault::new(table.span(), format!("`{as_text}` and `{as_hex}` are two ways to say one thing"))
                .help("leave one of them out"))
        }
        (text, hex) => Ok(text.map(Frame::Text).or(hex.map(Frame::Hex))),
    }
}

fn hex(value: &Value<'_>) -> Result<String, Fault> {
    let text = text(value)?;
    match Frame::Hex(text.clone()).template() {
        Ok(_) => Ok(text),
        Err(why) => Err(Fault::new(value.span(), format!("cannot be read as bytes: {why}"))
            .help("write pairs of hex digits, 'texts', and lengths such as 2( … ), like \"82 v( 0001 2('c{channel}') 00 )\"")),
    }
}

fn subprotocol(value: &Value<'_>) -> Result<String, Fault> {
    let fits = |name: &str| !name.is_empty() && is_field_value(name) && !name.contains([',', ' ']);
    text_that(value, fits, "is not a subprotocol", "write subprotocols = [\"graphql-transport-ws\"]")
}

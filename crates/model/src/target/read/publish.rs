//! The table `[publish]` of a target file.

use super::frames::{frames, message_frame};
use super::values::{address_by_port, command, headers, is_field_value, path};
use crate::scenario::error::Fault;
use crate::scenario::reader::{Table, Value, count, list, text, text_that, word};
use crate::target::{Publish, PublishCommand, PublishRequest, PublishSocket, Success};

const METHODS: [(&str, &str); 3] = [("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH")];

/// The keys that say how, and what each has beside it.
const WAYS: [(&str, &[&str]); 3] = [
    ("path", &["address", "method", "content_type", "headers", "body", "success"]),
    ("websocket", &["address", "headers", "subprotocols", "open", "answer", "send", "send_hex", "success"]),
    ("command", &[]),
];

pub(super) fn publish(root: &Table<'_>) -> Result<Publish, Fault> {
    let Some(table) = root.section("publish")? else {
        return Err(Fault::new(0..0, "`publish` is missing in a target")
            .help("write [publish] with path = \"/publish?channel={channel}\""));
    };
    let (way, keys) = WAYS.into_iter().rev().find(|(way, _)| table.value(way).is_some()).unwrap_or(WAYS[0]);
    let all = WAYS.iter().flat_map(|(way, keys)| [way].into_iter().chain(*keys));
    let other = all.filter(|key| **key != way && !keys.contains(key)).find_map(|key| table.value(key));
    if let Some(value) = other {
        return Err(Fault::new(value.span(), format!("with `{way}` in [publish], this is not used")).help(
            "events are published by requests (`path`), on a WebSocket (`websocket`) or by a `command`: leave the others out",
        ));
    }
    let publish = match way {
        "command" => table
            .required("command", command, "[\"./publish\"]")
            .map(|command| Publish::Command(PublishCommand { command, channel: "{channel}".to_owned() })),
        "websocket" => socket(&table),
        _ => request(&table),
    };
    table.finish()?;
    publish
}

fn socket(table: &Table<'_>) -> Result<Publish, Fault> {
    let mut headers = table.read("headers", headers)?.unwrap_or_default();
    let frames = frames(table, &mut headers)?;
    let send = message_frame(table)?.ok_or_else(|| table.missing("send", "'{message}'"))?;
    let success = success(table)?;
    if !success.status.is_empty() {
        return Err(Fault::new(table.span(), "a frame has no status")
            .help("write success = { has = \"…\" }, about the frame that answers"));
    }
    Ok(Publish::Socket(PublishSocket {
        address: table.read("address", address_by_port)?,
        path: table.required("websocket", path, "\"/ws\"")?,
        headers,
        frames,
        send,
        has: success.has,
        lacks: success.lacks,
    }))
}

fn request(table: &Table<'_>) -> Result<Publish, Fault> {
    let path = table.required("path", path, "\"/publish?channel={channel}\"");
    let address = table.read("address", address_by_port);
    let method = table.read("method", word(&METHODS));
    let content_type = table.read("content_type", field_value);
    let headers = table.read("headers", headers);
    let (body, success) = (table.read("body", body), success(table));
    Ok(Publish::Request(PublishRequest {
        address: address?,
        method: method?.unwrap_or("POST").to_owned(),
        path: path?,
        content_type: content_type?.unwrap_or_else(|| "application/json".to_owned()),
        headers: headers?.unwrap_or_default(),
        body: body?,
        success: success?,
    }))
}

fn success(table: &Table<'_>) -> Result<Success, Fault> {
    let Some(table) = table.section("success")? else { return Ok(Success::default()) };
    let status = table.read("status", list(status))?.unwrap_or_default();
    let success = Success { status, has: table.read("has", text)?, lacks: table.read("lacks", text)? };
    table.finish()?;
    Ok(success)
}

fn status(value: &Value<'_>) -> Result<u16, Fault> {
    Ok(count(599)(value)? as u16)
}

fn body(value: &Value<'_>) -> Result<String, Fault> {
    let has_message = |body: &str| body.contains("{message}") || body.contains("{message_json}");
    let help = "{message} stands for the message as it is, {message_json} for the message as a JSON string with its quotes";
    let body = text_that(value, has_message, "is a body without the message", help)?;
    let Some(quoted) = ["\"{message}\"", "\"{message_json}\""].into_iter().find(|it| body.contains(it))
    else {
        return Ok(body);
    };
    // A message has quotes of its own.
    Err(Fault::new(value.span(), format!("`{quoted}` is not JSON once the message is in it"))
        .help("write {message_json} without quotes around it"))
}

fn field_value(value: &Value<'_>) -> Result<String, Fault> {
    let fits = |field: &str| !field.is_empty() && is_field_value(field);
    text_that(value, fits, "cannot be a header field's value", "it has no letters beyond ASCII")
}

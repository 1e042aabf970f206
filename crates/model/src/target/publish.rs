//! How an event is published to a target.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Frame, Frames};

/// How an event is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Publish {
    /// By a request each.
    Request(PublishRequest),
    /// By a frame each, on a WebSocket.
    Socket(PublishSocket),
    /// By a line each, `channel TAB message`, to the standard input of a command.
    Command(PublishCommand),
}

/// A request that publishes. Texts may have `{channel}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishRequest {
    /// Where to, an address with a port; none for the server's own.
    #[serde(default)]
    pub address: Option<String>,
    pub method: String,
    pub path: String,
    pub content_type: String,
    /// Header fields beside `host` and `content-type`, or in their place; an empty value leaves one out.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Has `{message}`, the message as it is, or `{message_json}`, the message as a JSON string with its quotes; none when
    /// the body is the message.
    #[serde(default)]
    pub body: Option<String>,
    #[serde(default)]
    pub success: Success,
}

/// A WebSocket on which frames publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishSocket {
    /// Where to, an address with a port; none for the server's own.
    #[serde(default)]
    pub address: Option<String>,
    pub path: String,
    /// Header fields of the handshake beside what RFC 6455 demands.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub frames: Frames,
    /// Has the message in it.
    pub send: Frame,
    /// The server's frame that says that an event was taken has this. Without it, an event counts as handed over when the
    /// socket has taken its frame.
    pub has: Option<String>,
    /// A frame with this says that an event was not taken.
    pub lacks: Option<String>,
}

/// Which answers say that an event was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Success {
    /// These; without any, 200 to 299.
    pub status: Vec<u16>,
    /// The body must contain this.
    pub has: Option<String>,
    /// The body must not contain this.
    pub lacks: Option<String>,
}

/// A command that publishes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishCommand {
    /// Program and arguments.
    pub command: Vec<String>,
    /// What a line begins with.
    pub channel: String,
}

impl Publish {
    /// How pushbench's own servers are published to.
    pub fn own() -> Self {
        Self::Request(PublishRequest::own())
    }

    /// The same with each text as `change` returns it.
    pub fn with(&self, change: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Request(request) => Self::Request(PublishRequest {
                address: request.address.as_deref().map(&change),
                path: change(&request.path),
                headers: request.headers.iter().map(|(name, value)| (name.clone(), change(value))).collect(),
                body: request.body.as_deref().map(&change),
                ..request.clone()
            }),
            Self::Socket(socket) => Self::Socket(PublishSocket {
                address: socket.address.as_deref().map(&change),
                path: change(&socket.path),
                headers: socket.headers.iter().map(|(name, value)| (name.clone(), change(value))).collect(),
                frames: socket.frames.with(&change),
                send: socket.send.with(&change),
                ..socket.clone()
            }),
            Self::Command(PublishCommand { command, channel }) => Self::Command(PublishCommand {
                command: command.iter().map(|word| change(word)).collect(),
                channel: change(channel),
            }),
        }
    }

    /// The path and the header fields of what is published to the server itself; none where that goes elsewhere.
    pub fn at_server(&mut self) -> Option<(&mut String, &mut BTreeMap<String, String>)> {
        match self {
            Self::Request(PublishRequest { address: None, path, headers, .. })
            | Self::Socket(PublishSocket { address: None, path, headers, .. }) => Some((path, headers)),
            _ => None,
        }
    }

    /// What it is for people: `POST /publish`, or the command.
    pub fn shown(&self) -> String {
        match self {
            Self::Request(PublishRequest { address: None, method, path, .. }) => format!("{method} {path}"),
            Self::Request(PublishRequest { address: Some(address), method, path, .. }) => {
                format!("{method} {path} at {address}")
            }
            Self::Socket(PublishSocket { path, .. }) => format!("WebSocket {path}"),
            Self::Command(PublishCommand { command, .. }) => command.join(" "),
        }
    }
}

impl PublishRequest {
    /// How pushbench's own servers are published to.
    pub fn own() -> Self {
        Self {
            address: None,
            method: "POST".to_owned(),
            path: "/messages?channel={channel}".to_owned(),
            content_type: "application/json".to_owned(),
            headers: BTreeMap::new(),
            body: None,
            success: Success::default(),
        }
    }
}

impl Success {
    /// Whether an answer with this status and body says that the event was taken.
    pub fn is_met(&self, status: u16, body: &str) -> bool {
        let is_status =
            if self.status.is_empty() { (200..300).contains(&status) } else { self.status.contains(&status) };
        is_status
            && self.has.as_ref().is_none_or(|text| body.contains(text))
            && self.lacks.as_ref().is_none_or(|text| !body.contains(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_success_by_its_status_and_its_body() {
        let text = |text: &str| Some(text.to_owned());
        let by = |status: &[u16], has, lacks| Success { status: status.to_vec(), has, lacks };
        for (success, status, body, expected) in [
            (by(&[], None, None), 204, "", true),
            (by(&[], None, None), 302, "", false),
            (by(&[202], None, None), 200, "", false),
            (by(&[202, 303], None, None), 303, "", true),
            (by(&[], text("\"ok\":true"), None), 200, "{\"ok\":true}", true),
            (by(&[], text("\"ok\":true"), None), 200, "{\"ok\":false}", false),
            (by(&[], None, text("\"error\"")), 200, "{\"error\":\"no\"}", false),
            (by(&[], None, text("\"error\"")), 200, "{}", true),
        ] {
            assert_eq!(success.is_met(status, body), expected, "{success:?} {status} {body}");
        }
    }
}

//! A target: a server that somebody else wrote, as a TOML file. A [`Target`] that exists can be started, or reached.
//!
//! ```toml
//! label = "nchan"
//! about = "publish and subscribe in nginx"
//! [[requires]]                   # what must be there; without it the target is skipped by name
//! program = "nginx"
//! install = "the Debian package nginx"
//! [[requires]]
//! files = ["/usr/lib/nginx/modules/ngx_nchan_module.so"]   # the first that is there
//! as = "module"                  # what placeholders call it: {module}
//! install = "the Debian package libnginx-mod-nchan"       # {folder} is the file's own folder
//! [tls]                          # the server speaks TLS 1.3; also where `address` begins with https
//! ca = "ca.pem"                  # which authorities may have signed its certificate; or insecure = true: any certificate is taken
//! name = "localhost"             # left out: the host of `address`, or localhost
//! [start]                        # or address = "127.0.0.1:8080" above, for a server that is running already; with a scheme and a
//!                                # prefix of all paths where it has them: "https://localhost:8443/live"
//! command = ["nginx", "-c", "{dir}/nginx.conf"]            # in the file's own folder; it stays in the foreground
//! config = { "nginx.conf" = "nchan/nginx.conf" }           # made in {dir}, a fresh folder, out of templates
//! env = { PORT = "{port}", ADMIN_PORT = "{port2}" }        # {port} to {port9} are free ports, {technique} is the slug
//! folder = "server"              # its working folder; left out: the file's own
//! stop = "TERM"                  # what asks it to end: TERM, INT, QUIT, HUP, KILL
//! [process]                      # with an address; left out: the processes that listen there. What is named is measured
//! pid = 4711                     # together with all processes below it
//! pid_file = "/run/nginx.pid"
//! ports = [8080, 9000]           # the processes that listen there, such as a proxy and the server behind it
//! [ready]                        # left out: as soon as it accepts connections
//! path = "/"                     # as soon as it answers this, whatever the status
//! line = "listening on"          # or: as soon as it has written a line with this, and accepts connections
//! within = "10s"
//! [version]
//! command = ["nginx", "-v"]
//! [publish]
//! address = "127.0.0.1:{port2}"  # left out: the server's own
//! method = "POST"                # POST, PUT, PATCH
//! path = "/publish?channel={channel}"
//! content_type = "application/json"
//! headers = { authorization = "apikey secret" }            # beside host and content-type, or in their place
//! body = '{"channel":"{channel}","data":{message_json}}'   # left out: the message. {message_json} is it as a JSON string
//! success = { status = [200], has = "\"ok\"", lacks = "\"error\"" }   # left out: 200 to 299
//! command = ["./publish", "{port}"]   # instead of all these: it reads lines, channel TAB message
//! websocket = "/ws"              # or: a frame each, on a WebSocket, with `address`, `headers`, `subprotocols`, `open`, `answer`
//! send = '{"publish":"{channel}","data":{message_json}}'   # or send_hex; success = { has = "…" } waits for that answer
//! [techniques.long-polling]
//! path = "/poll?channel={channel}"
//! resume = "validators"          # none, query ({after} in the path), validators, last-event-id; or by {cursor} in the path,
//!                                # that the last answer named: { header = "x-next" }, { json = "/next" } (a JSON pointer)
//! empty = 304                    # left out: 204 and 304 both
//! answers = "one"                # one, all: how many of the waiting messages an answer brings
//! connected = "request-sent"     # answered (left out): the server answers at once; here it does with the first event only
//! newline = true                 # the publisher ends a message with a newline, since the server adds none
//! namespace = "/chat"            # Socket.IO: the one to join; the main one when it is left out
//! join = '["subscribe","{channel}"]'   # Socket.IO: an event to emit then, its name and arguments as JSON
//! headers = { te = "chunked" }   # beside the profile's, or in their place; "" leaves one out
//! subprotocols = ["graphql-transport-ws"]                  # WebSocket: what to offer, the first one first
//! open = [                       # WebSocket: what to send after the handshake, and what to wait for before going on
//!   { send = '{"type":"connection_init"}', until = "connection_ack" },
//!   { send_hex = "82 v( 0001 2('c{channel}') 00 )", until_hex = "90" },   # a binary frame; see `template`
//! ]
//! send = '{"say":{message}}'     # WebSocket: how a subscriber sends; or send_hex. Other techniques publish as [publish] says
//! answer = [                     # WebSocket: what to send whenever that comes: `to` a frame with this, `is` this frame
//!   { to = '"type":"ping"', send = '{"type":"pong"}' },
//!   { is = "2", send = "3" },
//! ]
//! ```

mod address;
mod publish;
mod read;
mod server;
mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use address::Address;
pub use publish::{Publish, PublishCommand, PublishRequest, PublishSocket, Success};
pub use server::{PORTS, Ready, ReadyWhen, Running, Server, Start, StopSignal};
pub use template::{Frame, Template, Values};

/// A server that somebody else wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub name: String,
    pub label: String,
    pub about: String,
    pub server: Server,
    /// None without TLS.
    pub tls: Option<Tls>,
    pub requires: Vec<Requirement>,
    pub ready: Ready,
    /// What tells its version.
    pub version: Option<Vec<String>>,
    pub publish: Publish,
    /// How it is subscribed to, by the technique's slug.
    pub techniques: BTreeMap<String, Subscription>,
    /// Of a proxy: the settings that pass a technique on, by the technique's slug.
    pub fixes: BTreeMap<String, String>,
    /// The file's text.
    pub text: String,
}

/// How a target's certificate is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The server's name in the handshake, for which the certificate must be.
    pub name: String,
    /// A file of authorities' certificates in PEM, relative to the target's folder; none where any certificate is taken.
    pub ca: Option<String>,
}

/// Something that a target needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    pub what: Needed,
    /// What installs it, for people: `the Debian package nginx`.
    pub install: String,
}

/// What is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needed {
    /// A program on the `PATH`.
    Program(String),
    /// One of these files, relative to the target's folder or absolute.
    File {
        /// Where it may be; the first that is there is taken.
        places: Vec<String>,
        /// The placeholder that stands for it.
        placeholder: Option<String>,
    },
}

/// How a technique subscribes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// The request's path, with `{channel}`.
    pub path: String,
    pub resumes: Resumes,
    /// The status of an answer without messages; none when 204 and 304 both are.
    pub empty: Option<u16>,
    pub answers: Answers,
    #[serde(default)]
    pub connected: Connected,
    /// The namespace of Socket.IO; none for the main one.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The event of Socket.IO by which to ask for `{channel}`: a JSON array of its name and arguments.
    #[serde(default)]
    pub join: Option<String>,
    /// Whether the publisher ends a message with a newline.
    pub newline: bool,
    /// Header fields beside the profile's, or in their place; an empty value leaves one out.
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub frames: Frames,
    /// How a subscriber sends a message to its channel; none where it cannot.
    #[serde(default)]
    pub send: Option<Send>,
}

/// How a subscriber sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Send {
    /// By a frame on its WebSocket.
    Frame(Frame),
    /// By the request that publishes.
    Request(PublishRequest),
}

/// What a client writes on a WebSocket that is open, beside events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frames {
    /// In this order, before the client counts as connected.
    pub open: Vec<OpenStep>,
    /// Whenever it is due.
    pub answer: Vec<Answer>,
}

/// A step of [`Frames::open`]: something to send, something to wait for, or both in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenStep {
    pub send: Option<Frame>,
    /// The server's frame has this. A `{name}` in it takes what stands there, for the frames behind it.
    pub until: Option<Frame>,
}

/// What to send when the server's frame has something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub to: Frame,
    /// Whether `to` is all of the frame.
    pub whole: bool,
    pub send: Frame,
}

impl Frames {
    /// The same with each text as `change` returns it.
    #[must_use]
    pub fn with(&self, change: impl Fn(&str) -> String) -> Self {
        let changed = |frame: &Option<Frame>| frame.as_ref().map(|frame| frame.with(&change));
        let step = |step: &OpenStep| OpenStep { send: changed(&step.send), until: changed(&step.until) };
        let answer = |answer: &Answer| Answer {
            to: answer.to.with(&change),
            send: answer.send.with(&change),
            ..answer.clone()
        };
        Self { open: self.open.iter().map(step).collect(), answer: self.answer.iter().map(answer).collect() }
    }
}

/// How a subscriber says what it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resumes {
    /// Not at all: what is published while it is not there is lost, or comes again.
    None,
    /// By `{after}` in the path: the last sequence number that it has.
    Query,
    /// By `if-modified-since` and `if-none-match`, with what the last answer's `last-modified` and `etag` said.
    Validators,
    /// By `last-event-id` (WHATWG HTML §9.2), with the last event's id.
    LastEventId,
    /// By `{cursor}` in the path: what this header field of the last answer said; nothing at first.
    Header(String),
    /// The same by a JSON pointer into the last answer's body (RFC 6901).
    Json(String),
}

impl Resumes {
    /// Whether the path has `{cursor}`.
    pub fn is_cursor(&self) -> bool {
        matches!(self, Self::Header(_) | Self::Json(_))
    }
}

/// What an answer to a poll brings of what waits there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answers {
    /// The oldest message; who wants the next one asks at once.
    One,
    /// Everything.
    All,
}

impl Subscription {
    /// The same with each text that asks for a channel as `change` returns it.
    #[must_use]
    pub fn with(&self, change: impl Fn(&str) -> String) -> Self {
        Self {
            path: change(&self.path),
            join: self.join.as_deref().map(&change),
            frames: self.frames.with(&change),
            send: match &self.send {
                Some(Send::Frame(frame)) => Some(Send::Frame(frame.with(&change))),
                other => other.clone(),
            },
            ..self.clone()
        }
    }

    /// Asks at this path; all else is left out.
    pub fn at(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            resumes: Resumes::None,
            empty: None,
            answers: Answers::All,
            connected: Connected::Answered,
            namespace: None,
            join: None,
            newline: false,
            headers: BTreeMap::new(),
            frames: Frames::default(),
            send: None,
        }
    }
}

/// When a subscriber is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Connected {
    /// With the head of the server's answer.
    #[default]
    Answered,
    /// When its request is on its way: the server sends the head with the first event only.
    RequestSent,
}

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
//! [start]                        # or address = "127.0.0.1:8080" above, for a server that is running already
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
//! [techniques.long-polling]
//! path = "/poll?channel={channel}"
//! resume = "validators"          # none, query ({after} in the path), validators, last-event-id
//! empty = 304                    # left out: 204 and 304 both
//! answers = "one"                # one, all: how many of the waiting messages an answer brings
//! connected = "request-sent"     # answered (left out): the server answers at once; here it does with the first event only
//! newline = true                 # the publisher ends a message with a newline, since the server adds none
//! namespace = "/chat"            # Socket.IO: the one to join; the main one when it is left out
//! join = '["subscribe","{channel}"]'   # Socket.IO: an event to emit then, its name and arguments as JSON
//! headers = { te = "chunked" }   # beside the profile's, or in their place; "" leaves one out
//! ```

mod publish;
mod read;
mod server;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use publish::{Publish, PublishCommand, PublishRequest, Success};
pub use server::{PORTS, Ready, ReadyWhen, Running, Server, Start, StopSignal};

/// A server that somebody else wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub name: String,
    pub label: String,
    pub about: String,
    pub server: Server,
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
}

/// How a subscriber says what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

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
//! [ready]                        # left out: as soon as it accepts connections
//! path = "/"                     # as soon as it answers this, whatever the status
//! within = "10s"
//! [version]
//! command = ["nginx", "-v"]
//! [publish]
//! method = "POST"
//! path = "/publish?channel={channel}"
//! content_type = "application/json"
//! rejected_if = '"error"'        # an answer whose body holds this text has not taken the message, whatever its status
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

mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

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
    /// The file's text.
    pub text: String,
}

/// How a target comes about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// It is started for each trial, and ended behind it.
    Started {
        /// Program and arguments, with placeholders.
        command: Vec<String>,
        /// Files that are made in `{dir}`, and their templates in the target's folder.
        config: BTreeMap<String, String>,
    },
    /// It runs already, and what it costs cannot be read here.
    Running(SocketAddr),
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

/// How a target is known to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// It answers a request for this path; none when accepting a connection is enough.
    pub path: Option<String>,
    /// So long it may take.
    pub within_ns: u64,
}

/// How an event is published: a request each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    pub method: String,
    /// Its path, with `{channel}`.
    pub path: String,
    pub content_type: String,
    /// An answer whose body holds this text has not taken the message, whatever its status; none where the status decides.
    #[serde(default)]
    pub rejected_if: Option<String>,
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

impl Publish {
    /// How pushbench's own servers are published to.
    pub fn own() -> Self {
        Self {
            method: "POST".to_owned(),
            path: "/messages?channel={channel}".to_owned(),
            content_type: "application/json".to_owned(),
            rejected_if: None,
        }
    }
}

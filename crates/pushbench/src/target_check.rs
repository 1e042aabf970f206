//! `pushbench target check`: one subscriber by each technique of a target, three events, and what came of them.
//!
//! The load generator is the real one, so what works here works in a run. It meets the server through a [`relay`], which
//! records the bytes; [`exchange`] reads them, and [`mod@verdict`] names the cause of a failure.

mod exchange;
mod relay;
mod verdict;

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use model::settings::{Pace, Publisher, Settings};
use model::target::Publish;
use model::trial::{ServerSpec, TrialOutcome, TrialSpec};
use tempfile::TempDir;

use self::exchange::{Exchange, Head, Part, Recognised, exchanges};
use self::relay::{Connection, Relay};
use self::verdict::{EVENTS, Post, Seen, Verdict, verdict};
use crate::supervisor::process::{OnDrop, Process};
use crate::targets::TargetServer;
use crate::targets::ready::TargetReady;
use crate::targets::supervisor;

/// What a technique may take once its server is ready.
const LIMIT: Duration = Duration::from_secs(2);
/// What a server's supervisor may take beyond the time that the target has.
const READY: Duration = Duration::from_secs(5);
const PARTS_SHOWN: usize = 8;
const CHARACTERS_SHOWN: usize = 100;
const MS: u64 = 1_000_000;

/// What is shown of a technique.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) text: String,
    pub(crate) works: bool,
}

/// A target that is checked.
#[derive(Debug)]
pub(crate) struct Check<'a> {
    server: &'a TargetServer,
    program: PathBuf,
    dir: TempDir,
}

impl<'a> Check<'a> {
    /// Fails when something that the target needs is missing.
    pub(crate) fn new(server: &'a TargetServer) -> anyhow::Result<Self> {
        server.required_files().map_err(|missing| anyhow!(missing))?;
        Ok(Self {
            server,
            program: std::env::current_exe().context("find the path of this program")?,
            dir: tempfile::tempdir().context("make a folder for the target's configuration")?,
        })
    }

    /// Starts the server as a run does, subscribes by `technique`, publishes, and ends the server.
    /// Fails when the server does not get ready, with the reason, or cannot be reached.
    pub(crate) async fn technique(&self, technique: &str) -> anyhow::Result<Checked> {
        let begin = Instant::now();
        let dir = self.dir.path().join(technique);
        let arguments = supervisor::arguments(self.server, technique, &dir, &[]);
        let mut process = Process::start_with("server", &self.program, arguments, OnDrop::EndLifeline)?;
        let within = Duration::from_nanos(self.server.target.ready.within_ns);
        let line = process.read_line(within + READY).await?;
        let ready: TargetReady = serde_json::from_str(&line).context("read the ready line")?;
        let ready_after = begin.elapsed();
        let seen = self.see(technique, ready).await?;
        process.end().await;
        let verdict = verdict(&seen);
        let text = shown(&seen, ready_after, &verdict);
        Ok(Checked { text, works: matches!(verdict, Verdict::Works(_)) })
    }

    async fn see(&self, technique: &str, mut ready: TargetReady) -> anyhow::Result<Seen> {
        let (address, publish) = (ready.line.address, ready.publish.clone());
        let subscribers = Relay::start(address).context("start a relay")?;
        let is_readable = self.server.target.tls.is_none();
        // With TLS, publishers connect as subscribers do: only the server itself is trusted.
        let (through, publisher) =
            if is_readable { relayed(&publish, address)? } else { (publish.clone(), None) };
        ready.publish = through;
        let seed = 1;
        let spec = TrialSpec {
            target: self.server.spec(technique, seed, &ready)?,
            seed,
            ..TrialSpec::new(technique, ServerSpec::at(subscribers.address), settings())
        };
        let outcome = tokio::time::timeout(LIMIT, self.load(&spec)).await.ok().transpose()?;
        // What is encrypted cannot be shown.
        let readable = |relay: &Relay| if is_readable { relay.recorded() } else { Vec::new() };
        let recorded = publisher.as_ref().map(readable).unwrap_or_default();
        Ok(Seen {
            technique: technique.to_owned(),
            open: self
                .server
                .target
                .techniques
                .get(technique)
                .map(|it| it.frames.open.clone())
                .unwrap_or_default(),
            publish,
            outcome,
            subscriptions: readable(&subscribers).iter().flat_map(exchanges).collect(),
            posts: recorded.iter().flat_map(posts).collect(),
        })
    }

    /// What the load generator finds, or why it fails.
    async fn load(&self, spec: &TrialSpec) -> anyhow::Result<Result<TrialOutcome, String>> {
        let mut load = Process::start("load generator", &self.program, ["load"])?;
        load.write_line(&serde_json::to_string(spec).context("encode the trial's spec")?).await?;
        match load.output(LIMIT).await {
            Ok(text) => Ok(Ok(serde_json::from_str(&text).context("read the load generator's outcome")?)),
            Err(error) => {
                let error = error.to_string();
                let reason = error.split_once("caused by: ").map_or(&*error, |(_, reason)| reason);
                Ok(Err(reason.replace(" | caused by: ", ": ")))
            }
        }
    }
}

fn settings() -> Settings {
    let mut settings = Settings { publisher: Publisher::Post, ..Settings::default() };
    settings.events.rate_per_s = 10.0;
    settings.events.pace = Pace::Constant;
    settings.events.payload_bytes = 40;
    settings.short_polling.interval_ns = 50 * MS;
    settings.phases.warm_up_ns = 0;
    settings.phases.window_ns = EVENTS * 100 * MS;
    settings.phases.drain_ns = 500 * MS;
    settings
}

/// The same way to publish through a relay, where it is by requests.
fn relayed(publish: &Publish, server: SocketAddr) -> anyhow::Result<(Publish, Option<Relay>)> {
    let mut publish = publish.clone();
    let named = match &mut publish {
        Publish::Request(request) => &mut request.address,
        Publish::Socket(socket) => &mut socket.address,
        Publish::Command(_) => return Ok((publish, None)),
    };
    let address = match named {
        None => server,
        Some(text) => text.parse().with_context(|| format!("`{text}` is not an address to publish at"))?,
    };
    TcpStream::connect(address).with_context(|| {
        format!("nothing listens at {address}, where events are published: correct `address` of [publish]")
    })?;
    let relay = Relay::start(address).context("start a relay")?;
    *named = Some(relay.address.to_string());
    // Only requests are answered one by one.
    let relay = matches!(publish, Publish::Request(_)).then_some(relay);
    Ok((publish, relay))
}

/// The publish calls of a connection: each is answered before the next one.
fn posts(connection: &Connection) -> Vec<Post> {
    let all = exchanges(connection);
    let mut times = Vec::new();
    for pair in connection.0.chunk_by(|a, b| a.from_server == b.from_server) {
        times.push(pair[0].at);
    }
    let took = |nth: usize| {
        let sent = times.get(2 * nth)?;
        Some(times.get(2 * nth + 1).map_or_else(|| sent.elapsed(), |answered| *answered - *sent))
    };
    let post = |(nth, exchange): (usize, &Exchange)| Post {
        status: exchange.response.as_ref().map_or(0, Head::status),
        text: exchange.parts.first().map(|part| part.shown(CHARACTERS_SHOWN)).unwrap_or_default(),
        location: exchange.response.as_ref().and_then(|head| Some(head.field("location")?.to_owned())),
        took: took(nth).unwrap_or_default(),
    };
    all.iter().enumerate().map(post).collect()
}

/// What every browser sends, which says nothing of the target.
const USUAL: [&str; 9] = [
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "host",
    "origin",
    "pragma",
    "referer",
    "user-agent",
];

fn shown(seen: &Seen, ready_after: Duration, verdict: &Verdict) -> String {
    let mut text = format!("{} (server ready after {:.2} s)\n", seen.technique, ready_after.as_secs_f64());
    let mut parts_left = PARTS_SHOWN;
    let mut statuses = Vec::new();
    for exchange in &seen.subscriptions {
        let status = exchange.response.as_ref().map(Head::status);
        if !statuses.contains(&status) {
            statuses.push(status);
            put_head(&mut text, '→', &exchange.request);
            match &exchange.response {
                Some(response) => put_head(&mut text, '←', response),
                None => text.push_str("  ← nothing yet\n"),
            }
        }
        for part in exchange.parts.iter().take(parts_left) {
            put_part(&mut text, part);
        }
        parts_left = parts_left.saturating_sub(exchange.parts.len());
    }
    // Writing to a String does not fail.
    let _ = match &seen.publish {
        Publish::Command(_) | Publish::Socket(_) => writeln!(text, "  published by {}", seen.publish.shown()),
        Publish::Request(_) => {
            let posts = seen.posts.iter().map(|post| match post.status {
                0 => "no answer".to_owned(),
                status => format!("{status} after {:.1} ms", post.took.as_secs_f64() * 1e3),
            });
            let answers: Vec<_> = posts.collect();
            let answers = if answers.is_empty() { "not asked".to_owned() } else { answers.join(", ") };
            writeln!(text, "  {}: {answers}", seen.publish.shown())
        }
    };
    let _ = match verdict {
        Verdict::Works(None) => writeln!(text, "  works: {EVENTS} of {EVENTS} events"),
        Verdict::Works(Some(advice)) => writeln!(text, "  works: {EVENTS} of {EVENTS} events, {advice}"),
        Verdict::Fails(cause) => writeln!(text, "  FAILS: {cause}"),
    };
    text
}

fn put_head(text: &mut String, direction: char, head: &Head) {
    let _ = writeln!(text, "  {direction} {}", head.first);
    let is_usual =
        |name: &str| USUAL.contains(&name) || name.starts_with("sec-fetch") || name.starts_with("sec-ch");
    for (name, value) in head.fields.iter().filter(|(name, _)| direction == '←' || !is_usual(name)) {
        let _ = writeln!(text, "      {name}: {value}");
    }
}

fn put_part(text: &mut String, part: &Part) {
    let recognised = match part.recognised() {
        Recognised::Message(seq) => format!("event {seq}"),
        Recognised::Wrapped(seq) => format!("event {seq} within more"),
        Recognised::Altered(seq) => format!("event {seq}, changed"),
        Recognised::Nothing => "no event".to_owned(),
    };
    let length = part.bytes.len();
    let _ = writeln!(text, "  ← {}, {length} B, {recognised}: {}", part.what, part.shown(CHARACTERS_SHOWN));
}

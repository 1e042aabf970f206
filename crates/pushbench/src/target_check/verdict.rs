//! What a check has seen of a technique, as a verdict: the cause and the remedy in one sentence.

use std::collections::BTreeMap;
use std::time::Duration;

use model::target::{OpenStep, Publish, Values};
use model::trial::TrialOutcome;

use super::exchange::{Exchange, Recognised};

/// Events that a check publishes.
pub(super) const EVENTS: u64 = 3;
/// A publish call that takes longer limits the rate of a scenario.
const SLOW: Duration = Duration::from_millis(20);

/// What was seen of a technique.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) technique: String,
    /// What the subscriber sends and waits for on a WebSocket that is open.
    pub(super) open: Vec<OpenStep>,
    pub(super) publish: Publish,
    /// What the load generator found, or why it failed; none when it did not end in time.
    pub(super) outcome: Option<Result<TrialOutcome, String>>,
    pub(super) subscriptions: Vec<Exchange>,
    pub(super) posts: Vec<Post>,
}

/// A publish call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Post {
    /// 0 as long as there is no answer.
    pub(super) status: u16,
    /// The start of the answer's body.
    pub(super) text: String,
    /// Where else the server wants the event.
    pub(super) location: Option<String>,
    pub(super) took: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// With what to know all the same.
    Works(Option<String>),
    Fails(String),
}

type Rule = fn(&Seen) -> Option<String>;

/// From what explains the most.
const RULES: [Rule; 10] = [
    post_not_taken,
    post_unanswered,
    not_subscribed,
    not_opened,
    no_head,
    compressed,
    wrong_type,
    not_as_posted,
    nothing_arrived,
    some_arrived,
];

pub(super) fn verdict(seen: &Seen) -> Verdict {
    if let Some(Ok(outcome)) = &seen.outcome
        && (outcome.counts.delivered, outcome.counts.lost, outcome.counts.duplicate) == (EVENTS, 0, 0)
    {
        return Verdict::Works(slow(seen));
    }
    let cause = RULES.iter().find_map(|rule| rule(seen));
    Verdict::Fails(cause.unwrap_or_else(|| match &seen.outcome {
        Some(Err(reason)) => reason.clone(),
        Some(Ok(outcome)) => format!(
            "{} events of {EVENTS} came and {} came twice: send each event once, to everybody in its channel",
            outcome.counts.delivered, outcome.counts.duplicate
        ),
        None => "the load generator did not end in time: look at the server's log".to_owned(),
    }))
}

/// What to do about a status, by the first row that has it.
type Remedies = [(std::ops::RangeInclusive<u16>, &'static str)];

const OF_POSTS: &Remedies = &[
    (300..=399, "write the path that its `location` names into `path` of [publish]"),
    (401..=403, "give it what it asks for: headers = { authorization = \"…\" } in [publish]"),
    (404..=404, "correct `path` of [publish]"),
    (405..=405, "correct `method` of [publish]"),
    (415..=415, "set `content_type` of [publish]"),
    (400..=499, "send it what it expects: `body` and `content_type` of [publish]"),
    (
        200..=299,
        "by `success` of [publish] that is a failure; send what the server asks for, or correct `success`",
    ),
    (0..=999, "look at the server's log"),
];

const OF_SUBSCRIPTIONS: &Remedies = &[
    (200..=299, "correct `path`: what answers there is no WebSocket"),
    (300..=399, "write the path that its `location` names into `path`"),
    (401..=403, "give it what it asks for: headers = { authorization = \"…\" } or { cookie = \"…\" }"),
    (404..=404, "correct `path`"),
    (406..=406, "set what it sends: headers = { accept = \"…\" }"),
    (426..=426, "the path is a WebSocket's: move it to [techniques.websocket]"),
    (400..=499, "correct `path` and `headers`"),
    (0..=999, "look at the server's log"),
];

fn remedy(remedies: &Remedies, status: u16) -> &'static str {
    remedies.iter().find(|(range, _)| range.contains(&status)).map_or("", |(_, remedy)| remedy)
}

fn post_not_taken(seen: &Seen) -> Option<String> {
    let Publish::Request(request) = &seen.publish else { return None };
    let is_taken = |post: &&Post| post.status == 0 || request.success.is_met(post.status, &post.text);
    let post = seen.posts.iter().find(|post| !is_taken(post))?;
    Some(format!(
        "the server answered {}{} to {}: {}",
        post.status,
        quoted(post.location.as_deref(), &post.text),
        seen.publish.shown(),
        remedy(OF_POSTS, post.status)
    ))
}

/// What an answer says beside its status, in brackets.
fn quoted(location: Option<&str>, body: &str) -> String {
    match (location, body) {
        (Some(location), _) => format!(" (location: {location})"),
        (None, "") => String::new(),
        (None, body) => format!(" ({body})"),
    }
}

fn post_unanswered(seen: &Seen) -> Option<String> {
    let post = seen.posts.iter().find(|post| post.status == 0)?;
    Some(format!(
        "the server did not answer {} within {:.1} s: have it answer as soon as it has taken the event",
        seen.publish.shown(),
        post.took.as_secs_f64()
    ))
}

fn not_subscribed(seen: &Seen) -> Option<String> {
    let is_accepted = |status| match &*seen.technique {
        "websocket" => status == 101,
        _ => matches!(status, 101 | 200 | 204 | 304),
    };
    let (exchange, response) = seen
        .subscriptions
        .iter()
        .filter_map(|exchange| Some((exchange, exchange.response.as_ref()?)))
        .find(|(_, response)| !is_accepted(response.status()))?;
    let body = exchange.parts.first().map(|part| part.shown(80)).unwrap_or_default();
    Some(format!(
        "the server answered {}{} to {}: {}",
        response.status(),
        quoted(response.field("location"), &body),
        exchange.request.first.trim_end_matches(" HTTP/1.1"),
        remedy(OF_SUBSCRIPTIONS, response.status())
    ))
}

/// What `open` waits for and the server has not sent.
fn not_opened(seen: &Seen) -> Option<String> {
    let exchange = seen.subscriptions.last().filter(|exchange| exchange.response.is_some())?;
    let (mut frames, mut found) = (exchange.parts.iter(), BTreeMap::new());
    for until in seen.open.iter().filter_map(|step| step.until.as_ref()?.template().ok()) {
        let values = Values { channel: 0, subscriber: 0, message: b"", found: &found };
        let more = frames.find_map(|frame| until.find(&frame.bytes, &values));
        let Some(more) = more else {
            let mut awaited = Vec::new();
            until.append(&values, &mut awaited);
            let last = exchange.parts.last().map_or_else(|| "nothing".to_owned(), |part| part.shown(80));
            return Some(format!(
                "`until` in `open` waits for {}, and the last that the server sent is {last}: correct `open` of [techniques.{}]",
                String::from_utf8_lossy(&awaited).escape_debug(),
                seen.technique
            ));
        };
        found.extend(more);
    }
    None
}

/// Without a subscriber, nothing is published.
fn no_head(seen: &Seen) -> Option<String> {
    let waiting = seen.subscriptions.last().filter(|exchange| exchange.response.is_none())?;
    seen.posts.is_empty().then(|| {
        format!(
            "the server takes {} and sends no head: have it send the head at once (flush it), before the first event, or set connected = \"request-sent\"",
            waiting.request.first.trim_end_matches(" HTTP/1.1")
        )
    })
}

fn compressed(seen: &Seen) -> Option<String> {
    let responses = seen.subscriptions.iter().filter_map(|exchange| exchange.response.as_ref());
    let coding = responses.filter_map(|response| response.field("content-encoding")).next()?;
    Some(format!(
        "the server compresses ({coding}), and targets are measured without: set headers = {{ accept-encoding = \"\" }}"
    ))
}

fn wrong_type(seen: &Seen) -> Option<String> {
    const TYPE: &str = "text/event-stream";
    let response = seen.subscriptions.first()?.response.as_ref()?;
    let found = response.field("content-type").unwrap_or("none");
    (seen.technique == "http-streaming-sse" && !found.starts_with(TYPE)).then(|| {
        format!(
            "the stream's content type is {found}: send {TYPE}, without which no browser reads its events"
        )
    })
}

fn recognised(seen: &Seen) -> impl Iterator<Item = Recognised> {
    seen.subscriptions.iter().flat_map(|exchange| &exchange.parts).map(super::exchange::Part::recognised)
}

fn not_as_posted(seen: &Seen) -> Option<String> {
    recognised(seen).find_map(|found| match found {
        Recognised::Altered(seq) => {
            Some(format!("event {seq} arrives changed: send on the bytes as they were posted"))
        }
        _ => None,
    })
}

fn nothing_arrived(seen: &Seen) -> Option<String> {
    let is_silent = recognised(seen).all(|found| found == Recognised::Nothing);
    let is_published = !seen.posts.is_empty() || !matches!(seen.publish, Publish::Request(_));
    let first =
        seen.subscriptions.iter().flat_map(|exchange| &exchange.parts).find(|part| !part.bytes.is_empty());
    let instead = first.map(|part| format!(", only {}", part.shown(80))).unwrap_or_default();
    (is_silent && is_published).then(|| {
        format!(
            "the events were taken and none arrived{instead}: compare the channel in `path` of [techniques.{}] with that in [publish], and have it send events as text, not in another coding",
            seen.technique
        )
    })
}

fn some_arrived(seen: &Seen) -> Option<String> {
    let Some(Ok(outcome)) = &seen.outcome else { return None };
    (outcome.counts.delivered < EVENTS).then(|| {
        format!(
            "{} of {EVENTS} events arrived: send everything that is published from the handshake's answer on",
            outcome.counts.delivered
        )
    })
}

fn slow(seen: &Seen) -> Option<String> {
    let mut all: Vec<_> = seen.posts.iter().map(|post| post.took).collect();
    all.sort_unstable();
    // The first one may warm something up.
    let median = all.get(all.len() / 2).copied().filter(|took| *took > SLOW)?;
    Some(format!(
        "but a publish call takes {:.0} ms, so one connection publishes at most {:.0} events/s: answer sooner, or set publisher_in_flight in the scenario",
        median.as_secs_f64() * 1e3,
        1.0 / median.as_secs_f64()
    ))
}

#[cfg(test)]
mod tests;

//! A trial before its first event: the publisher and every subscriber are connected.

use std::path::Path;
use std::sync::Arc;

use schema::settings::{Publisher as By, Settings};
use schema::target::Publish;
use schema::trial::TrialSpec;
use tokio::sync::mpsc;

use super::audience::Audience;
use super::edge::Watched;
use super::running::Running;
use super::stall::Staller;
use super::{CONNECT_LIMIT, Gathered, LOOK_NS, Outgoing, TrialError};
use crate::feed_link::FeedLink;
use crate::hiccup::Hiccups;
use crate::os;
use crate::post_link::PostLink;
use crate::publisher::{self, Link, Numbering, Publisher, PublisherSpec};
use crate::roster::Roster;
use crate::timing::Timing;

/// A trial whose subscribers are connected, or, as [`prepare`](Self::prepare) leaves it, could connect now.
#[derive(Debug)]
pub(super) struct Connected<'a> {
    spec: &'a TrialSpec,
    settings: Arc<Settings>,
    roster: Roster,
    link: Link,
    outgoing: Vec<mpsc::UnboundedSender<u64>>,
    load: Box<dyn Audience>,
}

impl<'a> Connected<'a> {
    /// Connects the publisher, and lets the load threads fetch what their subscribers need in order to connect.
    pub(super) fn prepare(
        spec: &'a TrialSpec,
        gather: impl FnOnce(&TrialSpec, Roster, Outgoing) -> Gathered,
    ) -> Result<Self, TrialError> {
        let settings = Arc::new(spec.settings.clone());
        let link = connect_publisher(spec)?;
        let roster = Roster::new(&settings.subscribers, spec.load_cores.len());
        let (outgoing, queues) = outgoing_queues(&settings);
        let load = gather(spec, roster, queues)?;
        let mut connected = Self { spec, settings, roster, link, outgoing, load };
        connected.wait_until(|load| load.prepared().0 >= load.prepared().1)?;
        Ok(connected)
    }

    /// Connects all subscribers.
    pub(super) fn connect(mut self) -> Result<Self, TrialError> {
        self.load.connect();
        let all = u64::from(self.roster.subscribers());
        self.wait_until(|load| load.connected() >= all)?;
        Ok(self)
    }

    /// Fixes the phases and starts what measures in them.
    pub(super) fn start(self, timing: Timing) -> Result<Running<'a>, TrialError> {
        let Self { spec, settings, roster, link, outgoing, load } = self;
        load.open(timing);
        let watch = |core| Hiccups::watch(core, timing.window()).map_err(TrialError::Thread);
        let hiccups_load = watch(spec.load_cores.first().copied())?;
        let hiccups_server = spec.server_cores.first().map(|&core| watch(Some(core))).transpose()?;
        let stall = spec.settings.stall.as_ref().zip(spec.server_pid);
        let stall = stall.map(|(stall, pid)| Staller::start(pid, stall, timing.window_start_ns));
        let stall = stall.transpose()?;
        let publisher = PublisherSpec { link, settings, seed: spec.seed, timing, roster, outgoing };
        let publisher = Publisher::start(publisher).map_err(TrialError::Publisher)?;
        Ok(Running { spec, timing, roster, stall, publisher, load, hiccups_load, hiccups_server })
    }

    /// Waits until it is `done`, as long as nothing goes wrong.
    fn wait_until(&mut self, done: impl Fn(&dyn Audience) -> bool) -> Result<(), TrialError> {
        let begin_ns = os::now_ns();
        let limit_ns = begin_ns + CONNECT_LIMIT.as_nanos() as u64;
        while !done(&*self.load) {
            Watched::of(self.spec).check()?;
            if self.load.has_given_up() {
                return Err(self.load.finish().err().unwrap_or(TrialError::Panicked));
            }
            let now_ns = os::now_ns();
            if now_ns >= limit_ns || self.load.is_hopeless() {
                return Err(self.too_few(now_ns - begin_ns));
            }
            os::sleep_until_ns(limit_ns.min(now_ns + LOOK_NS));
        }
        Ok(())
    }

    fn too_few(&self, waited_ns: u64) -> TrialError {
        TrialError::Connect {
            connected: self.load.connected(),
            subscribers: self.roster.subscribers(),
            seconds: waited_ns / 1_000_000_000,
            trouble: self.load.trouble().unwrap_or_else(|| "the server does not answer".to_owned()),
        }
    }
}

fn connect_publisher(spec: &TrialSpec) -> Result<Link, TrialError> {
    match (spec.settings.publisher, &spec.feed) {
        (By::Post, _) => connect_post(spec),
        (By::Feed, Some(path)) => connect_feed(&spec.settings, path),
        (By::Feed, None) => Err(TrialError::NoFeed),
    }
}

fn connect_feed(settings: &Settings, path: &str) -> Result<Link, TrialError> {
    let (sent, most) = (publisher::message_bytes(settings), publisher::uplink_message_bytes(settings));
    let feed = FeedLink::connect(Path::new(path), sent, most);
    feed.map(Link::Feed).map_err(|source| TrialError::Feed { path: path.to_owned(), source })
}

fn connect_post(spec: &TrialSpec) -> Result<Link, TrialError> {
    let (publish, numbering, newline) = match &spec.target {
        None => (Publish::own(), Numbering::Server, false),
        Some(target) => (target.publish.clone(), Numbering::Publisher, target.subscription.newline),
    };
    let address = spec.address;
    let link = PostLink::connect(address, publish).map_err(|source| TrialError::Post { address, source })?;
    Ok(Link::Post { link, numbering, newline })
}

/// A queue for each subscriber, if they send.
fn outgoing_queues(settings: &Settings) -> (Vec<mpsc::UnboundedSender<u64>>, Outgoing) {
    let senders = if settings.uplink.is_some() { settings.subscribers.count } else { 0 };
    (0..senders).map(|_| mpsc::unbounded_channel()).unzip()
}

//! A trial before its first event: the publisher and every subscriber are connected.

use std::path::Path;
use std::sync::Arc;

use model::settings::{Publisher as By, Settings};
use model::target::Publish;
use model::trial::{ServerSpec, TrialSpec};
use tokio::sync::mpsc;

use super::error::TrialError;
use super::outcome::Connecting;
use super::restart::Restarter;
use super::running::Running;
use super::subscriber_driver::{Gathered, Outgoing, SubscriberDriver};
use super::subscriber_driver::{LOOK_NS, connect_limit};
use super::window_sample::Watched;
use crate::assignment::Assignment;
use crate::faults::Staller;
use crate::publisher::feed_connection::FeedConnection;
use crate::publisher::post_connection::PostConnection;
use crate::publisher::{self, Link, Numbering, Publisher, PublisherSpec};
use crate::schedule::Timing;
use crate::scheduling_delay::SchedulingDelays;

/// A trial whose subscribers are connected, or, as [`prepare`](Self::prepare) leaves it, could connect now.
#[derive(Debug)]
pub(super) struct Connected<'a> {
    spec: &'a TrialSpec,
    settings: Arc<Settings>,
    assignment: Assignment,
    link: Link,
    outgoing: Vec<mpsc::UnboundedSender<u64>>,
    load: Box<dyn SubscriberDriver>,
    connecting: Connecting,
}

impl<'a> Connected<'a> {
    /// Connects the publisher, and lets the load threads fetch what their subscribers need in order to connect.
    pub(super) fn prepare(
        spec: &'a TrialSpec,
        gather: impl FnOnce(&TrialSpec, Assignment, Outgoing) -> Gathered,
    ) -> Result<Self, TrialError> {
        let settings = Arc::new(spec.settings.clone());
        let link = connect_publisher(spec)?;
        let assignment = Assignment::of_trial(spec);
        let (outgoing, queues) = outgoing_queues(&settings);
        let load = gather(spec, assignment, queues)?;
        let connecting = Connecting::default();
        let mut connected = Self { spec, settings, assignment, link, outgoing, load, connecting };
        connected.wait_until(|load| load.prepared().0 >= load.prepared().1)?;
        Ok(connected)
    }

    /// Connects all subscribers.
    pub(super) fn connect(mut self) -> Result<Self, TrialError> {
        self.connecting.allowed_ns = os::now_ns();
        self.load.connect();
        let all = u64::from(self.assignment.subscribers());
        self.wait_until(|load| load.connected() >= all)?;
        self.connecting.seen_ns = os::now_ns();
        Ok(self)
    }

    /// Fixes the phases and starts what measures in them.
    pub(super) fn start(self, timing: Timing) -> Result<Running<'a>, TrialError> {
        let Self { spec, settings, assignment, link, outgoing, load, connecting } = self;
        load.open(timing);
        let watch = |core| SchedulingDelays::watch(core, timing.window()).map_err(TrialError::Thread);
        let scheduling_delays_load = watch(spec.load_cores.first().copied())?;
        // Where others compute on that core, that a thread wakes late there is what they are for.
        let watched = spec.server_cores.first().filter(|_| spec.settings.processes.cpu_contention == 0);
        let scheduling_delays_server = watched.map(|&core| watch(Some(core))).transpose()?;
        let stall = spec.settings.stall.as_ref().zip(spec.server.pid);
        let stall = stall.map(|(stall, pid)| Staller::start(pid, stall, timing.window_start_ns));
        let stall = stall.transpose().map_err(TrialError::Thread)?;
        let (link, restart) = restart(spec, link, &*load, timing)?;
        let publisher = PublisherSpec { link, settings, seed: spec.seed, timing, assignment, outgoing };
        let publisher = Publisher::start(publisher).map_err(TrialError::Publisher)?;
        Ok(Running {
            spec,
            connecting,
            timing,
            assignment,
            stall,
            restart,
            publisher,
            load,
            scheduling_delays_load,
            scheduling_delays_server,
        })
    }

    /// Waits until it is `done`, as long as nothing goes wrong.
    fn wait_until(&mut self, done: impl Fn(&dyn SubscriberDriver) -> bool) -> Result<(), TrialError> {
        let begin_ns = os::now_ns();
        let limit_ns = begin_ns + connect_limit(&self.settings).as_nanos() as u64;
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
            subscribers: self.assignment.subscribers(),
            seconds: waited_ns / 1_000_000_000,
            last_error: self.load.last_error().unwrap_or_else(|| "the server does not answer".to_owned()),
        }
    }
}

/// Arranges the restart of the server, if the settings ask for one and the subscribers support it; the feed is then logged.
fn restart(
    spec: &TrialSpec,
    link: Link,
    load: &dyn SubscriberDriver,
    timing: Timing,
) -> Result<(Link, Option<Restarter>), TrialError> {
    let (Some(restart), Some(server_restart)) = (&spec.settings.restart, load.server_restart()) else {
        return Ok((link, None));
    };
    let (link, successor) = link.make_replayable(Arc::clone(&server_restart)).map_err(TrialError::Thread)?;
    let successor = successor.ok_or(TrialError::NotRestartable)?;
    let restarter = Restarter::start(spec, restart, timing.window_start_ns, server_restart, successor)?;
    Ok((link, Some(restarter)))
}

fn connect_publisher(spec: &TrialSpec) -> Result<Link, TrialError> {
    match spec.settings.publisher {
        By::Post => connect_post(spec),
        By::Feed => {
            let feeds = spec.servers().map(|server| connect_feed(&spec.settings, server));
            Ok(Link::Feed(feeds.collect::<Result<_, _>>()?))
        }
    }
}

fn connect_feed(settings: &Settings, server: &ServerSpec) -> Result<FeedConnection, TrialError> {
    let path = server.feed.as_ref().ok_or(TrialError::NoFeed)?;
    let (sent, most) = (publisher::message_bytes(settings), publisher::uplink_message_bytes(settings));
    let feed = FeedConnection::connect(Path::new(path), sent, most);
    feed.map_err(|source| TrialError::Feed { path: path.clone(), source })
}

fn connect_post(spec: &TrialSpec) -> Result<Link, TrialError> {
    let (publish, numbering, newline) = match &spec.target {
        None => (Publish::own(), Numbering::Server, false),
        Some(target) => (target.publish.clone(), Numbering::Publisher, target.subscription.newline),
    };
    let address = spec.server.address;
    let connections = (0..spec.settings.publisher_in_flight)
        .map(|_| PostConnection::connect(address, publish.clone()))
        .collect::<Result<_, _>>()
        .map_err(|source| TrialError::Post { address, source })?;
    Ok(Link::Post { connections, numbering, newline })
}

/// A queue for each subscriber, if they send.
fn outgoing_queues(settings: &Settings) -> (Vec<mpsc::UnboundedSender<u64>>, Outgoing) {
    let senders = if settings.uplink.is_some() { settings.subscribers.count } else { 0 };
    (0..senders).map(|_| mpsc::unbounded_channel()).unzip()
}

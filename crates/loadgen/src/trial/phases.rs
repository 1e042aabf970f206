//! A trial from its first connection to its end.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use hdrhistogram::Histogram;
use model::settings::{Publisher as By, Settings, Uplink, UplinkTo};
use model::target::Publish;
use model::trial::{CoreSpeed, Failure, ServerSpec, TrialOutcome, TrialSpec};
use tokio::sync::mpsc;

use super::error::TrialError;
use super::load_report::DriverProgress;
use super::outcome::{Connecting, Findings};
use super::restart::{Restarter, ServerProcess};
use super::subscriber_driver::{Gathered, LOOK_NS, Outgoing, SubscriberDriver, connect_limit};
use super::window_sample::{HeldResources, Watched, WindowSample, cost};
use crate::assignment::Assignment;
use crate::core_watch::{self, CoreWatch};
use crate::faults::Staller;
use crate::numbering::Numbering;
use crate::publisher::command_pipe::CommandPipe;
use crate::publisher::feed_connection::{FeedConnection, FeedError};
use crate::publisher::post_connection::{PostConnection, PostError};
use crate::publisher::socket_connection::{SocketConnection, SocketError};
use crate::publisher::{self, Caller, Link, Publisher, PublisherError, PublisherSpec};
use crate::recorder::histogram;
use crate::schedule::Timing;
use crate::transport::Trust;

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
        connected.wait_until(|progress| progress.prepared >= progress.threads)?;
        Ok(connected)
    }

    pub(super) fn connect(mut self) -> Result<Self, TrialError> {
        self.connecting.allowed_ns = os::now_ns();
        self.load.connect();
        let all = u64::from(self.assignment.subscribers());
        self.wait_until(|progress| progress.connected >= all)?;
        self.connecting.seen_ns = os::now_ns();
        Ok(self)
    }

    /// Fixes the phases and starts what measures in them.
    pub(super) fn start(self, timing: Timing) -> Result<Running<'a>, TrialError> {
        let Self { spec, settings, assignment, link, outgoing, load, connecting } = self;
        load.open(timing);
        let delays = |core| core_watch::scheduling_delays(core, timing.window()).map_err(TrialError::Thread);
        let scheduling_delays_load = delays(spec.load_cores.first().copied())?;
        // Where others compute on that core, that a thread wakes late there is what they are for.
        let watched = spec.server_cores.first().filter(|_| spec.settings.processes.cpu_contention == 0);
        let scheduling_delays_server = watched.map(|&core| delays(Some(core))).transpose()?;
        let speed =
            |&core: &u32| core_watch::core_speed(Some(core), timing.window()).map_err(TrialError::Thread);
        let server_core_speed = watched.map(speed).transpose()?;
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
            server_core_speed,
        })
    }

    /// Waits until it is `done`, as long as nothing goes wrong.
    fn wait_until(&mut self, done: impl Fn(&DriverProgress) -> bool) -> Result<(), TrialError> {
        let begin_ns = os::now_ns();
        let limit_ns = begin_ns + connect_limit(&self.settings).as_nanos() as u64;
        while !done(&self.load.progress()) {
            Watched::of(self.spec).check()?;
            if self.load.has_given_up() {
                return Err(self.load.finish().err().unwrap_or(TrialError::Panicked));
            }
            let now_ns = os::now_ns();
            if now_ns >= limit_ns || self.load.progress().is_hopeless {
                return Err(self.too_few(now_ns - begin_ns));
            }
            os::sleep_until_ns(limit_ns.min(now_ns + LOOK_NS));
        }
        Ok(())
    }

    fn too_few(&self, waited_ns: u64) -> TrialError {
        let progress = self.load.progress();
        TrialError::Connect {
            connected: progress.connected,
            subscribers: self.assignment.subscribers(),
            seconds: waited_ns / 1_000_000_000,
            last_error: progress.last_error.unwrap_or_else(|| silence(self.spec.target.is_some()).to_owned()),
        }
    }
}

/// Why nothing may come although nothing goes wrong.
fn silence(is_target: bool) -> &'static str {
    match is_target {
        false => Failure::SILENCE,
        true => {
            "the server does not answer; if it sends the head of a stream with the first event only, write connected = \
             \"request-sent\" for the technique in the target file"
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
    feed.map_err(|source| TrialError::Feed(path.clone(), source))
}

fn connect_post(spec: &TrialSpec) -> Result<Link, TrialError> {
    let (publish, numbering, newline) = match &spec.target {
        None => (Publish::own(), Numbering::Server, false),
        Some(target) => (target.publish.clone(), Numbering::Publisher, target.subscription.newline),
    };
    let (is_answered, connections) = match &publish {
        Publish::Request(request) => {
            let (address, trust) = publish_address(spec, request.address.as_ref())?;
            (
                true,
                connections(spec, || PostConnection::connect(address, request.clone(), trust.clone()))
                    .map_err(|source| TrialError::Post(address, source))?,
            )
        }
        Publish::Socket(socket) => {
            let (address, trust) = publish_address(spec, socket.address.as_ref())?;
            (
                socket.has.is_some(),
                connections(spec, || SocketConnection::connect(address, socket, trust.as_ref()))
                    .map_err(|error| TrialError::Publisher(error.into()))?,
            )
        }
        Publish::Command(command) => {
            let pipe = CommandPipe::start(command);
            return pipe.map(Link::Command).map_err(TrialError::PublishCommand);
        }
    };
    Ok(Link::Post { connections, is_answered, numbering, newline })
}

/// Where to publish, and what to trust there if TLS is spoken: at the server itself alone.
fn publish_address(
    spec: &TrialSpec,
    named: Option<&String>,
) -> Result<(SocketAddr, Option<Trust>), TrialError> {
    let tls = spec.target.as_ref().and_then(|target| target.tls.as_ref());
    match named {
        None => Ok((spec.server.address, tls.map(Trust::of_target).transpose()?)),
        Some(text) => Ok((text.parse().map_err(|_| TrialError::PublishAddress(text.clone()))?, None)),
    }
}

fn connections<C: Caller + 'static, E>(
    spec: &TrialSpec,
    connect: impl Fn() -> Result<C, E>,
) -> Result<Vec<Box<dyn Caller>>, E> {
    (0..spec.settings.publisher_in_flight).map(|_| Ok(Box::new(connect()?) as Box<dyn Caller>)).collect()
}

/// A queue for each subscriber, if they send.
fn outgoing_queues(settings: &Settings) -> (Vec<mpsc::UnboundedSender<u64>>, Outgoing) {
    let senders = if settings.uplink.is_some() { settings.subscribers.count } else { 0 };
    (0..senders).map(|_| mpsc::unbounded_channel()).unzip()
}

/// A feed that was closed and a process that has ended are two moments, in this order.
const END_LIMIT_NS: u64 = 500_000_000;

/// A trial under way. What must end first stands first.
#[derive(Debug)]
pub(super) struct Running<'a> {
    pub(super) stall: Option<Staller>,
    pub(super) restart: Option<Restarter>,
    pub(super) publisher: Publisher,
    pub(super) load: Box<dyn SubscriberDriver>,
    pub(super) scheduling_delays_load: CoreWatch<Histogram<u64>>,
    pub(super) scheduling_delays_server: Option<CoreWatch<Histogram<u64>>>,
    pub(super) server_core_speed: Option<CoreWatch<CoreSpeed>>,
    pub(super) spec: &'a TrialSpec,
    pub(super) connecting: Connecting,
    pub(super) timing: Timing,
    pub(super) assignment: Assignment,
}

impl Running<'_> {
    /// Waits for both edges of the window, and reads the costs there.
    pub(super) fn pass_window(&mut self) -> Result<[WindowSample; 2], TrialError> {
        self.wait(self.timing.window_start_ns, |_| false)?;
        let load = self.load.processes();
        let first = WindowSample::now(Watched::of(self.spec), &load)?;
        self.wait(self.timing.window_end_ns, |_| false)?;
        // Asked once: it may be killed just now.
        let server = self.server();
        let second = WindowSample::now(self.watched(server), &load)?;
        let ended = self.restart.as_ref().and_then(|restart| restart.old(server));
        let second = match ended {
            Some(ended) => second.with_ended(ended),
            None => second,
        };
        Ok([first, second])
    }

    fn server(&self) -> ServerProcess {
        self.restart.as_ref().map_or(ServerProcess::First, Restarter::server)
    }

    fn watched(&self, server: ServerProcess) -> Watched<'_> {
        match server {
            ServerProcess::First => Watched::of(self.spec),
            ServerProcess::Gone => Watched::after_restart(self.spec, None),
            ServerProcess::Second(pid) => Watched::after_restart(self.spec, Some(pid)),
        }
    }

    /// Waits until everything has arrived, at most until the drain's end.
    pub(super) fn drain(&mut self) -> Result<(), TrialError> {
        self.wait(self.timing.drain_end_ns, Self::has_all)
    }

    /// Ends everything and puts together what was found.
    pub(super) fn close(
        self,
        held: &HeldResources,
        edges: &[WindowSample; 2],
    ) -> Result<TrialOutcome, TrialError> {
        let down_ns = self.restart.as_ref().map(Restarter::down_ns);
        let Self {
            spec,
            assignment,
            connecting,
            stall,
            mut publisher,
            mut load,
            scheduling_delays_load,
            scheduling_delays_server,
            server_core_speed,
            ..
        } = self;
        drop(stall);
        let published = publisher.finish().map_err(TrialError::Publisher)?;
        let reports = load.finish()?;
        let progress = load.progress();
        let server_core_speed = server_core_speed.and_then(CoreWatch::finish);
        let mut cost = cost(held, &edges[0], &edges[1]);
        // That thread belongs to this process and receives nothing.
        cost.load_cpu_ns = cost.load_cpu_ns.saturating_sub(server_core_speed.map_or(0, |speed| speed.cpu_ns));
        let findings = Findings {
            cost,
            set_up_cpu_ns: held.set_up_cpu_ns(),
            connecting,
            cores: cores(spec, &assignment),
            published,
            reports,
            down_ns,
            tcp_grown_bytes: edges[1].tcp_grown_bytes(&edges[0]),
            reconnects: progress.reconnects,
            last_error: progress.last_error,
            scheduling_delays_load: scheduling_delays_load.finish().unwrap_or_else(histogram::empty),
            scheduling_delays_server: scheduling_delays_server.and_then(CoreWatch::finish),
            server_core_speed,
        };
        findings.into_outcome(spec)
    }

    fn has_all(&self) -> bool {
        let progress = self.publisher.progress();
        let delivered =
            progress.expected().is_some_and(|expected| self.load.progress().delivered >= expected);
        delivered && (!self.application_is_sent_to() || progress.uplink_outstanding() == 0)
    }

    fn application_is_sent_to(&self) -> bool {
        matches!(self.spec.settings.uplink, Some(Uplink { to: UplinkTo::Application, .. }))
    }

    /// Waits until `deadline_ns` or until it is `done`, as long as nothing goes wrong.
    fn wait(&mut self, deadline_ns: u64, done: fn(&Self) -> bool) -> Result<(), TrialError> {
        while !done(self) {
            self.check()?;
            let now_ns = os::now_ns();
            if now_ns >= deadline_ns {
                return Ok(());
            }
            os::sleep_until_ns(deadline_ns.min(now_ns + LOOK_NS));
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), TrialError> {
        if self.load.has_given_up() {
            self.load.finish()?;
        }
        if self.publisher.has_given_up() {
            return Err(self.why_publisher_gave_up());
        }
        self.restart.as_ref().map_or(Ok(()), Restarter::check)
    }

    /// Reports a server that has ended as that, and not as a feed that was closed.
    fn why_publisher_gave_up(&mut self) -> TrialError {
        let error = self.publisher.finish().err().unwrap_or(PublisherError::Panicked);
        let closed = matches!(
            error,
            PublisherError::Feed(FeedError::Closed)
                | PublisherError::Post(PostError::Closed | PostError::Broken(_))
                | PublisherError::Socket(SocketError::Closed)
        );
        let ended = if closed { self.server_ends() } else { None };
        ended.unwrap_or(TrialError::Publisher(error))
    }

    fn server_ends(&self) -> Option<TrialError> {
        let (server, limit_ns) = (self.watched(self.server()), os::now_ns() + END_LIMIT_NS);
        while os::now_ns() < limit_ns {
            if let Err(ended) = server.check() {
                return Some(ended);
            }
            os::sleep_until_ns(os::now_ns() + LOOK_NS);
        }
        None
    }
}

/// Cores that the load threads have; where nothing is pinned, each thread may have one.
fn cores(spec: &TrialSpec, assignment: &Assignment) -> u32 {
    let fixed = u32::try_from(spec.load_cores.len()).unwrap_or(u32::MAX);
    if fixed == 0 { assignment.threads() } else { fixed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_for_a_targets_silence_names_the_key_for_late_heads() {
        assert!(silence(true).contains("connected = \"request-sent\""));
        assert_eq!(silence(false), Failure::SILENCE);
    }
}

//! A trial from its first event to its end.

use model::settings::{Uplink, UplinkTo};
use model::trial::{TrialOutcome, TrialSpec};

use super::error::TrialError;
use super::outcome::{Connecting, Findings};
use super::restart::{Restarter, ServerProcess};
use super::subscriber_driver::LOOK_NS;
use super::subscriber_driver::SubscriberDriver;
use super::window_sample::{HeldResources, Watched, WindowSample, cost};
use crate::assignment::Assignment;
use crate::faults::Staller;
use crate::publisher::feed_connection::FeedError;
use crate::publisher::post_connection::PostError;
use crate::publisher::{Publisher, PublisherError};
use crate::schedule::Timing;
use crate::scheduling_delay::SchedulingDelays;

/// A feed that was closed and a process that has ended are two moments, in this order.
const END_LIMIT_NS: u64 = 500_000_000;

/// A trial under way. What must end first stands first.
#[derive(Debug)]
pub(super) struct Running<'a> {
    pub(super) stall: Option<Staller>,
    pub(super) restart: Option<Restarter>,
    pub(super) publisher: Publisher,
    pub(super) load: Box<dyn SubscriberDriver>,
    pub(super) scheduling_delays_load: SchedulingDelays,
    pub(super) scheduling_delays_server: Option<SchedulingDelays>,
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
        Ok([first, ended.map_or(second, |ended| second.with_ended(ended))])
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
            ..
        } = self;
        drop(stall);
        let published = publisher.finish().map_err(TrialError::Publisher)?;
        let reports = load.finish()?;
        let findings = Findings {
            cost: cost(held, &edges[0], &edges[1]),
            set_up_cpu_ns: held.set_up_cpu_ns(),
            connecting,
            cores: cores(spec, &assignment),
            published,
            reports,
            down_ns,
            tcp_grown_bytes: edges[1].tcp_grown_bytes(&edges[0]),
            reconnects: load.reconnects(),
            last_error: load.last_error(),
            scheduling_delays_load: scheduling_delays_load.finish(),
            scheduling_delays_server: scheduling_delays_server.map(SchedulingDelays::finish),
        };
        findings.into_outcome(spec)
    }

    fn has_all(&self) -> bool {
        let progress = self.publisher.progress();
        let delivered = progress.expected().is_some_and(|expected| self.load.delivered() >= expected);
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

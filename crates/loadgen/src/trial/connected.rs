//! A trial before its first event: the feed and every subscriber are connected.

use std::path::Path;
use std::sync::Arc;

use schema::settings::Settings;
use schema::trial::TrialSpec;
use tokio::sync::mpsc;

use super::load::{Load, LoadSpec};
use super::running::Running;
use super::stall::Staller;
use super::{CONNECT_LIMIT, LOOK_NS, Subscribe, TrialError};
use crate::feed_link::FeedLink;
use crate::hiccup::Hiccups;
use crate::os;
use crate::publisher::{self, Publisher, PublisherSpec};
use crate::roster::Roster;
use crate::timing::Timing;
use crate::transport::{Trust, TrustError};

/// A trial whose subscribers are connected, or, as [`prepare`](Self::prepare) leaves it, could connect now.
#[derive(Debug)]
pub(super) struct Connected<'a> {
    spec: &'a TrialSpec,
    settings: Arc<Settings>,
    roster: Roster,
    feed: FeedLink,
    outgoing: Vec<mpsc::UnboundedSender<u64>>,
    load: Load,
}

impl<'a> Connected<'a> {
    /// Connects to the feed, and lets the load threads fetch what their subscribers need in order to connect.
    pub(super) fn prepare(spec: &'a TrialSpec, subscribe: Subscribe) -> Result<Self, TrialError> {
        let settings = Arc::new(spec.settings.clone());
        let trust = trust(spec)?;
        let feed = connect_feed(spec)?;
        let roster = Roster::new(&settings.subscribers, spec.load_cores.len());
        let (outgoing, queues) = outgoing_queues(&settings);
        let load = Load::start(LoadSpec {
            address: spec.address,
            trust,
            settings: Arc::clone(&settings),
            seed: spec.seed,
            cores: spec.load_cores.clone(),
            roster,
            subscribe,
            outgoing: queues,
        })?;
        let mut connected = Self { spec, settings, roster, feed, outgoing, load };
        connected.await_count(Load::prepared, roster.threads())?;
        Ok(connected)
    }

    /// Connects all subscribers.
    pub(super) fn connect(mut self) -> Result<Self, TrialError> {
        self.load.connect();
        self.await_count(Load::connected, self.roster.subscribers())?;
        Ok(self)
    }

    /// Fixes the phases and starts what measures in them.
    pub(super) fn start(self, timing: Timing) -> Result<Running<'a>, TrialError> {
        let Self { spec, settings, roster, feed, outgoing, load } = self;
        load.open(timing);
        let watch = |core| Hiccups::watch(core, timing.window()).map_err(TrialError::Thread);
        let hiccups_load = watch(spec.load_cores.first().copied())?;
        let hiccups_server = spec.server_cores.first().map(|&core| watch(Some(core))).transpose()?;
        let stall = spec.settings.stall.as_ref();
        let stall = stall.map(|stall| Staller::start(spec.server_pid, stall, timing.window_start_ns));
        let stall = stall.transpose()?;
        let publisher = PublisherSpec { feed, settings, seed: spec.seed, timing, roster, outgoing };
        let publisher = Publisher::start(publisher).map_err(TrialError::Publisher)?;
        Ok(Running { spec, timing, roster, stall, publisher, load, hiccups_load, hiccups_server })
    }

    /// Waits until `count` has reached `all`, as long as nothing goes wrong.
    fn await_count(&mut self, count: fn(&Load) -> u64, all: u32) -> Result<(), TrialError> {
        let begin_ns = os::now_ns();
        let limit_ns = begin_ns + CONNECT_LIMIT.as_nanos() as u64;
        while count(&self.load) < u64::from(all) {
            if os::has_ended(self.spec.server_pid) {
                return Err(TrialError::ServerEnded { pid: self.spec.server_pid });
            }
            if self.load.has_given_up() {
                return Err(self.load.finish().err().unwrap_or(TrialError::Panicked));
            }
            let now_ns = os::now_ns();
            if now_ns >= limit_ns || self.load.trouble().is_hopeless() {
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
            trouble: self.load.trouble().last().unwrap_or_else(|| "the server does not answer".to_owned()),
        }
    }
}

/// Whom to trust, if TLS is spoken.
fn trust(spec: &TrialSpec) -> Result<Option<Trust>, TrustError> {
    if !spec.settings.transport.tls {
        return Ok(None);
    }
    let certificate = spec.certificate.as_ref().ok_or(TrustError::Missing)?;
    Ok(Some(Trust::from_base64(certificate)?))
}

fn connect_feed(spec: &TrialSpec) -> Result<FeedLink, TrialError> {
    let (sent, most) =
        (publisher::message_bytes(&spec.settings), publisher::uplink_message_bytes(&spec.settings));
    let feed = FeedLink::connect(Path::new(&spec.feed), sent, most);
    feed.map_err(|source| TrialError::Feed { path: spec.feed.clone(), source })
}

/// A queue for each subscriber, if they send.
fn outgoing_queues(
    settings: &Settings,
) -> (Vec<mpsc::UnboundedSender<u64>>, Vec<mpsc::UnboundedReceiver<u64>>) {
    let senders = if settings.uplink.is_some() { settings.subscribers.count } else { 0 };
    (0..senders).map(|_| mpsc::unbounded_channel()).unzip()
}

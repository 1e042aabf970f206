//! How long a trial, or a search, will take.

use model::scenario::Search;
use model::settings::{Counter, Settings, ShortPolling, SocketIo, SocketIoTransports};

use super::Trial;
use crate::browsers::client::browser_of;
use crate::search;

/// What the start of a server, or of a proxy, that somebody else wrote takes. Measured: 60 ms for nginx, 300 ms for Node.
const TARGET_NS: u64 = 200_000_000;

/// What a trial takes beyond its phases: two processes and the drain. Measured with few subscribers: 0.11 to 0.15 s.
const AROUND_NS: u64 = 150_000_000;

/// What each connection takes until all are there, both sides on a core of their own. Measured: 100 to 150 µs.
const CONNECTION_NS: u64 = 120_000;

/// What TLS adds to that. Measured, with eight connections: 0.34 ms of the server's CPU, while the client checks the one before.
const TLS_NS: u64 = 400_000;

/// What Socket.IO adds that begins with polls. Measured, with eight: 1.2 ms of the server's CPU, where a WebSocket takes 0.34.
const POLLS_FIRST_NS: u64 = 400_000;

/// Valgrind's start and end. Measured: 0.9 s.
const CALLGRIND_NS: u64 = 1_000_000_000;

/// How long all who were thrown out need to be back, beyond the window. Attempts that the listener's queue could not hold are
/// tried again by the kernel after 1 and 3 s.
const STORM_NS: u64 = 4_000_000_000;

/// A browser's start and end, and the comparison of clocks. Measured: 2 s for Chromium, 4 s for Firefox.
const BROWSER_NS: u64 = 3_000_000_000;

impl Trial<'_> {
    /// How long it will take, in nanoseconds; a search with all of its trials.
    pub(crate) fn expected_ns(&self) -> u64 {
        match &self.point.search {
            None => self.one_ns(),
            Some(terms) => self.search_ns(terms),
        }
    }

    fn search_ns(&self, terms: &Search) -> u64 {
        let (trials, failing) = search::expected_trials(terms, self.planned.repetition);
        let overloads: f64 = terms.then.iter().map(|share| (share - 1.0).max(0.0)).sum();
        (trials + terms.then.len() as u64) * self.one_ns()
            // Rates that fail lie between what passes and twice that.
            + failing * self.overload_ns(0.5)
            + self.overload_ns(overloads)
    }

    /// How long the queue lasts beyond the window that an overload leaves, given as what is offered ÷ what can be had, less 1.
    fn overload_ns(&self, overload: f64) -> u64 {
        let phases = &self.point.settings.phases;
        let queued_ns = (phases.warm_up_ns + phases.window_ns) as f64 * overload;
        queued_ns.min(phases.drain_ns as f64 * overload.max(1.0)) as u64
    }

    fn one_ns(&self) -> u64 {
        let phases = &self.point.settings.phases;
        let browser_ns = browser_of(self.point.settings.client).map_or(0, |_| BROWSER_NS);
        let others = [self.planned.target.is_some(), self.point.settings.through.is_some()];
        let target_ns = others.map(|is_started| if is_started { TARGET_NS } else { 0 }).iter().sum::<u64>();
        let storm_ns = self.point.settings.restart.as_ref().map_or(0, |_| STORM_NS);
        let around_ns = AROUND_NS + browser_ns + target_ns + self.connecting_ns();
        let but_window_ns = around_ns + phases.warm_up_ns + self.last_wait_ns() + storm_ns;
        // A counted one is run with half of its window before.
        match self.point.settings.counted {
            None => but_window_ns + phases.window_ns,
            Some(Counter::SystemCalls) => 2 * but_window_ns + phases.window_ns / 2 * 3,
            Some(Counter::Instructions) => 2 * (but_window_ns + CALLGRIND_NS) + phases.window_ns / 2 * 3,
        }
    }

    fn connecting_ns(&self) -> u64 {
        let Settings { subscribers, transport, socketio, .. } = &self.point.settings;
        let is_socketio = self.planned.technique == SocketIo::TECHNIQUE;
        let polls_first = is_socketio && socketio.transports != SocketIoTransports::Websocket;
        let tls_ns = if transport.tls { TLS_NS } else { 0 };
        let polls_ns = if polls_first { POLLS_FIRST_NS } else { 0 };
        u64::from(subscribers.count) * (CONNECTION_NS + tls_ns + polls_ns)
    }

    /// How long the window's last events wait for a poll: the mean of one wait, or of the longest of so many.
    fn last_wait_ns(&self) -> u64 {
        if self.planned.technique != ShortPolling::TECHNIQUE {
            return 0;
        }
        let Settings { short_polling, subscribers, .. } = &self.point.settings;
        let count = u64::from(subscribers.count);
        short_polling.interval_ns / (count + 1) * count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::plan::{Choice, Plan};

    fn plan(body: &str) -> Plan {
        let slugs = ["short-polling", "websocket", "socketio"];
        let scenario = fixture::scenario(&slugs, &format!("subscribers.count = 9\nrepetitions = 2\n{body}"));
        Plan::new(&[scenario], &Choice { techniques: &slugs, seed: 7, ..Choice::default() })
    }

    fn expected_ns(plan: &Plan, slug: &str, repetition: u32) -> u64 {
        let is =
            |trial: &Trial<'_>| trial.planned.technique == slug && trial.planned.repetition == repetition;
        plan.trials().find(is).unwrap().expected_ns()
    }

    #[test]
    fn short_polling_waits_for_its_last_polls() {
        let plan = plan("events.rate = \"1/s\"");
        let longer_ns = expected_ns(&plan, "short-polling", 0) - expected_ns(&plan, "websocket", 0);
        assert_eq!(longer_ns, 900_000_000, "the longest of nine waits of up to a second");
    }

    #[test]
    fn connections_take_time_and_more_over_tls_or_by_polls_first() {
        let ns = |body: &str| expected_ns(&plan(&format!("events.rate = \"1/s\"\n{body}")), "websocket", 0);
        let (few, many) = (ns(""), ns("transport.tls = true"));
        assert_eq!(few, 3_000_000_000 + AROUND_NS + 9 * CONNECTION_NS);
        assert_eq!(many, few + 9 * TLS_NS);
        let by = |way: &str| plan(&format!("events.rate = \"1/s\"\nsocketio.transports = \"{way}\""));
        let ns = |way: &str| expected_ns(&by(way), "socketio", 0);
        assert_eq!((ns("websocket"), ns("upgrade")), (few, few + 9 * POLLS_FIRST_NS));
    }

    #[test]
    fn a_counted_trial_runs_twice_and_a_restart_keeps_everybody_for_a_while() {
        let ns = |body: &str| expected_ns(&plan(&format!("events.rate = \"1/s\"\n{body}")), "websocket", 0);
        let counted_ns = 2 * ns("") - 1_000_000_000;
        assert_eq!(ns("counted = \"system-calls\""), counted_ns, "half of the window before");
        assert_eq!(ns("counted = \"instructions\""), counted_ns + 2 * CALLGRIND_NS);
        assert_eq!(ns("restart.at = \"1s\""), ns("") + STORM_NS);
    }

    #[test]
    fn a_search_takes_the_time_of_its_trials_and_the_first_more_than_the_later_ones() {
        let one_ns = 3_150_000_000 + 9 * CONNECTION_NS;
        let plain = plan("bound.p99 = \"9ms\"\nsearch.from = \"8/s\"");
        let (first, later) = (expected_ns(&plain, "websocket", 0), expected_ns(&plain, "websocket", 1));
        assert!(first > 10 * one_ns && later < first, "{first} {later}");
        let loaded = plan("bound.p99 = \"9ms\"\nsearch = { from = \"8/s\", then = [\"50%\", \"150%\"] }");
        let queue_ns = 1_500_000_000;
        assert_eq!(expected_ns(&loaded, "websocket", 0), first + 2 * one_ns + queue_ns);
    }
}

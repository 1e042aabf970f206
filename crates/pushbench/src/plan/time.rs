//! How long a trial, or a search, will take.

use schema::scenario::Search;
use schema::settings::{Settings, ShortPolling};

use super::Trial;
use crate::pages::browser_of;
use crate::search;

/// What the start of a server that somebody else wrote takes. Measured: 60 ms for nginx, 300 ms for Node.
const TARGET_NS: u64 = 200_000_000;

/// What a trial takes beyond its phases: two processes, the connections, and the drain. Measured: 0.1 to 0.2 s.
const AROUND_NS: u64 = 150_000_000;

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
        let target_ns = self.planned.target.as_ref().map_or(0, |_| TARGET_NS);
        phases.warm_up_ns + phases.window_ns + self.last_wait_ns() + AROUND_NS + browser_ns + target_ns
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
    use schema::scenario::{Extent, Scenario};

    use super::*;
    use crate::plan::{Choice, Plan};

    fn plan(body: &str) -> Plan {
        let text =
            format!("question = \"?\"\nreading = \"!\"\nsubscribers.count = 9\nrepetitions = 2\n{body}");
        let slugs = ["short-polling", "websocket"];
        let scenario = Scenario::parse(&text, "x.toml", "x", &slugs, Extent::Full);
        let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
        Plan::new(&[scenario], &Choice { techniques: &slugs, targets: &[], repetitions: None, seed: 7 })
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
    fn a_search_takes_the_time_of_its_trials_and_the_first_more_than_the_later_ones() {
        let one_ns = 3_150_000_000;
        let plain = plan("bound.p99 = \"9ms\"\nsearch.from = \"8/s\"");
        let (first, later) = (expected_ns(&plain, "websocket", 0), expected_ns(&plain, "websocket", 1));
        assert!(first > 8 * one_ns && later < first, "{first} {later}");
        let loaded = plan("bound.p99 = \"9ms\"\nsearch = { from = \"8/s\", then = [\"50%\", \"150%\"] }");
        let queue_ns = 1_500_000_000;
        assert_eq!(expected_ns(&loaded, "websocket", 0), first + 2 * one_ns + queue_ns);
    }
}

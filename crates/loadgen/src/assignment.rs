//! Which subscriber reads which channel, at which server process, and on which load thread of which load worker.

use std::ops::Range;

use model::settings::{Client, Settings, Subscribers};
use model::trial::TrialSpec;

/// The subscribers of a trial by channel, by server process and by thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    subscribers: u32,
    channels: u32,
    threads: u32,
    servers: u32,
    per_connection: u32,
    /// The last ones of all, which do not keep up.
    slow_consumers: u32,
}

impl Assignment {
    /// The assignment of the trial that `spec` describes. Every load process has a thread for each core; a browser's pages
    /// are no processes of ours.
    pub(crate) fn of_trial(spec: &TrialSpec) -> Self {
        let processes = match spec.settings.client {
            Client::Native => spec.settings.processes.load.max(1) as usize,
            Client::Chromium | Client::Firefox => 1,
        };
        let threads = spec.load_cores.len().max(1) * processes;
        Self::of_settings(&spec.settings, threads)
            .at_servers(spec.servers().count(), spec.settings.transport.per_connection)
    }

    /// The subscribers of these settings over `threads`, at one server.
    pub(crate) fn of_settings(settings: &Settings, threads: usize) -> Self {
        let slow_consumers = settings.slow_consumers.as_ref();
        Self::new(&settings.subscribers, threads).with_slow_consumers(
            slow_consumers.map_or(0, |slow_consumers| slow_consumers.of(settings.subscribers.count)),
        )
    }

    /// Spreads `subscribers` evenly over their channels and over `threads`.
    pub fn new(subscribers: &Subscribers, threads: usize) -> Self {
        let threads = u32::try_from(threads.max(1)).unwrap_or(u32::MAX);
        let (subscribers, channels) = (subscribers.count, subscribers.channels.max(1));
        Self { subscribers, channels, threads, servers: 1, per_connection: 1, slow_consumers: 0 }
    }

    /// The same at `servers` processes, where so many subscribers in a row share a connection.
    pub fn at_servers(self, servers: usize, per_connection: u32) -> Self {
        let servers = u32::try_from(servers.max(1)).unwrap_or(u32::MAX);
        Self { servers, per_connection: per_connection.max(1), ..self }
    }

    /// The same with this many slow consumers: the last subscribers, from which no delivery is expected.
    pub fn with_slow_consumers(self, slow_consumers: u32) -> Self {
        Self { slow_consumers: slow_consumers.min(self.subscribers), ..self }
    }

    /// How many subscribers there are.
    pub fn subscribers(&self) -> u32 {
        self.subscribers
    }

    /// How many channels there are.
    pub fn channels(&self) -> u32 {
        self.channels
    }

    /// How many load threads there are.
    pub fn threads(&self) -> u32 {
        self.threads
    }

    /// How many server processes there are.
    pub fn servers(&self) -> u32 {
        self.servers
    }

    /// The server process of a subscriber: by turns, and the same one for those that share a connection.
    pub fn server_of(&self, subscriber: u32) -> u32 {
        subscriber / self.per_connection % self.servers
    }

    /// The channel of a subscriber.
    pub fn channel_of(&self, subscriber: u32) -> u32 {
        subscriber % self.channels
    }

    /// How many subscribers read a channel, and keep up.
    pub fn members(&self, channel: u32) -> u64 {
        let keep_up = self.subscribers - self.slow_consumers;
        u64::from((keep_up + self.channels - 1).saturating_sub(channel) / self.channels)
    }

    /// The subscribers of a thread: consecutive numbers, so that every thread has members of every channel.
    pub fn of_thread(&self, thread: u32) -> Range<u32> {
        let edge = |thread: u32| {
            let edge = u64::from(self.subscribers) * u64::from(thread) / u64::from(self.threads);
            u32::try_from(edge).unwrap_or(self.subscribers)
        };
        edge(thread)..edge(thread + 1)
    }

    /// The threads of a load worker, of `workers` with equally many each.
    pub fn threads_of_worker(&self, worker: u32, workers: u32) -> Range<u32> {
        let each = self.threads / workers.max(1);
        let edge = |worker: u32| worker.saturating_mul(each).min(self.threads);
        edge(worker)..edge(worker.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assignment(count: u32, channels: u32, threads: usize) -> Assignment {
        Assignment::new(&Subscribers { count, channels, added_delay_ns: 0 }, threads)
    }

    #[test]
    fn every_subscriber_is_a_member_of_one_channel() {
        for (count, channels) in [(0, 1), (1, 1), (10, 3), (10, 10), (3, 5), (40, 4)] {
            let assignment = assignment(count, channels, 1);
            for channel in 0..channels {
                let members = (0..count).filter(|&subscriber| assignment.channel_of(subscriber) == channel);
                let members = members.count() as u64;
                assert_eq!(assignment.members(channel), members, "{count} in {channels}: {channel}");
            }
        }
    }

    #[test]
    fn nothing_is_expected_from_slow_consumers() {
        for (count, channels, slow_consumers) in [(10, 3, 1), (10, 3, 4), (100, 1, 1), (5, 5, 5), (3, 1, 9)] {
            let assignment = assignment(count, channels, 1).with_slow_consumers(slow_consumers);
            let keep_up = count.saturating_sub(slow_consumers);
            for channel in 0..channels {
                let members = (0..keep_up).filter(|&subscriber| assignment.channel_of(subscriber) == channel);
                let members = members.count() as u64;
                assert_eq!(assignment.members(channel), members, "{count}, {channels}, {slow_consumers}");
            }
            assert_eq!(assignment.subscribers(), count);
        }
    }

    #[test]
    fn every_subscriber_is_on_one_thread() {
        for (count, threads) in [(0, 2), (1, 3), (10, 3), (200, 7)] {
            let assignment = assignment(count, 1, threads);
            let all: Vec<u32> = (0..threads as u32).flat_map(|thread| assignment.of_thread(thread)).collect();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn servers_are_taken_by_turns_and_subscribers_that_share_a_connection_share_a_server() {
        let at = |assignment: Assignment| {
            (0..8).map(|subscriber| assignment.server_of(subscriber)).collect::<Vec<_>>()
        };
        assert_eq!(at(assignment(8, 1, 1)), [0; 8]);
        assert_eq!(at(assignment(8, 1, 1).at_servers(3, 1)), [0, 1, 2, 0, 1, 2, 0, 1]);
        assert_eq!(at(assignment(8, 1, 1).at_servers(2, 3)), [0, 0, 0, 1, 1, 1, 0, 0]);
    }

    #[test]
    fn every_thread_is_in_one_load_worker() {
        let assignment = assignment(100, 1, 6);
        let workers: Vec<_> = (0..3).map(|worker| assignment.threads_of_worker(worker, 3)).collect();
        assert_eq!(workers, [0..2, 2..4, 4..6]);
        assert_eq!(assignment.threads_of_worker(0, 1), 0..6);
        assert!(assignment.threads_of_worker(u32::MAX - 1, 1_000).is_empty(), "there is no such worker");
    }
}

//! What the cores of a trial do beside it.

use model::settings::{Client, Settings};
use model::trial::MachineActivity;
use os::CoreTimes;

use crate::store::host::Pinning;

/// The cores of a trial that has not begun, and after it.
#[derive(Debug)]
pub(crate) struct MachineWatch {
    cores: Vec<u32>,
    before: Reading,
}

/// Everything so far, in ns.
#[derive(Debug, Clone, Copy)]
struct Reading {
    at_ns: u64,
    cores: CoreTimes,
    own_ns: u64,
}

impl MachineWatch {
    /// Begins before the trial's first process; none where nothing is pinned, or where a browser leaves processes behind.
    pub(crate) fn start(pinning: &Pinning, settings: &Settings) -> Option<Self> {
        let cores = [&pinning.server[..], &pinning.load[..]].concat();
        let before =
            Reading::of(&cores).filter(|_| !cores.is_empty() && settings.client == Client::Native)?;
        Some(Self { cores, before })
    }

    /// Ends when all processes of the trial have ended and were waited for.
    pub(crate) fn finish(self) -> Option<MachineActivity> {
        Some(Reading::of(&self.cores)?.since(&self.before, self.cores.len() as u32))
    }
}

impl Reading {
    fn of(cores: &[u32]) -> Option<Self> {
        let times = os::core_times(cores).ok()?;
        Some(Self { at_ns: os::now_ns(), cores: times, own_ns: os::own_and_ended_cpu_ns() })
    }

    fn since(&self, earlier: &Self, cores: u32) -> MachineActivity {
        let elapsed_ns = self.at_ns - earlier.at_ns;
        let [idle_ns, steal_ns, own_ns] = [
            self.cores.idle_ns.saturating_sub(earlier.cores.idle_ns),
            self.cores.steal_ns.saturating_sub(earlier.cores.steal_ns),
            self.own_ns.saturating_sub(earlier.own_ns),
        ];
        let other_ns = (elapsed_ns * u64::from(cores)).saturating_sub(idle_ns + steal_ns + own_ns);
        MachineActivity { elapsed_ns, steal_ns, other_ns, cores }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_idle_nor_stolen_nor_ours_was_somebody_elses() {
        let reading = |at_ns, idle_ns, steal_ns, own_ns| Reading {
            at_ns,
            cores: CoreTimes { idle_ns, steal_ns },
            own_ns,
        };
        let before = reading(1_000, 500, 10, 70);
        let activity = |after: Reading| after.since(&before, 2);
        let found = activity(reading(2_000, 1_500, 110, 670));
        assert_eq!((found.elapsed_ns, found.steal_ns, found.other_ns), (1_000, 100, 300));
        // The kernel rounds idle time up to 10 ms.
        assert_eq!(activity(reading(2_000, 2_600, 10, 70)).other_ns, 0);
    }
}

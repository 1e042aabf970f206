//! Whether the machine did something else during a trial. The rules were fixed before any run and look at the machine alone,
//! never at what was measured: a rule that looked at latencies would choose among them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Instrument, Quantiles};

/// Of the time that a trial took, as much may go to the host and to other processes on one of its cores. The kernel's work
/// between idle phases, which no process is charged with, is within it.
pub const MOST_OTHER_WORK: f64 = 0.05;
/// The resolution at which the kernel gives a core's times.
const TICK_NS: u64 = 10_000_000;
/// At p99 a thread that waits for a core may wait as long. A thread's turn is about 3 ms, so our own few threads on a core do not
/// add up to it.
pub const MOST_SCHEDULING_DELAY_NS: u64 = 10_000_000;
/// How often a disturbed trial is repeated where nothing else is asked for.
pub const REPEATS: u32 = 2;

/// What the cores of a trial did beside it, from before its first process to after its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MachineActivity {
    /// How long that was.
    pub elapsed_ns: u64,
    /// Time that the host of the virtual machine ran something else (steal), summed over the cores.
    pub steal_ns: u64,
    /// CPU time of all but the trial's own processes, summed over the cores.
    pub other_ns: u64,
    pub cores: u32,
}

/// The rule that a trial broke.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "rule", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Disturbance {
    /// The host or other processes had more than [`MOST_OTHER_WORK`] of a core.
    OtherWork {
        /// Their time ÷ the trial's.
        share: f64,
    },
    /// A waiting thread waited longer than [`MOST_SCHEDULING_DELAY_NS`] at p99.
    SchedulingDelay {
        p99_ns: u64,
        /// On the server's core, else on the load generator's.
        on_server_core: bool,
    },
}

impl Disturbance {
    /// The first rule that is broken. `activity` is none where it is not known.
    pub fn of(activity: Option<&MachineActivity>, instrument: &Instrument) -> Option<Self> {
        let share = activity.map_or(0.0, MachineActivity::other_share);
        if share > MOST_OTHER_WORK {
            return Some(Self::OtherWork { share });
        }
        let delay = |quantiles: &Option<Quantiles>, on_server_core| {
            let p99_ns = quantiles.as_ref()?.p99_ns;
            (p99_ns > MOST_SCHEDULING_DELAY_NS).then_some(Self::SchedulingDelay { p99_ns, on_server_core })
        };
        delay(&instrument.scheduling_delay_server, true).or(delay(&instrument.scheduling_delay_load, false))
    }

    /// What happened, for people.
    pub fn show(&self) -> String {
        match self {
            Self::OtherWork { share } => format!("other work had {:.0} % of a core", share * 100.0),
            Self::SchedulingDelay { p99_ns, on_server_core } => format!(
                "threads waited {:.1} ms for the {} core at p99",
                *p99_ns as f64 / 1e6,
                if *on_server_core { "server's" } else { "load generator's" }
            ),
        }
    }
}

impl MachineActivity {
    /// What host and other processes had, in units of one core; what the kernel's resolution explains is left out.
    pub fn other_share(&self) -> f64 {
        let resolution_ns = TICK_NS * u64::from(self.cores);
        let other_ns = (self.steal_ns + self.other_ns).saturating_sub(resolution_ns);
        if self.elapsed_ns == 0 { 0.0 } else { other_ns as f64 / self.elapsed_ns as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn activity(steal_ms: u64, other_ms: u64) -> MachineActivity {
        MachineActivity {
            elapsed_ns: 2 * SECOND_NS,
            steal_ns: steal_ms * 1_000_000,
            other_ns: other_ms * 1_000_000,
            cores: 2,
        }
    }

    fn delays(server_ms: u64, load_ms: u64) -> Instrument {
        let of = |ms: u64| {
            let ns = ms * 1_000_000;
            Some(Quantiles {
                count: 400,
                min_ns: 0,
                mean_ns: 0.0,
                p50_ns: 0,
                p90_ns: 0,
                p99_ns: ns,
                p99_9_ns: ns,
                max_ns: 10 * ns,
            })
        };
        Instrument {
            scheduling_delay_server: of(server_ms),
            scheduling_delay_load: of(load_ms),
            ..Instrument::default()
        }
    }

    #[test]
    fn the_rules_are_about_other_work_and_scheduling_delay_alone() {
        let delay =
            |ms: u64, on_server_core| Disturbance::SchedulingDelay { p99_ns: ms * 1_000_000, on_server_core };
        for (activity, instrument, expected) in [
            (None, Instrument::default(), None),
            // A twentieth of a core for 2 s are 100 ms; 20 ms are the resolution of two cores.
            (Some(activity(0, 120)), delays(10, 10), None),
            (Some(activity(60, 61)), delays(10, 10), Some(Disturbance::OtherWork { share: 0.0505 })),
            (Some(activity(220, 0)), delays(99, 99), Some(Disturbance::OtherWork { share: 0.1 })),
            (Some(activity(0, 0)), delays(11, 12), Some(delay(11, true))),
            (None, delays(0, 12), Some(delay(12, false))),
        ] {
            assert_eq!(Disturbance::of(activity.as_ref(), &instrument), expected, "{activity:?}");
        }
    }

    #[test]
    fn a_disturbance_is_shown_with_its_figure() {
        assert_eq!(Disturbance::OtherWork { share: 0.312 }.show(), "other work had 31 % of a core");
        let delay = Disturbance::SchedulingDelay { p99_ns: 12_300_000, on_server_core: true };
        assert_eq!(delay.show(), "threads waited 12.3 ms for the server's core at p99");
    }
}

//! What pushbench asks of the operating system: clocks, cores, signals, memory, context switches, sockets, open files.
//!
//! Knows nothing of the benchmark. The only crate with `unsafe`: the CPU clock of another process, the kernel's counters of a
//! TCP connection, the size of a page, the idle class of threads, the usage of ended children and a private network have no safe wrapper.
//!
//! # Layout
//!
//! - `clock`: the clocks, and sleeping by them
//! - `process`: what processes cost, their children, signals, cores and open files
//! - `machine`: what cores did and what part of it was ours; memory of the kernel
//! - `tcp`: one TCP connection
//! - `listener`: sockets that listen, and who holds them
//! - `network`: a private network, and its counters
#![allow(unsafe_code)]

mod clock;
mod listener;
mod machine;
mod network;
mod process;
mod tcp;

pub use clock::{now_ns, precise_timers, sleep_until_ns, thread_cpu_ns, timespec, unix_ms, watch};
pub use listener::{Listener, holders, listeners};
pub use machine::{CoreTimes, KernelMemory, core_times, kernel_memory, own_and_ended_cpu_ns};
pub use network::{NetworkCounters, enter_own_network, network_counters, network_is_silent_within};
pub use process::{
    Switches, has_ended, is_stopped, kill, most_open_files, own_cpu_ns, pin, process_cpu_ns, process_tree,
    program_name, raise_open_files, resident_bytes, resume, run_when_idle, suspend, switches, tree_cost,
    tree_cpu_ns,
};
pub use tcp::{TcpInfo, is_established, limit_segment, tcp_info};

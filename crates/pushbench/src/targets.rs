//! Servers of other projects: read, selected for a run, started and ended.
//!
//! Each target runs below a process of its own, the [`supervisor`]. That makes the target's configuration, starts it on the
//! server's cores, waits until it is ready, prints the same ready line as pushbench's own servers, and ends all processes of
//! the target when its standard input ends. This holds whichever of the processes is killed first.
//!
//! - [`target_server`]: a target's file, what it needs, and its version
//! - [`selection`]: which targets take part in a run, and in which settings
//! - [`launch`]: its command and configuration, and whether it is ready
//! - [`supervisor`]: the process that runs a target, and the end of all processes below it

mod launch;
pub(crate) mod selection;
pub(crate) mod supervisor;
mod target_server;

pub(crate) use target_server::{TargetServer, on_path};

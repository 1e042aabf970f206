//! The instrument itself under test: what was done to a trial must show in its outcome, as much as was done.
//!
//! A real load generator and a real server, two processes, for every technique of the registry. Bounds are exact
//! downward and generous upward: a busy machine adds latency and takes none away.
//!
//! # Layout
//!
//! - `latency`: a stalled server, a known delay
//! - `bytes`: layers, sockets, and what a relay between the two has carried
//! - `faults`: connections that are cut, a server that dies
//! - `trial`, `relay`: how a trial is run here, and what can stand between its two sides

mod bytes;
mod faults;
mod latency;
mod relay;
#[path = "../suite/server_process.rs"]
mod server_process;
#[path = "../suite/techniques.rs"]
mod techniques;
mod trial;

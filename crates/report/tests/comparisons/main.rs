//! What stands beside pushbench's own figures in the report, on synthetic runs: servers of others, browsers, ends of
//! connections, a technique's own ways, and claims.

mod browsers;
mod claims;
mod close_cases;
#[path = "../fixture/mod.rs"]
mod fixture;
mod price;
mod servers;

use fixture::reading::{folder, line, report, section};

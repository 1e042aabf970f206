//! Results into figures, REPORT.md, the pages under `docs/`, and answers to questions about them. Names no technique: slugs,
//! labels, order and baseline come from the manifests. The same results give the same bytes: no clock, no hash order.
//!
//! # Layout
//!
//! - `load`: run folders in, records and samples out; what cannot be read is named
//! - `core_speed`: how fast the server's core was in each trial
//! - `evidence`: all runs together, by point
//! - `catalogue`: every metric, as one line of a table
//! - `estimate`: figures with intervals, from blocks and runs
//! - `search`: what searches for a capacity found
//! - `figure`: names of figures, such as `chat/websocket/cpu`
//! - `cost_model`: prices, and the model of bytes, CPU, memory and latency that is fitted from the evidence
//! - `advise`: what the model and the rule say of somebody's own situation
//! - `compare`: two sides, point by point: two versions, two machines
//! - `cite`: a figure, ready to paste
//! - `recommend`: the cheapest technique that is quick enough
//! - `proxies`: what becomes of each technique behind proxies
//! - `claims`, `publications`, `theory_check`: verdicts on what others say, and on what the standards fix
//! - `table`, `charts`: what templates show
//! - `pages`: templates in, Markdown out
//! - `html`: the report as one HTML file

pub mod advise;
pub mod catalogue;
pub mod charts;
pub mod cite;
pub mod claims;
pub mod compare;
mod core_speed;
pub mod cost_model;
mod distribution;
mod error;
pub mod estimate;
pub mod evidence;
pub mod figure;
mod html;
mod load;
mod marker_sections;
pub mod numbers;
mod pages;
pub mod proxies;
pub mod publications;
pub mod recommend;
pub mod reproduction;
mod same_code;
pub mod sample;
mod search;
pub mod summary;
mod table;
pub mod target_summary;
pub mod theory_check;

pub use core_speed::core_speeds;
pub use error::ReportError;
pub use evidence::Evidence;
pub use html::write_html;
pub use load::{Broken, Run, Trial, manifest};
pub use marker_sections::MarkerError;
pub use pages::write_pages;
pub use search::Side;

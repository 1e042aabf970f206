//! The browser probe of all clients that are here, made once: how WebSockets end in them, and what the browsers do.

mod browser_probe;
mod drift;
mod endings;
mod findings;

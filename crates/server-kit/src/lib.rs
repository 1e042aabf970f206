//! What every server shares: hub, listener, HTTP, feed and lifetime.
//!
//! A server is a function of a bound listener, a [`Hub`], [`Settings`] and a [`Stop`]. It does not know that it is
//! measured: nothing here counts, times or prints.
//!
//! # Layout
//!
//! - [`hub`]: numbers messages, keeps the replay window, wakes subscribers
//! - [`settings`]: a server's settings
//! - [`lifetime`]: how a server is stopped
//! - [`listener`]: accepts, up to the limit, and waits for its connections at the end
//! - [`polling`]: the polling servers, short and long
//! - [`http`]: the connection loop of the HTTP servers
//! - [`gzip`]: bodies, compressed for clients that accept it
//! - [`feed`]: the Unix socket by which the application hands over events
//! - [`heartbeat`]: when a quiet connection is due for a sign of life
//! - [`wake_gated`]: futures that are polled only after they were woken
//! - [`stream`]: a connection's bytes, whatever carries them, and its graceful close
//! - [`tls`]: the certificate, and what the server agrees to

pub mod feed;
pub mod gzip;
pub mod heartbeat;
pub mod http;
pub mod hub;
pub mod lifetime;
pub mod listener;
pub mod polling;
pub mod settings;
pub mod stream;
pub mod tls;
pub mod wake_gated;

pub use hub::{Hub, Lagged, Run, Subscription};
pub use lifetime::{Stop, Stopper};
pub use settings::Settings;

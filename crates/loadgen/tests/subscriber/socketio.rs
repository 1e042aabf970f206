//! Socket.IO against servers that say literal bytes: what is asked for, and what is made of answers good and bad.
//!
//! - `server`: such a server
//! - `ways`: a session by each way, from the first byte to the last
//! - `faults`: servers that refuse, fall silent, or speak something else
//! - `packets`: acknowledgements and attachments

mod faults;
mod packets;
mod server;
mod ways;

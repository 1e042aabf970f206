//! Socket.IO against the original: the official JavaScript server and clients, on Node.
//!
//! - `node`: a script on Node, if there is one
//! - `our_client`: our client against the official servers
//! - `our_server`: the official clients against our server

mod node;
mod our_client;
mod our_server;

//! The http-streaming server.

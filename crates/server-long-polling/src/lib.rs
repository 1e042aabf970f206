//! The long-polling server.

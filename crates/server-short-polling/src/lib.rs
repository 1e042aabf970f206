//! The short-polling server.

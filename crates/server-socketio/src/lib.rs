//! The Socket.IO server, on socketioxide.

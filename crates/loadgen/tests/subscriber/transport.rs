//! What lies below a technique: TLS, HTTP/2, and how connections end.
//!
//! - `records`: which bytes under TLS belong to which layer, however the socket cuts them
//! - `tls`: which server a session trusts, and what it resumes
//! - `http2`: requests on shared connections
//! - `compression`: content that is gzip
//! - `ends`: what is counted of a connection's last bytes, and the kernel's segments
//! - `set_up`: what it takes to be connected

mod compression;
mod ends;
mod http2;
mod records;
mod set_up;
mod tls;

//! What lies below a technique, against small servers of the test's own: TLS, HTTP/2, and how connections end.
//!
//! - `rig`: sessions, a server's identity, and a socket that counts on the server's side
//! - `records`: which bytes under TLS are whose, however the socket cuts them
//! - `tls`: whom a session trusts, what it resumes
//! - `http2`: requests on shared connections
//! - `compression`: content that is gzip
//! - `ends`: what is counted of a connection's last bytes, and the kernel's segments
//! - `set_up`: what it takes to be connected

mod compression;
mod ends;
mod http2;
mod records;
mod rig;
mod set_up;
mod tls;

//! Whether a target is ready, and if not, why.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use loadgen::publisher::post_connection::looks_like;

/// What one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(1);
const STATUS_LINE_START: &[u8] = b"HTTP/1.";

/// Whether a target is ready: it accepts a connection, or, with a path, answers a request by HTTP/1.1.
/// The error is a sentence: why it is not ready yet.
pub(super) fn check_ready(address: SocketAddr, path: Option<&str>) -> Result<(), String> {
    let stream =
        TcpStream::connect_timeout(&address, ATTEMPT).map_err(|error| with_neighbour(address, &error))?;
    match path {
        None => Ok(()),
        Some(path) => check_answer(stream, address, path),
    }
}

/// A server that is told to listen on `localhost` may take the other version of IP.
fn with_neighbour(address: SocketAddr, error: &io::Error) -> String {
    let other: IpAddr =
        if address.is_ipv4() { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
    let other = SocketAddr::new(other, address.port());
    match TcpStream::connect_timeout(&other, ATTEMPT) {
        Ok(_) => format!("nothing listens on {address} ({error}), and something does on {other}"),
        Err(_) => error.to_string(),
    }
}

fn check_answer(mut stream: TcpStream, address: SocketAddr, path: &str) -> Result<(), String> {
    let answer = request(&mut stream, address, path).map_err(|error| error.to_string())?;
    if answer.starts_with(STATUS_LINE_START) {
        return Ok(());
    }
    Err(match &*answer {
        [] => format!("it closes the connection on which {path} is asked for"),
        _ => format!("it answers {path} with something else than HTTP/1.1: {}", looks_like(&answer)),
    })
}

/// The start of the response.
fn request(stream: &mut TcpStream, address: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(ATTEMPT))?;
    stream.set_write_timeout(Some(ATTEMPT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut part = [0; 512];
    while answer.len() < STATUS_LINE_START.len() {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What has come is a better reason than that it broke off.
            Err(_) if !answer.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_server_that_listens_on_the_other_version_of_ip_is_named() {
        let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else { return };
        let port = listener.local_addr().unwrap().port();
        let why = check_ready((Ipv4Addr::LOCALHOST, port).into(), None).unwrap_err();
        let expected = format!("and something does on [::1]:{port}");
        assert!(
            why.starts_with(&format!("nothing listens on 127.0.0.1:{port} (")) && why.ends_with(&expected),
            "{why}"
        );
        drop(listener);
        let why = check_ready((Ipv4Addr::LOCALHOST, port).into(), None).unwrap_err();
        assert!(!why.contains("something"), "{why}");
    }
}

//! Whether a target is there: it accepts a connection, or answers a request.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use loadgen::publisher::post_connection::looks_like;

/// What one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(1);
const BEGIN: &[u8] = b"HTTP/1.";

/// Tries once. With a path, something must be answered by HTTP/1.1.
///
/// # Errors
///
/// Why it is not there yet, for people.
pub(super) fn look(address: SocketAddr, path: Option<&str>) -> Result<(), String> {
    let stream = TcpStream::connect_timeout(&address, ATTEMPT).map_err(|error| error.to_string())?;
    match path {
        None => Ok(()),
        Some(path) => answers(stream, address, path),
    }
}

fn answers(mut stream: TcpStream, address: SocketAddr, path: &str) -> Result<(), String> {
    let answer = ask(&mut stream, address, path).map_err(|error| error.to_string())?;
    if answer.starts_with(BEGIN) {
        return Ok(());
    }
    Err(match &*answer {
        [] => format!("it closes the connection on which {path} is asked for"),
        _ => format!("it answers {path} with something else than HTTP/1.1: {}", looks_like(&answer)),
    })
}

/// The start of what is answered.
fn ask(stream: &mut TcpStream, address: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(ATTEMPT))?;
    stream.set_write_timeout(Some(ATTEMPT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut part = [0; 512];
    while answer.len() < BEGIN.len() {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What has come says more than that it broke off.
            Err(_) if !answer.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}

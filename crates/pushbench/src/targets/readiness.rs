//! Whether a target is ready; and when it is not in time, what it does instead.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use loadgen::publisher::post_connection::looks_like;
use model::target::ReadyWhen;

/// What one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(1);
const STATUS_LINE_START: &[u8] = b"HTTP/1.";

/// Whether a target is ready. `has_written` says that its output had the line that is waited for.
/// The error is a sentence: why it is not ready yet.
pub(super) fn check(address: SocketAddr, when: &ReadyWhen, has_written: &AtomicBool) -> Result<(), String> {
    if let ReadyWhen::Writes(line) = when
        && !has_written.load(Ordering::Acquire)
    {
        return Err(format!("it has not written a line with `{line}`"));
    }
    let stream = TcpStream::connect_timeout(&address, ATTEMPT).map_err(|error| not_there(address, &error))?;
    match when {
        ReadyWhen::Answers(path) => check_answer(stream, address, path),
        ReadyWhen::Connects | ReadyWhen::Writes(_) => Ok(()),
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

/// Why nothing listens at `address`, and who listens elsewhere, if that can be seen: a process below this one, or one at the
/// same port, such as on the other version of IP.
fn not_there(address: SocketAddr, error: &io::Error) -> String {
    let below = os::process_tree(std::process::id()).unwrap_or_default();
    let found = os::listeners().unwrap_or_default().into_iter().find(|other| {
        let is_port = other.address.port() == address.port();
        is_port || below.iter().skip(1).any(|&pid| other.is_held_by(pid))
    });
    match found.map(|other| other.address) {
        None => error.to_string(),
        Some(other) if other.port() == address.port() => {
            format!("nothing listens on {address} ({error}), and something does on {other}")
        }
        Some(other) => format!(
            "nothing listens on {address} ({error}); it listens on {other}: pass it {{port}}, which is {}, in `command` or `env`",
            address.port()
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

    use super::*;

    #[test]
    fn a_server_that_listens_on_the_other_version_of_ip_is_named() {
        let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else { return };
        let port = listener.local_addr().unwrap().port();
        let check = || {
            let address = (Ipv4Addr::LOCALHOST, port).into();
            check(address, &ReadyWhen::Connects, &AtomicBool::new(false)).unwrap_err()
        };
        let why = check();
        let expected = format!("and something does on [::1]:{port}");
        assert!(
            why.starts_with(&format!("nothing listens on 127.0.0.1:{port} (")) && why.ends_with(&expected),
            "{why}"
        );
        drop(listener);
        assert!(!check().contains("something"));
    }
}

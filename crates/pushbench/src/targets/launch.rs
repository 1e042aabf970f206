//! A target's command and configuration, with the placeholders replaced, and whether it is ready.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use loadgen::publisher::post_connection::looks_like;
use model::target::Server;

use super::target_server::{Placeholders, TargetServer};

/// What one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(1);
const STATUS_LINE_START: &[u8] = b"HTTP/1.";

/// What is started, and where it will listen.
#[derive(Debug)]
pub(super) struct Launch {
    /// Program and arguments.
    pub(super) command: Vec<String>,
    /// The folder that it is started in.
    pub(super) folder: PathBuf,
    /// Where it will listen.
    pub(super) address: SocketAddr,
}

impl Launch {
    /// Replaces the placeholders, and writes the configuration to `dir`, which is made, too. None for a server that is
    /// running already.
    ///
    /// # Errors
    ///
    /// When something that the target needs is missing, or a file cannot be read or written.
    pub(super) fn prepare(server: &TargetServer, dir: &Path) -> anyhow::Result<Option<Self>> {
        let Server::Started { command, config } = &server.target.server else { return Ok(None) };
        let mut placeholders = match server.required_files() {
            Ok(placeholders) => placeholders,
            Err(missing) => bail!("{missing}"),
        };
        let address = free_address().context("find a free port")?;
        make_folder(dir).with_context(|| format!("make the folder {}", dir.display()))?;
        placeholders.insert("port".to_owned(), address.port().to_string());
        placeholders.insert("dir".to_owned(), dir.display().to_string());
        for (name, template) in config {
            let template = server.folder().join(template);
            let text =
                fs::read_to_string(&template).with_context(|| format!("read {}", template.display()))?;
            fs::write(dir.join(name), with_values(&text, &placeholders))
                .with_context(|| format!("write {name}"))?;
        }
        let command = command.iter().map(|word| with_values(word, &placeholders)).collect();
        Ok(Some(Self { command, folder: server.folder().to_owned(), address }))
    }
}

/// A server that drops its privileges must still be able to read it.
fn make_folder(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))
}

/// A port that was free a moment ago. If another program takes it meanwhile, the server reports that and ends.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Braces around anything else stay: configurations are full of them.
fn with_values(text: &str, placeholders: &Placeholders) -> String {
    let replace =
        |text: String, (name, value): (&String, &String)| text.replace(&format!("{{{name}}}"), value);
    placeholders.iter().fold(text.to_owned(), replace)
}

/// Whether a target is ready: it accepts a connection, or, with a path, answers a request by HTTP/1.1.
///
/// # Errors
///
/// Why it is not ready yet, as a sentence.
pub(super) fn check_ready(address: SocketAddr, path: Option<&str>) -> Result<(), String> {
    let stream = TcpStream::connect_timeout(&address, ATTEMPT).map_err(|error| error.to_string())?;
    match path {
        None => Ok(()),
        Some(path) => check_answer(stream, address, path),
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
    use super::*;

    #[test]
    fn only_known_placeholders_are_replaced() {
        let placeholders =
            Placeholders::from([("port".to_owned(), "80".to_owned()), ("dir".to_owned(), "/d".to_owned())]);
        assert_eq!(
            with_values("http { listen {port}; root {dir}/{x}; }", &placeholders),
            "http { listen 80; root /d/{x}; }"
        );
    }
}

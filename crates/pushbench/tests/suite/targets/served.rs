//! A target of the tests' own: a plain HTTP/1.1 server, as a script would have it. It returns posted
//! messages after a number to polls, or misbehaves as a test asks.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::sandbox::Sandbox;

/// What the server does with an event that is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Takes it.
    Good,
    /// Takes it, and closes the connection behind every answer.
    CloseCase,
    /// Answers that it cannot.
    Refusing,
    /// Answers with something that is no HTTP.
    Rubbish,
    /// Answers with a frame of HTTP/2 to any request of HTTP/1.1.
    Http2,
    /// Says nothing.
    Silent,
    /// Closes the connection instead.
    HangingUp,
    /// Takes it, and hands out something that is no message.
    Garbling,
}

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";
/// A SETTINGS frame (RFC 9113 §6.5).
const SETTINGS: &str = "\0\0\0\x04\0\0\0\0\0";

type Channels = Mutex<BTreeMap<String, Vec<String>>>;

/// A running server.
pub(crate) fn serve(behaviour: Behaviour) -> SocketAddr {
    let channels = Channels::default();
    answering(move |line, body| {
        let mut words = line.split(' ');
        match (words.next(), words.next().unwrap_or_default()) {
            (Some("POST"), path) => posted(path, body, &channels, behaviour),
            (_, path) => polled(path, &channels, behaviour),
        }
    })
}

/// A server that gives this answer to the first line and the body of each request; it ends with the test's process.
pub(crate) fn answering(
    answer: impl Fn(&str, String) -> Option<String> + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            // A client that goes away ends its thread.
            thread::spawn(move || drop(talk(stream, &*answer)));
        }
    });
    address
}

/// A target file for a server that runs at `address`, polled by `after`.
pub(crate) fn target_at(sandbox: &Sandbox, address: SocketAddr) -> String {
    let text = format!(
        "label = \"A test\"\nabout = \"a test's own\"\naddress = \"{address}\"\n\
         [publish]\npath = \"/publish?channel={{channel}}\"\n\
         [techniques.short-polling]\npath = \"/events?channel={{channel}}&after={{after}}\"\nresume = \"query\"\n"
    );
    write(sandbox, &text)
}

/// Writes the target `mine`, and returns its path.
pub(crate) fn write(sandbox: &Sandbox, text: &str) -> String {
    let file = sandbox.path("mine.toml");
    std::fs::write(&file, text).expect("a target is written");
    file.display().to_string()
}

/// A scenario of polls that takes a third of a second.
pub(crate) const POLLS: &str = r#"
techniques = ["short-polling"]
events.rate = "50/s"
subscribers.count = 3
short_polling.interval = "20ms"
[phases]
warm_up = "50ms"
window = "200ms"
"#;

fn talk(stream: TcpStream, answer: &dyn Fn(&str, String) -> Option<String>) -> std::io::Result<()> {
    let mut answers = stream.try_clone()?;
    let mut requests = BufReader::new(stream);
    while let Some((line, body)) = request(&mut requests)? {
        let Some(answer) = answer(&line, body) else { return Ok(()) };
        answers.write_all(answer.as_bytes())?;
        if answer.contains("connection: close") {
            return Ok(());
        }
    }
    Ok(())
}

/// The next request's first line and body.
fn request(requests: &mut BufReader<TcpStream>) -> std::io::Result<Option<(String, String)>> {
    let mut first = String::new();
    if requests.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut length = 0;
    loop {
        let mut line = String::new();
        requests.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    requests.read_exact(&mut body)?;
    Ok(Some((first.trim_end().to_owned(), String::from_utf8_lossy(&body).into_owned())))
}

fn posted(path: &str, body: String, channels: &Channels, behaviour: Behaviour) -> Option<String> {
    channels.lock().expect("no panic").entry(parameter(path, "channel")).or_default().push(body);
    let answer = match behaviour {
        Behaviour::Good | Behaviour::Garbling => NO_CONTENT,
        Behaviour::CloseCase => "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        Behaviour::Refusing => {
            "HTTP/1.1 507 Insufficient Storage\r\ncontent-length: 13\r\n\r\nall is full\r\n"
        }
        Behaviour::Rubbish => "220 mail.example ESMTP\r\n",
        Behaviour::Http2 => SETTINGS,
        Behaviour::Silent => {
            thread::park();
            ""
        }
        Behaviour::HangingUp => return None,
    };
    Some(answer.to_owned())
}

fn polled(path: &str, channels: &Channels, behaviour: Behaviour) -> Option<String> {
    if behaviour == Behaviour::Http2 {
        return Some(SETTINGS.to_owned());
    }
    let after: usize = parameter(path, "after").parse().unwrap_or(0);
    let channels = channels.lock().expect("no panic");
    let messages =
        channels.get(&parameter(path, "channel")).map_or(&[][..], |all| &all[after.min(all.len())..]);
    if messages.is_empty() {
        return Some(NO_CONTENT.to_owned());
    }
    let mut body: String = messages.iter().map(|message| format!("{message}\n")).collect();
    if behaviour == Behaviour::Garbling {
        body = body.replace('[', "{");
    }
    let length = body.len();
    Some(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncontent-length: {length}\r\n\r\n{body}"
    ))
}

fn parameter(path: &str, name: &str) -> String {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
}

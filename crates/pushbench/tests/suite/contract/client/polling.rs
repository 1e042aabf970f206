//! Polling, short and long: `GET /events`, answered with NDJSON lines or that there is nothing.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use protocol::{Resume, Start};

use super::http::{Head, Post, get};
use super::tcp::Tcp;
use super::{Client, Received, ReceivedMessage, missed};
use crate::server_process::LONGEST;

/// Short enough that no test waits for it, long enough to leave the server alone.
const INTERVAL: Duration = Duration::from_millis(5);

/// What an empty answer means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    /// There is nothing now. The client asks again after a while.
    AskAgain,
    /// The server stops. No test waits as long as a server holds a request.
    ServerStops,
}

/// A subscriber that polls on one connection.
pub(super) struct Poll {
    tcp: Tcp,
    empty: Empty,
    resume: Resume,
    lines: VecDeque<ReceivedMessage>,
    /// What the connection's last answer was, once it is known to be the last.
    last: Option<&'static str>,
    asked: bool,
    post: Option<Post>,
}

impl Poll {
    pub(super) fn new(address: SocketAddr, resume: Resume, empty: Empty) -> Self {
        let tcp = Tcp::connect(address);
        Self { tcp, empty, resume, lines: VecDeque::new(), last: None, asked: false, post: None }
    }

    fn ask(&mut self) {
        if !std::mem::replace(&mut self.asked, true) {
            let request = get(protocol::paths::EVENTS, self.resume, "");
            if !self.tcp.send_if_open(request.as_bytes()) {
                self.last.get_or_insert("closed");
            }
        }
    }

    /// One poll. Something to hear, unless it found nothing or messages, which are kept.
    fn poll(&mut self) -> Option<Received> {
        self.ask();
        if self.last.is_some() || self.tcp.is_closed_unanswered() {
            return Some(Received::End(self.last.unwrap_or("closed")));
        }
        self.asked = false;
        let head = Head::read(&mut self.tcp).expect("an answer has begun");
        let body = head.body(&mut self.tcp);
        match head.status {
            200 => self.lines.extend(body.lines().map(|line| ReceivedMessage::decode(line.as_bytes()))),
            204 if self.empty == Empty::ServerStops => self.last = Some("204, then closed"),
            204 => {}
            410 => return Some(Received::TooSlow { missed: missed(&body) }),
            other => panic!("{other}: {body}"),
        }
        if head.field("connection") == Some("close") {
            assert_eq!(self.tcp.exactly(1), None, "nothing comes after the last answer");
            self.last.get_or_insert("closed");
        }
        None
    }

    fn take_line(&mut self) -> Option<Received> {
        let said = self.lines.pop_front()?;
        self.resume.start = Start::After(said.stamp.seq);
        Some(Received::Message(said))
    }
}

impl Client for Poll {
    fn receive(&mut self) -> Received {
        let begun = Instant::now();
        while begun.elapsed() < LONGEST {
            if let Some(heard) = self.take_line().or_else(|| self.poll()) {
                return heard;
            }
            if self.lines.is_empty() && self.last.is_none() {
                thread::sleep(INTERVAL);
            }
        }
        panic!("nothing but empty answers for {LONGEST:?}");
    }

    fn send(&mut self, message: &[u8]) {
        let (address, channel) = (self.tcp.server_address(), self.resume.channel);
        self.post.get_or_insert_with(|| Post::connect(address, channel)).send(message);
    }

    fn request_without_reading(&mut self) {
        self.ask();
    }

    fn local_address(&self) -> SocketAddr {
        self.tcp.local_address()
    }
}

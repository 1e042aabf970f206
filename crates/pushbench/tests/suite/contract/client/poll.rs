//! Polling, short and long: `GET /events`, answered with NDJSON lines or that there is nothing.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use protocol::{Resume, Start};

use super::http::{Head, Post, get};
use super::tcp::Tcp;
use super::{Client, Heard, Said, missed};
use crate::server_process::LONGEST;

/// Short enough that no test waits for it, long enough to leave the server alone.
const INTERVAL: Duration = Duration::from_millis(5);

/// What an empty answer means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// There is nothing now; the client asks again after a while.
    Repeated,
    /// There was nothing for as long as the server holds a request, which no test awaits: it stops.
    Held,
}

/// A subscriber that polls on one connection.
pub(super) struct Poll {
    tcp: Tcp,
    manner: Manner,
    resume: Resume,
    lines: VecDeque<Said>,
    /// What the connection's last answer was, once it is known to be the last.
    last: Option<&'static str>,
    asked: bool,
    post: Option<Post>,
}

impl Poll {
    pub(super) fn new(address: SocketAddr, resume: Resume, manner: Manner) -> Self {
        let tcp = Tcp::connect(address);
        Self { tcp, manner, resume, lines: VecDeque::new(), last: None, asked: false, post: None }
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
    fn poll(&mut self) -> Option<Heard> {
        self.ask();
        if self.last.is_some() || self.tcp.is_closed_unanswered() {
            return Some(Heard::End(self.last.unwrap_or("closed")));
        }
        self.asked = false;
        let head = Head::read(&mut self.tcp).expect("an answer has begun");
        let body = head.body(&mut self.tcp);
        match head.status {
            200 => self.lines.extend(body.lines().map(|line| Said::decode(line.as_bytes()))),
            204 if self.manner == Manner::Held => self.last = Some("204, then closed"),
            204 => {}
            410 => return Some(Heard::TooSlow { missed: missed(&body) }),
            other => panic!("{other}: {body}"),
        }
        if head.field("connection") == Some("close") {
            assert_eq!(self.tcp.exactly(1), None, "nothing comes after the last answer");
            self.last.get_or_insert("closed");
        }
        None
    }

    fn take_line(&mut self) -> Option<Heard> {
        let said = self.lines.pop_front()?;
        self.resume.start = Start::After(said.stamp.seq);
        Some(Heard::Message(said))
    }
}

impl Client for Poll {
    fn hear(&mut self) -> Heard {
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

    fn say(&mut self, message: &[u8]) {
        let (address, channel) = (self.tcp.server_address(), self.resume.channel);
        self.post.get_or_insert_with(|| Post::connect(address, channel)).send(message);
    }

    fn ask_and_look_away(&mut self) {
        self.ask();
    }

    fn local_address(&self) -> SocketAddr {
        self.tcp.local_address()
    }
}

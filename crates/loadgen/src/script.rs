//! The frames that a target's `open` and `answer` send on an open WebSocket, step by step. No I/O: frames go in by [`take`](Script::take), and come out by [`due`](Script::due).

use std::collections::{BTreeMap, VecDeque};

use model::target::{Frame, Frames, Template, Values};
use protocol::deflate::Kind;

/// A frame to send.
pub(crate) type Outgoing = (Kind, Vec<u8>);

/// A template of a frame, and whether the frame is text.
#[derive(Debug)]
pub(crate) struct FrameTemplate {
    kind: Kind,
    template: Template,
}

impl FrameTemplate {
    pub(crate) fn of(frame: &Frame) -> Self {
        let kind = match frame {
            Frame::Text(_) => Kind::Text,
            Frame::Hex(_) => Kind::Binary,
        };
        // The reader of a target's file has rejected hex that cannot be read.
        Self { kind, template: frame.template().unwrap_or_else(|_| Template::text("")) }
    }

    pub(crate) fn filled(&self, values: &Values<'_>) -> Outgoing {
        let mut bytes = Vec::new();
        self.template.append(values, &mut bytes);
        (self.kind, bytes)
    }
}

/// The frames of one connection.
#[derive(Debug)]
pub(crate) struct Script {
    /// Not yet sent, or not yet answered.
    steps: VecDeque<(Option<FrameTemplate>, Option<FrameTemplate>)>,
    /// What is answered, whether that is a whole frame, and the answer.
    answers: Vec<(FrameTemplate, bool, FrameTemplate)>,
    channel: u32,
    subscriber: u32,
    found: BTreeMap<String, String>,
    /// How a message is sent.
    send: Option<FrameTemplate>,
    due: Vec<Outgoing>,
}

impl Script {
    /// Of a client of this channel, with a number of its own.
    pub(crate) fn new(frames: &Frames, send: Option<&Frame>, channel: u32, subscriber: u32) -> Self {
        let template = |frame: &Option<Frame>| frame.as_ref().map(FrameTemplate::of);
        let mut script = Self {
            steps: frames.open.iter().map(|step| (template(&step.send), template(&step.until))).collect(),
            answers: frames
                .answer
                .iter()
                .map(|answer| (FrameTemplate::of(&answer.to), answer.whole, FrameTemplate::of(&answer.send)))
                .collect(),
            channel,
            subscriber,
            found: BTreeMap::new(),
            send: send.map(FrameTemplate::of),
            due: Vec::new(),
        };
        script.go_on();
        script
    }

    /// Whether every step is done.
    pub(crate) fn is_open(&self) -> bool {
        self.steps.is_empty()
    }

    /// What to send now.
    pub(crate) fn due(&mut self) -> impl Iterator<Item = Outgoing> {
        self.due.drain(..)
    }

    /// Takes a frame of the server's.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let awaited = self.steps.front().and_then(|(_, until)| until.as_ref());
        if let Some(found) = awaited.and_then(|until| until.template.find(bytes, &self.values(&self.found))) {
            self.found.extend(found);
            self.steps.pop_front();
            self.go_on();
        }
        for (to, whole, send) in &self.answers {
            if *whole && to.filled(&self.values(&self.found)).1 != bytes {
                continue;
            }
            if let Some(found) = to.template.find(bytes, &self.values(&self.found)) {
                let mut all = self.found.clone();
                all.extend(found);
                self.due.push(send.filled(&self.values(&all)));
            }
        }
    }

    /// What a step waits for, for people; none when it is open.
    pub(crate) fn awaited(&self) -> Option<String> {
        let until = self.steps.front()?.1.as_ref()?;
        Some(String::from_utf8_lossy(&until.filled(&self.values(&self.found)).1).into_owned())
    }

    /// Sends a message to its channel.
    pub(crate) fn send(&mut self, message: &[u8]) {
        self.send_to(self.channel, message);
    }

    /// Sends a message to this channel.
    pub(crate) fn send_to(&mut self, channel: u32, message: &[u8]) {
        if let Some(send) = &self.send {
            let frame = send.filled(&Values { channel, message, ..self.values(&self.found) });
            self.due.push(frame);
        }
    }

    fn values<'a>(&self, found: &'a BTreeMap<String, String>) -> Values<'a> {
        Values { channel: self.channel, subscriber: self.subscriber, message: b"", found }
    }

    /// Sends what is next, up to a step that waits.
    fn go_on(&mut self) {
        while let Some((send, until)) = self.steps.front_mut() {
            let (send, waits) = (send.take(), until.is_some());
            if let Some(send) = send {
                self.due.push(send.filled(&self.values(&self.found)));
            }
            if waits {
                break;
            }
            self.steps.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use model::target::{Answer, OpenStep};

    use super::*;

    fn text(text: &str) -> Option<Frame> {
        Some(Frame::Text(text.to_owned()))
    }

    fn due(script: &mut Script) -> Vec<String> {
        script.due().map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect()
    }

    #[test]
    fn steps_wait_for_what_they_name_and_answers_are_given_at_any_time() {
        let frames = Frames {
            open: vec![
                OpenStep { send: text("hello"), until: text("id={id};") },
                OpenStep { send: text("join {channel} as {id}"), until: None },
                OpenStep { send: None, until: text("joined") },
            ],
            answer: vec![
                Answer {
                    to: Frame::Text("ping {n}.".to_owned()),
                    whole: false,
                    send: Frame::Text("pong {n} {id}".to_owned()),
                },
                Answer { to: Frame::Text("2".to_owned()), whole: true, send: Frame::Text("3".to_owned()) },
            ],
        };
        let mut script = Script::new(&frames, None, 7, 1);
        assert_eq!(due(&mut script), ["hello"]);
        script.take(b"welcome");
        assert_eq!((due(&mut script), script.awaited()), (vec![], Some("id={id};".to_owned())));
        script.take(b"id=a1;");
        assert_eq!((due(&mut script), script.is_open()), (vec!["join 7 as a1".to_owned()], false));
        script.take(b"ping 1.");
        script.take(b"joined");
        script.take(b"ping 2.");
        script.take(b"2");
        assert_eq!(
            (due(&mut script), script.is_open()),
            (["pong 1 a1", "pong 2 a1", "3"].map(str::to_owned).to_vec(), true)
        );
    }
}

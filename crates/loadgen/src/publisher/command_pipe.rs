//! The publisher's way to a server by a command of the server's own: a line for each event on its standard input,
//! `channel TAB message`. An event is handed over when the pipe has taken its line.

use std::io::{self, ErrorKind, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use model::target::PublishCommand;
use protocol::message;

/// How long to wait for the status of a command that has closed its input.
const END: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(5);

/// Why nothing can be published any longer.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It has ended.
    #[error("the command that publishes ended by itself ({0}); it must read lines until its input ends")]
    Ended(ExitStatus),
    /// It takes no more lines.
    #[error("the command that publishes has closed its standard input; it must read lines until that ends")]
    Closed,
    /// The pipe failed.
    #[error("the pipe to the command that publishes failed")]
    Pipe(#[source] io::Error),
}

/// A command that publishes. Dropping this kills it.
#[derive(Debug)]
pub struct CommandPipe {
    child: Child,
    input: ChildStdin,
    /// What a line begins with.
    channel: String,
    line: BytesMut,
    /// Where the message starts in the line.
    message_at: usize,
    written: usize,
}

impl CommandPipe {
    /// Starts it. It writes its complaints to this process's standard error.
    /// Fails when it cannot be started.
    pub fn start(publish: &PublishCommand) -> io::Result<Self> {
        let (program, words) = publish.command.split_first().ok_or(ErrorKind::InvalidInput)?;
        let mut child =
            Command::new(program).args(words).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        let input = child.stdin.take().ok_or(ErrorKind::BrokenPipe)?;
        rustix::io::ioctl_fionbio(&input, true)?;
        let line = BytesMut::new();
        Ok(Self { child, input, channel: publish.channel.clone(), line, message_at: 0, written: 0 })
    }

    /// For waiting until it can be written.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }

    /// Whether a line is on its way; no other can be begun then.
    pub fn is_blocked(&self) -> bool {
        self.written < self.line.len()
    }

    /// Begins to publish `message`. Only when [not blocked](Self::is_blocked).
    pub fn begin(&mut self, channel: u32, message: &[u8]) {
        debug_assert!(!self.is_blocked(), "one message at a time");
        self.line.clear();
        self.line.extend_from_slice(self.channel.replace("{channel}", &channel.to_string()).as_bytes());
        self.line.extend_from_slice(b"\t");
        self.message_at = self.line.len();
        self.line.extend_from_slice(message);
        self.line.extend_from_slice(b"\n");
        self.written = 0;
    }

    /// Goes on. True when nothing is on its way any more.
    /// Fails when the command has ended or does not read any more.
    pub fn flush(&mut self) -> Result<bool, CommandError> {
        while self.is_blocked() {
            if self.written == 0 {
                let message = &mut self.line[self.message_at..];
                message::set_actual_ns(message, os::now_ns()).expect("the publisher sends messages");
            }
            match self.input.write(&self.line[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Err(self.closed()),
                Err(error) => return Err(CommandError::Pipe(error)),
            }
        }
        Ok(true)
    }

    /// Why the pipe has no reader any more. Its end comes a moment before the process can be waited for.
    pub fn closed(&mut self) -> CommandError {
        let deadline = Instant::now() + END;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(None) => thread::sleep(POLL),
                Ok(Some(status)) => return CommandError::Ended(status),
                Err(error) => return CommandError::Pipe(error),
            }
        }
        CommandError::Closed
    }
}

impl Drop for CommandPipe {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use protocol::message::{Message, PayloadKind, Stamp};

    use super::*;

    fn shell(script: &str) -> CommandPipe {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        CommandPipe::start(&PublishCommand { command, channel: "c{channel}".to_owned() }).unwrap()
    }

    fn message() -> Vec<u8> {
        Message { stamp: Stamp::default(), payload: b"x", kind: PayloadKind::Text }.to_bytes().to_vec()
    }

    #[test]
    fn a_message_is_a_line_with_its_channel() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lines");
        let mut pipe = shell(&format!("head -n 2 > {0}.tmp; mv {0}.tmp {0}", file.display()));
        for channel in [3, 4] {
            pipe.begin(channel, &message());
            assert!(pipe.flush().unwrap() && !pipe.is_blocked());
        }
        while !file.exists() {
            thread::sleep(POLL);
        }
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<_> = text.lines().map(|line| line.split_once('\t').unwrap()).collect();
        assert_eq!((lines[0].0, lines[1].0), ("c3", "c4"));
        assert!(Message::decode(lines[0].1.as_bytes()).unwrap().stamp.actual_ns > 0);
    }

    #[test]
    fn a_command_that_ends_is_reported_with_its_status() {
        let mut pipe = shell("exit 3");
        let error = loop {
            pipe.begin(0, &message());
            match pipe.flush() {
                Ok(_) => thread::sleep(POLL),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("ended by itself (exit status: 3)"), "{error}");
    }
}

//! How messages leave the publisher: by the feed, all that are due at once, by HTTP requests or WebSocket frames, one on each connection,
//! or as lines to a command; and why that fails.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use bytes::Bytes;
use rustix::event::PollFlags;

use super::caller::{Caller, PublisherError};
use super::command_pipe::CommandPipe;
use super::feed_connection::{FeedConnection, FeedError};
use super::replayable_feed::{ReplayableFeed, Successor};
use crate::faults::ServerRestart;
use crate::numbering::Numbering;

/// Messages that a feed is given in one write at most: they are stamped alike.
const AT_ONCE: usize = 32;

/// How a server takes events.
#[derive(Debug)]
pub enum Link {
    /// The feeds of its processes; each numbers what comes in.
    Feed(Feeds),
    /// The feed of a server that is restarted.
    Replayable(ReplayableFeed),
    /// HTTP requests, or frames on a WebSocket.
    Post {
        /// The connections, each for one message at a time. Nothing orders messages on different ones, so those that the
        /// publisher numbers are never of the same channel.
        connections: Vec<Box<dyn Caller>>,
        /// Whether the server answers each message.
        is_answered: bool,
        /// What the server takes the messages for.
        numbering: Numbering,
        /// Whether a message ends with a newline.
        newline: bool,
    },
    /// Lines to a command.
    Command(CommandPipe),
}

impl Link {
    /// Whether the server answers each message.
    pub(super) fn is_answered(&self) -> bool {
        matches!(self, Self::Post { is_answered: true, .. })
    }

    pub(super) fn numbering(&self) -> Numbering {
        match self {
            Self::Feed(_) | Self::Replayable(_) => Numbering::Server,
            Self::Post { numbering, .. } => *numbering,
            Self::Command(_) => Numbering::Publisher,
        }
    }

    /// What to wait for, given whether messages wait to be handed over.
    pub(super) fn wanted(&self, is_waited_for: bool) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let (feeds, feed, posts): (_, _, &[Box<dyn Caller>]) = match self {
            Self::Feed(feeds) => (Some(feeds.wanted(is_waited_for)), None, &[]),
            Self::Replayable(feed) => {
                (None, Some((feed.socket(), wanted_of_replayable(feed, is_waited_for))), &[])
            }
            Self::Post { connections, .. } => (None, None, connections),
            Self::Command(pipe) => {
                let wanted = if is_waited_for { PollFlags::OUT } else { PollFlags::empty() };
                (None, Some((pipe.socket(), wanted)), &[])
            }
        };
        // The next messages begin when every answer has come.
        let is_answered = posts.iter().all(|link| !link.is_blocked());
        let posts = posts.iter().filter_map(move |link| {
            let has_request = if link.is_blocked() { !link.is_awaiting() } else { is_answered };
            Some((link.socket()?, wanted_of_post(is_waited_for && has_request)))
        });
        feeds.into_iter().flatten().chain(feed).chain(posts)
    }

    /// The same feed with a log for the server that replaces this one, and the end that replays it; none where there is not
    /// exactly one feed.
    /// Fails when no pair of sockets can be had.
    pub(crate) fn make_replayable(
        self,
        server_restart: Arc<ServerRestart>,
    ) -> io::Result<(Self, Option<Successor>)> {
        match self {
            Self::Feed(feeds) => match feeds.single() {
                Ok(feed) => {
                    let (feed, successor) = ReplayableFeed::new(feed, server_restart)?;
                    Ok((Self::Replayable(feed), Some(successor)))
                }
                Err(feeds) => Ok((Self::Feed(feeds), None)),
            },
            other => Ok((other, None)),
        }
    }

    /// Notes that an event of this channel is due.
    pub(super) fn due(&self, channel: u32) {
        if let Self::Replayable(feed) = self {
            feed.due(channel);
        }
    }

    pub(super) fn is_blocked(&self) -> bool {
        match self {
            Self::Replayable(feed) => feed.is_blocked(),
            Self::Feed(feeds) => feeds.is_blocked(),
            Self::Post { connections, .. } => connections.iter().any(|link| link.is_blocked()),
            Self::Command(pipe) => pipe.is_blocked(),
        }
    }

    /// How many of the messages that wait, of these channels, may be begun before they are flushed.
    pub(super) fn at_once(&self, waiting: impl ExactSizeIterator<Item = u32>) -> usize {
        match self {
            Self::Feed(_) | Self::Replayable(_) => AT_ONCE.min(waiting.len()),
            Self::Command(_) => 1.min(waiting.len()),
            Self::Post { connections, numbering: Numbering::Server, .. } => {
                connections.len().min(waiting.len())
            }
            Self::Post { connections, numbering: Numbering::Publisher, .. } => {
                let mut channels = Vec::with_capacity(connections.len());
                let is_other = |channel: &u32| {
                    let is_other = !channels.contains(channel);
                    channels.push(*channel);
                    is_other
                };
                waiting.take(connections.len()).take_while(is_other).count()
            }
        }
    }

    pub(super) fn begin(&mut self, channel: u32, message: &[u8]) {
        match self {
            Self::Feed(feeds) => feeds.begin(channel, message),
            Self::Replayable(feed) => feed.begin(channel, message),
            Self::Command(pipe) => pipe.begin(channel, message),
            Self::Post { connections, newline, .. } => {
                if let Some(link) = connections.iter_mut().find(|link| !link.is_blocked()) {
                    link.begin(channel, message, *newline);
                }
            }
        }
    }

    pub(super) fn flush(&mut self) -> Result<bool, PublisherError> {
        match self {
            Self::Feed(feeds) => Ok(feeds.flush()?),
            Self::Replayable(feed) => Ok(feed.flush()?),
            Self::Command(pipe) => Ok(pipe.flush()?),
            Self::Post { connections, .. } => {
                let mut is_done = true;
                for link in connections {
                    is_done &= link.flush()?;
                }
                Ok(is_done)
            }
        }
    }

    /// Hands every message that came back to `take`; a server that is posted to sends none back.
    pub(super) fn receive(&mut self, take: impl FnMut(u32, Bytes)) -> Result<(), PublisherError> {
        match self {
            Self::Feed(feeds) => Ok(feeds.receive(take)?),
            Self::Replayable(feed) => Ok(feed.receive(take)?),
            // Only an error wakes its reader: nobody reads the lines any more.
            Self::Command(pipe) => Err(pipe.closed().into()),
            Self::Post { connections, .. } => connections.iter_mut().try_for_each(|link| link.receive()),
        }
    }
}

fn wanted_of_replayable(feed: &ReplayableFeed, is_waited_for: bool) -> PollFlags {
    // Where there is no server, the socket that signals the next one always has room.
    if is_waited_for && !feed.is_away() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN }
}

fn wanted_of_post(has_request: bool) -> PollFlags {
    if has_request { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN }
}

/// The feeds of all processes of a server: at least one. Each takes every event, in the same order, so that all number them
/// alike. A message is handed over when every one of them has taken it.
#[derive(Debug)]
pub struct Feeds(Vec<FeedConnection>);

impl From<FeedConnection> for Feeds {
    fn from(feed: FeedConnection) -> Self {
        Self(vec![feed])
    }
}

impl FromIterator<FeedConnection> for Feeds {
    fn from_iter<I: IntoIterator<Item = FeedConnection>>(feeds: I) -> Self {
        Self(feeds.into_iter().collect())
    }
}

impl Feeds {
    /// The one feed that these are; themselves where there is not exactly one.
    fn single(self) -> Result<FeedConnection, Self> {
        let [feed] = <[FeedConnection; 1]>::try_from(self.0).map_err(Self)?;
        Ok(feed)
    }

    /// What to wait for, given whether messages wait to be handed over. While one feed has no room, that the others have is
    /// nothing to wake for.
    fn wanted(&self, is_waited_for: bool) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let one_is_blocked = self.is_blocked();
        self.0.iter().map(move |feed| {
            let wants_room = feed.is_blocked() || (is_waited_for && !one_is_blocked);
            (feed.socket(), if wants_room { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN })
        })
    }

    fn is_blocked(&self) -> bool {
        self.0.iter().any(FeedConnection::is_blocked)
    }

    fn begin(&mut self, channel: u32, message: &[u8]) {
        for feed in &mut self.0 {
            feed.begin(channel, message);
        }
    }

    /// Continues sending; true when nothing is left to send to any process.
    fn flush(&mut self) -> Result<bool, FeedError> {
        let mut all = true;
        for feed in &mut self.0 {
            all &= feed.flush()?;
        }
        Ok(all)
    }

    fn receive(&mut self, mut take: impl FnMut(u32, Bytes)) -> Result<(), FeedError> {
        self.0.iter_mut().try_for_each(|feed| feed.receive(&mut take))
    }
}

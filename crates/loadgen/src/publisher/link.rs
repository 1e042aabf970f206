//! How messages leave the publisher: by the feed, or by HTTP requests. One at a time.

use std::os::fd::BorrowedFd;

use bytes::Bytes;
use rustix::event::PollFlags;

use super::PublisherError;
use crate::feed_link::FeedLink;
use crate::post_link::PostLink;

/// A connection to a server that takes events.
#[derive(Debug)]
pub enum Link {
    /// The feed; the server numbers what comes in.
    Feed(FeedLink),
    /// HTTP requests.
    Post {
        /// The connection.
        link: PostLink,
        /// What the server takes the messages for.
        numbering: Numbering,
        /// Whether a message ends with a newline.
        newline: bool,
    },
}

/// Who numbers messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    /// The server, as pushbench's own do.
    Server,
    /// The publisher: to the server, a message is any text.
    Publisher,
}

impl Link {
    pub(super) fn numbering(&self) -> Numbering {
        match self {
            Self::Feed(_) => Numbering::Server,
            Self::Post { numbering, .. } => *numbering,
        }
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        match self {
            Self::Feed(feed) => feed.socket(),
            Self::Post { link, .. } => link.socket(),
        }
    }

    /// What to wait for, given whether messages wait to be handed over.
    pub(super) fn wanted(&self, is_waited_for: bool) -> PollFlags {
        match self {
            // Room for the next message is not what is missing.
            Self::Post { link, .. } if link.is_awaiting() => PollFlags::IN,
            _ if is_waited_for => PollFlags::IN | PollFlags::OUT,
            _ => PollFlags::IN,
        }
    }

    pub(super) fn is_blocked(&self) -> bool {
        match self {
            Self::Feed(feed) => feed.is_blocked(),
            Self::Post { link, .. } => link.is_blocked(),
        }
    }

    pub(super) fn begin(&mut self, channel: u32, message: &[u8]) {
        match self {
            Self::Feed(feed) => feed.begin(channel, message),
            Self::Post { link, newline, .. } => link.begin(channel, message, *newline),
        }
    }

    pub(super) fn flush(&mut self) -> Result<bool, PublisherError> {
        match self {
            Self::Feed(feed) => Ok(feed.flush()?),
            Self::Post { link, .. } => Ok(link.flush()?),
        }
    }

    /// Hands every message that came back to `take`; a server that is posted to sends none back.
    pub(super) fn receive(&mut self, take: impl FnMut(Bytes)) -> Result<(), PublisherError> {
        match self {
            Self::Feed(feed) => Ok(feed.receive(take)?),
            Self::Post { link, .. } => Ok(link.receive()?),
        }
    }
}

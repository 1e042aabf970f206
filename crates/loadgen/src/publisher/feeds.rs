//! The feeds of all processes of a server: each takes every event, in the same order, so that all number them alike.

use std::os::fd::BorrowedFd;

use bytes::Bytes;
use rustix::event::PollFlags;

use crate::feed_link::{FeedError, FeedLink};

/// At least one feed. A message is handed over when every one of them has taken it.
#[derive(Debug)]
pub struct Feeds(Vec<FeedLink>);

impl From<FeedLink> for Feeds {
    fn from(feed: FeedLink) -> Self {
        Self(vec![feed])
    }
}

impl FromIterator<FeedLink> for Feeds {
    fn from_iter<I: IntoIterator<Item = FeedLink>>(feeds: I) -> Self {
        Self(feeds.into_iter().collect())
    }
}

impl Feeds {
    /// The one feed that these are; themselves where there is not exactly one.
    pub(super) fn single(self) -> Result<FeedLink, Self> {
        let [feed] = <[FeedLink; 1]>::try_from(self.0).map_err(Self)?;
        Ok(feed)
    }

    /// What to wait for, given whether messages wait to be handed over. While one feed has no room, that the others have is
    /// nothing to wake for.
    pub(super) fn wanted(&self, is_waited_for: bool) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let one_is_blocked = self.is_blocked();
        self.0.iter().map(move |feed| {
            let wants_room = feed.is_blocked() || (is_waited_for && !one_is_blocked);
            (feed.socket(), if wants_room { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN })
        })
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.0.iter().any(FeedLink::is_blocked)
    }

    pub(super) fn begin(&mut self, channel: u32, message: &[u8]) {
        for feed in &mut self.0 {
            feed.begin(channel, message);
        }
    }

    /// Goes on sending; true when nothing is left to send to anybody.
    pub(super) fn flush(&mut self) -> Result<bool, FeedError> {
        let mut all = true;
        for feed in &mut self.0 {
            all &= feed.flush()?;
        }
        Ok(all)
    }

    pub(super) fn receive(&mut self, mut take: impl FnMut(Bytes)) -> Result<(), FeedError> {
        self.0.iter_mut().try_for_each(|feed| feed.receive(&mut take))
    }
}

//! Certificates from files, and the feed.

mod certificate;
mod feed;

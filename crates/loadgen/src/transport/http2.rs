//! HTTP/2 connections (RFC 9113), each for as many subscribers as the settings say.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, Connection, SendRequest};
use hyper::rt::Executor;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::sync::{Mutex, Notify, watch};

use super::{ReclaimOnDrop, Stream, close};
use crate::subscriber::SubscribeError;

/// Flow-control windows as Chromium announces them (its SETTINGS_INITIAL_WINDOW_SIZE, and 65,535 plus its first
/// WINDOW_UPDATE): large enough that a server on this machine never waits for one, so that flow control is not what is
/// measured. RFC 9113 §6.5.2 begins with 65,535, one message of the largest payloads here.
const STREAM_WINDOW: u32 = 6 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 15 * 1024 * 1024;
/// A server that has extended CONNECT announces it in its first SETTINGS frame.
const SETTINGS_LIMIT: Duration = Duration::from_secs(2);

/// A shared connection. The last holder that drops it ends it.
#[derive(Clone)]
pub(crate) struct Http2(Rc<Inner>);

struct Inner {
    sender: SendRequest<Full<Bytes>>,
    extended_connect: watch::Receiver<bool>,
}

type Hyper = Connection<TokioIo<ReclaimOnDrop>, Full<Bytes>, OnThisThread>;

impl Http2 {
    pub(crate) async fn open(stream: Stream) -> Result<Self, SubscribeError> {
        let (stream, returned) = ReclaimOnDrop::new(stream);
        let read = Rc::new(Notify::new());
        let (sender, connection) = http2::Builder::new(OnThisThread)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(TokioIo::new(stream.notifying(&read)))
            .await?;
        let (allowed, extended_connect) = watch::channel(false);
        tokio::task::spawn_local(async move {
            drive(connection, &read, allowed).await;
            if let Ok(stream) = returned.await {
                close(stream).await;
            }
        });
        Ok(Self(Rc::new(Inner { sender, extended_connect })))
    }

    pub(crate) async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, SubscribeError> {
        Ok(self.0.sender.clone().send_request(request).await?)
    }

    /// Waits until the server allows extended CONNECT (RFC 8441 §3): a request with the method CONNECT and
    /// [`hyper::ext::Protocol`] among its extensions may then be sent, and its answer upgraded.
    /// Fails when it does not.
    pub(crate) async fn extended_connect(&self) -> Result<(), SubscribeError> {
        let mut allowed_now = self.0.extended_connect.clone();
        match tokio::time::timeout(SETTINGS_LIMIT, allowed_now.wait_for(|allowed| *allowed)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(SubscribeError::NoExtendedConnect),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.sender.is_closed()
    }
}

/// Runs until hyper has finished the connection. After each read it looks up what the server allows: hyper reports it in
/// no other way.
async fn drive(mut connection: Hyper, read: &Notify, allowed: watch::Sender<bool>) {
    loop {
        tokio::select! {
            // What goes wrong on it comes back from the exchange.
            _ = &mut connection => return,
            () = read.notified(), if !*allowed.borrow() => {
                // hyper's own task, which was woken before this one, has taken the frames in.
                allowed.send_replace(connection.is_extended_connect_protocol_enabled());
            }
        }
    }
}

/// The connections of a load thread that subscribers share.
#[derive(Default)]
pub(crate) struct Http2Pool {
    groups: RefCell<HashMap<u32, Rc<Mutex<Weak<Inner>>>>>,
}

impl Http2Pool {
    /// The connection at a group: the one that is there, or the one that `open` makes for the first subscriber, and again
    /// when it broke.
    pub(crate) async fn at(
        &self,
        group: u32,
        open: impl Future<Output = Result<Http2, SubscribeError>>,
    ) -> Result<Http2, SubscribeError> {
        let group = Rc::clone(self.groups.borrow_mut().entry(group).or_default());
        let mut there = group.lock().await;
        if let Some(connection) = there.upgrade().map(Http2)
            && !connection.is_closed()
        {
            return Ok(connection);
        }
        let connection = open.await?;
        *there = Rc::downgrade(&connection.0);
        Ok(connection)
    }
}

/// hyper's tasks stay on the load thread.
#[derive(Debug, Clone, Copy)]
struct OnThisThread;

impl<F: Future + 'static> Executor<F> for OnThisThread {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(async { drop(task.await) });
    }
}

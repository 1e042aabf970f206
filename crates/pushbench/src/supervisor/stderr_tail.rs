//! The end of a child's standard error.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long to wait for the end of a dead child's standard error: a grandchild may hold the pipe open.
const END: Duration = Duration::from_millis(500);
/// Bytes of standard error that are kept, the last ones.
const KEPT: usize = 2_048;

/// The last lines of a child's standard error; shown as nothing when there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StderrTail(String);

impl StderrTail {
    pub(crate) fn lines(&self) -> Option<&str> {
        Some(&*self.0).filter(|lines| !lines.is_empty())
    }
}

impl fmt::Display for StderrTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "; it said: {}", self.0) }
    }
}

/// Reads a child's standard error as it comes, so that the child never waits for its reader.
#[derive(Debug)]
pub(super) struct StderrReader {
    kept: Arc<Mutex<Vec<u8>>>,
    reading: JoinHandle<()>,
}

impl StderrReader {
    pub(super) fn start(error: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        Self { reading: tokio::spawn(keep_the_end(error, Arc::clone(&kept))), kept }
    }

    pub(super) async fn at_end(&mut self) -> StderrTail {
        // It may have been awaited before, and a finished task must not be awaited again.
        if !self.reading.is_finished() {
            // What has come by then is reported.
            let _ = timeout(END, &mut self.reading).await;
        }
        self.so_far()
    }

    pub(super) fn so_far(&self) -> StderrTail {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&kept).into_owned();
        let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        StderrTail(lines[lines.len().saturating_sub(5)..].join(" | "))
    }
}

async fn keep_the_end(mut error: impl AsyncRead + Unpin, kept: Arc<Mutex<Vec<u8>>>) {
    let mut part = [0; 1_024];
    while let Ok(count @ 1..) = error.read(&mut part).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&part[..count]);
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }
}

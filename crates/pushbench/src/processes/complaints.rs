//! What a child says on standard error.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long a dead child's last words are awaited: a grandchild may hold the pipe open.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Bytes of standard error that are kept, the last ones.
const KEPT: usize = 2_048;

/// The last lines of a child's standard error; shows as nothing when there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said(String);

impl Said {
    /// The lines, if there are any.
    pub(crate) fn words(&self) -> Option<&str> {
        Some(&*self.0).filter(|words| !words.is_empty())
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "; it said: {}", self.0) }
    }
}

/// The end of a child's standard error, read as it comes so that the child never waits for its reader.
#[derive(Debug)]
pub(super) struct Complaints {
    kept: Arc<Mutex<Vec<u8>>>,
    reading: JoinHandle<()>,
}

impl Complaints {
    /// Begins to read.
    pub(super) fn collect(error: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        Self { reading: tokio::spawn(keep_the_end(error, Arc::clone(&kept))), kept }
    }

    /// What there is once the child has ended.
    pub(super) async fn last_words(&mut self) -> Said {
        // They may have been asked for before, and a finished task must not be awaited again.
        if !self.reading.is_finished() {
            // Whatever has come by then is what there is to say.
            let _ = timeout(LAST_WORDS, &mut self.reading).await;
        }
        self.so_far()
    }

    /// What there is by now.
    pub(super) fn so_far(&self) -> Said {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&kept).into_owned();
        let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        Said(lines[lines.len().saturating_sub(5)..].join(" | "))
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

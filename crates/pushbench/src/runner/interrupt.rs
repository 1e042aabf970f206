//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends the process at once.
//!
//! A thread of its own listens, so that both are heard whatever the rest is doing. Children need no signal: they end
//! when their standard input does.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code of an interrupted run: 128 + SIGINT, as shells have it.
pub(crate) const EXIT_CODE: u8 = 130;

/// Whether somebody asked for the end. Clones all hear it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(CancellationToken);

impl Interrupt {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("set up the signal handlers")?;
        let interrupt = Self::default();
        let on = |kind| {
            let _context = runtime.enter();
            signal(kind).context("set up the signal handlers")
        };
        let (mut interrupted, mut terminated) = (on(SignalKind::interrupt())?, on(SignalKind::terminate())?);
        let asked = interrupt.0.clone();
        let listening = async move {
            loop {
                tokio::select! {
                    _ = interrupted.recv() => {}
                    _ = terminated.recv() => {}
                }
                if asked.is_cancelled() {
                    std::process::exit(i32::from(EXIT_CODE));
                }
                asked.cancel();
            }
        };
        std::thread::spawn(move || runtime.block_on(listening));
        Ok(interrupt)
    }

    /// Resolves once the end was asked for; at once if it has been.
    pub(crate) async fn requested(&self) {
        self.0.cancelled().await;
    }
}

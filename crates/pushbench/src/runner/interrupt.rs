//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends the process at once.
//!
//! A thread of its own listens, so that both are heard whatever the rest is doing. Children need no signal: they end
//! when their standard input does.

use std::io;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The exit code of an interrupted run: 128 + SIGINT, as shells have it.
pub(crate) const EXIT_CODE: u8 = 130;

/// Whether somebody asked for the end. Clones all hear it.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// When the handlers cannot be set up.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("set up the signal handlers")?;
        let (sender, receiver) = watch::channel(false);
        let signals = {
            let _context = runtime.enter();
            Signals::new().context("set up the signal handlers")?
        };
        std::thread::spawn(move || runtime.block_on(signals.relay(&sender)));
        Ok(Self(receiver))
    }

    /// Resolves once the end was asked for; at once if it has been.
    pub(crate) async fn requested(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|interrupted| *interrupted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn relay(mut self, sender: &watch::Sender<bool>) {
        self.next().await;
        sender.send_replace(true);
        self.next().await;
        std::process::exit(i32::from(EXIT_CODE));
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

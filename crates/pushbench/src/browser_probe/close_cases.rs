//! What clients see when a WebSocket ends: every [`Situation`] in every client, one after another.
//!
//! # Layout
//!
//! - [`situation`]: the ways of ending, by code
//! - [`conformance`]: what the standards have a client see of them
//! - [`stage`]: the server of a situation: ours, or one that breaks the rules
//! - [`breaker`]: that one
//! - [`mod@native`], [`page`]: what looks on

mod breaker;
mod conformance;
mod native;
mod page;
mod situation;
mod stage;

use std::net::SocketAddr;

use browser::{Browser, Certificates, Preferences, Scheme};
use model::close_case::{CloseCase, SeenEvent};
use model::settings::Client;

use native::Native;
use page::Page;
use situation::{Act, Ending, SITUATIONS, Situation};
use stage::Stage;

/// How a browser is started that is to look at certificates.
pub(super) const STRICT: Preferences =
    Preferences { certificates: Certificates::Trusted, scheme: Scheme::Light };

/// A closing, and the place of its situation.
pub(super) type Seen = (usize, CloseCase);

/// A client that tells what it sees.
trait Observer {
    /// Opens a socket, and returns once it is open or will never be.
    async fn open(&mut self, secure: bool, address: SocketAddr) -> anyhow::Result<()>;

    /// Does something on its own.
    async fn act(&mut self, act: &Act) -> anyhow::Result<()>;

    /// All that it saw, once the socket is closed.
    async fn events(&mut self) -> anyhow::Result<Vec<SeenEvent>>;
}

/// What the native client sees.
///
/// # Errors
///
/// When a server of the browser probe cannot be started.
pub(super) async fn native() -> anyhow::Result<Vec<Seen>> {
    all(Client::Native, &mut Native::default(), |_| true).await
}

/// What a page sees, of everything but certificates: the browser takes every one.
///
/// # Errors
///
/// When a server cannot be started, or the browser does not do what it is told.
pub(super) async fn in_pages(client: Client, browser: &mut Browser) -> anyhow::Result<Vec<Seen>> {
    all(client, &mut Page::open(browser).await?, |situation| !situation.is_secure()).await
}

/// What a page sees of a certificate that nobody vouches for. The browser is one that was started as [`STRICT`] says.
///
/// # Errors
///
/// As [`in_pages`].
pub(super) async fn of_certificates(client: Client, browser: &mut Browser) -> anyhow::Result<Vec<Seen>> {
    all(client, &mut Page::open(browser).await?, Situation::is_secure).await
}

/// By code, then by situation, then by client.
pub(super) fn in_order(mut seen: Vec<Seen>) -> Vec<CloseCase> {
    seen.sort_by_key(|(place, closing)| (closing.code, *place, closing.client));
    seen.into_iter().map(|(_, closing)| closing).collect()
}

async fn all(
    client: Client,
    observer: &mut impl Observer,
    wanted: impl Fn(&Situation) -> bool,
) -> anyhow::Result<Vec<Seen>> {
    let mut seen = Vec::new();
    let situations = SITUATIONS.iter().enumerate();
    for (place, situation) in
        situations.filter(|(_, situation)| situation.is_for(client) && wanted(situation))
    {
        seen.push((place, one(client, situation, observer).await?));
    }
    Ok(seen)
}

async fn one(
    client: Client,
    situation: &Situation,
    observer: &mut impl Observer,
) -> anyhow::Result<CloseCase> {
    let mut stage = Stage::set(situation).await?;
    observer.open(situation.is_secure(), stage.address).await?;
    if let Ending::ByClient { act, .. } = &situation.ending {
        observer.act(act).await?;
    }
    stage.play(situation)?;
    let events = observer.events().await?;
    let sent = stage.sent(situation).await?;
    Ok(CloseCase {
        code: situation.code,
        situation: situation.text.to_owned(),
        real: situation.real,
        by: situation.by,
        client,
        conforms: conformance::holds(situation.expected, client, sent.as_ref(), &events),
        sent,
        events,
    })
}

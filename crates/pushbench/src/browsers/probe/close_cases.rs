//! What clients observe when a WebSocket ends: every [`Case`] in every client, one after another.

use browser::{Browser, Certificates, Preferences, Scheme};
use model::close_case::CloseCase;
use model::settings::Client;

use super::case_server::CaseServer;
use super::cases::{CASES, Case, Ending};
use super::conformance;
use super::observers::{NativeObserver, Observer, PageObserver};

/// Preferences of a browser that checks certificates.
pub(super) const STRICT: Preferences =
    Preferences { certificates: Certificates::Trusted, scheme: Scheme::Light };

/// An observed case, and its index in [`CASES`].
pub(super) type OrderedCase = (usize, CloseCase);

/// What the native client observes. Fails if a server cannot be started.
pub(super) async fn native() -> anyhow::Result<Vec<OrderedCase>> {
    observe_all(Client::Native, &mut NativeObserver::default(), |_| true).await
}

/// What a page observes of everything but certificates, all of which this browser accepts. Fails if a server cannot be
/// started or a command of the browser fails.
pub(super) async fn in_pages(client: Client, browser: &mut Browser) -> anyhow::Result<Vec<OrderedCase>> {
    observe_all(client, &mut PageObserver::open(browser).await?, |case| !case.is_secure()).await
}

/// What a page observes of a certificate without an authority, in a browser that was started with [`STRICT`].
pub(super) async fn of_certificates(
    client: Client,
    browser: &mut Browser,
) -> anyhow::Result<Vec<OrderedCase>> {
    observe_all(client, &mut PageObserver::open(browser).await?, Case::is_secure).await
}

/// By code, then by case, then by client.
pub(super) fn in_order(mut observed: Vec<OrderedCase>) -> Vec<CloseCase> {
    observed.sort_by_key(|(index, case)| (case.code, *index, case.client));
    observed.into_iter().map(|(_, case)| case).collect()
}

async fn observe_all(
    client: Client,
    observer: &mut impl Observer,
    condition: impl Fn(&Case) -> bool,
) -> anyhow::Result<Vec<OrderedCase>> {
    let mut observed = Vec::new();
    for (index, case) in CASES.iter().enumerate() {
        if case.is_for(client) && condition(case) {
            observed.push((index, observe(client, case, observer).await?));
        }
    }
    Ok(observed)
}

async fn observe(client: Client, case: &Case, observer: &mut impl Observer) -> anyhow::Result<CloseCase> {
    let mut server = CaseServer::start(case).await?;
    observer.open(case.is_secure(), server.address).await?;
    if let Ending::ByClient { action, .. } = &case.ending {
        observer.act(action).await?;
    }
    server.end(case)?;
    let events = observer.events().await?;
    let sent = server.sent(case).await?;
    Ok(CloseCase {
        code: case.code,
        situation: case.text.to_owned(),
        real: case.real,
        by: case.by,
        client,
        conforms: conformance::holds(case.expected, client, sent.as_ref(), &events),
        sent,
        events,
    })
}

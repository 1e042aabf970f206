//! The browser of each client.

use browser::BrowserKind;
use model::settings::Client;

/// Every client.
pub(crate) const CLIENTS: [Client; 3] = [Client::Native, Client::Chromium, Client::Firefox];

/// The browser whose pages this client is; none for the native client.
pub(crate) fn browser_of(client: Client) -> Option<BrowserKind> {
    match client {
        Client::Native => None,
        Client::Chromium => Some(BrowserKind::Chromium),
        Client::Firefox => Some(BrowserKind::Firefox),
    }
}

/// A client's name on the command line, in scenario files and in file names.
pub(crate) fn name(client: Client) -> &'static str {
    browser_of(client).map_or("native", BrowserKind::name)
}

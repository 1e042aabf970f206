//! The long-polling server (RFC 6202 §2): a request is held until there is a message. [`server_kit::polling`] with a hold.

use std::io;

pub use server_kit::polling::encode;
use server_kit::settings::EmptyAnswer;
use server_kit::{Hub, Settings, Stop, polling};
use tokio::net::TcpListener;

/// Serves until `stop`. Requests that are held then are answered `204`.
/// Fails when accepting fails for good.
pub async fn serve(listener: TcpListener, hub: Hub, settings: Settings, stop: Stop) -> io::Result<()> {
    let hold = settings.hold;
    polling::serve(listener, hub, settings, stop, hold, EmptyAnswer::NoContent).await
}

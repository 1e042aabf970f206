//! The short-polling server: the client asks at an interval, and is answered at once. [`server_kit::polling`] without a hold.

use std::io;
use std::time::Duration;

pub use server_kit::polling::encode;
use server_kit::{Hub, Settings, Stop, polling};
use tokio::net::TcpListener;

/// Serves until `stop`.
/// Fails when accepting fails for good.
pub async fn serve(listener: TcpListener, hub: Hub, settings: Settings, stop: Stop) -> io::Result<()> {
    let empty = settings.empty;
    polling::serve(listener, hub, settings, stop, Duration::ZERO, empty).await
}

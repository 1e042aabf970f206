//! axum as its examples use it, to be measured beside pushbench's own servers (`targets/axum.toml`): a broadcast channel of tokio behind
//! its Server-Sent Events and its WebSocket.
//!
//! ```text
//! axum-target PORT
//! ```
//!
//! `GET /sse?channel=N` and the WebSocket `/ws?channel=N` subscribe; `POST /publish?channel=N` sends the body to everybody in the channel.
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use axum::Router;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::broadcast;

/// Events that a slow subscriber may be behind.
const CAPACITY: usize = 4_096;

#[derive(Deserialize)]
struct Channel {
    channel: u32,
}

#[derive(Clone, Default)]
struct Channels(Arc<Mutex<HashMap<u32, broadcast::Sender<Utf8Bytes>>>>);

impl Channels {
    fn sender(&self, Query(Channel { channel }): Query<Channel>) -> broadcast::Sender<Utf8Bytes> {
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        channels.entry(channel).or_insert_with(|| broadcast::channel(CAPACITY).0).clone()
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let argument = std::env::args().nth(1).context("name a port")?;
    if argument == "--version" {
        println!("axum {}", version().context("find axum in Cargo.lock")?);
        return Ok(());
    }
    let port: u16 = argument.parse().context("a port is a number")?;
    let app = Router::new()
        .route("/publish", post(publish))
        .route("/sse", get(sse))
        .route("/ws", get(websocket))
        .with_state(Channels::default());
    let listener = TcpListener::bind(("127.0.0.1", port)).await.context("listen")?;
    axum::serve(listener, app).await.context("serve")
}

/// axum's, which does not say it itself.
fn version() -> Option<&'static str> {
    include_str!("../Cargo.lock").split_once("name = \"axum\"\nversion = \"")?.1.split('"').next()
}

async fn publish(State(channels): State<Channels>, channel: Query<Channel>, body: String) -> StatusCode {
    // An error means that nobody listens.
    let _ = channels.sender(channel).send(body.into());
    StatusCode::NO_CONTENT
}

async fn sse(State(channels): State<Channels>, channel: Query<Channel>) -> impl IntoResponse {
    let messages = channels.sender(channel).subscribe();
    Sse::new(stream::unfold(messages, async |mut messages| {
        let message = messages.recv().await.ok()?;
        Some((Ok::<_, Infallible>(Event::default().data(&*message)), messages))
    }))
}

async fn websocket(
    upgrade: WebSocketUpgrade,
    State(channels): State<Channels>,
    channel: Query<Channel>,
) -> Response {
    let messages = channels.sender(channel).subscribe();
    upgrade.on_upgrade(|socket| send(socket, messages))
}

async fn send(mut socket: WebSocket, mut messages: broadcast::Receiver<Utf8Bytes>) {
    loop {
        tokio::select! {
            message = messages.recv() => {
                let Ok(message) = message else { return };
                if socket.send(Message::Text(message)).await.is_err() {
                    return;
                }
            }
            received = socket.recv() => if !matches!(received, Some(Ok(_))) { return },
        }
    }
}

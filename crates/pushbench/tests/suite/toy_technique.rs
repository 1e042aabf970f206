//! A technique of nothing but a server half and a client half: the registry's constructor makes the rest of it, and a trial runs.

use futures_util::FutureExt as _;
use loadgen::trial;
use model::settings::{Events, Phases, Settings, Subscribers};
use model::trial::{ServerSpec, TrialSpec};
use server_kit::{Hub, feed};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Builder;

use crate::registry::Technique;

static TOY: Technique = Technique::new(
    "toy",
    "Toy",
    "frames, and nothing but frames",
    server!(server),
    client!(client::subscribe),
);

/// The server half: a hello of channel and cursor, then a frame per event.
mod server {
    use std::io;

    use bytes::Bytes;
    use protocol::Resume;
    use protocol::frame::{self, Decoder};
    use server_kit::listener::{self, Acceptor};
    use server_kit::stream::Stream;
    use server_kit::{Hub, Settings, Stop};
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    pub(super) fn encode(_seq: u64, message: &Bytes) -> Bytes {
        frame::encode(message)
    }

    pub(super) async fn serve(
        listener: TcpListener,
        hub: Hub,
        settings: Settings,
        stop: Stop,
    ) -> io::Result<()> {
        let acceptor = Acceptor::new(&settings, &hub, None);
        let site = (hub, stop.clone());
        listener::accept(listener, acceptor, &stop, move |stream, _| {
            let (hub, stop) = site.clone();
            async move {
                tokio::select! {
                    _ = talk(stream, &hub) => {}
                    () = stop.requested() => {}
                }
            }
        })
        .await
    }

    /// Ends with nothing when the connection does.
    async fn talk(mut stream: Stream, hub: &Hub) -> Option<()> {
        let mut frames = Decoder::new(hub.message_bytes());
        let hello = loop {
            match frames.next_body().ok()? {
                Some(body) => break body,
                None if stream.read_into(frames.buffer()).await.ok()? == 0 => return None,
                None => {}
            }
        };
        let resume = Resume::from_query(std::str::from_utf8(&hello).ok()?).ok()?;
        let mut subscription = hub.subscribe(resume).ok()?;
        loop {
            let run = subscription.next_run(64 * 1024).await.ok()?;
            stream.write_all(&run.bytes).await.ok()?;
        }
    }
}

/// The client half, of the load generator's public interface alone.
mod client {
    use loadgen::Session;
    use loadgen::byte_accounting::Protocol;
    use loadgen::subscriber::{MESSAGE_LIMIT, SubscribeError};
    use protocol::frame::{self, Decoder};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    pub(super) async fn subscribe(session: Session) -> Result<(), SubscribeError> {
        let mut stream = session.connect(Protocol::RawTcp).await?;
        stream.write_all(&frame::encode(session.resume().to_string().as_bytes())).await?;
        session.connected();
        let mut frames = Decoder::new(MESSAGE_LIMIT);
        loop {
            tokio::select! {
                read = stream.read_buf(frames.buffer()) => if read? == 0 { break },
                () = session.stopped() => break,
            }
            frames.drain(|message| {
                session.received(message);
                session.response(1);
                Ok::<_, SubscribeError>(())
            })?;
        }
        loadgen::transport::close(stream).await;
        Ok(())
    }
}

#[test]
fn a_technique_of_two_halves_runs_a_trial() {
    const MS: u64 = 1_000_000;
    assert!(!TOY.baseline && TOY.page_client.is_none() && (TOY.unsupported)(&Settings::default()).is_none());
    let settings = Settings {
        events: Events { rate_per_s: 500.0, ..Settings::default().events },
        subscribers: Subscribers { count: 3, channels: 1, added_delay_ns: 0 },
        phases: Phases { warm_up_ns: 100 * MS, window_ns: 200 * MS, drain_ns: 5_000 * MS },
        ..Settings::default()
    };
    let folder = tempfile::tempdir().expect("a folder for the feed");
    let feed_path = folder.path().join("feed");
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let (stopper, stop) = server_kit::lifetime::channel();
    let (address, serving) = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server_settings = server_kit::Settings::from(&settings);
        let hub = Hub::new((TOY.encode)(&server_settings), &server_settings);
        let feed = UnixListener::bind(&feed_path).expect("a free path");
        tokio::spawn(feed::serve(feed, hub.clone(), stop.clone()));
        (address, tokio::spawn((TOY.serve)(listener, hub, server_settings, stop)))
    });
    let server = ServerSpec {
        feed: feed_path.to_str().map(str::to_owned),
        pid: Some(std::process::id()),
        ..ServerSpec::at(address)
    };
    let outcome = trial::run(&TrialSpec::new(TOY.slug, server, settings), TOY.subscribe).expect("a trial");
    let counts = &outcome.counts;
    assert_eq!((counts.published, counts.expected, counts.delivered, counts.lost), (100, 300, 300, 0));
    assert_eq!(outcome.bytes.total.down.wire(), outcome.bytes.socket_read);
    stopper.stop();
    runtime.block_on(serving).expect("no panic").expect("the server ends well");
}

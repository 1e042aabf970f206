//! The feed over a real Unix socket: publishing, bad frames, several publishers, messages to the application.

use bytes::{Bytes, BytesMut};
use protocol::frame::{DISMISSAL, encode_dismissal, encode_feed, encode_listening, encode_log_end};
use protocol::message::PayloadKind;
use protocol::{Message, Resume, Stamp, Start};
use server_kit::hub::SessionClose;
use server_kit::settings::UplinkTo;
use server_kit::{Hub, Settings, Stopper, feed, lifetime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

fn message(payload: &str) -> BytesMut {
    let message = Message { stamp: Stamp::default(), payload: payload.as_bytes(), kind: PayloadKind::Text };
    BytesMut::from(&message.to_bytes()[..])
}

struct Fixture {
    hub: Hub,
    folder: tempfile::TempDir,
    stopper: Stopper,
    task: JoinHandle<std::io::Result<()>>,
}

impl Fixture {
    fn start(settings: &Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("feed")).unwrap();
        let hub = Hub::new(|_, message: &Bytes| message.clone(), settings);
        let (stopper, stop) = lifetime::channel();
        let task = tokio::spawn(feed::serve(listener, hub.clone(), stop));
        Self { hub, folder, stopper, task }
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join("feed")).await.unwrap()
    }

    /// Publishes this as the first event of channel 0, behind other frames.
    async fn published(&self, publisher: &mut UnixStream, before: &[u8], payload: &str) {
        publisher.write_all(&[before, &encode_feed(0, &message(payload))].concat()).await.unwrap();
        assert_eq!(self.payload(0, 1).await, payload);
    }

    async fn payload(&self, channel: u32, seq: u64) -> String {
        let resume = Resume { channel, start: Start::After(seq - 1) };
        let event = self.hub.subscribe(resume).unwrap().next_run(0).await.unwrap();
        String::from_utf8(Message::decode(&event.bytes).unwrap().payload.to_vec()).unwrap()
    }
}

#[tokio::test]
async fn several_publishers_publish_into_their_channels_however_their_frames_are_cut() {
    let fixture = Fixture::start(&Settings::default());
    let (mut one, mut other) = (fixture.connect().await, fixture.connect().await);
    let frames = [encode_feed(0, &message("a")), encode_feed(5, &message("b"))].concat();
    one.write_all(&frames[..70]).await.unwrap();
    assert_eq!(fixture.payload(0, 1).await, "a");
    other.write_all(&encode_feed(0, &message("c"))).await.unwrap();
    assert_eq!(fixture.payload(0, 2).await, "c");
    one.write_all(&frames[70..]).await.unwrap();
    assert_eq!(fixture.payload(5, 1).await, "b");
}

#[tokio::test]
async fn what_is_no_frame_closes_its_connection_and_no_other() {
    let fixture = Fixture::start(&Settings::default());
    let mut good = fixture.connect().await;
    for bad_frame in [
        &b"\0\0\0\x02no"[..],
        b"\xff\xff\xff\xff",
        &encode_feed(0, b"no message"),
        &encode_feed(1 << 20, &message("x")),
        &encode_feed(DISMISSAL, b"\x0f"),
        &encode_feed(DISMISSAL, b"\x0f\xa0\xff"),
        &encode_dismissal(1006, "never sent"),
    ] {
        let mut bad = fixture.connect().await;
        bad.write_all(bad_frame).await.unwrap();
        assert_eq!(bad.read(&mut [0; 8]).await.unwrap(), 0, "{}", bad_frame.escape_ascii());
    }
    fixture.published(&mut good, b"", "still there").await;
}

#[tokio::test]
async fn a_frame_that_ends_the_sessions_is_passed_on_and_what_is_behind_it_is_published() {
    let fixture = Fixture::start(&Settings::default());
    let mut listener = fixture.hub.close_listener();
    let mut application = fixture.connect().await;
    fixture.published(&mut application, &encode_dismissal(4000, "bye"), "x").await;
    assert_eq!(*listener.recv().await, SessionClose { code: 4000, reason: "bye".to_owned() });
}

#[tokio::test]
async fn messages_to_the_application_come_back_as_frames() {
    let fixture = Fixture::start(&Settings { uplink: UplinkTo::Application, ..Settings::default() });
    let mut application = fixture.connect().await;
    // Once its event is there, the connection is known to be served.
    fixture.published(&mut application, b"", "x").await;
    fixture.hub.uplink(4, &message("up")).unwrap();
    let expected = encode_feed(4, &message("up"));
    let mut got = vec![0; expected.len()];
    application.read_exact(&mut got).await.unwrap();
    assert_eq!((&got, fixture.hub.undelivered()), (&expected.to_vec(), 0));
}

#[tokio::test]
async fn a_stop_closes_the_connections() {
    let fixture = Fixture::start(&Settings::default());
    let mut publisher = fixture.connect().await;
    fixture.published(&mut publisher, b"", "x").await;
    fixture.stopper.stop();
    fixture.task.await.unwrap().unwrap();
    assert_eq!(publisher.read(&mut [0; 8]).await.unwrap(), 0);
}

/// A hub, and the address of a feed that takes a log before anything else.
fn before_the_log() -> (Hub, UnixListener, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("feed")).unwrap();
    (Hub::new(|_, message: &Bytes| message.clone(), &Settings::default()), listener, folder)
}

#[tokio::test]
async fn a_log_is_numbered_on_and_what_follows_it_comes_by_the_same_connection() {
    let (hub, listener, folder) = before_the_log();
    let mut application = UnixStream::connect(folder.path().join("feed")).await.unwrap();
    let log = [encode_feed(0, &message("a")), encode_feed(3, &message("b")), encode_feed(0, &message("c"))];
    let all = [log.concat(), encode_log_end().to_vec(), encode_feed(0, &message("d")).to_vec()].concat();
    // Cut in the middle of the log, and sent on in a word with what follows it.
    application.write_all(&all[..70]).await.unwrap();
    let (taken, ()) = tokio::join!(feed::take_log(&listener, &hub), async {
        application.write_all(&all[70..]).await.unwrap();
    });
    let mut taken = taken.unwrap();
    let head = |channel| hub.subscribe(Resume { channel, start: Start::Fresh }).unwrap().position();
    assert_eq!((head(0), head(3)), (2, 1), "what follows the log is not of it");

    taken.send_listening(77).await.unwrap();
    let mut reply = vec![0; encode_listening(77).len()];
    application.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply, encode_listening(77));
    let (_stopper, stop) = lifetime::channel();
    tokio::spawn(feed::serve_behind(Some(taken), listener, hub.clone(), stop));
    let mut subscription = hub.subscribe(Resume { channel: 0, start: Start::After(2) }).unwrap();
    assert_eq!(subscription.next_run(0).await.unwrap().last, 3);
}

#[tokio::test]
async fn an_application_that_goes_before_its_logs_end_or_sends_no_frame_is_reported() {
    for (sent, expected) in [
        (encode_feed(0, &message("a")).to_vec(), "the application went before it had given its log"),
        (b"\xff\xff\xff\xff".to_vec(), "a frame of 4294967295 bytes is over the limit of 65540"),
    ] {
        let (hub, listener, folder) = before_the_log();
        let mut application = UnixStream::connect(folder.path().join("feed")).await.unwrap();
        application.write_all(&sent).await.unwrap();
        drop(application);
        assert_eq!(feed::take_log(&listener, &hub).await.unwrap_err().to_string(), expected);
    }
}

#[tokio::test]
async fn to_a_server_that_listens_already_a_logs_end_says_nothing() {
    let fixture = Fixture::start(&Settings::default());
    let mut application = fixture.connect().await;
    let frames = [encode_log_end(), encode_feed(0, &message("x")), encode_log_end()].concat();
    application.write_all(&frames).await.unwrap();
    assert_eq!(fixture.payload(0, 1).await, "x");
}

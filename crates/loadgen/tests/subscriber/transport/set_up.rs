//! What it takes to be connected.

use loadgen::subscriber::{polling, raw_tcp};
use model::settings::Settings;
use protocol::message::PayloadKind;
use protocol::{Message, Stamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::{spawn_local, yield_now};

use crate::rig::{Rig, run, settings, until};

#[test]
fn each_subscriber_counts_to_its_own_connection_and_nothing_later() {
    run(async {
        let rig = Rig::new(settings()).await;
        let mut streams = Vec::new();
        for index in 0..3 {
            spawn_local(raw_tcp::subscribe(rig.session_of(index)));
            let mut stream = rig.accept_counted().await;
            until(|| rig.worker.connected() == u64::from(index) + 1).await;
            stream.write_all(&protocol::frame::encode(b"no message")).await.unwrap();
            streams.push(stream);
        }
        until(|| rig.worker.snapshot().socket_read == 3 * 14).await;
        let set_ups = rig.worker.take_set_ups();
        assert_eq!((set_ups.elapsed.len(), set_ups.account.up.handshake), (3, 3 * 21));
        assert_eq!(set_ups.account.wire(), 3 * 21);
    });
}

/// A greeting as the answer to a poll.
fn greeting() -> Vec<u8> {
    let stamp = Stamp { seq: 7, intended_ns: 0, actual_ns: 0 };
    let line =
        protocol::lines::encode(&Message { stamp, payload: b"{}", kind: PayloadKind::Json }.to_bytes());
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", line.len());
    [head.as_bytes(), &line].concat()
}

#[test]
fn a_poller_that_was_greeted_rests_until_all_are_connected() {
    run(async {
        for is_long in [false, true] {
            let settings = Settings { greeting: true, ..settings() };
            let rig = Rig::new(settings).await;
            let session = rig.session_of(0);
            let _subscriber = spawn_local(async move {
                if is_long { polling::long(session).await } else { polling::short(session).await }
            });
            let mut stream = rig.accept_counted().await;
            let mut room = [0; 1024];
            let asked = stream.read(&mut room).await.unwrap();
            stream.write_all(&greeting()).await.unwrap();
            until(|| rig.worker.connected() == 1).await;
            for _ in 0..1000 {
                yield_now().await;
            }
            let counters = rig.worker.snapshot().counters;
            assert_eq!((counters.requests, counters.greetings), (1, 1));
            let set_ups = rig.worker.take_set_ups();
            assert_eq!(set_ups.account.up.wire(), asked as u64);

            rig.worker.open(0..1);
            assert!(stream.read(&mut room).await.unwrap() > 0);
            assert_eq!(rig.worker.snapshot().counters.requests, 2);
        }
    });
}

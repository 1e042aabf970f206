//! How a subscriber stops.

use loadgen::subscriber::{raw_tcp, websocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_local;

use crate::rig::{OVER_HTTP, Rig, run, settings, until};

#[test]
fn a_request_that_is_held_is_dropped_and_its_connection_closed() {
    run(async {
        for (technique, subscribe) in OVER_HTTP {
            let mut rig = Rig::new(settings()).await;
            let subscriber = spawn_local(subscribe(rig.session()));
            let (mut stream, _) = rig.accept().await;
            rig.stopper.stop();
            subscriber.await.unwrap().unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "{technique}");
        }
    });
}

#[test]
fn a_websocket_closes_with_1000_and_waits_for_the_answer() {
    run(async {
        let mut rig = Rig::new(settings()).await;
        let session = rig.session();
        let subscriber = spawn_local(websocket::subscribe(session.clone()));
        let mut stream = rig.accept_websocket().await;
        until(|| session.is_connected()).await;
        rig.stopper.stop();
        let mut close = [0; 2 + 4 + 2];
        stream.read_exact(&mut close).await.unwrap();
        let code = [close[6] ^ close[2], close[7] ^ close[3]];
        assert_eq!((close[0], close[1], u16::from_be_bytes(code)), (0x88, 0x82, 1_000));
        assert!(!subscriber.is_finished());
        stream.write_all(b"\x88\x02\x03\xe8").await.unwrap();
        drop(stream);
        subscriber.await.unwrap().unwrap();
        assert_eq!(rig.worker.snapshot().account.down.control, 4);
    });
}

#[test]
fn a_server_that_does_not_answer_a_close_is_left() {
    run(async {
        let mut rig = Rig::new(settings()).await;
        let session = rig.session();
        let subscriber = spawn_local(websocket::subscribe(session.clone()));
        let _stream = rig.accept_websocket().await;
        until(|| session.is_connected()).await;
        rig.stopper.stop();
        subscriber.await.unwrap().unwrap();
    });
}

#[test]
fn a_server_that_does_not_answer_the_upgrade_is_left() {
    run(async {
        let mut rig = Rig::new(settings()).await;
        let subscriber = spawn_local(websocket::subscribe(rig.session()));
        let _accepted = rig.accept().await;
        rig.stopper.stop();
        subscriber.await.unwrap().unwrap();
    });
}

#[test]
fn raw_tcp_shuts_its_side_down() {
    run(async {
        let mut rig = Rig::new(settings()).await;
        let session = rig.session();
        let subscriber = spawn_local(raw_tcp::subscribe(session.clone()));
        let (mut stream, _) = rig.listener.accept().await.unwrap();
        until(|| session.is_connected()).await;
        rig.stopper.stop();
        subscriber.await.unwrap().unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"\0\0\0\x11channel=0&after=0");
    });
}

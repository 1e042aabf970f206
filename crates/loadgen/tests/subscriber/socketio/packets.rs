//! Acknowledgements and attachments, as a subscriber answers them and by hand.

use bytes::Bytes;
use loadgen::subscriber::socketio::{self, Socket};
use model::settings::SocketIoTransports::{Polling, Websocket};
use protocol::socket_io::{Argument, Kind, Packet};
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_local;

use super::server::{
    JOINED, OPEN, answer, by, frame, joined, next_frame, next_text, request, say, take_poll, take_websocket,
};
use crate::rig::{Rig, event, run};

#[test]
fn a_message_that_wants_an_answer_gets_one_and_one_of_bytes_is_put_together() {
    run(async {
        let mut rig = Rig::new(by(Polling)).await;
        let _subscriber = spawn_local(socketio::subscribe(rig.session()));
        let (mut polls, mut posts) = joined(&rig).await;
        let text = String::from_utf8(event(1)).unwrap();
        let base64 = base64(&event(2));
        let said = format!(
            "4212[\"message\",{text}]\x1e451-13[\"message\",{{\"_placeholder\":true,\"num\":0}}]\x1eb{base64}"
        );
        answer(&mut polls, &said).await;
        take_poll(&mut polls).await;
        assert_eq!(request(&mut posts).await.1, "4312[]\x1e4313[]");
        let counters = rig.worker.snapshot().counters;
        assert_eq!((counters.events, counters.unreadable), (2, 0));
    });
}

#[test]
fn what_nobody_listens_for_is_passed_over() {
    run(async {
        let mut rig = Rig::new(by(Polling)).await;
        let _subscriber = spawn_local(socketio::subscribe(rig.session()));
        let (mut polls, _posts) = joined(&rig).await;
        let others = ["42[\"news\",1]", "421[\"news\"]", "431[]", "42/admin,[\"message\",1]", "3", "6"];
        answer(&mut polls, &others.join("\x1e")).await;
        take_poll(&mut polls).await;
        assert_eq!(rig.worker.snapshot().counters.events, 0);
    });
}

#[test]
fn events_and_answers_go_both_ways_with_their_attachments_in_frames_of_their_own() {
    run(async {
        let mut rig = Rig::new(by(Websocket)).await;
        let opening = spawn_local(Socket::open(rig.session()));
        let mut websocket = take_websocket(&rig, "").await;
        say(&mut websocket, OPEN).await;
        next_text(&mut websocket).await;
        say(&mut websocket, JOINED).await;
        let mut socket = opening.await.unwrap().unwrap();

        let buffer = Argument::Binary(Bytes::from_static(&[1, 2, 3, 4]));
        socket.send(&Packet::event("foo", &[buffer.clone(), Argument::Json("7".into())], Some(14)));
        let placeholder = r#"{"_placeholder":true,"num":0}"#;
        assert_eq!(next_text(&mut websocket).await, format!("451-14[\"foo\",{placeholder},7]"));
        assert_eq!(next_frame(&mut websocket).await, (2, vec![1, 2, 3, 4]));

        say(&mut websocket, &format!("461-14[\"bar\",{placeholder}]")).await;
        websocket.write_all(&frame(2, &[1, 2, 3, 4])).await.unwrap();
        let answered = socket.next().await.unwrap();
        assert_eq!((answered.kind, answered.id), (Kind::BinaryAck, Some(14)));
        assert_eq!(answered.arguments().unwrap(), [Argument::Json("\"bar\"".into()), buffer]);

        say(&mut websocket, "41").await;
        assert_eq!(socket.next().await, None);
        socket.ended().await.unwrap();
    });
}

fn base64(bytes: &[u8]) -> String {
    let mut body = bytes::BytesMut::new();
    protocol::engine_io::Packet::Binary(Bytes::copy_from_slice(bytes)).push_record(&mut body);
    String::from_utf8(body[1..].to_vec()).unwrap()
}

//! The examples of the protocol documents, raw bytes in and out.
//!
//! Of `socketio/socket.io`: `docs/engine.io-protocol/v4-current.md` and `docs/socket.io-protocol/v5-current.md`. Each
//! row names the section that it is taken from.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use protocol::engine_io::{self, Handshake};
use protocol::socket_io::{self, Argument};

fn bytes(text: &'static [u8]) -> Bytes {
    Bytes::from_static(text)
}

mod engine_io_v4 {
    use super::*;
    use engine_io::Kind::{self, Message, Noop, Ping, Pong, Upgrade};
    use engine_io::{Decoder, Packet};

    fn text(kind: Kind, data: &'static str) -> Packet {
        Packet::Text(kind, bytes(data.as_bytes()))
    }

    fn decode(body: &[u8]) -> Vec<Packet> {
        let mut decoder = Decoder::new(1_000);
        decoder.push(body);
        let mut packets = Vec::new();
        while let Some(packet) = decoder.next_packet().unwrap() {
            packets.push(packet);
        }
        packets.push(decoder.finish().unwrap());
        packets
    }

    #[test]
    fn packet_types_have_the_ids_of_the_table() {
        // "Protocol"
        let kinds = [Kind::Open, Kind::Close, Ping, Pong, Message, Upgrade, Noop];
        for (kind, id) in kinds.into_iter().zip(b'0'..) {
            assert_eq!((kind.digit(), Kind::of(id)), (id, Some(kind)));
        }
        for none in [b'7', b'/', b'b', 0, 0xff] {
            assert_eq!(Kind::of(none), None);
        }
    }

    #[test]
    fn a_handshake_is_the_example() {
        // "Handshake"
        let example = br#"{
  "sid": "lv_VI97HAXpY6yYWAAAC",
  "upgrades": ["websocket"],
  "pingInterval": 25000,
  "pingTimeout": 20000,
  "maxPayload": 1000000
}"#;
        let handshake = Handshake::decode(example).unwrap();
        let said = Handshake {
            sid: "lv_VI97HAXpY6yYWAAAC".to_owned(),
            upgrades: vec!["websocket".to_owned()],
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            max_payload: Some(1_000_000),
        };
        assert_eq!(handshake, said);
        // "Heartbeat": within `pingInterval + pingTimeout`
        assert_eq!(handshake.patience(), Duration::from_secs(45));
        let compact: Vec<u8> = example.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        assert_eq!(handshake.encode().as_bytes(), compact);
    }

    #[test]
    fn frames_are_the_examples() {
        let rows: [(&str, &[u8], Packet); 7] = [
            ("Heartbeat: ping", b"2", text(Ping, "")),
            ("Heartbeat: pong", b"3", text(Pong, "")),
            ("Upgrade: ping packet", b"2probe", text(Ping, "probe")),
            ("Upgrade: pong packet", b"3probe", text(Pong, "probe")),
            ("Upgrade: upgrade packet", b"5", text(Upgrade, "")),
            ("Upgrade: noop packet", b"6", text(Noop, "")),
            ("Packet encoding, WebSocket", b"4hello", text(Message, "hello")),
        ];
        for (section, raw, packet) in rows {
            assert_eq!(Packet::from_frame(&bytes(raw)), Ok(packet.clone()), "{section}");
            assert_eq!(packet.to_frame(), raw, "{section}");
        }
        // "Packet encoding, WebSocket": "Binary payloads are sent as is, without modification."
        assert_eq!(&Packet::Binary(bytes(&[1, 2, 3, 4])).to_frame()[..], [1, 2, 3, 4]);
    }

    #[test]
    fn polling_bodies_are_the_examples() {
        let hello = text(Message, "hello");
        let rows: [(&str, &[u8], Vec<Packet>); 4] = [
            (
                "Packet encoding, HTTP long-polling: 1st example",
                b"4hello\x1e2\x1e4world",
                vec![hello.clone(), text(Ping, ""), text(Message, "world")],
            ),
            (
                "Packet encoding, HTTP long-polling: 2nd example",
                b"4hello\x1ebAQIDBA==",
                vec![hello, Packet::Binary(bytes(&[1, 2, 3, 4]))],
            ),
            // The same character, in three bytes.
            ("History, From v3 to v4", "4€".as_bytes(), vec![text(Message, "€")]),
            ("Upgrade: noop packet", b"6", vec![text(Noop, "")]),
        ];
        for (section, raw, packets) in rows {
            assert_eq!(decode(raw), packets, "{section}");
            let mut body = BytesMut::new();
            for packet in &packets {
                packet.push_record(&mut body);
            }
            assert_eq!(body, raw, "{section}");
            let separators = packets.len() - 1;
            assert_eq!(packets.iter().map(Packet::record_len).sum::<usize>() + separators, raw.len());
        }
    }
}

mod socket_io_v5 {
    use super::*;
    use socket_io::Kind::{Ack, BinaryAck, BinaryEvent, Connect, ConnectError, Disconnect, Event};
    use socket_io::{Decoder, Kind, Packet};

    const ONE: &str = r#"{"_placeholder":true,"num":0}"#;

    /// Of a packet: kind, namespace, id, text before the data, data, attachments.
    type Row = (Kind, &'static str, Option<u64>, &'static str, &'static str, &'static [&'static [u8]]);

    const CONNECTING: &[Row] = &[
        (Connect, "/", None, "0", "", &[]),
        (Connect, "/", None, "0", r#"{"sid":"wZX3oN0bSVIhsaknAAAI"}"#, &[]),
        (Connect, "/admin", None, "0/admin,", "", &[]),
        (Connect, "/admin", None, "0/admin,", r#"{"sid":"oSO0OpakMV_3jnilAAAA"}"#, &[]),
        (ConnectError, "/", None, "4", r#"{"message":"Not authorized"}"#, &[]),
    ];
    const SENDING: &[Row] = &[
        (Event, "/", None, "2", r#"["foo"]"#, &[]),
        (Event, "/admin", None, "2/admin,", r#"["bar"]"#, &[]),
        (BinaryEvent, "/", None, "51-", r#"["baz",{"_placeholder":true,"num":0}]"#, &[&[1, 2, 3, 4]]),
        (
            BinaryEvent,
            "/admin",
            None,
            "52-/admin,",
            r#"["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
            &[&[1, 2], &[3, 4]],
        ),
    ];
    const ACKNOWLEDGING: &[Row] = &[
        (Event, "/", Some(12), "212", r#"["foo"]"#, &[]),
        (Ack, "/", Some(12), "312", "[]", &[]),
        (Event, "/admin", Some(13), "2/admin,13", r#"["foo"]"#, &[]),
        (Ack, "/admin", Some(13), "3/admin,13", r#"["bar"]"#, &[]),
        (BinaryEvent, "/", Some(14), "51-14", r#"["foo",{"_placeholder":true,"num":0}]"#, &[&[1, 2, 3, 4]]),
        (Ack, "/", Some(14), "314", r#"["bar"]"#, &[]),
        (Event, "/", Some(15), "215", r#"["foo"]"#, &[]),
        (BinaryAck, "/", Some(15), "61-15", r#"["bar",{"_placeholder":true,"num":0}]"#, &[&[1, 2, 3, 4]]),
    ];
    const LEAVING: &[Row] =
        &[(Disconnect, "/", None, "1", "", &[]), (Disconnect, "/admin", None, "1/admin,", "", &[])];
    const SAMPLE: &[Row] = &[
        (Event, "/", None, "2", r#"["hey","Jude"]"#, &[]),
        (Event, "/", None, "2", r#"["hello"]"#, &[]),
        (Event, "/admin", Some(1), "2/admin,1", r#"["tellme"]"#, &[]),
        (BinaryAck, "/admin", Some(1), "61-/admin,1", r#"[{"_placeholder":true,"num":0}]"#, &[&[9]]),
    ];
    const SECTIONS: [(&str, &[Row]); 5] = [
        ("Packet encoding: connection to a namespace", CONNECTING),
        ("Packet encoding: sending and receiving data", SENDING),
        ("Packet encoding: acknowledgement", ACKNOWLEDGING),
        ("Packet encoding: disconnection from a namespace", LEAVING),
        ("Sample session", SAMPLE),
    ];

    #[test]
    fn packets_are_the_examples() {
        for (section, rows) in SECTIONS {
            for &(kind, namespace, id, before, data, attachments) in rows {
                let attachments = attachments.iter().map(|attachment| bytes(attachment)).collect();
                let packet =
                    Packet { namespace: namespace.to_owned(), id, attachments, ..Packet::new(kind, data) };
                let text = [before, data].concat();
                assert_eq!(packet.text(), text, "{section}");
                let mut decoder = Decoder::new(1_000);
                let mut decoded = decoder.text(&Bytes::from(text.clone())).unwrap();
                for attachment in &packet.attachments {
                    assert_eq!(decoded, None, "{section}: {text}");
                    decoded = decoder.attachment(attachment.clone()).unwrap();
                }
                assert_eq!(decoded, Some(packet), "{section}: {text}");
            }
        }
    }

    #[test]
    fn packet_types_have_the_ids_of_the_table() {
        // "Exchange protocol"
        let kinds = [Connect, Disconnect, Event, Ack, ConnectError, BinaryEvent, BinaryAck];
        for (kind, id) in kinds.into_iter().zip(b'0'..) {
            assert_eq!((kind.digit(), Kind::of(id)), (id, Some(kind)));
        }
        assert_eq!(Kind::of(b'7'), None);
    }

    #[test]
    fn arguments_make_the_examples_and_are_found_in_them() {
        let json = |text: &'static str| Argument::Json(bytes(text.as_bytes()));
        let buffer = Argument::Binary(bytes(&[1, 2, 3, 4]));
        // "Acknowledgement": with binary data
        let asked = Packet::event("foo", std::slice::from_ref(&buffer), Some(14));
        assert_eq!(asked.text(), format!("51-14[\"foo\",{ONE}]"));
        let event = asked.to_event().unwrap();
        assert_eq!((event.name.as_str(), event.arguments), ("foo", vec![buffer.clone()]));
        let answered = Packet::ack(15, &[json("\"bar\""), buffer.clone()]);
        assert_eq!(answered.text(), format!("61-15[\"bar\",{ONE}]"));
        assert_eq!(answered.arguments().unwrap(), [json("\"bar\""), buffer]);
        // "Acknowledgement": "The payload is mandatory and MUST be an array (possibly empty)."
        assert_eq!(Packet::ack(12, &[]).text(), "312[]");
        assert_eq!(Packet::ack(12, &[]).arguments().unwrap(), []);
    }

    #[test]
    fn what_the_document_forbids_is_refused() {
        let rows = [
            ("Sending and receiving data: the payload is mandatory", "2"),
            ("Sending and receiving data: MUST be a non-empty array", "2{}"),
            ("Acknowledgement: the payload is mandatory", "312"),
            ("Acknowledgement: MUST be an array", "312{}"),
            ("Exchange protocol: there is no such type", "7"),
            ("Packet encoding: a number of attachments, then a dash", "5[\"foo\"]"),
        ];
        for (section, text) in rows {
            assert!(Decoder::new(1_000).text(&bytes(text.as_bytes())).is_err(), "{section}: {text}");
        }
        let empty = Decoder::new(1_000).text(&bytes(b"2[]")).unwrap().unwrap();
        assert!(empty.to_event().is_err(), "Sending and receiving data: MUST be a non-empty array");
    }

    #[test]
    fn a_refusal_is_told_as_the_server_says_it() {
        // "Connection to a namespace"; and a string, which the reference's parser takes as well
        for (data, reason) in [
            (r#"{"message":"Not authorized"}"#, "Not authorized"),
            (r#""no""#, "no"),
            (r#"{"other":1}"#, r#"{"other":1}"#),
        ] {
            assert_eq!(Packet::new(ConnectError, data).refusal(), reason);
        }
    }
}

//! What must hold of Engine.IO and Socket.IO for any input: round trips, any cut gives the same packets, bounds hold,
//! and nothing panics.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use protocol::engine_io::{self, Handshake, PacketError};
use protocol::socket_io::{self, Argument, Auth, DecodeError, HeadError, PayloadError};
use protocol::{Resume, Start};

/// The packets before the first that is none, and why that is none.
fn decode(body: &[u8], cuts: &[usize], limit: usize) -> (Vec<engine_io::Packet>, Option<PacketError>) {
    let mut decoder = engine_io::Decoder::new(limit);
    let (mut packets, mut rest) = (Vec::new(), body);
    for &cut in cuts.iter().chain([&usize::MAX]) {
        let (piece, behind) = rest.split_at(cut.min(rest.len()));
        rest = behind;
        decoder.push(piece);
        loop {
            match decoder.next_packet() {
                Ok(Some(packet)) => packets.push(packet),
                Ok(None) => break,
                Err(error) => return (packets, Some(error)),
            }
        }
    }
    match decoder.finish() {
        Ok(packet) => packets.push(packet),
        Err(error) => return (packets, Some(error)),
    }
    (packets, None)
}

fn kinds() -> impl Strategy<Value = engine_io::Kind> {
    (b'0'..=b'6').prop_map(|digit| engine_io::Kind::of(digit).unwrap())
}

fn packets() -> impl Strategy<Value = engine_io::Packet> {
    prop_oneof![
        (kinds(), "[^\u{1e}]{0,40}")
            .prop_map(|(kind, data)| engine_io::Packet::Text(kind, data.into_bytes().into())),
        vec(any::<u8>(), 0..40).prop_map(|data| engine_io::Packet::Binary(data.into())),
    ]
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        ".{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        select(vec!["null", "true", "\"\\\"],[{\"", "1e3"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        vec(inner, 0..3).prop_flat_map(|parts| {
            let list = parts.join(" , ");
            let object: Vec<_> =
                parts.iter().enumerate().map(|(at, part)| format!("\"{at}\":{part}")).collect();
            select(vec![format!("[{list}]"), format!("{{{}}}", object.join(","))])
        })
    })
}

fn arguments() -> impl Strategy<Value = Vec<Argument>> {
    let argument = prop_oneof![
        3 => json().prop_map(|json| Argument::Json(json.into())),
        1 => vec(any::<u8>(), 0..9).prop_map(|bytes| Argument::Binary(bytes.into())),
    ];
    vec(argument, 0..6)
}

proptest! {
    #[test]
    fn a_polling_body_survives_a_round_trip_at_any_cut(
        packets in vec(packets(), 1..8),
        cuts in vec(0usize..30, 0..12),
    ) {
        let mut body = BytesMut::new();
        for packet in &packets {
            packet.push_record(&mut body);
        }
        let lens: usize = packets.iter().map(engine_io::Packet::record_len).sum();
        prop_assert_eq!(body.len(), lens + packets.len() - 1);
        prop_assert_eq!(decode(&body, &cuts, 1_000), (packets, None));
    }

    #[test]
    fn any_body_is_read_the_same_at_any_cut(
        body in vec(select(b"0123456b78=AQID\x1e\xff\"".to_vec()), 0..60),
        cuts in vec(0usize..20, 0..8),
        limit in 0usize..40,
    ) {
        let whole = decode(&body, &[], limit);
        let cut = decode(&body, &cuts, limit);
        prop_assert_eq!(&cut, &whole);
        prop_assert!(cut.0.iter().all(|packet| packet.record_len() <= limit));
    }

    #[test]
    fn a_frame_survives_a_round_trip(kind in kinds(), data in ".{0,40}") {
        let packet = engine_io::Packet::Text(kind, data.into_bytes().into());
        prop_assert_eq!(engine_io::Packet::from_frame(&packet.to_frame()), Ok(packet));
    }

    #[test]
    fn nothing_that_a_peer_says_makes_a_decoder_panic(
        said in vec((any::<bool>(), vec(any::<u8>(), 0..40)), 0..12),
        text in "[0-7]([0-9]{0,3}-?)?(/[a-z]{0,3},?)?[0-9]{0,22}[\\[{\"]?.{0,20}[\\]}\"]?",
    ) {
        let mut decoder = socket_io::Decoder::new(100);
        for (is_text, bytes) in said.into_iter().chain([(true, text.into_bytes())]) {
            let bytes = Bytes::from(bytes);
            let _ = engine_io::Packet::from_frame(&bytes);
            let _ = engine_io::Packet::from_record(&bytes);
            let _ = Handshake::decode(&bytes);
            let _ = Auth::decode(&bytes);
            let _ = socket_io::message(&bytes);
            let packet = if is_text { decoder.text(&bytes) } else { decoder.attachment(bytes) };
            if let Ok(Some(packet)) = packet {
                let _ = (packet.arguments(), packet.to_event(), packet.refusal(), packet.text());
            }
        }
    }

    #[test]
    fn an_event_survives_a_round_trip(
        name in "[^\u{0}]{0,12}",
        arguments in arguments(),
        id: Option<u64>,
        namespace in "/|/[a-z?=]{1,8}",
    ) {
        let packet = socket_io::Packet { namespace, ..socket_io::Packet::event(&name, &arguments, id) };
        let mut decoder = socket_io::Decoder::new(10_000);
        let mut decoded = decoder.text(&packet.text()).unwrap();
        for attachment in &packet.attachments {
            prop_assert!(decoded.is_none());
            decoded = decoder.attachment(attachment.clone()).unwrap();
        }
        prop_assert_eq!(decoded.as_ref(), Some(&packet));
        let event = packet.to_event();
        match event {
            Err(PayloadError::Reserved(reserved)) => prop_assert_eq!(reserved, name),
            event => {
                let event = event.unwrap();
                prop_assert_eq!((event.name, event.arguments), (name, arguments));
            }
        }
    }

    #[test]
    fn a_message_is_found_where_it_was_put(message in "\\[.{0,60}\\]") {
        let text = socket_io::encode_message(message.as_bytes());
        prop_assert_eq!(socket_io::message(&text), Some(message.as_bytes()));
        prop_assert_eq!(socket_io::Head::decode(&text).unwrap().len, 1);
    }

    #[test]
    fn where_a_subscriber_begins_survives_a_round_trip(channel: u32, after: Option<u64>) {
        let resume = Resume { channel, start: after.map_or(Start::Fresh, Start::After) };
        let said = Auth::from(resume).encode();
        prop_assert_eq!(Resume::from(Auth::decode(said.as_bytes()).unwrap()), resume);
    }
}

#[test]
fn a_connect_says_where_a_subscriber_begins_in_these_bytes() {
    let fresh = Resume { channel: 3, start: Start::Fresh };
    assert_eq!(Auth::from(fresh).encode(), r#"{"channel":3}"#);
    let after = Resume { channel: 3, start: Start::After(17) };
    assert_eq!(Auth::from(after).encode(), r#"{"channel":3,"after":17}"#);
    assert_eq!(Auth::decode(b"").unwrap(), Auth::default());
    assert_eq!(Auth::decode(br#"{"token":"x","after":0}"#).unwrap(), Auth { channel: 0, after: Some(0) });
    for bad in [&br#"{"after":"soon"}"#[..], b"[", br#"{"channel":-1}"#, br#"{"channel":4294967296}"#] {
        assert!(Auth::decode(bad).is_err());
    }
}

#[test]
fn a_connect_says_it_as_an_object_and_not_as_a_list_of_its_values() {
    for bad in [&b"[3,17]"[..], b" [3]", b"[]", b"3", b"null", b"\"{}\""] {
        assert!(Auth::decode(bad).is_err(), "{}", String::from_utf8_lossy(bad));
    }
    assert_eq!(Auth::decode(b" {\n\"channel\":3}").unwrap(), Auth { channel: 3, after: None });
}

#[test]
fn a_message_with_an_id_a_namespace_or_another_name_is_no_plain_one() {
    for text in [r#"21["message",[1]]"#, r#"2/a,["message",[1]]"#, r#"2["dismissed","x"]"#, "2", ""] {
        assert_eq!(socket_io::message(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn an_empty_record_and_one_without_type_are_named() {
    assert_eq!(decode(b"", &[], 10), (vec![], Some(PacketError::Empty)));
    assert_eq!(decode(b"6\x1e", &[], 10).1, Some(PacketError::Empty));
    assert_eq!(decode(b"6\x1ehello", &[], 10).1, Some(PacketError::Kind(b'h')));
    assert_eq!(decode(b"4\xff", &[], 10).1, Some(PacketError::Encoding));
    assert_eq!(decode(b"b?", &[], 10).1, Some(PacketError::Base64));
    assert_eq!(decode(b"4123456789x", &[3], 10).1, Some(PacketError::Oversize(10)));
}

#[test]
fn what_a_handshake_must_have_is_asked_for() {
    for bad in [
        "",
        "[]",
        r#"["a",[],1,1]"#,
        r#"{"sid":"a","upgrades":[],"pingInterval":1}"#,
        r#"{"sid":"a","upgrades":[],"pingInterval":-1,"pingTimeout":1}"#,
        r#"{"sid":"","upgrades":[],"pingInterval":1,"pingTimeout":1}"#,
        r#"{"sid":7,"upgrades":[],"pingInterval":1,"pingTimeout":1}"#,
    ] {
        assert!(Handshake::decode(bad.as_bytes()).is_err(), "{bad}");
    }
    let longest =
        r#"{"sid":"a","upgrades":[],"pingInterval":18446744073709551615,"pingTimeout":18446744073709551615}"#;
    let longest = Handshake::decode(longest.as_bytes()).unwrap();
    assert!(longest.patience() > longest.ping_interval);
    assert_eq!(longest.max_payload, None);
}

#[test]
fn attachments_come_where_they_belong_and_in_bounds() {
    let mut decoder = socket_io::Decoder::new(40);
    assert_eq!(decoder.attachment(Bytes::new()), Err(DecodeError::Stray));
    let two = Bytes::from_static(br#"52-["a"]"#);
    assert_eq!(decoder.text(&two), Ok(None));
    assert_eq!(decoder.text(&two), Err(DecodeError::Missing(2)));
    assert_eq!(decoder.attachment(vec![0; 30].into()), Ok(None));
    assert_eq!(decoder.attachment(vec![0; 30].into()), Err(DecodeError::Oversize(40)));
    for (text, error) in [
        ("50-[]", HeadError::Attachments),
        ("511-[]", HeadError::Attachments),
        ("599999999999999999999999-[]", HeadError::Attachments),
        ("3[]", HeadError::NoId),
        ("299999999999999999999[]", HeadError::Id),
        ("1[]", HeadError::Data(socket_io::Kind::Disconnect)),
        ("9", HeadError::Kind(b'9')),
        ("", HeadError::Empty),
    ] {
        let refused = socket_io::Decoder::new(40).text(&Bytes::from_static(text.as_bytes()));
        assert_eq!(refused, Err(error.into()), "{text}");
    }
}

#[test]
fn a_placeholder_stands_for_an_attachment_that_is_there() {
    let event = |data: &'static str| {
        let packet = socket_io::Packet::new(socket_io::Kind::BinaryEvent, data);
        socket_io::Packet { attachments: vec![Bytes::from_static(b"a")], ..packet }.to_event()
    };
    let missing = event(r#"["x",{"_placeholder":true,"num":1}]"#);
    assert!(matches!(missing, Err(PayloadError::Placeholder(1))), "{missing:?}");
    let none = event(r#"["x",{"_placeholder":false,"num":1},{"num":0}]"#).unwrap();
    assert!(none.arguments.iter().all(|argument| matches!(argument, Argument::Json(_))));
    let unnamed = event(r#"[{"_placeholder":true,"num":0}]"#);
    assert!(matches!(unnamed, Err(PayloadError::NoName)), "{unnamed:?}");
    let reserved = event(r#"["disconnect"]"#);
    assert!(matches!(reserved, Err(PayloadError::Reserved(_))), "{reserved:?}");
    assert_eq!(event("[7]").unwrap().name, "7");
}

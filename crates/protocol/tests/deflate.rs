//! permessage-deflate in literal bytes: the examples of RFC 7692 §7.2.3, both directions, and what breaks it.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use protocol::deflate::{Agreement, Broken, CloseFrame, Codec, Kind, Message, OFFER, Role};

const LIMIT: usize = 1_000;

fn codec(role: Role) -> Codec {
    codec_with(role, OFFER)
}

fn codec_with(role: Role, offer: &str) -> Codec {
    let (agreement, _) = Agreement::answer(offer).expect("an offer that can be kept");
    Codec::new(role, agreement, LIMIT)
}

fn taken(bytes: &[u8]) -> Result<Vec<Message>, Broken> {
    taken_by(&mut codec(Role::Client), bytes)
}

fn taken_by(codec: &mut Codec, bytes: &[u8]) -> Result<Vec<Message>, Broken> {
    codec.buffer().extend_from_slice(bytes);
    std::iter::from_fn(|| codec.next_message().transpose()).collect()
}

fn text(text: &'static str) -> Message {
    Message::Data(Kind::Text, Bytes::from_static(text.as_bytes()))
}

fn sent(codec: &mut Codec, kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    codec.data(kind, payload, &mut out);
    out.to_vec()
}

const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

/// The frames that carry "Hello" in the standard's examples, as a server sends them.
const EXAMPLES: [(&str, &[u8]); 5] = [
    ("7.2.3.1", &[0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
    ("7.2.3.1, fragmented", &[0x41, 0x03, 0xf2, 0x48, 0xcd, 0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00]),
    ("7.2.3.3", &[0xc1, 0x0b, 0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]),
    ("7.2.3.4", &[0xc1, 0x08, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]),
    ("7.2.3.5", &[0xc1, 0x0d, 0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]),
];

#[test]
fn the_standards_examples_are_read() {
    for (section, frames) in EXAMPLES {
        assert_eq!(taken(frames), Ok(vec![text("Hello")]), "{section}");
    }
    // 7.2.3.2: the second is compressed with the window of the first.
    let twice = [&[0xc1, 7], &HELLO[..], &[0xc1, 5, 0xf2, 0x00, 0x11, 0x00, 0x00]].concat();
    assert_eq!(taken(&twice), Ok(vec![text("Hello"), text("Hello")]));
    // 7.2.3.6: an empty message.
    assert_eq!(taken(&[0xc1, 1, 0]), Ok(vec![text("")]));
    // 6: a message may be left as it is.
    assert_eq!(taken(b"\x81\x05Hello"), Ok(vec![text("Hello")]));
}

#[test]
fn the_standards_examples_are_written() {
    let mut server = codec(Role::Server);
    assert_eq!(sent(&mut server, Kind::Text, b"Hello"), [&[0xc1, 7], &HELLO[..]].concat());
    assert_eq!(sent(&mut server, Kind::Text, b"Hello"), [0xc1, 5, 0xf2, 0x00, 0x11, 0x00, 0x00]);
    assert_eq!(sent(&mut server, Kind::Binary, b""), [0x82, 0]);

    let mut forgetful = codec_with(Role::Server, "permessage-deflate; server_no_context_takeover");
    for _ in 0..2 {
        // Shorter as it is, so it is not compressed.
        assert_eq!(sent(&mut forgetful, Kind::Binary, b"Hello"), b"\x82\x05Hello");
    }

    let masked = sent(&mut codec(Role::Client), Kind::Binary, b"Hello");
    let unmasked: Vec<u8> = masked[6..].iter().zip(masked[2..6].iter().cycle()).map(|(b, m)| b ^ m).collect();
    assert_eq!((&masked[..2], &unmasked[..]), (&[0xc2, 0x80 | 7][..], &HELLO[..]));
}

#[test]
fn any_cut_gives_the_same_messages() {
    let mut stream = Vec::new();
    let mut expected = Vec::new();
    for (_, frames) in EXAMPLES {
        stream.extend_from_slice(frames);
        stream.extend_from_slice(b"\x89\x01?");
        expected.extend([text("Hello"), Message::Ping(Bytes::from_static(b"?"))]);
    }
    for cut in 0..=stream.len() {
        let mut client = codec(Role::Client);
        let mut messages = taken_by(&mut client, &stream[..cut]).unwrap();
        messages.extend(taken_by(&mut client, &stream[cut..]).unwrap());
        assert_eq!(messages, expected, "cut at {cut}");
    }
    let mut client = codec(Role::Client);
    let one_by_one = stream.iter().flat_map(|&byte| taken_by(&mut client, &[byte]).unwrap());
    assert_eq!(one_by_one.collect::<Vec<_>>(), expected);
}

#[test]
fn control_frames_stand_within_a_compressed_message() {
    let frames =
        [&b"\x41\x02\xf2\x48\x89\x00"[..], b"\x00\x03\xcd\xc9\xc9\x8a\x00", b"\x80\x02\x07\x00"].concat();
    assert_eq!(taken(&frames), Ok(vec![Message::Ping(Bytes::new()), Message::Pong, text("Hello")]));
}

#[test]
fn a_close_frame_is_read_with_its_code_and_reason() {
    let said = CloseFrame { code: 1_013, reason: "too slow".into() };
    assert_eq!(taken(b"\x88\x0a\x03\xf5too slow"), Ok(vec![Message::Close(Some(said.clone()))]));
    assert_eq!(taken(b"\x88\x00"), Ok(vec![Message::Close(None)]));
    let mut out = BytesMut::new();
    codec(Role::Server).close(Some(&said), &mut out);
    codec(Role::Server).close(None, &mut out);
    assert_eq!(&out[..], b"\x88\x0a\x03\xf5too slow\x88\x00");
}

#[test]
fn what_breaks_the_protocol_is_named() {
    for (frames, code, named) in [
        (&b"\xa1\x00"[..], 1_002, "RSV2 and RSV3 must be 0"),
        (b"\xc9\x00", 1_002, "RSV1 on control or continuation frame"),
        (b"\x41\x01\xf2\xc0\x00", 1_002, "RSV1 on control or continuation frame"),
        (b"\x80\x00", 1_002, "a message goes on that has not begun"),
        (b"\x01\x00\x81\x00", 1_002, "a message begins within another"),
        (b"\x83\x00", 1_002, "invalid opcode"),
        (b"\x81\x80", 1_002, "server frames must not be masked"),
        (b"\x88\x01\x03", 1_002, "half a close code"),
        (b"\x88\x02\x03\xed", 1_002, "a close code that none may send"),
        (b"\x88\x03\x03\xe8\xff", 1_007, "a text message is not UTF-8"),
        (b"\x81\x01\xff", 1_007, "a text message is not UTF-8"),
        // A stored block of one byte, 0xff.
        (b"\xc1\x07\x00\x01\x00\xfe\xff\xff\x00", 1_007, "a text message is not UTF-8"),
        // A block of the reserved type; a stored block whose length and its complement differ; a distance beyond all
        // that was said.
        (b"\xc1\x01\x07", 1_007, "a compressed message cannot be inflated"),
        (b"\xc1\x06\x00\x05\x00\x00\x00H", 1_007, "a compressed message cannot be inflated"),
        (b"\xc1\x05\xf2\x00\x11\x00\x00", 1_007, "a compressed message cannot be inflated"),
        (b"\x81\x7e\x04\x6e", 1_009, "a message is over the limit of 1000"),
        (b"\x81\x7f\x00\x00\x00\x01\x00\x00\x00\x00", 1_009, "a message is over the limit of 1000"),
    ] {
        let broken = taken(frames).unwrap_err();
        assert_eq!((broken.close_code(), broken.to_string().as_str()), (code, named));
    }
    let unmasked = taken_by(&mut codec(Role::Server), b"\x81\x00").unwrap_err();
    assert_eq!(unmasked, Broken::Protocol("client frames must be masked"));
}

#[test]
fn what_follows_a_message_that_broke_off_is_refused() {
    for len in 0..HELLO.len() - 1 {
        let mut client = codec(Role::Client);
        let cut = [&[0xc2, len as u8], &HELLO[..len]].concat();
        assert_eq!(taken_by(&mut client, &cut).map(|messages| messages.len()), Ok(1));
        assert_eq!(taken_by(&mut client, &[&[0xc2, 7], &HELLO[..]].concat()), Err(Broken::Deflate));
    }
}

#[test]
fn the_limit_is_of_the_inflated_message() {
    let mut server = Codec::new(Role::Server, Agreement::answer(OFFER).unwrap().0, LIMIT);
    let whole = sent(&mut server, Kind::Binary, &[b'x'; LIMIT]);
    let over = sent(&mut server, Kind::Binary, &[b'x'; LIMIT + 1]);
    let mut client = codec(Role::Client);
    let x = Message::Data(Kind::Binary, Bytes::from(vec![b'x'; LIMIT]));
    assert_eq!(taken_by(&mut client, &whole), Ok(vec![x]));
    assert_eq!(taken_by(&mut client, &over), Err(Broken::TooLong { limit: LIMIT }));

    let fragments = [&b"\x02\x7e\x03\xe8"[..], &[0; LIMIT], b"\x80\x7e\x03\xe8", &[0; LIMIT]].concat();
    assert_eq!(taken(&fragments), Err(Broken::TooLong { limit: LIMIT }));
    let uncompressed = [&b"\x82\x7e\x03\xe9"[..], &[0; LIMIT + 1]].concat();
    assert_eq!(taken(&uncompressed), Err(Broken::TooLong { limit: LIMIT }));
}

#[test]
fn a_server_takes_the_first_offer_that_it_can_keep() {
    for (offers, answer) in [
        (OFFER, "permessage-deflate"),
        ("permessage-deflate", "permessage-deflate"),
        (
            "x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=10",
            "permessage-deflate; server_max_window_bits=10",
        ),
        (
            "permessage-deflate; client_no_context_takeover; server_no_context_takeover; client_max_window_bits=9",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=9",
        ),
        ("permessage-deflate; server_max_window_bits=8, permessage-deflate", "permessage-deflate"),
    ] {
        let (_, answered) = Agreement::answer(offers).expect(offers);
        assert_eq!(answered, answer);
    }
    for offers in
        ["", "x-webkit-deflate-frame", "permessage-deflate; x", "permessage-deflate; server_max_window_bits"]
    {
        assert_eq!(Agreement::answer(offers), None, "{offers}");
    }
}

#[test]
fn a_client_takes_what_its_offer_allows_and_nothing_else() {
    for answer in [
        "permessage-deflate",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10",
    ] {
        Agreement::of_answer(Some(answer)).expect(answer);
    }
    for answer in [
        "x-webkit-deflate-frame",
        "permessage-deflate, x",
        "permessage-deflate; x",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
    ] {
        let said = Agreement::of_answer(Some(answer)).unwrap_err().to_string();
        assert_eq!(said, format!("permessage-deflate was asked for, and the server agreed to {answer}"));
    }
    let said = Agreement::of_answer(None).unwrap_err().to_string();
    assert_eq!(said, "permessage-deflate was asked for, and the server agreed to nothing");
}

#[test]
fn an_agreement_without_takeover_or_with_a_small_window_is_kept() {
    for answer in [
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9",
    ] {
        let agreement = || Agreement::of_answer(Some(answer)).unwrap();
        let mut server = Codec::new(Role::Server, agreement(), 10_000);
        let mut client = Codec::new(Role::Client, agreement(), 10_000);
        for payload in [vec![b'x'; 2_000], (0..=255).cycle().take(3_000).collect(), vec![b'x'; 2_000]] {
            let down = taken_by(&mut client, &sent(&mut server, Kind::Binary, &payload));
            let up = taken_by(&mut server, &sent(&mut client, Kind::Binary, &payload));
            let expected = Ok(vec![Message::Data(Kind::Binary, payload.into())]);
            assert_eq!((&down, &up), (&expected, &expected), "{answer}");
        }
    }
}

proptest! {
    #[test]
    fn what_one_side_sends_the_other_takes(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..LIMIT), 0..20)) {
        let (mut client, mut server) = (codec(Role::Client), codec(Role::Server));
        for payload in payloads {
            let taken = taken_by(&mut server, &sent(&mut client, Kind::Binary, &payload));
            prop_assert_eq!(taken, Ok(vec![Message::Data(Kind::Binary, payload.into())]));
        }
    }

    #[test]
    fn whatever_comes_is_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for compressed in [b"\xc1\x7e\x00\xc8".as_slice(), b""] {
            let _ = taken(&[compressed, &bytes].concat());
        }
    }
}

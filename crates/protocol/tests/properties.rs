//! What must hold for any input: round trips, any cut of a stream gives the same messages, and nothing panics.

use proptest::collection::vec;
use proptest::prelude::*;
use protocol::message::PayloadKind;
use protocol::{Message, Resume, Stamp, Start, frame, lines, sse};

/// `stream` cut into pieces of the given lengths, the rest as the last one.
fn pieces<'a>(stream: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = stream;
    let mut pieces = Vec::new();
    for &length in lengths {
        let (piece, after) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

fn collect(found: &mut Vec<Vec<u8>>) -> impl FnMut(&[u8]) -> Result<(), frame::Oversize> {
    |bytes| {
        found.push(bytes.to_vec());
        Ok(())
    }
}

fn decode_lines(stream: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let (mut decoder, mut found) = (lines::Decoder::default(), Vec::new());
    for piece in pieces(stream, cuts) {
        decoder.push(piece);
        decoder.drain(collect(&mut found)).unwrap();
    }
    found
}

/// The data of the events, and the last event id.
fn decode_sse(stream: &[u8], cuts: &[usize]) -> (Vec<Vec<u8>>, String) {
    let (mut decoder, mut found) = (sse::Decoder::default(), Vec::new());
    for piece in pieces(stream, cuts) {
        decoder.push(piece);
        decoder.drain(collect(&mut found)).unwrap();
    }
    (found, decoder.last_event_id().to_owned())
}

/// What comes before an error.
fn decode_frames(stream: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let (mut decoder, mut found) = (frame::Decoder::new(1 << 16), Vec::new());
    for piece in pieces(stream, cuts) {
        decoder.buffer().extend_from_slice(piece);
        let _ = decoder.drain(collect(&mut found));
    }
    found
}

proptest! {
    #[test]
    fn a_message_survives_a_round_trip(
        seq in 0..=protocol::message::MAX_SEQ,
        intended_ns: u64,
        actual_ns: u64,
        text in "[ !#-\\[\\]-~]{0,300}",
    ) {
        let stamp = Stamp { seq, intended_ns, actual_ns };
        let message = Message { stamp, payload: text.as_bytes(), kind: PayloadKind::Text };
        let bytes = message.to_bytes();
        prop_assert_eq!(Message::decode(&bytes), Ok(message));
    }

    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in vec(any::<u8>(), 0..120)) {
        if let Ok(message) = Message::decode(&bytes) {
            prop_assert_eq!(&message.to_bytes()[..], &bytes[..]);
        }
    }

    #[test]
    fn lines_come_out_as_they_went_in(texts in vec("[a-z]{1,40}", 0..20), cuts in vec(0usize..50, 0..30)) {
        let stream = texts.iter().flat_map(|text| lines::encode(text.as_bytes())).collect::<Vec<u8>>();
        prop_assert_eq!(decode_lines(&stream, &cuts), texts.into_iter().map(String::into_bytes).collect::<Vec<_>>());
    }

    #[test]
    fn frames_come_out_as_they_went_in(bodies in vec(vec(any::<u8>(), 0..80), 0..20), cuts in vec(0usize..50, 0..30)) {
        let stream = bodies.iter().flat_map(|body| frame::encode(body)).collect::<Vec<u8>>();
        prop_assert_eq!(decode_frames(&stream, &cuts), bodies);
    }

    #[test]
    fn server_sent_events_come_out_as_they_went_in(
        texts in vec("[a-z]{0,40}", 0..20),
        cuts in vec(0usize..50, 0..30),
    ) {
        let stream = (1..).zip(&texts).flat_map(|(seq, text)| sse::encode(seq, text.as_bytes())).collect::<Vec<u8>>();
        let (found, id) = decode_sse(&stream, &cuts);
        prop_assert_eq!(&found, &texts.iter().map(|text| text.clone().into_bytes()).collect::<Vec<_>>());
        prop_assert_eq!(id, found.is_empty().then(String::new).unwrap_or_else(|| texts.len().to_string()));
    }

    #[test]
    fn any_cut_of_any_stream_decodes_alike(
        stream in vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b'd'), Just(0u8), any::<u8>()], 0..200),
        cuts in vec(0usize..20, 0..30),
    ) {
        prop_assert_eq!(decode_lines(&stream, &cuts), decode_lines(&stream, &[]));
        prop_assert_eq!(decode_sse(&stream, &cuts), decode_sse(&stream, &[]));
        prop_assert_eq!(decode_frames(&stream, &cuts), decode_frames(&stream, &[]));
    }

    #[test]
    fn a_query_survives_a_round_trip(channel: u32, after in proptest::option::of(any::<u64>())) {
        let resume = Resume { channel, start: after.map_or(Start::Fresh, Start::After) };
        prop_assert_eq!(Resume::from_query(&resume.to_string()), Ok(resume));
    }
}

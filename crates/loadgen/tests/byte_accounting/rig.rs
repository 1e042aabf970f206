//! What crosses a socket, step by step, and how it is cut.

use loadgen::byte_accounting::{Classifier, Protocol};
use model::byte_account::{Account, Layers};
use model::trial::Direction;
use protocol::message::PayloadKind;
use protocol::{Message, Stamp};

/// What a compressor left, 14 bytes of anything: nobody looks into it.
pub(crate) const SQUEEZED: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\n\n[]";

#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) direction: Direction,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn up(bytes: impl AsRef<[u8]>) -> Step {
    Step { direction: Direction::Up, bytes: bytes.as_ref().to_vec() }
}

pub(crate) fn down(bytes: impl AsRef<[u8]>) -> Step {
    Step { direction: Direction::Down, bytes: bytes.as_ref().to_vec() }
}

/// These bytes by layer; the other layers are empty, or as in another account.
macro_rules! layers {
    ($($layer:ident: $bytes:expr),* $(,)?) => {
        layers!($($layer: $bytes,)* ..model::byte_account::Layers::default())
    };
    ($($layer:ident: $bytes:expr,)* ..$others:expr) => {
        model::byte_account::Layers { $($layer: ($bytes) as u64,)* ..$others }
    };
}

/// Tests by name: steps of an exchange, for one or several values, and the bytes of both directions by layer.
macro_rules! accounts {
    ($check:expr; $(
        $name:ident $(for $value:pat_param in $values:expr;)? $(let $part:pat_param = $bytes:expr;)*
        [$($step:expr),* $(,)?] up {$($up:tt)*} down {$($down:tt)*}
    )+) => {$(
        #[test]
        fn $name() {
            $(for $value in $values)? {
                $(let $part = $bytes;)*
                $check(&[$($step),*], layers!($($up)*), layers!($($down)*));
            }
        }
    )+};
}

/// An event with a text payload of this length: 47 bytes of stamp and the payload.
pub(crate) fn event(payload_len: usize) -> Vec<u8> {
    let stamp = Stamp { seq: 7, intended_ns: 1_000_000_000_000, actual_ns: 1_000_000_000_007 };
    message(stamp, &vec![b'x'; payload_len], PayloadKind::Text)
}

/// A line of NDJSON: an event with a text payload of this length.
pub(crate) fn line(payload_len: usize) -> Vec<u8> {
    [event(payload_len), b"\n".to_vec()].concat()
}

/// A greeting: not an event.
pub(crate) fn greeting() -> Vec<u8> {
    message(Stamp { seq: 6, ..Stamp::default() }, br#"{"content":"welcome"}"#, PayloadKind::Json)
}

pub(crate) fn greeting_line() -> Vec<u8> {
    [greeting(), b"\n".to_vec()].concat()
}

pub(crate) fn message(stamp: Stamp, payload: &[u8], kind: PayloadKind) -> Vec<u8> {
    Message { stamp, payload, kind }.to_bytes().to_vec()
}

/// Runs the exchange as it is, and cut in two at every byte; the account must be this, and add up at all times.
pub(crate) fn assert_account(protocol: Protocol, steps: &[Step], expected_up: Layers, expected_down: Layers) {
    let expected = Account { up: expected_up, down: expected_down };
    assert_eq!(account(protocol, steps.iter().cloned()), expected);
    for (index, step) in steps.iter().enumerate() {
        for cut in 1..step.bytes.len() {
            let (front, back) = step.bytes.split_at(cut);
            let pieces = [step.like(front), step.like(back)];
            let cut_steps = steps[..index].iter().chain(&pieces).chain(&steps[index + 1..]).cloned();
            assert_eq!(account(protocol, cut_steps), expected, "step {index} cut at {cut}");
        }
    }
    assert_eq!(account(protocol, in_pieces(steps, 1)), expected, "byte by byte");
}

/// The account of an exchange; after every step, it must add up to the bytes so far.
pub(crate) fn account(protocol: Protocol, steps: impl IntoIterator<Item = Step>) -> Account {
    let mut classifier = Classifier::new(protocol);
    let mut account = Account::default();
    let (mut written, mut read) = (0, 0);
    for Step { direction, bytes } in steps {
        match direction {
            Direction::Up => {
                classifier.up(&bytes, &mut account);
                written += bytes.len() as u64;
            }
            Direction::Down => {
                classifier.down(&bytes, &mut account);
                read += bytes.len() as u64;
            }
        }
        assert_eq!((account.up.wire(), account.down.wire()), (written, read));
    }
    account
}

pub(crate) fn in_pieces(steps: &[Step], size: usize) -> impl Iterator<Item = Step> {
    steps.iter().flat_map(move |step| step.bytes.chunks(size).map(|piece| step.like(piece)))
}

impl Step {
    pub(crate) fn like(&self, bytes: &[u8]) -> Self {
        Self { direction: self.direction, bytes: bytes.to_vec() }
    }
}

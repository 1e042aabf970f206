//! What crosses a socket, step by step, and how it is cut.

use loadgen::byte_accounting::{Classifier, Protocol};
use model::byte_account::{Account, Layers};
use protocol::message::PayloadKind;
use protocol::{Message, Stamp};

/// Bytes in one direction.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Up(Vec<u8>),
    Down(Vec<u8>),
}

pub(crate) fn up(bytes: impl AsRef<[u8]>) -> Step {
    Step::Up(bytes.as_ref().to_vec())
}

pub(crate) fn down(bytes: impl AsRef<[u8]>) -> Step {
    Step::Down(bytes.as_ref().to_vec())
}

/// An event with a text payload of this length: 47 bytes of stamp and the payload.
pub(crate) fn event(payload_len: usize) -> Vec<u8> {
    let stamp = Stamp { seq: 7, intended_ns: 1_000_000_000_000, actual_ns: 1_000_000_000_007 };
    message(stamp, &vec![b'x'; payload_len], PayloadKind::Text)
}

/// A greeting: not an event.
pub(crate) fn greeting() -> Vec<u8> {
    message(Stamp { seq: 6, ..Stamp::default() }, br#"{"content":"welcome"}"#, PayloadKind::Json)
}

pub(crate) fn message(stamp: Stamp, payload: &[u8], kind: PayloadKind) -> Vec<u8> {
    Message { stamp, payload, kind }.to_bytes().to_vec()
}

/// Runs the exchange as it is, and cut in two at every byte; the account must be this, and add up at all times.
pub(crate) fn assert_account(protocol: Protocol, steps: &[Step], expected_up: Layers, expected_down: Layers) {
    let expected = Account { up: expected_up, down: expected_down };
    assert_eq!(account(protocol, steps.iter().cloned()), expected);
    for index in 0..steps.len() {
        for cut in 1..bytes_of(&steps[index]).len() {
            let cut_steps = cut_in_two(steps, index, cut);
            assert_eq!(account(protocol, cut_steps), expected, "step {index} cut at {cut}");
        }
    }
    let single_bytes = steps.iter().flat_map(|step| bytes_of(step).iter().map(|byte| like(step, &[*byte])));
    assert_eq!(account(protocol, single_bytes), expected, "byte by byte");
}

/// The account of an exchange; after every step, it must add up to the bytes so far.
pub(crate) fn account(protocol: Protocol, steps: impl IntoIterator<Item = Step>) -> Account {
    let mut classifier = Classifier::new(protocol);
    let mut account = Account::default();
    let (mut written, mut read) = (0, 0);
    for step in steps {
        match &step {
            Step::Up(bytes) => classifier.up(bytes, &mut account),
            Step::Down(bytes) => classifier.down(bytes, &mut account),
        }
        match step {
            Step::Up(bytes) => written += bytes.len() as u64,
            Step::Down(bytes) => read += bytes.len() as u64,
        }
        assert_eq!((account.up.wire(), account.down.wire()), (written, read));
    }
    account
}

pub(crate) fn like(step: &Step, bytes: &[u8]) -> Step {
    match step {
        Step::Up(_) => up(bytes),
        Step::Down(_) => down(bytes),
    }
}

pub(crate) fn bytes_of(step: &Step) -> &[u8] {
    match step {
        Step::Up(bytes) | Step::Down(bytes) => bytes,
    }
}

fn cut_in_two(steps: &[Step], index: usize, cut: usize) -> Vec<Step> {
    let (front, back) = bytes_of(&steps[index]).split_at(cut);
    let mut cut_steps = steps.to_vec();
    cut_steps.splice(index..=index, [like(&steps[index], front), like(&steps[index], back)]);
    cut_steps
}

//! The examples of RFC 7541 Appendix C, and blocks of all kinds against another decoder.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::byte_accounting::http2::huffman::tests::encode;

const NAMES: [&str; 7] =
    [":method", ":protocol", ":status", "content-type", "content-encoding", "x-a", "a-much-longer-name"];
/// Values that make sense under every name.
const VALUES: [&str; 4] = ["204", "100", "302", "418"];

fn fields(decoder: &mut Decoder, block: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    decoder.decode(block, |field| fields.push(field)).map(|()| fields)
}

/// What these fields mean, by their text.
fn meanings(fields: &[(Vec<u8>, Vec<u8>)]) -> Option<Vec<Field>> {
    fields.iter().map(|(name, value)| Name::of(name).with(value)).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Reads blocks one behind another; each must say this, and leave a table of this size.
fn assert_blocks(decoder: &mut Decoder, blocks: &[(&str, &[Field], u64)]) {
    for (block, expected, size) in blocks {
        let known: Vec<Field> = fields(decoder, &bytes(block)).unwrap_or_default();
        let known: Vec<Field> = known.into_iter().filter(|field| *field != Field::Other).collect();
        assert_eq!((&known[..], decoder.size), (*expected, *size), "{block}");
    }
}

#[test]
fn requests_of_appendix_c_are_read() {
    let get = &[Field::Method(Method::Get)][..];
    let plain = [
        ("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", get, 57),
        ("8286 84be 5808 6e6f 2d63 6163 6865", get, 110),
        ("8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", get, 164),
    ];
    let huffman = [
        ("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", get, 57),
        ("8286 84be 5886 a8eb 1064 9cbf", get, 110),
        ("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", get, 164),
    ];
    assert_blocks(&mut Decoder::default(), &plain);
    assert_blocks(&mut Decoder::default(), &huffman);
}

#[test]
fn answers_of_appendix_c_evict_from_a_table_of_256_bytes() {
    let found = &[Field::Status(302)][..];
    let unchanged = &[Field::Status(307)][..];
    let coded = &[Field::Status(200), Field::Coded][..];
    let plain = [
        (
            "3fe1 0148 0333 3032 5807 7072 6976 6174 6561 1d4d 6f6e 2c20 3231 204f 6374 2032 3031 3320 3230 \
             3a31 333a 3231 2047 4d54 6e17 6874 7470 733a 2f2f 7777 772e 6578 616d 706c 652e 636f 6d",
            found,
            222,
        ),
        ("4803 3330 37c1 c0bf", unchanged, 222),
        (
            "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a \
             6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d \
             6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
            coded,
            215,
        ),
    ];
    let huffman = [
        (
            "3fe1 0148 8264 0258 85ae c377 1a4b 6196 d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff \
             6e91 9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3",
            found,
            222,
        ),
        ("4883 640e ffc1 c0bf", unchanged, 222),
        (
            "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d \
             d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 \
             3d50 07",
            coded,
            215,
        ),
    ];
    assert_blocks(&mut Decoder::default(), &plain);
    assert_blocks(&mut Decoder::default(), &huffman);
}

#[test]
fn an_entry_larger_than_the_table_empties_it() {
    let mut decoder = Decoder::default();
    let large = [&b"\x40\x01x\x7f\x81\x1f"[..], &[b'v'; 4096]].concat();
    assert!(fields(&mut decoder, b"\x40\x01x\x01y").is_some());
    assert_eq!(decoder.size, 34);
    assert!(fields(&mut decoder, &large).is_some());
    assert_eq!((decoder.size, decoder.entries.len()), (0, 0));
}

#[test]
fn blocks_that_make_no_sense_are_refused() {
    for bad in [
        &b"\x80"[..],                        // index 0
        b"\xbe",                             // behind the end of the table
        b"\x40\x0acustom-k",                 // cut in a name
        b"\x40\x01x",                        // no value
        b"\x41\xff\xff\xff\xff\xff\xff\xff", // a length without end
        b"\x3f\xe2\xff\x03",                 // a table above the limit
        b"\x48\x032x0",                      // no status
        b"\x5f\x81\x00",                     // bad Huffman padding in what matters
    ] {
        assert_eq!(fields(&mut Decoder::default(), bad), None, "{bad:?}");
    }
}

/// An integer behind a prefix (RFC 7541 §5.1).
fn integer(first: u8, prefix: u8, value: usize) -> Vec<u8> {
    let most = (1 << prefix) - 1;
    if value < most {
        return vec![first | value as u8];
    }
    let (mut bytes, mut left) = (vec![first | most as u8], value - most);
    while left >= 128 {
        bytes.push(0x80 | (left % 128) as u8);
        left /= 128;
    }
    bytes.push(left as u8);
    bytes
}

fn string(text: &str, is_huffman: bool) -> Vec<u8> {
    let (first, text) = if is_huffman { (0x80, encode(text.as_bytes())) } else { (0, text.into()) };
    [integer(first, 7, text.len()), text].concat()
}

/// A field in any representation; indexes may lead nowhere.
fn representation() -> impl Strategy<Value = Vec<u8>> {
    let literal = (0..3usize, 0..75usize, 0..NAMES.len(), 0..VALUES.len(), any::<bool>(), any::<bool>());
    let literal = literal.prop_map(|(kind, index, name, value, name_coded, value_coded)| {
        let (first, prefix) = [(0x40, 6), (0x00, 4), (0x10, 4)][kind];
        let index = if index > 65 { 0 } else { index };
        let name = if index == 0 { string(NAMES[name], name_coded) } else { Vec::new() };
        [integer(first, prefix, index), name, string(VALUES[value], value_coded)].concat()
    });
    prop_oneof![
        6 => literal,
        3 => (1..70usize).prop_map(|index| integer(0x80, 7, index)),
        1 => (0..300usize).prop_map(|size| [integer(0x20, 5, size), vec![0x82]].concat()),
    ]
}

proptest! {
    #[test]
    fn blocks_say_what_another_decoder_reads_in_them(
        blocks in vec(vec(representation(), 1..6).prop_map(|fields| fields.concat()), 1..20),
    ) {
        let (mut ours, mut other) = (Decoder::default(), loona_hpack::Decoder::new());
        for block in blocks {
            let theirs = other.decode(&block).ok();
            prop_assert_eq!(fields(&mut ours, &block), theirs.as_deref().and_then(meanings));
            if theirs.is_none() {
                break;
            }
        }
    }

    #[test]
    fn garbage_is_read_or_refused_and_the_table_stays_within_its_limit(
        blocks in vec(vec(any::<u8>(), 0..100), 1..10),
    ) {
        let mut decoder = Decoder::default();
        for block in blocks {
            fields(&mut decoder, &block);
            let held: u64 = decoder.entries.iter().map(Entry::size).sum();
            prop_assert!(held == decoder.size && decoder.size <= decoder.most);
        }
    }
}

#[test]
fn the_path_of_engine_io_is_known_plain_in_huffman_code_and_from_the_table() {
    for (path, is_engine_io) in [
        ("/socket.io/", true),
        ("/socket.io/?EIO=4&transport=polling", true),
        ("/socket.io", false),
        ("/socket.iO/", false),
        ("/events?channel=0&after=17", false),
        ("/", false),
        ("", false),
    ] {
        let expected = if is_engine_io { Field::EngineIoPath } else { Field::Other };
        let coded = encode(path.as_bytes());
        let plain = [&[0x04, path.len() as u8], path.as_bytes()].concat();
        let huffman = [&[0x04, 0x80 | coded.len() as u8], &coded[..]].concat();
        let indexed = [&[0x44, 0x80 | coded.len() as u8], &coded[..], &[0xbe]].concat();
        let mut decoder = Decoder::default();
        assert_eq!(fields(&mut decoder, &plain), Some(vec![expected]), "{path}");
        assert_eq!(fields(&mut decoder, &huffman), Some(vec![expected]), "{path}");
        assert_eq!(fields(&mut decoder, &indexed), Some(vec![expected; 2]), "{path}");
    }
}

//! The examples of RFC 7541 appendix C, and what `h2` was seen to send.

use super::*;

const RAW: Policy = Policy { strings: Strings::Raw, unindexed: &[], spares_table: false };
const HUFFMAN: Policy = Policy { strings: Strings::Huffman, ..RAW };

/// Sizes of the blocks, and of the table behind each.
fn sizes(policy: Policy, max_size: usize, blocks: &[&[Field<'_>]]) -> Vec<(u64, usize)> {
    let mut encoder = Encoder::new(policy, max_size);
    blocks.iter().map(|fields| (encoder.block(fields), encoder.size)).collect()
}

#[test]
fn integers_are_as_long_as_in_c_1() {
    assert_eq!((integer(10, 5), integer(1_337, 5), integer(42, 8)), (1, 3, 1));
    assert_eq!((integer(30, 5), integer(31, 5), integer(31 + 127, 5), integer(31 + 128, 5)), (1, 2, 2, 3));
}

#[test]
fn single_fields_are_as_long_as_in_c_2() {
    // C.2.1 a literal with indexing, C.2.2 one without, C.2.4 an indexed one.
    assert_eq!(sizes(RAW, 4_096, &[&[("custom-key", "custom-header")]]), [(26, 55)]);
    let unindexed = Policy { unindexed: &[":path"], ..RAW };
    assert_eq!(sizes(unindexed, 4_096, &[&[(":path", "/sample/path")]]), [(14, 0)]);
    assert_eq!(sizes(RAW, 4_096, &[&[(":method", "GET")]]), [(1, 0)]);
}

const REQUESTS: [&[Field<'_>]; 3] = [
    &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")],
    &[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
        ("cache-control", "no-cache"),
    ],
    &[
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        (":authority", "www.example.com"),
        ("custom-key", "custom-value"),
    ],
];

#[test]
fn requests_are_as_long_as_in_c_3_and_c_4() {
    assert_eq!(sizes(RAW, 4_096, &REQUESTS), [(20, 57), (14, 110), (29, 164)]);
    assert_eq!(sizes(HUFFMAN, 4_096, &REQUESTS), [(17, 57), (12, 110), (24, 164)]);
    assert_eq!(sizes(Policy::H2, 4_096, &REQUESTS), [(17, 57), (12, 110), (24, 164)]);
}

const RESPONSES: [&[Field<'_>]; 3] = [
    &[
        (":status", "302"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ],
    &[
        (":status", "307"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ],
    &[
        (":status", "200"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
        ("location", "https://www.example.com"),
        ("content-encoding", "gzip"),
        ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
    ],
];

#[test]
fn answers_evict_old_entries_as_in_c_5_and_c_6() {
    assert_eq!(sizes(RAW, 256, &RESPONSES), [(70, 222), (8, 222), (98, 215)]);
    assert_eq!(sizes(HUFFMAN, 256, &RESPONSES), [(54, 222), (8, 222), (79, 215)]);
}

#[test]
fn an_entry_that_is_larger_than_the_table_empties_it() {
    let large = "x".repeat(300);
    let blocks: [&[Field<'_>]; 2] = [&[("a", "b")], &[("c", &large)]];
    let found = sizes(RAW, 256, &blocks);
    assert_eq!((found[0].1, found[1].1), (34, 0));
}

#[test]
fn h2_leaves_a_cookie_and_what_would_fill_the_table_to_each_block() {
    let cookie = "session=".to_owned() + &"a".repeat(1_016);
    let large = "y".repeat(3_100);
    let block: &[Field<'_>] = &[("cookie", &cookie), ("x-large", &large)];
    let found = sizes(Policy::H2, TABLE_SIZE, &[block, block]);
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0].1, 0);
}

#[test]
fn strings_are_as_long_as_in_the_examples() {
    // RFC 7541 appendices C.4 and C.6.
    for (text, octets) in [
        ("www.example.com", 12),
        ("no-cache", 6),
        ("custom-key", 8),
        ("custom-value", 9),
        ("302", 2),
        ("private", 5),
        ("Mon, 21 Oct 2013 20:13:21 GMT", 22),
        ("https://www.example.com", 17),
        ("307", 3),
        ("gzip", 3),
        ("foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1", 45),
    ] {
        assert_eq!(huffman(text.as_bytes()), octets, "{text}");
    }
}

#[test]
fn indices_are_those_of_appendix_a() {
    assert_eq!(
        (static_index(":method", "GET"), static_index(":status", "500"), STATIC_TABLE.len()),
        (Some(2), Some(14), 61)
    );
    assert_eq!(static_index("accept-encoding", "gzip, deflate"), Some(16));
    let names = ["accept-encoding", "cookie", "date", "user-agent", "www-authenticate"];
    assert_eq!(names.map(static_name_index), [16, 32, 33, 58, 61].map(Some));
    assert_eq!((static_index("accept", ""), static_name_index("sec-fetch-mode")), (None, None));
}

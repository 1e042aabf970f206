//! The Huffman code of RFC 7541 appendix B: only how long each code is, since nothing else is asked.

/// Bits of each octet's code, 0 to 255.
const CODE_BITS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, //
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, //
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, //
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, //
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, //
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, //
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, //
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, //
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, //
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, //
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];
/// The end of a string has a code too, which is never sent whole.
#[cfg(test)]
const END_BITS: u8 = 30;

/// Octets of a string by this code, filled up to a whole octet (RFC 7541 §5.2).
pub fn huffman(text: &[u8]) -> u64 {
    text.iter().map(|&octet| u64::from(CODE_BITS[usize::from(octet)])).sum::<u64>().div_ceil(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lengths_make_a_complete_code() {
        // Kraft's equality, which a single wrong length would break.
        let shares = CODE_BITS.iter().chain([&END_BITS]).map(|&bits| 1u64 << (30 - bits)).sum::<u64>();
        assert_eq!(shares, 1 << 30);
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
}

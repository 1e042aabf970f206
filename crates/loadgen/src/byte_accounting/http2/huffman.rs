//! The Huffman code of HPACK (RFC 7541 §5.2, Appendix B).
//!
//! The code is canonical: of equally long codes the greater symbol has the next one, and longer codes follow shorter
//! ones. So the lengths determine the codes, and the compiler builds the tables from them.

use protocol::hpack::{END_OF_STRING, HUFFMAN_CODE_BITS as LENGTHS};

/// How much of a text is kept: the names and values that matter are shorter.
const FRONT: usize = 64;
const SYMBOLS: usize = LENGTHS.len();
const LONGEST_CODE: usize = 30;
/// Codes of at most so many bits are looked up at once.
const SHORT: u32 = 8;

static TABLES: Tables = Tables::new();

struct Tables {
    /// By the next bits: the symbol and the length of its code; no length when the code is longer.
    short: [(u8, u8); 1 << SHORT],
    /// By length: where its codes begin.
    ranges: [Range; LONGEST_CODE + 1],
    /// By code.
    symbols: [u16; SYMBOLS],
}

/// The codes of one length.
#[derive(Clone, Copy)]
struct Range {
    first_code: u32,
    codes: u32,
    /// Where their symbols begin.
    begin: u32,
}

#[derive(Debug)]
pub(super) struct Decoded {
    front: [u8; FRONT],
    len: usize,
}

impl Decoded {
    /// The length of the whole text.
    pub(super) fn len(&self) -> u64 {
        self.len as u64
    }

    /// The text, if it is not longer than any that matters, else its start.
    pub(super) fn front(&self) -> &[u8] {
        &self.front[..self.len.min(FRONT)]
    }

    fn push(&mut self, symbol: u8) {
        if let Some(place) = self.front.get_mut(self.len) {
            *place = symbol;
        }
        self.len += 1;
    }
}

/// Decodes a string; none when it is not the code of one.
pub(super) fn decode(string: &[u8]) -> Option<Decoded> {
    let mut decoded = Decoded { front: [0; FRONT], len: 0 };
    let (mut window, mut bits, mut rest) = (0, 0, string);
    loop {
        while bits <= u64::BITS - 8
            && let Some((&byte, behind)) = rest.split_first()
        {
            window |= u64::from(byte) << (u64::BITS - 8 - bits);
            (bits, rest) = (bits + 8, behind);
        }
        // Behind the end stand ones, as in the padding.
        let padded = window | u64::MAX.checked_shr(bits).unwrap_or(0);
        let (symbol, len) = TABLES.look_up((padded >> u32::BITS) as u32);
        if len > bits {
            // Less than a byte of ones is padding.
            return (bits < 8 && padded == u64::MAX).then_some(decoded);
        }
        decoded.push(u8::try_from(symbol).ok()?);
        (window, bits) = (window << len, bits - len);
    }
}

impl Tables {
    const fn new() -> Self {
        let mut tables = Self {
            short: [(0, 0); 1 << SHORT],
            ranges: [Range { first_code: 0, codes: 0, begin: 0 }; LONGEST_CODE + 1],
            symbols: [0; SYMBOLS],
        };
        let (mut next_code, mut known, mut len) = (0, 0, 1);
        while len <= LONGEST_CODE {
            next_code <<= 1;
            let codes = tables.add_symbols(len, known);
            tables.ranges[len] = Range { first_code: next_code, codes, begin: known };
            tables.add_short(len as u32, known, next_code);
            (next_code, known, len) = (next_code + codes, known + codes, len + 1);
        }
        tables
    }

    /// Adds the symbols with codes of this length behind those that are known; returns how many there are.
    const fn add_symbols(&mut self, len: usize, known: u32) -> u32 {
        let (mut symbol, mut codes) = (0, 0);
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == len {
                self.symbols[(known + codes) as usize] = symbol as u16;
                codes += 1;
            }
            symbol += 1;
        }
        codes
    }

    /// Enters the codes of this length for all bits that may follow them.
    const fn add_short(&mut self, len: u32, begin: u32, first_code: u32) {
        let codes = self.ranges[len as usize].codes;
        let mut at = 0;
        while len <= SHORT && at < codes << (SHORT - len) {
            let place = (first_code << (SHORT - len)) + at;
            let symbol = self.symbols[(begin + (at >> (SHORT - len))) as usize];
            self.short[place as usize] = (symbol as u8, len as u8);
            at += 1;
        }
    }

    /// The symbol whose code the bits begin with, and the length of that code. Some code always fits.
    fn look_up(&self, bits: u32) -> (u16, u32) {
        let (symbol, len) = self.short[(bits >> (u32::BITS - SHORT)) as usize];
        if len > 0 {
            return (u16::from(symbol), u32::from(len));
        }
        for len in SHORT + 1..=LONGEST_CODE as u32 {
            let range = self.ranges[len as usize];
            let at = (bits >> (u32::BITS - len)).wrapping_sub(range.first_code);
            if at < range.codes {
                return (self.symbols[(range.begin + at) as usize], len);
            }
        }
        (END_OF_STRING, LONGEST_CODE as u32)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use loona_hpack::huffman::HuffmanDecoder;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Encodes by the same lengths, and pads with ones.
    pub(crate) fn encode(text: &[u8]) -> Vec<u8> {
        let mut bits: Vec<bool> = Vec::new();
        for &byte in text {
            let (code, len) = code_of(u16::from(byte));
            bits.extend((0..len).rev().map(|at| code >> at & 1 == 1));
        }
        bits.resize(bits.len().next_multiple_of(8), true);
        bits.chunks(8).map(|octet| octet.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit))).collect()
    }

    fn code_of(symbol: u16) -> (u32, u8) {
        let len = LENGTHS[usize::from(symbol)];
        let range = TABLES.ranges[usize::from(len)];
        let symbols = &TABLES.symbols[range.begin as usize..][..range.codes as usize];
        let at = symbols.iter().position(|&other| other == symbol);
        (range.first_code + at.map_or(0, |at| at as u32), len)
    }

    fn assert_text(code: &[u8], text: Option<&[u8]>) {
        let decoded = decode(code);
        assert_eq!(decoded.as_ref().map(Decoded::len), text.map(|text| text.len() as u64));
        assert_eq!(decoded.as_ref().map(Decoded::front), text.map(|text| &text[..text.len().min(FRONT)]));
    }

    #[test]
    fn the_codes_are_those_of_the_standard() {
        // Spot checks against RFC 7541 Appendix B, of every kind of length.
        for (symbol, code) in [
            (b'0'.into(), (0x0, 5)),
            (b' '.into(), (0x14, 6)),
            (b'z'.into(), (0x7b, 7)),
            (b'Z'.into(), (0xfd, 8)),
            (b'!'.into(), (0x3f8, 10)),
            (0, (0x1ff8, 13)),
            (10, (0x3fff_fffc, 30)),
            (255, (0x3ff_ffee, 26)),
            (END_OF_STRING, (0x3fff_ffff, 30)),
        ] {
            assert_eq!(code_of(symbol), code, "symbol {symbol}");
        }
    }

    #[test]
    fn the_strings_of_the_standard_are_decoded() {
        assert_text(b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff", Some(b"www.example.com"));
        assert_text(b"\xa8\xeb\x10\x64\x9c\xbf", Some(b"no-cache"));
        assert_text(b"", Some(b""));
    }

    #[test]
    fn bad_padding_and_the_end_of_string_are_no_text() {
        for bad in [
            &b"\xff"[..],
            b"\x00",
            b"\xff\xff\xff\xff",
            b"\xa8\xeb\x10\x64\x9c\xbf\xff",
            b"\xa8\xeb\x10\x64\x9c\xb0",
        ] {
            let other = HuffmanDecoder::new().decode(bad).ok();
            assert_text(bad, other.as_deref());
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_as_the_other_decoder_has_it(text in vec(any::<u8>(), 0..100)) {
            let code = encode(&text);
            prop_assert_eq!(&HuffmanDecoder::new().decode(&code).ok(), &Some(text.clone()));
            assert_text(&code, Some(&text));
        }

        #[test]
        fn garbage_is_refused_where_the_other_decoder_refuses_it(code in vec(any::<u8>(), 0..20)) {
            assert_text(&code, HuffmanDecoder::new().decode(&code).ok().as_deref());
        }
    }
}

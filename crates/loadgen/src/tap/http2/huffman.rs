//! The Huffman code of HPACK (RFC 7541 §5.2, Appendix B).
//!
//! The code is canonical: of equally long codes the greater symbol has the next one, and longer codes follow shorter
//! ones. So the lengths say it all, and the tables are made of them when this is compiled.

/// How much of a text is kept: the names and values that matter are shorter.
const FRONT: usize = 64;
const SYMBOLS: usize = 257;
const END_OF_STRING: u16 = 256;
const LONGEST_CODE: usize = 30;
/// Codes of at most so many bits are looked up at once.
const SHORT: u32 = 8;

/// The length of each symbol's code, in bits.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

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

/// What a string decodes to.
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

    /// The text, if it is not longer than any that matters, else its begin.
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

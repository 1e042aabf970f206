//! What a body's content coding hides (RFC 9110 §8.4.1): gzip is inflated as it comes. Coded or not, a body takes bounded
//! memory.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use hyper::Response;
use hyper::header::{CONTENT_ENCODING, HeaderValue};

use crate::subscriber::{MESSAGE_LIMIT, SubscribeError};

/// So much is inflated at a time; deflate makes at most 1,032 bytes of one (RFC 1951: two bits for 258).
const STEP: usize = 1024;

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InflateError {
    /// It is no gzip, or broken (RFC 1952).
    #[error("the body is no sound gzip")]
    Broken(#[from] io::Error),
    /// A message in it has no end.
    #[error("more than {MESSAGE_LIMIT} bytes hold no whole message")]
    Oversize,
    /// The coding was not asked for.
    #[error("the content coding is {0}")]
    Coding(String),
}

/// The content of one answer.
pub struct ContentDecoder {
    coding: Coding,
    unfinished: Unfinished,
}

enum Coding {
    Identity,
    /// gzip, in any number of members (RFC 1952 §2.2).
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

/// Bytes, inflated if need be, since a message was last whole.
struct Unfinished(usize);

impl ContentDecoder {
    /// By the answer's head.
    /// Fails when it names a coding that was not asked for.
    pub fn of<B>(answer: &Response<B>) -> Result<Self, SubscribeError> {
        Self::coded(answer.headers().get(CONTENT_ENCODING))
    }

    pub(crate) fn coded(coding: Option<&HeaderValue>) -> Result<Self, SubscribeError> {
        let coding = match coding.map(HeaderValue::as_bytes) {
            None | Some(b"identity") => Coding::Identity,
            Some(b"gzip") => Coding::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Some(other) => {
                return Err(InflateError::Coding(String::from_utf8_lossy(other).into_owned()).into());
            }
        };
        Ok(Self { coding, unfinished: Unfinished(0) })
    }

    /// Takes in the next bytes of the body. `take` gets their plain text, and returns how many messages are whole now.
    /// Returns how many that were in all.
    /// Fails when the body is broken, or a message in it has no end.
    pub fn push(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<usize, SubscribeError>,
    ) -> Result<usize, SubscribeError> {
        match &mut self.coding {
            Coding::Identity => self.unfinished.pass(bytes, take),
            Coding::Gzip(decoder) => inflate(decoder, bytes, |plain| self.unfinished.pass(plain, &mut take)),
        }
    }

    /// Checks that the body was whole.
    pub(crate) fn finish(self) -> Result<(), SubscribeError> {
        match self.coding {
            Coding::Identity => Ok(()),
            Coding::Gzip(mut decoder) => Ok(decoder.try_finish().map_err(InflateError::Broken)?),
        }
    }
}

impl Unfinished {
    /// Hands on what came, and refuses a message without an end.
    fn pass(
        &mut self,
        plain: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<usize, SubscribeError>,
    ) -> Result<usize, SubscribeError> {
        let whole = take(plain)?;
        self.0 = if whole > 0 { 0 } else { self.0 + plain.len() };
        if self.0 > MESSAGE_LIMIT { Err(InflateError::Oversize.into()) } else { Ok(whole) }
    }
}

fn inflate(
    decoder: &mut MultiGzDecoder<Vec<u8>>,
    bytes: &[u8],
    mut take: impl FnMut(&[u8]) -> Result<usize, SubscribeError>,
) -> Result<usize, SubscribeError> {
    let mut messages = 0;
    for step in bytes.chunks(STEP) {
        decoder.write_all(step).map_err(InflateError::Broken)?;
        // What a sync flush of the server's ended shall not wait for the next one.
        decoder.flush().map_err(InflateError::Broken)?;
        messages += take(decoder.get_ref())?;
        decoder.get_mut().clear();
    }
    Ok(messages)
}

impl From<InflateError> for SubscribeError {
    fn from(error: InflateError) -> Self {
        Self::Inflate(error)
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip() -> ContentDecoder {
        let answer = Response::builder().header(CONTENT_ENCODING, "gzip").body(()).unwrap();
        ContentDecoder::of(&answer).unwrap()
    }

    /// Counts lines, and keeps all.
    fn lines(all: &mut Vec<u8>) -> impl FnMut(&[u8]) -> Result<usize, SubscribeError> {
        |bytes| {
            all.extend_from_slice(bytes);
            Ok(bytes.iter().filter(|&&byte| byte == b'\n').count())
        }
    }

    #[test]
    fn what_was_flushed_is_handed_on_at_once_at_any_cut() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"one\n").unwrap();
        encoder.flush().unwrap();
        let first = encoder.get_ref().len();
        encoder.write_all(b"two\nthree\n").unwrap();
        let body = encoder.finish().unwrap();
        for cut in 0..=body.len() {
            let (mut content, mut all) = (gzip(), Vec::new());
            let before = content.push(&body[..cut], lines(&mut all)).unwrap();
            assert!(cut < first || all.starts_with(b"one\n"), "cut at {cut}");
            let behind = content.push(&body[cut..], lines(&mut all)).unwrap();
            assert_eq!((all.as_slice(), before + behind), (&b"one\ntwo\nthree\n"[..], 3));
            content.finish().unwrap();
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_has_gone_off() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        for _ in 0..24 {
            encoder.write_all(&[b'x'; 1024 * 1024]).unwrap();
        }
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < 50_000);
        let mut inflated = 0;
        let result = gzip().push(&bomb, |bytes| {
            inflated += bytes.len();
            Ok(0)
        });
        assert!(matches!(result, Err(SubscribeError::Inflate(InflateError::Oversize))));
        assert!(inflated <= MESSAGE_LIMIT + 2 * 1032 * STEP, "{inflated}");
    }

    #[test]
    fn a_body_as_it_is_must_end_its_messages_too() {
        let mut content = ContentDecoder::of(&Response::new(())).unwrap();
        let half = vec![b'x'; MESSAGE_LIMIT / 2];
        for whole in [0, 1, 0, 0] {
            assert_eq!(content.push(&half, |_| Ok(whole)).unwrap(), whole);
        }
        let result = content.push(b"x", |_| Ok(0));
        assert!(matches!(result, Err(SubscribeError::Inflate(InflateError::Oversize))));
    }

    #[test]
    fn what_is_no_gzip_or_cut_off_is_reported() {
        let broken = gzip().push(b"plain text, which is no gzip", |_| Ok(0));
        assert!(matches!(broken, Err(SubscribeError::Inflate(InflateError::Broken(_)))));
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"one\n").unwrap();
        let body = encoder.finish().unwrap();
        let mut content = gzip();
        content.push(&body[..body.len() - 3], |_| Ok(0)).unwrap();
        assert!(matches!(content.finish(), Err(SubscribeError::Inflate(InflateError::Broken(_)))));
        let other = Response::builder().header(CONTENT_ENCODING, "br").body(()).unwrap();
        let error = ContentDecoder::of(&other).err().unwrap();
        assert!(matches!(error, SubscribeError::Inflate(InflateError::Coding(coding)) if coding == "br"));
    }
}

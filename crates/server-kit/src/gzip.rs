//! `content-encoding: gzip` (RFC 1952), at zlib's usual level 6, for a client that names it in `accept-encoding`.
//!
//! A poll's answer is compressed by itself, by its thread's one compressor, begun again. A stream has one compressor for as long as it lasts, so that an event can
//! refer to what was said before; it holds some hundred KiB of memory. Behind each batch of events that were there
//! together it is flushed (zlib's sync flush), so that the client can read them at once.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::buf::Writer;
use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::write::GzEncoder;
use flate2::{Compress, Compression as Level, FlushCompress, Status};
use hyper::HeaderMap;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::ACCEPT_ENCODING;

use crate::settings::Compression;

/// A batch of a stream is flushed once it holds this many bytes, though more be there.
const BATCH_BYTES: usize = 64 * 1024;
/// The logarithm of how far back a match may lie, zlib's default.
const WINDOW_BITS: u8 = 15;
/// What gzip adds at most to a short text: its head and its end, and deflate's around a block.
const OVERHEAD: usize = 64;

thread_local! {
    /// Its hundreds of KiB are had once: a short answer would spend more time on them than on itself.
    static WHOLE: RefCell<Compress> = RefCell::new(Compress::new_gzip(Level::default(), WINDOW_BITS));
}

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
}

impl Encoding {
    /// What the server does for a client that sends these headers: gzip if it may, and the client names it without
    /// ruling it out (RFC 9110 §12.5.3).
    pub fn new(compression: Compression, headers: &HeaderMap) -> Self {
        let named = || headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        match compression {
            Compression::Deflate if named().flat_map(|value| value.split(',')).any(is_gzip) => Self::Gzip,
            Compression::Deflate | Compression::None => Self::Identity,
        }
    }
}

/// Whether an item of `accept-encoding` names gzip, with a weight above 0 if it has one.
fn is_gzip(item: &str) -> bool {
    let (coding, parameter) = item.split_once(';').unwrap_or((item, "q=1"));
    let weight = parameter.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
    coding.trim().eq_ignore_ascii_case("gzip") && weight.is_some_and(|weight| weight > 0.0)
}

/// These bytes, compressed.
pub fn whole(bytes: &[u8]) -> Bytes {
    WHOLE.with_borrow_mut(|compressor| {
        compressor.reset();
        let mut out = Vec::with_capacity(bytes.len() + OVERHEAD);
        loop {
            let taken = usize::try_from(compressor.total_in()).expect("it is of a slice");
            let status = compressor.compress_vec(&bytes[taken..], &mut out, FlushCompress::Finish);
            match status.expect("there is no dictionary to ask for") {
                Status::StreamEnd => return Bytes::from(out),
                Status::Ok | Status::BufError => out.reserve(OVERHEAD + bytes.len() / 8),
            }
        }
    })
}

/// A body that never ends, or what is made of it: each frame a batch of the inner one's that were there together.
pub enum Encoded<B> {
    Identity(B),
    Gzip(Box<Gzip<B>>),
}

/// A body, and what compresses it until it ends.
pub struct Gzip<B> {
    body: B,
    /// None at the end.
    compressor: Option<GzEncoder<Writer<BytesMut>>>,
}

impl<B> Encoded<B> {
    /// The body in this encoding.
    pub fn new(body: B, encoding: Encoding) -> Self {
        match encoding {
            Encoding::Identity => Self::Identity(body),
            Encoding::Gzip => {
                let compressor = GzEncoder::new(BytesMut::new().writer(), Level::default());
                Self::Gzip(Box::new(Gzip { body, compressor: Some(compressor) }))
            }
        }
    }
}

impl<B: Body<Data = Bytes, Error = Infallible> + Unpin> Gzip<B> {
    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(compressor) = &mut self.compressor else { return Poll::Ready(None) };
        let mut taken = 0;
        while taken < BATCH_BYTES {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(bytes) = frame.into_data() else { continue };
                    compressor.write_all(&bytes).expect("memory takes everything");
                    taken += bytes.len();
                }
                Poll::Ready(None) => {
                    let whole = self.compressor.take().map(GzEncoder::finish);
                    let whole = whole.map(|whole| whole.expect("memory takes everything").into_inner());
                    return Poll::Ready(whole.map(BytesMut::freeze));
                }
                Poll::Pending if taken == 0 => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        compressor.flush().expect("memory takes everything");
        Poll::Ready(Some(compressor.get_mut().get_mut().split().freeze()))
    }
}

impl<B: Body<Data = Bytes, Error = Infallible> + Unpin> Body for Encoded<B> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Identity(body) => Pin::new(body).poll_frame(cx),
            Self::Gzip(gzip) => gzip.poll_batch(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Identity(body) => body.is_end_stream(),
            Self::Gzip(gzip) => gzip.compressor.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Identity(body) => body.size_hint(),
            Self::Gzip(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn an_answer_does_not_depend_on_the_one_before() {
        let text = "the same again, ".repeat(100);
        // xorshift: what deflate cannot shorten.
        let mut state = 1_u64;
        let mut noise = vec![0; 300_000];
        noise.fill_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        });
        let first = whole(text.as_bytes());
        for bytes in [text.as_bytes(), &noise, b"", text.as_bytes()] {
            let mut inflated = Vec::new();
            GzDecoder::new(&whole(bytes)[..]).read_to_end(&mut inflated).unwrap();
            assert!(inflated == bytes, "{} bytes", bytes.len());
        }
        assert_eq!(whole(text.as_bytes()), first);
    }

    #[test]
    fn gzip_is_for_whoever_names_it_and_does_not_rule_it_out() {
        let encoding = |compression, value: &'static str| {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]);
            Encoding::new(compression, &headers)
        };
        for value in ["gzip", "br, GZip;q=0.5", "gzip, deflate, br, zstd"] {
            assert_eq!(encoding(Compression::Deflate, value), Encoding::Gzip, "{value}");
            assert_eq!(encoding(Compression::None, value), Encoding::Identity, "{value}");
        }
        for value in ["", "br", "gzip;q=0", "gzip; q=0.000, br", "identity", "gzip;q=x"] {
            assert_eq!(encoding(Compression::Deflate, value), Encoding::Identity, "{value}");
        }
        assert_eq!(Encoding::new(Compression::Deflate, &HeaderMap::new()), Encoding::Identity);
    }
}

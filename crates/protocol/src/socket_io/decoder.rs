//! Packets out of texts and the attachments after them ("Packet encoding"). A text begins with
//! `<packet type>[<# of binary attachments>-][<namespace>,][<acknowledgment id>]`.

use bytes::Bytes;

use super::{Kind, MAIN, MAX_ATTACHMENTS, Packet};

/// Assembles packets, each up to a limit of bytes, attachments included.
#[derive(Debug)]
pub struct Decoder {
    /// A packet that waits for attachments, and for how many in all.
    open: Option<(Packet, usize)>,
    held: usize,
    limit: usize,
}

/// Why what came is no packet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A text is none.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// A text came where an attachment should.
    #[error("a packet came where {0} attachments of the one before were missing")]
    Missing(usize),
    /// An attachment came without a packet that has any.
    #[error("an attachment came that belongs to no packet")]
    Stray,
    /// Nobody takes so much.
    #[error("a packet with its attachments is over the limit of {0} bytes")]
    Oversize(usize),
}

impl Decoder {
    /// A decoder that takes packets of up to `limit` bytes, attachments included.
    pub fn new(limit: usize) -> Self {
        Self { open: None, held: 0, limit }
    }

    /// Whether a packet waits for attachments.
    pub fn is_waiting(&self) -> bool {
        self.open.is_some()
    }

    /// Takes in a packet's text, and returns the packet if it needs no attachments.
    /// Fails when it is no packet, too long, or an attachment should have come.
    pub fn text(&mut self, text: &Bytes) -> Result<Option<Packet>, DecodeError> {
        if let Some((packet, announced)) = &self.open {
            return Err(DecodeError::Missing(announced - packet.attachments.len()));
        }
        self.held = 0;
        self.hold(text.len())?;
        let head = Head::decode(text)?;
        let packet = Packet {
            kind: head.kind,
            namespace: head.namespace.to_owned(),
            id: head.id,
            data: text.slice(head.len..),
            attachments: Vec::new(),
        };
        if head.attachments == 0 {
            return Ok(Some(packet));
        }
        self.open = Some((packet, head.attachments));
        Ok(None)
    }

    /// Takes in an attachment, and returns the packet if it was the last one.
    /// Fails when no packet waits for one, or it is too long.
    pub fn attachment(&mut self, attachment: Bytes) -> Result<Option<Packet>, DecodeError> {
        self.hold(attachment.len())?;
        let (packet, announced) = self.open.as_mut().ok_or(DecodeError::Stray)?;
        packet.attachments.push(attachment);
        let is_whole = packet.attachments.len() == *announced;
        Ok(self.open.take_if(|_| is_whole).map(|(packet, _)| packet))
    }

    fn hold(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.held = self.held.saturating_add(bytes);
        if self.held > self.limit { Err(DecodeError::Oversize(self.limit)) } else { Ok(()) }
    }
}

/// The front of a packet, before its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// What the packet is for.
    pub kind: Kind,
    /// How many attachments follow the text.
    pub attachments: usize,
    /// Where it belongs to.
    pub namespace: &'a str,
    /// By which it wants to be answered, or answers.
    pub id: Option<u64>,
    /// Bytes of all that: where the data begins.
    pub len: usize,
}

/// Why a text is no packet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// There is nothing.
    #[error("a packet is empty")]
    Empty,
    /// The first byte is no packet's.
    #[error("a packet begins with {}, which is no packet type", char::from(*.0).escape_default())]
    Kind(u8),
    /// A binary packet's count of attachments: 1 to 10, then a dash.
    #[error("a binary packet has not from 1 to {MAX_ATTACHMENTS} attachments")]
    Attachments,
    /// The namespace is no text.
    #[error("a namespace is not UTF-8")]
    Namespace,
    /// The id is too large.
    #[error("an acknowledgement's id is over 64 bits")]
    Id,
    /// An acknowledgement of nothing in particular.
    #[error("an acknowledgement has no id")]
    NoId,
    /// The data is not of the shape that such a packet has ("Exchange protocol").
    #[error("a packet of kind {0:?} does not carry such data")]
    Data(Kind),
}

impl<'a> Head<'a> {
    /// Reads the head of a packet's text. Of the data it looks at the first byte only.
    /// Fails when the text is no packet.
    pub fn decode(text: &'a [u8]) -> Result<Self, HeadError> {
        let (&digit, mut rest) = text.split_first().ok_or(HeadError::Empty)?;
        let kind = Kind::of(digit).ok_or(HeadError::Kind(digit))?;
        let attachments = if kind.is_binary() { attachments(&mut rest)? } else { 0 };
        let namespace = namespace(&mut rest)?;
        let id = id(&mut rest)?;
        if matches!(kind, Kind::Ack | Kind::BinaryAck) && id.is_none() {
            return Err(HeadError::NoId);
        }
        if !carries(kind, rest.first().copied()) {
            return Err(HeadError::Data(kind));
        }
        Ok(Self { kind, attachments, namespace, id, len: text.len() - rest.len() })
    }
}

/// `<# of binary attachments>-`
fn attachments(rest: &mut &[u8]) -> Result<usize, HeadError> {
    let count = number(rest).ok().flatten().and_then(|count| usize::try_from(count).ok());
    *rest = rest.strip_prefix(b"-").ok_or(HeadError::Attachments)?;
    count.filter(|count| (1..=MAX_ATTACHMENTS).contains(count)).ok_or(HeadError::Attachments)
}

/// `<namespace>,`; the reference takes one without a comma if nothing follows it.
fn namespace<'a>(rest: &mut &'a [u8]) -> Result<&'a str, HeadError> {
    if !rest.starts_with(MAIN.as_bytes()) {
        return Ok(MAIN);
    }
    let end = memchr::memchr(b',', rest);
    let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
    *rest = behind.get(1..).unwrap_or_default();
    std::str::from_utf8(name).map_err(|_| HeadError::Namespace)
}

/// `<acknowledgment id>`
fn id(rest: &mut &[u8]) -> Result<Option<u64>, HeadError> {
    number(rest).map_err(|()| HeadError::Id)
}

/// Takes leading digits off; none if there are none.
fn number(rest: &mut &[u8]) -> Result<Option<u64>, ()> {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, behind) = rest.split_at(digits);
    *rest = behind;
    if number.is_empty() {
        return Ok(None);
    }
    let add = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    number.iter().try_fold(0, add).map(Some).ok_or(())
}

/// Whether data that begins so can be that of such a packet: an object, an array, a text, nothing.
fn carries(kind: Kind, first: Option<u8>) -> bool {
    match kind {
        Kind::Connect => matches!(first, None | Some(b'{')),
        Kind::Disconnect => first.is_none(),
        Kind::Event | Kind::BinaryEvent | Kind::Ack | Kind::BinaryAck => first == Some(b'['),
        Kind::ConnectError => matches!(first, Some(b'{' | b'"')),
    }
}

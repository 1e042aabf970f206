//! Packets out of texts and the attachments after them ("Packet encoding").

use bytes::Bytes;

use super::{Head, HeadError, Packet};

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
    ///
    /// # Errors
    ///
    /// When it is no packet, too long, or an attachment should have come.
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
    ///
    /// # Errors
    ///
    /// When no packet waits for one, or it is too long.
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

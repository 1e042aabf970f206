//! Engine.IO's packets (protocol 4) and what of Socket.IO (protocol 5) is in them, in polls and in WebSocket frames.
//!
//! # Which bytes are what
//!
//! - An event with a message of ours: the packet type is `engine_io`, and so is what separates packets in a poll; packet
//!   type, namespace, acknowledgement id, name and brackets are `socket_io`; the message itself is stamp and payload.
//! - Open, connect and its refusal, the upgrade's probe, the upgrade, and the noop that frees its poll: `handshake`.
//! - Pings, pongs, closes, disconnects, greetings and everything else: control.
//!
//! What stands round a packet, a frame header or a separator, goes with it. What heads of HTTP are, [`Carried`] tells.

use memchr::memchr;
use model::byte_account::Layers;
use protocol::engine_io::SEPARATOR;
use protocol::socket_io::BEFORE_MESSAGE;

use super::byte_counts::{Layer, settle};
use super::message::{Finding, Mask, Meter};

/// What the packets of an exchange were, at the most. It decides what the exchange's heads are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Carried {
    /// Pings, pongs and their like.
    #[default]
    Nothing,
    /// What opens a session, or upgrades it.
    Handshake,
    /// What an application says: events, greetings too, and acknowledgements.
    Events,
}

impl Carried {
    pub(super) fn request_head(self) -> Layer {
        self.choose(Layer::RequestHead)
    }

    pub(super) fn response_head(self) -> Layer {
        self.choose(Layer::ResponseHead)
    }

    /// The text that a POST is answered with.
    pub(super) fn answer(self) -> Layer {
        self.choose(Layer::EngineIo)
    }

    fn choose(self, of_events: Layer) -> Layer {
        match self {
            Self::Nothing => Layer::Control,
            Self::Handshake => Layer::Handshake,
            Self::Events => of_events,
        }
    }
}

/// Takes in a body of HTTP long-polling.
#[derive(Debug)]
pub(super) struct Packets {
    packet: Packet,
    carried: Carried,
}

impl Packets {
    pub(super) fn new(finding: Finding) -> Self {
        Self { packet: Packet::new(finding), carried: Carried::default() }
    }

    pub(super) fn carried(&self) -> Carried {
        self.carried
    }

    pub(super) fn take(&mut self, mut bytes: &[u8], layers: &mut Layers) {
        while let Some(end) = memchr(SEPARATOR, bytes) {
            self.packet.push(&bytes[..end]);
            self.settle(1, layers);
            bytes = &bytes[end + 1..];
        }
        self.packet.push(bytes);
    }

    /// The body is over, and with it the last packet.
    pub(super) fn end(&mut self, layers: &mut Layers) {
        self.settle(0, layers);
    }

    fn settle(&mut self, separator: u64, layers: &mut Layers) {
        let carried = self.packet.settle(separator, Layer::EngineIo, layers);
        self.carried = self.carried.max(carried);
    }
}

/// Takes in a packet part by part.
#[derive(Debug)]
pub(super) struct Packet {
    place: Place,
    /// Bytes so far, without those of the argument.
    len: u64,
    argument: Meter,
}

/// What the next byte of a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Type,
    /// Behind the type of a ping or pong.
    Probe,
    SocketType,
    /// Behind the type of an event.
    Event,
    Namespace,
    AckId,
    /// So many bytes of the name have come, the bracket before it and the comma behind it included.
    Name(usize),
    /// The argument of an event of ours, and the bracket behind it; where messages may stand anywhere, all behind the type.
    Argument,
    /// Of a packet that carries this, and no event of ours.
    Rest(Carried),
}

impl Packet {
    pub(super) fn new(finding: Finding) -> Self {
        Self { place: Place::Type, len: 0, argument: Meter::new(finding) }
    }

    /// Leaves one that begins.
    fn take(&mut self) -> Self {
        let next = Self::new(self.argument.finding());
        std::mem::replace(self, next)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.push_masked(bytes, Mask::default());
    }

    pub(super) fn push_masked(&mut self, bytes: &[u8], mask: Mask) {
        let mut taken = 0;
        while let Some(byte) = bytes.get(taken)
            && !matches!(self.place, Place::Argument | Place::Rest(_))
        {
            self.place = match self.place.behind(byte ^ mask.at(taken)) {
                Place::Event if self.argument.finding() == Finding::Anywhere => Place::Argument,
                place => place,
            };
            taken += 1;
        }
        self.len += taken as u64;
        let rest = &bytes[taken..];
        match self.place {
            Place::Argument => self.argument.push_masked(rest, mask.after(taken)),
            _ => self.len += rest.len() as u64,
        }
    }

    /// What comes is an attachment: bytes that are no packet of their own, whatever they look like.
    pub(super) fn attach(&mut self) {
        self.place = Place::Rest(Carried::Events);
    }

    /// The packet is whole: settles it with the bytes round it, which are of the layer `around` if it is an event of ours,
    /// and begins again.
    pub(super) fn settle(&mut self, framing: u64, around: Layer, layers: &mut Layers) -> Carried {
        let Self { place, len, mut argument } = self.take();
        if place == Place::Argument && argument.settle_bracketed(layers) {
            const TYPE: u64 = 1;
            const BRACKET: u64 = 1;
            settle(layers, Layer::EngineIo, TYPE);
            settle(layers, Layer::SocketIo, len - TYPE + BRACKET);
            settle(layers, around, framing);
            return Carried::Events;
        }
        let carried = place.carried();
        let layer = if carried == Carried::Handshake { Layer::Handshake } else { Layer::Control };
        settle(layers, layer, len + argument.take_len() + framing);
        carried
    }

    /// What was taken in is no packet, whatever it looks like.
    pub(super) fn settle_as_control(&mut self, framing: u64, layers: &mut Layers) {
        let Self { len, mut argument, .. } = self.take();
        settle(layers, Layer::Control, len + argument.take_len() + framing);
    }
}

/// What stands before the one argument of an event of ours, behind namespace and acknowledgement id.
fn name() -> &'static [u8] {
    &BEFORE_MESSAGE[1..]
}

impl Place {
    /// What a packet that ends here carries.
    fn carried(self) -> Carried {
        match self {
            Self::Type | Self::Probe => Carried::Nothing,
            Self::Rest(carried) => carried,
            _ => Carried::Events,
        }
    }

    /// The place behind this byte.
    fn behind(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Type, b'0' | b'5' | b'6') | (Self::Probe, b'p') | (Self::SocketType, b'0' | b'4') => {
                Self::Rest(Carried::Handshake)
            }
            (Self::Type, b'2' | b'3') => Self::Probe,
            (Self::Type, b'4') => Self::SocketType,
            // Base64 of an attachment.
            (Self::Type, b'b') => Self::Rest(Carried::Events),
            (Self::Type | Self::Probe, _) | (Self::SocketType, b'1') => Self::Rest(Carried::Nothing),
            (Self::SocketType, b'2') => Self::Event,
            (Self::Namespace, b',') | (Self::Event | Self::AckId, b'0'..=b'9') => Self::AckId,
            (Self::Event, b'/') | (Self::Namespace, _) => Self::Namespace,
            (Self::Event | Self::AckId, b'[') => Self::Name(1),
            (Self::Name(known), byte) if name().get(known) == Some(&byte) => {
                if known + 1 == name().len() {
                    Self::Argument
                } else {
                    Self::Name(known + 1)
                }
            }
            (Self::SocketType | Self::Event | Self::AckId | Self::Name(_), _) => Self::Rest(Carried::Events),
            (Self::Argument | Self::Rest(_), _) => self,
        }
    }
}

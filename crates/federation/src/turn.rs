//! One side's words in a meeting of two nodes: everything it has to say at once.
//!
//! Two nodes meet in turns, each turn a question and its answer of the same form, so that either side can begin and one of them
//! need not be reachable: who asks gives what it has for the other and takes what the other has for it. A meeting ends when
//! neither has anything more to say.
//!
//! # Shape
//! A frame (`CRT1`) of: 1 a signed [`crate::Hello`], 2 a signed [`crate::Ack`], 3 heads ([`crate::HeadUpdate`]), 4 a batch of
//! sealed envelopes, 5 lines of witnesses ([`crate::Cosigned`], may repeat), 6 a batch that is signed and sealed as one, for
//! a peer that speaks version 2 or later and in place of 4. The greeting says who speaks; everything else may be absent.

use base::limit::{BATCH_BYTES_MAX, BATCH_ENVELOPES_MAX, HEADS_MAX, HELLO_BYTES_MAX, WINDOW_ENVELOPES_MAX};
use base::signed::Signed;
use base::signing::KeyId;

use crate::Exchange;
use crate::frame::{self, FrameError, Magic, Writer};
use crate::hello::Versions;
use crate::outbox::Brought;
use crate::port::{Read, Rows};
use crate::seal::Sealed;
use crate::wire::{Cosigned, HeadUpdate, WireError, batch_from, batch_to};

const MAGIC: Magic = *b"CRT1";
const HELLO: u16 = 1;
const ACK: u16 = 2;
const HEADS: u16 = 3;
const BATCH: u16 = 4;
const COSIGNED: u16 = 5;
const TOGETHER: u16 = 6;
/// Most bytes of a turn: heads and a batch, each at its own limit, and what goes with them.
pub const TURN_BYTES_MAX: usize = 2 * BATCH_BYTES_MAX + 4 * HELLO_BYTES_MAX;

/// How far batches that go ahead of an answer may reach beyond what the peer has acknowledged.
const AHEAD_ENVELOPES_MAX: u64 = 2 * BATCH_ENVELOPES_MAX as u64;

/// Most bytes of a signed greeting: its payload in base64 and its signatures.
pub const GREETING_BYTES_MAX: usize = 2 * HELLO_BYTES_MAX;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Who speaks, to whom, and how far it has come.
    pub hello: Signed,
    /// How far it has read what the other sent.
    pub ack: Option<Signed>,
    /// Heads of ledgers; taken before the batch.
    pub heads: Vec<HeadUpdate>,
    /// Envelopes.
    pub batch: Vec<Sealed>,
    /// Its lines under heads of the other.
    pub cosigned: Vec<Cosigned>,
    /// A batch that is signed and sealed as one.
    pub together: Option<Sealed>,
}

impl Turn {
    /// Nothing but a greeting.
    #[must_use]
    pub const fn of(hello: Signed) -> Self {
        Self { hello, ack: None, heads: Vec::new(), batch: Vec::new(), cosigned: Vec::new(), together: None }
    }

    /// The greeting of a turn of which only the beginning may have come; `None` = more of it has to come first. So a door knows
    /// who speaks before it takes the rest.
    ///
    /// # Errors
    /// `Frame` and `Part`: it begins with something else, or with a greeting larger than any.
    pub fn greeting_at(beginning: &[u8]) -> Result<Option<Signed>, WireError> {
        let known = beginning.len().min(MAGIC.len());
        if beginning.get(..known) != MAGIC.get(..known) {
            return Err(WireError::Frame(FrameError::OtherKind));
        }
        let Some(field) = beginning.get(MAGIC.len()..) else { return Ok(None) };
        let Some((tag, rest)) = field.split_first_chunk::<2>() else { return Ok(None) };
        let Some((length, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if u16::from_be_bytes(*tag) != HELLO || length > GREETING_BYTES_MAX {
            return Err(WireError::Part("greeting"));
        }
        let Some(bytes) = rest.get(..length) else { return Ok(None) };
        Signed::parse(bytes).map(Some).map_err(|_| WireError::Part("greeting"))
    }

    /// Whether it says anything that the other side should answer to.
    #[must_use]
    pub fn says_something(&self) -> bool {
        self.ack.is_some() || self.brings() || !self.cosigned.is_empty()
    }

    /// Whether it brings acts.
    #[must_use]
    pub const fn brings(&self) -> bool {
        !self.batch.is_empty() || self.together.is_some()
    }

    /// Takes out the acts it would bring.
    pub fn bring_nothing(&mut self) {
        (self.batch, self.together) = (Vec::new(), None);
    }

    /// The turn as a message.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(MAGIC);
        writer.field(HELLO, self.hello.to_json().as_bytes());
        if let Some(ack) = &self.ack {
            writer.field(ACK, ack.to_json().as_bytes());
        }
        if !self.heads.is_empty() {
            writer.field(HEADS, &HeadUpdate::to_bytes(&self.heads));
        }
        if !self.batch.is_empty() {
            writer.field(BATCH, &batch_to(&self.batch));
        }
        for line in &self.cosigned {
            writer.field(COSIGNED, &line.to_bytes());
        }
        if let Some(together) = &self.together {
            writer.field(TOGETHER, together.as_bytes());
        }
        writer.finish()
    }

    /// Reads a turn. Nothing in it is verified.
    ///
    /// # Errors
    /// `TooLarge`, `Frame`, `Part`, and those of its parts.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > TURN_BYTES_MAX {
            return Err(WireError::TooLarge(bytes.len()));
        }
        let fields = frame::read(MAGIC, bytes, HEADS_MAX)?;
        let given = |tag| fields.iter().any(|field| field.tag == tag);
        let signed = |tag, name| {
            let bytes = frame::single(&fields, tag).ok_or(WireError::Part(name))?;
            Signed::parse(bytes).map_err(|_| WireError::Part(name))
        };
        let part = |tag, name| frame::single(&fields, tag).ok_or(WireError::Part(name));
        let lines = fields.iter().filter(|field| field.tag == COSIGNED);
        Ok(Self {
            hello: signed(HELLO, "greeting")?,
            ack: if given(ACK) { Some(signed(ACK, "acknowledgement")?) } else { None },
            heads: if given(HEADS) {
                HeadUpdate::from_bytes(part(HEADS, "list of heads")?)?
            } else {
                Vec::new()
            },
            batch: if given(BATCH) { batch_from(part(BATCH, "batch")?)? } else { Vec::new() },
            cosigned: lines.map(|field| Cosigned::from_bytes(field.bytes)).collect::<Result<_, _>>()?,
            together: if given(TOGETHER) {
                Some(Sealed::parse_batch(part(TOGETHER, "batch sealed as one")?.to_vec())?)
            } else {
                None
            },
        })
    }
}

impl Exchange<'_> {
    /// Puts what goes to a peer next into a turn: as one, where the peer was last heard to speak a version that reads that, and
    /// else envelope by envelope. Tells how far what goes as one reaches.
    ///
    /// # Errors
    /// The store did not answer.
    ///
    /// # Limits
    /// Those of [`Exchange::outgoing`].
    pub fn bring(&self, rows: &dyn Rows, peer: &KeyId, turn: &mut Turn) -> Read<Option<Brought>> {
        turn.bring_nothing();
        if !self.reads_together(rows, peer)? {
            turn.batch = self.outgoing(rows, peer)?;
            return Ok(None);
        }
        let made = self.together(rows, peer, (Brought::default(), WINDOW_ENVELOPES_MAX))?;
        let (together, brought) = made.unzip();
        turn.together = together;
        Ok(brought)
    }

    /// Puts into a turn what goes to a peer behind what was brought already, before the peer has answered: it takes that too
    /// once it has taken everything before it, and else refuses it as a gap, which changes nothing. `None` when nothing is
    /// behind it, when the peer does not read batches, and when two batches are on their way.
    ///
    /// # Errors
    /// The store did not answer.
    ///
    /// # Limits
    /// Two batches of [`BATCH_ENVELOPES_MAX`] beyond what the peer has acknowledged.
    pub fn bring_behind(
        &self,
        rows: &dyn Rows,
        peer: &KeyId,
        turn: &mut Turn,
        behind: Brought,
    ) -> Read<Option<Brought>> {
        turn.bring_nothing();
        if !self.reads_together(rows, peer)? {
            return Ok(None);
        }
        let (together, brought) = self.together(rows, peer, (behind, AHEAD_ENVELOPES_MAX))?.unzip();
        turn.together = together;
        Ok(brought)
    }

    fn reads_together(&self, rows: &dyn Rows, peer: &KeyId) -> Read<bool> {
        Ok(rows.peer(peer)?.version.is_some_and(|version| version >= Versions::TOGETHER))
    }
}

#[cfg(test)]
mod tests {
    use base::SeededRng;
    use base::signing::SigningKey;

    use super::*;
    use crate::seal::{Route, SealingSecret};

    #[test]
    fn a_turn_is_read_back_and_what_is_cut_or_doubled_is_refused() {
        let rng = SeededRng::new(1);
        let key = SigningKey::generate(&rng);
        let hello = Signed::sign("application/x", b"{}".to_vec(), &key).unwrap();
        let ack = Signed::sign("application/y", b"{}".to_vec(), &key).unwrap();
        let sealed =
            Sealed::seal(&rng, &SealingSecret::generate(&rng).public(), Route([7; 16]), b"x").unwrap();
        let bare = Turn::of(hello.clone());
        assert!(!bare.says_something());
        let together = Some(sealed.clone());
        let full = Turn { ack: Some(ack), batch: vec![sealed], together, ..bare.clone() };
        assert!(full.says_something());
        for turn in [&bare, &full] {
            let bytes = turn.to_bytes();
            assert_eq!(Turn::from_bytes(&bytes).as_ref(), Ok(turn));
            let greeted = 10 + turn.hello.to_json().len();
            for end in 0..bytes.len() {
                let cut = Turn::from_bytes(&bytes[..end]);
                assert!(cut.as_ref() != Ok(turn), "{end}");
                let expected = (end >= greeted).then(|| turn.hello.clone());
                assert_eq!(Turn::greeting_at(&bytes[..end]), Ok(expected), "{end}");
            }
        }
        let mut twice = Writer::new(MAGIC);
        twice.field(HELLO, hello.to_json().as_bytes()).field(HELLO, hello.to_json().as_bytes());
        assert_eq!(Turn::from_bytes(&twice.finish()), Err(WireError::Part("greeting")));
        for other in [&b"x"[..], b"CRB1", b"CRT1\0\x02", b"CRT1\0\x01\xFF\0\0\0", b"CRT1\0\x01\0\0\0\x02{}"] {
            let begins = Turn::greeting_at(other);
            assert!(begins.is_err() || other.len() < 10 && begins == Ok(None), "{other:?} {begins:?}");
        }
        assert_eq!(
            Turn::from_bytes(&vec![0; TURN_BYTES_MAX + 1]),
            Err(WireError::TooLarge(TURN_BYTES_MAX + 1))
        );
    }
}

//! What nodes say to each other.

use base::signing::KeyId;
use federation::Route;

/// What one node says to another. Everything is bytes, as it is on the wire.
#[derive(Clone, Debug)]
pub enum Message {
    /// A greeting, with what its sender is still to tell.
    Hello(Greeting),
    /// A batch of envelopes.
    Batch(Vec<u8>),
    /// Heads of ledgers and a batch behind them, in one request: who takes the acts has their leaves.
    Delivery(Vec<u8>, Vec<u8>),
    /// Heads of ledgers, and behind them a batch that is signed and sealed as one.
    Together(Vec<u8>, Vec<u8>),
    /// Heads of ledgers.
    Heads(Vec<u8>),
    /// A witness's line.
    Cosigned(Vec<u8>),
    /// Everything given back to a member that lost it, in the order it must be taken in.
    Restitution(Vec<u8>, Vec<Vec<u8>>, String),
    /// A parcel for a relay to keep; by the number it says that it does.
    Put(u64, Vec<u8>),
    /// A relay keeps a parcel.
    Kept(u64),
    /// What waits at a relay under these routes?
    Take(Vec<Route>),
    /// What a relay hands out.
    HandedOut(Vec<u8>),
    /// What a relay need not keep any longer.
    Drop(Vec<u8>),
}

/// A greeting, and what goes with it in the same turn.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// The signed greeting.
    pub hello: String,
    /// A signed acknowledgement.
    pub ack: Option<String>,
    /// Whether it asks for an answer.
    pub answer: Answer,
    /// Which of its sender's greetings it is, or answers to.
    pub number: u64,
}

impl Message {
    /// Whether it goes to or comes from a relay, which is no meeting.
    pub(crate) const fn is_relayed(&self) -> bool {
        matches!(self, Self::Put(..) | Self::Kept(_) | Self::Take(_) | Self::HandedOut(_) | Self::Drop(_))
    }
}

/// Whether a greeting asks for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It does.
    Wanted,
    /// It is one.
    Given,
}

/// What a node says next, and to whom.
pub(crate) type Said = Vec<(KeyId, Message)>;

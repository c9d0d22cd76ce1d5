//! Exchange between members: what is said, what is refused, and what both change, without sockets and without a database.
//!
//! An act of one member travels as an [`Envelope`] sealed to its recipient. [`Exchange`] holds the steps: deeds of this
//! member ([`Release`], [`Alteration`], [`Grant`]) fill outboxes; [`Exchange::outgoing`] empties them; [`Exchange::receive`] judges
//! what comes in; greetings, heads, recovery and courier files are steps like these. A step reads [`Rows`] and gives
//! [`Effect`]s, which the store applies in the same transaction; there is no other state.
//!
//! Who is a member is asked of a [`Directory`], what handling says of a [`Judge`]. `node` answers both for real, `sim` runs
//! many members from one seed.
//!
//! Architecture Invariant: nothing here reads a clock, a socket or a database, and no refusal changes anything but the log of
//! refusals and the cursor behind which it stands.

mod addressees;
mod batch;
mod change;
mod consent;
mod content;
mod courier;
mod deeds;
mod deposits;
mod draft;
mod envelope;
mod errands;
mod exchange;
mod frame;
mod givings;
mod grown;
mod heads;
mod hello;
mod inbox;
mod later;
mod leaving;
mod left;
mod life;
mod load;
mod memory;
mod outbox;
mod owed;
mod parts;
mod passed_on;
mod places;
mod port;
mod proving;
mod receipts;
mod recover;
mod refusal;
mod relay;
mod rows;
mod seal;
mod state;
mod takeback;
mod turn;
mod waiting;
mod wire;
mod witness;

pub use batch::{BatchHead, Entry, OpenedBatch, entry_bytes, sign_batch};
pub use consent::{CONSENT_TYPE, Consent, Revocation};
pub use content::{
    Change, Content, Notice, Outcome, Receipt, ReceiptLine, RegistryState, is_skewed, object_version,
};
pub use courier::{Beside, CourierError, Manifest, Packed, Parcel, courier_file};
pub use deeds::{Alteration, Grant, Granted, Release, Released};
pub use deposits::{Deposit, DepositMark, DepositState, Over, RelayOffer, Seen};
pub use draft::DeedError;
pub use envelope::{Envelope, Inclusion, Proof};
pub use errands::{Due, Errands, ParcelFate, Reached, RelayErrand};
pub use exchange::Exchange;
pub use frame::FrameError;
pub use heads::{HeadOutcome, Kept};
pub use hello::{Compatibility, Greeted, HELLO_TYPE, Hello, HelloError, Reach, Versions};
pub use inbox::{Received, Taken};
pub use later::{Hindrance, Newcomers, Put, first_shared_at, holders_now};
pub use leaving::LeftBehind;
pub use life::LIFE_TYPE;
pub use load::Load;
pub use memory::MemoryRows;
pub use outbox::Brought;
pub use owed::{Owed, Saying, TellsRefusals, Told, Untold};
pub use port::{Consented, Deed, Directory, Judge, Me, Question, Read, Rows, Standing, StoreFailed, Waiting};
pub use proving::{receipt_in, registry_in};
pub use refusal::{Refused, Rule};
pub use relay::{
    PapersWord, RELAY_MARK_BYTES, RelayWord, parcels_from, parcels_to, relay_mark, route_period,
};
pub use rows::{
    ActRow, Again, ConsentRow, Covered, Effect, FateRow, Giving, HolderRow, Lane, LaterRow, MirrorRow,
    ObjectName, OutboxRow, OwnRow, PayloadRow, PeerRow, Queue, ReceiptRow, ReceiptState, Recovery,
    RefusalRow, RevokedRow, SaidBefore, Stage, VersionRow, WitnessedRow,
};
pub use seal::{ROUTE_BYTES, Route, SealError, Sealed, SealingSecret};
pub use state::{PartState, part_state, state_hash, state_hash_of};
pub use turn::{GREETING_BYTES_MAX, TURN_BYTES_MAX, Turn};
pub use waiting::{Looks, has_by};
pub use wire::{
    ACK_TYPE, Ack, AckRefusal, Back, Cosigned, HeadUpdate, RegistryPage, WireError, batch_from, batch_to,
};

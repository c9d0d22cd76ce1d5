//! The storage port: what the node asks of a backend, and the suite that every backend must pass.
//!
//! One trait per concern, all asked through [`Store`]. Reads take a [`handling::Viewer`] and answer within it; adding and
//! deleting take a [`handling::Writer`]. One commit-ordered sequence per node gives every object in every collection its
//! `date_added`: unique, in microseconds, strictly increasing in the order in which objects become visible.
//!
//! Architecture Invariant: no type of a backend appears here, and no other crate but the binary names a backend.

mod accounts;
mod approvals;
#[cfg(feature = "conformance")]
pub mod conformance;
mod derive;
mod error;
mod exchange;
mod leaves;
mod objects;
mod papers;
mod query;
mod relay;
mod upkeep;

pub use accounts::{
    Accounts, CollectionRow, GrantRow, NewCollection, NewSession, NewToken, NewUser, PasswordSet, SessionRow,
    TokenRow, UserRow,
};
pub use approvals::{Answer, ApprovalRow, Approvals, Spending, Verdict};
pub use error::{ALTERED, Fault, StoreError};
pub use exchange::{
    ExchangeDesk, ExchangeLook, ExchangeStep, Exchanges, LeavesBy, NoticeRow, OwnCopy, Refused, RefusedBy,
    Retired, Settled, Unfinished, VersionsOf, exchanged, looked, tried,
};
pub use leaves::{LeafRow, Leaves, LedgerAuthor, ProvenLeaf};
pub use objects::{
    Batch, Conflict, Contradiction, Deleted, Edge, Entry, Facts, INHERITED, KNOWN_BY_ANOTHER,
    KNOWN_BY_ANOTHER_CODE, Landed, LandedAs, Objects, Original, PerObject, Sighting, StatusRow, StatusState,
    Text,
};
pub use papers::{Paper, PaperKind, PaperWork, Papers};
pub use query::{
    Brief, Direction, EdgeEnd, EdgeGroup, EdgeGroups, EdgeRow, Editions, Filter, Found, ListedIn, LookupRow,
    Manifest, ManifestRow, Marks, ObjectPage, Order, OwnWord, Page, PageRequest, PatternRow, Ruled,
    SearchRequest, Standing, StoredObject, VersionPick, VersionRow, Worth,
};
pub use relay::{RelayBounds, RelayHeld, RelayMark, RelayParcel, RelayPut, Relays};
pub use upkeep::{
    Absent, BackupReport, BackupTo, Check, Difference, Figures, Job, KeySink, Recovering, Restored,
    SIGNING_SEEDS, Upkeep,
};

/// Everything a backend does.
pub trait Store: Accounts + Approvals + Exchanges + Leaves + Objects + Papers + Relays + Upkeep {}

impl<T: Accounts + Approvals + Exchanges + Leaves + Objects + Papers + Relays + Upkeep> Store for T {}

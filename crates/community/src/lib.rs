//! Communities: members, their keys, the registry that they keep together, and circles.
//!
//! Types and rules alone, without input or output: a registry is replayed from signed entries ([`Registry::replay`]), a
//! decision is reached by [`Council`] from what one member knows, a circle is a document of its owner. Time is an argument
//! everywhere. The node keeps entries, carries them to other members and asks this crate what they come to.
//!
//! Architecture Invariant: nothing here reads a clock, a socket or a database; nobody has a power over the registry that is
//! not a vote or the right over their own key.

mod anchor;
mod body;
mod certificate;
mod circle;
mod council;
mod entry;
mod fork;
mod id;
mod member;
mod own;
mod proposal;
mod quorum;
mod registry;
mod replay;
mod rounds;
mod rule;
mod snapshot;
mod state;
mod statement;
mod words;

pub use anchor::{Anchor, Door};
pub use body::{Admitted, Body, Founded, NewKey, OfMember, QuorumChanged};
pub use certificate::{CERTIFICATE_TYPE, NodeCertificate};
pub use circle::{CIRCLE_TYPE, Circle, History, Newer, Seat, audience, is_circle_name};
pub use council::{Council, Move, Standing, founding, own_entry};
pub use entry::{Chain, Content, ENTRY_TYPE, Entry, Point, read_statement};
pub use fork::Fork;
pub use id::{CircleId, CommunityId, EntryHash, MemberId, SubjectHash};
pub use member::{Claim, Member, OwnState, Status, notice_ends};
pub use proposal::{APPROVAL_TYPE, Approval, Deed, PROPOSAL_TYPE, Proposal, Subject, What, Word};
pub use quorum::{QuorumRule, Tally};
pub use registry::{Applied, Registry, UnknownEntry};
pub use rule::{Refused, Rule};
pub use snapshot::Snapshot;
pub use statement::{JOIN_REQUEST_TYPE, JoinRequest, Recovery, Statement};
pub use words::{Endpoint, IdentityId, MemberKind, Names, Road, SealingKey, Slug};

//! The state of exchange as plain rows, and the effects that change them.
//!
//! A step reads rows ([`crate::Rows`]) and gives a list of [`Effect`]s; the store applies all of them in the transaction that
//! the step read in, or none. There is no other state: whoever has the rows has the machine.

use std::collections::{BTreeMap, BTreeSet};

use base::Micros;
use base::limit::{ACK_REFUSALS_MAX, ALONE_ENVELOPES_MAX};
use base::signing::KeyId;
use ledger::TreeHash;
use ledger::act::ActKind;
use ledger::commitment::{Commitment, Salt};

use crate::content::Outcome;
use crate::hello::Versions;
use crate::refusal::{is_for_others, is_too_early};
use crate::wire::AckRefusal;

/// Which queue to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Overtakes everything else.
    Flash,
    /// The rest.
    Routine,
    /// What a member is given back of its own after a restore. Has no queue and no cursor.
    Back,
}

impl Lane {
    /// The lanes with a queue, the urgent one first.
    pub const QUEUES: [Self; 2] = [Self::Flash, Self::Routine];

    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Flash => 0,
            Self::Routine => 1,
            Self::Back => 2,
        }
    }

    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Flash),
            1 => Some(Self::Routine),
            2 => Some(Self::Back),
            _ => None,
        }
    }
}

/// An object, by who speaks for it and its STIX id: two members' words on one id are never merged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// The originator.
    pub author: KeyId,
    /// STIX id.
    pub id: String,
}

/// The own ledger. One row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnRow {
    /// Leaves: the place of the next act.
    pub next: u64,
    /// The head signed last, as the text of its note with all cosignatures.
    pub head: Option<String>,
    /// Which life of this node it is: 0, and after each restore the moment of it by its clock, always more than before. What
    /// was said in an earlier life counts for nobody who has heard of a later one.
    pub life: u64,
    /// Set by a restore from a backup, until everything lost is here again.
    pub recovery: Option<Recovery>,
}

impl OwnRow {
    /// The recovery, while own acts and leaves are still being given back: nothing is signed or made, and nothing new taken.
    #[must_use]
    pub fn taking_back(&self) -> Option<&Recovery> {
        self.recovery.as_ref().filter(|recovery| recovery.stage == Stage::TakingBack)
    }
}

/// How far a recovery has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Leaves when it began: everything from here on is asked for.
    pub from: u64,
    /// When it began, by this node's clock.
    pub since: Micros,
    /// What goes on.
    pub stage: Stage,
    /// How far each member has given back.
    pub peers: BTreeMap<KeyId, Giving>,
    /// Members that the operator does not wait for.
    pub without: BTreeSet<KeyId>,
}

/// What goes on in a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Leaves and own acts come back; until all have been heard nothing is signed.
    TakingBack,
    /// Acts are made again, and what others had sent since the backup is taken again; nothing is shown to readers yet.
    CatchingUp,
}

/// How far one member has given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Giving {
    /// The place from which it is asked for more.
    pub next: u64,
    /// Once it has given back everything: the last place in each of its lanes by then, up to which it is to be read.
    pub sent: Option<[u64; 2]>,
}

impl Giving {
    /// Said for `sent` by, and of, a member that takes back what it lost itself: how far it is to be read is told by its first
    /// greeting after that.
    pub const SENT_NOT_KNOWN: [u64; 2] = [u64::MAX >> 1; 2];
}

/// One queue to a peer, from both ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// The last place given to something for the peer; places begin at 1.
    pub last: u64,
    /// Up to which place the peer has taken it.
    pub acked: u64,
    /// Up to which place this node has taken what the peer sent.
    pub cursor: u64,
}

/// What is known of a peer. Key: member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerRow {
    /// The queues, FLASH first.
    pub queues: [Queue; 2],
    /// Version that was agreed on; `None` before the first greeting, and where none could be.
    pub version: Option<u32>,
    /// When it was last heard of, by this node's clock.
    pub seen: Option<Micros>,
    /// Its clock minus this node's at that time, in microseconds.
    pub skew_us: i64,
    /// Leaves of each ledger that it last said it has.
    pub heads: BTreeMap<KeyId, u64>,
    /// Its latest life that was heard of.
    pub life: u64,
    /// What shows that: the statement that its member signed, as JSON; see `life`. `None` for the first life, and where it was
    /// heard of by a version that knew no proofs.
    pub life_proof: Option<String>,
    /// In which life of this node ([`OwnRow::life`]) it last said how far it has read. While that is not the present one, it may
    /// have read places that a restore has lost, and nothing goes to it: see `places`.
    pub heard_in: u64,
    /// While it has not said so in the present life: the last place of each lane, FLASH first, that was given before.
    pub before: [u64; 2],
}

impl PeerRow {
    /// Most refusals that one acknowledgement to it may tell: as many as it reads.
    #[must_use]
    pub fn refusals_max(&self) -> usize {
        let large = self.version.is_some_and(|version| version >= Versions::LARGE);
        if large { ACK_REFUSALS_MAX } else { ALONE_ENVELOPES_MAX }
    }

    /// A queue.
    ///
    /// # Panics
    /// Never: [`Lane::Back`] has none and answers the default.
    #[must_use]
    pub fn queue(&self, lane: Lane) -> Queue {
        self.queues.get(usize::from(lane.number())).copied().unwrap_or_default()
    }

    /// What a new life of this node changes, where `ended` is the one before it.
    pub(crate) fn outlive(&mut self, ended: u64) {
        if self.heard_in == ended {
            self.before = self.queues.map(|queue| queue.last);
        }
    }

    pub(crate) fn queue_mut(&mut self, lane: Lane) -> Option<&mut Queue> {
        self.queues.get_mut(usize::from(lane.number()))
    }
}

/// A line of a peer's outbox. Key: peer, lane, place. Kept after it was acknowledged, for a peer that restores a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// To whom.
    pub peer: KeyId,
    /// In which lane.
    pub lane: Lane,
    /// Its place there, from 1.
    pub place: u64,
    /// Whose act.
    pub author: KeyId,
    /// Which.
    pub sequence: u64,
}

/// Whether a head of the author covers an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covered {
    /// One does, and it is this leaf.
    Yes,
    /// None yet, since this moment.
    Awaited(Micros),
}

/// An act. Key: author, sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActRow {
    /// Whose.
    pub author: KeyId,
    /// Its place in the author's ledger.
    pub sequence: u64,
    /// Its leaf.
    pub leaf: TreeHash,
    /// What was done.
    pub kind: ActKind,
    /// About which object.
    pub object: Option<ObjectName>,
    /// The signed act, as the JSON it came as.
    pub signed: String,
    /// Whether a head covers it.
    pub covered: Covered,
}

/// A payload. Key: author, sequence. Dropping it destroys it here; in backups it is sealed under a
/// key that goes with its salt.
#[derive(Clone, PartialEq, Eq)]
pub struct PayloadRow {
    /// Whose act.
    pub author: KeyId,
    /// Which.
    pub sequence: u64,
    /// The salt of its commitments.
    pub salt: Salt,
    /// The payload as it came.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for PayloadRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PayloadRow({}, {}, {} bytes)", self.author, self.sequence, self.bytes.len())
    }
}

/// A version held of an object. Key: name, version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// The object.
    pub name: ObjectName,
    /// Its version as written; empty for objects without.
    pub version: String,
    /// The act that brought it.
    pub sequence: u64,
    /// `released`, `sighted` or a kind of a later version.
    pub kind: ActKind,
    /// What the act commits to.
    pub digest: Commitment,
    /// The rules it is under, narrowings included.
    pub rules: String,
    /// The member whose consent-bound copy this is, where it did not come from its author.
    pub by: Option<KeyId>,
}

/// What has become of an object: narrowed, called back, erased. Key: name. Kept for ever; refuses resurrection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FateRow {
    /// The object.
    pub name: ObjectName,
    /// The last act that called it back: everything the author sent before is void.
    pub recalled: Option<u64>,
    /// The act that erased it: everything is void, also what comes after.
    pub erased: Option<u64>,
    /// Narrowings by place in the author's ledger, with their rules; each applies to what was sent before it.
    pub narrowed: Vec<(u64, String)>,
}

impl FateRow {
    /// Nothing has become of it.
    #[must_use]
    pub const fn none(name: ObjectName) -> Self {
        Self { name, recalled: None, erased: None, narrowed: Vec::new() }
    }

    /// Whether what the author sent with the act at `sequence` is void.
    #[must_use]
    pub fn voids(&self, sequence: u64) -> bool {
        self.erased.is_some() || self.recalled.is_some_and(|recalled| sequence < recalled)
    }

    /// Whether anything has become of it.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.recalled.is_none() && self.erased.is_none() && self.narrowed.is_empty()
    }
}

impl LaterRow {
    /// The [`LaterRow::rule`] of what is under an embargo.
    pub const EMBARGO: &'static str = "embargo";
    /// The [`LaterRow::rule`] of what is under an embargo by the member's clock alone.
    pub const CLOCK_BEHIND: &'static str = "clock-behind";
    /// The rule of who waits because a circle took it in with what was shared before.
    pub const CIRCLE_HISTORY: &'static str = "circle-history";
    /// Why something waits that was given by an act with two salts to a node that reads one.
    pub const TWO_SALTS: &'static str = "two-salts";
    /// It is given besides what the member has, or had until that was over.
    pub const BESIDES: &'static str = "given-besides";
}

impl HolderRow {
    /// The ground of who was given it.
    pub const RELEASED: &'static str = "released";
    /// The ground of who may have it by a consent.
    pub const CONSENT: &'static str = "consent";
}

/// Who has an own object, or was to have it. Key: name, member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderRow {
    /// The object.
    pub name: ObjectName,
    /// The member.
    pub member: KeyId,
    /// Why it may: [`HolderRow::RELEASED`] or [`HolderRow::CONSENT`].
    pub ground: String,
    /// Since when.
    pub since: Micros,
}

/// An own version that a member is named for and cannot have yet. Key: object, version, member. See [`Exchange::give_later`].
///
/// [`Exchange::give_later`]: crate::Exchange::give_later
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaterRow {
    /// STIX id.
    pub object: String,
    /// The version as written; empty for objects without.
    pub version: String,
    /// For whom it waits.
    pub member: KeyId,
    /// In which lane it is to go.
    pub lane: Lane,
    /// Why it waits: [`crate::Hindrance::code`], [`LaterRow::CIRCLE_HISTORY`], [`LaterRow::TWO_SALTS`] or [`LaterRow::BESIDES`].
    pub rule: String,
    /// Since when.
    pub since: Micros,
    /// When handling is to be asked again: the end of an embargo; the end of time where it is for something to happen.
    pub look: Micros,
}

/// What has happened, so that handling is to be asked again about what waits for it. What waits for a moment may wait for it too: of several
/// givings of a version one row tells of that which may go first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// A member takes part again.
    Member(KeyId),
    /// The markings of an object have come.
    Object(String),
    /// A member's clock, or this node's, was put right.
    ClockOf(KeyId),
    /// This node's clock may have gone ahead when it was noted when to look again: what waits for clocks, and what would be looked at later
    /// than this, however long it waits at most. The end of an embargo stays: it is nobody's clock.
    Clocks(Micros),
}

/// What became of an own act at one addressee. Key: sequence, member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptRow {
    /// The own act.
    pub sequence: u64,
    /// The addressee.
    pub member: KeyId,
    /// What it answered.
    pub state: ReceiptState,
}

/// See [`ReceiptRow`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptState {
    /// No answer yet.
    Pending,
    /// Refused by the addressee, under this code.
    Refused(String),
    /// Done; the place of the receipt in the addressee's ledger.
    Done {
        /// Sequence of the `received` act that says so.
        receipt: u64,
        /// What it says: see [`crate::Outcome`].
        outcome: String,
    },
}

impl ReceiptState {
    /// The outcome of an act that gave something to a member that has signed since for a narrowing that lets it keep nothing of it.
    pub const NARROWED: &'static str = "narrowed";
    /// The outcome of an act of which a member had what it gave, and has said since that it has nothing of it any more.
    pub const LET_GO: &'static str = "let-go";
    /// The outcome of an act that a member gave back after a restore, as long as it has not answered it anew.
    pub(crate) const GIVEN_BACK: &'static str = "given-back";

    /// Whether the addressee has signed for a narrowing that lets it keep nothing of what the act gave.
    #[must_use]
    pub fn is_narrowed(&self) -> bool {
        matches!(self, Self::Done { outcome, .. } if outcome == Self::NARROWED)
    }

    /// Whether the addressee had what the act gave, and has let go of it by its own word.
    #[must_use]
    pub fn is_let_go(&self) -> bool {
        self.is_narrowed() || matches!(self, Self::Done { outcome, .. } if outcome == Self::LET_GO)
    }

    /// Whether the addressee has answered that it has what the act gave.
    pub(crate) fn has_been_had(&self) -> bool {
        matches!(self, Self::Done { outcome, .. } if outcome != Self::GIVEN_BACK) && self.is_given()
    }

    /// Whether the addressee has what the act gave, as far as is known: it says so, or has not answered yet. Who has it empty does not,
    /// nor who refuses it or has let go of it by a narrowing.
    #[must_use]
    pub fn is_given(&self) -> bool {
        match self {
            Self::Pending => true,
            Self::Refused(_) => false,
            Self::Done { outcome, .. } => !self.is_let_go() && outcome != Outcome::Empty.name(),
        }
    }

    /// Whether the addressee is not to be given the act again when more members are meant: it has it, or refuses it for what it is. Who
    /// refuses it as meant for others may be meant by now, and for whom it was too early, its time may have come.
    pub(crate) fn is_settled(&self) -> bool {
        let for_now = |told: &str| is_for_others(told) || is_too_early(told);
        self.is_given() || matches!(self, Self::Refused(told) if !for_now(told))
    }
}

/// What is kept of an act that gave a version before the one by which that is held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaidBefore {
    /// The line of rules that it said; `None` where an earlier build kept none.
    pub rules: Option<String>,
    /// Since when it says that the version is shared, where it gave it again.
    pub shared: Option<Micros>,
}

/// A token of consent. Key: its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentRow {
    /// SHA-256 of the token's payload.
    pub id: [u8; 32],
    /// The object.
    pub name: ObjectName,
    /// Digest of the version.
    pub digest: Commitment,
    /// Who may pass it on.
    pub from: KeyId,
    /// To whom.
    pub to: KeyId,
    /// Until when.
    pub until: Micros,
    /// The signed token as JSON.
    pub signed: String,
}

/// A token of consent that its originator has taken back. Key: originator, digest of the token. Kept for ever: the token may
/// come later, or again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokedRow {
    /// Who gave the consent and took it back.
    pub author: KeyId,
    /// Digest of the token: [`ConsentRow::id`].
    pub id: [u8; 32],
    /// The act that took it back.
    pub sequence: u64,
}

/// What this node took of another member's ledger. Key: member. The leaves stand in their own table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorRow {
    /// Whose ledger.
    pub member: KeyId,
    /// The head as the text of its note, with this node's cosignature.
    pub note: String,
    /// Its leaves.
    pub size: u64,
}

/// The head that this node cosigned for somebody who asked it to, without its leaves. Key: member. Counts while it is ahead of
/// the mirrored one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessedRow {
    /// Whose ledger.
    pub member: KeyId,
    /// The head as the text of its note, with this node's cosignature.
    pub note: String,
}

/// A refusal, in the log. Key: a number the store gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalRow {
    /// Who sent it; `None` when that is not known.
    pub peer: Option<KeyId>,
    /// Lane and place, where they are known.
    pub at_place: Option<(Lane, u64)>,
    /// STIX id of the object that the act was about, as its sender named it; `None` where there was none, or nothing that could be read.
    pub object: Option<String>,
    /// The code.
    pub rule: String,
    /// When.
    pub at: Micros,
}

/// One change of the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A leaf is added to the own ledger, at the place named (which is always the next).
    Leaf {
        /// Its place.
        sequence: u64,
        /// The leaf.
        leaf: TreeHash,
    },
    /// The own ledger's row but for `next`, which follows the leaves.
    OwnHead(String),
    /// A new life of this node begins. Of each peer heard in the one that ends it is noted what it was given until now
    /// ([`PeerRow::before`]). In a list of effects it stands before what is known of any peer: a row of before would be written over it.
    Life(u64),
    /// How far a recovery has come; `None` when it is over.
    Recovery(Option<Recovery>),
    /// An act is kept.
    Act(ActRow),
    /// A head covers an act.
    Covered {
        /// Whose act.
        author: KeyId,
        /// Which.
        sequence: u64,
    },
    /// A payload is kept.
    Payload(PayloadRow),
    /// A payload is destroyed.
    DropPayload {
        /// Whose act.
        author: KeyId,
        /// Which.
        sequence: u64,
    },
    /// The act by which a version is held gives place to another that gives the same again: its payload is destroyed, and its place and its
    /// salt, by which backups of before are opened, are remembered for as long as the version is held.
    Replaced {
        /// The object.
        name: ObjectName,
        /// The version.
        version: String,
        /// Which act.
        sequence: u64,
    },
    /// The act by which a version is held goes on beside the later one that takes its place: others are given the version by that, and who
    /// was given it by this one has it by this one. Its payload stays for as long as the version does.
    Besides {
        /// The object.
        name: ObjectName,
        /// The version.
        version: String,
        /// Which act.
        sequence: u64,
    },
    /// What an act beside the one by which a version is held gave is over: its payload is destroyed, and nothing is remembered of it.
    BesidesOver {
        /// The object.
        name: ObjectName,
        /// The version.
        version: String,
        /// Which act.
        sequence: u64,
    },
    /// A version is held, or held under other rules.
    Version(VersionRow),
    /// A version is no longer held.
    DropVersion {
        /// The object.
        name: ObjectName,
        /// The version.
        version: String,
    },
    /// What has become of an object.
    Fate(FateRow),
    /// A holder of an own object.
    Holder(HolderRow),
    /// A version waits until a member may have it.
    Later(LaterRow),
    /// It waits for that member no more.
    NoLater {
        /// STIX id.
        object: String,
        /// The version.
        version: String,
        /// For whom it waited.
        member: KeyId,
    },
    /// No version of an object waits for anybody any more.
    NoneLater(String),
    /// What waits for something to happen is looked at again.
    LookAgain(Again),
    /// An answer to an own act.
    Receipt(ReceiptRow),
    /// A token of consent.
    Consent(ConsentRow),
    /// A token of consent counts no more.
    Revoked(RevokedRow),
    /// A line for a peer.
    Outbox(OutboxRow),
    /// The lines of one lane behind a place, up to another, go on so many places later. Nothing stands there.
    MoveLines {
        /// Whose outbox.
        peer: KeyId,
        /// Which lane.
        lane: Lane,
        /// The place before the first.
        after: u64,
        /// The place of the last.
        upto: u64,
        /// By how many places.
        by: u64,
    },
    /// What is known of a peer.
    Peer(KeyId, PeerRow),
    /// A mirrored ledger grew to a new head.
    Mirror {
        /// The head.
        row: MirrorRow,
        /// The leaves behind those that are held ([`crate::Rows::held`]).
        leaves: Vec<TreeHash>,
    },
    /// Leaves of a ledger, another's or the own one that is taken back, which are ahead of its head here: they begin a larger head
    /// that comes in parts. Without leaves, those from this place on are held no longer.
    Ahead {
        /// Whose ledger.
        member: KeyId,
        /// The place of the first.
        from: u64,
        /// The leaves.
        leaves: Vec<TreeHash>,
    },
    /// The own ledger is given back up to a head: of the leaves held ahead of it those that are under the head, and these.
    TakenBack {
        /// The leaves behind those that are held.
        leaves: Vec<TreeHash>,
        /// The head, as the text of its note.
        note: String,
    },
    /// A head was cosigned for somebody who asked.
    Witnessed(WitnessedRow),
    /// Something was refused.
    Refusal(RefusalRow),
    /// A peer refused something of ours.
    RefusedThere(RefusalRow),
    /// A peer is to be told of these refusals, which get the next numbers. Of each peer the last [`ACK_REFUSALS_MAX`] are kept.
    Owe(KeyId, Vec<AckRefusal>),
    /// A peer began a new life, and has forgotten what its backup does not know: in place of what it was still to be told it is owed
    /// again what the log has of refusals of what stood in its lanes, the last of each place.
    OweAgain(KeyId),
    /// A peer has been told of the refusals up to a number.
    Paid {
        /// The peer.
        peer: KeyId,
        /// The number of the last.
        upto: u64,
    },
    /// A member keeps two ledgers, or signed two acts for one place; the text proves it to anyone.
    Evidence {
        /// Who.
        origin: KeyId,
        /// The file.
        text: String,
    },
}

impl Effect {
    /// The lane of lines that go on elsewhere, and the place behind which they stood.
    pub(crate) const fn moves_behind(&self) -> Option<(Lane, u64)> {
        match self {
            Self::MoveLines { lane, after, .. } => Some((*lane, *after)),
            _ => None,
        }
    }

    /// Whether it changes anything but the logs, what a peer is still to be told of refusals, and what is known of a peer, as how far
    /// its lanes have been read.
    #[must_use]
    pub const fn is_more_than_refusal(&self) -> bool {
        !matches!(
            self,
            Self::Refusal(_)
                | Self::RefusedThere(_)
                | Self::Owe(..)
                | Self::OweAgain(_)
                | Self::Paid { .. }
                | Self::Peer(..)
                | Self::Evidence { .. }
        )
    }
}

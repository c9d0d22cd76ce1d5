//! What exchange asks of its surroundings: who is a member, what handling says, and a look at what is stored.
//!
//! Three narrow traits instead of the registry, the judgement and the database themselves, so that the machines run over
//! plain maps as well and a test can put a faulty one in. Every answer is an argument of the step that asked: nothing here
//! waits, writes or remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, RangeInclusive};

use base::Micros;
use base::signing::{KeyId, PublicKey, Signer};
use ledger::TreeHash;
use ledger::tile::{Tile, TilePath};

use crate::Hindrance;
use crate::rows::{
    ActRow, ConsentRow, FateRow, HolderRow, LaterRow, MirrorRow, ObjectName, OutboxRow, OwnRow, PayloadRow,
    PeerRow, ReceiptRow, SaidBefore, VersionRow, WitnessedRow,
};
use crate::seal::SealingSecret;
use crate::wire::AckRefusal;

/// How a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It takes part.
    Active,
    /// It is or was a member and does not take part: not yet at that epoch, suspended, withdrawn.
    Inactive,
    /// Nobody knows it.
    Unknown,
}

/// Members, keys and epochs, as the registry on this node has them.
pub trait Directory: Send + Sync {
    /// Epoch of the last decision known here.
    fn epoch(&self) -> u64;
    /// How a member stood right after the decision of `epoch`.
    fn standing_at(&self, member: &KeyId, epoch: u64) -> Standing;
    /// How a member stands now.
    fn standing(&self, member: &KeyId) -> Standing;
    /// Every key that may have signed for a member, past ones too; empty for a stranger.
    fn keys(&self, member: &KeyId) -> Vec<PublicKey>;
    /// What envelopes to a member are sealed for.
    fn sealing(&self, member: &KeyId) -> Option<[u8; 32]>;
    /// Members that take part, this one too.
    fn active(&self) -> BTreeSet<KeyId>;
    /// The member whose identity object has this STIX id, where a member claims it.
    fn identity_owner(&self, identity: &str) -> Option<KeyId>;
}

/// What is to be done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Give it to the recipient.
    Send,
    /// Keep it, being the recipient.
    Keep,
}

/// Whether a verified token of the originator lets this recipient have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consented {
    /// Yes.
    Yes,
    /// There is none.
    No,
}

/// What handling is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What is to be done.
    pub deed: Deed,
    /// Whose word the rules are.
    pub originator: KeyId,
    /// Who would have it.
    pub recipient: KeyId,
    /// The line of rules that stands now.
    pub rules: &'a str,
    /// The object as it was sent; its own markings count as well.
    pub object: &'a [u8],
    /// Whether the originator consented.
    pub consent: Consented,
    /// The present moment.
    pub now: Micros,
}

/// Handling, as exchange needs it. Total: rules that cannot be read are the most restrictive ones.
pub trait Judge: Send + Sync {
    /// Whether it is allowed.
    ///
    /// # Errors
    /// The code of the handling rule that refuses.
    fn decide(&self, question: &Question<'_>) -> Result<(), String>;

    /// Which other members are named in rules that this member set, and may have what is under them; nobody where the rules name nobody.
    fn named(&self, rules: &str, now: Micros) -> BTreeSet<KeyId>;

    /// What speaks against a question now, where that passes: the recipient is meant, and will be allowed once it has. `None` where it
    /// is allowed already, or will not be.
    fn hindered(&self, question: &Question<'_>) -> Option<Hindrance>;

    /// The members that each of the circles named in these rules, by its key, has taken in with what was shared at a moment; at 0, with
    /// everything that was shared before.
    fn taken_in(&self, rules: &str, shared: Micros, now: Micros) -> BTreeMap<[u8; 32], BTreeSet<KeyId>>;

    /// The same as if everybody took part: who is suspended, or whose circle's owner is, loses no place by that. Who knows no suspensions
    /// need not tell the two apart.
    fn seated(&self, rules: &str, shared: Micros, now: Micros) -> BTreeMap<[u8; 32], BTreeSet<KeyId>> {
        self.taken_in(rules, shared, now)
    }

    /// Whether what is asked about is allowed no more because circles that let the recipient have it are known to have taken it out, and for
    /// nothing else. `false` where a circle that lets it have it is not known here: who is in that one nobody can say.
    fn left(&self, question: &Question<'_>) -> bool;

    /// Whether what is asked about would be allowed if the recipient were in circles of which this member, being in them no more, cannot tell
    /// who is.
    fn might(&self, _question: &Question<'_>) -> bool {
        false
    }

    /// The line under which a member that was given something under `before` has it when it is given under `later` as well: whoever of its
    /// people is reached by either is reached by it, and nobody else. `later` where the one before cannot be read.
    fn given_besides(&self, later: &str, before: &str, member: &KeyId) -> String;

    /// Whether a line of rules reaches anybody of a member's, now or when an embargo is over, by something else than a circle that it is in.
    fn reaches_by_name(&self, _rules: &str, _member: &KeyId) -> bool {
        true
    }

    /// Rules that allow nothing that either refuses. Associative, commutative and idempotent, so that narrowings may come in
    /// any order.
    fn meet(&self, one: &str, other: &str) -> String;
}

/// The store did not answer. The step is given up and its transaction rolled back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the state of the exchange: {0}")]
pub struct StoreFailed(pub String);

/// Every read answers this.
pub type Read<T> = Result<T, StoreFailed>;

/// A line of an outbox and what its envelope is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The line.
    pub line: OutboxRow,
    /// Its act.
    pub act: Option<ActRow>,
    /// The act's payload.
    pub payload: Option<PayloadRow>,
    /// The version that the act brought, where it is held.
    pub version: Option<VersionRow>,
    /// What has become of the object that the act is about; `None` where nothing has, or it is about none.
    pub fate: Option<FateRow>,
}

impl Waiting {
    fn of<R: Rows + ?Sized>(rows: &R, line: OutboxRow) -> Read<Self> {
        let act = rows.act(&line.author, line.sequence)?;
        let payload = rows.payload(&line.author, line.sequence)?;
        let (mut version, mut fate) = (None, None);
        if let Some(name) = act.as_ref().and_then(|act| act.object.as_ref()) {
            version = rows.versions(name)?.into_iter().find(|held| held.sequence == line.sequence);
            fate = Some(rows.fate(name)?).filter(|fate| !fate.is_none());
        }
        Ok(Self { line, act, payload, version, fate })
    }
}

/// One consistent view of the rows, inside the transaction that will apply the effects.
pub trait Rows {
    /// The own ledger.
    fn own(&self) -> Read<OwnRow>;
    /// What is known of a peer; the default where nothing is.
    fn peer(&self, member: &KeyId) -> Read<PeerRow>;
    /// One line of a peer's outbox.
    fn outbox(&self, peer: &KeyId, lane: crate::Lane, place: u64) -> Read<Option<OutboxRow>>;
    /// Goes through places of a lane in their order, until `each` has enough; `None` where no line stands. A store that can read
    /// many at once does.
    fn lines(
        &self,
        peer: &KeyId,
        lane: crate::Lane,
        places: RangeInclusive<u64>,
        each: &mut dyn FnMut(u64, Option<Waiting>) -> Read<ControlFlow<()>>,
    ) -> Read<()> {
        for place in places {
            let line = self.outbox(peer, lane, place)?;
            let waiting = line.map(|line| Waiting::of(self, line)).transpose()?;
            if each(place, waiting)?.is_break() {
                break;
            }
        }
        Ok(())
    }
    /// An act by author and place in the author's ledger.
    fn act(&self, author: &KeyId, sequence: u64) -> Read<Option<ActRow>>;
    /// Acts of an author from a place on, by place, at most `limit`.
    fn acts_from(&self, author: &KeyId, from: u64, limit: usize) -> Read<Vec<ActRow>>;
    /// Acts of an author that no head covers yet.
    fn awaited(&self, author: &KeyId) -> Read<Vec<u64>>;
    /// The payload of an act.
    fn payload(&self, author: &KeyId, sequence: u64) -> Read<Option<PayloadRow>>;
    /// The versions held of an object.
    fn versions(&self, name: &ObjectName) -> Read<Vec<VersionRow>>;
    /// The acts that gave a version before the one that it is held by ([`crate::Effect::Replaced`]), each with what it said.
    fn said_before(&self, held: &VersionRow) -> Read<BTreeMap<u64, SaidBefore>>;
    /// The same acts alone, the earliest first.
    fn replaced(&self, held: &VersionRow) -> Read<Vec<u64>> {
        Ok(self.said_before(held)?.into_keys().collect())
    }
    /// A line of rules that an own object was given under, once marking definitions that it awaits have come to everywhere that the object
    /// stands by this member's word: those it awaits no more, and it says what they ask. The same line where none has.
    fn settled(&self, _object: &str, rules: String) -> Read<String> {
        Ok(rules)
    }
    /// What has become of an object; the default where nothing has.
    fn fate(&self, name: &ObjectName) -> Read<FateRow>;
    /// Who has an own object, or was to have it.
    fn holders(&self, name: &ObjectName) -> Read<Vec<HolderRow>>;
    /// The versions of an own object that wait for members, by version and member.
    fn later(&self, object: &str) -> Read<Vec<LaterRow>>;
    /// What waits and is to be looked at by a moment, the first due first, at most `limit` rows.
    fn later_due(&self, by: Micros, limit: usize) -> Read<Vec<LaterRow>>;
    /// How many versions wait for a member.
    fn later_for(&self, member: &KeyId) -> Read<u64>;
    /// To whom this node passed on an object of another member.
    fn passed_on(&self, name: &ObjectName) -> Read<BTreeSet<KeyId>>;
    /// Where in the own ledger it is said what became of another member's act, of several answers the last; `None` where nothing is.
    fn answered(&self, author: &KeyId, sequence: u64) -> Read<Option<u64>>;
    /// What was answered to an own act.
    fn receipts(&self, sequence: u64) -> Read<Vec<ReceiptRow>>;
    /// Tokens of consent for an object.
    fn consents(&self, name: &ObjectName) -> Read<Vec<ConsentRow>>;
    /// Whether a member has taken back the token of consent of this digest.
    fn revoked(&self, author: &KeyId, token: &[u8; 32]) -> Read<bool>;
    /// What a peer is still to be told of what was refused of what it sent: numbers and refusals behind one, at most so many.
    fn owed(&self, peer: &KeyId, after: u64, most: usize) -> Read<Vec<(u64, AckRefusal)>>;
    /// The last head of another member's ledger that this node took and cosigned.
    fn mirror(&self, member: &KeyId) -> Read<Option<MirrorRow>>;
    /// The last head of another member's ledger that this node cosigned for somebody who asked.
    fn witnessed(&self, member: &KeyId) -> Read<Option<WitnessedRow>>;
    /// Leaves held of a ledger: of another's those under its mirrored head, of the own one those that are in it; and, while a larger
    /// head comes in parts, those of it that have come.
    fn held(&self, member: &KeyId) -> Read<u64>;
    /// Members whose ledgers are mirrored.
    fn mirrored(&self) -> Read<Vec<KeyId>>;
    /// Leaves of a ledger, own or mirrored.
    fn leaves(&self, member: &KeyId, from: u64, to: u64) -> Read<Vec<TreeHash>>;
    /// A tile of hashes of a ledger, own or mirrored.
    fn tile(&self, member: &KeyId, path: TilePath) -> Read<Tile>;
    /// Pieces of evidence kept against a ledger.
    fn evidence_against(&self, member: &KeyId) -> Read<u64>;
    /// Versions held of own objects behind one, at most `limit`: in some order of the objects that stays, and of each its versions in theirs.
    fn own_versions(&self, after: Option<(String, String)>, limit: usize) -> Read<Vec<VersionRow>>;
    /// Versions held of other members' objects behind one, at most `limit`: in some order of objects and members that stays, and of each its
    /// versions in theirs.
    fn others_versions(&self, after: Option<(ObjectName, String)>, limit: usize) -> Read<Vec<VersionRow>>;
    /// Every version held, for the state hash.
    fn all_versions(&self) -> Read<Vec<VersionRow>>;
    /// Every fate, for the state hash.
    fn all_fates(&self) -> Read<Vec<FateRow>>;
}

/// The tiles of one ledger, for the proofs of `ledger`.
pub(crate) struct TilesOf<'a> {
    pub(crate) rows: &'a dyn Rows,
    pub(crate) member: KeyId,
}

impl ledger::tile::Tiles for TilesOf<'_> {
    type Error = StoreFailed;

    fn tile(&self, path: TilePath) -> Read<Tile> {
        self.rows.tile(&self.member, path)
    }
}

/// Who this node is.
pub struct Me {
    /// The member.
    pub member: KeyId,
    /// Its community.
    pub community: String,
    /// Its long-term key, or whoever signs with it.
    pub signer: Box<dyn Signer>,
    /// What envelopes to it are opened with.
    pub sealing: SealingSecret,
}

//! How a circle's document gets around among its members: any of them gives it to any other.
//!
//! Two members tell each other what they hold of the circles of third ones that both are in: of each owner a digest, and the versions
//! where the other's digest is another. So what is said does not grow with what anybody has made, what both have costs a line an owner,
//! and no owner's circles take the place of another's, least of all that of decisions, which go before them in every message.
//! Circles of who takes part no more stay where they are, and are told nobody.
//!
//! Invariant: of one owner no more than [`CIRCLES_MAX`] are taken, whoever brings them.

use std::collections::BTreeMap;

use base::Micros;
use base::limit::{CIRCLE_BYTES_MAX, CIRCLES_MAX, PAPERS_VERSIONS_BYTES_MAX};
use base::signed::Signed;
use base::signing::KeyId;
use community::{Circle, CircleId, EntryHash, MemberId, Newer, Rule};
use serde::{Deserialize, Serialize};
use store::PaperKind;

use super::{CommunityError, Table};

/// What one side holds of a third member's circles that both are in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Held {
    /// A digest of the versions: with the same one nothing is missing.
    Digest(EntryHash),
    /// The versions themselves.
    Versions(BTreeMap<CircleId, u64>),
}

/// The same of every owner of whom one side holds any.
pub(super) type Spread = BTreeMap<MemberId, Held>;

/// The circles of third members that this member and another are in, as far as is known here, by owner.
pub(super) struct Between<'t> {
    circles: BTreeMap<MemberId, BTreeMap<CircleId, &'t (Circle, Signed)>>,
    keys: BTreeMap<MemberId, KeyId>,
}

impl Held {
    fn digest(&self) -> EntryHash {
        match self {
            Self::Digest(digest) => *digest,
            Self::Versions(versions) => digest(versions),
        }
    }
}

pub(super) fn digest(versions: &BTreeMap<CircleId, u64>) -> EntryHash {
    let lines =
        versions.iter().flat_map(|(id, version)| [&id.as_bytes()[..], &version.to_be_bytes()].concat());
    EntryHash::of(&lines.collect::<Vec<u8>>())
}

impl<'t> Between<'t> {
    fn versions(&self, owner: MemberId) -> BTreeMap<CircleId, u64> {
        let held = self.circles.get(&owner).into_iter().flatten();
        held.map(|(id, (circle, _))| (*id, circle.version)).collect()
    }

    /// Whether the other holds something else than this member.
    pub(super) fn differs(&self, theirs: &Spread) -> bool {
        !self.circles.keys().eq(theirs.keys())
            || theirs.iter().any(|(owner, held)| !self.agrees(*owner, held))
    }

    /// Whether the other holds the same of an owner's.
    pub(super) fn agrees(&self, owner: MemberId, theirs: &Held) -> bool {
        theirs.digest() == digest(&self.versions(owner))
    }

    /// What this member says that it holds: digests, and versions where the other has said another digest. They begin with another owner
    /// each second, so that none is kept back by what others have made.
    pub(super) fn said(&self, theirs: Option<&Spread>, (room, now): (&mut usize, Micros)) -> Spread {
        let mut said: Spread =
            self.circles.keys().map(|owner| (*owner, Held::Digest(digest(&self.versions(*owner))))).collect();
        let known = theirs.into_iter().flatten();
        let other: Vec<MemberId> =
            known.filter(|(owner, held)| !self.agrees(**owner, held)).map(|(owner, _)| *owner).collect();
        let mut within = PAPERS_VERSIONS_BYTES_MAX.min(*room);
        for owner in turned(other, now) {
            let versions = self.versions(owner);
            let bytes: usize = versions.values().map(line_bytes).sum();
            if let Some(left) = within.checked_sub(bytes).filter(|_| !versions.is_empty()) {
                (within, *room) = (left, room.saturating_sub(bytes));
                said.insert(owner, Held::Versions(versions));
            }
        }
        said
    }

    /// The documents that the other lacks by what it has said, one of each owner in turn. An owner of whom the other has said a digest alone
    /// is passed over: either nothing is missing, or the other says more once it has heard this side's digest. What an owner has signed with a
    /// key that it has replaced since is left out: nobody takes it.
    pub(super) fn lacked(&self, theirs: &Spread, now: Micros) -> Vec<&'t Signed> {
        let of_owner = |(owner, circles): (&MemberId, &BTreeMap<CircleId, &'t (Circle, Signed)>)| {
            let lacks = |id: &CircleId, version: u64| match theirs.get(owner) {
                None => true,
                Some(Held::Digest(_)) => false,
                Some(Held::Versions(held)) => held.get(id).is_none_or(|held| *held < version),
            };
            let counts = |signed: &Signed| {
                let by = signed.signatures().first().map(|(by, _)| *by);
                by.is_some() && by.as_ref() == self.keys.get(owner)
            };
            let lacked = circles.iter().filter(|(id, (circle, _))| lacks(id, circle.version));
            let lacked = lacked.map(|(_, (_, signed))| signed).filter(|signed| counts(signed));
            turned(lacked.collect(), now)
        };
        let by_owner: Vec<Vec<&'t Signed>> =
            turned(self.circles.iter().collect(), now).into_iter().map(of_owner).collect();
        let most = by_owner.iter().map(Vec::len).max().unwrap_or_default();
        (0..most).flat_map(|at| by_owner.iter().filter_map(move |lacked| lacked.get(at).copied())).collect()
    }
}

/// The same list, beginning somewhere else each second.
fn turned<T>(mut list: Vec<T>, now: Micros) -> Vec<T> {
    let second = usize::try_from(now.0.div_euclid(Micros::SECOND)).unwrap_or_default();
    if let Some(begin) = second.checked_rem(list.len()) {
        list.rotate_left(begin);
    }
    list
}

/// Bytes of `"CIRCLE":VERSION,` but for the version: 64 digits, two quotes, a colon and a comma.
const LINE_BYTES: usize = 68;

/// Bytes of the line that tells the version of a circle.
fn line_bytes(version: &u64) -> usize {
    LINE_BYTES.saturating_add(version.checked_ilog10().map_or(1, |digits| digits as usize + 1))
}

impl Table {
    /// Circles of third members that take part, as this member and another are in them.
    pub(super) fn between(&self, other: MemberId, now: Micros) -> Between<'_> {
        let mut between = Between { circles: BTreeMap::new(), keys: BTreeMap::new() };
        let third = |circle: &Circle| circle.owner != self.me && circle.owner != other;
        for (id, held) in self.circles.iter() {
            if third(&held.0) && held.0.has(self.me) && held.0.has(other) {
                let of_owner = between.circles.entry(held.0.owner).or_default();
                if of_owner.len() < CIRCLES_MAX {
                    of_owner.insert(*id, held);
                }
            }
        }
        between.circles.retain(|owner, _| self.takes_part(*owner, now));
        let keys = between.circles.keys().filter_map(|owner| Some((*owner, self.key_of(*owner, now)?.id())));
        between.keys = keys.collect();
        between
    }

    fn takes_part(&self, member: MemberId, now: Micros) -> bool {
        self.registry.member(member).is_some_and(|member| member.status(now).takes_part())
    }

    /// How many circles of an owner's are known here, farewells among them.
    pub(super) fn circles_of(&self, owner: MemberId) -> usize {
        self.circles.values().filter(|(circle, _)| circle.owner == owner).count()
    }

    /// Takes a circle that its owner has sent, or that somebody in it has passed on to this member, who is in it too; whether it was new. A
    /// farewell is taken from its owner alone: others that were taken out have the same one. It is nothing to its owner, who is in the circle
    /// always: taken back after a restore, it would stand in the place of the version that says who else is.
    pub(super) fn take_circle(
        &mut self,
        signed: &Signed,
        from: MemberId,
        now: Micros,
    ) -> Result<bool, CommunityError> {
        let circle = Circle::peek(signed)?;
        let (owner, held) = (circle.owner, self.circles.get(&circle.id()));
        // Who offers what is older, or too much, may not know better, and does so again: that costs no signature.
        if let Some((held, _)) = held
            && circle.replaces(held)? == Newer::Same
        {
            return Ok(false);
        }
        if held.is_none() && self.circles_of(owner) >= CIRCLES_MAX {
            return Err(Rule::TooMany.into());
        }
        let key = self.key_of(owner, now).ok_or(Rule::MemberUnknown)?;
        let circle = Circle::open(signed, &key, self.me)?;
        let passed_on = owner != self.me && circle.has(from);
        let of_own = owner == self.me && circle.seats.is_none();
        if !(owner == from || passed_on) || of_own || circle.community != self.registry.id() {
            return Err(Rule::CircleUnfit.into());
        }
        if owner != self.me && !self.takes_part(owner, now) {
            return Err(Rule::MemberNotActive.into());
        }
        let text = signed.to_json();
        if text.len() > CIRCLE_BYTES_MAX {
            return Err(Rule::TooLarge.into());
        }
        self.keep_circle(circle, signed.clone(), text, now);
        Ok(true)
    }

    /// Writes down a version of a circle that takes the place of the one held.
    pub(super) fn keep_circle(&mut self, circle: Circle, signed: Signed, text: String, now: Micros) {
        self.put(PaperKind::Circle, circle.id().to_string(), text, now);
        std::sync::Arc::make_mut(&mut self.circles).insert(circle.id(), (circle, signed));
        self.tell();
    }
}

//! The registry: what the entries of a community come to.
//!
//! [`Registry::apply`] takes the next entry of a chain and either makes it true or refuses it by a rule and changes
//! nothing. It reads no clock: everything is judged by the moments that stand in the entries, so every node that has the same
//! entries has the same registry and the same [`Registry::state_hash`]. Which of several entries is next is for
//! [`crate::replay`] to say.
//!
//! Invariants: nothing in the community's chain without the quorum of those who have a vote at that point; nothing in a
//! member's chain without that member's own key, or its recovery keys; no key serves two members or comes back.

use std::collections::{BTreeMap, BTreeSet};

use base::Micros;
use base::limit::{COMMUNITY_MEMBERS_MAX, REQUEST_SECONDS_MAX};
use base::signing::{KeyId, PublicKey, Signature};

use crate::body::{Admitted, Body, Founded};
use crate::entry::{Chain, ENTRY_TYPE, Entry, Point};
use crate::id::digest;
use crate::member::{Member, OwnState, Status, Step};
use crate::quorum::Tally;
use crate::statement::signed_by_alone;
use crate::{
    CommunityId, EntryHash, JoinRequest, MemberId, MemberKind, Names, QuorumRule, Refused, Rule, Statement,
    SubjectHash,
};

/// An entry of a kind that this version does not know: it stands in its chain and changes nothing here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct UnknownEntry {
    /// Its chain.
    pub chain: Chain,
    /// Its place.
    pub epoch: u64,
    /// What kind it says it is.
    pub kind: String,
}

/// A decision as the registry remembers it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision {
    pub(crate) hash: EntryHash,
    pub(crate) at: Micros,
}

/// A community's members and rules, replayed from its entries.
#[derive(Clone, Debug)]
pub struct Registry {
    pub(crate) id: CommunityId,
    pub(crate) names: Names,
    pub(crate) quorum: QuorumRule,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) members: BTreeMap<MemberId, Member>,
    pub(crate) unknown: Vec<UnknownEntry>,
    pub(crate) disputes: BTreeMap<Chain, BTreeSet<u64>>,
    /// Digests of what has been decided: nothing is decided twice on one asking.
    decided: BTreeSet<[u8; 32]>,
}

/// What became of an entry that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is true from now on.
    New,
    /// It was already.
    Known,
}

impl Registry {
    /// The registry of a community that has just been founded.
    ///
    /// # Errors
    /// The entry is no founding entry, or not one by its founder alone.
    pub fn found(entry: &Entry) -> Result<Self, Refused> {
        found(entry).map_err(|rule| refused(entry, rule))
    }

    /// Makes the next entry of its chain true.
    ///
    /// # Errors
    /// `Gap` when something before it is missing, `Forked` when another entry stands at its place, and every other rule of
    /// this crate that the entry breaks. Nothing has been changed then.
    pub fn apply(&mut self, entry: &Entry) -> Result<Applied, Refused> {
        let content = entry.content();
        let outcome = if entry.community() != self.id {
            Err(Rule::CommunityOther)
        } else {
            match content.chain {
                Chain::Community => self.decide(entry),
                Chain::Own(member) => self.step(entry, member),
            }
        };
        outcome.map_err(|rule| refused(entry, rule))
    }

    /// The community.
    #[must_use]
    pub const fn id(&self) -> CommunityId {
        self.id
    }

    /// Its names.
    #[must_use]
    pub const fn names(&self) -> &Names {
        &self.names
    }

    /// How decisions are made.
    #[must_use]
    pub const fn quorum(&self) -> QuorumRule {
        self.quorum
    }

    /// The last decision.
    #[must_use]
    pub fn head(&self) -> Point {
        let epoch = u64::try_from(self.decisions.len()).unwrap_or(u64::MAX).saturating_sub(1);
        Point { epoch, hash: self.last().hash }
    }

    /// When the last decision was made.
    #[must_use]
    pub fn decided_at(&self) -> Micros {
        self.last().at
    }

    /// The decision at an epoch.
    #[must_use]
    pub fn decision(&self, epoch: u64) -> Option<EntryHash> {
        Some(self.decisions.get(usize::try_from(epoch).ok()?)?.hash)
    }

    /// All members, present and former, by id.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// One member.
    #[must_use]
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        self.members.get(&id)
    }

    /// The member that is called so: by slug, or by id.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Member> {
        let by_slug = self.members.values().find(|member| member.slug.as_str() == name);
        by_slug.or_else(|| self.members.get(&name.parse().ok()?))
    }

    /// The member whose key this is or was.
    #[must_use]
    pub fn holder(&self, key: KeyId) -> Option<&Member> {
        self.members.values().find(|member| member.has_had(key))
    }

    /// How a member stood right after the decision of `epoch`; `None` where it was no member then, or there is no such
    /// decision yet. It depends on the entries alone.
    #[must_use]
    pub fn status_at(&self, member: MemberId, epoch: u64) -> Option<Status> {
        let decision = self.decisions.get(usize::try_from(epoch).ok()?)?;
        self.member(member)?.status_at(epoch, decision.at)
    }

    /// The member whose identity object this is. Where several claim it, the one that a decision noted first, and of
    /// those that one decision noted the one with the lowest id: who comes later takes nobody's name.
    #[must_use]
    pub fn identity_owner(&self, identity: &str) -> Option<&Member> {
        let claims =
            |member: &&Member| member.own().identity.as_ref().is_some_and(|own| own.as_str() == identity);
        self.members.values().filter(claims).min_by_key(|member| (member.identity_since(), member.id))
    }

    /// When it was last decided whether a member takes part; `None` for who is no member.
    #[must_use]
    pub fn turned_at(&self, member: MemberId) -> Option<Micros> {
        let (epoch, _) = self.member(member)?.turns.last()?;
        Some(self.decisions.get(usize::try_from(*epoch).ok()?)?.at)
    }

    /// Whether what `body` says has been decided on the same asking before.
    #[must_use]
    pub fn has_decided(&self, body: &Body) -> bool {
        matches!(asked_for(body), Ok(Some(asked)) if self.decided.contains(&asked))
    }

    /// A vote with only those of its signatures that hold and are voters'.
    #[must_use]
    pub fn sound_votes(&self, vote: &Entry) -> Entry {
        let content = vote.content();
        let keys = self.voters(&content.heads, content.at);
        let message = vote.signed().message();
        let holds = |by: KeyId, signature: &Signature| {
            let key = keys.values().find(|key| key.id() == by);
            key.is_some_and(|key| key.verify(&message, signature).is_ok())
        };
        vote.signed_by(holds)
    }

    /// Entries of kinds that this version does not know: to be told, never guessed at.
    #[must_use]
    pub fn unknown(&self) -> &[UnknownEntry] {
        &self.unknown
    }

    /// Places at which two entries are known, by chain.
    #[must_use]
    pub const fn disputes(&self) -> &BTreeMap<Chain, BTreeSet<u64>> {
        &self.disputes
    }

    /// Who has a vote on a decision made at `at`, with the key each would sign it with, when own chains have come as far as
    /// `heads` says (and as the last decision noted, for members it does not name).
    #[must_use]
    pub fn voters(&self, heads: &BTreeMap<MemberId, Point>, at: Micros) -> BTreeMap<MemberId, PublicKey> {
        let epoch = self.head().epoch;
        let voter = |member: &Member| {
            let step = member.step(heads.get(&member.id).map_or(member.noted(), |point| point.epoch))?;
            let votes = member.kind.has_vote() && member.status_after(step, at).takes_part();
            votes.then(|| (member.id, member.key_after(step, at, epoch)))
        };
        self.members.values().filter_map(voter).collect()
    }

    /// How many of `voters` there are of each sort.
    #[must_use]
    pub fn tally<'a>(&self, voters: impl IntoIterator<Item = &'a MemberId>) -> Tally {
        let mut tally = Tally::default();
        for id in voters {
            match self.members.get(id).map(|member| member.kind) {
                Some(MemberKind::Secretariat) => tally.secretariats += 1,
                Some(_) => tally.members += 1,
                None => {}
            }
        }
        tally
    }

    /// How far own chains have come beyond what the last decision noted: the `heads` of the next.
    #[must_use]
    pub fn unnoted(&self) -> BTreeMap<MemberId, Point> {
        let moved = self.members.values().filter(|member| member.head().epoch > member.noted());
        moved.map(|member| (member.id, member.head())).collect()
    }

    /// Whether the next place of a chain, the one at `length`, is claimed by two entries.
    fn is_disputed(&self, chain: Chain, length: usize) -> bool {
        let next = u64::try_from(length).unwrap_or(u64::MAX);
        self.disputes.get(&chain).is_some_and(|places| places.contains(&next))
    }

    pub(crate) fn last(&self) -> Decision {
        *self.decisions.last().expect("invariant: a registry begins with its founding")
    }

    /// The place of an entry in a chain of `length` entries whose last is `last`.
    fn place(
        entry: &Entry,
        length: usize,
        known: impl Fn(u64) -> Option<EntryHash>,
    ) -> Result<Applied, Rule> {
        let content = entry.content();
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        if content.epoch < length {
            let same = known(content.epoch) == Some(entry.hash());
            return if same { Ok(Applied::Known) } else { Err(Rule::Forked) };
        }
        if content.epoch > length {
            return Err(Rule::Gap);
        }
        let before = known(length.saturating_sub(1));
        if before.is_some() && content.previous == before {
            Ok(Applied::New)
        } else {
            Err(Rule::BasisDiffers)
        }
    }

    /// Judges and makes a decision of the quorum.
    fn decide(&mut self, entry: &Entry) -> Result<Applied, Rule> {
        let hash_at = |epoch: u64| Some(self.decisions.get(usize::try_from(epoch).ok()?)?.hash);
        if Self::place(entry, self.decisions.len(), hash_at)? == Applied::Known {
            return Ok(Applied::Known);
        }
        if self.is_disputed(Chain::Community, self.decisions.len()) {
            return Err(Rule::ChainDisputed);
        }
        let next = self.judge(entry)?;
        self.approved(entry)?;
        *self = next;
        Ok(Applied::New)
    }

    /// Judges everything about a decision but its signatures: the registry as it would be.
    pub(crate) fn judge(&self, entry: &Entry) -> Result<Self, Rule> {
        let content = entry.content();
        form(entry)?;
        if content.at < self.last().at {
            return Err(Rule::TimeWentBack);
        }
        self.heads_known(entry)?;
        self.rounds_open(entry)?;
        let body = Body::of(content)?;
        if let Some(asked) = body.asked()? {
            let until = asked.plus(REQUEST_SECONDS_MAX.saturating_mul(Micros::SECOND));
            if content.at > until {
                return Err(Rule::RequestExpired);
            }
        }
        // A copy takes the change, so that nothing is changed by half.
        let mut next = self.clone();
        if let Some(asked_for) = asked_for(&body)?
            && !next.decided.insert(asked_for)
        {
            return Err(Rule::DecidedAlready);
        }
        next.note(entry);
        next.change(entry, &body)?;
        next.decisions.push(Decision { hash: entry.hash(), at: content.at });
        Ok(next)
    }

    fn heads_known(&self, entry: &Entry) -> Result<(), Rule> {
        for (id, point) in &entry.content().heads {
            let member = self.members.get(id).ok_or(Rule::MemberUnknown)?;
            if point.epoch < member.noted() {
                return Err(Rule::HeadsWentBack);
            }
            let step = member.step(point.epoch).ok_or(Rule::Gap)?;
            if step.hash != point.hash {
                return Err(Rule::BasisDiffers);
            }
        }
        Ok(())
    }

    /// Whether those who signed a decision are the quorum, and nobody else.
    pub(crate) fn approved(&self, entry: &Entry) -> Result<(), Rule> {
        let content = entry.content();
        let voters = self.voters(&content.heads, content.at);
        let signed = self.signers(entry, &voters)?;
        if self.tally(&signed).suffices(self.quorum, self.tally(voters.keys())) {
            Ok(())
        } else {
            Err(Rule::QuorumMissing)
        }
    }

    /// Which voters signed an entry. Every signature must hold and be a voter's.
    pub(crate) fn signers(
        &self,
        entry: &Entry,
        voters: &BTreeMap<MemberId, PublicKey>,
    ) -> Result<BTreeSet<MemberId>, Rule> {
        let by_key: BTreeMap<KeyId, (MemberId, PublicKey)> =
            voters.iter().map(|(member, key)| (key.id(), (*member, *key))).collect();
        let message = entry.signed().message();
        let mut signers = BTreeSet::new();
        for (by, signature) in entry.signed().signatures() {
            let (member, key) = by_key.get(by).ok_or(Rule::SignatureStranger)?;
            key.verify(&message, signature).map_err(|_| Rule::SignatureInvalid)?;
            if !signers.insert(*member) {
                return Err(Rule::SignatureTwice);
            }
        }
        Ok(signers)
    }

    /// Takes note of how far own chains had come.
    fn note(&mut self, entry: &Entry) {
        let content = entry.content();
        for (id, point) in &content.heads {
            let Some(member) = self.members.get_mut(id) else { continue };
            let upto = usize::try_from(point.epoch).unwrap_or(usize::MAX).saturating_add(1);
            for step in member.steps.iter_mut().take(upto).filter(|step| step.noted.is_none()) {
                step.noted = Some((content.epoch, content.at));
            }
        }
    }

    /// What a decision changes.
    fn change(&mut self, entry: &Entry, body: &Body) -> Result<(), Rule> {
        let content = entry.content();
        match body {
            Body::Founded(_) => return Err(Rule::FoundingTwice),
            Body::Admitted(admitted) => self.admit(entry, admitted)?,
            Body::Rejoined(admitted) => self.readmit(entry, admitted)?,
            Body::Suspended(of) => {
                let active = |status: Status| status.takes_part();
                let member = self.standing(of.member, content.at, active)?;
                member.suspended = true;
                member.turns.push((content.epoch, false));
            }
            Body::Reinstated(of) => {
                let suspended = |status| status == Status::Suspended;
                let member = self.standing(of.member, content.at, suspended)?;
                member.suspended = false;
                member.turns.push((content.epoch, true));
            }
            Body::QuorumChanged(changed) => self.quorum = changed.quorum.check()?,
            Body::Unknown(kind) => self.unknown.push(UnknownEntry {
                chain: content.chain,
                epoch: content.epoch,
                kind: kind.clone(),
            }),
            _ => {}
        }
        Ok(())
    }

    fn standing(
        &mut self,
        id: MemberId,
        at: Micros,
        fit: impl Fn(Status) -> bool,
    ) -> Result<&mut Member, Rule> {
        let member = self.members.get_mut(&id).ok_or(Rule::MemberUnknown)?;
        if fit(member.status(at)) { Ok(member) } else { Err(Rule::MemberNotActive) }
    }

    fn opened(&self, admitted: &Admitted) -> Result<JoinRequest, Rule> {
        let request = JoinRequest::open(&admitted.request)?;
        if request.community == self.id { Ok(request) } else { Err(Rule::CommunityOther) }
    }

    fn admit(&mut self, entry: &Entry, admitted: &Admitted) -> Result<(), Rule> {
        let request = self.opened(admitted)?;
        let statement = &request.statement;
        let id = MemberId(statement.key.id());
        if request.again.is_some() || self.members.contains_key(&id) {
            return Err(Rule::MemberExists);
        }
        if self.members.len() >= COMMUNITY_MEMBERS_MAX {
            return Err(Rule::MembersMax);
        }
        if self.members.values().any(|member| member.slug == statement.slug) {
            return Err(Rule::SlugTaken);
        }
        self.key_free(&statement.key)?;
        let hash = EntryHash::of(admitted.request.unverified_payload());
        let epoch = entry.content().epoch;
        self.members.insert(id, newcomer(id, statement, (hash, epoch, entry.content().at)));
        Ok(())
    }

    fn readmit(&mut self, entry: &Entry, admitted: &Admitted) -> Result<(), Rule> {
        let request = self.opened(admitted)?;
        let content = entry.content();
        let id = request.again.ok_or(Rule::MemberUnknown)?;
        let member = self.members.get(&id).ok_or(Rule::MemberUnknown)?;
        if member.status(content.at).takes_part() {
            return Err(Rule::MemberNotActive);
        }
        let statement = &request.statement;
        // The one who comes back is the one who left: it signs with the key it has.
        if statement.key != member.key_after(member.last(), content.at, content.epoch) {
            return Err(Rule::SignatureStranger);
        }
        if statement.slug != member.slug {
            return Err(Rule::SlugTaken);
        }
        let step = Step {
            hash: EntryHash::of(admitted.request.unverified_payload()),
            at: content.at,
            basis: content.epoch,
            state: OwnState::of(statement),
            noted: Some((content.epoch, content.at)),
        };
        let member = self.members.get_mut(&id).ok_or(Rule::MemberUnknown)?;
        member.kind = statement.kind;
        member.roles.clone_from(&statement.roles);
        member.suites.clone_from(&statement.suites);
        member.suspended = false;
        member.turns.push((content.epoch, true));
        member.since = content.epoch;
        // Whatever it did between the last step that was noted and now is void: the quorum took it in as it is here.
        let kept = usize::try_from(member.noted()).unwrap_or(usize::MAX).saturating_add(1);
        member.steps.truncate(kept);
        member.steps.push(step);
        Ok(())
    }

    /// Whether a key has never been anybody's.
    pub(crate) fn key_free(&self, key: &PublicKey) -> Result<(), Rule> {
        let used = |member: &Member| member.keys.contains(key) || member.own().recovery.keys.contains(key);
        if self.members.values().any(used) { Err(Rule::KeyTaken) } else { Ok(()) }
    }

    /// Judges and makes a step of a member's own chain.
    fn step(&mut self, entry: &Entry, id: MemberId) -> Result<Applied, Rule> {
        let member = self.members.get(&id).ok_or(Rule::Gap)?;
        let hash_at = |epoch: u64| Some(member.step(epoch)?.hash);
        if Self::place(entry, member.steps.len(), hash_at)? == Applied::Known {
            return Ok(Applied::Known);
        }
        if self.is_disputed(Chain::Own(id), member.steps.len()) {
            return Err(Rule::ChainDisputed);
        }
        let basis = self.basis_known(entry, member)?;
        let body = Body::of(entry.content())?;
        let state = crate::own::next(self, member, entry, &body)?;
        let content = entry.content();
        let fresh = match &body {
            Body::KeyRotated(new) | Body::KeyRecovered(new) => Some(new.key),
            _ => None,
        };
        if let Body::Unknown(kind) = &body {
            self.unknown.push(UnknownEntry {
                chain: content.chain,
                epoch: content.epoch,
                kind: kind.clone(),
            });
            self.unknown.sort();
        }
        let member = self.members.get_mut(&id).ok_or(Rule::Gap)?;
        member.keys.extend(fresh);
        member.steps.push(Step { hash: entry.hash(), at: content.at, basis, state, noted: None });
        Ok(Applied::New)
    }

    /// The decision that an own entry was made after, which neither it nor its moment may be older than.
    fn basis_known(&self, entry: &Entry, member: &Member) -> Result<u64, Rule> {
        form(entry)?;
        let content = entry.content();
        let basis = content.basis.ok_or(Rule::PayloadForm)?;
        let at = usize::try_from(basis.epoch).map_err(|_| Rule::Gap)?;
        let decision = self.decisions.get(at).ok_or(Rule::Gap)?;
        if decision.hash != basis.hash {
            return Err(Rule::BasisDiffers);
        }
        let last = member.last();
        if basis.epoch < last.basis || basis.epoch < member.since {
            return Err(Rule::HeadsWentBack);
        }
        if content.at < decision.at || content.at < last.at {
            return Err(Rule::TimeWentBack);
        }
        if member.status_after(last, content.at) == Status::Withdrawn {
            return Err(Rule::MemberGone);
        }
        Ok(basis.epoch)
    }
}

/// What tells one asking from another, whatever way it is written down; `None` for what nobody asks for.
fn asked_for(body: &Body) -> Result<Option<[u8; 32]>, Rule> {
    Ok(match body {
        Body::Admitted(admitted) | Body::Rejoined(admitted) => {
            Some(*SubjectHash::of(admitted.request.unverified_payload()).as_bytes())
        }
        Body::Suspended(_) | Body::Reinstated(_) | Body::QuorumChanged(_) => {
            let raw = body.to_raw()?;
            Some(digest("cresset registry decision", &[body.kind().as_bytes(), raw.get().as_bytes()]))
        }
        _ => None,
    })
}

fn newcomer(id: MemberId, statement: &Statement, (hash, epoch, at): (EntryHash, u64, Micros)) -> Member {
    let state = OwnState::of(statement);
    Member {
        id,
        slug: statement.slug.clone(),
        kind: statement.kind,
        roles: statement.roles.clone(),
        suites: statement.suites.clone(),
        suspended: false,
        turns: vec![(epoch, true)],
        since: epoch,
        steps: vec![Step { hash, at, basis: epoch, state, noted: Some((epoch, at)) }],
        keys: vec![statement.key],
    }
}

/// What no type holds: which parts stand in which sort of chain.
fn form(entry: &Entry) -> Result<(), Rule> {
    let content = entry.content();
    let fit = match content.chain {
        Chain::Community => content.basis.is_none(),
        Chain::Own(_) => content.heads.is_empty() && content.round == 0 && entry.stalled().is_empty(),
    };
    let kind = crate::words::is_line(&content.kind, base::limit::ENTRY_KIND_CHARS_MAX);
    if fit && kind && content.previous.is_some() { Ok(()) } else { Err(Rule::PayloadForm) }
}

fn found(entry: &Entry) -> Result<Registry, Rule> {
    let content = entry.content();
    let Body::Founded(body) = Body::of(content)? else { return Err(Rule::FoundingMissing) };
    let bare = content.community.is_none()
        && content.epoch == 0
        && content.previous.is_none()
        && content.round == 0
        && content.heads.is_empty()
        && content.basis.is_none()
        && entry.stalled().is_empty();
    if !bare {
        return Err(Rule::PayloadForm);
    }
    let Founded { names, quorum, founder } = *body;
    let id = MemberId(founder.key.id());
    founder.check(id)?;
    if !founder.kind.has_vote() {
        return Err(Rule::FounderWithoutVote);
    }
    signed_by_alone(entry.signed(), ENTRY_TYPE, &founder.key)?;
    let member = newcomer(id, &founder, (entry.hash(), 0, content.at));
    Ok(Registry {
        id: CommunityId(entry.hash()),
        names,
        quorum: quorum.check()?,
        decisions: vec![Decision { hash: entry.hash(), at: content.at }],
        members: BTreeMap::from([(id, member)]),
        unknown: Vec::new(),
        disputes: BTreeMap::new(),
        decided: BTreeSet::new(),
    })
}

pub(crate) const fn refused(entry: &Entry, rule: Rule) -> Refused {
    let content = entry.content();
    Refused { chain: content.chain, epoch: content.epoch, rule }
}

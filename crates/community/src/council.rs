//! How members come to a decision: what one member does next, given what it knows. Pure; no clock, no network.
//!
//! When enough approvals of a subject are known, a voter signs the entry that makes it true: one that is on the table
//! already, or a new one. One signature for one round of one place: what was signed before is an argument here, and
//! the caller keeps it durably before a signature leaves the machine. With enough signatures the entry is whole.

use std::collections::{BTreeMap, BTreeSet};

use base::Micros;
use base::limit::{APPROVAL_AHEAD_SECONDS_MAX, ROUNDS_MAX};

use crate::body::Body;
use crate::entry::{Chain, Content, Entry};
use crate::proposal::{Approval, Subject, Word};
use crate::registry::Registry;
use crate::{EntryHash, MemberId, Rule, SubjectHash};

/// How far clocks may differ, in microseconds, for members to name the same present moment, most of the time. A decision is dated no more than so
/// much before it was made, and one that notes a recovery no more than so much after.
const MOMENT_STEP: i64 = 600 * Micros::SECOND;

/// What one member knows and may do.
#[derive(Clone, Copy, Debug)]
pub struct Council<'a> {
    /// The registry as this member knows it.
    pub registry: &'a Registry,
    /// The member.
    pub me: MemberId,
    /// What waits for a decision.
    pub subjects: &'a [Subject],
    /// What members have said about it, verified.
    pub approvals: &'a [Approval],
    /// Entries for the next place that some have signed, also in earlier rounds.
    pub votes: &'a [Entry],
    /// The present moment.
    pub now: Micros,
}

/// What is to be done next.
#[derive(Clone, Debug)]
pub enum Move {
    /// Nothing: others must act first.
    Wait,
    /// Sign this entry for this member, keep it, and let the others have it.
    Vote(Box<Entry>),
    /// This entry has its quorum: apply it and let the others have it.
    Decided(Box<Entry>),
}

/// How far a subject has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Members with a vote whose last word is for it.
    pub approvals: usize,
    /// Members with a vote whose last word is against it.
    pub refusals: usize,
    /// How many approvals it takes.
    pub needed: usize,
    /// Whether those who are for it are enough.
    pub ready: bool,
}

impl Council<'_> {
    /// What this member does next. `signed` tells for a round of the next place which entry it has signed there.
    ///
    /// # Errors
    /// `TooMany` when the votes no longer fit into one entry.
    pub fn next(&self, signed: &dyn Fn(u64) -> Option<EntryHash>) -> Result<Move, Rule> {
        let table = self.table()?;
        let votes: Vec<Entry> = table.values().cloned().collect();
        for entry in table.values() {
            // What shows the earlier rounds dead is what is known here, not what came along unsigned.
            let earlier = votes.iter().filter(|vote| vote.content().round < entry.content().round);
            let entry = entry.clone().with_stalled(earlier.cloned().collect())?;
            if self.registry.judge(&entry).is_ok() && self.registry.approved(&entry).is_ok() {
                return Ok(Move::Decided(Box::new(entry)));
            }
        }
        let Some(round) = (0..ROUNDS_MAX).find(|round| !self.registry.round_is_dead(*round, &votes)) else {
            return Ok(Move::Wait);
        };
        if signed(round).is_some() || self.has_signed(&votes, round) || !self.has_vote() {
            return Ok(Move::Wait);
        }
        let stalled: Vec<Entry> = votes.iter().filter(|vote| vote.content().round < round).cloned().collect();
        let chosen = match self.on_the_table(&table, round) {
            Some(entry) => Some(entry),
            None => self.new_entry(round, &stalled)?,
        };
        let Some(chosen) = chosen else { return Ok(Move::Wait) };
        let chosen = chosen.with_stalled(stalled)?;
        // Nobody signs what the registry would refuse.
        if self.registry.judge(&chosen).is_err() {
            return Ok(Move::Wait);
        }
        Ok(Move::Vote(Box::new(chosen)))
    }

    /// How far a subject has come.
    #[must_use]
    pub fn standing(&self, subject: SubjectHash) -> Standing {
        let voters: BTreeSet<MemberId> =
            self.registry.voters(&self.registry.unnoted(), self.now).into_keys().collect();
        let words = self.words(subject);
        let of = |word: Word| -> BTreeSet<MemberId> {
            let said = words.iter().filter(|(by, (_, said))| voters.contains(by) && *said == word);
            said.map(|(by, _)| *by).collect()
        };
        let (approve, refuse) = (of(Word::Approve), of(Word::Refuse));
        let all = self.registry.tally(&voters);
        Standing {
            approvals: approve.len(),
            refusals: refuse.len(),
            needed: self.registry.quorum().approvals(all.all()),
            ready: self.registry.tally(&approve).suffices(self.registry.quorum(), all),
        }
    }

    /// The last word of each member on a subject. A word from the future of this clock counts when its time has come.
    fn words(&self, subject: SubjectHash) -> BTreeMap<MemberId, (Micros, Word)> {
        let latest = self.now.plus(APPROVAL_AHEAD_SECONDS_MAX.saturating_mul(Micros::SECOND));
        let mut words: BTreeMap<MemberId, (Micros, Word)> = BTreeMap::new();
        for approval in self.approvals.iter().filter(|said| said.subject == subject && said.at <= latest) {
            let word = (approval.at, approval.word);
            let held = words.entry(approval.by).or_insert(word);
            // Of two words of one moment the one against counts: a doubt is no approval.
            if approval.at > held.0 || (approval.at == held.0 && approval.word == Word::Refuse) {
                *held = word;
            }
        }
        words
    }

    /// Whether what would make a subject true would be refused as things stand.
    ///
    /// # Errors
    /// The rule that would refuse it.
    pub fn fits(&self, subject: &Subject) -> Result<(), Rule> {
        self.registry.judge(&self.entry((0, self.now), &subject.body())?).map(|_| ())
    }

    /// Whether this member's signature is on the table in a round: a node that was restored from an old copy of itself does
    /// not know what it has signed, and the others do.
    fn has_signed(&self, votes: &[Entry], round: u64) -> bool {
        let by_me = |entry: &&Entry| {
            let content = entry.content();
            let key = self.registry.voters(&content.heads, content.at).get(&self.me).copied();
            key.is_some_and(|key| entry.signed().signatures().iter().any(|(by, _)| *by == key.id()))
        };
        votes.iter().filter(|entry| entry.content().round == round).any(|entry| by_me(&entry))
    }

    fn has_vote(&self) -> bool {
        self.registry.voters(&self.registry.unnoted(), self.now).contains_key(&self.me)
    }

    fn is_for(&self, subject: SubjectHash) -> bool {
        self.words(subject).get(&self.me).is_some_and(|(_, word)| *word == Word::Approve)
    }

    /// What is on the table for the next place, by entry, with the signatures that hold and no others.
    fn table(&self) -> Result<BTreeMap<EntryHash, Entry>, Rule> {
        let mut table: BTreeMap<EntryHash, Entry> = BTreeMap::new();
        for vote in self.votes.iter().filter(|vote| self.registry.is_candidate(vote)) {
            let sound = self.registry.sound_votes(vote);
            match table.get_mut(&vote.hash()) {
                Some(held) => held.merge(&sound)?,
                None => {
                    table.insert(vote.hash(), sound);
                }
            }
        }
        for entry in table.values_mut() {
            *entry = entry.signed_by(|_, _| true);
        }
        Ok(table)
    }

    /// The entry of a round that this member may sign and most others have: of equals, the one with the lowest hash.
    fn on_the_table(&self, table: &BTreeMap<EntryHash, Entry>, round: u64) -> Option<Entry> {
        let known: BTreeMap<String, SubjectHash> = self
            .subjects
            .iter()
            .filter_map(|subject| Some((subject.body().to_raw().ok()?.get().to_owned(), subject.hash())))
            .collect();
        let mine = |entry: &&Entry| {
            let content = entry.content();
            if content.round != round || entry.signed().signatures().is_empty() {
                return false;
            }
            match Body::of(content) {
                Ok(Body::Noted) => true,
                Ok(Body::Unknown(_)) | Err(_) => false,
                Ok(body) => body
                    .to_raw()
                    .ok()
                    .and_then(|raw| known.get(raw.get()).copied())
                    .is_some_and(|subject| self.is_for(subject)),
            }
        };
        let latest = self.now.plus(APPROVAL_AHEAD_SECONDS_MAX.saturating_mul(Micros::SECOND));
        let timely = |entry: &&Entry| entry.content().at <= latest;
        let weight = |entry: &&Entry| (entry.signed().signatures().len(), std::cmp::Reverse(entry.hash()));
        table.values().filter(mine).filter(timely).max_by_key(weight).cloned()
    }

    /// A new entry for the oldest subject that has enough approvals, this member's among them; failing that, one that
    /// notes a recovery which waits to be noted.
    ///
    /// Nothing of it is of this member's own making: members that know the same make the same entry, so that votes which cross on
    /// their way are votes for one. Where they split and a voter is missing, no later round may ever open: what the missing one
    /// has signed is not known.
    fn new_entry(&self, round: u64, stalled: &[Entry]) -> Result<Option<Entry>, Rule> {
        let mut ready: Vec<&Subject> = self
            .subjects
            .iter()
            .filter(|subject| subject.until() >= self.now && self.is_for(subject.hash()))
            // What its own member asks otherwise by now is begun no more; votes that are on the table for it are gone on with.
            .filter(|subject| !self.subjects.iter().any(|other| subject.is_replaced_by(other)))
            .filter(|subject| self.standing(subject.hash()).ready)
            .collect();
        ready.sort_by_key(|subject| (subject.at(), subject.hash()));
        for subject in ready {
            // What could not be true at the first moment may be at a later one, and the least of all that members share is this
            // clock's own present.
            let ready = self.moment(stalled, Some(subject.hash()));
            for moment in [ready, self.step_before(), self.now] {
                let entry = self.entry((round, moment), &subject.body())?;
                if self.registry.judge(&entry.clone().with_stalled(stalled.to_vec())?).is_ok() {
                    return Ok(Some(entry));
                }
            }
        }
        let moment = self.moment(stalled, None);
        if self.notes_a_claim() { self.entry((round, moment), &Body::Noted).map(Some) } else { Ok(None) }
    }

    /// Whether a recovery waits to be noted.
    fn notes_a_claim(&self) -> bool {
        self.registry.members().any(|member| {
            let claim = member.own().claim;
            claim.is_some_and(|claim| claim.epoch > member.noted())
        })
    }

    /// The moment of a new entry. In a later round that of the latest vote of the rounds before; in the first that of the approval
    /// which was the last that it took, by the clock of who gave it. Where there is none, or it is long ago, the present one, in
    /// steps so large that clocks agree on it but for a moment at each. A vote from too far ahead of this clock has no say in it.
    fn moment(&self, stalled: &[Entry], ready: Option<SubjectHash>) -> Micros {
        let latest = self.now.plus(APPROVAL_AHEAD_SECONDS_MAX.saturating_mul(Micros::SECOND));
        let voted = stalled.iter().map(|vote| vote.content().at).filter(|at| *at <= latest).max();
        if let Some(voted) = voted {
            return voted;
        }
        let before = self.step_before();
        if self.notes_a_claim() {
            // Its delay begins then, and is not to be shorter than it says.
            return if before == self.now { before } else { before.plus(MOMENT_STEP) };
        }
        // Nobody dates a decision far ahead by an approval, since nothing could be decided before that moment.
        let lately = self.now.plus(MOMENT_STEP.saturating_neg())..=self.now.plus(MOMENT_STEP);
        ready.and_then(|subject| self.ready_at(subject)).filter(|at| lately.contains(at)).unwrap_or(before)
    }

    /// The last step of clocks before the present moment.
    fn step_before(&self) -> Micros {
        Micros(self.now.0.saturating_sub(self.now.0.rem_euclid(MOMENT_STEP)))
    }

    /// When a subject had enough approvals for the first time, by the clocks of those who gave them.
    fn ready_at(&self, subject: SubjectHash) -> Option<Micros> {
        let voters: BTreeSet<MemberId> =
            self.registry.voters(&self.registry.unnoted(), self.now).into_keys().collect();
        let all = self.registry.tally(&voters);
        let words = self.words(subject);
        let said = words.iter().filter(|(by, (_, word))| voters.contains(by) && *word == Word::Approve);
        let mut said: Vec<(Micros, MemberId)> = said.map(|(by, (at, _))| (*at, *by)).collect();
        said.sort_unstable();
        let mut enough = BTreeSet::new();
        said.into_iter().find_map(|(at, by)| {
            enough.insert(by);
            self.registry.tally(&enough).suffices(self.registry.quorum(), all).then_some(at)
        })
    }

    fn entry(&self, (round, at): (u64, Micros), body: &Body) -> Result<Entry, Rule> {
        let head = self.registry.head();
        Entry::unsigned(&Content {
            community: Some(self.registry.id()),
            chain: Chain::Community,
            epoch: head.epoch.saturating_add(1),
            previous: Some(head.hash),
            at: at.max(self.registry.decided_at()),
            round,
            heads: self.registry.unnoted(),
            basis: None,
            kind: body.kind().to_owned(),
            body: body.to_raw()?,
        })
    }
}

/// The founding entry of a new community, signed by its founder.
///
/// # Errors
/// What is wrong with the statement or the quorum; `SignatureMissing` when `signer` does not hold the founder's key.
pub fn founding(
    founded: crate::body::Founded,
    at: Micros,
    signer: &dyn base::signing::Signer,
) -> Result<Entry, Rule> {
    if founded.founder.key != signer.public_key() {
        return Err(Rule::SignatureMissing);
    }
    let body = Body::Founded(Box::new(founded));
    let mut entry = Entry::unsigned(&Content {
        community: None,
        chain: Chain::Community,
        epoch: 0,
        previous: None,
        at,
        round: 0,
        heads: BTreeMap::new(),
        basis: None,
        kind: body.kind().to_owned(),
        body: body.to_raw()?,
    })?;
    entry.sign(signer)?;
    Registry::found(&entry).map_err(|refused| refused.rule)?;
    Ok(entry)
}

/// The next step of a member's own chain, not signed yet.
///
/// # Errors
/// `MemberUnknown`.
pub fn own_entry(registry: &Registry, member: MemberId, body: &Body, now: Micros) -> Result<Entry, Rule> {
    let known = registry.member(member).ok_or(Rule::MemberUnknown)?;
    let head = known.head();
    Entry::unsigned(&Content {
        community: Some(registry.id()),
        chain: Chain::Own(member),
        epoch: head.epoch.saturating_add(1),
        previous: Some(head.hash),
        at: now.max(registry.decided_at()).max(known.last().at),
        round: 0,
        heads: BTreeMap::new(),
        basis: Some(registry.head()),
        kind: body.kind().to_owned(),
        body: body.to_raw()?,
    })
}

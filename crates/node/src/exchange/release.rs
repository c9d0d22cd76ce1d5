//! What comes in here and is for other members too is released to them in the commit that stores it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::signing::KeyId;
use federation::{Lane, ObjectName, Rule, Standing};
use handling::{Addressee, MemberId, Originator, Rules};
use ledger::act::ActKind;
use store::{Batch, Entry, Landed, LandedAs, LeavesBy, StoreError};

use super::giving::{Given, Offer, Refusals, To};
use super::purview::{Purview, is_given_otherwise};
use super::{Court, ExchangeError, Withheld};
use crate::Node;
use crate::community::circles_in;

/// Whom to tell besides those the rules name, and how urgently.
#[derive(Clone, Debug)]
pub(crate) struct Sending {
    pub(crate) lane: Lane,
    /// Members whose objects these are about: they get them where the rules let them.
    pub(crate) also: BTreeSet<MemberId>,
    /// Whom the request names: who of them is not given it is told, and leaves an act.
    pub(crate) named: BTreeSet<Addressee>,
    /// How far whoever brings it reaches.
    pub(crate) purview: Purview,
}

impl Court {
    /// Which other members are named in rules that this member set: those that may have it, and those that will once what keeps it from
    /// them has passed. Rules for everybody name nobody.
    pub(crate) fn named_by(&self, rules: &Rules) -> BTreeSet<KeyId> {
        let for_everybody = rules.audience().is_everybody() && rules.named().is_none_or(BTreeSet::is_empty);
        if for_everybody {
            return BTreeSet::new();
        }
        let mut named = self.who_may(rules);
        named.extend(self.who_will(rules));
        named
    }

    /// The other members that may not have what is under these rules now, and will.
    fn who_will(&self, rules: &Rules) -> BTreeSet<KeyId> {
        let closed = rules.embargo().is_some_and(|until| until > self.now) || !rules.markings().are_known();
        let mut asked = self.members.everybody_else();
        if !closed {
            asked.retain(|member| self.exchange().directory.standing(member) != Standing::Active);
        }
        asked.retain(|member| self.members.hindered_under(rules, *member, self.now).is_some());
        asked
    }

    /// The other members that may have what is under these rules.
    pub(crate) fn who_may(&self, rules: &Rules) -> BTreeSet<KeyId> {
        let others =
            self.exchange().directory.active().into_iter().filter(|member| *member != self.me.member);
        others.filter(|member| self.may_have(member, rules)).collect()
    }

    fn may_have(&self, member: &KeyId, rules: &Rules) -> bool {
        self.members.may_have(MemberId(*member.as_bytes()), rules, self.now)
    }

    /// Whom an entry is to be released to.
    pub(crate) fn addressees(&self, entry: &Entry, sending: &Sending) -> BTreeSet<KeyId> {
        let rules = rules_of(entry);
        if *rules.originator() != Originator::Here {
            return BTreeSet::new();
        }
        let rules = rules.told_by(self.home());
        let mut addressees = self.named_by(&rules);
        let also = sending.also.iter().filter(|member| self.members.may_have(**member, &rules, self.now));
        addressees.extend(also.map(|member| KeyId::from_bytes(member.0)));
        addressees
    }
}

/// What became of a batch.
pub(crate) struct Added {
    /// How each of it landed, in order.
    pub(crate) landed: Vec<Landed>,
    /// What of it is not given, by its place, for something else was given under its identifier and date.
    pub(crate) otherwise: BTreeSet<usize>,
    /// Who of those whom the request names is not given it, and by which rule, by its place.
    pub(crate) withheld: BTreeMap<usize, Withheld>,
}

impl Added {
    const fn of(landed: Vec<Landed>) -> Self {
        Self { landed, otherwise: BTreeSet::new(), withheld: BTreeMap::new() }
    }
}

impl Node {
    /// Stores a batch and, in the same commit, releases what in it is for other members.
    pub(crate) async fn add_and_release(&self, batch: Batch, sending: &Sending) -> Result<Added, StoreError> {
        let Some(court) = self.court().await? else { return Ok(Added::of(self.store().add(batch).await?)) };
        let whom: Vec<BTreeSet<KeyId>> =
            batch.entries.iter().map(|entry| court.addressees(entry, sending)).collect();
        let named = self.members_among(&court, &sending.named);
        let goes = |(entry, whom): (&Entry, &BTreeSet<KeyId>)| {
            !whom.is_empty() || is_for_who_comes(entry) || (!named.is_empty() && is_own_word(entry))
        };
        if !batch.entries.iter().zip(&whom).any(goes) {
            return Ok(Added::of(self.store().add(batch).await?));
        }
        let (court, lane, weight) = (Arc::new(court), sending.lane, batch.entries.len());
        let purview = sending.purview.clone();
        let asked = Arc::clone(&court);
        let added = self.step(&court, weight, move |exchange, desk| {
            let mut added = Added::of(desk.add(&batch, LeavesBy::Store)?);
            for (at, ((entry, landed), mut whom)) in
                batch.entries.iter().zip(&added.landed).zip(whom).enumerate()
            {
                if matches!(landed.how, LandedAs::Known | LandedAs::Refused(_)) {
                    continue;
                }
                let rules = landed.inherited.clone().unwrap_or_else(|| rules_of(entry)).told_by(asked.home());
                if landed.inherited.is_some() {
                    // Who is named and has to wait, for an embargo say, stays among them.
                    let named = asked.named_by(&rules);
                    whom.retain(|member| named.contains(member) || asked.may_have(member, &rules));
                }
                let mut not = named.clone();
                not.retain(|member| is_own_word(entry) && !whom.contains(member));
                if !whom.is_empty() || !not.is_empty() || is_for_who_comes(entry) {
                    let name = ObjectName { author: asked.member(), id: entry.facts.id.as_str().to_owned() };
                    let sees = |digest: &_| purview.sees(desk, &name.id, digest);
                    if is_given_otherwise(desk.rows(), &name, &entry.bytes, sees)? {
                        added.otherwise.insert(at);
                    } else {
                        let kind =
                            if entry.sighting.is_some() { ActKind::Sighted } else { ActKind::Released };
                        whom.append(&mut not);
                        let (name, bytes, rules, to) = (&name, &entry.bytes, &rules, To::ItsHolders);
                        let refusals = Refusals::Noted;
                        let offer = Offer { name, bytes, rules, whom: &whom, lane, kind, to, refusals };
                        let Given { mut withheld, waits, .. } = offer.give(exchange, desk)?;
                        // Where it was erased, whoever brings it now may not know: they are told what they are told of anything new, and
                        // `holders` that nobody has it, for nobody takes it from this member any more.
                        let erased = Rule::Tombstoned.to_string();
                        withheld.retain(|(member, rule)| named.contains(member) && *rule != erased);
                        if !withheld.is_empty() {
                            let from = withheld.into_iter().collect();
                            added.withheld.insert(at, Withheld { from, waits });
                        }
                    }
                }
            }
            Ok(added)
        });
        let added = added.await.map_err(|error| match error {
            ExchangeError::Store(error) => error,
            other => StoreError::Backend(format!("cannot release what came in: {other}")),
        })?;
        self.tell_peers();
        Ok(added)
    }
}

/// Whether what comes in is this member's word.
fn is_own_word(entry: &Entry) -> bool {
    *rules_of(entry).originator() == Originator::Here
}

/// Whether what comes in is this member's word and for circles: who is taken into one with its history is given it, also where nobody
/// else is in it now.
fn is_for_who_comes(entry: &Entry) -> bool {
    is_own_word(entry) && circles_in(&rules_of(entry)).next().is_some()
}

/// The rules that an entry comes under.
pub(crate) fn rules_of(entry: &Entry) -> Rules {
    let level = entry.facts.tlp.map(crate::markings::level_of);
    entry.rules.clone().unwrap_or_else(|| Rules::marked(level, Originator::Here))
}

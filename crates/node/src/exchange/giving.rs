//! Giving an own version to more members: who has it already, whether anything new is said, and by whose word it stands here.
//!
//! A version that stands here by the word of several members is each one's own to call back; what this member gives is its own
//! word and nobody else's. What is another's goes on by that one's consent.

use std::collections::BTreeSet;

use base::signing::KeyId;
use bytes::Bytes;
use federation::{
    DeedError, Exchange, Hindrance, Lane, ObjectName, Refused, Release, Rows, Rule, holders_now,
    object_version,
};
use handling::{MemberId, Originator, Principal, Rules, Writer};
use ledger::act::ActKind;
use store::{ExchangeDesk, StoredObject};

use super::purview::{GIVEN_OTHERWISE, Purview, digest_of, is_given_otherwise};
use super::{Court, ExchangeError};
use crate::Node;
use crate::handle::rules_of;

/// An own version to be given.
pub(super) struct Gift {
    id: String,
    version: String,
    bytes: Bytes,
    /// Its rules from now on.
    rules: Rules,
    whom: BTreeSet<KeyId>,
    /// Where it stands and who gives it may write: what others put in under this id, which the giver may not know of, stays as it is.
    writers: Vec<Writer>,
    /// How far who gives it reaches.
    purview: Purview,
}

/// What became of gifts.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// Who has it, or is to have it.
    pub(super) to: BTreeSet<KeyId>,
    /// Who does not get it, and by which rule.
    pub(super) withheld: BTreeSet<(KeyId, String)>,
    /// Nobody is given it, for others were given something else under its identifier and date.
    pub(super) otherwise: bool,
}

impl Gift {
    pub(super) fn of(
        object: &StoredObject,
        rules: Rules,
        whom: BTreeSet<KeyId>,
        (writers, purview): (Vec<Writer>, Purview),
    ) -> Result<Self, ExchangeError> {
        let version = version_of(object)?;
        Ok(Self {
            id: object.id.clone(),
            version,
            bytes: object.bytes.clone(),
            rules,
            whom,
            writers,
            purview,
        })
    }

    pub(super) fn give(
        mut self,
        exchange: &Exchange<'_>,
        desk: &mut dyn ExchangeDesk,
        (lane, home): (Lane, MemberId),
    ) -> Result<Given, ExchangeError> {
        let name = ObjectName { author: exchange.me.member, id: self.id.clone() };
        let sees = |digest: &_| self.purview.sees(desk, &self.id, digest);
        if is_given_otherwise(desk.rows(), &name, &self.bytes, sees)? {
            let withheld = self.whom.into_iter().map(|member| (member, GIVEN_OTHERWISE.to_owned()));
            return Ok(Given { withheld: withheld.collect(), otherwise: true, ..Given::default() });
        }
        let line = self.rules.told_by(home).to_string();
        if let Some(given) = self.nothing_new(exchange, desk.rows(), &line)? {
            return Ok(given);
        }
        // Whoever has it already gets the same rules, so that all who hold it hold the same. Who has it by a consent alone is not given
        // it, and nobody asked for that.
        let mut holders: BTreeSet<KeyId> =
            holders_now(desk.rows(), &name)?.into_iter().map(|row| row.member).collect();
        holders.retain(|member| self.is_for(exchange, &line, member));
        self.whom.append(&mut holders);
        let held = desk.rows().versions(&name)?;
        let kind = held.first().map_or(ActKind::Released, |held| held.kind.clone());
        let release = Release { object: &self.bytes, rules: &line, addressees: &self.whom, lane, kind };
        let released = match exchange.release(desk.rows(), &release) {
            // It was erased, and somebody who could not know of it has brought it since: nobody takes it from this member any more.
            Err(DeedError::Refused(refused)) if refused.rule == Rule::Tombstoned => {
                let withheld = self.whom.into_iter().map(|member| (member, refused.rule.to_string()));
                return Ok(Given { withheld: withheld.collect(), ..Given::default() });
            }
            released => released?,
        };
        desk.apply(released.effects)?;
        let digest = digest_of(&self.bytes);
        for writer in &self.writers {
            desk.put_copies_under(writer, (&self.id, &digest), &self.rules)?;
        }
        let not: BTreeSet<KeyId> = released.withheld.iter().map(|(member, _)| *member).collect();
        let to = self.whom.into_iter().filter(|member| !not.contains(member)).collect();
        Ok(Given { to, withheld: released.withheld.into_iter().collect(), otherwise: false })
    }

    /// Whether the rules let a member have it, now or when what is in the way has passed.
    fn is_for(&self, exchange: &Exchange<'_>, line: &str, member: &KeyId) -> bool {
        let question = exchange.sending(line, &self.bytes, *member);
        exchange.may_give(&question).is_ok() || exchange.judge.hindered(&question).is_some()
    }

    /// What there is to tell when everybody meant has just this, or is refused it: then nothing is done, however often it is
    /// asked.
    fn nothing_new(
        &self,
        exchange: &Exchange<'_>,
        rows: &dyn Rows,
        line: &str,
    ) -> Result<Option<Given>, ExchangeError> {
        let name = ObjectName { author: exchange.me.member, id: self.id.clone() };
        let held = rows.versions(&name)?.into_iter().find(|held| held.version == self.version);
        let Some(held) = held.filter(|held| held.rules == line) else { return Ok(None) };
        let waiting = rows.later(&self.id)?.into_iter().filter(|row| row.version == self.version);
        let waiting: BTreeSet<KeyId> = waiting.map(|row| row.member).collect();
        let mut given = Given::default();
        for member in &self.whom {
            let question = exchange.sending(line, &self.bytes, *member);
            let has = exchange.has_been_given(rows, &held, member)?;
            match exchange.kept_from(rows, &question)? {
                // It keeps what it has while it takes no part, while a definition is awaited, and while its clock is behind.
                None | Some((_, Some(Hindrance::Absent | Hindrance::Marking | Hindrance::Clock(_))))
                    if has =>
                {
                    given.to.insert(*member);
                }
                None => return Ok(None),
                // It is not known yet that it waits for this member.
                Some((_, Some(_))) if !waiting.contains(member) => return Ok(None),
                Some((rule, _)) => drop(given.withheld.insert((*member, rule))),
            }
        }
        Ok(Some(given))
    }
}

/// A version of another member's that is to be passed on.
pub(super) struct Onward {
    pub(super) name: ObjectName,
    pub(super) version: String,
    /// Who is named by itself.
    pub(super) named: BTreeSet<KeyId>,
    /// Who is named through circles alone.
    pub(super) circles: BTreeSet<KeyId>,
}

impl Onward {
    /// Passes it on to all who are named by themselves, and to those of the circles who may have it; fails where one of the first
    /// may not, or nobody may.
    pub(super) fn pass(
        self,
        exchange: &Exchange<'_>,
        desk: &mut dyn ExchangeDesk,
    ) -> Result<Given, ExchangeError> {
        let (mut given, mut first) = (Given::default(), None);
        for (members, by_itself) in [(&self.named, true), (&self.circles, false)] {
            // Its originator has it.
            for member in members.iter().filter(|member| by_itself || **member != self.name.author) {
                match exchange.pass_on(desk.rows(), &self.name, &self.version, *member) {
                    Ok(effects) => {
                        desk.apply(effects)?;
                        given.to.insert(*member);
                    }
                    Err(DeedError::Refused(refused)) if !by_itself => {
                        given.withheld.insert((*member, reason(&refused)));
                        first.get_or_insert(refused);
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        match first {
            Some(refused) if given.to.is_empty() => Err(DeedError::from(refused).into()),
            _ => Ok(given),
        }
    }
}

/// The rule of handling where that decided, else the rule of exchange.
pub(super) fn reason(refused: &Refused) -> String {
    refused.handling.clone().unwrap_or_else(|| refused.rule.to_string())
}

impl Node {
    /// Where an object stands as it was read, and the one who read it may write; and how far that one reaches.
    pub(super) fn hands_of(&self, who: &Principal, object: &StoredObject) -> (Vec<Writer>, Purview) {
        let (standing, mut seen) = (self.standing(), BTreeSet::new());
        let places = object.places.iter().map(|place| place.collection).filter(|no| seen.insert(*no));
        let writers = places.filter_map(|no| handling::may_write(who, no, &standing).ok()).collect();
        (writers, self.purview(who))
    }
}

/// The rules an object stands under here by this member's own word; `None` when it stands by others' words alone.
pub(crate) fn own_word(court: &Court, object: &StoredObject) -> Option<Rules> {
    let all = object.places.iter().map(|place| rules_of(object.tlp, place));
    all.filter(|rules| rules.originator().is_own(Some(court.home()))).reduce(|one, other| one.meet(&other))
}

/// The other members by whose word an object stands here.
pub(crate) fn authors(court: &Court, object: &StoredObject) -> BTreeSet<KeyId> {
    let all = object.places.iter().map(|place| rules_of(object.tlp, place));
    let authors = all.filter_map(|rules| match rules.originator() {
        Originator::Member(member) if *member != court.home() => Some(KeyId::from_bytes(member.0)),
        _ => None,
    });
    authors.collect()
}

/// The version of an object as exchange names it.
pub(super) fn version_of(object: &StoredObject) -> Result<String, ExchangeError> {
    object_version(&object.bytes).map_err(|rule| ExchangeError::Deed(rule.into()))
}

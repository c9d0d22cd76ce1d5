//! Giving an own version to more members: who has it already, whether anything new is said, and by whose word it stands here.
//!
//! A version that stands here by the word of several members is each one's own to call back; what this member gives is its own
//! word and nobody else's. What is another's goes on by that one's consent.

use std::collections::{BTreeMap, BTreeSet};

use base::signing::KeyId;
use bytes::Bytes;
use federation::{
    DeedError, Exchange, Hindrance, HolderRow, Lane, ObjectName, Refused, Release, Rows, Rule, VersionRow,
    holders_now, object_version,
};
use handling::{Addressee, MemberId, Originator, Principal, Rules, Writer};
use ledger::act::ActKind;
use store::{ExchangeDesk, StoredObject};

use super::purview::{GIVEN_OTHERWISE, Purview, digest_of, is_as_said, is_given_otherwise, said};
use super::retention::is_over;
use super::{Court, ExchangeError};
use crate::Node;
use crate::community::circles_in;
use crate::handle::rules_of;

/// An own version to be given to these besides those that have it.
pub(super) struct Gift {
    id: String,
    bytes: Bytes,
    /// The rules under which it goes out.
    rules: Rules,
    /// Whom it is addressed to besides, where it stands.
    more: BTreeSet<Addressee>,
    /// Which members these are.
    whom: BTreeSet<KeyId>,
    /// Where it stands and who gives it may write: what others put in under this id, which the giver may not know of, stays as it is.
    writers: Vec<Writer>,
    /// How far who gives it reaches.
    purview: Purview,
    refusals: Refusals,
}

/// What became of gifts.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// Who has it, or is to have it.
    pub(super) to: BTreeSet<KeyId>,
    /// Who does not get it, and by which rule.
    pub(super) withheld: BTreeSet<(KeyId, String)>,
    /// Who of these is given it when what is in the way has passed.
    pub(super) waits: BTreeSet<KeyId>,
    /// Nobody is given it, for others were given something else under its identifier and date.
    pub(super) otherwise: bool,
    /// It is refused to everybody meant, for good.
    pub(super) refused: bool,
}

impl Gift {
    /// A version as it stands here, under what its giver knows of its rules (`own`), to `more` besides, who are `whom`.
    pub(super) fn of(
        object: &StoredObject,
        (own, more, whom): (&Rules, &BTreeSet<Addressee>, BTreeSet<KeyId>),
        (writers, purview): (Vec<Writer>, Purview),
        refusals: Refusals,
    ) -> Result<Self, ExchangeError> {
        version_of(object)?;
        Ok(Self {
            id: object.id.clone(),
            bytes: object.bytes.clone(),
            rules: own.also_to(more),
            more: more.clone(),
            whom,
            writers,
            purview,
            refusals,
        })
    }

    pub(super) fn give(
        self,
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
        // Whoever has it already is given what is wider in it. Who has it by a consent alone is not given it, and nobody asked for that.
        let kind = desk.rows().versions(&name)?.first().map_or(ActKind::Released, |held| held.kind.clone());
        let rules = self.rules.told_by(home);
        let (bytes, whom, to, refusals) = (&self.bytes, &self.whom, To::AllHolders, self.refusals);
        let offer = Offer { name: &name, bytes, rules: &rules, whom, lane, kind, to, refusals };
        let given = offer.give(exchange, desk)?;
        if !given.refused {
            let digest = digest_of(&self.bytes);
            for writer in &self.writers {
                desk.widen_copies(writer, (&self.id, &digest), (&self.more, &self.rules))?;
            }
        }
        Ok(given)
    }
}

/// Whom a version is offered to besides those it is offered to by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// Whoever has any version of the object, and whom the rules let have this one.
    AllHolders,
    /// Whoever has this very version.
    ItsHolders,
}

/// Whether an act says from whom something is withheld that is refused to everybody it would be new to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusals {
    /// It does: somebody asks for it, or it comes in.
    Noted,
    /// It does not: what is here is only brought again, as often as somebody's list is.
    Told,
}

/// A version that this member gives to members, besides what was given before: by everything that gives.
///
/// Who was given it by another act, and another desk perhaps, goes on having it by that, under what was said then; who is given it twice has it
/// under [`Rules::given_besides`].
pub(super) struct Offer<'a> {
    pub(super) name: &'a ObjectName,
    pub(super) bytes: &'a Bytes,
    /// As they are told.
    pub(super) rules: &'a Rules,
    pub(super) whom: &'a BTreeSet<KeyId>,
    pub(super) lane: Lane,
    pub(super) kind: ActKind,
    pub(super) to: To,
    pub(super) refusals: Refusals,
}

/// What was given of a version before.
struct Before {
    held: Option<VersionRow>,
    givings: Vec<VersionRow>,
    /// For whom it waits.
    waiting: BTreeSet<KeyId>,
}

/// Whom to give a version under which rules, and what is to be told without doing anything.
#[derive(Default)]
struct Sorted {
    by_line: BTreeMap<String, BTreeSet<KeyId>>,
    refused: Vec<(KeyId, String)>,
    given: Given,
}

impl Offer<'_> {
    pub(super) fn give(
        &self,
        exchange: &Exchange<'_>,
        desk: &mut dyn ExchangeDesk,
    ) -> Result<Given, ExchangeError> {
        let line = self.rules.to_string();
        let before = self.before(exchange, desk.rows())?;
        let whom = self.all(exchange, desk.rows(), &before, &line)?;
        let mut sorted = self.sort(exchange, desk.rows(), (&before, &line, whom))?;
        let last = sorted.by_line.remove(&line);
        let is_known = before.givings.iter().any(|giving| giving.rules == line);
        // Who is taken into a circle with its history is given it, also where nobody else is in it now.
        let last =
            last.or_else(|| (circles_in(self.rules).next().is_some() && !is_known).then(BTreeSet::new));
        let Sorted { by_line, refused, mut given } = sorted;
        let is_refused = |member: &KeyId| refused.iter().any(|(one, _)| one == member);
        given.refused = !self.whom.is_empty() && self.whom.iter().all(is_refused);
        if given.refused && self.to == To::AllHolders {
            // That is said, and nothing else: who has it is not told of whom it was meant for.
            if self.refusals == Refusals::Noted {
                desk.apply(exchange.refuse(desk.rows(), self.bytes, &refused)?)?;
            }
            given.withheld.extend(refused);
            return Ok(given);
        }
        let is_new = !by_line.is_empty() || last.is_some();
        for (line, whom) in by_line.into_iter().chain(last.map(|whom| (line, whom))) {
            let (object, rules, lane, kind) = (self.bytes, line.as_str(), self.lane, self.kind.clone());
            let release = Release { object, rules, addressees: &whom, lane, kind };
            let released = match exchange.release(desk.rows(), &release) {
                // It was erased, and somebody who could not know of it has brought it since: nobody takes it from this member any more.
                Err(DeedError::Refused(refused)) if refused.rule == Rule::Tombstoned => {
                    let withheld = self.whom.iter().map(|member| (*member, refused.rule.to_string()));
                    return Ok(Given { withheld: withheld.collect(), refused: true, ..Given::default() });
                }
                released => released?,
            };
            desk.apply(released.effects)?;
            let not: BTreeSet<KeyId> = released.withheld.iter().map(|(member, _)| *member).collect();
            given.to.extend(whom.into_iter().filter(|member| !not.contains(member)));
            // Whom the rules refuse it for good is not among those it is released to.
            given.waits.extend(not);
            given.withheld.extend(released.withheld);
        }
        if !refused.is_empty() {
            // The log of refusals, and nothing else.
            if is_new || self.refusals == Refusals::Noted {
                desk.apply(exchange.refuse(desk.rows(), self.bytes, &refused)?)?;
            }
            given.withheld.extend(refused);
        }
        Ok(given)
    }

    fn before(&self, exchange: &Exchange<'_>, rows: &dyn Rows) -> Result<Before, ExchangeError> {
        let version = object_version(self.bytes).map_err(|rule| ExchangeError::Deed(rule.into()))?;
        let held = rows.versions(self.name)?.into_iter().find(|held| held.version == version);
        let givings = match &held {
            Some(held) => exchange.givings_of(rows, held)?,
            None => Vec::new(),
        };
        let waiting = rows.later(&self.name.id)?.into_iter().filter(|row| row.version == version);
        Ok(Before { held, givings, waiting: waiting.map(|row| row.member).collect() })
    }

    /// Whom it is for: those who are meant, and holders whom the rules let have it.
    fn all(
        &self,
        exchange: &Exchange<'_>,
        rows: &dyn Rows,
        before: &Before,
        line: &str,
    ) -> Result<BTreeSet<KeyId>, ExchangeError> {
        let mut whom = self.whom.clone();
        for holder in holders_now(rows, self.name)? {
            let has = match (&before.held, self.to) {
                (_, To::AllHolders) => !has_let_go(exchange, rows, &holder)?,
                (None, To::ItsHolders) => false,
                (Some(held), To::ItsHolders) => exchange.giving_to(rows, held, &holder.member)?.is_some(),
            };
            let question = exchange.sending(line, self.bytes, holder.member);
            let is_for = exchange.may_give(&question).is_ok() || exchange.judge.hindered(&question).is_some();
            if has && is_for {
                whom.insert(holder.member);
            }
        }
        Ok(whom)
    }

    fn sort(
        &self,
        exchange: &Exchange<'_>,
        rows: &dyn Rows,
        (before, line, whom): (&Before, &str, BTreeSet<KeyId>),
    ) -> Result<Sorted, ExchangeError> {
        let mut sorted = Sorted::default();
        for member in whom {
            let has = match &before.held {
                Some(held) => exchange.giving_to(rows, held, &member)?,
                None => None,
            };
            // What is over, or is not for it any more, it is to let go of.
            let has = has.filter(|giving| {
                !is_over(&giving.rules, exchange.now) && exchange.is_for(giving, self.bytes, member)
            });
            let under = match &has {
                Some(giving) => exchange.judge.given_besides(line, &giving.rules, &member),
                None => line.to_owned(),
            };
            let is_same = match has.filter(|giving| giving.rules == under) {
                Some(giving) => said(rows, &giving)?.is_none_or(|said| is_as_said(&said, self.bytes)),
                None => false,
            };
            let is_meant = self.whom.contains(&member);
            let waits =
                before.waiting.contains(&member) && before.givings.iter().any(|giving| giving.rules == under);
            match exchange.kept_from(rows, &exchange.sending(&under, self.bytes, member))? {
                // It keeps what it has while it takes no part, while a definition is awaited, and while its clock is behind.
                None | Some((_, Some(Hindrance::Absent | Hindrance::Marking | Hindrance::Clock(_))))
                    if is_same =>
                {
                    sorted.given.to.extend(is_meant.then_some(member));
                }
                Some((rule, None)) => sorted.refused.extend(is_meant.then_some((member, rule))),
                Some((rule, Some(_))) if waits => {
                    sorted.given.waits.insert(member);
                    sorted.given.withheld.extend(is_meant.then_some((member, rule)));
                }
                // Also where it is not known yet that it waits for this member.
                _ => drop(sorted.by_line.entry(under).or_default().insert(member)),
            }
        }
        Ok(sorted)
    }
}

/// Whether a holder has let go of every version that it was given, and waits for none: by a narrowing, or with a circle. It is named again
/// by whoever means it.
fn has_let_go(exchange: &Exchange<'_>, rows: &dyn Rows, holder: &HolderRow) -> Result<bool, ExchangeError> {
    let member = &holder.member;
    if rows.later(&holder.name.id)?.iter().any(|row| row.member == *member) {
        return Ok(false);
    }
    let mut answered = false;
    for held in rows.versions(&holder.name)? {
        if exchange.giving_to(rows, &held, member)?.is_some() {
            return Ok(false);
        }
        for sequence in rows.replaced(&held)?.into_iter().chain([held.sequence]) {
            let receipts = rows.receipts(sequence)?;
            answered |= receipts.iter().any(|row| row.member == *member && row.state.is_let_go());
        }
    }
    Ok(answered)
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

/// The rules an object stands under here by this member's own word, as far as who reads it sees: all of those that they see hold for what they give; `None` when it stands by others' words alone.
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

//! One own object is altered, in the step in which the deed is done: narrowed, called back, erased; here, and told to those who have
//! it. Which objects a deed is about is for [`super::deeds`].

use std::collections::BTreeSet;

use base::Micros;
use base::limit::RULES_BYTES_MAX;
use base::signing::KeyId;
use bytes::Bytes;
use federation::{
    Alteration, Exchange, HolderRow, Lane, LaterRow, ObjectName, Release, Rows, VersionRow, first_shared_at,
    holders_now,
};
use handling::{MemberId, Originator, Rules};
use store::{ExchangeDesk, StoreError};

use super::ExchangeError;
use super::purview::{Given, Purview, digests, said};
use crate::narrow::{Changed, Narrowing};

/// Narrows an own object here, and at everybody who has it where that changes anything for them.
pub(super) fn narrow(
    exchange: &Exchange<'_>,
    desk: &mut dyn ExchangeDesk,
    Narrowing { id, places, asked, only, purview }: Narrowing,
    home: MemberId,
) -> Result<Changed, ExchangeError> {
    let name = ObjectName { author: exchange.me.member, id: id.clone() };
    let given = purview.given(desk, &name)?;
    if given == Given::Part {
        return Ok(Changed { besides: true, ..Changed::default() });
    }
    let mut versions = 0_u64;
    for writer in &places {
        versions = versions.saturating_add(desk.narrow(writer, &id, &asked)?);
    }
    if given == Given::Nothing && !purview.administers() {
        return Ok(Changed { versions, ..Changed::default() });
    }
    let (asked, held) = (asked.told_by(home), exchange.givings(desk.rows(), &name)?);
    let all: Vec<Rules> = held.iter().map(rules_of_row).collect();
    let for_all = Some(asked.for_all(&all)).filter(|rules| rules.to_string().len() <= RULES_BYTES_MAX);
    let for_all = for_all.unwrap_or_else(|| asked.for_originator());
    let line = for_all.to_string();
    let ends_consents = only && !held.is_empty() && exchange.ends_any(desk.rows(), &name, &line)?;
    let changes = held.iter().any(|held| exchange.judge.meet(&held.rules, &line) != held.rules);
    let told = changes || ends_consents;
    let leaf = if told {
        let alteration = if only { Alteration::NarrowTo(&line) } else { Alteration::Narrow(&line) };
        let closed = held.iter().zip(&all).filter(|(_, rules)| !asked.is_told_by(&for_all, rules));
        let mut anew = Vec::new();
        for (held, rules) in closed {
            anew.extend(Besides::under(exchange, desk.rows(), (held, asked.over(rules)))?);
        }
        let (sequence, effects) = exchange.alter(desk.rows(), &id, &alteration, "")?;
        desk.apply(effects)?;
        for gift in anew {
            gift.give(exchange, desk)?;
        }
        Some(sequence)
    } else {
        desk.rows().fate(&name)?.narrowed.last().map(|(sequence, _)| *sequence)
    };
    Ok(Changed { versions, leaf, told, besides: false })
}

/// The act by which this was done already, since the object was last given: what is said twice is done once.
fn done_before(
    rows: &dyn Rows,
    name: &ObjectName,
    alteration: &Alteration<'_>,
) -> Result<Option<u64>, ExchangeError> {
    let fate = rows.fate(name)?;
    Ok(match alteration {
        Alteration::Erase => fate.erased,
        Alteration::Recall if rows.versions(name)?.is_empty() => fate.recalled,
        _ => None,
    })
}

/// A recall or an erasure on its way.
pub(super) struct Taking<'a> {
    pub(super) purview: &'a Purview,
    pub(super) alteration: &'a Alteration<'static>,
    pub(super) reason: &'a str,
}

/// Which way a recall or an erasure goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It was done before, by this act.
    Before(u64),
    /// To all who have it.
    Everywhere,
    /// To all who have what its doer knows of; what others gave besides is given anew. Of a recall alone: erased is the whole object.
    Known,
    /// To the copies here that its doer knows of: what became of the object otherwise is not theirs to know or to change.
    Here,
    /// There is nothing to do, as far as its doer knows.
    Nowhere,
}

impl Taking<'_> {
    fn erases(&self) -> bool {
        *self.alteration == Alteration::Erase
    }

    fn way(&self, desk: &dyn ExchangeDesk, name: &ObjectName) -> Result<Way, ExchangeError> {
        let rows = desk.rows();
        if self.purview.administers() {
            let before = done_before(rows, name, self.alteration)?;
            return Ok(before.map_or(Way::Everywhere, Way::Before));
        }
        Ok(match self.purview.given(desk, name)? {
            Given::All => Way::Everywhere,
            Given::Part if self.erases() => return Err(ExchangeError::GivenBesides(name.id.clone())),
            Given::Part => Way::Known,
            Given::Nothing if !self.erases() => Way::Nowhere,
            Given::Nothing if is_unsaid(rows, name)? => Way::Everywhere,
            Given::Nothing => Way::Here,
        })
    }

    /// Whether the redacted view of an object has anything to take back: it was given to somebody, or, for an erasure, is here.
    pub(super) fn concerns(
        &self,
        desk: &mut dyn ExchangeDesk,
        name: &ObjectName,
    ) -> Result<bool, ExchangeError> {
        match self.way(desk, name)? {
            Way::Before(_) | Way::Known => return Ok(true),
            Way::Nowhere => return Ok(false),
            Way::Everywhere if desk.rows().fate(name)?.erased.is_some() => return Ok(false),
            Way::Everywhere if !desk.rows().versions(name)?.is_empty() => return Ok(true),
            Way::Everywhere if !desk.rows().holders(name)?.is_empty() => return Ok(true),
            Way::Everywhere | Way::Here => {}
        }
        Ok(self.erases() && self.take_all(desk, &name.id)? > 0)
    }

    /// Takes one object back: the place of the act, or of that by which it was done before.
    pub(super) fn back(
        &self,
        exchange: &Exchange<'_>,
        desk: &mut dyn ExchangeDesk,
        name: &ObjectName,
    ) -> Result<u64, ExchangeError> {
        let (known, unknown) = self.purview.told_apart(desk, name)?;
        let (given, way) = (digests(desk.rows(), &known)?, self.way(desk, name)?);
        let (sequence, effects) = match way {
            Way::Before(sequence) => (sequence, Vec::new()),
            Way::Everywhere => exchange.alter(desk.rows(), &name.id, self.alteration, self.reason)?,
            Way::Known => {
                let from = holders_of(exchange, desk.rows(), (name, &known, &unknown))?;
                exchange.recall_from(desk.rows(), &name.id, (self.reason, from))?
            }
            Way::Here => exchange.erase_here(desk.rows(), &name.id, self.reason)?,
            Way::Nowhere => return Err(ExchangeError::NeverGiven(name.id.clone())),
        };
        let besides = match way {
            Way::Known => besides(exchange, desk.rows(), &unknown)?,
            _ => Vec::new(),
        };
        desk.apply(effects)?;
        if matches!(way, Way::Everywhere | Way::Known) {
            // Also what somebody here had deleted before.
            desk.destroy_deleted(&name.id, &given)?;
        }
        for gift in besides {
            gift.give(exchange, desk)?;
        }
        if self.erases() {
            // Erased is erased: also versions that nobody else ever had, and what somebody who could not know of it has brought since.
            self.take_all(desk, &name.id)?;
        } else {
            self.purview.take(desk, &name.id, Some(&given))?;
        }
        Ok(sequence)
    }

    /// Destroys every copy of an object that its doer knows of; for who administers the node every one.
    fn take_all(&self, desk: &mut dyn ExchangeDesk, id: &str) -> Result<u64, StoreError> {
        if self.purview.administers() {
            return desk.take_away_every(id, &Originator::Here);
        }
        self.purview.take(desk, id, None)
    }
}

/// Who has an own object, or is to have it, but for those who were given nothing of it but what is unknown to its doer.
fn holders_of(
    exchange: &Exchange<'_>,
    rows: &dyn Rows,
    (name, known, unknown): (&ObjectName, &[VersionRow], &[VersionRow]),
) -> Result<BTreeSet<KeyId>, ExchangeError> {
    let mut holders = BTreeSet::new();
    let given = |versions: &[VersionRow], member: &KeyId| {
        versions.iter().try_fold(false, |given, version| {
            Ok::<_, ExchangeError>(given || exchange.has_ever_been_given(rows, version, member)?)
        })
    };
    for HolderRow { member, .. } in rows.holders(name)? {
        if given(known, &member)? || !given(unknown, &member)? {
            holders.insert(member);
        }
    }
    Ok(holders)
}

/// The rules by which a version was given; the strictest there are where they cannot be read.
fn rules_of_row(held: &VersionRow) -> Rules {
    held.rules.parse().unwrap_or_else(|_| Rules::closed())
}

/// A version that goes on being given although its object is called back, for who called it back knows nothing of it; or although what all
/// are told of a narrowing would take it from who may keep it.
struct Besides {
    bytes: Bytes,
    held: VersionRow,
    whom: BTreeSet<KeyId>,
    /// Since when it is shared.
    shared: Micros,
}

/// What was given besides, to whom, and for whom it waits. What is not kept with its act any more cannot be given.
fn besides(
    exchange: &Exchange<'_>,
    rows: &dyn Rows,
    unknown: &[VersionRow],
) -> Result<Vec<Besides>, ExchangeError> {
    let mut all = Vec::with_capacity(unknown.len());
    for held in unknown {
        for giving in exchange.givings_of(rows, held)? {
            all.push(Besides::of(exchange, rows, giving)?);
        }
    }
    Ok(all)
}

impl Besides {
    /// What one act gave, to those who have it by that or wait for it. Fails where it is not kept with its act any more.
    fn of(exchange: &Exchange<'_>, rows: &dyn Rows, held: VersionRow) -> Result<Self, ExchangeError> {
        let gone = || ExchangeError::GivenBesides(held.name.id.clone());
        let bytes = said(rows, &held)?.ok_or_else(gone)?;
        let mut whom = BTreeSet::new();
        for LaterRow { version, member, .. } in rows.later(&held.name.id)? {
            // Who waits for another giving may sit in a circle that had this one before they came.
            if version == held.version
                && exchange.is_for(&held, &bytes, member)
                && exchange.was_ever_for(rows, &held, &member)?
            {
                whom.insert(member);
            }
        }
        let last = rows.versions(&held.name)?.into_iter().find(|last| last.version == held.version);
        for holder in holders_now(rows, &held.name)? {
            let by = last.as_ref().map(|last| exchange.giving_to(rows, last, &holder.member)).transpose()?;
            if by.flatten().is_some_and(|by| by.sequence == held.sequence) {
                whom.insert(holder.member);
            }
        }
        let givings = last.map(|last| exchange.givings_of(rows, &last)).transpose()?.unwrap_or_default();
        let shared = first_shared_at(exchange, rows, (&held, &givings))?.unwrap_or(exchange.now);
        Ok(Self { bytes, held, whom, shared })
    }

    /// A version that is to be under these rules, for those who have it or wait for it and may have it so. None where it is not kept with its
    /// act any more: then what all are told is for it as well.
    fn under(
        exchange: &Exchange<'_>,
        rows: &dyn Rows,
        (held, rules): (&VersionRow, Rules),
    ) -> Result<Option<Self>, ExchangeError> {
        if said(rows, held)?.is_none() {
            return Ok(None);
        }
        let mut anew = Self::of(exchange, rows, held.clone())?;
        anew.held.rules = rules.to_string();
        anew.whom.retain(|member| exchange.is_for(&anew.held, &anew.bytes, *member));
        Ok(Some(anew))
    }

    /// Gives it anew, after the recall in the same lane, so that no holder is without it between the two.
    fn give(self, exchange: &Exchange<'_>, desk: &mut dyn ExchangeDesk) -> Result<(), ExchangeError> {
        let after = Exchange { now: exchange.now.plus(1), ..*exchange };
        let (rules, kind, lane) = (self.held.rules.as_str(), self.held.kind.clone(), Lane::Flash);
        let release = Release { object: &self.bytes, rules, addressees: &self.whom, lane, kind };
        let released = after.release_again(desk.rows(), &release, self.shared)?;
        Ok(desk.apply(released.effects)?)
    }
}

/// Whether others were never told anything of an own object.
fn is_unsaid(rows: &dyn Rows, name: &ObjectName) -> Result<bool, ExchangeError> {
    Ok(rows.versions(name)?.is_empty() && rows.fate(name)?.is_none() && rows.holders(name)?.is_empty())
}

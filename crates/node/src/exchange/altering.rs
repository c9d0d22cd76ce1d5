//! One own object is altered, in the step in which the deed is done: narrowed, called back, erased; here, and told to those who have
//! it. Which objects a deed is about is for [`super::deeds`].

use federation::{Alteration, Exchange, ObjectName, Rows};
use handling::{MemberId, Originator};
use store::{ExchangeDesk, StoreError};

use super::ExchangeError;
use super::purview::{Given, Purview, digests};
use crate::narrow::{Changed, Narrowing};

/// Narrows an own object here, and at everybody who has it where that changes anything for them.
pub(super) fn narrow(
    exchange: &Exchange<'_>,
    desk: &mut dyn ExchangeDesk,
    Narrowing { id, places, only, purview }: Narrowing,
    home: MemberId,
) -> Result<Changed, ExchangeError> {
    let name = ObjectName { author: exchange.me.member, id: id.clone() };
    let given = purview.given(desk, &name)?;
    if given == Given::Part {
        return Ok(Changed { besides: true, ..Changed::default() });
    }
    let mut versions = 0_u64;
    for (writer, rules) in &places {
        versions = versions.saturating_add(desk.narrow(writer, &id, rules)?);
    }
    if given == Given::Nothing && !purview.administers() {
        return Ok(Changed { versions, ..Changed::default() });
    }
    let told = places.into_iter().map(|(_, rules)| rules.told_by(home));
    let Some(line) = told.reduce(|one, other| one.meet(&other)).map(|told| told.to_string()) else {
        return Ok(Changed::default());
    };
    let held = desk.rows().versions(&name)?;
    let ends_consents = only && !held.is_empty() && exchange.ends_any(desk.rows(), &name, &line)?;
    let changes = held.iter().any(|held| exchange.judge.meet(&held.rules, &line) != held.rules);
    let told = changes || ends_consents;
    let leaf = if told {
        let alteration = if only { Alteration::NarrowTo(&line) } else { Alteration::Narrow(&line) };
        let (sequence, effects) = exchange.alter(desk.rows(), &id, &alteration, "")?;
        desk.apply(effects)?;
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
            Given::Part => return Err(ExchangeError::GivenBesides(name.id.clone())),
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
            Way::Before(_) => return Ok(true),
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
        let (given, way) = (digests(desk.rows(), name)?, self.way(desk, name)?);
        let (sequence, effects) = match way {
            Way::Before(sequence) => (sequence, Vec::new()),
            Way::Everywhere => exchange.alter(desk.rows(), &name.id, self.alteration, self.reason)?,
            Way::Here => exchange.erase_here(desk.rows(), &name.id, self.reason)?,
            Way::Nowhere => return Err(ExchangeError::NeverGiven(name.id.clone())),
        };
        desk.apply(effects)?;
        if way == Way::Everywhere {
            // Also what somebody here had deleted before.
            desk.destroy_deleted(&name.id, &given)?;
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

/// Whether others were never told anything of an own object.
fn is_unsaid(rows: &dyn Rows, name: &ObjectName) -> Result<bool, ExchangeError> {
    Ok(rows.versions(name)?.is_empty() && rows.fate(name)?.is_none() && rows.holders(name)?.is_empty())
}

//! One own object is altered, in the step in which the deed is done: narrowed, called back, erased; here, and told to those who have
//! it. Which objects a deed is about is for [`super::deeds`].

use federation::{Alteration, Exchange, ObjectName, Rows};
use handling::{MemberId, Originator};
use store::ExchangeDesk;

use super::ExchangeError;
use super::carry::Carrier;
use crate::narrow::{Changed, Narrowing};

/// Narrows an own object here, and at everybody who has it where that changes anything for them.
pub(super) fn narrow(
    exchange: &Exchange<'_>,
    desk: &mut dyn ExchangeDesk,
    Narrowing { id, places, only }: Narrowing,
    home: MemberId,
) -> Result<Changed, ExchangeError> {
    let mut versions = 0_u64;
    for (writer, rules) in &places {
        versions = versions.saturating_add(desk.narrow(writer, &id, rules)?);
    }
    let name = ObjectName { author: exchange.me.member, id: id.clone() };
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
    Ok(Changed { versions, leaf, told })
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
    pub(super) carrier: &'a Carrier,
    pub(super) alteration: &'a Alteration<'static>,
    pub(super) reason: &'a str,
}

impl Taking<'_> {
    /// Whether the redacted view of an object has anything to take back: it was given to somebody, or, for an erasure, is here.
    pub(super) fn concerns(
        &self,
        exchange: &Exchange<'_>,
        desk: &mut dyn ExchangeDesk,
        view: &str,
    ) -> Result<bool, ExchangeError> {
        let name = ObjectName { author: exchange.me.member, id: view.to_owned() };
        if done_before(desk.rows(), &name, self.alteration)?.is_some() {
            return Ok(true);
        }
        if desk.rows().fate(&name)?.erased.is_some() {
            return Ok(false);
        }
        if !desk.rows().versions(&name)?.is_empty() || !desk.rows().holders(&name)?.is_empty() {
            return Ok(true);
        }
        Ok(*self.alteration == Alteration::Erase && desk.take_away_every(view, &Originator::Here)? > 0)
    }

    /// Takes one object back: the place of the act, or of that by which it was done before.
    pub(super) fn back(
        &self,
        exchange: &Exchange<'_>,
        desk: &mut dyn ExchangeDesk,
        id: &str,
    ) -> Result<u64, ExchangeError> {
        let name = ObjectName { author: exchange.me.member, id: id.to_owned() };
        let before = done_before(desk.rows(), &name, self.alteration)?;
        let sequence = match before {
            Some(sequence) => sequence,
            None => {
                let (sequence, effects) = exchange.alter(desk.rows(), id, self.alteration, self.reason)?;
                self.carrier.carry(desk, effects)?;
                sequence
            }
        };
        if *self.alteration == Alteration::Erase {
            // Erased is erased: also versions that nobody else ever had, and what somebody who could not know of it has brought since.
            desk.take_away_every(id, &Originator::Here)?;
        }
        Ok(sequence)
    }
}

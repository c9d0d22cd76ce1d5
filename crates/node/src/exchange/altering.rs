//! One own object is altered, in the step in which the deed is done: narrowed, called back, erased; here, and told to those who have
//! it. Which objects a deed is about is for [`super::deeds`].

use federation::{Alteration, Exchange, ObjectName};
use handling::{MemberId, Originator, Rules, Writer};
use store::ExchangeDesk;

use super::ExchangeError;
use super::carry::Carrier;

/// An own object that is to be narrowed.
pub(crate) struct Narrowing {
    pub(crate) id: String,
    /// The rules that hold besides, by the right to which place.
    pub(crate) places: Vec<(Writer, Rules)>,
    /// Whether it is said for whom it is from now on: consents for others end.
    pub(crate) only: bool,
}

impl Narrowing {
    /// Narrows it here, and tells those who have it.
    pub(super) fn tell(
        self,
        exchange: &Exchange<'_>,
        desk: &mut dyn ExchangeDesk,
        home: MemberId,
    ) -> Result<u64, ExchangeError> {
        let mut versions = 0_u64;
        for (writer, rules) in &self.places {
            versions = versions.saturating_add(desk.narrow(writer, &self.id, rules)?);
        }
        let name = ObjectName { author: exchange.me.member, id: self.id };
        let all = self.places.into_iter().map(|(_, rules)| rules.told_by(home));
        if let Some(told) = all.reduce(|one, other| one.meet(&other))
            && !desk.rows().versions(&name)?.is_empty()
        {
            let line = told.to_string();
            let alteration = if self.only { Alteration::NarrowTo(&line) } else { Alteration::Narrow(&line) };
            let (_, effects) = exchange.alter(desk.rows(), &name.id, &alteration, "")?;
            desk.apply(effects)?;
        }
        Ok(versions)
    }
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
        let fate = desk.rows().fate(&name)?;
        if fate.erased.is_some() {
            return Ok(false);
        }
        if !desk.rows().versions(&name)?.is_empty() || !desk.rows().holders(&name)?.is_empty() {
            return Ok(true);
        }
        Ok(*self.alteration == Alteration::Erase && desk.take_away_every(view, &Originator::Here)? > 0)
    }

    /// Takes one object back: the place of the act.
    pub(super) fn back(
        &self,
        exchange: &Exchange<'_>,
        desk: &mut dyn ExchangeDesk,
        id: &str,
    ) -> Result<u64, ExchangeError> {
        let (sequence, effects) = exchange.alter(desk.rows(), id, self.alteration, self.reason)?;
        self.carrier.carry(desk, effects)?;
        if *self.alteration == Alteration::Erase {
            // Erased is erased: also versions that nobody else ever had.
            desk.take_away_every(id, &Originator::Here)?;
        }
        Ok(sequence)
    }
}

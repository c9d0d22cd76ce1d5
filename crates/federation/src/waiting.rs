//! For which of several givings of a version a member waits.
//!
//! A member may wait for what two desks give of the same bytes: it is given first what may go first, and goes on waiting for the other where
//! that reaches more of its people ([`crate::Judge::given_besides`]).
//!
//! Invariant: a giving neither ends the wait for another nor puts it off.

use std::collections::BTreeMap;

use base::Micros;
use base::limit::{EARLY_AGAIN_SECONDS, GIVINGS_AT_ONCE_MAX};
use base::signing::KeyId;

use crate::Exchange;
use crate::content::Content;
use crate::later::{Hindrance, Put, shared_at};
use crate::port::{Read, Rows};
use crate::rows::{Effect, LaterRow, ReceiptRow, ReceiptState, VersionRow};

/// What a member that waits for a version is to be given next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// Which of the givings.
    pub(crate) at: usize,
    /// The line under which it has it then: that of the giving, or what it comes to with what it has.
    pub(crate) under: String,
    /// Whether it was given a later act since, so that the giving's own act says nothing to it any more.
    pub(crate) anew: bool,
    /// What keeps it from it until then.
    pub(crate) by: Option<Hindrance>,
    /// For what it goes on waiting when it has that.
    pub(crate) rest: Option<Rest>,
}

/// What a member goes on waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rest {
    /// What keeps it from it; `None` where nothing does and it is next.
    by: Option<Hindrance>,
}

impl Rest {
    /// The row, waiting for this from now on; gone where nothing is left.
    pub(crate) fn of(rest: Option<Self>, row: &LaterRow, now: Micros) -> Effect {
        match rest {
            None => row.over(),
            Some(Self { by: Some(by) }) => Effect::Later(row.because(by)),
            Some(Self { by: None }) => {
                Effect::Later(LaterRow { rule: LaterRow::BESIDES.to_owned(), look: now, ..row.clone() })
            }
        }
    }
}

/// How often members go on waiting for what is due at once, in one go of giving what waits: that this ends is a law of handling, and is not
/// relied upon.
#[derive(Clone, Debug, Default)]
pub struct Looks(BTreeMap<(String, String, KeyId), u32>);

impl Looks {
    /// What a look at a version came to, but for who would be looked at again at once for the [`GIVINGS_AT_ONCE_MAX`]th time, or of whom nothing
    /// came: that is put off by some hours, and told.
    pub fn bound(&mut self, put: &Put, effects: &mut Vec<Effect>, now: Micros) -> Vec<LaterRow> {
        let again: Vec<LaterRow> = match effects.is_empty() {
            true => put.rows.clone(),
            false => {
                let due = |effect: &Effect| match effect {
                    Effect::Later(row) if row.look <= now => Some(row.clone()),
                    _ => None,
                };
                effects.iter().filter_map(due).collect()
            }
        };
        let mut put_off = Vec::new();
        for row in again {
            let looks = self.0.entry((row.object.clone(), row.version.clone(), row.member)).or_default();
            *looks = looks.saturating_add(1);
            if *looks >= GIVINGS_AT_ONCE_MAX {
                put_off.push(LaterRow { look: now.plus(EARLY_AGAIN_SECONDS * Micros::SECOND), ..row });
            }
        }
        effects.extend(put_off.iter().cloned().map(Effect::Later));
        put_off
    }
}

/// A giving that says something to a member that it does not have.
struct Open {
    at: usize,
    under: String,
    by: Option<Hindrance>,
}

impl Open {
    /// What may go at once is first.
    fn goes_at(&self) -> Micros {
        self.by.map_or(Micros(i64::MIN), Hindrance::look)
    }
}

impl Exchange<'_> {
    /// What a member is to be given next of the givings of a version, the latest first: of those that it does not have, and that say anything to
    /// it besides what it has, the one that may go soonest. `None` where there is none.
    pub(crate) fn next_for(
        &self,
        rows: &dyn Rows,
        givings: &[VersionRow],
        member: &KeyId,
    ) -> Read<Option<Next>> {
        let has = self.had_by(rows, givings, member)?;
        let mut open = self.open_to(rows, (givings, has.map(|giving| giving.rules.as_str())), member)?;
        open.retain(|one| {
            has.is_none_or(|has| givings.get(one.at).is_some_and(|it| it.sequence != has.sequence))
        });
        let Some(first) = open.iter().min_by_key(|one| one.goes_at()) else { return Ok(None) };
        let (at, under, by) = (first.at, first.under.clone(), first.by);
        let left: Vec<VersionRow> =
            open.iter().filter(|one| one.at != at).filter_map(|one| givings.get(one.at).cloned()).collect();
        let rest = self.left_for(rows, (&left, Some(&under)), member)?;
        let act = givings.get(at).map_or(0, |giving| giving.sequence);
        let anew = self.was_given_after(rows, givings, (act, member))?;
        Ok(Some(Next { at, under, anew, by, rest }))
    }

    /// For which of these givings a member goes on waiting that has the version under a line of rules, or does not have it: the one that may
    /// go soonest.
    pub(crate) fn left_for(
        &self,
        rows: &dyn Rows,
        (givings, has): (&[VersionRow], Option<&str>),
        member: &KeyId,
    ) -> Read<Option<Rest>> {
        let open = self.open_to(rows, (givings, has), member)?;
        Ok(open.into_iter().min_by_key(Open::goes_at).map(|one| Rest { by: one.by }))
    }

    /// Those of these givings that say to a member anything besides the line under which it has the version, now or when what is in the way
    /// has passed.
    fn open_to(
        &self,
        rows: &dyn Rows,
        (givings, has): (&[VersionRow], Option<&str>),
        member: &KeyId,
    ) -> Read<Vec<Open>> {
        let mut open = Vec::new();
        for (at, giving) in givings.iter().enumerate() {
            let under = match has {
                Some(has) => self.judge.given_besides(&giving.rules, has, member),
                None => giving.rules.clone(),
            };
            if has.is_some_and(|has| has == under) || !self.was_ever_for(rows, giving, member)? {
                continue;
            }
            let Some(payload) = rows.payload(&giving.name.author, giving.sequence)? else { continue };
            let Ok(content) = Content::parse(&payload.bytes) else { continue };
            match self.kept_from(rows, &self.sending(&under, content.object, *member))? {
                Some((_, None)) => {}
                Some((_, by)) => open.push(Open { at, under, by }),
                None => open.push(Open { at, under, by: None }),
            }
        }
        Ok(open)
    }

    /// Whether a giving was ever for a member: by name, by circles that it is in with what was shared then, or since it was sent to it. Who has
    /// come to a circle since is given what was shared before by the word of the circle's owner alone. A suspension takes no place.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn was_ever_for(&self, rows: &dyn Rows, giving: &VersionRow, member: &KeyId) -> Read<bool> {
        if self.judge.reaches_by_name(&giving.rules, member) {
            return Ok(true);
        }
        let shared = shared_at(rows, (giving.name.author, giving.sequence))?.unwrap_or_default();
        let mut circles = self.judge.seated(&giving.rules, shared, self.now).into_values();
        Ok(circles.any(|seated| seated.contains(member))
            || rows.receipts(giving.sequence)?.iter().any(|row| row.member == *member))
    }

    /// The giving by which a member has a version and may keep it. What was narrowed since it may have dropped for a time, and what it has by
    /// an act of which nothing is kept is to be said to it anew: then there is none.
    fn had_by<'g>(
        &self,
        rows: &dyn Rows,
        givings: &'g [VersionRow],
        member: &KeyId,
    ) -> Read<Option<&'g VersionRow>> {
        let Some(held) = givings.first() else { return Ok(None) };
        let Some(ReceiptRow { sequence, .. }) = has_by(rows, held, member)? else { return Ok(None) };
        let Some(giving) = givings.iter().find(|giving| giving.sequence == sequence) else {
            return Ok(None);
        };
        if rows.fate(&held.name)?.narrowed.iter().any(|(at, _)| *at > sequence) || self.is_past(giving) {
            return Ok(None);
        }
        let payload = rows.payload(&giving.name.author, sequence)?;
        let content = payload.as_ref().and_then(|payload| Content::parse(&payload.bytes).ok());
        let keeps = content.is_some_and(|content| self.is_for(giving, content.object, *member));
        Ok(keeps.then_some(giving))
    }

    /// Whether a member was given a version by an act behind this one.
    fn was_given_after(
        &self,
        rows: &dyn Rows,
        givings: &[VersionRow],
        (act, member): (u64, &KeyId),
    ) -> Read<bool> {
        let Some(held) = givings.first() else { return Ok(false) };
        for later in acts_of(rows, held)?.into_iter().filter(|sequence| *sequence > act) {
            if rows.receipts(later)?.iter().any(|row| row.member == *member) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The receipt of a member for the act by which it has a version, or by which that is on its way there; `None` where it was not given it, or
/// has let go. A word that it said later counts for what earlier acts gave as well: who let go of a version has it by none of them,
/// until it is given it again.
///
/// # Errors
/// The store did not answer.
pub fn has_by(rows: &dyn Rows, held: &VersionRow, member: &KeyId) -> Read<Option<ReceiptRow>> {
    let mut let_go = None;
    for sequence in acts_of(rows, held)?.into_iter().rev() {
        let Some(row) = rows.receipts(sequence)?.into_iter().find(|row| row.member == *member) else {
            continue;
        };
        match row.state {
            ReceiptState::Done { receipt, .. } if row.state.is_let_go() => {
                let_go = let_go.max(Some(receipt));
            }
            ReceiptState::Done { receipt, .. } if let_go >= Some(receipt) => {}
            _ if !row.state.is_given() => {}
            _ => return Ok(Some(row)),
        }
    }
    Ok(None)
}

/// The acts that gave a version, that by which it is held among them, the earliest first.
pub(crate) fn acts_of(rows: &dyn Rows, held: &VersionRow) -> Read<Vec<u64>> {
    let mut acts = rows.replaced(held)?;
    acts.push(held.sequence);
    acts.sort_unstable();
    acts.dedup();
    Ok(acts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Lane;

    fn row(look: i64) -> LaterRow {
        LaterRow {
            object: "indicator--1".to_owned(),
            version: "1".to_owned(),
            member: KeyId::from_bytes([2; 32]),
            lane: Lane::Routine,
            rule: LaterRow::BESIDES.to_owned(),
            since: Micros(0),
            look: Micros(look),
        }
    }

    /// Who is due again at once, again and again, is put off; who goes on waiting for a moment, or no more, is not.
    #[test]
    fn what_never_comes_to_rest_is_put_off() {
        let (now, put) =
            (Micros(7), Put { object: "indicator--1".into(), version: "1".into(), rows: vec![row(0)] });
        for (come_of_it, ends) in [
            (vec![Effect::Later(row(7))], true),
            (vec![], true),
            (vec![Effect::Later(row(8))], false),
            (vec![row(0).over()], false),
        ] {
            let mut looks = Looks::default();
            for times in 1..=GIVINGS_AT_ONCE_MAX {
                let mut effects = come_of_it.clone();
                let told = looks.bound(&put, &mut effects, now);
                let off = ends && times == GIVINGS_AT_ONCE_MAX;
                assert_eq!(told.len(), usize::from(off), "{come_of_it:?} {times}");
                let last = effects.pop();
                let later = matches!(&last, Some(Effect::Later(row)) if row.look > now.plus(Micros::SECOND));
                assert_eq!(later, off, "{last:?}");
            }
        }
    }
}

//! The givings of an own version: of one version several acts may count, each for those it was given to, under its own rules.
//!
//! What this member's people give of the same version to others is given besides, and takes nothing from who has it by an earlier act. The act
//! that gave it last holds the version ([`VersionRow`]); an earlier one goes on beside it for as long as somebody has it by
//! that, or waits for it, and is answered here as a row of its own, under what it said, what was narrowed since, and what marking definitions
//! ask that it awaited and that have come.

use std::collections::BTreeSet;

use base::signing::KeyId;

use crate::change::{drop_version, rules_now};
use crate::content::Content;
use crate::deeds::Release;
use crate::port::{Deed, Question, Read, Rows};
use crate::rows::{ActRow, Effect, HolderRow, LaterRow, ObjectName, ReceiptRow, ReceiptState, VersionRow};
use crate::waiting::{acts_of, has_by};
use crate::{Exchange, Lane};

/// Handling's code for what is past its end of retention.
const RETENTION: &str = "retention";

impl Exchange<'_> {
    /// Every giving of an own object that counts, the last one of each version first; of another member's its versions.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn givings(&self, rows: &dyn Rows, name: &ObjectName) -> Read<Vec<VersionRow>> {
        let mut all = Vec::new();
        for held in rows.versions(name)? {
            all.extend(self.givings_of(rows, &held)?);
        }
        Ok(all)
    }

    /// Every giving of a version that counts: that by which it is held, then those beside it, the latest first.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn givings_of(&self, rows: &dyn Rows, held: &VersionRow) -> Read<Vec<VersionRow>> {
        let mut all = vec![held.clone()];
        if held.name.author != self.me.member {
            return Ok(all);
        }
        let mut before = rows.replaced(held)?;
        before.retain(|sequence| *sequence != held.sequence);
        if before.is_empty() {
            return Ok(all);
        }
        let fate = rows.fate(&held.name)?;
        for sequence in before.into_iter().rev().filter(|sequence| !fate.voids(*sequence)) {
            // Of an act that everybody was given anew after nothing is kept.
            let Some(payload) = rows.payload(&held.name.author, sequence)? else { continue };
            let Ok(content) = Content::parse(&payload.bytes) else { continue };
            let digest = content.object_salt.unwrap_or(payload.salt).commit(content.object);
            let rules = rows.settled(&held.name.id, rules_now(self, &fate, sequence, content.rules))?;
            all.push(VersionRow { sequence, digest, rules, ..held.clone() });
        }
        Ok(all)
    }

    /// The giving by which a member has an own version, or by which it is on its way there; `None` where it was not given it, or has let go.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn giving_to(&self, rows: &dyn Rows, held: &VersionRow, member: &KeyId) -> Read<Option<VersionRow>> {
        let Some(ReceiptRow { sequence, .. }) = has_by(rows, held, member)? else { return Ok(None) };
        let mut all = self.givings_of(rows, held)?;
        let at = all.iter().position(|giving| giving.sequence == sequence).unwrap_or_default();
        Ok(Some(all.swap_remove(at)))
    }

    /// The giving of an own version that an act is, where it counts.
    pub(crate) fn giving_by(&self, rows: &dyn Rows, act: &ActRow) -> Read<Option<VersionRow>> {
        let Some(name) = &act.object else { return Ok(None) };
        for held in rows.versions(name)? {
            if held.sequence == act.sequence {
                return Ok(Some(held));
            }
            if act.author == self.me.member && rows.replaced(&held)?.contains(&act.sequence) {
                let mut all = self.givings_of(rows, &held)?.into_iter();
                return Ok(all.find(|giving| giving.sequence == act.sequence));
            }
        }
        Ok(None)
    }

    /// Whether what a giving gave is past its end of retention, by which everybody destroys it.
    pub(crate) fn is_past(&self, giving: &VersionRow) -> bool {
        let question = self.sending(&giving.rules, b"{}", self.me.member);
        let verdict = self.judge.decide(&Question { deed: Deed::Keep, ..question });
        verdict.is_err_and(|rule| rule == RETENTION)
    }

    /// Whether a giving goes on beside one that takes its place: somebody has it by that and is not given it anew, or waits for it; or it
    /// was said of somebody of whom the new one says nothing, who may come yet.
    pub(crate) fn stays_beside(
        &self,
        rows: &dyn Rows,
        giving: &VersionRow,
        (release, allowed): (&Release<'_>, &BTreeSet<KeyId>),
    ) -> Read<bool> {
        if self.judge.meet(&giving.rules, release.rules) != giving.rules {
            return Ok(true);
        }
        let mut waits = rows.later(&giving.name.id)?.into_iter();
        if waits.any(|row| row.version == giving.version && !release.addressees.contains(&row.member)) {
            return Ok(true);
        }
        let holders = rows.holders(&giving.name)?;
        let by_consent = |member: &KeyId| {
            holders.iter().any(|row| row.member == *member && row.ground == HolderRow::CONSENT)
        };
        Ok(rows
            .receipts(giving.sequence)?
            .iter()
            .any(|row| row.state.is_given() && !allowed.contains(&row.member) && !by_consent(&row.member)))
    }

    /// Who had a version by a giving that is over destroys it, whatever it was given before: that is noted, and what it was given before and is
    /// not over is given to it again.
    pub(crate) fn had_by_ended(&self, rows: &dyn Rows, held: &VersionRow, gone: &[u64]) -> Read<Vec<Effect>> {
        let mut receipts: Vec<ReceiptRow> = Vec::new();
        for sequence in acts_of(rows, held)? {
            receipts.extend(rows.receipts(sequence)?.into_iter().filter(|row| row.state.is_given()));
        }
        let (waits, mut effects) = (rows.later(&held.name.id)?, Vec::new());
        for last in receipts.iter().filter(|row| gone.contains(&row.sequence)) {
            let of_it = || receipts.iter().filter(|row| row.member == last.member);
            // What has not come to it yet it does not destroy.
            if last.state == ReceiptState::Pending || of_it().any(|row| row.sequence > last.sequence) {
                continue;
            }
            let before: Vec<&ReceiptRow> = of_it().filter(|row| !gone.contains(&row.sequence)).collect();
            for row in &before {
                if let ReceiptState::Done { receipt, .. } = row.state {
                    let state = ReceiptState::Done { receipt, outcome: ReceiptState::LET_GO.to_owned() };
                    effects.push(Effect::Receipt(ReceiptRow { state, ..(*row).clone() }));
                }
            }
            if before.is_empty() {
                continue;
            }
            let row = LaterRow {
                object: held.name.id.clone(),
                version: held.version.clone(),
                member: last.member,
                lane: Lane::Routine,
                rule: LaterRow::BESIDES.to_owned(),
                since: self.now,
                look: self.now,
            };
            let waiting = waits.iter().find(|one| one.version == row.version && one.member == row.member);
            effects.push(Effect::Later(row.besides(waiting)));
        }
        Ok(effects)
    }

    /// What the end of the time of some givings of a version brings about, told by their rules: where that by which it is held is over and
    /// another is not, it is held by the latest of these from then on.
    pub(crate) fn ended_givings(
        &self,
        rows: &dyn Rows,
        held: &VersionRow,
        over: impl Fn(&str) -> bool,
    ) -> Read<Vec<Effect>> {
        let givings = self.givings_of(rows, held)?;
        let mut left = givings.iter().filter(|giving| !over(&giving.rules));
        // Those of another member are one.
        let Some(next) = left.next() else { return Ok(drop_version(held)) };
        let mut gone: Vec<u64> =
            givings.iter().filter(|giving| over(&giving.rules)).map(|one| one.sequence).collect();
        let mut effects = self.had_by_ended(rows, held, &gone)?;
        if next.sequence != held.sequence {
            // In this order, for what stands beside the giving that holds a version goes with its payload.
            effects.push(Effect::Version(next.clone()));
            effects.push(Effect::DropPayload { author: held.name.author, sequence: held.sequence });
            gone.retain(|sequence| *sequence != held.sequence);
            // Whoever was given it by these was given it anew, and has it by that.
            let known = |sequence: &u64| givings.iter().any(|giving| giving.sequence == *sequence);
            gone.extend(rows.replaced(held)?.into_iter().filter(|sequence| !known(sequence)));
        }
        effects.extend(gone.into_iter().map(|sequence| Effect::BesidesOver {
            name: held.name.clone(),
            version: held.version.clone(),
            sequence,
        }));
        Ok(effects)
    }
}

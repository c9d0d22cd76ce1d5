//! Who is taken out of a circle lets go of what it has by that circle alone, and says so; who is taken in again gets it again.
//!
//! Rules name a circle, and who is in it changes. A node that learns that its own member is in one no more asks handling anew about
//! every version of others that it holds ([`Exchange::left_behind`]), and drops what nothing else lets it have
//! ([`Exchange::let_go`]): each version leaves an act of its own, and each originator gets one receipt, by which nothing of these acts is
//! here any more ([`Outcome::Empty`], as of an act that came without content). A later answer of a member to an act takes the place of
//! an earlier one, by its place in that member's ledger.
//!
//! Invariant: what is dropped is asked about again in the step that drops it, and an originator's own versions are never asked about.

use std::collections::{BTreeMap, BTreeSet};

use base::Micros;
use base::limit::OWN_VERSIONS_PAGE;
use base::signing::KeyId;
use ledger::act::ActKind;

use crate::change;
use crate::content::{Change, Content, Outcome, ReceiptLine, write_document};
use crate::draft::{DeedError, Draft, NewAct, Salts};
use crate::envelope::statement;
use crate::later::shared_at;
use crate::port::{Consented, Deed, Question, Read, Rows};
use crate::rows::{ActRow, Effect, Lane, LaterRow, ObjectName, ReceiptRow, ReceiptState, VersionRow};
use crate::{Exchange, Hindrance};

/// What a look through the versions of others came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftBehind {
    /// Versions that this member may have no more, since it left circles.
    pub versions: Vec<VersionRow>,
    /// Object and version of the last one looked at; `None` when that was all.
    pub last: Option<(ObjectName, String)>,
}

impl Exchange<'_> {
    /// Looks through the versions of others that are held here, behind one, for those that only circles let this member have which it is in
    /// no more.
    ///
    /// # Errors
    /// The store did not answer.
    ///
    /// # Limits
    /// [`OWN_VERSIONS_PAGE`] versions a look.
    pub fn left_behind(&self, rows: &dyn Rows, after: Option<(ObjectName, String)>) -> Read<LeftBehind> {
        let page = rows.others_versions(after, OWN_VERSIONS_PAGE)?;
        let last = page.last().filter(|_| page.len() == OWN_VERSIONS_PAGE);
        let last = last.map(|held| (held.name.clone(), held.version.clone()));
        let mut versions = Vec::new();
        for held in page {
            if self.has_left(rows, &held, self.me.member)? {
                versions.push(held);
            }
        }
        Ok(LeftBehind { versions, last })
    }

    /// Lets go of versions that were left behind, as far as they still are: each leaves its act here, and their originators are told.
    ///
    /// # Errors
    /// Those of [`DeedError`].
    pub fn let_go(&self, rows: &dyn Rows, versions: &[VersionRow]) -> Result<Vec<Effect>, DeedError> {
        let mut draft = Draft::begin(self, rows)?;
        let mut told: BTreeMap<(KeyId, Lane), Vec<ReceiptLine>> = BTreeMap::new();
        for held in versions {
            let stands = rows.versions(&held.name)?.contains(held);
            if !stands || !self.has_left(rows, held, self.me.member)? {
                continue;
            }
            draft.extend(change::drop_version(held));
            self.note_left(&mut draft, held)?;
            if let Some(act) = rows.act(&held.name.author, held.sequence)? {
                let line = ReceiptLine { sequence: act.sequence, leaf: act.leaf, outcome: Outcome::Empty };
                told.entry((act.author, Lane::Routine)).or_default().push(line);
            }
        }
        self.answer(&mut draft, told)?;
        Ok(draft.finish())
    }

    fn note_left(&self, draft: &mut Draft<'_>, held: &VersionRow) -> Result<(), DeedError> {
        let name = &held.name;
        let document =
            write_document(&Change { originator: name.author, reason: String::new(), only: false });
        let content = Content { document: &document, ..Content::default() };
        let version = Some(held.version.as_str()).filter(|version| !version.is_empty());
        draft.append(&NewAct {
            kind: ActKind::CircleLeft,
            object: Some((&name.id, version)),
            content,
            addressees: &BTreeSet::new(),
            salts: Salts::Own,
        })?;
        Ok(())
    }

    /// Whether a member may not have a version any more because circles that let it have it are known to have taken it out, and for
    /// nothing else: what is its own, was addressed to it otherwise, or has come to it by a consent that counts, is not left behind.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn has_left(&self, rows: &dyn Rows, held: &VersionRow, member: KeyId) -> Read<bool> {
        let question = Question {
            deed: Deed::Keep,
            originator: held.name.author,
            recipient: member,
            rules: &held.rules,
            // What the object itself asks has not changed since it came.
            object: b"{}",
            consent: Consented::No,
            now: self.now,
        };
        Ok(member != held.name.author
            && self.judge.left(&question)
            && !self.has_consent(rows, held, member)?)
    }

    /// Whether a member has a version by a consent, or may be given it by one that is known here and counts.
    fn has_consent(&self, rows: &dyn Rows, held: &VersionRow, member: KeyId) -> Read<bool> {
        if held.by.is_some() && member == self.me.member {
            return Ok(true);
        }
        for row in rows.consents(&held.name)? {
            let is_for = row.to == member && row.digest == held.digest && row.until > self.now;
            let Some(token) = is_for.then(|| statement(row.signed.as_bytes()).ok()).flatten() else {
                continue;
            };
            if self.ended(rows, &held.name, std::slice::from_ref(&token))?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The narrowing, by its place, by which a member had to let go of an own version that the act at `given` gave it; `None` where it may
    /// keep that, or will be given it again. What was given to others since plays no part. A member that takes no part at present is asked
    /// about as if it did.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn let_go_by(
        &self,
        rows: &dyn Rows,
        (held, given): (&VersionRow, u64),
        member: KeyId,
    ) -> Read<Option<u64>> {
        let mut narrowed = rows.fate(&held.name)?.narrowed;
        narrowed.retain(|(at, _)| *at > given);
        let Some((last, _)) = narrowed.last() else { return Ok(None) };
        let Some(payload) = rows.payload(&held.name.author, held.sequence)? else { return Ok(None) };
        let Ok(content) = Content::parse(&payload.bytes) else { return Ok(None) };
        let keeps = |rules: &str, consent| {
            let sending = self.sending(rules, content.object, member);
            let question = Question { deed: Deed::Keep, consent, ..sending };
            self.judge.decide(&question).is_ok() || self.judge.hindered(&question).is_some()
        };
        let consent = if self.has_consent(rows, held, member)? { Consented::Yes } else { Consented::No };
        let since = self.since(held, (given, &narrowed), content.rules);
        let (first, rules) = (since.first(), since.last());
        let (Some((_, first)), Some((_, rules))) = (first, rules) else { return Ok(None) };
        if keeps(rules, consent) {
            return Ok(None);
        }
        // What it had by a consent alone it keeps until it is said for whom it is, which the last of them does or one before.
        if given == held.sequence && !keeps(first, consent) {
            return Ok(Some(*last));
        }
        let first = since.iter().find(|(_, rules)| !keeps(rules, consent));
        Ok(Some(first.map_or(*last, |(at, _)| *at)))
    }

    /// The rules that what an act gave is under, from that act on and after each of these narrowings: place, and rules. Of an act that another
    /// has followed they are what was narrowed since, for its own rules are not kept: who was given it had it by them.
    fn since(
        &self,
        held: &VersionRow,
        (given, narrowed): (u64, &[(u64, String)]),
        said: &str,
    ) -> Vec<(u64, String)> {
        let mut all: Vec<(u64, String)> = Vec::new();
        if given == held.sequence {
            all.push((given, said.to_owned()));
        }
        for (at, by) in narrowed {
            let rules = all.last().map_or_else(|| by.clone(), |(_, held)| self.judge.meet(held, by));
            all.push((*at, rules));
        }
        all
    }

    /// What a member's receipt for a narrowing says besides: that it has nothing more of what it was given before and may not keep. It is noted
    /// when the receipt comes, for nobody knows later who was in a circle then. `at`: when it signed, by its clock.
    pub(crate) fn signed_for_narrowing(
        &self,
        rows: &dyn Rows,
        act: &ActRow,
        (member, receipt, at): (KeyId, u64, Micros),
    ) -> Read<Vec<Effect>> {
        let Some(name) = act.object.as_ref().filter(|_| act.kind == ActKind::MarkingChanged) else {
            return Ok(Vec::new());
        };
        let (mut effects, mut narrowed) = (Vec::new(), rows.fate(name)?.narrowed);
        narrowed.retain(|(place, _)| *place <= act.sequence);
        for held in rows.versions(name)? {
            let givings = self.givings_of(rows, &held)?;
            for given in std::iter::once(held.sequence).chain(rows.replaced(&held)?) {
                let giving = givings.iter().find(|one| one.sequence == given).unwrap_or(&held);
                let row = rows.receipts(given)?.into_iter().find(|row| row.member == member);
                let Some(row) = row.filter(|row| given < act.sequence && row.state.is_given()) else {
                    continue;
                };
                if matches!(row.state, ReceiptState::Done { receipt: last, .. } if last > receipt) {
                    continue;
                }
                let since: Vec<_> = narrowed.iter().filter(|(at, _)| *at > given).cloned().collect();
                if self.keeps_since(rows, (giving, given), (member, at), &since)? {
                    continue;
                }
                let outcome = ReceiptState::NARROWED.to_owned();
                // That it had received it is proven by its own receipt, which stays the one that is named.
                let receipt =
                    if let ReceiptState::Done { receipt, .. } = row.state { receipt } else { receipt };
                effects.push(Effect::Receipt(ReceiptRow {
                    state: ReceiptState::Done { receipt, outcome },
                    ..row
                }));
            }
        }
        Ok(effects)
    }

    /// Whether a member kept what an act gave it when it did what these narrowings ask, at a moment.
    fn keeps_since(
        &self,
        rows: &dyn Rows,
        (held, given): (&VersionRow, u64),
        (member, at): (KeyId, Micros),
        narrowed: &[(u64, String)],
    ) -> Read<bool> {
        let Some(payload) = rows.payload(&held.name.author, held.sequence)? else { return Ok(true) };
        let Ok(content) = Content::parse(&payload.bytes) else { return Ok(true) };
        let since = self.since(held, (given, narrowed), content.rules);
        let Some((_, rules)) = since.last() else { return Ok(true) };
        let consent = if self.has_consent(rows, held, member)? { Consented::Yes } else { Consented::No };
        let sending = self.sending(rules, content.object, member);
        let question = Question { deed: Deed::Keep, consent, now: at, ..sending };
        let passes = matches!(self.judge.hindered(&question), Some(Hindrance::Absent | Hindrance::Marking));
        Ok(self.judge.decide(&question).is_ok() || passes || self.judge.might(&question))
    }

    /// Notes that a version is to be given again to a member that says it has nothing of what an act gave, or that it is not meant: a
    /// circle has taken it in with what was shared then, which it knew too late, or with what another act gave beside that one. Nothing where
    /// none has, where the version is held no more by that act, or it waits already.
    pub(crate) fn give_again(
        &self,
        rows: &dyn Rows,
        (act, member): (&ActRow, KeyId),
        look: Micros,
    ) -> Read<Option<Effect>> {
        let Some((held, _)) = self.brought(rows, act)? else { return Ok(None) };
        let mut waits = rows.later(&held.name.id)?.into_iter();
        if waits.any(|row| row.version == held.version && row.member == member) {
            return Ok(None);
        }
        let mut is_in = self.is_taken_in(rows, &held, member)?;
        let last = rows.versions(&held.name)?.into_iter().find(|last| last.version == held.version);
        for giving in last.map(|last| self.givings_of(rows, &last)).transpose()?.unwrap_or_default() {
            is_in = is_in || self.is_taken_in(rows, &giving, member)?;
        }
        if !is_in {
            return Ok(None);
        }
        Ok(Some(Effect::Later(LaterRow {
            object: held.name.id,
            version: held.version,
            member,
            lane: Lane::Routine,
            rule: LaterRow::CIRCLE_HISTORY.to_owned(),
            since: self.now,
            look,
        })))
    }

    /// Whether circles that a giving names have taken a member in with what was shared when that was.
    fn is_taken_in(&self, rows: &dyn Rows, giving: &VersionRow, member: KeyId) -> Read<bool> {
        let shared = shared_at(rows, (giving.name.author, giving.sequence))?.unwrap_or_default();
        let mut circles = self.judge.taken_in(&giving.rules, shared, self.now).into_values();
        Ok(circles.any(|seated| seated.contains(&member)))
    }
}

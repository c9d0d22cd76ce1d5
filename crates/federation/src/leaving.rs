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

use crate::Exchange;
use crate::change;
use crate::content::{Change, Content, Outcome, ReceiptLine, write_document};
use crate::draft::{DeedError, Draft, NewAct, Salts};
use crate::envelope::statement;
use crate::later::{brought, said_at};
use crate::port::{Consented, Deed, Question, Read, Rows};
use crate::rows::{ActRow, Effect, Lane, LaterRow, ObjectName, VersionRow};

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

    /// The narrowing, by its place, by which a member had to let go of an own version that it was given; `None` where it may keep that, or
    /// will be given it again. A member that takes no part at present is asked about as if it did.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn let_go_by(&self, rows: &dyn Rows, held: &VersionRow, member: KeyId) -> Read<Option<u64>> {
        let mut narrowed = rows.fate(&held.name)?.narrowed;
        narrowed.retain(|(at, _)| *at > held.sequence);
        let Some((last, _)) = narrowed.last() else { return Ok(None) };
        let Some(payload) = rows.payload(&held.name.author, held.sequence)? else { return Ok(None) };
        let Ok(content) = Content::parse(&payload.bytes) else { return Ok(None) };
        let keeps = |rules: &str, consent| {
            let sending = self.sending(rules, content.object, member);
            let question = Question { deed: Deed::Keep, consent, ..sending };
            self.judge.decide(&question).is_ok() || self.judge.hindered(&question).is_some()
        };
        let consent = if self.has_consent(rows, held, member)? { Consented::Yes } else { Consented::No };
        if keeps(&held.rules, consent) {
            return Ok(None);
        }
        // What it had by a consent alone it keeps until it is said for whom it is, which the last of them does or one before.
        let mut rules = content.rules.to_owned();
        if !keeps(&rules, consent) {
            return Ok(Some(*last));
        }
        let first = narrowed.iter().find(|(_, by)| {
            rules = self.judge.meet(&rules, by);
            !keeps(&rules, consent)
        });
        Ok(Some(first.map_or(*last, |(at, _)| *at)))
    }

    /// Notes that a version is to be given again to a member that says it has nothing of what an act gave, or that it is not meant: a
    /// circle has taken it in with what was shared then, which it knew too late. Nothing where none has, where the version is held no
    /// more by that act, or it waits already.
    pub(crate) fn give_again(
        &self,
        rows: &dyn Rows,
        (act, member): (&ActRow, KeyId),
        look: Micros,
    ) -> Read<Option<Effect>> {
        let Some((held, _)) = brought(rows, act)? else { return Ok(None) };
        let mut waits = rows.later(&held.name.id)?.into_iter();
        let waits = waits.any(|row| row.version == held.version && row.member == member);
        let shared = said_at(act).unwrap_or_default();
        if waits || !self.judge.taken_in(&held.rules, shared, self.now).contains(&member) {
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
}

//! What is named for a member and cannot go to it yet: kept until it can, and given then.
//!
//! An embargo ends, a marking definition comes, a member takes part again, a circle takes somebody in with what was shared
//! before. For each such member and version there is one row, written in the step that found it; when it may have changed
//! ([`LaterRow::look`]), handling is asked again, and the version goes, goes on waiting, or is meant for that member no more.
//!
//! Invariant: a row says that somebody is to be asked about and never that something may go: [`Exchange::release`] and
//! the envelope ask handling themselves.

use std::collections::{BTreeMap, BTreeSet};

use base::Micros;
use base::limit::{
    CLOCK_AGAIN_SECONDS, CLOCK_BEHIND_SECONDS, EARLY_AGAIN_SECONDS, LATER_ROWS_MAX, LATER_VERSIONS_MAX,
    OWN_VERSIONS_PAGE,
};
use base::signed::Signed;
use base::signing::KeyId;
use ledger::act::Act;

use crate::content::{Content, ObjectHead};
use crate::deeds::{Release, address};
use crate::draft::{DeedError, Draft};
use crate::hello::Versions;
use crate::outbox::brings_object;
use crate::port::{Consented, Deed, Question, Read, Rows, Standing};
use crate::refusal::{is_about_another, is_for_others, is_too_early};
use crate::rows::{ActRow, Effect, HolderRow, LaterRow, ObjectName, VersionRow};
use crate::{Exchange, Rule};

/// What speaks against giving something now, and passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// It is under an embargo until then.
    Embargo(Micros),
    /// Its embargo is over here and, by the recipient's clock, not there: it is asked again then.
    Clock(Micros),
    /// A marking definition has not come yet.
    Marking,
    /// The member takes no part at present.
    Absent,
}

impl Hindrance {
    /// Its name: the rule's where handling has one.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Embargo(_) => LaterRow::EMBARGO,
            Self::Clock(_) => LaterRow::CLOCK_BEHIND,
            Self::Marking => "marking-unresolved",
            Self::Absent => "member-absent",
        }
    }

    /// When to ask again; without a moment of its own, when something has happened.
    const fn look(self) -> Micros {
        match self {
            Self::Embargo(until) | Self::Clock(until) => until,
            Self::Marking | Self::Absent => Micros(i64::MAX),
        }
    }
}

/// One version, and the members it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// STIX id of the own object.
    pub object: String,
    /// The version as written; empty for objects without.
    pub version: String,
    /// What waits, member by member.
    pub rows: Vec<LaterRow>,
}

/// What a look through own versions came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Newcomers {
    /// What is to be applied.
    pub effects: Vec<Effect>,
    /// Object and version of the last one looked at; `None` when that was all.
    pub last: Option<(String, String)>,
}

impl Exchange<'_> {
    /// The versions that are to be looked at by now, with the members they wait for.
    ///
    /// # Errors
    /// The store did not answer.
    ///
    /// # Limits
    /// [`LATER_VERSIONS_MAX`] versions; the rest is there when these have been looked at.
    pub fn due_by_now(&self, rows: &dyn Rows) -> Read<Vec<Put>> {
        let mut due: BTreeMap<(String, String), Vec<LaterRow>> = BTreeMap::new();
        for row in rows.later_due(self.now, LATER_ROWS_MAX)? {
            let of = (row.object.clone(), row.version.clone());
            if due.len() < LATER_VERSIONS_MAX || due.contains_key(&of) {
                due.entry(of).or_default().push(row);
            }
        }
        Ok(due.into_iter().map(|((object, version), rows)| Put { object, version, rows }).collect())
    }

    /// Asks again about a version that waits: it is given to those who may have it now.
    ///
    /// Who never had it gets the act by which the others have it, so that all hold the same; where that cannot be (it went
    /// under other rules, has been taken back from its holders by a narrowing that is over, or has two salts and is for a node that
    /// reads one), it is released anew to all.
    ///
    /// # Errors
    /// Those of [`DeedError`].
    pub fn give_later(&self, rows: &dyn Rows, put: &Put) -> Result<Vec<Effect>, DeedError> {
        let name = ObjectName { author: self.me.member, id: put.object.clone() };
        let held = rows.versions(&name)?.into_iter().find(|held| held.version == put.version);
        let held = held.filter(|held| held.name == name);
        let givings = held.as_ref().map(|held| self.givings_of(rows, held)).transpose()?.unwrap_or_default();
        let (held, waiting) = self.first_waited_for(rows, &givings, &put.rows)?;
        let payload =
            held.as_ref().map(|held| rows.payload(&name.author, held.sequence)).transpose()?.flatten();
        let (Some(held), Some(payload)) = (held, payload) else {
            return Ok(put.rows.iter().map(LaterRow::over).collect());
        };
        let content = Content::parse(&payload.bytes)?;
        let narrowed = rows.fate(&name)?.narrowed.iter().any(|(at, _)| *at > held.sequence);
        let (mut effects, mut ready) = (Vec::new(), Vec::new());
        for row in waiting {
            let question = self.sending(&held.rules, content.object, row.member);
            let allowed = self.may_give(&question).is_ok();
            if let Some(by) = self.still_hindered(rows, &question, allowed)? {
                effects.push(Effect::Later(row.because(by)));
            } else {
                if allowed && (narrowed || !self.has_been_given(rows, &held, &row.member)?) {
                    ready.push(row);
                }
                effects.push(row.over());
            }
        }
        let Some(first) = ready.first() else { return Ok(effects) };
        let lane = ready.iter().map(|row| row.lane).min().unwrap_or(first.lane);
        let is_as_given = !narrowed && content.rules == held.rules;
        let older = content.object_salt.is_some()
            && !self.all_read_two_salts(rows, &held, ready.iter().map(|row| row.member))?;
        if is_as_given && !older {
            let mut draft = Draft::begin(self, rows)?;
            for row in ready {
                draft.push(self.holder(&name, row.member, HolderRow::RELEASED));
                address(&mut draft, row.member, row.lane, (name.author, held.sequence))?;
            }
            effects.extend(draft.finish());
            return Ok(effects);
        }
        let mut addressees: BTreeSet<KeyId> = ready.iter().map(|row| row.member).collect();
        // Made anew for the salt alone, it is the same for whom a consent lets have it.
        let holders = holders_now(rows, &name)?.into_iter();
        let given = holders.filter(|row| !is_as_given || row.ground != HolderRow::CONSENT);
        for holder in given {
            // Who has it by another giving has it by that.
            if givings.len() == 1 || self.is_for(&held, content.object, holder.member) {
                addressees.insert(holder.member);
            }
        }
        let (rules, kind) = (held.rules.as_str(), held.kind.clone());
        let release = Release { object: content.object, rules, addressees: &addressees, lane, kind };
        effects.extend(self.release(rows, &release)?.effects);
        Ok(effects)
    }

    /// Of several givings of a version the first that somebody waits for, with those who do; the others are looked at the next time. Who waits
    /// for none of them is among those of the first.
    fn first_waited_for<'r>(
        &self,
        rows: &dyn Rows,
        givings: &[VersionRow],
        waiting: &'r [LaterRow],
    ) -> Read<(Option<VersionRow>, Vec<&'r LaterRow>)> {
        if givings.len() < 2 {
            return Ok((givings.first().cloned(), waiting.iter().collect()));
        }
        let mut each: Vec<Vec<&LaterRow>> = givings.iter().map(|_| Vec::new()).collect();
        for row in waiting {
            let at = self.waited_for(rows, givings, &row.member)?;
            if let Some(of) = each.get_mut(at) {
                of.push(row);
            }
        }
        let all = givings.iter().cloned().zip(each).find(|(_, of)| !of.is_empty());
        Ok(all.map_or_else(|| (givings.first().cloned(), Vec::new()), |(giving, of)| (Some(giving), of)))
    }

    /// Which of several givings a member waits for: the latest that is for it, now or when what is in the way has passed.
    fn waited_for(&self, rows: &dyn Rows, givings: &[VersionRow], member: &KeyId) -> Read<usize> {
        for (at, giving) in givings.iter().enumerate() {
            let payload = rows.payload(&giving.name.author, giving.sequence)?;
            let content = payload.as_ref().map(|payload| Content::parse(&payload.bytes));
            let Some(Ok(content)) = content else { continue };
            if self.is_for(giving, content.object, *member) {
                return Ok(at);
            }
        }
        Ok(0)
    }

    /// Whether a giving is for a member, now or when what is in the way has passed.
    #[must_use]
    pub fn is_for(&self, giving: &VersionRow, object: &[u8], member: KeyId) -> bool {
        let question = self.sending(&giving.rules, object, member);
        self.may_give(&question).is_ok() || self.judge.hindered(&question).is_some()
    }

    /// Whether none of these members has a node that reads one salt alone.
    fn all_read_two_salts(
        &self,
        rows: &dyn Rows,
        held: &VersionRow,
        members: impl IntoIterator<Item = KeyId>,
    ) -> Read<bool> {
        for member in members {
            if self.reads_one_salt(rows, Some(held), &member)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// By which code something is kept from a member now, and what of that passes; `None` = it goes there. What is given is asked by this,
    /// and so is who wants to know before.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn kept_from(
        &self,
        rows: &dyn Rows,
        question: &Question<'_>,
    ) -> Read<Option<(String, Option<Hindrance>)>> {
        let allowed = self.may_give(question);
        let by = self.still_hindered(rows, question, allowed.is_ok())?;
        Ok(match (allowed, by) {
            (Ok(()), None) => None,
            (_, Some(by)) => Some((by.code().to_owned(), Some(by))),
            (Err(rule), None) => Some((rule, None)),
        })
    }

    /// What still keeps a version from a member. Nobody meets who takes no part. Where the member's clock is behind, its node would
    /// refuse what is under an embargo by that clock: it goes when it is over there, as far as is known. A greeting that was long on its
    /// way makes a clock look slow, and clocks are put right: so it is asked again within the hour.
    pub(crate) fn still_hindered(
        &self,
        rows: &dyn Rows,
        question: &Question<'_>,
        allowed: bool,
    ) -> Read<Option<Hindrance>> {
        if !allowed {
            return Ok(self.judge.hindered(question));
        }
        if self.directory.standing(&question.recipient) != Standing::Active {
            return Ok(Some(Hindrance::Absent));
        }
        let behind = rows.peer(&question.recipient)?.skew_us.min(0);
        let there = Question { now: self.now.plus(behind), ..*question };
        Ok(match self.judge.hindered(&there) {
            Some(Hindrance::Embargo(until)) => {
                let again = self.now.plus(CLOCK_AGAIN_SECONDS * Micros::SECOND);
                Some(Hindrance::Clock(until.plus(behind.saturating_neg()).min(again)))
            }
            _ => None,
        })
    }

    /// What a restored node learns by a receipt that it does not await: that a member was given an own version after the backup, which knows
    /// that it waited for the member, or not even that. The member has answered, and answers no second time. `None` where it is not meant,
    /// or nothing is made up for.
    pub(crate) fn was_given(
        &self,
        rows: &dyn Rows,
        sequence: u64,
        member: KeyId,
    ) -> Read<Option<Vec<Effect>>> {
        if rows.own()?.recovery.is_none() {
            return Ok(None);
        }
        let act = rows.act(&self.me.member, sequence)?;
        let Some((held, bytes)) = act.map(|act| self.brought(rows, &act)).transpose()?.flatten() else {
            return Ok(None);
        };
        let question = self.sending(&held.rules, &bytes, member);
        if self.may_give(&question).is_err() && self.judge.hindered(&question).is_none() {
            return Ok(None);
        }
        let waits = rows.later(&held.name.id)?.into_iter();
        let waits = waits.filter(|row| row.version == held.version && row.member == member);
        let holder = self.holder(&held.name, member, HolderRow::RELEASED);
        Ok(Some(waits.map(|row| row.over()).chain([holder]).collect()))
    }

    /// Whether a member has an own version by the very act that gave it last, or it is on its way there.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn has_been_given(&self, rows: &dyn Rows, held: &VersionRow, member: &KeyId) -> Read<bool> {
        let receipts = rows.receipts(held.sequence)?;
        let of = receipts.iter().find(|row| row.member == *member);
        Ok(of.is_some_and(|row| row.state.is_given()))
    }

    /// Whether a member has an own version by whichever act gave it, or it is on its way there.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn has_ever_been_given(&self, rows: &dyn Rows, held: &VersionRow, member: &KeyId) -> Read<bool> {
        for sequence in std::iter::once(held.sequence).chain(rows.replaced(held)?) {
            if rows.receipts(sequence)?.iter().any(|row| row.member == *member && row.state.is_given()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes for whom of these an own version waits: those that are refused it by something that passes.
    pub(crate) fn put_off(
        &self,
        rows: &dyn Rows,
        (object, version): (&str, &str),
        (rules, bytes): (&str, &[u8]),
        (members, lane): (impl IntoIterator<Item = KeyId>, crate::Lane),
    ) -> Read<Vec<Effect>> {
        let mut wait = Vec::new();
        for member in members.into_iter().filter(|member| *member != self.me.member) {
            let question = self.sending(rules, bytes, member);
            let allowed = self.may_give(&question).is_ok();
            let Some(by) = self.still_hindered(rows, &question, allowed)? else { continue };
            let (object, version) = (object.to_owned(), version.to_owned());
            let (rule, look, since) = (by.code().to_owned(), by.look(), self.now);
            wait.push(Effect::Later(LaterRow { object, version, member, lane, rule, since, look }));
        }
        Ok(wait)
    }

    /// Notes that an own version is to be given again to a member whose refusal may not hold for long: it says that it is too early, or
    /// meant for others, when a circle has taken it in, or cannot read the act.
    pub(crate) fn refused_for_now(
        &self,
        rows: &dyn Rows,
        (act, member, lane): (&ActRow, KeyId, crate::Lane),
        told: &str,
    ) -> Read<Option<Effect>> {
        let look = self.now.plus(EARLY_AGAIN_SECONDS * Micros::SECOND);
        match told {
            early if is_too_early(early) => self.refused_early(rows, (act, member, lane)),
            other if is_for_others(other) => self.give_again(rows, (act, member), look),
            other if is_about_another(other) => self.refused_unread(rows, (act, member, lane)),
            _ => Ok(None),
        }
    }

    /// Notes that an own version is to be given again to a member that has refused it as under an embargo: its clock is behind, which is
    /// not known of who is reached by relays or files alone. Nothing where no embargo of the days before explains it, or it waits already.
    fn refused_early(
        &self,
        rows: &dyn Rows,
        (act, member, lane): (&ActRow, KeyId, crate::Lane),
    ) -> Read<Option<Effect>> {
        let Some((held, bytes)) = self.brought(rows, act)? else { return Ok(None) };
        // By how much its clock is known to be behind, where that is more: it may be this node's that went ahead, when this is given.
        let behind = rows.peer(&member)?.skew_us.min(-CLOCK_BEHIND_SECONDS * Micros::SECOND);
        // What it was when that was given, for the word may have been long on its way.
        let there = said_at(act).unwrap_or(self.now).min(self.now).plus(behind);
        let question = Question { now: there, ..self.sending(&held.rules, &bytes, member) };
        let waits = rows
            .later(&held.name.id)?
            .into_iter()
            .any(|row| row.version == held.version && row.member == member);
        let Some(Hindrance::Embargo(_)) = self.judge.hindered(&question).filter(|_| !waits) else {
            return Ok(None);
        };
        let by = Hindrance::Clock(self.now.plus(EARLY_AGAIN_SECONDS * Micros::SECOND));
        let (object, version, rule, look) = (held.name.id, held.version, by.code().to_owned(), by.look());
        Ok(Some(Effect::Later(LaterRow { object, version, member, lane, rule, since: self.now, look })))
    }

    /// Notes that an own version is to be given anew to a member whose node could not read the act, since that has two salts and the
    /// node is of an earlier build: that was not known when it was given. Of who reads two, the refusal stands.
    fn refused_unread(
        &self,
        rows: &dyn Rows,
        (act, member, lane): (&ActRow, KeyId, crate::Lane),
    ) -> Read<Option<Effect>> {
        let Some((held, _)) = self.brought(rows, act)? else { return Ok(None) };
        let reads_two = rows.peer(&member)?.version.is_some_and(|version| version >= Versions::PARTED);
        if reads_two || !self.has_two_salts(rows, &held)? {
            return Ok(None);
        }
        let (object, version, rule) = (held.name.id, held.version, LaterRow::TWO_SALTS.to_owned());
        Ok(Some(Effect::Later(LaterRow {
            object,
            version,
            member,
            lane,
            rule,
            since: self.now,
            look: self.now,
        })))
    }

    /// Notes whom of the holders a narrowing keeps an own object from for a time: they drop it, and get it again when that is over. Who takes no
    /// part keeps what it has, and hears of the narrowing when it does.
    pub(crate) fn put_off_holders(
        &self,
        rows: &dyn Rows,
        name: &ObjectName,
        narrowed: &str,
    ) -> Read<Vec<Effect>> {
        let holders: BTreeSet<KeyId> = holders_now(rows, name)?.into_iter().map(|row| row.member).collect();
        let (mut effects, waits) = (Vec::new(), rows.later(&name.id)?);
        for held in self.givings(rows, name)? {
            let Some(payload) = rows.payload(&name.author, held.sequence)? else { continue };
            let Ok(content) = Content::parse(&payload.bytes) else { continue };
            let line = self.judge.meet(&held.rules, narrowed);
            let what = (line.as_str(), content.object);
            // What waits already goes on waiting in its lane, and is asked about under the stricter rules when its time comes.
            let waiting =
                |member: &KeyId| waits.iter().any(|row| row.version == held.version && row.member == *member);
            let whom = (holders.iter().copied().filter(|member| !waiting(member)), crate::Lane::Routine);
            let put_off = self.put_off(rows, (&name.id, &held.version), what, whom)?.into_iter();
            let absent = Hindrance::Absent.code();
            effects.extend(put_off.filter(|row| !matches!(row, Effect::Later(row) if row.rule == absent)));
        }
        Ok(effects)
    }

    /// Looks through own versions behind one, for members that circles have taken in with what was shared before, or had in them when it was
    /// shared, which was not known here then, and that were never given it.
    ///
    /// # Errors
    /// The store did not answer.
    ///
    /// # Limits
    /// [`OWN_VERSIONS_PAGE`] versions a look.
    pub fn newcomers(&self, rows: &dyn Rows, after: Option<(String, String)>) -> Read<Newcomers> {
        let page = rows.own_versions(after, OWN_VERSIONS_PAGE)?;
        let last = page.last().filter(|_| page.len() == OWN_VERSIONS_PAGE);
        let last = last.map(|held| (held.name.id.clone(), held.version.clone()));
        let mut effects = Vec::new();
        for held in &page {
            let givings = self.givings_of(rows, held)?;
            let mut missing = BTreeSet::new();
            for giving in &givings {
                missing.extend(self.judge.taken_in(&giving.rules, self.now, self.now));
            }
            missing.remove(&self.me.member);
            if missing.is_empty() {
                continue;
            }
            // Who had an earlier version, or a consent that nobody used, was not given this one; and who let go of it has it no more.
            for giving in &givings {
                let receipts = rows.receipts(giving.sequence)?;
                for receipt in receipts.iter().filter(|receipt| receipt.state.is_settled()) {
                    missing.remove(&receipt.member);
                }
            }
            // Who refused it as meant for others, and is to be asked in some hours, is in the circle by now.
            let refused = |row: &LaterRow| row.rule == LaterRow::CIRCLE_HISTORY && row.look > self.now;
            let waits = rows.later(&held.name.id)?.into_iter().filter(|row| row.version == held.version);
            for row in waits.filter(|row| !refused(row)) {
                missing.remove(&row.member);
            }
            if missing.is_empty() {
                continue;
            }
            let seated = self.seated_since(rows, &givings)?;
            missing.retain(|member| seated.contains(member));
            effects.extend(missing.into_iter().map(|member| {
                Effect::Later(LaterRow {
                    object: held.name.id.clone(),
                    version: held.version.clone(),
                    member,
                    lane: crate::Lane::Routine,
                    rule: LaterRow::CIRCLE_HISTORY.to_owned(),
                    since: self.now,
                    look: self.now,
                })
            }));
        }
        Ok(Newcomers { effects, last })
    }

    /// Who has a seat in the circles that the rules of an own version's givings name, with what was shared by then. What a giving has replaced
    /// counts with it, under its rules, for its own are not kept: it was shared by the first of these acts that gave it to everybody who was
    /// in the circles then, as is known now, else by the last. What gives it to somebody else later shares it with no circle anew.
    fn seated_since(&self, rows: &dyn Rows, givings: &[VersionRow]) -> Read<BTreeSet<KeyId>> {
        let Some(held) = givings.first() else { return Ok(BTreeSet::new()) };
        let mut replaced: BTreeSet<u64> = rows.replaced(held)?.into_iter().collect();
        for giving in givings {
            replaced.remove(&giving.sequence);
        }
        let mut all = BTreeSet::new();
        for giving in givings {
            let before = replaced.iter().copied().filter(|sequence| *sequence < giving.sequence);
            for sequence in before.chain([giving.sequence]) {
                let act = rows.act(&self.me.member, sequence)?;
                let Some(at) = act.as_ref().and_then(said_at) else { continue };
                // Who came in at that very moment may have come after it.
                let mut seated = self.judge.taken_in(&giving.rules, at.plus(-1), self.now);
                seated.remove(&self.me.member);
                let given: BTreeSet<KeyId> =
                    rows.receipts(sequence)?.into_iter().map(|row| row.member).collect();
                let went_to_all = seated.is_subset(&given);
                all.append(&mut seated);
                if went_to_all {
                    break;
                }
            }
        }
        Ok(all)
    }

    /// Whether a member may be given what a question to send it is about: handling's answer, but for what says that another member made
    /// it than the one whose word it is, which nobody takes.
    ///
    /// # Errors
    /// The code of the rule that speaks against it.
    pub fn may_give(&self, question: &Question<'_>) -> Result<(), String> {
        if self.is_anothers(question.object, &question.originator) {
            return Err(Rule::OriginForged.code().to_owned());
        }
        self.judge.decide(question)
    }

    /// Whether an object says that another member made it than the one by whose word it is given.
    #[must_use]
    pub fn is_anothers(&self, object: &[u8], originator: &KeyId) -> bool {
        ObjectHead::read(object).is_ok_and(|head| self.is_made_by_another(&head, originator))
    }

    /// The same where the object is read already.
    pub(crate) fn is_made_by_another(&self, head: &ObjectHead, originator: &KeyId) -> bool {
        let maker = head.created_by_ref.as_deref();
        let maker = maker.and_then(|identity| self.directory.identity_owner(identity));
        maker.is_some_and(|maker| maker != *originator)
    }

    /// The giving that an act is, with the object's bytes; `None` where the version is held no more by this act, nor beside it.
    pub(crate) fn brought(&self, rows: &dyn Rows, act: &ActRow) -> Read<Option<(VersionRow, Vec<u8>)>> {
        if !brings_object(&act.kind) {
            return Ok(None);
        }
        let held = self.giving_by(rows, act)?;
        let Some(payload) = rows.payload(&act.author, act.sequence)? else { return Ok(None) };
        let object = Content::parse(&payload.bytes).ok().map(|content| content.object.to_vec());
        Ok(held.zip(object))
    }

    /// What handling is asked before an own object is given to a member, without anybody's consent.
    #[must_use]
    pub fn sending<'q>(&self, rules: &'q str, object: &'q [u8], recipient: KeyId) -> Question<'q> {
        Question {
            deed: Deed::Send,
            originator: self.me.member,
            recipient,
            rules,
            object,
            consent: Consented::No,
            now: self.now,
        }
    }
}

impl LaterRow {
    /// It waits no more.
    #[must_use]
    pub fn over(&self) -> Effect {
        let (object, version) = (self.object.clone(), self.version.clone());
        Effect::NoLater { object, version, member: self.member }
    }

    /// The same, waiting for something else.
    fn because(&self, by: Hindrance) -> Self {
        Self { rule: by.code().to_owned(), look: by.look(), ..self.clone() }
    }
}

/// When an act was done, by its author's clock.
pub(crate) fn said_at(act: &ActRow) -> Option<Micros> {
    let signed = Signed::parse(act.signed.as_bytes()).ok()?;
    Some(Act::peek(&signed).ok()?.header().at)
}

/// Who has an own object, or was to have it, since it was last called back.
///
/// # Errors
/// The store did not answer.
pub fn holders_now(rows: &dyn Rows, name: &ObjectName) -> Read<Vec<HolderRow>> {
    let fate = rows.fate(name)?;
    if fate.erased.is_some() {
        return Ok(Vec::new());
    }
    let mut holders = rows.holders(name)?;
    if let Some(recalled) = fate.recalled {
        let act = rows.act(&name.author, recalled)?;
        let at = act.as_ref().and_then(said_at).unwrap_or(Micros(i64::MAX));
        holders.retain(|holder| holder.since > at);
    }
    Ok(holders)
}

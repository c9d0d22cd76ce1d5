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

use crate::change::rules_now;
use crate::content::{Content, ObjectHead};
use crate::deeds::{Release, address};
use crate::draft::{DeedError, Draft};
use crate::hello::Versions;
use crate::outbox::brings_object;
use crate::port::{Consented, Deed, Question, Read, Rows, Standing};
use crate::refusal::{is_about_another, is_for_others, is_too_early};
use crate::rows::{ActRow, Effect, HolderRow, LaterRow, ObjectName, ReceiptRow, VersionRow};
use crate::waiting::{Next, Rest};
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
    pub(crate) const fn look(self) -> Micros {
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
    /// reads one), it is released anew to all. Who has it, or had it, by a later act is given it by a new one, under what both say
    /// ([`crate::Judge::given_besides`]).
    ///
    /// # Errors
    /// Those of [`DeedError`].
    pub fn give_later(&self, rows: &dyn Rows, put: &Put) -> Result<Vec<Effect>, DeedError> {
        let name = ObjectName { author: self.me.member, id: put.object.clone() };
        let held = rows.versions(&name)?.into_iter().find(|held| held.version == put.version);
        let held = held.filter(|held| held.name == name);
        let givings = held.as_ref().map(|held| self.givings_of(rows, held)).transpose()?.unwrap_or_default();
        let (mut effects, mut each) = (Vec::new(), BTreeMap::<_, Vec<(&LaterRow, Next)>>::new());
        for row in &put.rows {
            match self.next_for(rows, &givings, &row.member)? {
                Some(next) => {
                    let anew = next.anew || row.rule == LaterRow::BESIDES;
                    each.entry((next.at, next.under.clone(), anew)).or_default().push((row, next));
                }
                None => effects.push(row.over()),
            }
        }
        // The others are looked at the next time.
        let Some(((at, under, anew), waiting)) = each.pop_first() else { return Ok(effects) };
        let held = givings.get(at);
        let payload = held.map(|held| rows.payload(&name.author, held.sequence)).transpose()?.flatten();
        let (Some(held), Some(payload)) = (held, payload) else { return Ok(effects) };
        let content = Content::parse(&payload.bytes)?;
        let narrowed = rows.fate(&name)?.narrowed.iter().any(|(at, _)| *at > held.sequence);
        let (mut ready, mut rest) = (Vec::new(), Vec::new());
        for (row, next) in waiting {
            match next.by {
                Some(by) => effects.push(Effect::Later(row.because(by))),
                None => {
                    ready.push(row);
                    rest.push(Rest::of(next.rest, row, self.now));
                }
            }
        }
        let Some(first) = ready.first() else { return Ok(effects) };
        let lane = ready.iter().map(|row| row.lane).min().unwrap_or(first.lane);
        let (is_its_own, is_as_given) = (under == held.rules, !narrowed && content.rules == under);
        let older = content.object_salt.is_some()
            && !self.all_read_two_salts(rows, held, ready.iter().map(|row| row.member))?;
        if is_as_given && !older && !anew {
            let mut draft = Draft::begin(self, rows)?;
            for row in ready {
                draft.push(self.holder(&name, row.member, HolderRow::RELEASED));
                address(&mut draft, row.member, row.lane, (name.author, held.sequence))?;
            }
            effects.extend(draft.finish());
            effects.extend(rest);
            return Ok(effects);
        }
        let mut addressees: BTreeSet<KeyId> = ready.iter().map(|row| row.member).collect();
        // Made anew for the salt alone, it is the same for whom a consent lets have it.
        let holders = holders_now(rows, &name)?.into_iter();
        let given = holders.filter(|row| !is_as_given || row.ground != HolderRow::CONSENT);
        // What comes to something else with what these have, or had, is theirs alone.
        let is_for_all = is_its_own && (older || !is_as_given);
        for holder in given.filter(|_| is_for_all) {
            // Who has it by another giving has it by that.
            let by = self.giving_to(rows, held, &holder.member)?;
            let by_this = by.is_none_or(|by| by.sequence == held.sequence);
            if givings.len() == 1 || (by_this && self.is_for(held, content.object, holder.member)) {
                addressees.insert(holder.member);
            }
        }
        let (rules, kind) = (under.as_str(), held.kind.clone());
        let release = Release { object: content.object, rules, addressees: &addressees, lane, kind };
        // It says itself for what these go on waiting.
        effects.extend(self.release(rows, &release)?.effects);
        Ok(effects)
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

    /// Notes for whom of these an own version waits: those that are refused it by something that passes. Who waits for it by another giving
    /// is asked about no later for that.
    pub(crate) fn put_off(
        &self,
        rows: &dyn Rows,
        (object, version): (&str, &str),
        (rules, bytes): (&str, &[u8]),
        (members, lane): (impl IntoIterator<Item = KeyId>, crate::Lane),
    ) -> Read<Vec<LaterRow>> {
        let (mut wait, before) = (Vec::new(), rows.later(object)?);
        for member in members.into_iter().filter(|member| *member != self.me.member) {
            let question = self.sending(rules, bytes, member);
            let allowed = self.may_give(&question).is_ok();
            let Some(by) = self.still_hindered(rows, &question, allowed)? else { continue };
            let (object, version) = (object.to_owned(), version.to_owned());
            let (rule, look, since) = (by.code().to_owned(), by.look(), self.now);
            let row = LaterRow { object, version, member, lane, rule, since, look };
            let waits = before.iter().find(|one| one.version == row.version && one.member == member);
            wait.push(row.besides(waits));
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
        let (mut put_off, waits) = (BTreeMap::<(String, KeyId), LaterRow>::new(), rows.later(&name.id)?);
        for held in self.givings(rows, name)? {
            let Some(payload) = rows.payload(&name.author, held.sequence)? else { continue };
            let Ok(content) = Content::parse(&payload.bytes) else { continue };
            let line = self.judge.meet(&held.rules, narrowed);
            let what = (line.as_str(), content.object);
            // What waits already goes on waiting in its lane, and is asked about under the stricter rules when its time comes.
            let waiting =
                |member: &KeyId| waits.iter().any(|row| row.version == held.version && row.member == *member);
            let whom = (holders.iter().copied().filter(|member| !waiting(member)), crate::Lane::Routine);
            for row in self.put_off(rows, (&name.id, &held.version), what, whom)? {
                if row.rule != Hindrance::Absent.code() {
                    let of = (row.version.clone(), row.member);
                    let row = row.besides(put_off.get(&of));
                    put_off.insert(of, row);
                }
            }
        }
        Ok(put_off.into_values().map(Effect::Later).collect())
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
                let circles = self.judge.taken_in(&giving.rules, self.now, self.now);
                missing.extend(circles.into_values().flatten());
            }
            missing.remove(&self.me.member);
            if missing.is_empty() {
                continue;
            }
            // Who had an earlier version, or a consent that nobody used, was not given this one; and who let go of it has it no more.
            for giving in &givings {
                let receipts = rows.receipts(giving.sequence)?;
                for receipt in receipts.iter().filter(|receipt| receipt.state.is_settled()) {
                    if !self.lacks_besides(rows, (held, &givings), receipt)? {
                        missing.remove(&receipt.member);
                    }
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
            let seated = self.seated_since(rows, &givings, |_| true)?;
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

    /// Whether a member that has answered an act has the version by one giving and not by what another says to it besides: by a circle that
    /// has taken it in since, and that lets it have the version when nothing else does any more.
    fn lacks_besides(
        &self,
        rows: &dyn Rows,
        (held, givings): (&VersionRow, &[VersionRow]),
        receipt: &ReceiptRow,
    ) -> Read<bool> {
        let member = &receipt.member;
        if givings.len() < 2 || !receipt.state.is_given() {
            return Ok(false);
        }
        let Some(has) = self.giving_to(rows, held, member)? else { return Ok(false) };
        for giving in givings.iter().filter(|giving| giving.sequence != has.sequence) {
            let Some(at) = shared_at(rows, (self.me.member, giving.sequence))? else { continue };
            let mut seats = self.judge.taken_in(&giving.rules, at.plus(-1), self.now).into_values();
            if seats.any(|seated| seated.contains(member))
                && self.judge.given_besides(&giving.rules, &has.rules, member) != has.rules
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Who has a seat in the circles that the rules of an own version's givings name, with what was shared by then. What a giving has replaced
    /// counts with it, under what that said itself (under the giving's rules where an earlier build kept none): a circle was shared with by
    /// the first of these acts that names it and gave it to everybody who was in it then, as is known now, else by the last. What gives it to
    /// somebody else later shares it with no circle anew.
    fn seated_since(
        &self,
        rows: &dyn Rows,
        givings: &[VersionRow],
        counts: impl Fn(&VersionRow) -> bool,
    ) -> Read<BTreeSet<KeyId>> {
        let Some(held) = givings.first() else { return Ok(BTreeSet::new()) };
        let (mut replaced, fate) = (rows.said_before(held)?, rows.fate(&held.name)?);
        for giving in givings {
            replaced.remove(&giving.sequence);
        }
        let mut all = BTreeSet::new();
        for giving in givings.iter().filter(|giving| counts(giving)) {
            let before = replaced.range(..giving.sequence).map(|(sequence, said)| {
                let rules = said.rules.as_ref().map(|said| rules_now(self, &fate, *sequence, said));
                (*sequence, rules.unwrap_or_else(|| giving.rules.clone()), said.shared)
            });
            let mut shared = BTreeSet::new();
            for (sequence, rules, since) in before.chain([(giving.sequence, giving.rules.clone(), None)]) {
                // What says something else was replaced by another.
                if self.judge.meet(&rules, &giving.rules) != rules {
                    continue;
                }
                let Some(at) = shared_at(rows, (self.me.member, sequence))? else { continue };
                let at = since.map_or(at, |since| at.min(since));
                let given: BTreeSet<KeyId> =
                    rows.receipts(sequence)?.into_iter().map(|row| row.member).collect();
                // Who came in at that very moment may have come after it.
                for (circle, mut seated) in self.judge.taken_in(&rules, at.plus(-1), self.now) {
                    if shared.contains(&circle) {
                        continue;
                    }
                    seated.remove(&self.me.member);
                    if seated.is_subset(&given) {
                        shared.insert(circle);
                    }
                    all.append(&mut seated);
                }
            }
        }
        Ok(all)
    }

    /// Whether a member counts as in circles for a version that they were given: it was in them when it was shared with them, or was given it
    /// by a share since. Of the givings those are asked whose rules `name` circles that are meant; `None` where none does, so that it would
    /// be shared with whoever is in them now.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn was_shared_with(
        &self,
        rows: &dyn Rows,
        (held, member): (&VersionRow, &KeyId),
        name: impl Fn(&str) -> bool,
    ) -> Read<Option<bool>> {
        let givings = self.givings_of(rows, held)?;
        if !givings.iter().any(|giving| name(&giving.rules)) {
            return Ok(None);
        }
        if self.seated_since(rows, &givings, |giving| name(&giving.rules))?.contains(member) {
            return Ok(Some(true));
        }
        Ok(Some(self.giving_to(rows, held, member)?.is_some_and(|giving| name(&giving.rules))))
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
    pub(crate) fn because(&self, by: Hindrance) -> Self {
        Self { rule: by.code().to_owned(), look: by.look(), ..self.clone() }
    }

    /// The same, beside what the version waits for already: it is asked about when the first of them may have passed.
    pub(crate) fn besides(self, before: Option<&Self>) -> Self {
        match before {
            Some(before) if before.look < self.look => {
                Self { lane: self.lane.min(before.lane), ..before.clone() }
            }
            _ => self,
        }
    }
}

/// When an act was done, by its author's clock.
pub(crate) fn said_at(act: &ActRow) -> Option<Micros> {
    let signed = Signed::parse(act.signed.as_bytes()).ok()?;
    Some(Act::peek(&signed).ok()?.header().at)
}

/// Since when what an act gave is shared: from the act on, or from the moment that it tells where it gives anew what was shared before.
///
/// # Errors
/// The store did not answer.
pub(crate) fn shared_at(rows: &dyn Rows, (author, sequence): (KeyId, u64)) -> Read<Option<Micros>> {
    let at = rows.act(&author, sequence)?.as_ref().and_then(said_at);
    let payload = rows.payload(&author, sequence)?;
    let content = payload.as_ref().and_then(|payload| Content::parse(&payload.bytes).ok());
    let again = content.and_then(|content| content.shared_again());
    Ok(at.map(|at| again.map_or(at, |again| at.min(again))))
}

/// As [`shared_at`], of a giving: by the first of the acts before it that gave what it gives now to nobody beyond whom it does, and whose place it
/// has taken since.
///
/// # Errors
/// The store did not answer.
pub fn first_shared_at(
    exchange: &Exchange<'_>,
    rows: &dyn Rows,
    (giving, givings): (&VersionRow, &[VersionRow]),
) -> Read<Option<Micros>> {
    let author = giving.name.author;
    let mut first = shared_at(rows, (author, giving.sequence))?;
    for (sequence, said) in rows.said_before(giving)?.range(..giving.sequence) {
        let within = |line: &String| exchange.judge.meet(line, &giving.rules) == *line;
        if givings.iter().any(|other| other.sequence == *sequence) || !said.rules.as_ref().is_none_or(within)
        {
            continue;
        }
        let at = shared_at(rows, (author, *sequence))?.into_iter().chain(said.shared).min();
        first = first.into_iter().chain(at).min();
    }
    Ok(first)
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

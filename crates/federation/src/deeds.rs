//! What this member does towards others: release, sight, narrow, recall, erase, consent, pass on.
//!
//! Each deed reads the rows and gives the effects of one transaction: the act's leaf, the change here, and a line in the
//! outbox of everybody concerned. Nothing is sent here.
//!
//! Invariants: nothing is queued for a recipient whom handling refuses; what was not sent, and by which rule, is an act too.

use std::collections::BTreeSet;

use base::Micros;
use base::signing::KeyId;
use ledger::act::ActKind;
use ledger::commitment::{Commitment, Salt};
use serde::{Deserialize, Serialize};

use crate::change::{self, ChangeOf};
use crate::consent::{Consent, Passing, Revocation, permits};
use crate::content::{Again, Change, Content, Notice, ObjectHead, RegistryState, write_document};
use crate::draft::{DeedError, Draft, Made, NewAct, Salts};
use crate::envelope::statement;
use crate::hello::Versions;
use crate::later::Hindrance;
use crate::port::{Consented, Deed, Question, Read, Rows, Standing};
use crate::refusal::is_about_another;
use crate::rows::{
    ConsentRow, Effect, HolderRow, Lane, ObjectName, ReceiptRow, ReceiptState, RevokedRow, VersionRow,
};
use crate::waiting::Rest;
use crate::{Exchange, Refused, Rule};

/// An object to be given to others.
#[derive(Clone, Debug)]
pub struct Release<'a> {
    /// Its exact bytes.
    pub object: &'a [u8],
    /// The line of handling rules.
    pub rules: &'a str,
    /// To whom; who has it already and is not named gets nothing new.
    pub addressees: &'a BTreeSet<KeyId>,
    /// In which lane.
    pub lane: Lane,
    /// `Released`, or `Sighted` for a sighting.
    pub kind: ActKind,
}

/// What became of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// The place of the act in the ledger.
    pub sequence: u64,
    /// Who does not get it, and by which handling rule.
    pub withheld: Vec<(KeyId, String)>,
    /// What is to be applied.
    pub effects: Vec<Effect>,
}

/// A change to an own object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alteration<'a> {
    /// These rules as well, from now on.
    Narrow(&'a str),
    /// These rules as well, and for whom they say and nobody else: consents of before for others end.
    NarrowTo(&'a str),
    /// It is called back; the originator may release it anew.
    Recall,
    /// It is destroyed everywhere, for good.
    Erase,
}

impl Alteration<'_> {
    fn kind(&self) -> ActKind {
        match self {
            Self::Narrow(_) | Self::NarrowTo(_) => ActKind::MarkingChanged,
            Self::Recall => ActKind::Recalled,
            Self::Erase => ActKind::Erased,
        }
    }
}

/// Whom a consent lets give what to whom.
#[derive(Clone, Debug)]
pub struct Grant<'a> {
    /// STIX id of the own object.
    pub object: &'a str,
    /// The version.
    pub version: &'a str,
    /// Who may pass it on.
    pub from: KeyId,
    /// To whom.
    pub to: KeyId,
    /// Until when.
    pub until: Micros,
}

/// A consent that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The place of the act in the ledger.
    pub sequence: u64,
    /// The token.
    pub token: ConsentRow,
    /// What is to be applied.
    pub effects: Vec<Effect>,
}

#[derive(Serialize, Deserialize)]
struct Withheld {
    from: Vec<(KeyId, String)>,
}

/// Addressees of a release: who gets it, and who does not by which rule.
#[derive(Default)]
struct Sifted {
    allowed: BTreeSet<KeyId>,
    withheld: Vec<(KeyId, String)>,
}

impl Exchange<'_> {
    /// Releases an object.
    ///
    /// # Errors
    /// `Tombstoned` for an erased object, `PayloadForm` for bytes that are no object, and those of [`DeedError`].
    pub fn release(&self, rows: &dyn Rows, release: &Release<'_>) -> Result<Released, DeedError> {
        self.release_saying(rows, release, &[])
    }

    /// Releases again what is shared since a moment, and was taken back from others: circles' members of since then are given it where
    /// their owner has said so.
    ///
    /// # Errors
    /// As [`Exchange::release`].
    pub fn release_again(
        &self,
        rows: &dyn Rows,
        release: &Release<'_>,
        shared: Micros,
    ) -> Result<Released, DeedError> {
        self.release_saying(rows, release, &write_document(&Again { shared_us: shared.0 }))
    }

    fn release_saying(
        &self,
        rows: &dyn Rows,
        release: &Release<'_>,
        document: &[u8],
    ) -> Result<Released, DeedError> {
        let mut draft = Draft::begin(self, rows)?;
        let head = ObjectHead::read(release.object)?;
        let version = head.version().unwrap_or_default();
        let name = ObjectName { author: self.me.member, id: head.id.clone() };
        if rows.fate(&name)?.erased.is_some() {
            return Err(Rule::Tombstoned.into());
        }
        let Sifted { allowed, withheld } = self.sift(rows, release)?;
        let content =
            Content { rules: release.rules, object: release.object, document, ..Content::default() };
        let object = Some((head.id.as_str(), head.version()));
        let before: Vec<VersionRow> =
            rows.versions(&name)?.into_iter().filter(|held| held.version == version).collect();
        let same = self.giving_of(rows, before.first(), release.object)?;
        let known = same.as_ref().map(|(_, salt)| *salt);
        let salts = self.salts(rows, (known, before.first()), &allowed)?;
        let kind = release.kind.clone();
        let made = draft.append(&NewAct { kind, object, content, addressees: &allowed, salts })?;
        if let Some((same, _)) = &same {
            // Who is not given it anew, since it has it by consent, has signed for these bytes under this commitment.
            let holders = rows.holders(&name)?.into_iter();
            let by_consent: BTreeSet<KeyId> =
                holders.filter(|row| row.ground == HolderRow::CONSENT).map(|row| row.member).collect();
            let signed = rows.receipts(same.sequence)?.into_iter().filter(|row| {
                row.state.is_given()
                    && row.state != ReceiptState::Pending
                    && by_consent.contains(&row.member)
                    && !release.addressees.contains(&row.member)
            });
            draft.extend(signed.map(|row| Effect::Receipt(ReceiptRow { sequence: made.sequence, ..row })));
        }
        let (mut over, mut go_on) = (None, Vec::new());
        for held in before {
            let givings = self.givings_of(rows, &held)?;
            let past: Vec<u64> =
                givings.iter().filter(|giving| self.is_past(giving)).map(|giving| giving.sequence).collect();
            if past.len() < givings.len() && !past.is_empty() {
                draft.extend(self.had_by_ended(rows, &held, &past)?);
            }
            for giving in givings {
                let (name, version, sequence) =
                    (giving.name.clone(), giving.version.clone(), giving.sequence);
                let holds = sequence == held.sequence;
                draft.push(match self.is_past(&giving) {
                    // Nobody has it by that act any more.
                    true if holds => {
                        over = Some(Effect::DropPayload { author: name.author, sequence });
                        continue;
                    }
                    true => Effect::BesidesOver { name, version, sequence },
                    false if self.stays_beside(rows, &giving, (release, &allowed))? => {
                        go_on.push(giving);
                        Effect::Besides { name, version, sequence }
                    }
                    false if holds => match change::followed(rows, giving, release.object)? {
                        other @ Effect::DropPayload { .. } => {
                            over = Some(other);
                            continue;
                        }
                        replaced => replaced,
                    },
                    false => Effect::Replaced { name, version, sequence },
                });
            }
        }
        // Behind the version where something stands beside it, or that goes with the payload.
        let behind = over.take_if(|_| !go_on.is_empty());
        draft.extend(over);
        draft.push(Effect::Version(VersionRow {
            name: name.clone(),
            version: version.to_owned(),
            sequence: made.sequence,
            kind: release.kind.clone(),
            digest: made.digest,
            rules: release.rules.to_owned(),
            by: None,
        }));
        draft.extend(behind);
        for member in allowed.iter().filter(|member| **member != self.me.member) {
            draft.push(self.holder(&name, *member, HolderRow::RELEASED));
            address(&mut draft, *member, release.lane, (self.me.member, made.sequence))?;
        }
        let waited = rows.later(&head.id)?.into_iter().filter(|row| row.version == version);
        for row in waited.filter(|row| release.addressees.contains(&row.member)) {
            let has = allowed.contains(&row.member).then_some(release.rules);
            let rest = self.left_for(rows, (&go_on, has), &row.member)?;
            draft.push(Rest::of(rest, &row, self.now));
        }
        if !withheld.is_empty() {
            self.withhold(&mut draft, object, &withheld)?;
            let whom = (withheld.iter().map(|(member, _)| *member), release.lane);
            let waits = self.put_off(rows, (&head.id, version), (release.rules, release.object), whom)?;
            draft.extend(waits.into_iter().map(Effect::Later));
        }
        Ok(Released { sequence: made.sequence, withheld, effects: draft.finish() })
    }

    /// The giving of a version by which these very bytes were given before, the latest one, with its salt: a consent is to a commitment, and
    /// giving the version to somebody more takes nothing from whom a consent lets have it, whatever else was given in its place meanwhile.
    fn giving_of(
        &self,
        rows: &dyn Rows,
        held: Option<&VersionRow>,
        object: &[u8],
    ) -> Read<Option<(VersionRow, Salt)>> {
        let Some(held) = held else { return Ok(None) };
        for giving in self.givings_of(rows, held)? {
            let Some(payload) = rows.payload(&self.me.member, giving.sequence)? else { continue };
            let Ok(content) = Content::parse(&payload.bytes) else { continue };
            if content.object == object {
                return Ok(Some((giving, content.object_salt.unwrap_or(payload.salt))));
            }
        }
        Ok(None)
    }

    /// By which salts a version is given, where one is known of it already. Whoever is given it later learns the salt of the version, so
    /// nothing else is committed to by it, unless somebody is among the recipients who reads one salt alone.
    fn salts(
        &self,
        rows: &dyn Rows,
        (known, before): (Option<Salt>, Option<&VersionRow>),
        to: &BTreeSet<KeyId>,
    ) -> Read<Salts> {
        for member in to {
            if self.reads_one_salt(rows, before, member)? {
                return Ok(known.map_or(Salts::Own, Salts::Same));
            }
        }
        Ok(Salts::Parted(known.unwrap_or_else(|| Salt::generate(self.rng))))
    }

    /// Whether a member's node reads no act with two salts. It is of an earlier build by its greeting; or, where it has never sent one, as
    /// who is reached by relays and files alone, it has refused the act by which the version was given as one about another object.
    pub(crate) fn reads_one_salt(
        &self,
        rows: &dyn Rows,
        before: Option<&VersionRow>,
        member: &KeyId,
    ) -> Read<bool> {
        if let Some(version) = rows.peer(member)?.version {
            return Ok(version < Versions::PARTED);
        }
        let Some(before) = before else { return Ok(false) };
        let mut receipts = rows.receipts(before.sequence)?.into_iter().filter(|row| row.member == *member);
        Ok(receipts.any(|row| matches!(&row.state, ReceiptState::Refused(told) if is_about_another(told))))
    }

    /// Parts the addressees into those who get it and those who do not, or not yet by their own clock.
    fn sift(&self, rows: &dyn Rows, release: &Release<'_>) -> Read<Sifted> {
        let mut sifted = Sifted::default();
        for member in release.addressees {
            let question = self.sending(release.rules, release.object, *member);
            match self.kept_from(rows, &question)? {
                Some((rule, _)) => sifted.withheld.push((*member, rule)),
                None => drop(sifted.allowed.insert(*member)),
            }
        }
        Ok(sifted)
    }

    /// Notes that an own object is given to nobody of those meant, and by which rules: nothing else changes.
    ///
    /// # Errors
    /// `PayloadForm` for bytes that are no object, and those of [`DeedError`].
    pub fn refuse(
        &self,
        rows: &dyn Rows,
        object: &[u8],
        withheld: &[(KeyId, String)],
    ) -> Result<Vec<Effect>, DeedError> {
        let mut draft = Draft::begin(self, rows)?;
        let head = ObjectHead::read(object)?;
        self.withhold(&mut draft, Some((&head.id, head.version())), withheld)?;
        Ok(draft.finish())
    }

    fn withhold(
        &self,
        draft: &mut Draft<'_>,
        object: Option<(&str, Option<&str>)>,
        withheld: &[(KeyId, String)],
    ) -> Result<Made, DeedError> {
        let document = write_document(&Withheld { from: withheld.to_vec() });
        let content = Content { document: &document, ..Content::default() };
        draft.append(&NewAct {
            kind: ActKind::Withheld,
            object,
            content,
            addressees: &BTreeSet::new(),
            salts: Salts::Own,
        })
    }

    /// Narrows, recalls or erases an own object, here and at everybody who has it. One that was never released can be erased: that it
    /// is here, and this member's, is for the caller to know.
    ///
    /// # Errors
    /// `NoObject` for another change to one that was never released, `Tombstoned` when it is erased already, and those of
    /// [`DeedError`].
    pub fn alter(
        &self,
        rows: &dyn Rows,
        object: &str,
        alteration: &Alteration<'_>,
        reason: &str,
    ) -> Result<(u64, Vec<Effect>), DeedError> {
        let name = ObjectName { author: self.me.member, id: object.to_owned() };
        let holders = rows.holders(&name)?.into_iter().map(|row| row.member).collect();
        self.alter_at(rows, object, (alteration, reason), holders)
    }

    /// Calls an own object back here and from some of those who have it: to the others nothing is said, and what they are to have goes on
    /// being theirs once it is released anew, later than this.
    ///
    /// # Errors
    /// As [`Exchange::alter`].
    pub fn recall_from(
        &self,
        rows: &dyn Rows,
        object: &str,
        (reason, members): (&str, BTreeSet<KeyId>),
    ) -> Result<(u64, Vec<Effect>), DeedError> {
        self.alter_at(rows, object, (&Alteration::Recall, reason), members)
    }

    fn alter_at(
        &self,
        rows: &dyn Rows,
        object: &str,
        (alteration, reason): (&Alteration<'_>, &str),
        holders: BTreeSet<KeyId>,
    ) -> Result<(u64, Vec<Effect>), DeedError> {
        let mut draft = Draft::begin(self, rows)?;
        let name = ObjectName { author: self.me.member, id: object.to_owned() };
        let fate = rows.fate(&name)?;
        let released =
            !rows.versions(&name)?.is_empty() || !fate.is_none() || !rows.holders(&name)?.is_empty();
        if !released && *alteration != Alteration::Erase {
            return Err(DeedError::NoObject(base::quoted(object).to_string()));
        }
        if fate.erased.is_some() {
            return Err(Rule::Tombstoned.into());
        }
        let kind = alteration.kind();
        let rules = match alteration {
            Alteration::Narrow(rules) | Alteration::NarrowTo(rules) => *rules,
            Alteration::Recall | Alteration::Erase => "",
        };
        let only = matches!(alteration, Alteration::NarrowTo(_));
        let document =
            write_document(&Change { originator: self.me.member, reason: reason.to_owned(), only });
        let content = Content { rules, document: &document, ..Content::default() };
        let made = draft.append(&NewAct {
            kind: kind.clone(),
            object: Some((object, None)),
            content,
            addressees: &holders,
            salts: Salts::Own,
        })?;
        let change = ChangeOf { kind: &kind, name: &name, sequence: made.sequence, rules, only };
        match alteration {
            Alteration::Narrow(narrowed) | Alteration::NarrowTo(narrowed) => {
                draft.extend(self.put_off_holders(rows, &name, narrowed)?);
            }
            Alteration::Recall | Alteration::Erase => draft.push(Effect::NoneLater(object.to_owned())),
        }
        draft.extend(change::apply(self, rows, &change)?);
        for member in holders {
            address(&mut draft, member, Lane::Flash, (self.me.member, made.sequence))?;
        }
        Ok((made.sequence, draft.finish()))
    }

    /// Says that copies of an object are destroyed here that nobody was given, and tells nobody: what was given under its identifier besides
    /// stays, and so does what may be given under it.
    ///
    /// # Errors
    /// Those of [`DeedError`].
    pub fn erase_here(
        &self,
        rows: &dyn Rows,
        object: &str,
        reason: &str,
    ) -> Result<(u64, Vec<Effect>), DeedError> {
        let mut draft = Draft::begin(self, rows)?;
        let document =
            write_document(&Change { originator: self.me.member, reason: reason.to_owned(), only: false });
        let content = Content { document: &document, ..Content::default() };
        let (kind, object, salts) = (ActKind::Erased, Some((object, None)), Salts::Own);
        let made = draft.append(&NewAct { kind, object, content, addressees: &BTreeSet::new(), salts })?;
        Ok((made.sequence, draft.finish()))
    }

    /// Destroys a version here because its time is over. Nobody is told: whoever else has it has its rules, and does the same. What was given
    /// under rules by which it is not `over`, told by their line, goes on being known as given: what was destroyed is another copy, or was given
    /// by another act beside it.
    ///
    /// # Errors
    /// Those of [`DeedError`].
    pub fn retire(
        &self,
        rows: &dyn Rows,
        name: &ObjectName,
        version: &str,
        over: impl Fn(&str) -> bool,
    ) -> Result<Vec<Effect>, DeedError> {
        let mut draft = Draft::begin(self, rows)?;
        let held = rows.versions(name)?.into_iter().find(|held| held.version == version);
        if let Some(held) = held {
            draft.extend(self.ended_givings(rows, &held, over)?);
        }
        let document =
            write_document(&Change { originator: name.author, reason: String::new(), only: false });
        let content = Content { document: &document, ..Content::default() };
        let object = Some((name.id.as_str(), Some(version).filter(|version| !version.is_empty())));
        let kind = ActKind::RetentionEnded;
        draft.append(&NewAct { kind, object, content, addressees: &BTreeSet::new(), salts: Salts::Own })?;
        Ok(draft.finish())
    }

    /// Notes by which state of the registry this member goes from now on. Nobody is told: whoever has the entries has the state.
    ///
    /// # Errors
    /// Those of [`DeedError`].
    pub fn note_registry(
        &self,
        rows: &dyn Rows,
        state: &RegistryState,
    ) -> Result<(u64, Vec<Effect>), DeedError> {
        let mut draft = Draft::begin(self, rows)?;
        let document = write_document(state);
        let content = Content { document: &document, ..Content::default() };
        let (kind, salts) = (ActKind::RegistryChanged, Salts::Own);
        let made =
            draft.append(&NewAct { kind, object: None, content, addressees: &BTreeSet::new(), salts })?;
        Ok((made.sequence, draft.finish()))
    }

    /// Tells every member that takes part what this one did without a second person. A receipt of each is awaited.
    ///
    /// # Errors
    /// Those of [`DeedError`].
    pub fn announce(&self, rows: &dyn Rows, notice: &Notice) -> Result<(u64, Vec<Effect>), DeedError> {
        let mut draft = Draft::begin(self, rows)?;
        let mut others = self.directory.active();
        others.remove(&self.me.member);
        let document = write_document(notice);
        let content = Content { document: &document, ..Content::default() };
        let kind = ActKind::GlassBroken;
        let made =
            draft.append(&NewAct { kind, object: None, content, addressees: &others, salts: Salts::Own })?;
        for member in others {
            address(&mut draft, member, Lane::Flash, (self.me.member, made.sequence))?;
        }
        Ok((made.sequence, draft.finish()))
    }

    /// Consents to one holder giving one version of an own object to one recipient. Answers the token.
    ///
    /// # Errors
    /// `NoObject`, and those of [`DeedError`].
    pub fn consent(&self, rows: &dyn Rows, grant: &Grant<'_>) -> Result<Granted, DeedError> {
        let mut draft = Draft::begin(self, rows)?;
        let name = ObjectName { author: self.me.member, id: grant.object.to_owned() };
        let held = rows.versions(&name)?.into_iter().find(|held| held.version == grant.version);
        let held = held.ok_or_else(|| DeedError::NoObject(base::quoted(grant.object).to_string()))?;
        // The bytes that it passes on are those that it was given.
        let held = self.giving_to(rows, &held, &grant.from)?.unwrap_or(held);
        let token = Consent {
            originator: self.me.member,
            object: grant.object.to_owned(),
            digest: held.digest,
            from: grant.from,
            to: grant.to,
            until_us: grant.until.0,
            place: draft.next(),
        };
        let signed = token.sign(self.me.signer.as_ref())?;
        let document = signed.to_json();
        let content = Content { document: document.as_bytes(), ..Content::default() };
        let made = draft.append(&NewAct {
            kind: ActKind::Consented,
            object: None,
            content,
            addressees: &BTreeSet::from([grant.from]),
            salts: Salts::Own,
        })?;
        let token = token.row(&signed);
        draft.push(Effect::Consent(token.clone()));
        draft.push(self.holder(&name, grant.to, HolderRow::CONSENT));
        address(&mut draft, grant.from, Lane::Routine, (self.me.member, made.sequence))?;
        Ok(Granted { sequence: made.sequence, token, effects: draft.finish() })
    }

    /// Takes a consent of this member back: who was let pass the object on, and to whom, are told before everything that waits.
    /// What went on already stays; the consent does not count again.
    ///
    /// # Errors
    /// `NotOriginator` for another member's consent, and those of [`DeedError`].
    pub fn revoke(&self, rows: &dyn Rows, token: &ConsentRow) -> Result<(u64, Vec<Effect>), DeedError> {
        if token.name.author != self.me.member {
            return Err(Rule::NotOriginator.into());
        }
        let mut draft = Draft::begin(self, rows)?;
        let document = write_document(&Revocation { token: Commitment(token.id) });
        let content = Content { document: &document, ..Content::default() };
        let ends = BTreeSet::from([token.from, token.to]);
        let kind = ActKind::ConsentRevoked;
        let made =
            draft.append(&NewAct { kind, object: None, content, addressees: &ends, salts: Salts::Own })?;
        draft.push(Effect::Revoked(RevokedRow {
            author: self.me.member,
            id: token.id,
            sequence: made.sequence,
        }));
        for member in ends {
            address(&mut draft, member, Lane::Flash, (self.me.member, made.sequence))?;
        }
        Ok((made.sequence, draft.finish()))
    }

    /// Passes on an object of another member, with that member's consent.
    ///
    /// # Errors
    /// Those of [`Exchange::passable`], and those of [`DeedError`].
    pub fn pass_on(
        &self,
        rows: &dyn Rows,
        name: &ObjectName,
        version: &str,
        to: KeyId,
    ) -> Result<Vec<Effect>, DeedError> {
        let mut draft = Draft::begin(self, rows)?;
        let held = self.passable(rows, name, version, to)?;
        // What the originator has narrowed since goes along, and first.
        for (sequence, _) in rows.fate(name)?.narrowed.into_iter().filter(|(at, _)| *at > held.sequence) {
            draft.enqueue(to, Lane::Flash, (name.author, sequence))?;
        }
        draft.enqueue(to, Lane::Routine, (name.author, held.sequence))?;
        Ok(draft.finish())
    }

    /// The version of another member's object that may be passed on to a member now: what [`Exchange::pass_on`] goes by, and whoever
    /// wants to know before.
    ///
    /// # Errors
    /// `NoObject`, `ConsentMissing`, `ConsentExpired`, `Handling`, also with the code of [`Hindrance::Absent`] of who takes no part, and
    /// `RecipientOlder` as long as the recipient's node reads no act like this one.
    pub fn passable(
        &self,
        rows: &dyn Rows,
        name: &ObjectName,
        version: &str,
        to: KeyId,
    ) -> Result<VersionRow, DeedError> {
        let held = rows.versions(name)?.into_iter().find(|held| held.version == version);
        let held = held.ok_or_else(|| DeedError::NoObject(base::quoted(&name.id).to_string()))?;
        if self.directory.standing(&to) != Standing::Active {
            let absent = Hindrance::Absent.code().to_owned();
            return Err(Refused { rule: Rule::Handling, handling: Some(absent) }.into());
        }
        self.may_pass_on(rows, &held, to)?;
        // Only its author can make it anew; sent as it is, it would be refused there for good.
        if self.has_two_salts(rows, &held)? && self.reads_one_salt(rows, None, &to)? {
            return Err(Rule::RecipientOlder.into());
        }
        Ok(held)
    }

    /// Whether consent and handling let `to` have a version that is held here, at this moment.
    pub(crate) fn may_pass_on(
        &self,
        rows: &dyn Rows,
        held: &VersionRow,
        to: KeyId,
    ) -> Result<Vec<base::signed::Signed>, DeedError> {
        let name = &held.name;
        let tokens =
            rows.consents(name)?.into_iter().filter(|row| row.to == to && row.from == self.me.member);
        let tokens: Result<Vec<_>, Rule> = tokens.map(|row| statement(row.signed.as_bytes())).collect();
        let tokens = tokens?;
        let ended = self.ended(rows, name, &tokens)?;
        let from = self.me.member;
        let passing = Passing { name, digest: held.digest, from, to, now: self.now, ended: &ended };
        permits(&tokens, &self.directory.keys(&name.author), &passing)?;
        let payload = rows.payload(&name.author, held.sequence)?;
        let payload = payload.ok_or_else(|| DeedError::NoObject(base::quoted(&name.id).to_string()))?;
        let content = Content::parse(&payload.bytes)?;
        let question = Question {
            deed: Deed::Send,
            originator: name.author,
            recipient: to,
            rules: &held.rules,
            object: content.object,
            consent: Consented::Yes,
            now: self.now,
        };
        self.may_give(&question).map_err(|rule| Refused { rule: Rule::Handling, handling: Some(rule) })?;
        Ok(tokens)
    }

    /// Whether the act by which a version is held commits to its object by a salt of the object's own.
    pub(crate) fn has_two_salts(&self, rows: &dyn Rows, held: &VersionRow) -> Read<bool> {
        let payload = rows.payload(&held.name.author, held.sequence)?;
        let content = payload.as_ref().and_then(|row| Content::parse(&row.bytes).ok());
        Ok(content.is_some_and(|content| content.object_salt.is_some()))
    }

    pub(crate) fn holder(&self, name: &ObjectName, member: KeyId, ground: &str) -> Effect {
        Effect::Holder(HolderRow { name: name.clone(), member, ground: ground.to_owned(), since: self.now })
    }
}

/// Queues an own act for a member and awaits its receipt.
pub(crate) fn address(
    draft: &mut Draft<'_>,
    member: KeyId,
    lane: Lane,
    act: (KeyId, u64),
) -> Result<(), DeedError> {
    draft.enqueue(member, lane, act)?;
    draft.push(Effect::Receipt(ReceiptRow { sequence: act.1, member, state: ReceiptState::Pending }));
    Ok(())
}

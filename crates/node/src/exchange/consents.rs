//! Consent: letting a member pass on to another what is this member's, and taking that back.
//!
//! A consent is given for the version of an object that is the latest here, by name of who may pass it on. Taking it back ends it
//! at both ends; what went on before stays there, as something that only a recall reaches.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::Micros;
use base::signing::KeyId;
use federation::{
    ConsentRow, Consented, Deed, DeedError, Exchange, Grant, Granted, ObjectName, Question, Rows, holders_now,
};
use handling::{MemberId, Principal, Refusal, Rule, Viewer};
use serde::Serialize;
use stix::Timestamp;
use store::{StoreError, StoredObject};

use super::giving::{authors, own_word, version_of};
use super::purview::{digests, known_by};
use super::views::failed;
use super::{Court, ExchangeError};
use crate::{Node, ReadError};

/// A consent to be given.
#[derive(Clone, Debug)]
pub struct ConsentRequest<'a> {
    /// STIX id of an own object.
    pub object: &'a str,
    /// Who may pass it on; without a name every member that has it now, or is to have it.
    pub from: Option<&'a str>,
    /// To whom.
    pub to: &'a str,
    /// Until when; at that moment it has run out.
    pub until: Micros,
}

/// A consent that was given: one token for each member that may pass the object on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConsentGiven {
    /// The object.
    pub object: String,
    /// Digest of the first token, which is the only one where `from` was named.
    pub id: String,
    /// The place of its act in this member's ledger.
    pub leaf: u64,
    /// Every token.
    pub consents: Vec<ConsentView>,
}

/// A token of consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConsentView {
    /// Its digest.
    pub id: String,
    /// The object.
    pub object: String,
    /// Whose object it is and who gave the consent.
    pub originator: String,
    /// Who may pass it on.
    pub from: String,
    /// To whom.
    pub to: String,
    /// Until when (RFC 3339).
    pub until: String,
    /// Whether that has passed.
    pub expired: bool,
    /// Whether the originator has taken it back.
    pub revoked: bool,
}

/// Consents read from the store at a time.
const CONSENTS_AT_ONCE: usize = 500;

/// A page of consents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentPage {
    /// The consents, by id.
    pub consents: Vec<ConsentView>,
    /// After which one to go on, when more come.
    pub next: Option<[u8; 32]>,
}

/// Refuses a consent that nothing could make count: what is for named persons stays with them, and they are named in the rules.
fn could_count(
    exchange: &Exchange<'_>,
    rows: &dyn Rows,
    name: &ObjectName,
    (version, to): (&str, KeyId),
) -> Result<(), ExchangeError> {
    let held = rows.versions(name)?.into_iter().find(|held| held.version == version);
    let Some(held) = held else { return Ok(()) };
    let persons = Rule::TlpRedPersons;
    for giving in exchange.givings_of(rows, &held)? {
        let question = Question {
            deed: Deed::Keep,
            originator: name.author,
            recipient: to,
            rules: &giving.rules,
            // The rules that are told say at least what the object's own markings do.
            object: b"{}",
            consent: Consented::Yes,
            now: exchange.now,
        };
        if exchange.judge.decide(&question) != Err(persons.code().to_owned()) {
            return Ok(());
        }
    }
    let why = "it is for the persons named only, and none of the recipient's is: share it with them by name";
    Err(ReadError::Refused(Refusal::new(persons, why)).into())
}

impl Node {
    /// Lets members pass on an own object to another, until a moment.
    ///
    /// # Errors
    /// `consent-expired` when the moment has passed, `NobodyHolds` when no giver is named and nobody has it, `NotAPeer` for this member
    /// itself, `tlp-red-persons` where none of the recipient's people is named, which no consent takes the place of; else see
    /// [`ExchangeError`].
    pub async fn consent(
        &self,
        who: &Principal,
        request: ConsentRequest<'_>,
    ) -> Result<ConsentGiven, ExchangeError> {
        let court = self.sitting().await?;
        let found = self.own(who, request.object).await?;
        if request.until <= self.now() {
            return Err(DeedError::from(federation::Rule::ConsentExpired).into());
        }
        let to = self.member_called(who, request.to).await?;
        if to == court.member() {
            return Err(ExchangeError::NotAPeer(self.slug_of(&to)));
        }
        let from = match request.from {
            Some(from) => Some(self.member_called(who, from).await?),
            None => None,
        };
        let (id, version, until) = (found.id.clone(), version_of(&found)?, request.until);
        let bytes = found.bytes.clone();
        let given: Vec<Granted> = self
            .step(&court, 1, move |exchange, desk| {
                let name = ObjectName { author: exchange.me.member, id: id.clone() };
                // What others here gave under its identifier is not consented to by who does not see it.
                let all = digests(desk.rows(), &desk.rows().versions(&name)?)?;
                let is_given = known_by(&bytes).any(|known| all.contains(&known));
                could_count(exchange, desk.rows(), &name, (&version, to))?;
                let givers = match from {
                    Some(_) if !is_given => {
                        return Err(DeedError::NoObject(base::quoted(&id).to_string()).into());
                    }
                    Some(from) => BTreeSet::from([from]),
                    None if !is_given => BTreeSet::new(),
                    None => holders_now(desk.rows(), &name)?.into_iter().map(|row| row.member).collect(),
                };
                let mut given = Vec::new();
                for from in givers.into_iter().filter(|from| *from != to && *from != exchange.me.member) {
                    let grant = Grant { object: &id, version: &version, from, to, until };
                    let mut granted = exchange.consent(desk.rows(), &grant)?;
                    desk.apply(std::mem::take(&mut granted.effects))?;
                    given.push(granted);
                }
                Ok(given)
            })
            .await?;
        self.tell_peers();
        let Some(first) = given.first() else { return Err(ExchangeError::NobodyHolds(found.id)) };
        Ok(ConsentGiven {
            object: found.id,
            id: hex::encode(first.token.id),
            leaf: first.sequence,
            consents: given.iter().map(|granted| self.consent_view(&granted.token, false)).collect(),
        })
    }

    /// Takes a consent of this member back, and answers it as it stands then. To do so twice changes nothing.
    ///
    /// # Errors
    /// `NoConsent` when it is not known, or is about an object that this principal may not see; else see [`ExchangeError`].
    pub async fn revoke_consent(&self, who: &Principal, id: &str) -> Result<ConsentView, ExchangeError> {
        let court = self.sitting().await?;
        let unknown = || ExchangeError::NoConsent(base::quoted(id).to_string());
        let digest: [u8; 32] = hex::decode(id).ok().and_then(|id| id.try_into().ok()).ok_or_else(unknown)?;
        let row = self.store().consent(&digest).await?.ok_or_else(unknown)?;
        if !self.sees(&self.eyes(who), &row).await? {
            return Err(unknown());
        }
        let revoked = self.flagged(&court, vec![row.clone()]).await?.iter().any(|(_, revoked)| *revoked);
        self.own(who, &row.name.id).await?;
        if !revoked {
            let token = row.clone();
            self.step(&court, 1, move |exchange, desk| {
                let (_, effects) = exchange.revoke(desk.rows(), &token)?;
                Ok(desk.apply(effects)?)
            })
            .await?;
            self.tell_peers();
        }
        Ok(self.consent_view(&row, true))
    }

    /// The consents that this member gave, or was given, about objects that this principal may see: by id, those that come after
    /// one, at most `limit`.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    ///
    /// # Limits
    /// Holds [`CONSENTS_AT_ONCE`] rows besides the page; goes on until the page is full, so that a short page tells nothing of what
    /// may not be seen.
    pub async fn consents(
        &self,
        who: &Principal,
        after: Option<[u8; 32]>,
        limit: usize,
    ) -> Result<ConsentPage, ExchangeError> {
        let court = self.hearing().await?;
        let view = self.eyes(who);
        let (mut seen, mut after) = (Vec::new(), after);
        'page: loop {
            let rows = self.store().consents(after, CONSENTS_AT_ONCE).await?;
            let last = rows.last().map(|row| row.id).filter(|_| rows.len() == CONSENTS_AT_ONCE);
            for row in rows {
                if self.sees(&view, &row).await? {
                    seen.push(row);
                }
                if seen.len() > limit {
                    break 'page;
                }
            }
            after = last;
            if after.is_none() {
                break;
            }
        }
        let more = seen.len() > limit;
        seen.truncate(limit);
        let next = seen.last().map(|row| row.id).filter(|_| more);
        let flagged = self.flagged(&court, seen).await?;
        let consents = flagged.iter().map(|(row, revoked)| self.consent_view(row, *revoked)).collect();
        Ok(ConsentPage { consents, next })
    }

    /// The consent by which a member may have an object as it stands here, where one counts now: from this member, or from anybody
    /// where the object is this member's own.
    pub(crate) async fn consent_for(
        &self,
        object: &StoredObject,
        to: MemberId,
    ) -> Result<Option<ConsentView>, StoreError> {
        let Some(court) = self.court().await?.map(Arc::new) else { return Ok(None) };
        let authors = match own_word(&court, object) {
            Some(_) => BTreeSet::from([court.member()]),
            None => authors(&court, object),
        };
        let Ok(version) = federation::object_version(&object.bytes) else { return Ok(None) };
        let (id, to, sitting) = (object.id.clone(), KeyId::from_bytes(to.0), Arc::clone(&court));
        let row = store::looked(self.store(), court.member(), move |rows| {
            for author in authors {
                let name = ObjectName { author, id: id.clone() };
                let counts = sitting.exchange().consent_for(rows, &name, (&version, to));
                if let Some(row) = counts.map_err(failed)? {
                    return Ok(Some(row));
                }
            }
            Ok(None)
        });
        Ok(row.await?.map(|row| self.consent_view(&row, false)))
    }

    /// Whether somebody may know of this consent: who may see its object, by the word of whoever gave it where that is this member.
    async fn sees(&self, view: &Viewer, row: &ConsentRow) -> Result<bool, StoreError> {
        let own = self.standing().home == Some(MemberId(*row.name.author.as_bytes()));
        let asked = if own {
            self.store().own_object(view, &row.name.id, None).await
        } else {
            self.store().object(view, &row.name.id, None).await
        };
        match asked {
            // What it says by now plays no part.
            Ok(_) | Err(StoreError::Altered { .. }) => Ok(true),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Each with whether it was taken back.
    async fn flagged(
        &self,
        court: &Court,
        rows: Vec<ConsentRow>,
    ) -> Result<Vec<(ConsentRow, bool)>, StoreError> {
        store::looked(self.store(), court.member(), move |looked| {
            let flagged = rows.into_iter().map(|row| {
                let revoked = looked.revoked(&row.name.author, &row.id)?;
                Ok((row, revoked))
            });
            flagged.collect::<federation::Read<Vec<_>>>().map_err(failed)
        })
        .await
    }

    fn consent_view(&self, row: &ConsentRow, revoked: bool) -> ConsentView {
        let slug = |member: &KeyId| self.slug_of(member);
        ConsentView {
            id: hex::encode(row.id),
            object: row.name.id.clone(),
            originator: slug(&row.name.author),
            from: slug(&row.from),
            to: slug(&row.to),
            until: Timestamp::text_of(row.until),
            expired: row.until <= self.now(),
            revoked,
        }
    }
}

//! Would it reach them: what `share` and a release go by, asked without doing anything.
//!
//! Whoever would be given something is asked about as the step asks that gives it: [`Exchange::kept_from`] of this member's own,
//! [`Exchange::passable`] of another's. So `why` and `simulate` cannot say anything else than what happens.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::signing::KeyId;
use bytes::Bytes;
use federation::{Consented, DeedError, Exchange, ObjectName, Rows, Rule};
use handling::{CircleId, Principal, Rules};
use store::{StoreError, StoredObject};

use super::giving::{authors, reason, version_of};
use super::purview::{GIVEN_OTHERWISE, is_given_otherwise, said};
use super::views::failed;
use super::{Court, ExchangeError};
use crate::Node;
use crate::community::circles_in;
use crate::directory::Directory;

/// A version of this member's own as it stands here, or would.
pub(crate) struct Own {
    pub(crate) id: String,
    pub(crate) bytes: Bytes,
    pub(crate) rules: Rules,
}

/// What keeps something from a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The code.
    pub(crate) rule: &'static str,
    /// Whether it is handling's own rule, which tells its reasons itself.
    pub(crate) of_handling: bool,
}

impl Kept {
    pub(super) fn by(rule: &str) -> Self {
        let of_handling = handling::Rule::ALL.iter().any(|known| known.code() == rule);
        Self { rule: crate::explain::code(rule), of_handling }
    }

    /// Why, in words.
    pub(crate) fn why(&self) -> &'static str {
        match self.rule {
            "member-absent" => {
                "it takes no part in the community at present, so nothing goes there until it does"
            }
            "clock-behind" => {
                "the embargo is over here and, by the clock of its node, not there: it goes when it is over there"
            }
            "origin-forged" => {
                "created_by_ref says that another member made it, so nobody takes it from this one"
            }
            "tombstoned" => {
                "it was destroyed everywhere by `erase`, so nobody takes it from this member any more"
            }
            "consent-missing" => {
                "it is another member's, and goes on with that member's consent only: none for this recipient is known here; ask that member \
                 for one (`cresset consent grant`)"
            }
            GIVEN_OTHERWISE => {
                "others were given something else under its id and date, so it stands here and is given to nobody"
            }
            other => crate::explain(other).unwrap_or_default(),
        }
    }
}

impl Court {
    /// The other members of a circle that get what was shared with it at a moment, those too that take no part at present.
    pub(crate) fn seated(&self, circle: &CircleId, shared: base::Micros) -> BTreeSet<KeyId> {
        let all = self.members.in_circle_since(circle, shared).into_iter();
        all.map(|member| KeyId::from_bytes(member.0)).filter(|member| *member != self.member()).collect()
    }
}

impl Node {
    /// What keeps an own version from each of some members, under the rules it has; `consented` says who has a consent that counts.
    pub(crate) async fn kept_from(
        &self,
        court: &Arc<Court>,
        who: &Principal,
        own: Own,
        members: Vec<(KeyId, Consented)>,
    ) -> Result<Vec<Option<Kept>>, StoreError> {
        let (sitting, seen) = (Arc::clone(court), self.seen_where_written(court, who, &own.id).await?);
        store::looked(self.store(), court.member(), move |rows| {
            let (exchange, line) = (sitting.exchange(), own.rules.told_by(sitting.home()).to_string());
            if let Some(kept) = kept_from_all(&exchange, rows, &own, &seen)? {
                return Ok(vec![Some(kept); members.len()]);
            }
            let all = members.into_iter().map(|(member, consent)| {
                let question =
                    federation::Question { consent, ..exchange.sending(&line, &own.bytes, member) };
                let kept = exchange.kept_from(rows, &question).map_err(failed)?;
                Ok(kept.map(|(rule, _)| Kept::by(&rule)))
            });
            all.collect()
        })
        .await
    }

    /// Whether an own version is with each of these members, or on its way there, or waits for them: nothing is to be done for that. Who has a
    /// consent for it may be given it by somebody, and has it when it has signed for it.
    pub(crate) async fn is_shared(
        &self,
        court: &Court,
        own: &StoredObject,
        members: BTreeSet<KeyId>,
    ) -> Result<bool, StoreError> {
        let Ok(version) = version_of(own) else { return Ok(false) };
        let name = ObjectName { author: court.member(), id: own.id.clone() };
        let bytes = own.bytes.clone();
        store::looked(self.store(), court.member(), move |rows| {
            let held = rows.versions(&name).map_err(failed)?.into_iter().find(|held| held.version == version);
            let Some(held) = held else { return Ok(false) };
            if said(rows, &held)?.is_none_or(|said| said != bytes) {
                // Something else was given under its date.
                return Ok(false);
            }
            let mut with: BTreeSet<KeyId> = BTreeSet::new();
            let acts = std::iter::once(held.sequence).chain(rows.replaced(&held).map_err(failed)?);
            for sequence in acts {
                let given = rows.receipts(sequence).map_err(failed)?.into_iter();
                with.extend(given.filter(|row| row.state.is_given()).map(|row| row.member));
            }
            let waiting = rows.later(&name.id).map_err(failed)?.into_iter();
            with.extend(waiting.filter(|row| row.version == held.version).map(|row| row.member));
            Ok(members.is_subset(&with))
        })
        .await
    }

    /// Whether a member counts as in the circles that an own version is for: it was in them when it was shared with them, or was given it
    /// since, or nothing was shared with them yet, so that it would be shared with whoever is in them now.
    pub(crate) async fn counts_as_seated(
        &self,
        court: &Arc<Court>,
        (own, rules): (&StoredObject, &Rules),
        member: KeyId,
    ) -> Result<bool, StoreError> {
        let Ok(version) = version_of(own) else { return Ok(false) };
        let name = ObjectName { author: court.member(), id: own.id.clone() };
        let (sitting, meant) = (Arc::clone(court), circles_in(rules).collect::<BTreeSet<_>>());
        store::looked(self.store(), court.member(), move |rows| {
            let held = rows.versions(&name).map_err(failed)?.into_iter().find(|held| held.version == version);
            let Some(held) = held else { return Ok(true) };
            let names = |line: &str| {
                let rules = line.parse::<Rules>();
                rules.is_ok_and(|rules| circles_in(&rules).any(|circle| meant.contains(&circle)))
            };
            let shared = sitting.exchange().was_shared_with(rows, (&held, &member), names);
            Ok(shared.map_err(failed)?.unwrap_or(true))
        })
        .await
    }

    /// What hinders this member from passing another's object on to each of some members.
    pub(crate) async fn not_passable(
        &self,
        court: &Arc<Court>,
        object: &StoredObject,
        members: Vec<KeyId>,
    ) -> Result<Vec<Option<Kept>>, StoreError> {
        if stix::Subject::of_bytes(&object.bytes) >= stix::Subject::Person {
            return Ok(vec![Some(Kept::by(handling::Rule::PersonDataStaysHome.code())); members.len()]);
        }
        let (sitting, authors, id) = (Arc::clone(court), authors(court, object), object.id.clone());
        let Ok(version) = version_of(object) else {
            return Ok(vec![Some(Kept::by(Rule::PayloadForm.code())); members.len()]);
        };
        store::looked(self.store(), court.member(), move |rows| {
            let exchange = sitting.exchange();
            let all = members.into_iter().map(|member| {
                let mut kept = Some(Kept::by(handling::Rule::OriginatorControl.code()));
                for author in &authors {
                    let name = ObjectName { author: *author, id: id.clone() };
                    kept = match exchange.passable(rows, &name, &version, member) {
                        Ok(_) => return Ok(None),
                        Err(DeedError::Store(error)) => return Err(failed(error)),
                        Err(DeedError::Refused(refused)) => Some(Kept::by(&reason(&refused))),
                        Err(other) => Some(Kept::by(ExchangeError::from(other).code())),
                    };
                }
                Ok(kept)
            });
            all.collect()
        })
        .await
    }

    /// What a principal sees of what this member says under an identifier, where they may write, by its bytes.
    async fn seen_where_written(
        &self,
        court: &Court,
        who: &Principal,
        id: &str,
    ) -> Result<BTreeSet<[u8; 32]>, StoreError> {
        let rows = match self.store().history(&self.eyes(who).for_deeds(), id).await {
            Err(StoreError::NotFound { .. }) => return Ok(BTreeSet::new()),
            rows => rows?,
        };
        let directory: Arc<Directory> = self.directory().await?;
        let writes = |collection: &str| {
            let row = directory.collection(collection);
            row.is_some_and(|row| handling::access(who, row.no).write)
        };
        let own = rows.into_iter().filter(|row| row.originator.is_own(Some(court.home())));
        Ok(own.filter(|row| writes(&row.collection)).map(|row| row.digest).collect())
    }
}

/// What keeps an own version from everybody: it was erased, or something else was given in its place.
fn kept_from_all(
    exchange: &Exchange<'_>,
    rows: &dyn Rows,
    own: &Own,
    seen: &BTreeSet<[u8; 32]>,
) -> Result<Option<Kept>, StoreError> {
    let name = ObjectName { author: exchange.me.member, id: own.id.clone() };
    let otherwise = is_given_otherwise(rows, &name, &own.bytes, |digest| Ok(seen.contains(digest)));
    match otherwise {
        Ok(true) => return Ok(Some(Kept::by(GIVEN_OTHERWISE))),
        Ok(false) => {}
        Err(ExchangeError::Store(error)) => return Err(error),
        Err(other) => return Ok(Some(Kept::by(other.code()))),
    }
    // Whoever sees nothing of it is told no more of it than by bringing it: that is for the store to say.
    let erased = !seen.is_empty() && rows.fate(&name).map_err(failed)?.erased.is_some();
    Ok(erased.then(|| Kept::by(Rule::Tombstoned.code())))
}

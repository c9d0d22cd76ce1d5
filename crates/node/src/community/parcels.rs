//! What waits for one member alone: a circle that it is in, or the farewell that it is due.
//!
//! A parcel is kept until its addressee says that it holds that version. Which farewell a member was due is remembered beyond that: who is
//! put back to a backup of before gets that one again, and hears nothing of what became of the circle since. Who was never in a circle is
//! told nothing of it, whatever it says it holds: a circle's id can be guessed from its name.

use std::collections::{BTreeMap, BTreeSet};

use base::Micros;
use base::limit::CIRCLES_MAX;
use base::signed::Signed;
use base::signing::SigningKey;
use community::{Circle, CircleId, MemberId};
use federation::PapersWord;
use store::PaperKind;

use super::spread::digest;
use super::{CommunityError, Table};
use crate::Node;

/// What something for one member about one circle is called among papers.
pub(super) fn place(circle: CircleId, to: MemberId) -> String {
    format!("{circle}:{to}")
}

impl Table {
    /// Puts a version of a circle, or a farewell, by for a member.
    pub(super) fn put_by(&mut self, to: MemberId, parcel: (Circle, Signed), now: Micros) {
        let id = parcel.0.id();
        self.put(PaperKind::Parcel, place(id, to), parcel.1.to_json(), now);
        self.parcels.insert((id, to), parcel);
    }

    /// Remembers which farewell those are due that a version of an own circle has no more, of those who were in it before; who is in it is
    /// due none.
    pub(super) fn note_farewells(&mut self, circle: &Circle, before: BTreeSet<MemberId>, now: Micros) {
        let id = circle.id();
        let back = circle.members().into_iter().filter(|member| self.farewells.contains_key(&(id, *member)));
        for member in back.collect::<Vec<_>>() {
            self.farewells.remove(&(id, member));
            self.remove(PaperKind::Farewell, place(id, member));
        }
        let farewell = circle.farewell();
        let Ok(text) = serde_json::to_string(&farewell) else { return };
        for member in before.into_iter().filter(|member| !circle.has(*member)) {
            self.put(PaperKind::Farewell, place(id, member), text.clone(), now);
            self.farewells.insert((id, member), farewell.clone());
        }
    }

    /// Has a member given a circle of this member's that it is in again, or the farewell that it was due, where it tells an earlier version
    /// than it has had: it was put back to a backup.
    pub(super) fn deliver_again(
        &mut self,
        to: MemberId,
        holds: &BTreeMap<CircleId, u64>,
        (key, now): (&SigningKey, Micros),
    ) {
        for (id, version) in holds {
            if self.parcels.contains_key(&(*id, to)) {
                continue;
            }
            let own = self.circles.get(id).filter(|(circle, _)| circle.owner == self.me && circle.has(to));
            let farewell = || {
                let farewell = self.farewells.get(&(*id, to))?;
                Some((farewell.clone(), farewell.sign(key).ok()?))
            };
            let parcel = own.cloned().or_else(farewell);
            if let Some(parcel) = parcel.filter(|(circle, _)| *version < circle.version) {
                self.put_by(to, parcel, now);
            }
        }
    }

    /// What a member is due and has not confirmed: the versions by circle, farewells among them.
    pub(super) fn due(&self, to: MemberId) -> BTreeMap<CircleId, u64> {
        let due = self.parcels.iter().filter(|((_, of), _)| *of == to);
        due.map(|((id, _), (circle, _))| (*id, circle.version)).collect()
    }

    /// The versions that this node holds of a member's circles.
    pub(super) fn held_of(&self, owner: MemberId) -> BTreeMap<CircleId, u64> {
        let of_theirs = self.circles.values().filter(|(circle, _)| circle.owner == owner).take(CIRCLES_MAX);
        of_theirs.map(|(circle, _)| (circle.id(), circle.version)).collect()
    }

    /// Lets go of parcels that their addressee holds.
    pub(super) fn delivered(&mut self, to: MemberId, holds: &BTreeMap<CircleId, u64>) {
        let done: Vec<CircleId> = self
            .parcels
            .iter()
            .filter(|((id, of), (circle, _))| {
                *of == to && holds.get(id).is_some_and(|version| *version >= circle.version)
            })
            .map(|((id, _), _)| *id)
            .collect();
        for id in done {
            self.parcels.remove(&(id, to));
            self.remove(PaperKind::Parcel, place(id, to));
        }
    }
}

impl Node {
    /// What the papers of a parcel for a member would say of circles now: nothing while this node is in no community.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn papers_word(&self, to: MemberId) -> Result<PapersWord, CommunityError> {
        let Some(table) = self.community_table().await? else { return Ok(PapersWord::default()) };
        let said = |versions: BTreeMap<CircleId, u64>| match versions.is_empty() {
            true => [0; 32],
            false => *digest(&versions).as_bytes(),
        };
        Ok(PapersWord { due: said(table.due(to)), held: said(table.held_of(to)) })
    }

    /// How many circles of this member's, and farewells from them, a member is due and has not confirmed.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn circles_due(&self, to: MemberId) -> Result<u64, CommunityError> {
        let table = self.community_table().await?;
        Ok(table.map_or(0, |table| table.due(to).len() as u64))
    }
}

//! Drafts become objects: new ones, the same ones again, or newer versions of those held.
//!
//! An object that is held and says the same is offered with the very bytes that are held, so that it counts as known, or stands in
//! another collection as the same; one that says something else becomes a newer version with the same `created`.

use std::collections::HashMap;

use base::Micros;
use bytes::Bytes;
use handling::{Addressee, Rules};
use serde::Deserialize;
use serde_json::value::RawValue;
use stix::{Finding, Severity, Timestamp};
use store::{Ruled, StoreError, StoredObject};

use crate::accept::Place;
use crate::derive::{Derived, Rejected};
use crate::handle::rules_of;
use crate::produce::{Author, Draft, Moments};

use super::csv::Unfit;

/// Lines that gave no object, each with its place among all.
pub(crate) type Unfits = Vec<(usize, Rejected)>;

/// What this member says already of what a draft is about.
pub(crate) struct Said {
    /// The latest that it says.
    pub(crate) object: StoredObject,
    /// Whether it stands in the collection that the draft goes to.
    pub(crate) is_here: bool,
}

impl Said {
    /// Whether a draft is to go on from it. From what stands elsewhere under stricter rules than the draft comes under it is not: it
    /// would follow these, so that what is in a hidden report would be hidden in every list. Nor from what stands elsewhere and is not for
    /// all members and circles that the draft names: its dates would tell them since when it is known here.
    fn goes_on(&self, draft: &Draft, place: &Place) -> bool {
        let asked = place.passing.rules(draft.tlp, place.writer.user());
        let silent = |place: &&Ruled| place.rules.is_none() && self.object.tlp.is_none();
        let binds = |ruled: &Ruled| {
            let rules: Rules = rules_of(self.object.tlp, ruled).also_to(place.passing.addressees());
            asked.meet(&rules) != asked
        };
        let places = &self.object.places;
        self.is_here || (self.is_for_others_of(place) && !places.iter().filter(|one| !silent(one)).any(binds))
    }

    /// Whether it is for every other member and circle already that is named for what comes in.
    fn is_for_others_of(&self, place: &Place) -> bool {
        let names = |ruled: &Ruled, other: &Addressee| {
            let rules = rules_of(self.object.tlp, ruled);
            !rules.audience().is_everybody() && rules.audience().holds(|one| one == other)
        };
        place.passing.others().all(|other| self.object.places.iter().any(|ruled| names(ruled, other)))
    }
}

#[derive(Deserialize)]
struct Held {
    created: String,
    modified: String,
    #[serde(default)]
    valid_from: Option<String>,
}

/// The objects of a page.
pub(crate) fn listed(objects: &Bytes) -> Vec<Bytes> {
    let mut list = Vec::with_capacity(objects.len().saturating_add(2));
    list.push(b'[');
    list.extend_from_slice(objects);
    list.push(b']');
    let list = Bytes::from(list);
    let raw: Vec<&RawValue> = serde_json::from_slice(&list).unwrap_or_default();
    raw.into_iter().map(|raw| list.slice_ref(raw.get().as_bytes())).collect()
}

/// The objects of drafts, in order, and what gave none.
pub(crate) fn objects(
    author: &Author,
    drafts: Vec<Result<Draft, Unfit>>,
    (place, said): (&Place, HashMap<String, Result<Said, StoreError>>),
    now: Micros,
) -> (Vec<Bytes>, Unfits) {
    let (mut made, mut unfits) = (Vec::with_capacity(drafts.len()), Vec::new());
    for (at, draft) in drafts.into_iter().enumerate() {
        match draft {
            Ok(mut draft) => {
                draft.tlp = draft.tlp.max(place.tlp());
                let id = draft.id(author);
                match said.get(&id) {
                    Some(Err(altered)) if place.writer.reads() => {
                        unfits.push((at, altered_before(id, altered)));
                    }
                    Some(Ok(said)) if said.goes_on(&draft, place) => {
                        made.push(object(author, &draft, Some(said), now));
                    }
                    _ => made.push(object(author, &draft, None, now)),
                }
            }
            Err(unfit) => unfits.push((at, rejected(unfit))),
        }
    }
    (made, unfits)
}

/// Puts what gave no object back to its place among what was derived of the others.
pub(crate) fn put_back(derived: &mut Vec<Result<Derived, Rejected>>, unfits: Unfits) {
    if unfits.is_empty() {
        return;
    }
    let mut others = std::mem::take(derived).into_iter();
    for (at, unfit) in unfits {
        let before = at.saturating_sub(derived.len());
        derived.extend(others.by_ref().take(before));
        derived.push(Err(unfit));
    }
    derived.extend(others);
}

fn object(author: &Author, draft: &Draft, said: Option<&Said>, now: Micros) -> Bytes {
    let text = |at| Timestamp::text_of(at);
    let held = said.map(|said| &said.object.bytes);
    let held = held.and_then(|bytes| Some((serde_json::from_slice::<Held>(bytes).ok()?, bytes)));
    let Some((held, bytes)) = held else {
        return draft.object(
            author,
            &Moments { created: text(now), valid_from: Some(text(now)), modified: text(now) },
        );
    };
    let (created, valid_from) = (held.created, held.valid_from);
    let same = Moments { created, valid_from, modified: held.modified.clone() };
    if draft.object(author, &same) == *bytes {
        return bytes.clone();
    }
    let before = Timestamp::parse(&held.modified).map_or(now, |modified| modified.micros());
    let modified = text(now.max(before.plus(1)));
    draft.object(author, &Moments { modified, ..same })
}

/// What is held of it was changed since: nothing goes on from that, and nothing new stands beside it unsaid.
fn altered_before(id: String, altered: &StoreError) -> Rejected {
    let (code, message) = (altered.code(), altered.to_string().into());
    let finding = Finding { severity: Severity::Fatal, code, path: String::new(), message };
    Rejected { id: Some(id), version: None, findings: vec![finding] }
}

fn rejected(unfit: Unfit) -> Rejected {
    let Unfit { code, path, message } = unfit;
    let finding = Finding { severity: Severity::Fatal, code, path, message: message.into() };
    Rejected { id: None, version: None, findings: vec![finding] }
}

//! Drafts become objects: new ones, the same ones again, or newer versions of those held.
//!
//! An object that is held and says the same is offered with the very bytes that are held, so that it counts as known; one
//! that says something else becomes a newer version with the same `created`.

use std::collections::HashMap;

use base::Micros;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use stix::{Finding, Severity, Timestamp};

use crate::accept::Place;
use crate::derive::{self, Bar, Derived, Rejected};
use crate::produce::{Author, Draft, Moments};

use super::csv::Unfit;

/// An object to be examined, or a line that gave none.
pub(crate) struct Made {
    bar: Bar,
    object: Result<Bytes, Rejected>,
}

#[derive(Deserialize)]
struct Held {
    id: String,
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

/// The objects of drafts, in order.
pub(crate) fn objects(
    author: &Author,
    drafts: Vec<Result<Draft, Unfit>>,
    (place, held): (&Place, Vec<Bytes>),
    now: Micros,
) -> Vec<Made> {
    let held: HashMap<String, (Held, Bytes)> = held
        .into_iter()
        .filter_map(|bytes| serde_json::from_slice::<Held>(&bytes).ok().map(|held| (held, bytes)))
        .map(|(held, bytes)| (held.id.clone(), (held, bytes)))
        .collect();
    let bar = place.bar;
    let made = drafts.into_iter().map(|draft| match draft {
        Ok(mut draft) => {
            draft.tlp = draft.tlp.max(place.tlp());
            Made { bar, object: Ok(object(author, &draft, &held, now)) }
        }
        Err(unfit) => Made { bar, object: Err(rejected(unfit)) },
    });
    made.collect()
}

fn object(author: &Author, draft: &Draft, held: &HashMap<String, (Held, Bytes)>, now: Micros) -> Bytes {
    let text = |at| Timestamp::text_of(at);
    let Some((held, bytes)) = held.get(&draft.id(author)) else {
        return draft.object(
            author,
            &Moments { created: text(now), valid_from: Some(text(now)), modified: text(now) },
        );
    };
    let (created, valid_from) = (held.created.clone(), held.valid_from.clone());
    let same = Moments { created, valid_from, modified: held.modified.clone() };
    if draft.object(author, &same) == *bytes {
        return bytes.clone();
    }
    let before = Timestamp::parse(&held.modified).map_or(now, |modified| modified.micros());
    let modified = text(now.max(before.plus(1)));
    draft.object(author, &Moments { modified, ..same })
}

/// Examines what was made.
pub(crate) fn derive(made: Vec<Made>) -> impl Iterator<Item = Result<Derived, Rejected>> {
    made.into_iter().map(|made| derive::derive(&made.object?, made.bar))
}

fn rejected(unfit: Unfit) -> Rejected {
    let Unfit { code, path, message } = unfit;
    let finding = Finding { severity: Severity::Fatal, code, path, message: message.into() };
    Rejected { id: None, version: None, findings: vec![finding] }
}

//! Acts that bring nothing new, or only seem to: what is passed on without being there, and what comes once more.

use ledger::act::Act;

use crate::content::Outcome;
use crate::envelope::Envelope;
use crate::outbox::brings_object;
use crate::port::{Read, Rows};
use crate::rows::{ActRow, ObjectName};

/// Whether an object was passed on without being there, and is not here otherwise: a consent that lapsed on the way, say. What its
/// originator has called back is known to be gone, and what the originator itself sends empty is told to it by a receipt.
pub(crate) fn came_empty(rows: &dyn Rows, envelope: &Envelope, act: &Act) -> Read<bool> {
    let header = act.header();
    let passed = envelope.from != header.author && envelope.payload.is_none() && brings_object(&header.kind);
    let Some(object) = header.object.as_ref().filter(|_| passed) else { return Ok(false) };
    let name = ObjectName { author: header.author, id: object.id.clone() };
    let is_here = rows.payload(&header.author, header.sequence)?.is_some();
    Ok(!is_here && !rows.fate(&name)?.voids(header.sequence))
}

/// Whether an act that is known here brings again what this node let go of: when a consent for it ended, or a circle took this member
/// out. It may have it by a new consent, or be in the circle again, as is asked next. What was called back or erased is known, and that
/// is all.
pub(crate) fn comes_again(rows: &dyn Rows, envelope: &Envelope, held: &ActRow) -> Read<bool> {
    let brings = envelope.payload.is_some() && brings_object(&held.kind);
    let Some(name) = held.object.as_ref().filter(|_| brings) else { return Ok(false) };
    let is_here = rows.payload(&held.author, held.sequence)?.is_some();
    Ok(!is_here && !rows.fate(name)?.voids(held.sequence))
}

/// What to answer to an act that is known here and that its author gives again, not knowing what became of it: whether what it brought is
/// here. `None` for what somebody else passes on, whom no answer is for, and for acts that bring no object.
pub(crate) fn given_again(rows: &dyn Rows, envelope: &Envelope, held: &ActRow) -> Read<Option<Outcome>> {
    let given = envelope.from == held.author && brings_object(&held.kind);
    let Some(name) = held.object.as_ref().filter(|_| given) else { return Ok(None) };
    let is_here = rows.versions(name)?.iter().any(|version| version.sequence == held.sequence);
    Ok(Some(if is_here { Outcome::Kept } else { Outcome::Empty }))
}

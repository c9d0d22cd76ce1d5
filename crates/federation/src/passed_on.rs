//! What somebody passes on of another member's: whether it came, and whether it comes anew.

use ledger::act::Act;

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

/// Whether an act that is known here brings again what this node let go of when a consent for it ended: by a new one, perhaps, as
/// is asked next. What was called back or erased is known, and that is all.
pub(crate) fn comes_again(rows: &dyn Rows, envelope: &Envelope, held: &ActRow) -> Read<bool> {
    let brings = envelope.from != held.author && envelope.payload.is_some() && brings_object(&held.kind);
    let Some(name) = held.object.as_ref().filter(|_| brings) else { return Ok(false) };
    let is_here = rows.payload(&held.author, held.sequence)?.is_some();
    Ok(!is_here && !rows.fate(name)?.voids(held.sequence))
}

//! Copies of what this member says, where somebody sees them and may write: a deed of a person acts on these and on nothing else.
//!
//! A version is told from another by its bytes: under one identifier and date others may say something else, in the same collection too,
//! under rules by which the doer is not to know of it. What is taken away by its originator's word, or at the end of its time, goes
//! wherever it stands: that is [`crate::remove`].

use std::collections::BTreeSet;

use handling::{Addressee, Originator, Rules, Writer};
use rusqlite::Connection;
use store::OwnCopy;

use crate::ends::mark_ends;
use crate::error::Done;
use crate::ids;
use crate::keys;
use crate::remove::{End, Held, held, put_under, take_out};
use crate::rules_rows;
use crate::writer::{Desk, object_no};

/// The versions of an object by this member's own word that stand in the writer's collection, as far as the writer may know of them.
pub(crate) fn own(sql: &Connection, writer: &Writer, id: &str) -> Done<Vec<OwnCopy>> {
    let Some(object) = object_no(sql, id)? else { return Ok(Vec::new()) };
    let mut select = sql.prepare_cached(
        "SELECT v.digest, v.created_key, (SELECT n.name FROM name n WHERE n.no = c.kind), c.uuid, v.content_digest \
         FROM version v LEFT JOIN object c ON c.no = v.creator WHERE v.no = ?1",
    )?;
    let mut copies = Vec::new();
    for held in standing(sql, writer, object)? {
        copies.push(select.query_row([held.version], |row| {
            let (kind, uuid): (Option<String>, Option<Vec<u8>>) = (row.get(2)?, row.get(3)?);
            Ok(OwnCopy {
                digest: row.get(0)?,
                content: row.get(4)?,
                created_key: row.get(1)?,
                creator: uuid.map(|uuid| ids::text(kind.as_deref().unwrap_or_default(), &uuid)),
            })
        })?);
    }
    Ok(copies)
}

/// Addresses copies with these bytes to these besides, each under its own rules otherwise, as far as it is no looser than what goes out; answers
/// with how many that are.
pub(crate) fn widen(
    desk: &mut Desk<'_>,
    writer: &Writer,
    (id, digest): (&str, &[u8; 32]),
    (more, out): (&BTreeSet<Addressee>, &Rules),
) -> Done<u64> {
    let Some(object) = object_no(desk.sql(), id)? else { return Ok(0) };
    let (collection, home) = (writer.collection().0, writer.eyes().standing().home);
    let copies = picked(desk.sql(), writer, object, |bytes, _| bytes == digest)?;
    let mut widened = 0_u64;
    for copy in &copies {
        let rules = rules_rows::of_version(desk.sql(), (copy.rules, copy.version))?;
        if !rules.asks_as_much_as(out) {
            continue;
        }
        widened = widened.saturating_add(1);
        let wider = rules.also_to(more);
        if wider != rules {
            put_under(desk, collection, copy, &wider, home)?;
        }
    }
    mark_ends(desk)?;
    Ok(widened)
}

/// Destroys copies with the bytes or the content of one of these, or all, and the keys of those that were only deleted where the writer could
/// see them; answers with how many.
pub(crate) fn take(
    desk: &mut Desk<'_>,
    writer: &Writer,
    (id, which): (&str, Option<&BTreeSet<[u8; 32]>>),
) -> Done<u64> {
    let Some(object) = object_no(desk.sql(), id)? else { return Ok(0) };
    let collection = writer.collection().0;
    let copies = picked(desk.sql(), writer, object, |digest, content| {
        which.is_none_or(|which| which.contains(digest) || which.contains(content))
    })?;
    for copy in &copies {
        take_out(desk, (collection, copy.added), copy.version, End::Destroyed)?;
    }
    mark_ends(desk)?;
    let eyes = writer.eyes().clone().for_deeds();
    keys::destroy_deleted(desk, (object, &Originator::Here), |deleted| {
        deleted.is_some_and(|deleted| {
            deleted.collection == collection
                && which.is_none_or(|which| deleted.says(desk, which))
                && eyes.judge(&deleted.rules()).is_allowed()
        })
    })?;
    Ok(copies.len() as u64)
}

/// Destroys the keys of what was only deleted and has the bytes or the content of one of these, wherever it stood.
pub(crate) fn destroy_deleted(desk: &Desk<'_>, id: &str, which: &BTreeSet<[u8; 32]>) -> Done<()> {
    let Some(object) = object_no(desk.sql(), id)? else { return Ok(()) };
    keys::destroy_deleted(desk, (object, &Originator::Here), |deleted| {
        deleted.is_some_and(|deleted| deleted.says(desk, which))
    })
}

/// Those of [`standing`] that are picked by the digests of their bytes and of their content.
fn picked(
    sql: &Connection,
    writer: &Writer,
    object: i64,
    picks: impl Fn(&[u8; 32], &[u8; 32]) -> bool,
) -> Done<Vec<Held>> {
    let mut select = sql.prepare_cached("SELECT digest, content_digest FROM version WHERE no = ?1")?;
    let mut copies = Vec::new();
    for held in standing(sql, writer, object)? {
        let (digest, content) = select.query_row([held.version], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if picks(&digest, &content) {
            copies.push(held);
        }
    }
    Ok(copies)
}

/// What stands in the writer's collection by this member's own word and is seen there, whatever it may be used for.
fn standing(sql: &Connection, writer: &Writer, object: i64) -> Done<Vec<Held>> {
    let eyes = writer.eyes().clone().for_deeds();
    let home = eyes.standing().home;
    let mut own = Vec::new();
    for held in held(sql, object, (&eyes, writer.collection()))? {
        let rules = rules_rows::read(sql, held.rules)?;
        if rules.is_none_or(|rules| rules.originator().is_own(home)) {
            own.push(held);
        }
    }
    Ok(own)
}

//! What is past its retention: finding it, and taking it away for good.
//!
//! A place is past its retention when the rules it stands under say so; a version that a member gave, when the rules in its
//! row do. What another member gave is known again ([`crate::gone`]).

use base::Micros;
use base::signing::KeyId;
use handling::{MemberId, Originator, Rules};
use rusqlite::Connection;
use store::Retired;

use crate::error::Done;
use crate::ids;
use crate::keys;
use crate::remove::{End, mark_ends, take_out};
use crate::rules_rows;
use crate::text::TEXT_PURGE;
use crate::writer::{Desk, set_number};

/// A place that is past its retention.
struct Past {
    collection: i64,
    added: i64,
    object: i64,
    version: i64,
    rules: i64,
    id: String,
    modified: String,
}

/// How many places and rows are past their retention.
pub(crate) fn overdue(sql: &Connection, now: Micros) -> Done<u64> {
    let places: i64 = sql
        .prepare_cached(
            "SELECT count(*) FROM rules r JOIN holding h ON h.rules = r.no WHERE r.keep <= ?1 AND h.rules <> 0",
        )?
        .query_row([now.0], |row| row.get(0))?;
    let rows = held_past(sql, now, usize::MAX)?.len();
    Ok(u64::try_from(places).unwrap_or_default().saturating_add(rows as u64))
}

/// Takes away places that are past their retention, at most `most`, and names what members gave that is, at most as much.
pub(crate) fn retire(desk: &mut Desk<'_>, me: KeyId, now: Micros, most: usize) -> Done<Vec<Retired>> {
    let mut gone = Vec::new();
    for place in past(desk.sql(), now, most)? {
        let rules = rules_rows::read(desk.sql(), place.rules)?.unwrap_or_else(Rules::closed);
        let own = rules.originator().is_own(Some(MemberId(*me.as_bytes())));
        take_out(desk, (place.collection, place.added), place.version, End::Over)?;
        mark_ends(desk.sql(), place.object, place.collection)?;
        if own {
            forget_salts(desk.sql(), place.object)?;
        }
        let originator = if own { Originator::Here } else { rules.originator().clone() };
        keys::destroy_deleted(desk, (place.object, &originator), |deleted| {
            deleted.is_some_and(|deleted| deleted.rules().retain().is_some_and(|until| until <= now))
        })?;
        gone.push(Retired { id: place.id, version: place.modified, originator });
    }
    for (author, id, version) in held_past(desk.sql(), now, most)? {
        let own = author == me;
        let originator =
            if own { Originator::Here } else { Originator::Member(MemberId(*author.as_bytes())) };
        gone.push(Retired { id, version, originator });
    }
    if !gone.is_empty() {
        set_number(desk.sql(), TEXT_PURGE, 1)?;
    }
    gone.sort();
    gone.dedup();
    Ok(gone)
}

/// With the last version of an object that this member's people brought go the salts of the acts about it: what they commit to
/// cannot be guessed any more. Proofs go on holding.
fn forget_salts(sql: &Connection, object: i64) -> Done<()> {
    sql.prepare_cached(
        "UPDATE leaf SET salt = NULL WHERE object = ?1 AND NOT EXISTS (SELECT 1 FROM holding h \
         LEFT JOIN rules r ON r.no = h.rules WHERE h.object = ?1 AND coalesce(r.originator = 'here', 1))",
    )?
    .execute([object])?;
    Ok(())
}

fn past(sql: &Connection, now: Micros, most: usize) -> Done<Vec<Past>> {
    let mut select = sql.prepare_cached(
        "SELECT h.collection, h.added, h.object, h.version, h.rules, coalesce(v.modified, ''), n.name, o.uuid \
         FROM rules r JOIN holding h ON h.rules = r.no JOIN version v ON v.no = h.version \
         JOIN object o ON o.no = h.object JOIN name n ON n.no = o.kind \
         WHERE r.keep <= ?1 AND h.rules <> 0 LIMIT ?2",
    )?;
    let mut rows = select.query((now.0, i64::try_from(most).unwrap_or(i64::MAX)))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(Past {
            collection: row.get(0)?,
            added: row.get(1)?,
            object: row.get(2)?,
            version: row.get(3)?,
            rules: row.get(4)?,
            id: ids::told(row, 6)?,
            modified: row.get(5)?,
        });
    }
    Ok(all)
}

/// Versions that members gave and that are past their retention.
fn held_past(sql: &Connection, now: Micros, most: usize) -> Done<Vec<(KeyId, String, String)>> {
    let mut select = sql.prepare_cached(
        "SELECT h.author, n.name, o.uuid, h.version, h.rules FROM held h JOIN object o ON o.no = h.object \
         JOIN name n ON n.no = o.kind WHERE instr(h.rules, ' keep=') > 0",
    )?;
    let mut rows = select.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let rules: String = row.get(4)?;
        let until = rules.parse::<Rules>().ok().and_then(|rules| rules.retain());
        if until.is_some_and(|until| until <= now) {
            all.push((KeyId::from_bytes(row.get(0)?), ids::told(row, 1)?, row.get(3)?));
            if all.len() >= most {
                break;
            }
        }
    }
    Ok(all)
}

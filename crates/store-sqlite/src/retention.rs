//! What is past its retention: finding it, and taking it away for good.
//!
//! A place is past its retention when the rules it stands under say so; a version that a member gave, when the rules in its
//! row do; the key of what was deleted by hand, when the rules it stood under last do, or those in the row of what a member gave. What
//! another member gave is known again ([`crate::gone`]). Of what an earlier build deleted no rules are known: its key stays.

use base::Micros;
use base::signing::KeyId;
use federation::Content;
use handling::{MemberId, Originator, Rules};
use rusqlite::{Connection, Row};
use store::Retired;

use crate::ends::mark_ends;
use crate::error::Done;
use crate::gone;
use crate::ids;
use crate::keys;
use crate::remove::{End, take_out};
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

/// How many places, rows and keys of what was deleted are past their retention.
pub(crate) fn overdue(sql: &Connection, now: Micros) -> Done<u64> {
    let places: i64 = sql
        .prepare_cached(
            "SELECT count(*) FROM rules r JOIN holding h ON h.rules = r.no WHERE r.keep <= ?1 AND h.rules <> 0",
        )?
        .query_row([now.0], |row| row.get(0))?;
    let rows =
        held_past(sql, now, usize::MAX)?.len().saturating_add(besides_past(sql, now, usize::MAX)?.len());
    let keys = deleted_past(sql, now, usize::MAX)?.len();
    Ok(u64::try_from(places).unwrap_or_default().saturating_add(rows as u64).saturating_add(keys as u64))
}

/// Takes away places that are past their retention, and the keys of what was deleted that is, and names what members gave that is: at most
/// `most` of each.
pub(crate) fn retire(desk: &mut Desk<'_>, me: KeyId, now: Micros, most: usize) -> Done<Vec<Retired>> {
    let mut gone = Vec::new();
    for place in past(desk.sql(), now, most)? {
        let rules = rules_rows::read(desk.sql(), place.rules)?.unwrap_or_else(Rules::closed);
        let own = rules.originator().is_own(Some(MemberId(*me.as_bytes())));
        take_out(desk, (place.collection, place.added), place.version, End::Over)?;
        if own {
            forget_salts(desk.sql(), place.object)?;
        }
        let originator = if own { Originator::Here } else { rules.originator().clone() };
        gone.push(Retired { id: place.id, version: place.modified, originator });
    }
    mark_ends(desk)?;
    for past in held_past(desk.sql(), now, most)? {
        let own = past.author == me;
        let originator =
            if own { Originator::Here } else { Originator::Member(MemberId(*past.author.as_bytes())) };
        if !own {
            // Its originator may have said so after it was deleted here. Of one member's word there is one content for a date.
            let mut over = Vec::new();
            keys::destroy_deleted(desk, (past.object, &originator), |deleted| {
                let is_it = deleted.filter(|it| it.dated == past.version);
                over.extend(is_it.map(keys::Deleted::content));
                is_it.is_some()
            })?;
            for content in over {
                gone::forbid_over(desk.sql(), past.object, (&content, &originator))?;
            }
        }
        gone.push(Retired { id: past.id, version: past.version, originator });
    }
    for past in besides_past(desk.sql(), now, most)? {
        gone.push(Retired { id: past.id, version: past.version, originator: Originator::Here });
    }
    for past in deleted_past(desk.sql(), now, most)? {
        let own = past.originator.is_own(Some(MemberId(*me.as_bytes())));
        keys::destroy(desk.sql(), (past.object, past.version))?;
        if own {
            forget_salts(desk.sql(), past.object)?;
        } else {
            gone::forbid_over(desk.sql(), past.object, (&past.content, &past.originator))?;
        }
        let originator = if own { Originator::Here } else { past.originator };
        gone.push(Retired { id: past.id, version: past.dated, originator });
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

/// What a query finds whose rules, which stand in its first column, are over: at most so many.
fn over<T>(
    sql: &Connection,
    query: &str,
    (now, most): (Micros, usize),
    read: impl Fn(&Row<'_>, &Rules) -> rusqlite::Result<T>,
) -> Done<Vec<T>> {
    let mut select = sql.prepare_cached(query)?;
    let mut rows = select.query([])?;
    let mut all = Vec::new();
    while all.len() < most
        && let Some(row) = rows.next()?
    {
        // What cannot be read says of no end.
        let Ok(rules) = row.get::<_, String>(0)?.parse::<Rules>() else { continue };
        if rules.retain().is_some_and(|until| until <= now) {
            all.push(read(row, &rules)?);
        }
    }
    Ok(all)
}

/// A version that a member gave and that is past its retention.
struct HeldPast {
    author: KeyId,
    object: i64,
    id: String,
    version: String,
}

fn held_past(sql: &Connection, now: Micros, most: usize) -> Done<Vec<HeldPast>> {
    let query = "SELECT h.rules, h.author, n.name, o.uuid, h.version, h.object FROM held h \
                 JOIN object o ON o.no = h.object JOIN name n ON n.no = o.kind WHERE instr(h.rules, ' keep=') > 0";
    over(sql, query, (now, most), |row, _| {
        Ok(HeldPast {
            author: KeyId::from_bytes(row.get(1)?),
            id: ids::told(row, 2)?,
            version: row.get(4)?,
            object: row.get(5)?,
        })
    })
}

/// A version of which something was given by an act beside the one that it is held by, and is past its time by what that said, or by what was
/// narrowed since.
struct BesidesPast {
    id: String,
    version: String,
}

fn besides_past(sql: &Connection, now: Micros, most: usize) -> Done<Vec<BesidesPast>> {
    let mut select = sql.prepare_cached(
        "SELECT p.bytes, n.name, o.uuid, r.version, r.object, r.author, r.sequence FROM replaced r \
         JOIN payload p ON p.author = r.author AND p.sequence = r.sequence \
         JOIN object o ON o.no = r.object JOIN name n ON n.no = o.kind \
         WHERE instr(p.bytes, CAST(' keep=' AS BLOB)) > 0 OR EXISTS (SELECT 1 FROM narrowing w \
         WHERE w.object = r.object AND w.author = r.author AND w.sequence > r.sequence AND instr(w.rules, ' keep=') > 0)",
    )?;
    let mut later = sql.prepare_cached(
        "SELECT rules FROM narrowing WHERE object = ?1 AND author = ?2 AND sequence > ?3 AND instr(rules, ' keep=') > 0",
    )?;
    let mut rows = select.query([])?;
    let mut all = Vec::new();
    while all.len() < most
        && let Some(row) = rows.next()?
    {
        let bytes: Vec<u8> = row.get(0)?;
        // What cannot be read says of no end.
        let end = |line: &str| line.parse::<Rules>().ok().and_then(|rules| rules.retain());
        let mut ends = Vec::from_iter(Content::parse(&bytes).ok().and_then(|content| end(content.rules)));
        let of = (row.get::<_, i64>(4)?, row.get::<_, Vec<u8>>(5)?, row.get::<_, i64>(6)?);
        let mut narrowed = later.query(of)?;
        while let Some(narrowed) = narrowed.next()? {
            ends.extend(end(&narrowed.get::<_, String>(0)?));
        }
        if ends.iter().any(|until| *until <= now) {
            all.push(BesidesPast { id: ids::told(row, 1)?, version: row.get(3)? });
        }
    }
    Ok(all)
}

/// A version that was deleted from its last place, has its key still and is past the retention it was under there.
struct DeletedPast {
    object: i64,
    version: i64,
    id: String,
    dated: String,
    originator: Originator,
    content: gone::Mark,
}

fn deleted_past(sql: &Connection, now: Micros, most: usize) -> Done<Vec<DeletedPast>> {
    let query = "SELECT d.rules, d.object, n.name, o.uuid, d.version, d.dated, d.content FROM deleted d \
                 JOIN object o ON o.no = d.object JOIN name n ON n.no = o.kind WHERE instr(d.rules, ' keep=') > 0";
    over(sql, query, (now, most), |row, rules| {
        Ok(DeletedPast {
            object: row.get(1)?,
            id: ids::told(row, 2)?,
            version: row.get(4)?,
            dated: row.get(5)?,
            content: row.get(6)?,
            originator: rules.originator().clone(),
        })
    })
}

//! What an embargo held back and holds back no longer: it gets a new `date_added`.

use base::Micros;
use rusqlite::Connection;

use crate::dates;
use crate::error::Done;
use crate::writer::{Desk, number, set_number};

/// Up to when what was under an embargo has been dated anew.
const UP_TO: &str = "embargo_over";

/// A place whose embargo is over and whose date is of before.
struct Held {
    collection: i64,
    added: i64,
    version: i64,
}

/// Whether an embargo is over since the last look.
pub(crate) fn any_over(sql: &Connection, now: Micros) -> Done<bool> {
    let mut select = sql.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM rules WHERE embargo > ?1 AND embargo <= ?2 AND no <> 0)",
    )?;
    let up_to = number(sql, UP_TO)?;
    // A clock that was ahead has been put back: what ends between is looked for again.
    Ok(up_to > now.0 || select.query_row((up_to, now.0), |row| row.get(0))?)
}

/// Dates anew what embargoes held back that are over at `now`, at most `most` places, in the order in which they came. Answers with how
/// many that were; fewer than `most` say that no more are left.
pub(crate) fn date_anew(desk: &mut Desk<'_>, now: Micros, most: usize) -> Done<usize> {
    let held = over(desk.sql(), now, most)?;
    for place in &held {
        dates::give_anew(desk, (place.collection, place.added), place.version)?;
    }
    if held.len() < most {
        set_number(desk.sql(), UP_TO, now.0)?;
    }
    Ok(held.len())
}

fn over(sql: &Connection, now: Micros, most: usize) -> Done<Vec<Held>> {
    let mut select = sql.prepare_cached(
        "SELECT h.collection, h.added, h.version FROM rules r JOIN holding h ON h.rules = r.no \
         WHERE r.embargo > ?1 AND r.embargo <= ?2 AND h.rules <> 0 AND h.added < r.embargo \
         ORDER BY h.added LIMIT ?3",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = select.query_map((number(sql, UP_TO)?, now.0, most), |row| {
        Ok(Held { collection: row.get(0)?, added: row.get(1)?, version: row.get(2)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

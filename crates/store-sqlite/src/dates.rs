//! A new `date_added` for what somebody may see from now on who could not before.
//!
//! `date_added` is the cursor of whoever polls, so it has to grow in the order in which objects can be seen: what becomes visible with the
//! date of its arrival is passed by for ever. Nothing else of a version changes, and it stands where it stood among the lineages of its object;
//! who could see it before gets it once more. When it came is kept beside: cursors of lists that go by arrival hold that, and no row of
//! theirs moves.

use crate::accept::key_of_added;
use crate::error::Done;
use crate::writer::Desk;

/// When `h` came into its collection.
pub(crate) fn arrived(h: &str) -> String {
    format!("coalesce({h}.arrived, {h}.added)")
}

/// Gives a place, of this version, a new date; answers with it.
pub(crate) fn give_anew(desk: &mut Desk<'_>, (collection, added): (i64, i64), version: i64) -> Done<i64> {
    let anew = desk.next_added();
    // The version of what has none is its date.
    let undated: bool = desk
        .sql()
        .prepare_cached("SELECT modified IS NULL FROM version WHERE no = ?1")?
        .query_row([version], |row| row.get(0))?;
    let key = undated.then(|| key_of_added(anew));
    desk.sql()
        .prepare_cached(
            "UPDATE holding SET added = ?3, arrived = coalesce(arrived, added), place = coalesce(?4, place) \
             WHERE collection = ?1 AND added = ?2",
        )?
        .execute((collection, added, anew, key))?;
    Ok(anew)
}

//! The predicate under every read: which holdings a viewer may know of.
//!
//! The SQL made here must say exactly what [`handling::Viewer::sees`] says; the conformance suite compares the two.
//! A restricted holding stands beside the open ones and leaves no trace in what others are told: `is_last` and `is_first`
//! are kept over open holdings only, and a viewer who has restricted holdings of their own gets them counted in here.
//!
//! Parameters: `?1` is the viewer, `?2` to `?9` belong to the query, collections start at `?10`.

use handling::{CollectionNo, Viewer};
use rusqlite::{CachedStatement, Connection, ToSql};

use crate::error::Done;

/// Where the collections' parameters start.
const COLLECTIONS_FROM: usize = 10;

/// A viewer's eyes on one connection: the collections in a fixed order, padded so that few statements are enough.
#[derive(Debug)]
pub(crate) struct Sight {
    user: i64,
    collections: Vec<i64>,
    /// Whether some restricted holding is for this viewer.
    named: bool,
}

impl Sight {
    /// The eyes of `viewer`; `None` where there is nothing to see.
    pub(crate) fn of(connection: &Connection, viewer: &Viewer) -> Done<Option<Self>> {
        Self::over(connection, viewer, viewer.collections().iter().map(|no| no.0).collect())
    }

    /// The eyes of `viewer` on one collection; `None` where it is not the viewer's.
    pub(crate) fn of_one(
        connection: &Connection,
        viewer: &Viewer,
        collection: CollectionNo,
    ) -> Done<Option<Self>> {
        if !viewer.collections().contains(&collection) {
            return Ok(None);
        }
        Self::over(connection, viewer, vec![collection.0])
    }

    fn over(connection: &Connection, viewer: &Viewer, mut collections: Vec<i64>) -> Done<Option<Self>> {
        let Some(last) = collections.last().copied() else {
            return Ok(None);
        };
        collections.resize(collections.len().next_power_of_two(), last);
        let user = viewer.user().0;
        let named = connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM person WHERE account = ?1)")?
            .query_row([user], |row| row.get(0))?;
        Ok(Some(Self { user, collections, named }))
    }

    /// The predicate over the table alias `h` of `holding`. The plus sign keeps SQLite from walking a whole collection
    /// where the query names an object.
    pub(crate) fn sees(&self, h: &str) -> String {
        let mut list = String::with_capacity(self.collections.len() * 5);
        for at in 0..self.collections.len() {
            let comma = if at == 0 { "" } else { "," };
            list.push_str(&format!("{comma}?{}", COLLECTIONS_FROM + at));
        }
        if !self.named {
            return format!("+{h}.collection IN ({list}) AND {h}.restricted = 0");
        }
        format!(
            "+{h}.collection IN ({list}) AND ({h}.restricted = 0 OR EXISTS (SELECT 1 FROM person p \
             WHERE p.account = ?1 AND p.collection = {h}.collection AND p.added = {h}.added))"
        )
    }

    /// Whether `h`, which is seen, is the latest (`>`) or earliest (`<`) version in its own collection for this viewer.
    pub(crate) fn ends(&self, h: &str, end: End) -> String {
        let (flag, [of_n, of_h], beyond) = match end {
            End::Last => ("is_last", ["n.place".to_owned(), format!("{h}.place")], ">"),
            End::First => ("is_first", [key_of_place("n"), key_of_place(h)], "<"),
        };
        if !self.named {
            return format!("{h}.{flag} = 1");
        }
        format!(
            "NOT EXISTS (SELECT 1 FROM holding n WHERE n.object = {h}.object AND +n.collection = {h}.collection \
             AND ({of_n} {beyond} {of_h} OR (n.place = {h}.place AND n.added < {h}.added)) AND {})",
            self.sees("n")
        )
    }

    /// Whether the version of `v` (columns `object`, `no`) is what this viewer knows as the object's latest version.
    pub(crate) fn latest(&self, v: &str) -> String {
        format!(
            "{v}.no = (SELECT l.version FROM holding l WHERE l.object = {v}.object AND {} \
             ORDER BY l.place DESC, l.added LIMIT 1)",
            self.sees("l")
        )
    }

    /// Binds viewer and collections, and `own` from `?2` on.
    pub(crate) fn bind(&self, statement: &mut CachedStatement<'_>, own: &[&dyn ToSql]) -> Done<()> {
        debug_assert!(own.len() + 2 <= COLLECTIONS_FROM, "invariant: eight parameters of its own");
        let used = statement.parameter_count();
        if used >= 1 {
            statement.raw_bind_parameter(1, self.user)?;
        }
        for (at, value) in own.iter().enumerate() {
            statement.raw_bind_parameter(at + 2, value)?;
        }
        for (at, collection) in self.collections.iter().enumerate() {
            if COLLECTIONS_FROM + at <= used {
                statement.raw_bind_parameter(COLLECTIONS_FROM + at, collection)?;
            }
        }
        Ok(())
    }
}

/// The moment of a version in its byte-ordered form, from its place among the versions.
pub(crate) fn key_of_place(h: &str) -> String {
    format!("ltrim({h}.place, '~')")
}

/// One of the two ends of an object's versions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// The latest.
    Last,
    /// The earliest.
    First,
}

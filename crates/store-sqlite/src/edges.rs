//! Edges of an object: by name, then newest first.

use base::limit;
use handling::Viewer;
use index::FingerprintKey;
use rusqlite::{Connection, OptionalExtension, ToSql};
use store::{Direction, EdgeRow};

use crate::cursor::Question;
use crate::error::{Done, damaged};
use crate::ids;
use crate::sight::Sight;
use crate::writer::object_no;

/// Which columns a direction reads.
struct Way {
    own: &'static str,
    other: &'static str,
}

impl Way {
    const fn of(direction: Direction) -> Self {
        match direction {
            Direction::Outward => Self { own: "source", other: "target" },
            Direction::Inward => Self { own: "target", other: "source" },
        }
    }
}

/// What is asked of edges, on one connection.
pub(crate) struct Ask<'a> {
    /// Who asks.
    pub(crate) viewer: &'a Viewer,
    /// Of which object.
    pub(crate) id: &'a str,
    /// Which way.
    pub(crate) direction: Direction,
    /// At most how many.
    pub(crate) limit: usize,
    /// From where on.
    pub(crate) next: Option<String>,
    /// With which key cursors are made.
    pub(crate) key: &'a FingerprintKey,
}

/// A page of edges and where to go on. An object that the viewer cannot see has edges all the same, where objects that
/// the viewer can see say so.
pub(crate) fn edges(connection: &Connection, ask: &Ask<'_>) -> Done<(Vec<EdgeRow>, Option<String>)> {
    let question = Question::of(&("edges", ask.id, ask.direction));
    let start = match &ask.next {
        Some(next) => Some(question.place::<3>(ask.key, next)?),
        None => None,
    };
    let (Some(sight), Some(object)) = (Sight::of(connection, ask.viewer)?, object_no(connection, ask.id)?)
    else {
        return Ok((Vec::new(), None));
    };
    let way = Way::of(ask.direction);
    let limit = ask.limit.clamp(1, limit::PAGE_MAX);
    let mut names = names(connection, &way, object)?;
    if let Some([name, ..]) = start {
        let at = names.iter().position(|(_, no)| *no == name).unwrap_or(names.len());
        names.drain(..at);
    }
    let mut found: Vec<([i64; 3], EdgeRow)> = Vec::new();
    for (name, no) in &names {
        let from = start.filter(|place| place[0] == *no).map_or((i64::MAX, -1), |place| (place[1], place[2]));
        let walk = Walk { connection, sight: &sight, way: &way, object };
        walk.named(&mut found, (name, *no), from, limit + 1)?;
        if found.len() > limit {
            break;
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(place, _)| question.cursor(ask.key, place));
    Ok((found.into_iter().map(|(_, row)| row).collect(), next))
}

/// The names of an object's edges in their order, jumping from name to name in the index.
fn names(connection: &Connection, way: &Way, object: i64) -> Done<Vec<(String, i64)>> {
    let own = way.own;
    let mut jump = connection.prepare_cached(&format!(
        "SELECT name FROM edge WHERE {own} = ?1 AND name > ?2 ORDER BY name LIMIT 1"
    ))?;
    let mut spell = connection.prepare_cached("SELECT name FROM name WHERE no = ?1")?;
    let mut names = Vec::new();
    let mut last = -1;
    while let Some(no) = jump.query_row((object, last), |row| row.get(0)).optional()? {
        names.push((spell.query_row([no], |row| row.get::<_, String>(0))?, no));
        last = no;
    }
    names.sort();
    Ok(names)
}

struct Walk<'a> {
    connection: &'a Connection,
    sight: &'a Sight,
    way: &'a Way,
    object: i64,
}

impl Walk<'_> {
    /// The edges of one name, newest first, after a place.
    fn named(
        &self,
        found: &mut Vec<([i64; 3], EdgeRow)>,
        (name, no): (&str, i64),
        (version, other_no): (i64, i64),
        most: usize,
    ) -> Done<()> {
        let Way { own, other } = self.way;
        let mut select = self.connection.prepare_cached(&format!(
            "SELECT e.version, e.{other}, v.object, e.source FROM edge e CROSS JOIN version v ON v.no = e.version \
             WHERE e.{own} = ?2 AND e.name = ?3 AND (e.version < ?4 OR (e.version = ?4 AND e.{other} > ?5)) \
             AND e.version <= ?4 AND {} ORDER BY e.version DESC, e.{other} LIMIT ?6",
            self.sight.latest("v")
        ))?;
        let most = i64::try_from(most.saturating_sub(found.len())).unwrap_or(i64::MAX);
        let own: [&dyn ToSql; 5] = [&self.object, &no, &version, &other_no, &most];
        self.sight.bind(&mut select, &own)?;
        let mut rows = select.raw_query();
        while let Some(row) = rows.next()? {
            let (version, other, by, source): (i64, i64, i64, i64) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let edge = EdgeRow {
                name: name.to_owned(),
                other: self.id(other)?,
                other_label: self.label(other)?,
                through: if by == source { None } else { Some(self.id(by)?) },
            };
            found.push(([no, version, other], edge));
        }
        Ok(())
    }

    fn id(&self, object: i64) -> Done<String> {
        let mut select = self.connection.prepare_cached(
            "SELECT n.name, o.uuid FROM object o JOIN name n ON n.no = o.kind WHERE o.no = ?1",
        )?;
        let found = select.query_row([object], |row| {
            let kind = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            Ok(ids::text(kind, row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?))
        });
        found.optional()?.ok_or_else(|| damaged("an edge ends at no object"))
    }

    /// The label of the latest version that the viewer may see.
    fn label(&self, object: i64) -> Done<Option<String>> {
        let mut select = self.connection.prepare_cached(&format!(
            "SELECT (SELECT v.label FROM version v WHERE v.no = l.version) FROM holding l \
             WHERE l.object = ?2 AND {} ORDER BY l.place DESC, l.added LIMIT 1",
            self.sight.sees("l")
        ))?;
        self.sight.bind(&mut select, &[&object])?;
        let mut rows = select.raw_query();
        Ok(match rows.next()? {
            Some(row) => row.get(0)?,
            None => None,
        })
    }
}

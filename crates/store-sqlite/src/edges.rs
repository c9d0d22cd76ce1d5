//! Edges of an object: by name, then newest first, then by the identifier of the other end.

use base::limit;
use handling::Viewer;
use index::FingerprintKey;
use rusqlite::{Connection, OptionalExtension, ToSql};
use sha2::{Digest, Sha256};
use store::{Direction, EdgeEnd, EdgeRow};

use crate::cursor::Question;
use crate::error::Done;
use crate::ids;
use crate::look_up::standing;
use crate::sight::{Exact, Sight};
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
    let mut from = From { version: i64::MAX, given: 0 };
    if let Some([name, arrived, given]) = start {
        let at = names.iter().position(|(spelt, _)| tag(spelt) == name).unwrap_or(names.len());
        names.drain(..at);
        from = match sight.version_at(connection, arrived)? {
            (version, Exact::Yes) => From { version, given },
            (version, Exact::No) => From { version, given: 0 },
        };
    }
    let mut found: Vec<(Place, EdgeRow)> = Vec::new();
    for (name, no) in &names {
        let walk = Walk { connection, sight: &sight, way: &way, object };
        walk.named(&mut found, (name, *no), from, limit + 1)?;
        from = From { version: i64::MAX, given: 0 };
        if found.len() > limit {
            break;
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let next = match found.last().filter(|_| more) {
        None => None,
        Some((place, _)) => {
            let arrived = sight.arrival_of(connection, place.version)?;
            Some(question.cursor(ask.key, &[place.name, arrived, place.given]))
        }
    };
    Ok((found.into_iter().map(|(_, row)| row).collect(), next))
}

/// Where an edge stands: nothing in it but the version depends on what else the node holds, and the version is told by when
/// it came.
struct Place {
    /// The name's tag.
    name: i64,
    version: i64,
    /// Edges of this name and version up to this one.
    given: i64,
}

/// From where on edges of a name are read.
#[derive(Clone, Copy)]
struct From {
    version: i64,
    /// Edges of this version that have been given out.
    given: i64,
}

/// A name as a number that any node gives it.
fn tag(name: &str) -> i64 {
    let digest = Sha256::digest(name.as_bytes());
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(digest).for_each(|(byte, digit)| *byte = digit);
    i64::from_be_bytes(bytes)
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
    /// The edges of one name, newest first and by the other end's identifier, after a place.
    fn named(
        &self,
        found: &mut Vec<(Place, EdgeRow)>,
        (name, no): (&str, i64),
        from: From,
        most: usize,
    ) -> Done<()> {
        let Way { own, other } = self.way;
        let mut select = self.connection.prepare_cached(&format!(
            "SELECT e.version, e.{other}, v.object, e.source, v.revoked, v.starts, v.expires FROM edge e CROSS JOIN version v ON v.no = e.version \
             CROSS JOIN object o ON o.no = e.{other} WHERE e.{own} = ?2 AND e.name = ?3 AND e.version <= ?4 AND {} \
             ORDER BY e.version DESC, o.uuid, (SELECT n.name FROM name n WHERE n.no = o.kind) LIMIT ?5",
            self.sight.latest("v")
        ))?;
        let most = i64::try_from(most.saturating_sub(found.len())).unwrap_or(i64::MAX);
        let most = most.saturating_add(from.given);
        let own: [&dyn ToSql; 4] = [&self.object, &no, &from.version, &most];
        self.sight.bind(&mut select, &own)?;
        let mut rows = select.raw_query();
        let mut place = Place { name: tag(name), version: i64::MAX, given: 0 };
        while let Some(row) = rows.next()? {
            let (version, other, by, source): (i64, i64, i64, i64) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let given = if place.version == version { place.given + 1 } else { 1 };
            place = Place { version, given, ..place };
            if version == from.version && given <= from.given {
                continue;
            }
            let edge = EdgeRow {
                name: name.to_owned(),
                other: ids::of_number(self.connection, other)?,
                other_held: end(self.connection, self.sight, other)?,
                through: if by == source { None } else { Some(ids::of_number(self.connection, by)?) },
                standing: standing(row, 4)?,
            };
            found.push((Place { ..place }, edge));
        }
        Ok(())
    }
}

/// The version that the viewer is told first.
fn end(connection: &Connection, sight: &Sight, object: i64) -> Done<Option<EdgeEnd>> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT v.label, v.revoked, v.starts, v.expires FROM holding l CROSS JOIN version v ON v.no = l.version \
         WHERE l.object = ?2 AND {} ORDER BY {} LIMIT 1",
        sight.sees("l"),
        Sight::told_first(connection, "l", (object, &sight.sees("f")))?
    ))?;
    sight.bind(&mut select, &[&object])?;
    let mut rows = select.raw_query();
    Ok(match rows.next()? {
        Some(row) => Some(EdgeEnd { label: row.get(0)?, standing: standing(row, 1)? }),
        None => None,
    })
}

/// The lines to recognise objects by.
pub(crate) fn labels(connection: &Connection, viewer: &Viewer, ids: &[&str]) -> Done<Vec<Option<String>>> {
    let Some(sight) = Sight::of(connection, viewer)? else { return Ok(vec![None; ids.len()]) };
    let label = |id: &&str| match object_no(connection, id)? {
        Some(object) => Ok(end(connection, &sight, object)?.map(|end| end.label)),
        None => Ok(None),
    };
    ids.iter().map(label).collect()
}

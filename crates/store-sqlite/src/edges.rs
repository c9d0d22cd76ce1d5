//! Edges of an object: by name, then newest first, then by the identifier of the other end; and gathered by name, with counts.

use std::ops::ControlFlow;

use base::limit;
use handling::Viewer;
use index::FingerprintKey;
use rusqlite::{Connection, OptionalExtension, ToSql};
use sha2::{Digest, Sha256};
use store::{Direction, EdgeEnd, EdgeGroup, EdgeGroups, EdgeRow, Standing};

use crate::cursor::Question;
use crate::error::Done;
use crate::ids;
use crate::look_up::standing;
use crate::sight::{Exact, Sight};
use crate::undated::Undated;
use crate::writer::object_no;

/// Which columns a direction reads.
struct Way {
    own: &'static str,
    other: &'static str,
    /// Whether a version `l.version` says an edge `?5` between `?4` and `?6`.
    has_edge: &'static str,
}

impl Way {
    const fn of(direction: Direction) -> Self {
        match direction {
            Direction::Outward => Self {
                own: "source",
                other: "target",
                has_edge: "EXISTS (SELECT 1 FROM edge p WHERE p.source = ?4 AND p.name = ?5 AND p.version = l.version AND p.target = ?6)",
            },
            Direction::Inward => Self {
                own: "target",
                other: "source",
                has_edge: "EXISTS (SELECT 1 FROM edge p WHERE p.target = ?4 AND p.name = ?5 AND p.version = l.version AND p.source = ?6)",
            },
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
    /// Of which name alone; `None` = of all.
    pub(crate) name: Option<&'a str>,
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
    let question = match ask.name {
        None => Question::of(&("edges", ask.id, ask.direction)),
        Some(name) => Question::of(&("edges named", ask.id, ask.direction, name)),
    };
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
    names.retain(|(name, _)| ask.name.is_none_or(|only| only == name));
    let mut from = From::START;
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
        from = From::START;
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

impl From {
    const START: Self = Self { version: i64::MAX, given: 0 };
}

/// Edges gathered by name, and whether there are more names. A name under which the viewer sees nothing is passed over, wherever it
/// stands, and counts for nothing.
pub(crate) fn groups(
    connection: &Connection,
    viewer: &Viewer,
    (id, direction): (&str, Direction),
    asked: &EdgeGroups<'_>,
) -> Done<(Vec<EdgeGroup>, bool)> {
    let (Some(sight), Some(object)) = (Sight::of(connection, viewer)?, object_no(connection, id)?) else {
        return Ok((Vec::new(), false));
    };
    let way = Way::of(direction);
    let walk = Walk { connection, sight: &sight, way: &way, object };
    let mut groups = Vec::new();
    for (name, no) in names(connection, &way, object)? {
        if asked.after.is_some_and(|after| name.as_str() <= after) {
            continue;
        }
        let full = groups.len() >= asked.groups;
        let mut found = Vec::new();
        let most = if full { 1 } else { asked.rows.clamp(1, limit::PAGE_MAX) };
        walk.named(&mut found, (&name, no), From::START, most)?;
        if found.is_empty() {
            continue;
        }
        if full {
            return Ok((groups, true));
        }
        let listed = found.len();
        let count = if listed < most { listed } else { walk.count(no, asked.counted.saturating_add(1))? };
        groups.push(EdgeGroup { name, rows: found.into_iter().map(|(_, row)| row).collect(), count });
    }
    Ok((groups, false))
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
    /// How many edges of one name there are, of `most` at most: those that [`Walk::named`] lists.
    fn count(&self, name: i64, most: usize) -> Done<usize> {
        let mut number = 0_usize;
        if most > 0 {
            self.each(name, i64::MAX, |_| {
                number = number.saturating_add(1);
                Ok(if number < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            })?;
        }
        Ok(number)
    }

    /// The edges of one name, newest first and by the other end's identifier, after a place.
    fn named(
        &self,
        found: &mut Vec<(Place, EdgeRow)>,
        (name, no): (&str, i64),
        from: From,
        most: usize,
    ) -> Done<()> {
        if found.len() >= most {
            return Ok(());
        }
        let mut place = Place { name: tag(name), version: i64::MAX, given: 0 };
        self.each(no, from.version, |said| {
            let given = if place.version == said.version { place.given + 1 } else { 1 };
            place = Place { version: said.version, given, ..place };
            if said.version == from.version && given <= from.given {
                return Ok(ControlFlow::Continue(()));
            }
            let edge = EdgeRow {
                name: name.to_owned(),
                other: ids::of_number(self.connection, said.other)?,
                other_held: end(self.connection, self.sight, said.other)?,
                through: said.through.map(|by| ids::of_number(self.connection, by)).transpose()?,
                standing: said.standing,
            };
            found.push((Place { ..place }, edge));
            Ok(if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })
    }

    /// Gives what is said of one name in versions up to one, newest first and by the other end's identifier, until no more is taken: what is
    /// listed is what is counted.
    fn each(&self, no: i64, up_to: i64, mut give: impl FnMut(Said) -> Done<ControlFlow<()>>) -> Done<()> {
        let Way { own, other, .. } = self.way;
        let mut select = self.connection.prepare_cached(&format!(
            "SELECT e.version, e.{other}, v.object, e.source, v.revoked, v.starts, v.expires, v.modified IS NULL \
             FROM edge e CROSS JOIN version v ON v.no = e.version \
             CROSS JOIN object o ON o.no = e.{other} WHERE e.{own} = ?2 AND e.name = ?3 AND e.version <= ?4 AND {} \
             ORDER BY e.version DESC, o.uuid, (SELECT n.name FROM name n WHERE n.no = o.kind)",
            self.sight.latest_dated("v")
        ))?;
        let own: [&dyn ToSql; 3] = [&self.object, &no, &up_to];
        self.sight.bind(&mut select, &own)?;
        let mut undated = Undated::found_by(self.connection, self.sight, self.way.has_edge);
        let mut rows = select.raw_query();
        while let Some(row) = rows.next()? {
            let (version, other, by, source): (i64, i64, i64, i64) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let edge: [&dyn ToSql; 3] = [&self.object, &no, &other];
            if row.get(7)? && undated.added((by, version), &edge, &other.to_be_bytes())?.is_none() {
                continue;
            }
            let through = (by != source).then_some(by);
            if give(Said { version, other, through, standing: standing(row, 4)? })?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// One edge of a name, as a version says it.
struct Said {
    version: i64,
    other: i64,
    /// The object that says it of two others.
    through: Option<i64>,
    standing: Standing,
}

/// The version that the viewer is told first.
pub(crate) fn end(connection: &Connection, sight: &Sight, object: i64) -> Done<Option<EdgeEnd>> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT v.label, v.revoked, v.starts, v.expires FROM holding l CROSS JOIN version v ON v.no = l.version \
         WHERE l.object = ?2 AND {} ORDER BY {} LIMIT 1",
        sight.sees("l"),
        sight.told_first(connection, "l", (object, &sight.sees("f")))?
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

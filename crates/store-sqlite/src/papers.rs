//! Papers of a community as rows.

use base::Micros;
use rusqlite::Connection;
use store::{Paper, PaperKind, PaperWork};

use crate::error::Done;
use crate::writer::Desk;

/// All papers of one kind.
pub(crate) fn papers(connection: &Connection, kind: PaperKind) -> Done<Vec<Paper>> {
    let mut select =
        connection.prepare_cached("SELECT name, text, at FROM paper WHERE kind = ?1 ORDER BY name")?;
    let rows = select.query_map([kind.name()], |row| {
        Ok(Paper { kind, name: row.get(0)?, text: row.get(1)?, at: Micros(row.get(2)?) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes and removes papers.
pub(crate) fn file_papers(desk: &Desk<'_>, work: &PaperWork) -> Done<()> {
    let mut remove = desk.sql().prepare_cached("DELETE FROM paper WHERE kind = ?1 AND name = ?2")?;
    for (kind, name) in &work.remove {
        remove.execute((kind.name(), name))?;
    }
    let mut put = desk.sql().prepare_cached(
        "INSERT INTO paper (kind, name, text, at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (kind, name) DO UPDATE SET text = excluded.text, at = excluded.at",
    )?;
    for paper in &work.put {
        put.execute((paper.kind.name(), &paper.name, &paper.text, paper.at.0))?;
    }
    Ok(())
}

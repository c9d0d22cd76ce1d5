//! How much there is.

use std::path::Path;

use handling::Viewer;
use rusqlite::Connection;
use store::Figures;

use crate::error::Done;
use crate::open::DATABASE;
use crate::sight::Sight;

/// Figures of what a viewer may know of, or of everything.
pub(crate) fn figures(connection: &Connection, viewer: Option<&Viewer>, directory: &Path) -> Done<Figures> {
    let (sight, collections) = match viewer {
        None => (None, connection.query_row("SELECT count(*) FROM collection", [], |row| row.get(0))?),
        Some(viewer) => match Sight::of(connection, viewer)? {
            None => return Ok(Figures::default()),
            sight => (sight, viewer.collections().len() as u64),
        },
    };
    let sees = sight.as_ref().map_or_else(|| "1".to_owned(), |sight| sight.sees("h"));
    let mut select = connection.prepare_cached(&format!(
        "SELECT (SELECT n.name FROM name n WHERE n.no = h.kind), count(DISTINCT h.object), count(DISTINCT h.version) \
         FROM holding h WHERE {sees} GROUP BY h.kind"
    ))?;
    if let Some(sight) = &sight {
        sight.bind(&mut select, &[])?;
    }
    let mut figures = Figures { collections, ..Figures::default() };
    let mut rows = select.raw_query();
    while let Some(row) = rows.next()? {
        let (kind, objects, versions): (String, u64, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        figures.objects += objects;
        figures.versions += versions;
        figures.by_type.push((kind, objects));
    }
    figures.by_type.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    if viewer.is_none() {
        figures.disk_bytes = [DATABASE.to_owned(), format!("{DATABASE}-wal")]
            .iter()
            .filter_map(|name| std::fs::metadata(directory.join(name)).ok())
            .map(|file| file.len())
            .sum();
    }
    Ok(figures)
}

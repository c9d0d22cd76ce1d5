//! What objects of a copy from before schema 28 await, by name.
//!
//! The migration that names it reads it from references and bytes, and a sealed copy has neither when it runs: there it comes after the
//! opening. What stood in an object's collection before it was never awaited for its sake.

use rusqlite::Connection;

use crate::error::Done;
use crate::migrate;

/// Definitions that were known when a version came are not among those that it awaits.
const KNOWN: &str = "
    DELETE FROM temp.bears WHERE EXISTS (
      SELECT 1 FROM holding h JOIN edge e ON e.source = h.object AND e.version = h.version
      JOIN name n ON n.no = e.name AND n.name = 'object_marking_refs'
      JOIN holding d ON d.object = e.target AND d.collection = h.collection AND d.added < h.added AND d.restricted = 0
      JOIN object o ON o.no = d.object AND lower(hex(o.uuid)) = replace(bears.uuid, '-', '')
      WHERE h.added = bears.added);";

/// The same of what was said of own objects to be given to members.
const GIVEN: &str = "
    CREATE TEMP TABLE renamed AS
      SELECT w.object, coalesce(v.modified, '') AS version, min(w.names) AS names
      FROM temp.waiting w JOIN version v ON v.no = w.version GROUP BY 1, 2;
    CREATE INDEX temp.renamed_of ON renamed (object, version);
    UPDATE held SET rules = replace(rules, ' markings=awaited', ' markings=' || (
        SELECT r.names FROM temp.renamed r WHERE r.object = held.object AND r.version = held.version))
      WHERE instr(rules, ' markings=awaited') > 0
        AND EXISTS (SELECT 1 FROM temp.renamed r WHERE r.object = held.object AND r.version = held.version);
    DROP TABLE temp.bears; DROP TABLE temp.waiting; DROP TABLE temp.renamed;";

/// Whether a copy that has so many migrations says by name what is awaited.
pub(super) fn names(migrations: usize) -> bool {
    i64::try_from(migrations).is_ok_and(|number| number >= migrate::AWAITS)
}

/// Names what the versions of an opened copy await.
pub(super) fn name(sql: &Connection) -> Done<()> {
    for step in [include_str!("../bears.sql"), KNOWN, include_str!("../awaited.sql"), GIVEN] {
        sql.execute_batch(step)?;
    }
    Ok(())
}

//! Leaves of ledgers as hashes: those of other members under their mirrored heads, and those that are held ahead of a head, the own
//! one's too, while a larger one comes in parts.

use base::signing::KeyId;
use federation::MirrorRow;
use ledger::TreeHash;
use ledger::checkpoint::SignedCheckpoint;
use ledger::growing::{Growing, ResumeError};
use ledger::tile::{TILE_WIDTH, Tile, TileKind, TilePath};
use rusqlite::{Connection, OptionalExtension};

use super::effects::{contradiction, kept, run};
use super::rows::{stored, told};
use crate::book;
use crate::error::{Done, damaged};
use crate::writer::Desk;

/// Leaves held of a ledger whose larger head comes in parts; `None` where none does.
pub(crate) fn ahead(sql: &Connection, member: &KeyId) -> Done<Option<u64>> {
    let mut select = sql.prepare_cached("SELECT leaves FROM mirror_ahead WHERE member = ?1")?;
    let held: Option<i64> = select.query_row([member.as_bytes()], |row| row.get(0)).optional()?;
    Ok(held.map(told))
}

/// A tile of another member's ledger.
pub(crate) fn mirror_tile(sql: &Connection, member: &KeyId, path: TilePath) -> Done<Option<Tile>> {
    let mut select = sql.prepare_cached("SELECT hashes FROM mirror_tile WHERE member = ?1 AND no = ?2")?;
    let bytes: Option<Vec<u8>> =
        select.query_row((member.as_bytes(), book::tile_no(path)?), |row| row.get(0)).optional()?;
    let tile = bytes.map(|bytes| Tile::from_bytes(&bytes)).transpose();
    tile.map_err(|error| damaged(&format!("tile {path} of a mirrored ledger: {error}")))
}

/// The leaves continue those that are stored: the step has checked it, and the size of the head is checked here once more.
pub(super) fn put_mirror(sql: &Connection, row: &MirrorRow, leaves: &[TreeHash]) -> Done<()> {
    let mut select = sql.prepare_cached("SELECT size FROM mirror WHERE member = ?1")?;
    let before: Option<i64> = select.query_row([row.member.as_bytes()], |row| row.get(0)).optional()?;
    let size = before.map_or(0, told);
    let ahead = ahead(sql, &row.member)?;
    let held = ahead.map_or(size, |ahead| ahead.max(size));
    let held = add_leaves(sql, &row.member, (held, leaves), |path| mirror_tile(sql, &row.member, path))?;
    if held != row.size && (held < row.size || !leaves.is_empty() || ahead.is_none()) {
        return Err(contradiction("a head has other leaves than were given"));
    }
    if ahead.is_some() && held == row.size {
        run(sql, "DELETE FROM mirror_ahead WHERE member = ?1", [row.member.as_bytes()])?;
    }
    run(
        sql,
        "INSERT OR REPLACE INTO mirror (member, size, note) VALUES (?1, ?2, ?3)",
        (row.member.as_bytes(), stored(row.size), &row.note),
    )
}

/// Adds leaves to the tiles of another's ledger, or ahead of the own one; how many there are then.
fn add_leaves(
    sql: &Connection,
    member: &KeyId,
    (held, leaves): (u64, &[TreeHash]),
    tile: impl FnMut(TilePath) -> Done<Option<Tile>>,
) -> Done<u64> {
    if leaves.is_empty() {
        return Ok(held);
    }
    let mut growing = Growing::resume(held, tile).map_err(|error| match error {
        ResumeError::Tile(fail) => fail,
        missing @ ResumeError::Missing(_) => damaged(&missing.to_string()),
    })?;
    for leaf in leaves {
        growing.append(*leaf);
    }
    for (path, tile) in growing.changed() {
        run(
            sql,
            "INSERT OR REPLACE INTO mirror_tile (member, no, hashes) VALUES (?1, ?2, ?3)",
            (member.as_bytes(), book::tile_no(path)?, tile.to_bytes()),
        )?;
    }
    Ok(growing.size())
}

/// Leaves of a larger head that comes in parts; without leaves those that had come are let go. Of another's ledger their tiles are
/// written over by what comes next.
pub(super) fn put_ahead(
    sql: &Connection,
    (me, member): (KeyId, KeyId),
    (from, leaves): (u64, &[TreeHash]),
) -> Done<()> {
    if leaves.is_empty() {
        if member == me {
            run(sql, "DELETE FROM mirror_tile WHERE member = ?1", [me.as_bytes()])?;
        }
        return run(sql, "DELETE FROM mirror_ahead WHERE member = ?1", [member.as_bytes()]);
    }
    let held = add_leaves(sql, &member, (from, leaves), |path| {
        let ahead = mirror_tile(sql, &member, path)?;
        if ahead.is_none() && member == me { book::tile(sql, path) } else { Ok(ahead) }
    })?;
    let row = (member.as_bytes(), stored(held));
    run(sql, "INSERT OR REPLACE INTO mirror_ahead (member, leaves) VALUES (?1, ?2)", row)
}

/// The own ledger comes back up to a head: first of the leaves held ahead of it, a tile at a time, then those that came now.
pub(super) fn take_back(desk: &mut Desk<'_>, me: KeyId, leaves: &[TreeHash], note: &str) -> Done<()> {
    let connection = desk.sql();
    let head = SignedCheckpoint::parse(note.as_bytes()).map_err(|error| contradiction(&error.to_string()))?;
    let ahead = ahead(connection, &me)?;
    let book = kept(desk)?;
    while book.size() < ahead.unwrap_or_default().min(head.head().size) {
        let index = book.size() / u64::from(TILE_WIDTH);
        let path = TilePath { kind: TileKind::Hashes(0), index, width: TILE_WIDTH };
        let tile =
            mirror_tile(connection, &me, path)?.ok_or_else(|| damaged(&format!("tile {path} is missing")))?;
        let first = index.saturating_mul(u64::from(TILE_WIDTH));
        let part = usize::try_from(book.size().saturating_sub(first))
            .ok()
            .zip(usize::try_from(head.head().size.saturating_sub(first)).ok());
        let part = part.and_then(|(from, to)| tile.hashes().get(from..to.min(tile.hashes().len())));
        let part = part.filter(|part| !part.is_empty());
        let part = part.ok_or_else(|| damaged(&format!("tile {path} is too narrow")))?;
        book.take_leaves(connection, part)?;
    }
    book.take_leaves(connection, leaves)?;
    book.take_head(connection, note)?;
    if ahead.is_some_and(|ahead| ahead <= head.head().size) {
        put_ahead(connection, (me, me), (0, &[]))?;
    }
    Ok(())
}

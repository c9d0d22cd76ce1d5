//! Reading the ledger: tiles, acts and their proofs, each answer from one moment.

use ledger::TreeHash;
use ledger::checkpoint::SignedCheckpoint;
use ledger::commitment::Salt;
use ledger::proof::{MakeError, consistency, inclusion};
use ledger::short::{self, Common};
use ledger::tile::{Tile, TileKind, TilePath, Tiles};
use rusqlite::{Connection, OptionalExtension, Row};
use store::{Check, LeafRow, ProvenLeaf, StoreError};

use crate::book;
use crate::error::{Done, Fail, damaged};
use crate::writer::object_no;

/// Tiles as a connection sees them.
struct Stored<'c>(&'c Connection);

impl Tiles for Stored<'_> {
    type Error = Fail;

    fn tile(&self, path: TilePath) -> Done<Tile> {
        book::tile(self.0, path)?.ok_or_else(|| damaged(&format!("tile {path} of the ledger is missing")))
    }
}

/// A tile of exactly the asked width.
pub(crate) fn tile(connection: &Connection, path: TilePath) -> Done<Option<Tile>> {
    let TileKind::Hashes(_) = path.kind else { return Ok(None) };
    if !path.within(book::leaf_count(connection)?) {
        return Ok(None);
    }
    let stored = Stored(connection).tile(path)?;
    let hashes = stored.hashes().get(..usize::from(path.width)).map(<[TreeHash]>::to_vec);
    let hashes = hashes.ok_or_else(|| damaged(&format!("tile {path} of the ledger is too narrow")))?;
    Tile::new(hashes).map(Some).map_err(|error| damaged(&error.to_string()))
}

/// Acts about an object.
pub(crate) fn about(
    connection: &Connection,
    object: &str,
    after: Option<u64>,
    limit: usize,
) -> Done<Vec<LeafRow>> {
    let Some(object) = object_no(connection, object)? else { return Ok(Vec::new()) };
    let after = after.map_or(-1, |after| i64::try_from(after).unwrap_or(i64::MAX));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut select = connection.prepare_cached(
        "SELECT sequence, header, salt, common FROM written_leaf WHERE object = ?1 AND sequence > ?2 \
         ORDER BY sequence LIMIT ?3",
    )?;
    let rows = select.query_map((object, after, limit), leaf)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Acts before a place, newest first.
pub(crate) fn before(connection: &Connection, before: Option<u64>, limit: usize) -> Done<Vec<LeafRow>> {
    let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut select = connection.prepare_cached(
        "SELECT sequence, header, salt, common FROM written_leaf WHERE sequence < ?1 ORDER BY sequence DESC LIMIT ?2",
    )?;
    let rows = select.query_map((before, limit), leaf)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn leaf(row: &Row<'_>) -> rusqlite::Result<LeafRow> {
    let salt: Option<[u8; 32]> = row.get(2)?;
    Ok(LeafRow {
        sequence: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(u64::MAX),
        header: header(row)?.unwrap_or_default(),
        salt: salt.map(Salt::from_bytes),
    })
}

/// An act and its proof.
pub(crate) fn proven(connection: &Connection, sequence: u64) -> Done<ProvenLeaf> {
    let missing = || Fail::from(StoreError::NotFound { what: "leaf" });
    let no = i64::try_from(sequence).map_err(|_| missing())?;
    let mut select = connection
        .prepare_cached("SELECT sequence, header, salt, common FROM written_leaf WHERE sequence = ?1")?;
    let row = select.query_row([no], leaf).optional()?.ok_or_else(missing)?;
    let head = book::head(connection)?.ok_or_else(missing)?;
    let size =
        SignedCheckpoint::parse(head.as_bytes()).map_err(|error| damaged(&error.to_string()))?.head().size;
    let hashes = inclusion(&Stored(connection), sequence, size).map_err(unproven)?;
    Ok(ProvenLeaf { leaf: row, hashes, head })
}

/// The proof that one tree continues another.
pub(crate) fn continues(connection: &Connection, old: u64, new: u64) -> Done<Vec<TreeHash>> {
    if new > book::leaf_count(connection)? {
        return Err(StoreError::NotFound { what: "tree of this size" }.into());
    }
    consistency(&Stored(connection), old, new).map_err(unproven)
}

fn unproven(error: MakeError<Fail>) -> Fail {
    match error {
        MakeError::Tile(fail) => fail,
        MakeError::OutOfRange { .. } => StoreError::NotFound { what: "leaf" }.into(),
        narrow @ MakeError::Narrow(_) => damaged(&narrow.to_string()),
    }
}

/// Whether head, tiles and acts say the same; `deep` hashes every act again.
pub(crate) fn check(connection: &Connection, deep: bool) -> Done<Check> {
    let wrong = |detail: String| Check { name: "ledger", ok: false, detail };
    let leaves = book::leaf_count(connection)?;
    let Some(note) = book::head(connection)? else {
        let detail = format!("{leaves} leaves and no head yet");
        return Ok(Check { name: "ledger", ok: leaves == 0, detail });
    };
    let head = match SignedCheckpoint::parse(note.as_bytes()) {
        Ok(checkpoint) => checkpoint.head(),
        Err(error) => return Ok(wrong(format!("the head cannot be read: {error}; restore the last backup"))),
    };
    let root = ledger::proof::root_at(&Stored(connection), leaves).map_err(unproven);
    if head.size != leaves || root.ok() != Some(head.root) {
        let detail = format!("the head is of {} leaves, stored are {leaves}, or others", head.size);
        return Ok(wrong(format!("{detail}; restore the last backup and do not sign another head")));
    }
    if deep && rehashed(connection)? != head.root {
        return Ok(wrong("an act was changed after its head was signed; restore the last backup".into()));
    }
    let bare: i64 = connection.query_row("SELECT count(*) FROM bare_leaf", [], |row| row.get(0))?;
    let lost = if bare == 0 {
        String::new()
    } else {
        format!(
            "; the acts of {bare} were lost before a restore, and nobody who took part then had them: their hashes stand. Where a member is \
             back that took no part, or was left out, `cresset node recover --again` asks everybody once more"
        )
    };
    Ok(Check { name: "ledger", ok: true, detail: format!("{leaves} leaves, and the head is theirs{lost}") })
}

/// The root as the acts themselves have it.
fn rehashed(connection: &Connection) -> Done<TreeHash> {
    let mut select = connection.prepare(
        "SELECT sequence, header, NULL, common FROM written_leaf \
         UNION ALL SELECT sequence, NULL, hash, NULL FROM bare_leaf ORDER BY 1",
    )?;
    let mut rows = select.query([])?;
    let mut tree = ledger::frontier::Frontier::new();
    while let Some(row) = rows.next()? {
        tree.append(leaf_hash(row)?, |_| {});
    }
    Ok(tree.root())
}

/// A leaf from its sequence, its act's header, where that is lost its hash, and what the header is to be completed with.
pub(crate) fn leaf_hash(row: &Row<'_>) -> rusqlite::Result<TreeHash> {
    match header(row)? {
        Some(header) => Ok(TreeHash::leaf(&header)),
        None => Ok(TreeHash(row.get(2)?)),
    }
}

/// The bytes of a header, from its sequence, the header as it is stored, and in the fourth column what it is to be completed with
/// where it is stored short.
fn header(row: &Row<'_>) -> rusqlite::Result<Option<Vec<u8>>> {
    let Some(stored) = row.get_ref(1)?.as_blob_or_null()? else { return Ok(None) };
    let Some(common) = row.get_ref(3)?.as_str_or_null()? else { return Ok(Some(stored.to_vec())) };
    let sequence = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(u64::MAX);
    let act = Common::parse(common).and_then(|common| short::restore(stored, &common, sequence));
    // What does not come back is another leaf than the one that was signed, and is found out as that.
    Ok(Some(act.map_or_else(|_| stored.to_vec(), |act| act.bytes().to_vec())))
}

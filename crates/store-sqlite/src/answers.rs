//! What this member answered to others' acts: said by the payloads of its receipts, kept as a table to be found by the acts.
//!
//! It derives from the payloads, so it is made again where they come back: at a migration, and when a sealed copy is opened.

use base::signing::KeyId;
use federation::{PayloadRow, receipt_in};
use rusqlite::{Connection, OptionalExtension};

use crate::error::Done;
use crate::exchange::stored;

/// Notes what an own act answers, where it answers anything.
pub(crate) fn note(sql: &Connection, own: &PayloadRow) -> Done<()> {
    note_in(sql, stored(own.sequence), &own.bytes)
}

fn note_in(sql: &Connection, leaf: i64, payload: &[u8]) -> Done<()> {
    let Some(receipt) = receipt_in(payload) else { return Ok(()) };
    let mut insert = sql.prepare_cached(
        "INSERT INTO answered (author, sequence, leaf) VALUES (?1, ?2, ?3) \
         ON CONFLICT DO UPDATE SET leaf = max(leaf, excluded.leaf)",
    )?;
    for line in receipt.acts {
        insert.execute((receipt.of.as_bytes(), stored(line.sequence), leaf))?;
    }
    Ok(())
}

/// Makes the table anew from what is here. Whoever has a row as a peer is somebody else, and so are its receipts.
pub(crate) fn fill(sql: &Connection) -> Done<()> {
    sql.execute("DELETE FROM answered", [])?;
    let mut select = sql.prepare(
        "SELECT p.sequence, p.bytes FROM act a JOIN payload p ON p.author = a.author AND p.sequence = a.sequence \
         WHERE a.kind = 'received' AND a.author NOT IN (SELECT member FROM peer)",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        note_in(sql, row.get(0)?, row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
    }
    Ok(())
}

/// Where in the own ledger it is said what became of an act.
pub(crate) fn of(sql: &Connection, author: &KeyId, sequence: u64) -> rusqlite::Result<Option<i64>> {
    let mut select = sql.prepare_cached("SELECT leaf FROM answered WHERE author = ?1 AND sequence = ?2")?;
    select.query_row((author.as_bytes(), stored(sequence)), |row| row.get(0)).optional()
}

#[cfg(test)]
mod tests {
    use federation::{Content, Outcome, Receipt, ReceiptLine};
    use ledger::TreeHash;

    use super::*;
    use crate::migrate;

    fn member(number: u8) -> KeyId {
        KeyId::from_bytes([number; 32])
    }

    /// The payload of a receipt for acts of a member.
    fn receipt(of: KeyId, acts: &[u64]) -> Vec<u8> {
        let line = |sequence: &u64| ReceiptLine {
            sequence: *sequence,
            leaf: TreeHash([0; 32]),
            outcome: Outcome::Kept,
        };
        let receipt = Receipt { of, acts: acts.iter().map(line).collect(), at_us: 0 };
        let document = serde_json::to_vec(&receipt).unwrap();
        Content { document: &document, ..Content::default() }.to_bytes().unwrap()
    }

    /// A store of before finds what it answered: its own receipts alone, and of two about one act the later.
    #[test]
    fn a_store_of_before_finds_what_it_answered() {
        let connection = migrate::tests::before("answered");
        let (me, other) = (member(1), member(2));
        let put = |author: KeyId, sequence: i64, kind: &str, payload: Vec<u8>| {
            connection
                .execute(
                    "INSERT INTO act (author, sequence, leaf, kind, signed) VALUES (?1, ?2, x'', ?3, '')",
                    (author.as_bytes(), sequence, kind),
                )
                .unwrap();
            connection
                .execute(
                    "INSERT INTO payload (author, sequence, salt, bytes) VALUES (?1, ?2, x'', ?3)",
                    (author.as_bytes(), sequence, payload),
                )
                .unwrap();
        };
        connection
            .execute(
                "INSERT INTO peer (member, flash_last, flash_acked, flash_cursor, routine_last, routine_acked, routine_cursor, \
                 skew_us, heads) VALUES (?1, 0, 0, 0, 0, 0, 0, 0, x'')",
                [other.as_bytes()],
            )
            .unwrap();
        put(me, 3, "received", receipt(other, &[7, 9]));
        put(me, 5, "received", receipt(other, &[9, 11]));
        put(me, 6, "released", b"CRP1".to_vec());
        put(other, 4, "received", receipt(me, &[6]));
        migrate::migrate(&connection, "db").unwrap();
        let of = |author: &KeyId, sequence| super::of(&connection, author, sequence).unwrap();
        assert_eq!([7, 8, 9, 11].map(|sequence| of(&other, sequence)), [Some(3), None, Some(5), Some(5)]);
        assert_eq!((of(&me, 6), of(&me, 7)), (None, None));
        // What is noted afterwards is found as well, in whichever order it comes back.
        for (sequence, acts) in [(8, [11, 12]), (2, [11, 13])] {
            let bytes = receipt(other, &acts);
            let salt = ledger::commitment::Salt::from_bytes([0; 32]);
            note(&connection, &PayloadRow { author: me, sequence, salt, bytes }).unwrap();
        }
        assert_eq!([11, 12, 13].map(|sequence| of(&other, sequence)), [Some(8), Some(8), Some(2)]);
    }

    /// Payloads are sealed in a copy when it is migrated, so the table is made once they are open.
    #[tokio::test]
    async fn a_sealed_copy_of_before_finds_what_it_answered() {
        let directory = tempfile::tempdir().unwrap();
        let [live, file, again] = ["live", "file", "again"].map(|name| directory.path().join(name));
        let store = crate::rebuild_tests::with_objects(&live).await;
        let (me, other) = (member(1), member(2));
        let put = move |desk: &mut crate::writer::Desk<'_>| {
            let (me, payload) = (me.as_bytes(), receipt(other, &[7]));
            desk.sql().execute(
                "INSERT INTO act (author, sequence, leaf, kind, signed) VALUES (?1, 3, x'', 'received', '')",
                [me],
            )?;
            Ok(desk.sql().execute(
                "INSERT INTO payload (author, sequence, salt, bytes) VALUES (?1, 3, ?2, ?3)",
                (me, [5; 32], payload),
            )?)
        };
        store.writer.write(1, put).await.unwrap();
        let (_, keys) = crate::backup_tests::backup(&store, &file).await.unwrap();
        migrate::tests::undo_since(&Connection::open(&file).unwrap(), "answered");
        crate::backup_tests::restore(&file, Some(&keys), &again).unwrap();
        let sql = Connection::open(again.join("cresset.db")).unwrap();
        assert_eq!([7, 8].map(|sequence| of(&sql, &other, sequence).unwrap()), [Some(3), None]);
    }
}

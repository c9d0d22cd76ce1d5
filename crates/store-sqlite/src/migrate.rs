//! Migrations: numbered SQL files in the program, and what the database remembers of them.
//!
//! The database holds number and SHA-256 of each file that made it. At opening both must agree with the program's: a
//! database of a newer program is refused, and so is one made by files that were changed afterwards, but for those that are
//! known to have made the same.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};
use store::StoreError;

use crate::answers;
use crate::dated;
use crate::editions;
use crate::error::Done;
use crate::ids::Parts;
use crate::writer::{name_no, next_number, object_no};

/// "CRES" in the file's header: this file is a Cresset store.
const APPLICATION_ID: i32 = 0x4352_4553;

/// One file of the schema's history.
struct Migration {
    number: i64,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "ground", sql: include_str!("../migrations/0001_ground.sql") },
    Migration { number: 2, name: "objects", sql: include_str!("../migrations/0002_objects.sql") },
    Migration { number: 3, name: "handling", sql: include_str!("../migrations/0003_handling.sql") },
    Migration { number: 4, name: "ledger", sql: include_str!("../migrations/0004_ledger.sql") },
    Migration { number: 5, name: "papers", sql: include_str!("../migrations/0005_papers.sql") },
    Migration { number: 6, name: "exchange", sql: include_str!("../migrations/0006_exchange.sql") },
    Migration { number: 7, name: "consent", sql: include_str!("../migrations/0007_consent.sql") },
    Migration { number: 8, name: "approvals", sql: include_str!("../migrations/0008_approvals.sql") },
    Migration { number: 9, name: "retention", sql: include_str!("../migrations/0009_retention.sql") },
    Migration { number: 10, name: "witness", sql: include_str!("../migrations/0010_witness.sql") },
    Migration { number: 11, name: "recovery", sql: include_str!("../migrations/0011_recovery.sql") },
    Migration { number: 12, name: "parts", sql: include_str!("../migrations/0012_parts.sql") },
    Migration { number: 13, name: "short leaves", sql: include_str!("../migrations/0013_short_leaves.sql") },
    Migration { number: 14, name: "relay", sql: include_str!("../migrations/0014_relay.sql") },
    Migration { number: 15, name: "version_key", sql: include_str!("../migrations/0015_version_key.sql") },
    Migration { number: 16, name: "makers", sql: include_str!("../migrations/0016_makers.sql") },
    Migration { number: 17, name: "places", sql: include_str!("../migrations/0017_places.sql") },
    Migration { number: 18, name: "deposits", sql: include_str!("../migrations/0018_deposits.sql") },
    Migration {
        number: 19,
        name: "lineages",
        // Their comments are of before there were owners: what a restore runs is lineages.sql, which is migration 30's now.
        sql: concat!(
            include_str!("../migrations/0019_lineages.sql"),
            include_str!("../migrations/0019_numbers.sql")
        ),
    },
    Migration { number: 20, name: "owed", sql: include_str!("../migrations/0020_owed.sql") },
    Migration { number: 21, name: "starts", sql: include_str!("../migrations/0021_starts.sql") },
    Migration { number: 22, name: "life_proof", sql: include_str!("../migrations/0022_life_proof.sql") },
    Migration { number: 23, name: "refused_once", sql: include_str!("../migrations/0023_refused_once.sql") },
    Migration { number: 24, name: "later", sql: include_str!("../migrations/0024_later.sql") },
    Migration {
        number: 25,
        name: "lineage_index",
        sql: include_str!("../migrations/0025_lineage_index.sql"),
    },
    Migration { number: 26, name: "mark", sql: include_str!("../migrations/0026_mark.sql") },
    Migration { number: 27, name: "refused", sql: include_str!("../migrations/0027_refused.sql") },
    Migration {
        number: AWAITS,
        name: "awaits",
        sql: concat!(
            include_str!("../migrations/0028_awaits.sql"),
            include_str!("bears.sql"),
            include_str!("awaited.sql"),
            include_str!("../migrations/0028_given.sql")
        ),
    },
    Migration { number: 29, name: NUMBERED, sql: include_str!("../migrations/0029_numbered.sql") },
    Migration {
        number: 30,
        name: "owners",
        sql: concat!(include_str!("../migrations/0030_owners.sql"), include_str!("lineages.sql")),
    },
    Migration { number: 31, name: "past_access", sql: include_str!("../migrations/0031_past_access.sql") },
    Migration { number: 32, name: ANSWERED, sql: include_str!("../migrations/0032_answered.sql") },
    Migration { number: 33, name: "embargo_over", sql: include_str!("../migrations/0033_embargo_over.sql") },
    Migration { number: 34, name: "replaced", sql: include_str!("../migrations/0034_replaced.sql") },
    Migration { number: 35, name: "deleted", sql: include_str!("../migrations/0035_deleted.sql") },
    Migration { number: 36, name: "arrived", sql: include_str!("../migrations/0036_arrived.sql") },
    Migration { number: 37, name: "named", sql: include_str!("../migrations/0037_named.sql") },
    Migration { number: 38, name: "deleted_kept", sql: include_str!("../migrations/0038_deleted_kept.sql") },
    Migration { number: 39, name: "said_before", sql: include_str!("../migrations/0039_said_before.sql") },
    Migration { number: 40, name: DATED, sql: include_str!("../migrations/0040_dated.sql") },
    Migration { number: 41, name: "seen", sql: include_str!("../migrations/0041_seen.sql") },
];

/// The migration from which on it is known by name which marking definitions are awaited: see `backup/naming.rs`.
pub(crate) const AWAITS: i64 = 28;

/// The migration by which what this member answered is found by what it is about.
const ANSWERED: &str = "answered";

/// The migration by which exchange names objects by number.
const NUMBERED: &str = "numbered";

/// The migration by which what has no `modified` has its `created` for a version.
const DATED: &str = "dated";

/// Digests of texts that migrations had in builds before, where these made the same rows and a later migration adds what they lack.
/// Migration 19 took the square of the time that it takes now, and then had another comment; 21 gave what begins at a leap second no
/// beginning.
const EARLIER: &[(i64, &str)] = &[
    (19, "cf0787829e2c734d353072fd8ed55efa2aafcf27b2c4adb1cec3ec0718fefddb"),
    (19, "01c4682f06ff36a21f831c5d7ce1748430b30dccef41cd43360a38428bedfc0a"),
    (21, "014d3d9a71161f7bd30991cb2a5157e4ac47650e7519f9e374214d00bedc2a71"),
];

/// Brings the database up to this program, after checking what made it so far.
///
/// # Errors
/// It is no store, is newer than this program, or was made by other files. Nothing has been changed then.
pub(crate) fn migrate(connection: &Connection, path: &str) -> Done<()> {
    let applied = verify(connection, path)?;
    if applied == MIGRATIONS.len() {
        return Ok(());
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let result = apply(connection, applied);
    connection.execute_batch(if result.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    result
}

fn apply(connection: &Connection, from: usize) -> Done<()> {
    if from == 0 {
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.execute_batch(
            "CREATE TABLE migration (number INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL)",
        )?;
    }
    MIGRATIONS.iter().skip(from).try_for_each(|migration| run(connection, migration))
}

fn run(connection: &Connection, migration: &Migration) -> Done<()> {
    if migration.name == NUMBERED {
        number_objects(connection)?;
    }
    connection.execute_batch(migration.sql)?;
    if migration.name == ANSWERED {
        answers::fill(connection)?;
    }
    if migration.name == DATED {
        dated::by_created(connection)?;
        editions::read_again(connection)?;
        editions::list_all(connection)?;
    }
    connection.execute(
        "INSERT INTO migration (number, name, digest) VALUES (?1, ?2, ?3)",
        (migration.number, migration.name, digest(migration)),
    )?;
    Ok(())
}

/// Tells in temp.numbered the number of every identifier that exchange names by its text; what has none is given one.
fn number_objects(connection: &Connection) -> Done<()> {
    connection.execute_batch(
        "CREATE TEMP TABLE numbered (id TEXT NOT NULL PRIMARY KEY, no INTEGER NOT NULL) WITHOUT ROWID",
    )?;
    let mut named = connection.prepare(
        "SELECT object FROM act WHERE object IS NOT NULL UNION SELECT object FROM held UNION SELECT object FROM fate \
         UNION SELECT object FROM narrowing UNION SELECT object FROM holder",
    )?;
    let mut rows = named.query([])?;
    let mut tell = connection.prepare("INSERT INTO temp.numbered (id, no) VALUES (?1, ?2)")?;
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let no = match object_no(connection, &id)? {
            Some(no) => no,
            None => new_object(connection, &id)?,
        };
        tell.execute((&id, no))?;
    }
    Ok(())
}

fn new_object(connection: &Connection, id: &str) -> Done<i64> {
    let parts = Parts::of(id);
    let kind = match name_no(connection, parts.kind)? {
        Some(no) => no,
        None => {
            let no = next_number(connection, "name")?;
            connection.execute("INSERT INTO name (no, name) VALUES (?1, ?2)", (no, parts.kind))?;
            no
        }
    };
    let no = next_number(connection, "object")?;
    connection.execute("INSERT INTO object (no, uuid, kind) VALUES (?1, ?2, ?3)", (no, &parts.uuid, kind))?;
    Ok(no)
}

/// How many of this program's migrations the database has, after comparing each.
///
/// # Errors
/// As [`migrate`].
pub(crate) fn verify(connection: &Connection, path: &str) -> Done<usize> {
    let refused = |reason: String| StoreError::CannotOpen { path: path.to_owned(), reason };
    let tables: i64 =
        connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'migration'", [], |row| row.get(0))?;
    if tables == 0 {
        let any: Option<String> = connection
            .query_row("SELECT name FROM sqlite_schema LIMIT 1", [], |row| row.get(0))
            .optional()?;
        return match any {
            None => Ok(0),
            Some(_) => Err(refused("this database was not made by Cresset".into()).into()),
        };
    }
    let id: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if id != APPLICATION_ID {
        return Err(refused("this database was not made by Cresset".into()).into());
    }
    let mut statement = connection.prepare("SELECT number, digest FROM migration ORDER BY number")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    let mut applied = 0;
    for row in rows {
        let (number, held) = row?;
        let Some(migration) = MIGRATIONS.get(applied).filter(|migration| migration.number == number) else {
            let reason = format!(
                "it has schema {number} and this program knows up to {}: use a newer program",
                MIGRATIONS.len()
            );
            return Err(refused(reason).into());
        };
        if digest(migration) != held && !EARLIER.contains(&(number, held.as_str())) {
            let reason = format!(
                "migration {number} ({}) is not the one that made this database: use the program that wrote it",
                migration.name
            );
            return Err(refused(reason).into());
        }
        applied += 1;
    }
    Ok(applied)
}

/// Whether the database has exactly this program's schema.
///
/// # Errors
/// As [`migrate`], and when migrations are missing.
pub(crate) fn verify_current(connection: &Connection, path: &str) -> Done<()> {
    let applied = verify(connection, path)?;
    if applied < MIGRATIONS.len() {
        let reason = if applied == 0 {
            "it is not set up: run `cresset init`".to_owned()
        } else {
            format!(
                "it has schema {applied} and this program needs {}: copy its directory, or make a backup with the program that wrote it, then start `cresset serve` on it, which brings it up to date",
                MIGRATIONS.len()
            )
        };
        return Err(StoreError::CannotOpen { path: path.to_owned(), reason }.into());
    }
    Ok(())
}

/// What the database has besides what the migrations make, or lacks of it: a trigger that somebody put into a copy would run
/// here with everything we write.
pub(crate) fn differing(connection: &Connection) -> Done<Vec<String>> {
    let fresh = Connection::open_in_memory()?;
    migrate(&fresh, "memory")?;
    let (made, held) = (schema(&fresh)?, schema(connection)?);
    Ok(made.symmetric_difference(&held).map(|(name, _)| name.clone()).collect())
}

/// Names and texts of everything in the schema; SQLite's own statistics come and go.
fn schema(connection: &Connection) -> Done<BTreeSet<(String, Option<String>)>> {
    let mut select = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_stat%' ESCAPE '\\'")?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn digest(migration: &Migration) -> String {
    hex::encode(Sha256::digest(migration.sql.as_bytes()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn message(connection: &Connection) -> String {
        StoreError::from(migrate(connection, "db").unwrap_err()).to_string()
    }

    #[test]
    fn applies_once_and_verifies_after() {
        let connection = Connection::open_in_memory().unwrap();
        assert!(verify_current(&connection, "db").is_err());
        migrate(&connection, "db").unwrap();
        migrate(&connection, "db").unwrap();
        verify_current(&connection, "db").unwrap();
    }

    fn before_handling() -> Connection {
        before("handling")
    }

    /// A database as the migrations before the one of a name left it.
    pub(crate) fn before(name: &str) -> Connection {
        let number = MIGRATIONS.iter().position(|migration| migration.name == name).unwrap();
        let connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        connection
            .execute_batch("CREATE TABLE migration (number INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL)")
            .unwrap();
        for migration in &MIGRATIONS[..number] {
            run(&connection, migration).unwrap();
        }
        connection
    }

    /// Takes away from a database what the migration of a name and those after it added: tables, columns, indexes and numbers.
    pub(crate) fn undo_since(connection: &Connection, name: &str) {
        let (old, new) = (before(name), before(name));
        migrate(&new, "db").unwrap();
        let said = |of: &Connection, sql: &str| -> BTreeSet<String> {
            let mut select = of.prepare(sql).unwrap();
            select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let added =
            |sql: &str| -> Vec<String> { said(&new, sql).difference(&said(&old, sql)).cloned().collect() };
        let named = |kind: &str| {
            format!("SELECT name FROM sqlite_schema WHERE type = '{kind}' AND name NOT LIKE 'sqlite_%'")
        };
        for (kind, names) in ["index", "table"].map(|kind| (kind, added(&named(kind)))) {
            for name in names {
                connection.execute_batch(&format!("DROP {kind} IF EXISTS {name}")).unwrap();
            }
        }
        let columns = "SELECT m.name || ' DROP COLUMN ' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c \
                       WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
        let tables = said(&old, &named("table"));
        let stays = |column: &String| column.split(' ').next().is_some_and(|table| tables.contains(table));
        for column in added(columns).iter().filter(|column| stays(column)) {
            connection.execute_batch(&format!("ALTER TABLE {column}")).unwrap();
        }
        for number in added("SELECT name FROM number") {
            connection.execute("DELETE FROM number WHERE name = ?1", [number]).unwrap();
        }
        let kept = "DELETE FROM migration WHERE number >= (SELECT number FROM migration WHERE name = ?1)";
        connection.execute(kept, [name]).unwrap();
    }

    #[test]
    fn what_was_for_named_persons_is_so_by_rules() {
        use handling::{Addressee, Audience, Originator, Person, Rules, UserNo};
        let connection = before_handling();
        for (no, tlp) in [(1, Some(4)), (2, None), (3, Some(2)), (4, Some(4)), (5, Some(0))] {
            connection
                .execute(
                    "INSERT INTO version (no, object, kind, spec, revoked, tlp, digest, content_digest, label, derived) \
                     VALUES (?1, ?1, 1, 21, 0, ?2, x'', x'', '', x'')",
                    (no, tlp),
                )
                .unwrap();
            connection
                .execute(
                    "INSERT INTO holding (collection, added, object, kind, version, place, spec, size, is_last, is_first, \
                     restricted) VALUES (1, ?1, ?1, 1, ?1, '', 21, 1, 0, 0, ?2)",
                    (no, no != 5),
                )
                .unwrap();
        }
        for (account, added) in [(10, 1), (9, 1), (7, 2), (9, 4), (10, 4)] {
            connection.execute("INSERT INTO person VALUES (?1, 1, ?2)", (account, added)).unwrap();
        }
        migrate(&connection, "db").unwrap();
        let under = |no: i64| -> Option<Rules> {
            let number = connection
                .query_row("SELECT rules FROM holding WHERE added = ?1", [no], |row| row.get(0))
                .unwrap();
            crate::rules_rows::read(&connection, number).unwrap()
        };
        let to = |level, persons: &[i64]| {
            let persons = || persons.iter().map(|no| Person::Here(UserNo(*no)));
            let audience = Audience::only(persons().map(Addressee::Person));
            let rules = Rules::marked(level, Originator::Here).to(audience);
            if rules.named().is_some() { rules.naming(persons()) } else { rules }
        };
        assert_eq!(under(1), Some(to(Some(stix::TlpLevel::Red), &[9, 10])));
        assert_eq!(under(2), Some(to(None, &[7])));
        assert_eq!(under(3), Some(to(Some(stix::TlpLevel::Amber), &[])));
        assert_eq!((under(4), under(5)), (under(1), None));
        assert_eq!(crate::rules_rows::compare(&connection).unwrap(), (3, 0));
    }

    /// Versions of two indicators and what they bear: the second version of the first one inherits what the first awaits.
    const AWAITING: &str = "
        INSERT INTO name VALUES (1, 'indicator'), (2, 'marking-definition'), (3, 'object_marking_refs');
        INSERT INTO object VALUES (1, x'00000000000040008000000000000001', 1), (2, x'00000000000040008000000000000002', 1),
          (11, x'000000000000400080000000000000aa', 2), (12, x'000000000000400080000000000000bb', 2),
          (13, x'94868c8983c2464b929ba1a8aa3c8487', 2);
        INSERT INTO version (no, object, kind, spec, modified, revoked, tlp, digest, content_digest, label, derived)
          VALUES (1, 1, 1, 21, '2025', 0, 2, x'', x'', '', x''), (2, 1, 1, 21, '2026', 0, 2, x'', x'', '', x''),
            (3, 2, 1, 21, '2025', 0, 2, x'', x'', '', x'');
        INSERT INTO body VALUES (1, CAST('{}' AS BLOB)), (2, CAST('{}' AS BLOB)), (3, CAST('{\"granular_markings\":[]}' AS BLOB));
        INSERT INTO edge VALUES (1, 3, 1, 11), (1, 3, 1, 13), (1, 3, 2, 12), (2, 3, 3, 11);
        INSERT INTO rules (no, form, open, level, pap, originator, controlled, purposes, awaited)
          VALUES (1, 'tlp=amber to=originator by=here markings=awaited', 1, 2, 0, 'here', 0, 7, 1);
        INSERT INTO addressee VALUES (1, 0, 'originator');
        UPDATE number SET value = 1 WHERE name = 'rules';
        INSERT INTO holding (collection, added, object, kind, version, place, spec, size, is_last, is_first, restricted, rules)
          VALUES (1, 1, 1, 1, 1, '2025', 21, 1, 0, 1, 0, 1), (1, 2, 1, 1, 2, '2026', 21, 1, 1, 0, 0, 1),
            (1, 3, 2, 1, 3, '2025', 21, 1, 1, 1, 0, 1);
        INSERT INTO held (author, object, version, sequence, kind, digest, rules) VALUES
          (x'01', 'indicator--00000000-0000-4000-8000-000000000001', '2026', 1, 'released', x'', 'tlp=amber by=x markings=awaited');";

    #[test]
    fn what_awaited_a_definition_is_told_which() {
        let connection = before("awaits");
        connection.execute_batch(AWAITING).unwrap();
        migrate(&connection, "db").unwrap();
        let form = |added: i64| -> String {
            let sql = "SELECT r.form FROM holding h JOIN rules r ON r.no = h.rules WHERE h.added = ?1";
            connection.query_row(sql, [added], |row| row.get(0)).unwrap()
        };
        let [a, b] = ["aa", "bb"].map(|end| format!("00000000-0000-4000-8000-0000000000{end}"));
        let rules = "tlp=amber to=originator by=here markings=";
        assert_eq!(form(1), format!("{rules}{a}"));
        assert_eq!(form(2), format!("{rules}{a},{b}"), "it inherits what came before it");
        assert_eq!(form(3), format!("{rules}awaited"), "nobody knows what its parts bear");
        assert_eq!(crate::rules_rows::compare(&connection).unwrap(), (3, 0));
        let told: String = connection.query_row("SELECT rules FROM held", [], |row| row.get(0)).unwrap();
        assert_eq!(told, format!("tlp=amber by=x markings={a},{b}"));
    }

    #[test]
    fn versions_of_before_find_their_lineages() {
        let connection = before("lineages");
        // Object 1: by 7, by 8, by 7 again. Object 2: created twice. Object 3: one version. Object 4 is an observable.
        let held = [
            (1, 1, Some("2020"), Some(7)),
            (2, 1, Some("2020"), Some(8)),
            (3, 1, Some("2020"), Some(7)),
            (4, 2, Some("2020"), None),
            (5, 2, Some("2021"), None),
            (6, 2, Some("2020"), None),
            (7, 3, Some("2020"), Some(7)),
            (8, 4, None, None),
            (9, 4, None, None),
        ];
        for (no, object, created, creator) in held {
            connection
                .execute(
                    "INSERT INTO version (no, object, kind, spec, revoked, created_key, creator, digest, content_digest, label, \
                     derived) VALUES (?1, ?2, 1, 21, 0, ?3, ?4, x'', x'', '', x'')",
                    (no, object, created, creator),
                )
                .unwrap();
            connection
                .execute(
                    "INSERT INTO holding (collection, added, object, kind, version, place, spec, size, is_last, is_first, \
                     restricted, lone) VALUES (1, ?1, ?2, 1, ?1, '', 21, 1, 0, 0, 0, ?3)",
                    (no, object, object == 3),
                )
                .unwrap();
        }
        migrate(&connection, "db").unwrap();
        for (table, version) in [("version", "no"), ("holding", "version")] {
            let sql = format!("SELECT lineage FROM {table} ORDER BY {version}");
            let mut select = connection.prepare(&sql).unwrap();
            let found: Vec<i64> =
                select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            assert_eq!(found, [1, 2, 1, 1, 2, 1, 0, 0, 0], "{table}");
        }
    }

    /// What stood before there were owners gets its own, and the marks stand at the ends of what is there longest.
    #[test]
    fn versions_of_before_find_their_owners() {
        let connection = before("owners");
        let member = |no: &str| format!("member:{}", no.repeat(32));
        for (no, word) in [(1, member("aa")), (2, "here".to_owned()), (3, member("bb")), (4, member("aa"))] {
            let form = format!("{no} by={word}");
            connection
                .execute(
                    "INSERT INTO rules (no, form, open, level, pap, originator, controlled, purposes, awaited) \
                     VALUES (?1, ?2, 1, 1, 0, ?3, 0, 7, 0)",
                    (no, form, word),
                )
                .unwrap();
        }
        connection
            .execute_batch(
                "INSERT INTO name VALUES (7, 'indicator'); UPDATE number SET value = 7 WHERE name = 'name'",
            )
            .unwrap();
        // Object 1: by aa under two sets of rules, then a later word of bb. Object 2: this node's, in two ways. Object 3: bb's alone.
        let held =
            [(1, 1, 1, "1"), (2, 1, 4, "2"), (3, 1, 3, "3"), (4, 2, 0, "1"), (5, 2, 2, "2"), (6, 3, 3, "1")];
        for (no, object, rules, place) in held {
            connection
                .execute(
                    "INSERT INTO version (no, object, kind, spec, revoked, created_key, creator, digest, content_digest, label, \
                     derived, lineage) VALUES (?1, ?2, 7, 21, 0, '2020', NULL, x'', x'', '', x'', 0)",
                    (no, object),
                )
                .unwrap();
            connection
                .execute(
                    "INSERT INTO holding (collection, added, object, kind, version, place, spec, size, is_last, is_first, \
                     restricted, rules, lone, lineage) VALUES (1, ?1, ?2, 7, ?1, ?3, 21, 1, ?4, ?5, 0, ?6, ?7, 0)",
                    (no, object, place, [3, 5, 6].contains(&no), [1, 4, 6].contains(&no), rules, object == 3),
                )
                .unwrap();
        }
        migrate(&connection, "db").unwrap();
        let all = |sql: &str| -> Vec<Option<i64>> {
            let mut select = connection.prepare(sql).unwrap();
            select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let (aa, bb) = (Some(8), Some(9));
        assert_eq!(all("SELECT owner FROM holding ORDER BY added"), [aa, aa, bb, None, None, bb]);
        for (table, version) in [("version", "no"), ("holding", "version")] {
            let found = all(&format!("SELECT lineage FROM {table} ORDER BY {version}"));
            assert_eq!(found, [1, 1, 2, 0, 0, 0].map(Some), "{table}");
        }
        assert_eq!(all("SELECT added FROM holding WHERE is_last ORDER BY added"), [2, 5, 6].map(Some));
        assert_eq!(all("SELECT added FROM holding WHERE is_first ORDER BY added"), [1, 4, 6].map(Some));
        assert_eq!(all("SELECT no FROM name ORDER BY no"), [7, 8, 9].map(Some));
        assert_eq!(all("SELECT value FROM number WHERE name = 'name'"), [bb]);
        assert_eq!(crate::rebuild::marks(&connection, false).unwrap(), []);
    }

    #[test]
    fn what_has_no_modified_is_dated_by_its_created() {
        let connection = before(DATED);
        let put = |no: i64, object: i64, created: Option<&str>, bytes: &str, revoked: bool| {
            let key = created.map(stix::timestamp::key_of);
            let version = "INSERT INTO version (no, object, kind, spec, revoked, created_key, digest, content_digest, label, derived) \
                           VALUES (?1, ?2, 1, 21, ?3, ?4, x'', ?1, '', x'')";
            connection.execute(version, (no, object, revoked, key)).unwrap();
            connection.execute("INSERT INTO body VALUES (?1, ?2)", (no, bytes.as_bytes())).unwrap();
            let holding = "INSERT INTO holding (collection, added, object, kind, version, place, spec, size, is_last, is_first, \
                           restricted, lone) VALUES (1, ?1, ?2, 1, ?1, '2026-01-01T00:00:0' || ?1, 21, 1, ?3, ?4, 0, 0)";
            let [last, first] = [no != 2 && no != 4, no != 3 && no != 5];
            connection.execute(holding, (no, object, last, first)).unwrap();
        };
        let says = |created: &str, more: &str| format!(r#"{{"id":"x","created":"{created}"{more}}}"#);
        const AT: &str = "2020-01-01T00:00:00.500Z";
        put(1, 1, Some(AT), &says(AT, ""), false);
        put(2, 2, Some(AT), &says(AT, r#","a":1"#), false);
        put(3, 2, Some(AT), &says(AT, r#","a":2"#), false);
        put(4, 3, Some(AT), &says(AT, ""), false);
        put(5, 3, Some(AT), &says(AT, r#","revoked":true"#), true);
        put(6, 4, None, r#"{"id":"x"}"#, false);
        put(7, 5, Some(AT), "altered", false);
        migrate(&connection, "db").unwrap();
        let all = |sql: &str| -> Vec<Option<String>> {
            let mut select = connection.prepare(sql).unwrap();
            select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let (at, key) = (Some(AT), "2020-01-01T00:00:00.5");
        let dated: Vec<Option<String>> =
            [at, at, at, at, at, None, None].map(|text| text.map(ToOwned::to_owned)).into();
        assert_eq!(all("SELECT modified FROM version ORDER BY no"), dated);
        let revoked = format!("~{key}");
        let places = [key, key, key, key, revoked.as_str(), "2026-01-01T00:00:06", "2026-01-01T00:00:07"];
        let told = all("SELECT place FROM holding ORDER BY added");
        assert_eq!(told.iter().map(|place| place.as_deref().unwrap()).collect::<Vec<_>>(), places);
        let lasts: Vec<String> =
            all("SELECT CAST(version AS TEXT) FROM holding WHERE is_last ORDER BY version")
                .into_iter()
                .flatten()
                .collect();
        assert_eq!(lasts, ["1", "2", "5", "6", "7"], "of contents under one moment the first stays");
        assert_eq!(crate::rebuild::marks(&connection, false).unwrap(), []);
    }

    #[test]
    fn what_an_earlier_text_of_a_migration_made_becomes_the_same() {
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection, "db").unwrap();
        undo_since(&connection, "owed");
        connection.execute_batch("DROP INDEX holding_lineage").unwrap();
        for (number, earlier) in EARLIER {
            let set = "UPDATE migration SET digest = ?2 WHERE number = ?1";
            assert_eq!(
                connection.execute(set, (number, earlier)).unwrap(),
                usize::from(*number < 20),
                "{number}"
            );
        }
        migrate(&connection, "db").unwrap();
        for (number, earlier) in EARLIER {
            connection
                .execute("UPDATE migration SET digest = ?2 WHERE number = ?1", (number, earlier))
                .unwrap();
            assert!(verify(&connection, "db").is_ok(), "{number}");
        }
        assert_eq!(differing(&connection).unwrap(), Vec::<String>::new());
        let earlier = EARLIER[0].1;
        connection.execute("UPDATE migration SET digest = ?1 WHERE number = 18", [earlier]).unwrap();
        assert!(message(&connection).contains("migration 18"), "it is one migration's");
    }

    #[test]
    fn what_exchange_named_by_its_text_is_found_by_number() {
        let connection = before(NUMBERED);
        let known = "indicator--00000000-0000-4000-8000-000000000001";
        let unknown = [
            "indicator--00000000-0000-4000-8000-0000000000AB",
            "campaign--00000000-0000-4000-8000-000000000003",
            "odd",
        ];
        connection
            .execute_batch(
                "UPDATE number SET value = 5 WHERE name = 'object'; UPDATE number SET value = 2 WHERE name = 'name';
                 INSERT INTO name VALUES (2, 'indicator');
                 INSERT INTO object VALUES (5, x'00000000000040008000000000000001', 2)",
            )
            .unwrap();
        for (sequence, id) in (0_i64..).zip([Some(known), Some(unknown[0]), None]) {
            let act = "INSERT INTO act VALUES (x'01', ?1, x'02', 'released', ?2, '{}', NULL)";
            connection.execute(act, (sequence, id)).unwrap();
        }
        connection
            .execute("INSERT INTO held VALUES (x'01', ?1, 'v', 0, 'released', x'', 'to=all', NULL)", [known])
            .unwrap();
        connection.execute("INSERT INTO fate VALUES (x'01', ?1, 7, NULL)", [unknown[1]]).unwrap();
        connection.execute("INSERT INTO narrowing VALUES (x'01', ?1, 6, 'to=none')", [unknown[1]]).unwrap();
        connection
            .execute("INSERT INTO holder VALUES (x'01', ?1, x'03', 'released', 9)", [unknown[2]])
            .unwrap();
        migrate(&connection, "db").unwrap();
        let told = |table: &str| -> Vec<Option<String>> {
            let order = if table == "act" { "sequence" } else { "author" };
            let sql = format!(
                "SELECT n.name, o.uuid FROM {table} t LEFT JOIN object o ON o.no = t.object \
                 LEFT JOIN name n ON n.no = o.kind ORDER BY t.{order}"
            );
            let mut select = connection.prepare(&sql).unwrap();
            let ids = select.query_map([], |row| {
                let kind: Option<String> = row.get(0)?;
                kind.map(|_| crate::ids::told(row, 0)).transpose()
            });
            ids.unwrap().map(Result::unwrap).collect()
        };
        assert_eq!(told("act"), [Some(known.to_owned()), Some(unknown[0].to_owned()), None]);
        for (table, id) in
            [("held", known), ("fate", unknown[1]), ("narrowing", unknown[1]), ("holder", unknown[2])]
        {
            assert_eq!(told(table), [Some(id.to_owned())], "{table}");
        }
        assert_eq!(object_no(&connection, known).unwrap(), Some(5));
        let last: i64 = connection.query_row("SELECT max(no) FROM object", [], |row| row.get(0)).unwrap();
        assert_eq!((last, crate::writer::number(&connection, "object").unwrap()), (8, 8));
    }

    #[test]
    fn what_no_migration_made_is_told() {
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection, "db").unwrap();
        connection.execute_batch("ANALYZE").unwrap();
        assert_eq!(differing(&connection).unwrap(), Vec::<String>::new());
        let trigger = "CREATE TRIGGER thief AFTER INSERT ON session BEGIN DELETE FROM access; END";
        connection.execute_batch(trigger).unwrap();
        connection.execute_batch("DROP INDEX session_account").unwrap();
        assert_eq!(differing(&connection).unwrap(), ["session_account", "thief"]);
    }

    #[test]
    fn refuses_what_is_newer_changed_or_not_ours() {
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection, "db").unwrap();
        connection.execute("INSERT INTO migration VALUES (99, 'future', '')", []).unwrap();
        assert!(message(&connection).contains("use a newer program"), "{}", message(&connection));
        connection.execute("DELETE FROM migration WHERE number = 99", []).unwrap();
        connection.execute("UPDATE migration SET digest = 'x' WHERE number = 2", []).unwrap();
        assert!(message(&connection).contains("migration 2"), "{}", message(&connection));

        let other = Connection::open_in_memory().unwrap();
        other.execute_batch("CREATE TABLE mine (a)").unwrap();
        assert!(message(&other).contains("not made by Cresset"));
    }
}

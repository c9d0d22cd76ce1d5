//! Damage is found and repaired; a backup is verified before it is trusted.

use std::path::Path;
use std::sync::Arc;

use base::limit::LOOKUP_MATCHES_MAX;
use base::{SeededRng, SystemClock};
use handling::{Audience, MemberId, Originator, Rules};
use store::conformance::sample::{START, collections, id, viewer, writer};
use store::{Batch, Entry, LandedAs, LeavesBy, Objects, StoreError, Upkeep};

use crate::SqliteStore;

pub(crate) fn open(directory: &Path) -> Result<Arc<SqliteStore>, StoreError> {
    SqliteStore::open(directory, Arc::new(SystemClock::default()), &SeededRng::new(1))
}

pub(crate) fn indicator(number: u64) -> Entry {
    indicator_by(number, 1)
}

/// The indicator of a number as a creator says it, about an address of the creator's own.
pub(crate) fn indicator_by(number: u64, creator: u64) -> Entry {
    let address = format!("{}.0.2.{number}", 191 + creator);
    let text = format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{}","created":"2024-01-01T00:00:00Z","modified":"2024-01-01T00:00:00Z","name":"Beacon {number}","pattern":"[ipv4-addr:value = '{address}']","pattern_type":"stix","valid_from":"2024-01-01T00:00:00Z","created_by_ref":"{}"}}"#,
        id("indicator", number),
        id("identity", creator)
    );
    crate::text::entry(text.into_bytes()).expect("an object")
}

/// A later version of an indicator, which revokes it, as another member's word.
pub(crate) async fn add_anothers(store: &SqliteStore, number: u64) {
    let text = String::from_utf8(indicator(number).bytes.to_vec()).expect("text");
    let later = text.replace(r#""modified":"2024-01-01"#, r#""revoked":true,"modified":"2024-06-01"#);
    let mut entry = crate::text::entry(later.into_bytes()).expect("an object");
    let word = Originator::Member(MemberId([7; 32]));
    entry.rules = Some(Rules::marked(Some(stix::TlpLevel::Green), word).to(Audience::EVERYBODY));
    let writer = writer(1, handling::CollectionNo(1));
    let batch = Batch { writer, at: START, entries: vec![entry], status: None };
    let deed =
        move |desk: &mut crate::writer::Desk<'_>| crate::accept::add_with(desk, &batch, LeavesBy::Step);
    let landed = store.writer.write(1, deed).await.expect("added");
    assert_eq!(landed[0].how, LandedAs::Accepted);
}

fn marked_green() -> Entry {
    let text = format!(
        r#"{{"type":"tool","spec_version":"2.1","id":"{}","created":"2024-01-01T00:00:00.000Z","modified":"2024-01-01T00:00:00.000Z","name":"t","object_marking_refs":["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"]}}"#,
        id("tool", 1)
    );
    crate::text::entry(text.into_bytes()).expect("an object")
}

pub(crate) async fn with_objects(directory: &Path) -> Arc<SqliteStore> {
    let store = open(directory).expect("a store");
    let c = collections(&*store, 1).await;
    let mut entries: Vec<Entry> = (1..=5).map(indicator).collect();
    entries.push(marked_green());
    store.add(Batch { writer: writer(1, c[0]), at: START, entries, status: None }).await.expect("added");
    store
}

#[tokio::test]
async fn handling_that_stands_beside_the_bytes_is_no_damage_and_outlives_a_repair() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = with_objects(directory.path()).await;
    let run = async |sql: &'static str| {
        let deed = move |desk: &mut crate::writer::Desk<'_>| Ok(desk.sql().execute(sql, [])?);
        store.writer.write(1, deed).await.expect("written")
    };
    run("UPDATE version SET tlp = 3").await;
    assert!(store.rebuild(false).await.expect("compared").is_empty());
    run("UPDATE version SET label = 'other'").await;
    assert_eq!(store.rebuild(true).await.expect("repaired").len(), 6);
    assert!(store.rebuild(false).await.expect("compared").is_empty());
    assert_eq!(run("UPDATE version SET tlp = tlp WHERE tlp = 3").await, 6, "a repair loosened handling");
}

/// The bytes are what everything is derived from, and their digest is what they are held to: nobody writes it anew.
#[tokio::test]
async fn what_was_changed_is_not_taken_for_the_truth() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = with_objects(directory.path()).await;
    let damage = "UPDATE body SET bytes = CAST(replace(CAST(bytes AS TEXT), 'Beacon 2', 'Beacon 9') AS BLOB); \
                  UPDATE body SET bytes = x'00' WHERE version = 4; UPDATE version SET label = 'other' WHERE no IN (2, 3)";
    let deed = move |desk: &mut crate::writer::Desk<'_>| Ok(desk.sql().execute_batch(damage)?);
    store.writer.write(1, deed).await.expect("damaged");
    for (repair, mends) in [(false, 1), (true, 1), (true, 0), (false, 0)] {
        let found = store.rebuild(repair).await.expect("compared");
        let (altered, derived): (Vec<_>, Vec<_>) =
            found.iter().partition(|one| matches!(one, store::Difference::Altered(_)));
        assert_eq!((altered.len(), derived.len()), (2, mends), "{found:?}");
        for (one, number) in altered.iter().zip([2, 4]) {
            assert!(one.to_string().contains(&id("indicator", number)), "{one}");
        }
    }
    let checks = store.check(true).await.expect("checked");
    assert!(checks.iter().any(|check| check.name == "objects" && !check.ok), "{checks:?}");
}

#[tokio::test]
async fn damage_is_found_and_repaired() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = with_objects(directory.path()).await;
    let c = [handling::CollectionNo(1)];
    let asked = [indicator(2).terms[0].fingerprint(&store.fingerprint_key())];
    assert_eq!(
        store.look_up(&viewer(1, &c), &asked, LOOKUP_MATCHES_MAX).await.expect("a look-up")[0].len(),
        1
    );
    assert!(store.rebuild(false).await.expect("compared").is_empty());
    for damage in [
        "DELETE FROM posting",
        "DELETE FROM edge WHERE version = 3",
        "DELETE FROM pattern WHERE version = 1",
        "UPDATE version SET label = 'other' WHERE no = 4",
        "UPDATE version SET derived = x'00' WHERE no = 5",
        "UPDATE version SET tlp = NULL WHERE no = 6",
        "UPDATE version SET lineage = 1 WHERE no = 2",
        "UPDATE holding SET is_last = 0",
    ] {
        let deed = move |desk: &mut crate::writer::Desk<'_>| Ok(desk.sql().execute(damage, [])?);
        assert!(store.writer.write(1, deed).await.expect("damaged") > 0);
        assert!(!store.rebuild(false).await.expect("compared").is_empty(), "{damage}");
        assert!(!store.rebuild(true).await.expect("repaired").is_empty(), "{damage}");
        let left = store.rebuild(false).await.expect("compared");
        assert!(left.is_empty(), "{damage}: {left:?}");
    }
    drop(store);
    let store = open(directory.path()).expect("a store");
    assert_eq!(
        store.look_up(&viewer(1, &c), &asked, LOOKUP_MATCHES_MAX).await.expect("a look-up")[0].len(),
        1
    );
}

/// Numbers of lineages follow from the bytes and from whose word it is, and the marks from the numbers.
#[tokio::test]
async fn lineages_are_numbered_anew() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = with_objects(directory.path()).await;
    add_anothers(&store, 1).await;
    let eyes = viewer(1, &[handling::CollectionNo(1)]);
    let told = async || store.object(&eyes, &id("indicator", 1), None).await.expect("an object").revoked;
    assert!(!told().await, "another's word revokes nothing");
    assert_eq!(store.rebuild(false).await.expect("compared"), []);
    for (damage, of) in [
        ("UPDATE version SET lineage = 0; UPDATE holding SET lineage = 0", "lineages"),
        (
            "UPDATE version SET lineage = 1 WHERE lineage = 2; UPDATE holding SET lineage = 1 WHERE lineage = 2",
            "lineages",
        ),
        (
            "UPDATE version SET lineage = 3 WHERE lineage = 2; UPDATE holding SET lineage = 3 WHERE lineage = 2; \
          UPDATE holding SET is_last = 1 - is_last WHERE lineage = 3",
            "marks",
        ),
    ] {
        let deed = move |desk: &mut crate::writer::Desk<'_>| Ok(desk.sql().execute_batch(damage)?);
        store.writer.write(1, deed).await.expect("damaged");
        let told_of = store.rebuild(false).await.expect("compared");
        assert!(told_of.iter().any(|line| line.to_string().starts_with(of)), "{damage}: {told_of:?}");
        store.rebuild(true).await.expect("repaired");
        assert_eq!(store.rebuild(false).await.expect("compared"), [], "{damage}");
        assert!(!told().await);
    }
}

#[tokio::test]
async fn readers_stand_beside_a_writer() {
    let directory = tempfile::tempdir().expect("a directory");
    assert!(SqliteStore::open_read_only(directory.path()).is_err(), "there is none");
    let store = with_objects(directory.path()).await;
    let beside = SqliteStore::open_read_only(directory.path()).expect("a reader");
    let c = [handling::CollectionNo(1)];
    assert!(beside.object(&viewer(1, &c), &id("indicator", 1), None).await.is_ok());
    assert!(matches!(beside.set_setting("a", "b").await, Err(StoreError::ReadOnly { .. })));
    store
        .add(Batch { writer: writer(1, c[0]), at: START, entries: vec![indicator(9)], status: None })
        .await
        .expect("added");
    assert!(
        beside.object(&viewer(1, &c), &id("indicator", 9), None).await.is_ok(),
        "it sees what is committed"
    );
}

/// The files as a power cut right after the commit would leave them: what was in memory only is derived again.
#[tokio::test]
async fn text_survives_a_power_cut() {
    let directory = tempfile::tempdir().expect("a directory");
    let (live, image) = (directory.path().join("live"), directory.path().join("image"));
    let store = with_objects(&live).await;
    let files = (live.clone(), image.clone());
    let deed = move |_: &mut crate::writer::Desk<'_>| {
        std::fs::create_dir(&files.1).expect("a directory");
        for name in ["cresset.db", "cresset.db-wal"] {
            std::fs::copy(files.0.join(name), files.1.join(name)).expect("copied");
        }
        Ok(())
    };
    store.writer.write(1, deed).await.expect("an image");
    let after = open(&image).expect("it opens");
    let c = [handling::CollectionNo(1)];
    let words =
        store::SearchRequest { words: vec!["beacon".into()], limit: 9, ..store::SearchRequest::default() };
    assert_eq!(after.search(&viewer(1, &c), &words).await.expect("a search").rows.len(), 5);
    assert!(after.rebuild(false).await.expect("compared").is_empty());
    assert_eq!(after.last_added(), store.last_added());
}

/// A store of before learns from its bytes when each indicator begins, to the microsecond, as the program reads it.
#[tokio::test]
async fn what_was_held_before_there_were_beginnings_has_its_own() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = with_objects(directory.path()).await;
    let moments = [
        "2099-12-31T23:59:59Z",
        "2024-02-29T12:00:00.5Z",
        "2024-02-29T12:00:00.1234567Z",
        "1969-12-31T23:59:59.25Z",
        "2016-12-31T23:59:60Z",
    ];
    let entries = moments.iter().zip(100..).map(|(moment, number)| {
        let text = String::from_utf8(indicator(number).bytes.to_vec()).expect("text");
        let text =
            text.replace(r#""valid_from":"2024-01-01T00:00:00Z""#, &format!(r#""valid_from":"{moment}""#));
        crate::text::entry(text.into_bytes()).expect("an object")
    });
    let batch = Batch {
        writer: writer(1, handling::CollectionNo(1)),
        at: START,
        entries: entries.collect(),
        status: None,
    };
    store.add(batch).await.expect("added");
    drop(store);
    let sql = rusqlite::Connection::open(directory.path().join("cresset.db")).expect("a file");
    crate::migrate::tests::undo_since(&sql, "starts");
    sql.close().expect("closed");
    let store = open(directory.path()).expect("a store");
    let begun = "SELECT count(starts) FROM version";
    let begun =
        store.readers.read(move |sql| Ok(sql.query_row(begun, [], |row| row.get::<_, i64>(0))?)).await;
    assert_eq!(begun.expect("counted"), 5 + 5);
    assert_eq!(store.rebuild(false).await.expect("compared"), []);
}

/// What waits for markings that cannot come is named by `doctor`, and what waits for one that may is not.
#[tokio::test]
async fn what_waits_in_vain_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = with_objects(directory.path()).await;
    let check = async || {
        let checks = store.check(false).await.expect("checked");
        checks.into_iter().find(|check| check.name == "markings").expect("it is looked at")
    };
    let add = async |number, awaited: u64| {
        let rules = Rules::marked(Some(stix::TlpLevel::Green), Originator::Here);
        let rules = (1..=awaited).fold(rules, |rules, no| rules.awaiting(&id("marking-definition", no)));
        let entries = vec![Entry { rules: Some(rules), ..indicator(number) }];
        let writer = writer(1, handling::CollectionNo(1));
        store.add(Batch { writer, at: START, entries, status: None }).await.expect("added");
    };
    add(8, 16).await;
    assert!(check().await.ok);
    add(9, 17).await;
    let told = check().await;
    assert!(!told.ok && told.detail.starts_with("1 objects "), "{}", told.detail);
    assert!(told.detail.contains(&id("indicator", 9)) && !told.detail.contains(&id("indicator", 8)));
    assert!(told.detail.contains("bring it again"), "{}", told.detail);
}

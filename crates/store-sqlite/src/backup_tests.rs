//! A backup is verified before it is trusted, tells nothing without its keys, and gives back what was not destroyed.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use base::limit::LOOKUP_MATCHES_MAX;
use base::signing::KeyId;
use base::{Micros, SeededRng};
use handling::{Audience, MemberId, Originator, Rules};
use rusqlite::Connection;
use store::conformance::sample::{START, Written, collection, id, viewer, writer};
use store::{
    Absent, Accounts, BackupReport, BackupTo, Batch, Exchanges, Filter, LandedAs, Objects, Restored,
    SearchRequest, StoreError, Upkeep, VersionsOf,
};

use crate::rebuild_tests::{add_anothers, indicator, indicator_by, open, with_objects};
use crate::writer::{Desk, object_no};
use crate::{RestoreFrom, SqliteStore};

/// Moments of backups: each is later than the one before.
fn now(store: &SqliteStore) -> Micros {
    store.last_added().max(START)
}

/// Makes a backup and tells its key file.
pub(crate) async fn backup(store: &SqliteStore, file: &Path) -> Result<(BackupReport, Vec<u8>), StoreError> {
    let keys = Written::default();
    let to = BackupTo {
        file: file.to_owned(),
        keys: Box::new(keys.clone()),
        rng: Arc::new(SeededRng::new(5)),
        at: now(store),
    };
    Ok((store.backup(to).await?, keys.take()))
}

async fn keys(store: &SqliteStore) -> Vec<u8> {
    let keys = Written::default();
    store.backup_keys(Box::new(keys.clone()), now(store)).await.expect("keys");
    keys.take()
}

/// Restores with a key file, as long as it opens everything.
pub(crate) fn restore(file: &Path, keys: Option<&[u8]>, directory: &Path) -> Result<Restored, StoreError> {
    restore_with(file, keys, Absent::Refuse, directory)
}

fn restore_with(
    file: &Path,
    keys: Option<&[u8]>,
    absent: Absent,
    directory: &Path,
) -> Result<Restored, StoreError> {
    let mut keys = keys;
    let keys = keys.as_mut().map(|keys| keys as &mut dyn std::io::Read);
    SqliteStore::restore(RestoreFrom { file, keys, absent, rng: &SeededRng::new(8) }, directory)
}

/// Destroys an object as an erasure does.
async fn erase(store: &SqliteStore, id: &str) {
    let id = id.to_owned();
    let deed = move |desk: &mut Desk<'_>| crate::remove::take_away_every(desk, &id, &Originator::Here);
    store.writer.write(1, deed).await.expect("erased");
}

async fn has(store: &SqliteStore, number: u64) -> bool {
    store.object(&viewer(1, &[handling::CollectionNo(1)]), &id("indicator", number), None).await.is_ok()
}

/// What a restore begins with until the node has looked whether there is something to take back.
async fn no_recovery(store: &SqliteStore) {
    let deed = |desk: &mut Desk<'_>| crate::writer::set_number(desk.sql(), "restored", 0);
    store.writer.write(1, deed).await.expect("written");
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|part| part == what)
}

/// Backups are made by whoever keeps them, and told of by who serves: another user of the machine, where the first is root.
#[cfg(unix)]
#[tokio::test]
async fn when_the_last_backup_was_made_is_for_all_to_read() {
    use std::os::unix::fs::PermissionsExt;

    let room = tempfile::tempdir().unwrap();
    let store = with_objects(room.path()).await;
    store.note_backup(START).await.unwrap();
    let mode = std::fs::metadata(room.path().join("cresset.backup")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    assert_eq!(store.last_backup().await.unwrap(), Some(START));
}

#[tokio::test]
async fn backups_are_verified() {
    let directory = tempfile::tempdir().expect("a directory");
    let (live, file) = (directory.path().join("live"), directory.path().join("backup"));
    let store = with_objects(&live).await;
    let (report, keys) = backup(&store, &file).await.expect("a backup");
    assert_eq!((report.objects, report.sequence), (6, store.last_added().0));
    assert_eq!(report.bytes, std::fs::metadata(&file).expect("a file").len());
    assert!(backup(&store, &file).await.is_err(), "nothing is overwritten");
    assert!(matches!(open(&live), Err(StoreError::Busy { .. })));
    assert!(matches!(restore(&file, Some(&keys), &live), Err(StoreError::Busy { .. })));

    let again = directory.path().join("again");
    let restored = restore(&file, Some(&keys), &again).expect("restored");
    assert_eq!(restored, Restored { copy: report, erased: 0, unopened: 0 });
    assert!(matches!(restore(&file, Some(&keys), &again), Err(StoreError::CannotOpen { .. })));
    let restored = open(&again).expect("a store");
    assert_eq!(restored.state_hash().await.expect("a hash"), store.state_hash().await.expect("a hash"));
    assert_eq!(restored.fingerprint_key().0, store.fingerprint_key().0);
    assert_eq!(restored.rebuild(false).await.expect("compared"), []);
    no_recovery(&restored).await;
    let c = [handling::CollectionNo(1)];
    let words = SearchRequest { words: vec!["beacon".into()], limit: 9, ..SearchRequest::default() };
    assert_eq!(restored.search(&viewer(1, &c), &words).await.expect("a search").rows.len(), 5);
    let asked = [indicator(2).terms[0].fingerprint(&restored.fingerprint_key())];
    assert_eq!(
        restored.look_up(&viewer(1, &c), &asked, LOOKUP_MATCHES_MAX).await.expect("a look-up")[0].len(),
        1
    );
    let (bytes, before) = (restored.object(&viewer(1, &c), &id("indicator", 3), None).await, indicator(3));
    assert_eq!(bytes.expect("an object").bytes, before.bytes);

    let refused = |bytes: &[u8], keys: &[u8]| {
        let (bad, empty) = (directory.path().join("bad"), directory.path().join("empty"));
        std::fs::write(&bad, bytes).expect("written");
        let error = restore(&bad, Some(keys), &empty).expect_err("refused");
        assert!(!empty.join("cresset.db").exists(), "nothing was put there");
        error
    };
    let whole = std::fs::read(&file).expect("read");
    assert!(!holds(&whole, b"Beacon") && !holds(&whole, b"beacon"), "it tells nothing without its keys");
    let mut changed = whole.clone();
    let sealed = Connection::open(&file).expect("a file").query_row(
        "SELECT bytes FROM body WHERE version = 3",
        [],
        |row| row.get::<_, Vec<u8>>(0),
    );
    let sealed = sealed.expect("a body");
    let at = whole.windows(sealed.len()).position(|part| part == sealed).expect("it stands there");
    changed[at + 40] ^= 1;
    assert!(matches!(refused(&changed, &keys), StoreError::KeysMissing { .. }), "one bit changed");
    refused(&whole[..whole.len() / 2], &keys);
    refused(b"no database", &keys);
    refused(b"", &keys);
    assert!(matches!(refused(&whole, &keys[..keys.len() - 1]), StoreError::Damaged(_)), "a cut key file");
    assert!(matches!(refused(&whole, b""), StoreError::Damaged(_)));
    let none = restore(&file, None, &directory.path().join("none"));
    assert!(matches!(none, Err(StoreError::KeysMissing { .. })));
}

#[tokio::test]
async fn what_was_destroyed_is_in_no_backup_and_what_was_deleted_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let (live, file) = (directory.path().join("live"), directory.path().join("backup"));
    let store = with_objects(&live).await;
    let (_, first) = backup(&store, &file).await.expect("a backup");
    let to = writer(1, handling::CollectionNo(1));
    store.delete(&to, &id("indicator", 4), &Filter::default()).await.expect("deleted");
    store.delete(&to, &id("indicator", 5), &Filter::default()).await.expect("deleted");
    erase(&store, &id("indicator", 3)).await;
    // Deleted before it is erased: it is destroyed all the same.
    erase(&store, &id("indicator", 5)).await;
    let newest = keys(&store).await;

    let at = directory.path().join("again");
    let restored = restore(&file, Some(&newest), &at).expect("restored");
    assert_eq!((restored.erased, restored.unopened), (2, 0));
    let again = open(&at).expect("a store");
    no_recovery(&again).await;
    for number in [1, 2, 4] {
        assert!(has(&again, number).await, "{number}");
    }
    for number in [3, 5] {
        assert!(!has(&again, number).await, "{number}");
    }
    assert!(again.check(true).await.expect("checked").iter().all(|check| check.ok));
    assert_eq!(again.rebuild(false).await.expect("compared"), []);
    drop(again);
    for name in std::fs::read_dir(&at).expect("files") {
        let bytes = std::fs::read(name.expect("a file").path()).expect("read");
        assert!(!holds(&bytes, b"Beacon 3") && !holds(&bytes, b"Beacon 5"));
    }
    // Whoever kept the key file of before reads it: a copy that somebody has is out of reach.
    let kept = directory.path().join("kept");
    assert_eq!(restore(&file, Some(&first), &kept).expect("restored").erased, 0);
}

#[tokio::test]
async fn an_older_key_file_is_refused_where_it_lacks_something() {
    let directory = tempfile::tempdir().expect("a directory");
    let (live, file) = (directory.path().join("live"), directory.path().join("backup"));
    let store = with_objects(&live).await;
    let older = keys(&store).await;
    let batch = Batch {
        writer: writer(1, handling::CollectionNo(1)),
        at: START,
        entries: vec![indicator(9)],
        status: None,
    };
    store.add(batch).await.expect("added");
    backup(&store, &file).await.expect("a backup");
    let at = directory.path().join("again");
    let error = restore(&file, Some(&older), &at).expect_err("refused");
    assert!(error.to_string().contains("older than the backup: 1 versions"), "{error}");
    let told = restore_with(&file, Some(&older), Absent::LeaveOut, &at).expect("restored");
    assert_eq!((told.erased, told.unopened), (0, 1));
    let again = open(&at).expect("a store");
    no_recovery(&again).await;
    assert!(has(&again, 1).await && !has(&again, 9).await);

    let other = with_objects(&directory.path().join("other")).await;
    let deed = |desk: &mut Desk<'_>| {
        Ok(desk.sql().execute(
            "UPDATE setting SET value = '00' || substr(value, 3) WHERE name = 'fingerprint_key'",
            [],
        )?)
    };
    assert_eq!(other.writer.write(1, deed).await.expect("written"), 1);
    let error = restore(&file, Some(&keys(&other).await), &directory.path().join("x")).expect_err("refused");
    assert!(error.to_string().contains("another node's"), "{error}");
}

/// What one life destroys is destroyed in the backups of the life before, under whatever number it stood there.
#[tokio::test]
async fn an_erasure_after_a_restore_reaches_backups_of_before_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let store = with_objects(&path("live")).await;
    backup(&store, &path("first")).await.expect("a backup");
    let add = async |store: &SqliteStore, number| {
        let to = writer(1, handling::CollectionNo(1));
        let batch = Batch { writer: to, at: START, entries: vec![indicator(number)], status: None };
        store.add(batch).await.expect("added");
    };
    add(&store, 9).await;
    let (_, keys_of_second) = backup(&store, &path("second")).await.expect("a backup");
    drop(store);
    restore(&path("first"), Some(&keys_of_second), &path("again")).expect("restored");
    let again = open(&path("again")).expect("a store");
    no_recovery(&again).await;
    assert!(!has(&again, 9).await);
    // Something else takes no number that was given before; the lost object comes back and is erased.
    add(&again, 8).await;
    add(&again, 9).await;
    erase(&again, &id("indicator", 9)).await;
    let newest = keys(&again).await;
    let told = restore(&path("second"), Some(&newest), &path("third")).expect("restored");
    assert_eq!((told.erased, told.unopened), (1, 0));
    let third = open(&path("third")).expect("a store");
    no_recovery(&third).await;
    assert!(has(&third, 1).await && !has(&third, 9).await);
}

#[tokio::test]
async fn what_a_member_destroys_leaves_the_word_of_others() {
    let directory = tempfile::tempdir().expect("a directory");
    let (live, file) = (directory.path().join("live"), directory.path().join("backup"));
    let store = with_objects(&live).await;
    backup(&store, &file).await.expect("a backup");
    store
        .delete(&writer(1, handling::CollectionNo(1)), &id("indicator", 4), &Filter::default())
        .await
        .expect("deleted");
    let deed = |desk: &mut Desk<'_>| {
        let other = Originator::Member(MemberId([7; 32]));
        let id = id("indicator", 4);
        let object = object_no(desk.sql(), &id)?.expect("it is known");
        crate::remove::take_away(
            desk,
            object,
            &VersionsOf { id: &id, version: "2024-01-01T00:00:00Z", originator: other, digest: None },
        )
    };
    assert_eq!(store.writer.write(1, deed).await.expect("written"), 0);
    let told = restore(&file, Some(&keys(&store).await), &directory.path().join("again")).expect("restored");
    assert_eq!(told.erased, 0);
}

/// What somebody deleted by hand before its time was over is destroyed when it is, with nothing of its object left that is held: a backup
/// of before does not open it, and a copy of what another member gave does not come in again.
#[tokio::test]
async fn what_was_deleted_by_hand_does_not_outlive_its_retention() {
    let directory = tempfile::tempdir().expect("a directory");
    let (live, file) = (directory.path().join("live"), directory.path().join("backup"));
    let store = with_objects(&live).await;
    let to = writer(1, handling::CollectionNo(1));
    let (soon, later) = (START.plus(1_000), START.plus(9_000));
    let here = || Rules::marked(Some(stix::TlpLevel::Green), Originator::Here);
    let given = |member| {
        let word = Originator::Member(MemberId([member; 32]));
        Rules::marked(Some(stix::TlpLevel::Green), word).to(Audience::EVERYBODY)
    };
    let under = [
        (11, here().retained(soon)),
        (12, here().retained(later)),
        (13, given(7).retained(soon)),
        (14, given(7).retained(later)),
        (15, given(7)),
    ];
    let entries = under.map(|(number, rules)| {
        let mut entry = indicator(number);
        entry.rules = Some(rules);
        entry
    });
    let batch = Batch { writer: to.clone(), at: START, entries: entries.to_vec(), status: None };
    let deed = move |desk: &mut Desk<'_>| crate::accept::add_with(desk, &batch, store::LeavesBy::Step);
    store.writer.write(5, deed).await.expect("added");
    backup(&store, &file).await.expect("a backup");
    for number in 11..=15 {
        store.delete(&to, &id("indicator", number), &Filter::default()).await.expect("deleted");
    }
    assert_eq!(store.overdue(soon.plus(-1)).await.expect("counted"), 0);
    assert_eq!(store.overdue(soon).await.expect("counted"), 2);
    let me = KeyId::from_bytes([1; 32]);
    for expected in [1, 1, 0] {
        let deed = move |desk: &mut Desk<'_>| crate::retention::retire(desk, me, soon, 1);
        assert_eq!(store.writer.write(1, deed).await.expect("done").len(), expected);
    }
    assert_eq!(store.overdue(soon).await.expect("counted"), 0);

    let at = directory.path().join("again");
    let restored = restore(&file, Some(&keys(&store).await), &at).expect("restored");
    assert_eq!((restored.erased, restored.unopened), (2, 0));
    let again = open(&at).expect("a store");
    no_recovery(&again).await;
    for (number, expected) in [(11, false), (12, true), (13, false), (14, true), (15, true)] {
        assert_eq!(has(&again, number).await, expected, "{number}");
    }
    // Its own people may bring it again, a copy of what others gave for a time that is over may nobody.
    let entries = (11..=15).map(indicator).collect();
    let landed = store.add(Batch { writer: to, at: START, entries, status: None }).await.expect("added");
    for (landed, number) in landed.iter().zip(11..) {
        let refused = matches!(&landed.how, LandedAs::Refused(conflict) if conflict.code == "retention-over");
        assert_eq!(refused, number == 13, "{number}: {landed:?}");
    }
}

/// Its originator gave it a shorter time after somebody here had deleted it by hand: the key goes by that time.
#[tokio::test]
async fn what_was_deleted_by_hand_goes_by_a_time_that_was_said_later() {
    let directory = tempfile::tempdir().expect("a directory");
    let (live, file) = (directory.path().join("live"), directory.path().join("backup"));
    let store = with_objects(&live).await;
    let (to, soon) = (writer(1, handling::CollectionNo(1)), START.plus(1_000));
    let rules = Rules::marked(Some(stix::TlpLevel::Green), Originator::Member(MemberId([7; 32])))
        .to(Audience::EVERYBODY);
    let entries = [15, 16].map(|number| {
        let mut entry = indicator(number);
        entry.rules = Some(rules.clone());
        entry
    });
    let dated = entries[0].facts.modified.clone().expect("it has a date");
    let batch = Batch { writer: to.clone(), at: START, entries: entries.to_vec(), status: None };
    let deed = move |desk: &mut Desk<'_>| crate::accept::add_with(desk, &batch, store::LeavesBy::Step);
    store.writer.write(2, deed).await.expect("added");
    backup(&store, &file).await.expect("a backup");
    for number in [15, 16] {
        store.delete(&to, &id("indicator", number), &Filter::default()).await.expect("deleted");
    }
    let narrowed = rules.retained(soon).to_string();
    let deed = move |desk: &mut Desk<'_>| {
        let object = object_no(desk.sql(), &id("indicator", 15))?.expect("it is known");
        desk.sql().execute(
            "INSERT INTO held (author, object, version, sequence, kind, digest, rules) VALUES (?1, ?2, ?3, 1, 'released', ?4, ?5)",
            ([7_u8; 32], object, dated, [0_u8; 32], narrowed),
        )?;
        crate::retention::retire(desk, KeyId::from_bytes([1; 32]), soon, 9)
    };
    assert_eq!(store.writer.write(1, deed).await.expect("done").len(), 1);

    let at = directory.path().join("again");
    assert_eq!(restore(&file, Some(&keys(&store).await), &at).expect("restored").erased, 1);
    let again = open(&at).expect("a store");
    no_recovery(&again).await;
    assert!(!has(&again, 15).await && has(&again, 16).await);
}

/// A person's deed destroys the keys of what they could see, a deed on what was given those of what says that: what a colleague has only
/// deleted under the same identifier comes out of a backup.
#[tokio::test]
async fn a_deed_leaves_in_backups_what_it_is_not_about() {
    let directory = tempfile::tempdir().expect("a directory");
    let (live, file) = (directory.path().join("live"), directory.path().join("backup"));
    let store = with_objects(&live).await;
    let one = handling::CollectionNo(1);
    let other = store.add_collection(collection("other", None), Vec::new()).await.expect("a collection").no;
    let entries = [2, 3].map(|number| indicator_by(number, 7)).to_vec();
    store.add(Batch { writer: writer(2, other), at: START, entries, status: None }).await.expect("added");
    let all = Filter::default();
    store.delete(&writer(1, one), &id("tool", 1), &all).await.expect("deleted");
    backup(&store, &file).await.expect("a backup");
    for (to, number) in [(other, 2), (other, 3), (one, 3), (one, 4), (one, 5)] {
        store.delete(&writer(2, to), &id("indicator", number), &all).await.expect("deleted");
    }
    let said = BTreeSet::from([indicator(3).facts.digest]);
    let deed = move |desk: &mut Desk<'_>| {
        let mut taken = Vec::new();
        for (to, number) in [(one, 2), (one, 4), (other, 5)] {
            taken.push(crate::copies::take(desk, &writer(1, to), (&id("indicator", number), None))?);
        }
        taken.push(crate::copies::take(desk, &writer(1, one), (&id("tool", 1), None))?);
        crate::copies::destroy_deleted(desk, &id("indicator", 3), &said)?;
        Ok(taken)
    };
    assert_eq!(store.writer.write(1, deed).await.expect("done"), [1, 0, 0, 0]);
    let newest = keys(&store).await;
    let at = directory.path().join("again");
    let restored = restore(&file, Some(&newest), &at).expect("restored");
    assert_eq!((restored.erased, restored.unopened), (3, 0));
    let again = open(&at).expect("a store");
    no_recovery(&again).await;
    let is_back = async |collection, number| {
        again.object(&viewer(1, &[collection]), &id("indicator", number), None).await.is_ok()
    };
    for (collection, number, expected) in [
        (one, 2, false),
        (other, 2, true),
        (one, 3, false),
        (other, 3, true),
        (one, 4, false),
        (one, 5, true),
    ] {
        assert_eq!(is_back(collection, number).await, expected, "{collection:?} {number}");
    }
    assert!(again.check(true).await.expect("checked").iter().all(|check| check.ok));
    let left = |desk: &mut Desk<'_>| {
        Ok(desk.sql().query_row("SELECT count(*) FROM deleted", [], |row| row.get::<_, i64>(0))?)
    };
    assert_eq!(again.writer.write(1, left).await.expect("counted"), 0, "of what has no key nothing is known");
}

/// What two creators, and two members, say of one object is found after a restore as before, also of a copy from before that was told apart.
#[tokio::test]
async fn lineages_outlive_a_sealed_backup() {
    let directory = tempfile::tempdir().expect("a directory");
    let (live, whole) = (directory.path().join("live"), directory.path().join("backup"));
    let store = with_objects(&live).await;
    let other = store.add_collection(collection("other", None), Vec::new()).await.expect("a collection").no;
    let entries = vec![indicator_by(2, 7)];
    store.add(Batch { writer: writer(1, other), at: START, entries, status: None }).await.expect("added");
    add_anothers(&store, 3).await;
    let (_, keys) = backup(&store, &whole).await.expect("a backup");
    let asked = [indicator_by(2, 1), indicator_by(2, 7)]
        .map(|entry| entry.terms[0].fingerprint(&store.fingerprint_key()));
    let (first, both) = (handling::CollectionNo(1), [handling::CollectionNo(1), other]);
    for (name, undone) in
        [("again", None), ("of before owners", Some("owners")), ("of before", Some("lineages"))]
    {
        let file = directory.path().join(format!("backup {name}"));
        std::fs::copy(&whole, &file).expect("copied");
        if let Some(undone) = undone {
            let sql = Connection::open(&file).expect("a file");
            crate::migrate::tests::undo_since(&sql, undone);
        }
        let at = directory.path().join(name);
        restore(&file, Some(&keys), &at).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let again = open(&at).expect("a store");
        no_recovery(&again).await;
        for (collections, found) in [(&both[..], [1, 1]), (&[first], [1, 0]), (&[other], [0, 1])] {
            let rows =
                again.look_up(&viewer(1, collections), &asked, LOOKUP_MATCHES_MAX).await.expect("looked up");
            assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), found, "{name} {collections:?}");
        }
        let object = again.object(&viewer(1, &both), &id("indicator", 3), None).await.expect("an object");
        assert_eq!((object.revoked, object.contradictions), (false, 1), "{name}");
        assert_eq!(again.rebuild(false).await.expect("compared"), [], "{name}");
    }
}

/// Of a sealed copy from before definitions were awaited by name nobody can say which: they are named once it is open. What was known
/// when an object came is not among them.
#[tokio::test]
async fn what_a_copy_of_before_awaits_is_named_once_it_is_open() {
    let directory = tempfile::tempdir().expect("a directory");
    let (live, file) = (directory.path().join("live"), directory.path().join("backup"));
    let store = with_objects(&live).await;
    let [stands, awaited] = [1, 2].map(|number| id("marking-definition", number));
    let object = |text: String| crate::text::entry(text.into_bytes()).expect("an object");
    let definition = object(format!(
        r#"{{"type":"marking-definition","spec_version":"2.1","id":"{stands}","created":"2024-01-01T00:00:00Z","name":"in house"}}"#
    ));
    let mut bearing = object(String::from_utf8(indicator(9).bytes.to_vec()).expect("text").replacen(
        '{',
        &format!(r#"{{"object_marking_refs":["{stands}","{awaited}"],"#),
        1,
    ));
    let rules = handling::Rules::marked(Some(stix::TlpLevel::Amber), Originator::Here);
    bearing.rules = Some(rules.awaiting(&awaited));
    for entry in [definition, bearing] {
        let batch = Batch {
            writer: writer(1, handling::CollectionNo(1)),
            at: START,
            entries: vec![entry],
            status: None,
        };
        store.add(batch).await.expect("added");
    }
    let (_, keys) = backup(&store, &file).await.expect("a backup");
    let sql = Connection::open(&file).expect("a file");
    crate::migrate::tests::undo_since(&sql, "awaits");
    let name = awaited.trim_start_matches("marking-definition--");
    let unnamed =
        sql.execute("UPDATE rules SET form = replace(form, ?1, 'awaited')", [name]).expect("as it was");
    assert!(unnamed > 0);
    sql.close().expect("closed");
    let at = directory.path().join("again");
    restore(&file, Some(&keys), &at).expect("restored");
    let again = open(&at).expect("a store");
    let found = again.awaited(None, 9).await.expect("asked");
    assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [awaited]);
    assert!(again.check(true).await.expect("checked").iter().all(|check| check.ok));
    assert_eq!(again.rebuild(false).await.expect("compared"), []);
}

/// A backup as programs made it before there were key files, of their schema.
#[tokio::test]
async fn a_backup_of_before_is_restored_with_its_one_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let (live, file) = (directory.path().join("live"), directory.path().join("backup"));
    let store = with_objects(&live).await;
    let hash = store.state_hash().await.expect("a hash");
    drop(store);
    std::fs::copy(live.join("cresset.db"), &file).expect("copied");
    let sql = Connection::open(&file).expect("a file");
    sql.pragma_update(None, "journal_mode", "delete").expect("as it was");
    crate::migrate::tests::undo_since(&sql, "version_key");
    sql.close().expect("closed");
    let at = directory.path().join("again");
    restore(&file, None, &at).expect("restored");
    let again = open(&at).expect("a store");
    assert_eq!(again.state_hash().await.expect("a hash"), hash);
    assert!(again.check(true).await.expect("checked").iter().all(|check| check.ok));
    let sealed = directory.path().join("sealed");
    backup(&again, &sealed).await.expect("a backup");
    assert!(!holds(&std::fs::read(&sealed).expect("read"), b"Beacon"));
}

/// A sealed backup of before what has no `modified` had its `created` for a version.
#[tokio::test]
async fn a_backup_of_before_versions_by_created_is_dated_when_it_is_opened() {
    let directory = tempfile::tempdir().expect("a directory");
    let (live, file) = (directory.path().join("live"), directory.path().join("backup"));
    let store = with_objects(&live).await;
    let id = "x-own--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f";
    let text = format!(
        r#"{{"type":"x-own","spec_version":"2.1","id":"{id}","created":"2024-01-01T00:00:00.000Z","a":1}}"#
    );
    let entries = vec![crate::text::entry(text.into_bytes()).expect("an object")];
    let batch = Batch { writer: writer(1, handling::CollectionNo(1)), at: START, entries, status: None };
    store.add(batch).await.expect("added");
    let (_, keys) = backup(&store, &file).await.expect("a backup");
    let sql = Connection::open(&file).expect("a file");
    let place = "UPDATE holding SET place = '2026-01-01T00:00:00' WHERE place = '2024-01-01T00:00:00' AND object = \
                 (SELECT max(object) FROM holding)";
    assert_eq!(sql.execute(place, []).expect("as it was"), 1);
    crate::migrate::tests::undo_since(&sql, "dated");
    sql.close().expect("closed");
    let at = directory.path().join("again");
    restore(&file, Some(&keys), &at).expect("restored");
    let again = open(&at).expect("a store");
    assert_eq!(again.rebuild(false).await.expect("compared"), []);
    drop(again);
    let sql = Connection::open(at.join("cresset.db")).expect("a file");
    let told = "SELECT v.modified || ' ' || h.place FROM holding h JOIN version v ON v.no = h.version ORDER BY h.object DESC";
    let told: String = sql.query_row(told, [], |row| row.get(0)).expect("it stands");
    assert_eq!(told, "2024-01-01T00:00:00.000Z 2024-01-01T00:00:00");
}

/// A store of before is given keys when it is opened.
#[tokio::test]
async fn versions_of_before_get_their_keys_at_the_first_start() {
    let directory = tempfile::tempdir().expect("a directory");
    drop(with_objects(directory.path()).await);
    let sql = Connection::open(directory.path().join("cresset.db")).expect("a file");
    sql.execute_batch("DELETE FROM version_key; UPDATE number SET value = 0 WHERE name = 'keyed'")
        .expect("as it was");
    sql.close().expect("closed");
    let store = open(directory.path()).expect("a store");
    assert!(store.check(false).await.expect("checked").iter().all(|check| check.ok));
    let deed = |desk: &mut Desk<'_>| Ok(desk.sql().execute("DELETE FROM version_key", [])?);
    assert_eq!(store.writer.write(1, deed).await.expect("damaged"), 6);
    let wrong: Vec<&str> = store
        .check(false)
        .await
        .expect("checked")
        .iter()
        .filter(|check| !check.ok)
        .map(|check| check.name)
        .collect();
    assert_eq!(wrong, ["keys"]);
    assert!(backup(&store, &directory.path().join("copy")).await.is_err(), "nothing is left out silently");
    store.rebuild(true).await.expect("repaired");
    assert!(backup(&store, &directory.path().join("copy")).await.is_ok());
}

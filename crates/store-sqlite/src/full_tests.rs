//! What befalls the writer: a full disk, and a unit that panics. Nothing is acknowledged that is not there, reads go on, and
//! writing goes on by itself.

use std::sync::Arc;
use std::time::Duration;

use base::{SeededRng, SystemClock};
use store::conformance::sample::{Sample, add, batch, collections, viewer};
use store::{Filter, Objects, PageRequest, StoreError, Upkeep, VersionPick};

use crate::SqliteStore;
use crate::backup_tests::{backup, restore};
use crate::rebuild_tests::with_objects;

/// A store that may grow no further takes nothing in, says why, goes on reading, and recovers.
#[tokio::test]
async fn a_full_disk_is_told_and_recovers() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(directory.path(), Arc::new(SystemClock::default()), &SeededRng::new(1))
        .expect("a store");
    let c = collections(&*store, 1).await;
    add(&*store, c[0], &[Sample::indicator(1, 0)]).await;
    let pages: i64 = store
        .readers
        .read(|sql| Ok(sql.query_row("PRAGMA page_count", [], |row| row.get(0))?))
        .await
        .expect("a count");
    let limit = async |pages: i64| {
        let deed = move |desk: &mut crate::writer::Desk<'_>| {
            desk.sql().query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
            Ok(())
        };
        store.writer.write(1, deed).await.expect("a limit");
    };
    limit(pages + 8).await;
    let big = "x".repeat(200_000);
    let refused = store.add(batch(c[0], &[Sample::indicator(2, 0).written(&big)])).await;
    assert!(matches!(refused, Err(StoreError::ReadOnly { .. })), "{refused:?}");
    assert!(store.read_only().is_some_and(|reason| reason.contains("full")), "{:?}", store.read_only());
    let all = Filter { versions: vec![VersionPick::All], ..Filter::default() };
    let request = PageRequest { limit: 9, filter: all, ..PageRequest::default() };
    let page = store.page(&viewer(1, &c), c[0], &request).await.expect("reads go on");
    assert_eq!(page.count, 1, "nothing is there in part");
    assert!(
        store.check(false).await.expect("a check").iter().any(|check| check.name == "writing" && !check.ok)
    );
    limit(1_000_000).await;
    for _ in 0..100 {
        if store.read_only().is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(store.read_only(), None);
    add(&*store, c[0], &[Sample::indicator(2, 0).written(&big)]).await;
    let page = store.page(&viewer(1, &c), c[0], &request).await.expect("a page");
    assert_eq!(page.count, 2);
}

/// Space for less than what members send is no space: the store does not say that it takes writes and then takes none.
#[tokio::test]
async fn a_disk_with_space_for_little_is_full() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(directory.path(), Arc::new(SystemClock::default()), &SeededRng::new(1))
        .expect("a store");
    let c = collections(&*store, 1).await;
    add(&*store, c[0], &[Sample::indicator(1, 0)]).await;
    let limit = async |more: i64| {
        let deed = move |desk: &mut crate::writer::Desk<'_>| {
            let pages: i64 = desk.sql().query_row("PRAGMA page_count", [], |row| row.get(0))?;
            let most = format!("PRAGMA max_page_count = {}", pages + more);
            Ok(desk.sql().query_row(&most, [], |_| Ok(()))?)
        };
        store.writer.write(1, deed).await.expect("a limit");
    };
    limit(60).await;
    let big: Vec<Sample> =
        (2..6).map(|number| Sample::indicator(number, 0).written(&"x".repeat(200_000))).collect();
    let refused = store.add(batch(c[0], &big)).await;
    assert!(matches!(refused, Err(StoreError::ReadOnly { .. })), "{refused:?}");
    for _ in 0..30 {
        assert!(store.read_only().is_some(), "there is space for none of what comes");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    limit(1_000_000).await;
    for _ in 0..100 {
        if store.read_only().is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    add(&*store, c[0], &big).await;
}

#[tokio::test]
async fn a_panic_ends_its_unit_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(directory.path(), Arc::new(SystemClock::default()), &SeededRng::new(1))
        .expect("a store");
    let c = collections(&*store, 1).await;
    let deed = |desk: &mut crate::writer::Desk<'_>| -> crate::error::Done<()> {
        desk.sql().execute("DELETE FROM collection", [])?;
        panic!("on purpose")
    };
    let answer = store.writer.write(1, deed).await;
    assert!(matches!(answer, Err(StoreError::Backend(_))), "{answer:?}");
    add(&*store, c[0], &[Sample::indicator(1, 0)]).await;
}

/// Readers follow `last_added`: what they were told once never comes again, not even when the unit that was given it failed alone.
#[tokio::test]
async fn numbers_given_to_a_unit_that_failed_are_not_given_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let open = || {
        SqliteStore::open(directory.path(), Arc::new(SystemClock::default()), &SeededRng::new(1))
            .expect("a store")
    };
    let store = open();
    let before = store.last_added();
    let deed = |desk: &mut crate::writer::Desk<'_>| -> crate::error::Done<()> {
        desk.next_added();
        Err(crate::error::damaged("on purpose"))
    };
    assert!(store.writer.write(1, deed).await.is_err());
    let told = store.last_added();
    assert!(told > before, "{told:?}");
    drop(store);
    assert!(open().last_added() >= told, "{told:?}");
}

/// Whoever else may enter the directory reads nothing in it: neither database nor log, before and after a restore.
#[cfg(unix)]
#[tokio::test]
async fn the_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().expect("a directory");
    let (first, second) = (directory.path().join("a"), directory.path().join("b"));
    for made in [&first, &second] {
        std::fs::create_dir(made).expect("a directory");
        std::fs::set_permissions(made, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    let modes = |of: &std::path::Path| {
        let files: Vec<_> = std::fs::read_dir(of).expect("files").map(|file| file.expect("a file")).collect();
        assert!(files.len() > 1, "{files:?}");
        for file in files {
            let mode = file.metadata().expect("a mode").permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} {mode:o}", file.path().display());
        }
    };
    let open = |at: &std::path::Path| {
        SqliteStore::open(at, Arc::new(SystemClock::default()), &SeededRng::new(1)).expect("a store")
    };
    let store = with_objects(&first).await;
    modes(&first);
    let copy = first.join("copy");
    let keys = backup(&store, &copy).await.expect("a backup").1;
    modes(&first);
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    restore(&copy, Some(&keys), &second).expect("a restored store");
    let _restored = open(&second);
    modes(&second);
}

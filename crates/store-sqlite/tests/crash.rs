//! What is acknowledged survives: the process is killed while it adds.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use base::{SeededRng, SystemClock};
use store::conformance::sample::{Sample, add, collections, id, viewer};
use store::{Accounts, Objects, PageRequest, Upkeep};
use store_sqlite::SqliteStore;

/// Names the directory in which the killed process adds.
const DIRECTORY: &str = "CRESSET_TEST_CRASH_DIRECTORY";

fn open(directory: &Path) -> Arc<SqliteStore> {
    SqliteStore::open(directory, Arc::new(SystemClock::default()), &SeededRng::new(1)).expect("a store opens")
}

/// No test of its own: the process that is killed. Tells the last object of each batch once it is acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adds_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let store = open(Path::new(&directory));
    let c = collections(&*store, 1).await;
    let adding = (0..3_u64).map(|lane| {
        let (store, c) = (Arc::clone(&store), c.clone());
        tokio::spawn(async move {
            for at in 0.. {
                let first = lane * 1_000_000_000 + at * 10;
                let samples: Vec<Sample> =
                    (first..first + 10).map(|number| Sample::indicator(number, 0)).collect();
                add(&*store, c[0], &samples).await;
                let told = writeln!(std::io::stdout().lock(), "\nacknowledged {first}");
                if told.is_err() {
                    break;
                }
            }
        })
    });
    for task in adding.collect::<Vec<_>>() {
        task.await.expect("adding goes on");
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    for round in 0..3_u64 {
        let directory = tempfile::tempdir().expect("a directory");
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "adds_until_it_is_killed", "--nocapture", "--test-threads=1"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a second process");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut told = BTreeSet::new();
        let mut acknowledged = |line: std::io::Result<String>| {
            told.extend(line.ok().and_then(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok()));
            told.len()
        };
        let wanted = 20 + usize::try_from(round).expect("small") * 37;
        while acknowledged(lines.next().expect("it goes on")) < wanted {}
        child.kill().expect("SIGKILL");
        for line in lines {
            acknowledged(line);
        }
        child.wait().expect("it ended");

        let store = open(directory.path());
        let c: Vec<_> =
            store.collections().await.expect("collections").into_iter().map(|row| row.no).collect();
        let mut held = BTreeSet::new();
        let mut dates = Vec::new();
        let mut request = PageRequest { limit: 5_000, ..PageRequest::default() };
        loop {
            let manifest = store.manifest(&viewer(1, &c), c[0], &request).await.expect("a manifest");
            for row in manifest.rows {
                held.insert(row.id);
                dates.push(row.added);
            }
            let Some(next) = manifest.page.next else { break };
            request.next = Some(next);
        }
        for first in &told {
            let whole = (*first..first + 10).all(|number| held.contains(&id("indicator", number)));
            assert!(whole, "batch {first} was acknowledged and is not whole");
        }
        assert_eq!(held.len() % 10, 0, "no batch is there in part");
        assert!(dates.is_sorted_by(|one, next| one < next));
        assert_eq!(dates.last(), Some(&store.last_added()));
        let checks = store.check(true).await.expect("a check");
        assert!(checks.iter().all(|check| check.ok), "{checks:?}");
        let words = store::SearchRequest { limit: 1, ..store::SearchRequest::default() };
        assert_eq!(store.search(&viewer(1, &c), &words).await.expect("a search").rows.len(), 1);
    }
}

//! What a viewer may not see costs that viewer nothing, however much it is: counted in steps of the database's own machine.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::limit::LISTED_PASSED_MAX;
use handling::{CollectionNo, Viewer};
use rusqlite::Connection;
use store::conformance::sample::{Sample, add, collections, day, id, viewer};
use store::{SearchRequest, Upkeep};

use crate::error::Done;
use crate::{SqliteStore, kinds, listed, readers, rebuild_tests, search};

/// Of what is withheld, so much.
const MUCH: u64 = 3_000;

fn lists(number: u64, refs: &[String]) -> Sample {
    let report = Sample::of(&id("report", number), Some(&day(1)));
    refs.iter().fold(report, |report, target| report.edge("object_refs", None, target))
}

/// A store with a few things for everybody, and so much besides that is for user 2 alone: newer, of the same types and of one more.
async fn with_withheld(directory: &Path, much: u64) -> Arc<SqliteStore> {
    let store = rebuild_tests::open(directory).unwrap();
    let c = collections(&*store, 2).await;
    let refs = [id("indicator", 1), id("indicator", 2)];
    let open = [
        Sample::indicator(1, 1),
        Sample::indicator(2, 1),
        Sample::of(&id("tool", 1), Some(&day(1))),
        lists(1, &refs[..1]),
        lists(2, &refs),
    ];
    add(&*store, c[0], &open).await;
    add(&*store, c[1], &[Sample::indicator(1, 2), Sample::observable(1)]).await;
    let hidden: Vec<Sample> = (10..10 + much)
        .flat_map(|number| {
            let malware = Sample::of(&id("malware", number), Some(&day(1)));
            [Sample::indicator(number, 1), malware, lists(number, &refs[..1])]
        })
        .map(|sample| sample.only_for(&[2]))
        .collect();
    add(&*store, c[0], &hidden).await;
    store
}

/// What is answered to user 1 and to user 2, and in how many steps.
struct Told {
    answers: [String; 2],
    steps: [u64; 2],
}

/// What one question is answered.
fn ask(directory: &Path, question: impl Fn(&Connection, &Viewer) -> Done<String>) -> Told {
    let connection = readers::open(&directory.join(crate::open::DATABASE)).unwrap();
    let steps = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&steps);
    connection.progress_handler(
        1,
        Some(move || {
            count.fetch_add(1, Ordering::Relaxed);
            false
        }),
    );
    let asked = [1, 2].map(|user| {
        steps.store(0, Ordering::Relaxed);
        let mine = [CollectionNo(1), CollectionNo(2)];
        let answer = question(&connection, &viewer(user, &mine)).map_err(store::StoreError::from).unwrap();
        (answer, steps.load(Ordering::Relaxed))
    });
    let [(first, steps_first), (second, steps_second)] = asked;
    Told { answers: [first, second], steps: [steps_first, steps_second] }
}

/// Types, counts of them, and the newest objects, whether of one type or of all, are found without a look at what is withheld.
#[tokio::test]
async fn what_is_withheld_is_passed_over_by_its_rules() {
    let rooms = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let stores = [with_withheld(rooms[0].path(), 3).await, with_withheld(rooms[1].path(), MUCH).await];
    let key = stores[0].fingerprint_key();
    let newest = |kinds: &[&str]| {
        let types = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let request = SearchRequest { types, limit: 3, ..SearchRequest::default() };
        move |connection: &Connection, viewer: &Viewer| -> Done<String> {
            let rows = search::search(connection, viewer, &key, &request)?.rows;
            Ok(rows.into_iter().map(|row| row.id + " ").collect())
        }
    };
    type Question<'a> = Box<dyn Fn(&Connection, &Viewer) -> Done<String> + 'a>;
    let questions: [(&str, Question<'_>); 5] = [
        ("types", Box::new(|connection, viewer| Ok(format!("{:?}", kinds::types(connection, viewer)?)))),
        (
            "types of a collection",
            Box::new(|connection, viewer| {
                Ok(format!("{:?}", kinds::types_in(connection, viewer, CollectionNo(1), 2)?))
            }),
        ),
        ("newest", Box::new(newest(&[]))),
        ("newest of a type", Box::new(newest(&["indicator"]))),
        ("newest of two", Box::new(newest(&["malware", "tool"]))),
    ];
    for (name, question) in &questions {
        let [few, many] = [&rooms[0], &rooms[1]].map(|room| ask(room.path(), question));
        assert_eq!(few.answers[0], many.answers[0], "{name}");
        assert_ne!(few.answers[0], few.answers[1], "{name}: there is something to hide");
        assert_eq!(few.steps[0], many.steps[0], "{name}: what is withheld is walked");
    }
    let [types, ..] = &questions;
    assert_eq!(ask(rooms[1].path(), &types.1).answers[0], r#"["indicator", "ipv4-addr", "report", "tool"]"#);
}

/// How much is passed over for the reports that list an object is bounded, and decides nothing of the answer.
#[tokio::test]
async fn what_is_withheld_lists_nothing_and_is_not_walked_to_its_end() {
    let ids = [id("indicator", 1), id("indicator", 2), id("indicator", 9)];
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut told = Vec::new();
    for much in [0, 3, MUCH] {
        let room = tempfile::tempdir().unwrap();
        let _store = with_withheld(room.path(), much).await;
        let within = |passed_max: usize| {
            ask(room.path(), |connection, viewer| {
                let answers = listed::listed_within(connection, viewer, (&ids, 3), passed_max)?;
                let told =
                    answers.into_iter().map(|one| one.into_iter().map(|one| one.id).collect::<Vec<_>>());
                Ok(format!("{:?}", told.collect::<Vec<_>>()))
            })
        };
        let (all, none) = (within(usize::MAX), within(0));
        assert_eq!(all.answers, none.answers, "the two ways differ");
        let bounded = within(LISTED_PASSED_MAX);
        assert_eq!(bounded.answers, all.answers);
        told.push((bounded, all));
    }
    let [(none, _), (few, _), (many, walked)] = &told[..] else { panic!("three stores") };
    assert_eq!((&none.answers[0], &none.answers[0]), (&few.answers[0], &many.answers[0]));
    assert_eq!(
        none.answers[0],
        format!("{:?}", [vec![id("report", 2), id("report", 1)], vec![id("report", 2)], vec![]])
    );
    assert_ne!(few.answers[0], few.answers[1], "there is something to hide");
    let bound = few.steps[0] + walked.steps[0] * (LISTED_PASSED_MAX as u64 + 100) / MUCH;
    assert!(many.steps[0] < bound, "{} steps and not {bound}", many.steps[0]);
}

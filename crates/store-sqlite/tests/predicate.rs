//! The predicate is the decision: over generated rules, viewers, moments and every action, the rows that the queries give are
//! those that the decision allows, one by one.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::{FixedClock, Micros, SeededRng};
use handling::{
    Action, Addressee, Audience, CircleId, CollectionNo, MemberId, Originator, Pap, Person, Purposes, Rules,
    Standing, UserNo, Viewer,
};
use index::TermKind;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use stix::TlpLevel;
use store::conformance::sample::{START, Sample, batch_by, collections, id, viewer_at};
use store::{Direction, Filter, Objects, PageRequest, SearchRequest, Upkeep, VersionPick};
use store_sqlite::SqliteStore;

const COLLECTIONS: usize = 3;
const OBJECTS: usize = 24;

const fn member(no: u8) -> MemberId {
    MemberId([no; 32])
}

fn person() -> impl Strategy<Value = Person> {
    prop_oneof![
        3 => (1_i64..=3).prop_map(|no| Person::Here(UserNo(no))),
        1 => (1_u8..=2).prop_map(|no| Person::There(member(no), "o'x/:,| ".into())),
    ]
}

fn addressee() -> impl Strategy<Value = Addressee> {
    prop_oneof![
        Just(Addressee::Originator),
        (1_u8..=3).prop_map(|no| Addressee::Member(member(no))),
        (1_u8..=3).prop_map(|no| Addressee::Circle(CircleId([no; 32]))),
        person().prop_map(Addressee::Person),
    ]
}

fn moment() -> impl Strategy<Value = Option<Micros>> {
    prop::option::weighted(0.3, (0_i64..=3).prop_map(|at| START.plus(at)))
}

fn stated() -> impl Strategy<Value = Rules> {
    let originator = prop_oneof![
        3 => Just(Originator::Here),
        2 => (1_u8..=2).prop_map(|no| Originator::Member(member(no))),
        1 => Just(Originator::Nobody),
    ];
    let whom = (
        prop::option::weighted(0.6, prop::collection::vec(addressee(), 0..4)),
        prop::option::weighted(0.6, prop::collection::vec(person(), 0..3)),
        originator,
    );
    let level = prop::option::of(prop::sample::select(TlpLevel::ALL.to_vec()));
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    let purposes = prop_oneof![3 => Just(7_u8), 1 => 0_u8..8];
    let rest = (flags, moment(), moment(), purposes, prop::sample::select(Pap::ALL.to_vec()));
    (level, whom, rest).prop_map(|(level, (to, named, originator), rest)| {
        let ((controlled, awaiting), embargo, retain, purposes, pap) = rest;
        let mut rules = Rules::marked(level, originator).pap_at_least(pap);
        rules = to.map_or(rules.clone(), |to| rules.to(Audience::only(to)));
        rules = named.map_or(rules.clone(), |named| rules.naming(named));
        rules = embargo.map_or(rules.clone(), |until| rules.embargoed(until));
        rules = retain.map_or(rules.clone(), |until| rules.retained(until));
        rules = rules.limited_to(Purposes::from_bits(purposes));
        rules = if controlled { rules.controlled() } else { rules };
        if awaiting {
            rules.awaiting("marking-definition--00000000-0000-4000-8000-0000000000aa")
        } else {
            rules
        }
    })
}

fn rules() -> impl Strategy<Value = Option<Rules>> {
    let met = (stated(), stated()).prop_map(|(one, two)| one.meet(&two));
    prop::option::weighted(0.85, prop_oneof![6 => stated(), 2 => met, 1 => Just(Rules::closed())])
}

/// Where each object stands, and under which rules.
fn placing() -> impl Strategy<Value = Vec<Vec<(usize, Option<Rules>)>>> {
    let places =
        prop::collection::vec(prop::option::weighted(0.5, rules()), COLLECTIONS).prop_map(|places| {
            let places = places.into_iter().enumerate();
            places.filter_map(|(at, rules)| rules.map(|rules| (at, rules))).collect()
        });
    prop::collection::vec(places, OBJECTS)
}

fn standing() -> impl Strategy<Value = Standing> {
    let circles = prop::collection::btree_set((1_u8..=3).prop_map(|no| CircleId([no; 32])), 0..3);
    (0_i64..=4, prop::option::of((1_u8..=2).prop_map(member)), circles).prop_map(|(now, home, circles)| {
        Standing {
            now: START.plus(now),
            home,
            circles: if home.is_some() { circles } else { BTreeSet::new() },
        }
    })
}

fn eyes() -> impl Strategy<Value = (i64, u8, Standing)> {
    (1_i64..=4, 1_u8..8, standing())
}

fn sample(number: usize) -> Sample {
    Sample::indicator(number as u64, 1)
        .saying(&number.to_string())
        .term(TermKind::Address, "192.0.2.7")
        .edge("created_by_ref", None, &id("identity", 1))
        .text("word")
        .pattern("[ipv4-addr:value = '192.0.2.7']")
}

/// The objects a viewer is told of, by every read.
async fn told(store: &SqliteStore, view: &Viewer) -> Vec<(&'static str, BTreeSet<String>)> {
    let mut pages = BTreeSet::new();
    let mut lasts = BTreeSet::new();
    for collection in view.collections() {
        for (pick, into) in [(VersionPick::All, &mut pages), (VersionPick::Last, &mut lasts)] {
            let filter = Filter { versions: vec![pick], ..Filter::default() };
            let request = PageRequest { limit: 1000, filter, ..PageRequest::default() };
            let manifest = store.manifest(view, *collection, &request).await.expect("a manifest");
            into.extend(manifest.rows.into_iter().map(|row| row.id));
        }
    }
    let asked = sample(0).entry().terms[0].fingerprint(&store.fingerprint_key());
    let found =
        store.look_up(view, &[asked], base::limit::LOOKUP_MATCHES_MAX).await.expect("a look-up").remove(0);
    let words = SearchRequest { words: vec!["word".into()], limit: 1000, ..SearchRequest::default() };
    let searched = store.search(view, &words).await.expect("a search").rows;
    let edges =
        store.edges(view, &id("identity", 1), Direction::Inward, (1000, None)).await.expect("edges").0;
    let mut points = BTreeSet::new();
    for number in 0..OBJECTS {
        points.extend(store.object(view, &id("indicator", number as u64), None).await.ok().map(|one| one.id));
    }
    vec![
        ("all", pages),
        ("last", lasts),
        ("look-up", found.into_iter().map(|row| row.id).collect()),
        ("search", searched.into_iter().map(|row| row.id).collect()),
        ("edges", edges.into_iter().map(|row| row.other).collect()),
        ("object", points),
    ]
}

/// How many rules a store has besides those in question.
#[derive(Clone, Copy, Debug)]
enum Crowd {
    /// None: the predicate lists those that admit a viewer.
    None,
    /// So many that it looks at each holding's own.
    Large,
}

/// Rules in a large crowd: more than the predicate lists.
const CROWD: i64 = 70;

async fn crowded(store: &SqliteStore, collection: CollectionNo) {
    for number in 0..CROWD {
        let rules = Rules::marked(None, Originator::Here).retained(START.plus((number + 1) * Micros::SECOND));
        let sample = sample(OBJECTS + number as usize).under(Some(rules));
        store.add(batch_by(9, collection, &[sample])).await.expect("added");
    }
}

async fn compare(crowd: Crowd, placing: &[Vec<(usize, Option<Rules>)>], eyes: &[(i64, u8, Standing)]) {
    let directory = tempfile::tempdir().expect("a directory");
    let clock = Arc::new(FixedClock::at(START));
    let store = SqliteStore::open(directory.path(), clock, &SeededRng::new(1)).expect("a store");
    let c = collections(&*store, COLLECTIONS + 1).await;
    let (c, [apart]) = c.split_at(COLLECTIONS) else { unreachable!("one collection more") };
    if let Crowd::Large = crowd {
        crowded(&store, *apart).await;
    }
    for (number, places) in placing.iter().enumerate() {
        for (at, rules) in places {
            let sample = sample(number).under(rules.clone());
            store.add(batch_by(9, c[*at], &[sample])).await.expect("added");
        }
    }
    for (user, mask, standing) in eyes {
        let mine: Vec<CollectionNo> =
            c.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, no)| *no).collect();
        for action in Action::ALL {
            let view = viewer_at(*user, &mine, standing).to(action);
            let allowed = placing.iter().enumerate().filter(|(_, places)| {
                places.iter().any(|(at, rules)| match (action, rules) {
                    // Without rules of their own, they are those of the level: here unmarked.
                    (Action::PassOn | Action::ActAutomatically, None) => {
                        view.sees(&[c[*at]], Some(&Rules::marked(None, Originator::Here)))
                    }
                    _ => view.sees(&[c[*at]], rules.as_ref()),
                })
            });
            let wanted: BTreeSet<String> =
                allowed.map(|(number, _)| id("indicator", number as u64)).collect();
            for (read, got) in told(&store, &view).await {
                assert_eq!(got, wanted, "{read} of user {user} to {action:?} at {standing:?} over {mine:?}");
            }
            let figures = store.figures(Some(&view)).await.expect("figures");
            assert_eq!(figures.objects, wanted.len() as u64, "figures of user {user} to {action:?}");
        }
    }
}

#[test]
fn the_rows_are_what_the_decision_allows() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut runner = TestRunner::new(ProptestConfig { cases: 24, ..ProptestConfig::default() });
    let cases = (placing(), prop::collection::vec(eyes(), 4));
    let run = runner.run(&cases, |(placing, eyes)| {
        for crowd in [Crowd::None, Crowd::Large] {
            runtime.block_on(compare(crowd, &placing, &eyes));
        }
        Ok(())
    });
    run.expect("the predicate is the decision");
}

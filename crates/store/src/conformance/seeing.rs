//! Who is told what: the predicate is the decision, under every read, and the withheld leaves no trace.

use std::collections::BTreeSet;

use base::limit::LOOKUP_MATCHES_MAX;
use base::{Micros, Rng, SeededRng};
use handling::{CollectionNo, Rules, Viewer};
use index::TermKind;

use super::Site;
use super::sample::{Sample, add, batch_by, collections, day, id, viewer};
use crate::{Direction, EdgeGroups, Filter, PageRequest, SearchRequest, Store, StoreError, VersionPick};

const COLLECTIONS: usize = 4;
const USERS: i64 = 3;
const OBJECTS: u64 = 60;

/// One object as it stands: where, and for whom.
struct Placed {
    id: String,
    /// Collections, each with the rules it is under there.
    places: Vec<(CollectionNo, Option<Rules>)>,
}

fn dice(rng: &SeededRng, sides: u64) -> u64 {
    let mut bytes = [0; 8];
    rng.fill(&mut bytes);
    u64::from_le_bytes(bytes) % sides
}

fn searchable(number: u64) -> Sample {
    Sample::indicator(number, 1)
        .saying(&number.to_string())
        .term(TermKind::Address, "192.0.2.7")
        .edge("created_by_ref", None, &id("identity", 1))
        .text("word")
        .pattern("[ipv4-addr:value = '192.0.2.7']")
}

async fn scatter(store: &dyn Store, c: &[CollectionNo]) -> Vec<Placed> {
    let rng = SeededRng::new(20_260_101);
    let mut placed = Vec::new();
    for number in 0..OBJECTS {
        let mut places = Vec::new();
        for collection in c {
            if dice(&rng, 3) != 0 {
                continue;
            }
            let persons: Vec<i64> = (1..=USERS).filter(|_| dice(&rng, 2) == 0).collect();
            let named = dice(&rng, 2) == 0;
            let sample = if named { searchable(number).only_for(&persons) } else { searchable(number) };
            let rules = sample.entry().rules;
            store.add(batch_by(9, *collection, &[sample])).await.unwrap();
            places.push((*collection, rules));
        }
        placed.push(Placed { id: id("indicator", number), places });
    }
    placed
}

/// Everything a viewer can learn of which objects there are, by one read each.
async fn learned(
    store: &dyn Store,
    view: &Viewer,
    placed: &[Placed],
) -> Vec<(&'static str, BTreeSet<String>)> {
    let mut points = BTreeSet::new();
    let mut histories = BTreeSet::new();
    for object in placed {
        if let Ok(held) = store.object(view, &object.id, None).await {
            points.insert(held.id);
        }
        if store.history(view, &object.id).await.is_ok() {
            histories.insert(object.id.clone());
        }
    }
    let mut pages = BTreeSet::new();
    let mut manifests = BTreeSet::new();
    for collection in view.collections() {
        for pick in [VersionPick::Last, VersionPick::First, VersionPick::All] {
            let filter = Filter { versions: vec![pick], ..Filter::default() };
            let request = PageRequest { limit: 1000, filter, ..PageRequest::default() };
            let page = store.page(view, *collection, &request).await.unwrap();
            let text = String::from_utf8(page.objects.to_vec()).unwrap();
            pages.extend(
                placed.iter().filter(|object| text.contains(&object.id)).map(|object| object.id.clone()),
            );
            let manifest = store.manifest(view, *collection, &request).await.unwrap();
            manifests.extend(manifest.rows.into_iter().map(|row| row.id));
        }
    }
    let fingerprint = searchable(0).entry().terms[0].fingerprint(&store.fingerprint_key());
    let found = store.look_up(view, &[fingerprint], LOOKUP_MATCHES_MAX).await.unwrap().remove(0);
    let ranged = store.in_ranges(view, &[([0; 16], [255; 16])]).await.unwrap().remove(0);
    let words = SearchRequest { words: vec!["word".into()], limit: 1000, ..SearchRequest::default() };
    let searched = store.search(view, &words).await.unwrap().rows;
    let edges = store.edges(view, &id("identity", 1), Direction::Inward, (1000, None)).await.unwrap().0;
    let patterns = store.patterns(view, 0, 1000).await.unwrap();
    vec![
        ("object", points),
        ("history", histories),
        ("page", pages),
        ("manifest", manifests),
        ("look_up", found.into_iter().map(|row| row.id).collect()),
        ("in_range", ranged.into_iter().map(|row| row.id).collect()),
        ("search", searched.into_iter().map(|row| row.id).collect()),
        ("edges", edges.into_iter().map(|row| row.other).collect()),
        ("patterns", patterns.into_iter().map(|row| row.id).collect()),
    ]
}

/// For every viewer and object, every read agrees with [`Viewer::sees`].
pub async fn the_predicate_is_the_decision(site: Site) {
    let store = site.open();
    let c = collections(&*store, COLLECTIONS).await;
    let placed = scatter(&*store, &c).await;
    for user in 1..=USERS + 1 {
        for mask in 0..1_usize << COLLECTIONS {
            let mine: Vec<CollectionNo> =
                c.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, no)| *no).collect();
            let view = viewer(user, &mine);
            let sees = |object: &&Placed| {
                object.places.iter().any(|(collection, rules)| view.sees(&[*collection], rules.as_ref()))
            };
            let wanted: BTreeSet<String> =
                placed.iter().filter(sees).map(|object| object.id.clone()).collect();
            for (read, got) in learned(&*store, &view, &placed).await {
                assert_eq!(got, wanted, "{read} of user {user} over {mine:?}");
            }
            let figures = store.figures(Some(&view)).await.unwrap();
            assert_eq!(figures.objects, wanted.len() as u64, "figures of user {user} over {mine:?}");
        }
    }
}

/// A collection that is not the viewer's does not exist.
pub async fn foreign_collections_do_not_exist(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    add(&*store, c[1], &[Sample::indicator(1, 1)]).await;
    let view = viewer(1, &c[..1]);
    let request = PageRequest { limit: 9, ..PageRequest::default() };
    for collection in [c[1], CollectionNo(99)] {
        let not_found = |error: StoreError| matches!(error, StoreError::NotFound { .. });
        assert!(not_found(store.page(&view, collection, &request).await.unwrap_err()));
        assert!(not_found(store.manifest(&view, collection, &request).await.unwrap_err()));
        let versions = store.versions(&view, collection, &id("indicator", 1), &request).await;
        assert!(not_found(versions.unwrap_err()));
    }
    let nobody = viewer(1, &[]);
    assert!(store.object(&nobody, &id("indicator", 1), None).await.is_err());
    assert_eq!(store.figures(Some(&nobody)).await.unwrap(), crate::Figures::default());
}

/// Everything told to someone who may not see, dates aside.
async fn told(store: &dyn Store, view: &Viewer, ids: &[String]) -> String {
    let mut told = String::new();
    let collection = *view.collections().first().unwrap();
    for pick in [VersionPick::Last, VersionPick::First, VersionPick::All] {
        let filter = Filter { versions: vec![pick], ..Filter::default() };
        let request = PageRequest { limit: 1000, filter, ..PageRequest::default() };
        let page = store.page(view, collection, &request).await.unwrap();
        told.push_str(&format!("{:?} {}\n", page.objects, page.count));
    }
    for id in ids {
        if let Ok(object) = store.object(view, id, None).await {
            let marks = store.marks(view, &[(id, object.added)]).await.unwrap();
            told.push_str(&format!("{marks:?}\n"));
            told.push_str(&format!("{:?} {} {:?}\n", object.bytes, object.revoked, object.collections));
        }
        let (sightings, count, _) = store.sightings(view, &[id]).await.unwrap()[0];
        told.push_str(&format!("{sightings} {count}\n"));
        told.push_str(&format!("{:?}\n", store.labels(view, &[id]).await.unwrap()));
        told.push_str(&format!("{:?}\n", store.briefs(view, &[id]).await.unwrap()));
        told.push_str(&format!("{:?}\n", store.listed_in(view, &[id], 9).await.unwrap()));
        for direction in [Direction::Inward, Direction::Outward] {
            told.push_str(&format!("{:?}\n", store.edges(view, id, direction, (99, None)).await.unwrap()));
            let asked = EdgeGroups { after: None, groups: 1, rows: 1, counted: 1 };
            told.push_str(&format!("{:?}\n", store.edge_groups(view, id, direction, &asked).await.unwrap()));
        }
    }
    told.push_str(&format!("{:?}\n", store.types(view).await.unwrap()));
    told.push_str(&format!("{:?}\n", store.types_in(view, collection, 1).await.unwrap()));
    told.push_str(&format!("{:?}", store.figures(Some(view)).await.unwrap()));
    told
}

/// With and without a hidden newer, older, revoking version, edge and sighting, others are told the same.
pub async fn the_withheld_leaves_no_trace(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let ids = [id("indicator", 1), id("tool", 2), id("tool", 3), id("sighting", 4)];
    let open = [
        Sample::indicator(1, 5).edge("indicates", Some(&ids[0]), &ids[1]),
        Sample::of(&ids[1], Some(&day(5))),
    ];
    add(&*store, c[0], &open).await;
    let before = told(&*store, &viewer(2, &c), &ids).await;
    let last_added = store.collections().await.unwrap()[0].last_added;
    assert!(last_added.is_some());
    let hidden = [
        Sample::indicator(1, 9).with(|facts| facts.revoked = true),
        Sample::indicator(1, 3).saying("older"),
        Sample::of(&ids[2], Some(&day(5))).edge("uses", Some(&ids[0]), &ids[1]),
        Sample::of(&ids[1], Some(&day(8))).with(|facts| facts.label = "secret".into()),
        Sample::of(&ids[3], Some(&day(5))).sighting(&ids[0], 7, None),
    ];
    add(&*store, c[0], &hidden.map(|sample| sample.only_for(&[1]))).await;
    assert_eq!(told(&*store, &viewer(2, &c), &ids).await, before);
    assert_eq!(store.collections().await.unwrap()[0].last_added, last_added, "nor in what collections tell");
    let named = viewer(1, &c);
    assert_ne!(told(&*store, &named, &ids).await, before);
    assert_eq!(store.object(&named, &ids[1], None).await.unwrap().version, day(8));
    let (sightings, count, _) = store.sightings(&named, &[&ids[0]]).await.unwrap()[0];
    assert_eq!((sightings, count), (1, 7));
}

/// The latest version is the latest that the viewer may see, over all their collections.
pub async fn the_latest_is_the_viewers_latest(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let old = Sample::indicator(1, 1).text("old").term(TermKind::Domain, "old.example");
    let new = Sample::indicator(1, 2).text("new").term(TermKind::Domain, "new.example");
    let dates = [add(&*store, c[0], &[old.clone()]).await, add(&*store, c[1], &[new.clone()]).await];
    add(&*store, c[0], &[Sample::indicator(2, 1)]).await;
    let search = async |view: &Viewer, word: &str| {
        let request = SearchRequest { words: vec![word.into()], limit: 9, ..SearchRequest::default() };
        store.search(view, &request).await.unwrap().rows.len()
    };
    let look_up = async |view: &Viewer, sample: &Sample| {
        let fingerprint = sample.entry().terms[0].fingerprint(&store.fingerprint_key());
        store.look_up(view, &[fingerprint], LOOKUP_MATCHES_MAX).await.unwrap()[0].len()
    };
    for (mine, version, of_old, of_new) in [(&c[..1], 1, 1, 0), (&c[1..], 2, 0, 1), (&c[..], 2, 0, 1)] {
        let view = viewer(1, mine);
        assert_eq!(store.object(&view, &id("indicator", 1), None).await.unwrap().version, day(version));
        assert_eq!((search(&view, "old").await, search(&view, "new").await), (of_old, of_new));
        assert_eq!((look_up(&view, &old).await, look_up(&view, &new).await), (of_old, of_new));
    }
    let both = store.object(&viewer(1, &c), &id("indicator", 1), None).await.unwrap();
    assert_eq!((both.collections, both.added), (vec!["c1".to_owned()], dates[1][0]));
    let history = store.history(&viewer(1, &c), &id("indicator", 1)).await.unwrap();
    let places: Vec<(String, Micros)> = history.into_iter().map(|row| (row.collection, row.added)).collect();
    assert_eq!(places, [("c0".to_owned(), dates[0][0]), ("c1".to_owned(), dates[1][0])]);
}

/// An object that is narrowed is as if it had come so; versions beside it take their places.
pub async fn narrowing_is_coming_so(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let ids = [id("indicator", 1), id("indicator", 2)];
    let nothing = told(&*store, &viewer(2, &c), &ids).await;
    add(&*store, c[0], &[searchable(1)]).await;
    let rules = searchable(1).only_for(&[1]).entry().rules.unwrap();
    let writer = super::sample::writer(1, c[0]);
    let open = store.state_hash().await.unwrap();
    assert_eq!(store.narrow(&writer, &ids[0], &rules.clone().into()).await.unwrap(), 1);
    assert_eq!(told(&*store, &viewer(2, &c), &ids).await, nothing);
    assert_ne!(store.state_hash().await.unwrap(), open);
    let held = store.object(&viewer(1, &c), &ids[0], None).await.unwrap();
    let both = Rules::marked(None, handling::Originator::Here).meet(&rules);
    assert_eq!(held.places[0].rules.as_ref(), Some(&both));
    for (user, found) in [(1, 1), (2, 0)] {
        let asked = searchable(1).entry().terms[0].fingerprint(&store.fingerprint_key());
        assert_eq!(
            store.look_up(&viewer(user, &c), &[asked], LOOKUP_MATCHES_MAX).await.unwrap()[0].len(),
            found
        );
    }
    add(&*store, c[0], &[Sample::indicator(2, 1), Sample::indicator(2, 2)]).await;
    store.narrow(&writer, &ids[1], &rules.clone().into()).await.unwrap();
    add(&*store, c[0], &[Sample::indicator(3, 1)]).await;
    let other = super::sample::writer(2, c[0]);
    assert!(
        store.narrow(&other, &ids[1], &rules.into()).await.is_err(),
        "who may not see it cannot narrow it"
    );
    assert!(store.check(true).await.unwrap().iter().all(|check| check.ok));
}

//! Removing objects, versions and collections.

use base::limit::LOOKUP_MATCHES_MAX;
use handling::CollectionNo;
use index::TermKind;

use super::Site;
use super::sample::{Sample, add, collections, day, how, id, viewer, writer};
use crate::{Direction, Filter, PageRequest, SearchRequest, Store, StoreError, VersionPick};

fn picks(versions: &[VersionPick]) -> Filter {
    Filter { versions: versions.to_vec(), ..Filter::default() }
}

fn exact(modified: u32) -> VersionPick {
    VersionPick::Exact(day(modified).replace(".000Z", ""))
}

async fn held(store: &dyn Store, collection: CollectionNo, pick: VersionPick) -> Vec<String> {
    let request = PageRequest { limit: 100, filter: picks(&[pick]), ..PageRequest::default() };
    let manifest = store.manifest(&viewer(1, &[collection]), collection, &request).await.unwrap();
    manifest.rows.into_iter().map(|row| row.version).collect()
}

/// Without a version all go; with versions those go, and the ends are the ends of what remains.
pub async fn versions_go_one_by_one_or_all(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    for modified in [1, 2, 3, 4, 5] {
        add(&*store, c[0], &[Sample::indicator(1, modified)]).await;
    }
    let writer = writer(1, c[0]);
    let delete = async |filter: Filter| store.delete(&writer, &id("indicator", 1), &filter).await;
    assert_eq!(delete(picks(&[VersionPick::Last])).await.unwrap().versions, 1);
    assert_eq!(held(&*store, c[0], VersionPick::Last).await, [day(4)]);
    assert_eq!(delete(picks(&[VersionPick::First, exact(3)])).await.unwrap().versions, 2);
    // Each became an end when another went, and came again as such.
    assert_eq!(held(&*store, c[0], VersionPick::All).await, [day(4), day(2)]);
    assert_eq!(held(&*store, c[0], VersionPick::First).await, [day(2)]);
    assert!(matches!(delete(picks(&[exact(3)])).await.unwrap_err(), StoreError::NotFound { .. }));
    let of_2_0 = Filter { spec_versions: vec!["2.0".into()], ..Filter::default() };
    assert!(matches!(delete(of_2_0).await.unwrap_err(), StoreError::NotFound { .. }));
    assert_eq!(delete(Filter::default()).await.unwrap().versions, 2);
    assert!(matches!(delete(Filter::default()).await.unwrap_err(), StoreError::NotFound { .. }));
    let gone = store.object(&viewer(1, &c), &id("indicator", 1), None).await;
    assert!(matches!(gone.unwrap_err(), StoreError::NotFound { .. }));
    assert_eq!(how(&*store, c[0], &Sample::indicator(1, 3)).await, "accepted");
}

/// What is removed in one collection stays in others; with the last holding everything that derives from it is gone.
pub async fn nothing_is_found_of_what_is_gone(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let sample = Sample::indicator(1, 1)
        .term(TermKind::Address, "192.0.2.1")
        .edge("created_by_ref", None, &id("identity", 1))
        .text("word")
        .pattern("[ipv4-addr:value = '192.0.2.1']");
    let sighting = Sample::of(&id("sighting", 1), Some(&day(1))).sighting(&id("indicator", 1), 3, None);
    for collection in &c {
        add(&*store, *collection, &[sample.clone(), sighting.clone()]).await;
    }
    let view = viewer(1, &c);
    for (left, collection) in [(1, c[0]), (0, c[1])] {
        for id in [id("indicator", 1), id("sighting", 1)] {
            store.delete(&writer(1, collection), &id, &Filter::default()).await.unwrap();
        }
        let fingerprint = sample.entry().terms[0].fingerprint(&store.fingerprint_key());
        assert_eq!(store.look_up(&view, &[fingerprint], LOOKUP_MATCHES_MAX).await.unwrap()[0].len(), left);
        assert_eq!(store.in_ranges(&view, &[([0; 16], [255; 16])]).await.unwrap()[0].len(), left);
        let words = SearchRequest { words: vec!["word".into()], limit: 9, ..SearchRequest::default() };
        assert_eq!(store.search(&view, &words).await.unwrap().rows.len(), left);
        let inward = store.edges(&view, &id("identity", 1), Direction::Inward, (9, None)).await.unwrap();
        assert_eq!(inward.0.len(), left);
        let patterns = store.patterns(&view, 0, 9).await.unwrap();
        assert_eq!(patterns.len(), left);
        let (sightings, count, _) = store.sightings(&view, &[&id("indicator", 1)]).await.unwrap()[0];
        assert_eq!((sightings, count), (left as u64, 3 * left as i64));
        assert_eq!(store.figures(None).await.unwrap().objects, 2 * left as u64);
        assert!(store.check(true).await.unwrap().iter().all(|check| check.ok));
    }
}

/// A collection goes with what stands only in it.
pub async fn collections_go_whole(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    add(&*store, c[0], &[Sample::indicator(1, 1), Sample::indicator(2, 1).only_for(&[1])]).await;
    add(&*store, c[1], &[Sample::indicator(1, 1), Sample::indicator(3, 1)]).await;
    store.remove_collection(c[0]).await.unwrap();
    assert!(matches!(store.remove_collection(c[0]).await.unwrap_err(), StoreError::NotFound { .. }));
    let figures = store.figures(None).await.unwrap();
    assert_eq!((figures.objects, figures.versions, figures.collections), (2, 2, 1));
    let view = viewer(1, &c);
    let object = store.object(&view, &id("indicator", 1), None).await.unwrap();
    assert_eq!(object.collections, ["c1"]);
    assert!(store.object(&view, &id("indicator", 2), None).await.is_err());
    assert!(store.check(true).await.unwrap().iter().all(|check| check.ok));
}

/// What is withheld from a writer cannot be removed by them, nor does the answer tell that it is there.
pub async fn the_withheld_stays(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    add(&*store, c[0], &[Sample::indicator(1, 1).only_for(&[1])]).await;
    let by = async |user| store.delete(&writer(user, c[0]), &id("indicator", 1), &Filter::default()).await;
    assert!(matches!(by(2).await.unwrap_err(), StoreError::NotFound { .. }));
    assert_eq!(by(1).await.unwrap().versions, 1);
}

//! Objects that a collection holds in several editions of the specification: what is picked of them, and what a hostile one costs.

use handling::CollectionNo;
use stix::timestamp::key_of;

use super::Site;
use super::sample::{Sample, add, collections, id, viewer, writer};
use crate::{Editions, Filter, PageRequest, Store, VersionPick};

/// Versions of one object whose square is more than one question may look at.
const VERY_MANY: u32 = 5_000;

fn request(versions: &[VersionPick], specs: &[&str]) -> PageRequest {
    let spec_versions = specs.iter().map(|spec| (*spec).to_owned()).collect();
    let filter = Filter { versions: versions.to_vec(), spec_versions, ..Filter::default() };
    PageRequest { limit: 100, filter, editions: Editions::Latest, ..PageRequest::default() }
}

/// A minute of 2021.
fn minute(minute: u32) -> String {
    let (hour, minute) = (minute / 60, minute % 60);
    format!("2021-01-{:02}T{:02}:{minute:02}:00.000Z", 1 + hour / 24, hour % 24)
}

fn exact(modified: u32) -> VersionPick {
    VersionPick::Exact(key_of(&minute(modified)).to_owned())
}

/// The indicator with a number, modified at a minute.
fn at(number: u64, modified: u32) -> Sample {
    Sample::of(&id("indicator", number), Some(&minute(modified)))
}

fn in_2_0(sample: Sample) -> Sample {
    sample.with(|facts| facts.spec_version = "2.0".into())
}

/// Versions and editions of what a page gives, in its order.
async fn polled(store: &dyn Store, c: CollectionNo, request: &PageRequest) -> Vec<(String, String)> {
    let view = viewer(1, &[c]);
    let rows = store.manifest(&view, c, request).await.unwrap().rows;
    assert_eq!(store.page(&view, c, request).await.unwrap().count, rows.len());
    rows.into_iter().map(|row| (row.version, row.spec_version)).collect()
}

fn told(versions: &[(u32, &str)]) -> Vec<(String, String)> {
    versions.iter().map(|(version, spec)| (minute(*version), (*spec).to_owned())).collect()
}

/// Very many versions of one object in several editions keep nobody from polling, whoever asks and for which versions.
pub async fn very_many_versions_in_several_editions_are_polled(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await[0];
    let samples: Vec<Sample> = (2..=VERY_MANY).map(|minute| at(1, minute)).collect();
    add(&*store, c, &[in_2_0(at(1, 1))]).await;
    add(&*store, c, &samples).await;
    add(&*store, c, &[in_2_0(at(2, 1))]).await;
    let (first, last) = (VersionPick::First, VersionPick::Last);
    for (versions, specs, expected) in [
        (vec![], vec![], vec![(VERY_MANY, "2.1"), (1, "2.0")]),
        (vec![last.clone()], vec!["2.0"], vec![(1, "2.0"), (1, "2.0")]),
        (vec![first.clone()], vec![], vec![(2, "2.1"), (1, "2.0")]),
        (vec![first, last], vec![], vec![(2, "2.1"), (VERY_MANY, "2.1"), (1, "2.0")]),
        (vec![exact(3)], vec![], vec![(3, "2.1")]),
        (vec![VersionPick::All], vec!["2.0"], vec![(1, "2.0"), (1, "2.0")]),
    ] {
        let asked = request(&versions, &specs);
        assert_eq!(polled(&*store, c, &asked).await, told(&expected), "{versions:?} {specs:?}");
    }
    let all = polled(&*store, c, &request(&[VersionPick::All], &[])).await;
    assert_eq!((all.len(), &all[0]), (100, &told(&[(2, "2.1")])[0]));
}

/// Where two lineages have a version of one moment, the one in the edition that is asked for is given, whichever stands here longer.
pub async fn a_moment_is_looked_for_in_the_editions_asked_for(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await[0];
    for (number, [longer, other]) in [(1, ["2.1", "2.0"]), (2, ["2.0", "2.1"])] {
        let of = |spec: &'static str| at(number, 5).with(move |facts| facts.spec_version = spec.into());
        add(&*store, c, &[of(longer), of(other).created(1).saying("otherwise")]).await;
        let given = async |specs: &[&str]| {
            let mut asked = request(&[exact(5)], specs);
            asked.filter.ids = vec![id("indicator", number)];
            polled(&*store, c, &asked).await
        };
        assert_eq!(given(&["2.0"]).await, told(&[(5, "2.0")]));
        assert_eq!(given(&["2.1"]).await, told(&[(5, "2.1")]));
        for both in [&["2.0", "2.1"][..], &[]] {
            assert_eq!(given(both).await, told(&[(5, longer)]));
        }
    }
}

/// The last and the first version that a deletion names are those that reads give.
pub async fn what_is_deleted_as_an_end_is_what_is_read_as_one(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await[0];
    let indicator = id("indicator", 1);
    for sample in [in_2_0(at(1, 1)), at(1, 2), at(1, 3), at(1, 4), in_2_0(at(1, 5)), in_2_0(at(1, 6))] {
        add(&*store, c, &[sample]).await;
    }
    let (first, last) = (VersionPick::First, VersionPick::Last);
    for (pick, specs, version) in [
        (&last, &[][..], (4, "2.1")),
        (&first, &[], (2, "2.1")),
        (&last, &["2.0"], (6, "2.0")),
        (&last, &[], (3, "2.1")),
        (&first, &[], (1, "2.0")),
    ] {
        let asked = request(&[pick.clone()], specs);
        assert_eq!(polled(&*store, c, &asked).await, told(&[version]), "{pick:?} {specs:?}");
        let deleted = store.delete(&writer(1, c), &indicator, &asked.filter).await.unwrap();
        assert_eq!(deleted.versions, 1);
        let left = Filter { versions: vec![VersionPick::All], ..Filter::default() };
        let left = PageRequest { limit: 100, filter: left, ..PageRequest::default() };
        let left = polled(&*store, c, &left).await;
        assert!(!left.contains(&told(&[version])[0]), "{pick:?} {specs:?}: {left:?}");
    }
    assert_eq!(polled(&*store, c, &request(&[], &[])).await, told(&[(5, "2.0")]));
}

/// What becomes the end of an edition, or of what is given where none is asked for, comes to who polls for it.
pub async fn what_becomes_the_end_of_an_edition_comes_to_who_polls(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await[0];
    for (samples, specs, gone, comes) in [
        (vec![in_2_0(at(1, 1)), at(1, 2), in_2_0(at(1, 3))], &[][..], 2, (3, "2.0")),
        (vec![in_2_0(at(2, 1)), in_2_0(at(2, 2)), at(2, 3)], &["2.0"], 2, (1, "2.0")),
    ] {
        let mut dated = Vec::new();
        for sample in &samples {
            dated.extend(add(&*store, c, &[sample.clone()]).await);
        }
        let asked = PageRequest { added_after: dated.pop(), ..request(&[], specs) };
        assert_eq!(polled(&*store, c, &asked).await, []);
        let of_it = Filter { versions: vec![exact(gone)], ..Filter::default() };
        let id = samples[0].entry().facts.id.to_string();
        assert_eq!(store.delete(&writer(1, c), &id, &of_it).await.unwrap().versions, 1);
        assert_eq!(polled(&*store, c, &asked).await, told(&[comes]));
    }
}

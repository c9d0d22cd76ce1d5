//! Adding: dates, versions, duplicates, conflicts, statuses.

use std::collections::BTreeSet;

use base::Micros;
use handling::{MemberId, Originator, Purpose, Purposes, Rules, UserNo};
use stix::timestamp::key_of;

use super::Site;
use super::sample::{START, Sample, add, batch, batch_by, collections, day, how, how_by, id, viewer};
use crate::{Contradiction, Filter, LandedAs, PageRequest, PerObject, StatusState, StoreError, VersionPick};

/// Dates are unique over the node and rise in the order of commits, whatever the clock does.
pub async fn dates_rise_and_are_unique(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let mut dates = add(&*store, c[0], &[Sample::indicator(1, 0), Sample::indicator(2, 0)]).await;
    dates.extend(add(&*store, c[1], &[Sample::indicator(1, 0)]).await);
    site.clock.advance(-5_000_000);
    dates.extend(add(&*store, c[1], &[Sample::indicator(3, 0)]).await);
    site.clock.advance(60_000_000);
    dates.extend(add(&*store, c[0], &[Sample::indicator(4, 0)]).await);
    assert!(dates.is_sorted_by(|one, next| one < next), "{dates:?}");
    assert_eq!(dates[0], START);
    assert_eq!(*dates.last().unwrap(), START.plus(55_000_000));
    assert_eq!(store.last_added(), *dates.last().unwrap());
    let rows = store.collections().await.unwrap();
    assert_eq!(rows[0].last_added, Some(dates[4]));
    assert_eq!(rows[1].last_added, Some(dates[3]));
}

/// Not even when the object with the latest date is deleted and the store opened again by a slow clock.
pub async fn dates_never_go_back(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let dates = add(&*store, c[0], &[Sample::indicator(1, 0), Sample::indicator(2, 0)]).await;
    let writer = super::sample::writer(1, c[0]);
    for number in [1, 2] {
        store.delete(&writer, &id("indicator", number), &Filter::default()).await.unwrap();
    }
    drop(store);
    site.clock.set(START.plus(-1_000_000));
    let store = site.open();
    assert_eq!(store.last_added(), dates[1]);
    assert_eq!(store.collections().await.unwrap()[0].last_added, Some(dates[1]));
    let again = add(&*store, c[0], &[Sample::indicator(1, 0)]).await;
    assert!(again[0] > dates[1], "a deleted object that comes again has a new date");
}

/// Fifty thousand objects of one commit each have a date of their own.
pub async fn a_large_batch_has_as_many_dates(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let samples: Vec<Sample> = (0..50_000).map(|number| Sample::indicator(number, 0)).collect();
    let dates = add(&*store, c[0], &samples).await;
    assert_eq!(dates.iter().collect::<BTreeSet<_>>().len(), 50_000);
    assert!(dates.is_sorted());
    let request = PageRequest { limit: 2, added_after: Some(dates[49_997]), ..PageRequest::default() };
    let page = store.page(&viewer(1, &c), c[0], &request).await.unwrap();
    assert_eq!((page.count, page.page.next, page.page.last_added), (2, None, Some(dates[49_999])));
}

/// The same content is known, in whatever bytes; its date stays.
pub async fn the_same_again_is_known(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let first = Sample::indicator(1, 3).saying("a");
    let dates = add(&*store, c[0], std::slice::from_ref(&first)).await;
    let again = store.add(batch(c[0], &[first.clone().written("a ")])).await.unwrap();
    assert_eq!((&again[0].how, again[0].added), (&LandedAs::Known, Some(dates[0])));
    let page =
        store.page(&viewer(1, &c), c[0], &PageRequest { limit: 9, ..PageRequest::default() }).await.unwrap();
    assert_eq!(page.objects, first.bytes());
    // Precision does not make another version.
    let more_digits = Sample::of(&id("indicator", 1), Some(&day(3).replace(".000Z", ".000000Z"))).saying("a");
    assert_eq!(how(&*store, c[0], &more_digits).await, "known");
    // Twice in one batch, and in another collection.
    let twice = store.add(batch(c[1], &[first.clone(), first])).await.unwrap();
    assert_eq!((&twice[0].how, &twice[1].how), (&LandedAs::Accepted, &LandedAs::Known));
    assert_eq!(twice[0].added, twice[1].added);
    assert!(twice[0].added > Some(dates[0]));
}

/// The same bytes in two collections have in each the handling that they were given there.
pub async fn handling_is_each_copys_own(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let plain = Sample::indicator(1, 0);
    let amber = plain.clone().with(|facts| facts.tlp = Some(2));
    for first in [&plain, &amber] {
        let second = if first.entry().facts.tlp.is_none() { &amber } else { &plain };
        add(&*store, c[0], std::slice::from_ref(first)).await;
        add(&*store, c[1], std::slice::from_ref(second)).await;
        for (collection, sample) in [(c[0], first), (c[1], second)] {
            let view = viewer(1, &[collection]);
            let object = store.object(&view, &id("indicator", 1), None).await.unwrap();
            assert_eq!(object.tlp, sample.entry().facts.tlp);
            let writer = super::sample::writer(1, collection);
            let all = Filter { versions: vec![VersionPick::All], ..Filter::default() };
            store.delete(&writer, &id("indicator", 1), &all).await.unwrap();
            assert!(store.object(&view, &id("indicator", 1), None).await.is_err());
        }
    }
}

/// Newer and older versions are kept; the latest by `modified` is the latest whatever came last.
pub async fn versions_take_their_places(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    for (modified, landed) in [(5, "accepted"), (9, "newer"), (2, "older"), (7, "older"), (11, "newer")] {
        assert_eq!(how(&*store, c[0], &Sample::indicator(1, modified)).await, landed, "{modified}");
    }
    let view = viewer(1, &c);
    let filter = |pick| Filter { versions: vec![pick], ..Filter::default() };
    for (pick, modified) in [(VersionPick::Last, 11), (VersionPick::First, 2)] {
        let request = PageRequest { limit: 9, filter: filter(pick), ..PageRequest::default() };
        let manifest = store.manifest(&view, c[0], &request).await.unwrap();
        let versions: Vec<&str> = manifest.rows.iter().map(|row| row.version.as_str()).collect();
        assert_eq!(versions, [day(modified)]);
    }
    let object = store.object(&view, &id("indicator", 1), None).await.unwrap();
    assert_eq!(object.version, day(11));
    let history = store.history(&view, &id("indicator", 1)).await.unwrap();
    let versions: Vec<String> = history.into_iter().map(|row| row.version).collect();
    assert_eq!(versions, [2, 5, 7, 9, 11].map(day));
}

/// What the rules of versions refuse, with its code; the first stays.
pub async fn conflicts_are_refused(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let first = Sample::indicator(1, 3).saying("a");
    assert_eq!(how(&*store, c[0], &first).await, "accepted");
    let other = Sample::indicator(1, 3).saying("b");
    assert_eq!(how(&*store, c[0], &other).await, "version-conflict");
    assert_eq!(how(&*store, c[1], &other).await, "accepted", "another collection has its own");
    assert_eq!(how(&*store, c[0], &moved(3, 1).saying("c")).await, "accepted", "a date is a lineage's own");
    assert_eq!(how(&*store, c[0], &moved(3, 1).saying("d")).await, "version-conflict");
    let revoked = Sample::indicator(1, 5).with(|facts| facts.revoked = true);
    assert_eq!(how(&*store, c[0], &revoked).await, "newer");
    assert_eq!(how(&*store, c[0], &Sample::indicator(1, 6)).await, "revoked-already");
    assert_eq!(how(&*store, c[0], &Sample::indicator(1, 4)).await, "older");
    let view = viewer(1, &c[..1]);
    let object = store.object(&view, &id("indicator", 1), Some(&day(3))).await.unwrap();
    assert_eq!(object.bytes, first.bytes());
    assert!(object.revoked, "told of the object, not of the old version");
}

/// A version of indicator 1 that was created on another day than day 0.
fn moved(modified: u32, created: u32) -> Sample {
    let sample = Sample::indicator(1, modified).created(created);
    sample.saying(&format!("created on day {created}, modified on day {modified}"))
}

/// How a sample lands in a collection, and what it contradicts there.
async fn lands(
    store: &dyn crate::Store,
    collection: handling::CollectionNo,
    sample: &Sample,
) -> (LandedAs, Option<Contradiction>) {
    let landed = store.add(batch(collection, std::slice::from_ref(sample))).await.unwrap().remove(0);
    (landed.how, landed.contradicts)
}

/// What has another `created` or creator is kept beside what is held, and its poster is told; known again when it comes again.
pub async fn another_created_or_creator_stands_beside(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    assert_eq!(lands(&*store, c[0], &Sample::indicator(1, 3)).await, (LandedAs::Accepted, None));
    let taken = Sample::indicator(1, 5).saying("taken").with(|facts| facts.creator = Some(id("identity", 7)));
    for (sample, contradiction) in [(moved(4, 1), Contradiction::Created), (taken, Contradiction::Creator)] {
        assert_eq!(lands(&*store, c[0], &sample).await, (LandedAs::Accepted, Some(contradiction)));
        assert_eq!(lands(&*store, c[0], &sample).await, (LandedAs::Known, None));
        assert_eq!(lands(&*store, c[1], &sample).await.0, LandedAs::Accepted);
    }
    // The poster learns of it in the status; who may not see what is contradicted is told nothing.
    let mut post = batch(c[0], &[moved(6, 2), Sample::indicator(1, 7)]);
    post.status = Some(("s1".into(), Vec::new()));
    store.add(post).await.unwrap();
    let status = store.status(UserNo(1), "s1").await.unwrap().objects;
    assert!(status.iter().all(|object| object.state == StatusState::Success), "{status:?}");
    let told = status[0].message.as_ref().unwrap();
    assert!(told.contains("another created") && told.ends_with("[created-changed]"), "{told}");
    assert_eq!(status[1].message, None);
    let secret = Sample::indicator(2, 3).only_for(&[1]);
    assert_eq!(how(&*store, c[0], &secret).await, "accepted");
    let other = Sample::indicator(2, 4).created(1).saying("other");
    let landed = store.add(batch_by(2, c[0], &[other])).await.unwrap().remove(0);
    assert_eq!((landed.how, landed.contradicts), (LandedAs::Accepted, None));
    // The other collection has had another one first.
    assert_eq!(
        lands(&*store, c[1], &Sample::indicator(1, 3)).await,
        (LandedAs::Accepted, Some(Contradiction::Created))
    );
}

/// Later versions and a revocation belong to the lineage that they are of; what stands longest is told first, here and over TAXII, and
/// what is left when it goes is told then.
pub async fn a_lineage_follows_itself_alone(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let revoked = moved(8, 1).with(|facts| facts.revoked = true);
    for (sample, how, contradicts) in [
        (Sample::indicator(1, 3), LandedAs::Accepted, None),
        (moved(4, 1), LandedAs::Accepted, Some(Contradiction::Created)),
        (Sample::indicator(1, 5), LandedAs::Newer, None),
        (moved(2, 1), LandedAs::Older, Some(Contradiction::Created)),
        (revoked, LandedAs::Newer, Some(Contradiction::Created)),
        (Sample::indicator(1, 9), LandedAs::Newer, None),
    ] {
        assert_eq!(lands(&*store, c[0], &sample).await, (how, contradicts));
    }
    assert_eq!(how(&*store, c[0], &moved(10, 1)).await, "revoked-already");
    let view = viewer(1, &c);
    let told = async || {
        let object = store.object(&view, &id("indicator", 1), None).await.unwrap();
        (object.version, object.revoked, object.contradictions)
    };
    let polled = async |picks: &[VersionPick]| {
        let filter = Filter { versions: picks.to_vec(), ..Filter::default() };
        let request = PageRequest { limit: 9, filter, ..PageRequest::default() };
        let rows = store.manifest(&view, c[0], &request).await.unwrap().rows;
        rows.into_iter().map(|row| row.version).collect::<Vec<_>>()
    };
    assert_eq!(told().await, (day(9), false, 3));
    assert_eq!(polled(&[]).await, [day(9)]);
    assert_eq!(polled(&[VersionPick::First, VersionPick::Last]).await, [day(3), day(9)]);
    assert_eq!(polled(&[VersionPick::All]).await, [3, 4, 5, 2, 8, 9].map(day));
    let request = PageRequest { limit: 9, ..PageRequest::default() };
    let rows = store.versions(&view, c[0], &id("indicator", 1), &request).await.unwrap().rows;
    assert_eq!(rows.len(), 6);
    assert_eq!(polled(&[VersionPick::Exact(key_of(&day(4)).into())]).await, [day(4)]);

    let writer = super::sample::writer(1, c[0]);
    let delete = async |pick| {
        let filter = Filter { versions: vec![pick], ..Filter::default() };
        store.delete(&writer, &id("indicator", 1), &filter).await.unwrap().versions
    };
    assert_eq!(delete(VersionPick::Last).await, 1);
    assert_eq!((told().await, polled(&[]).await), ((day(5), false, 3), vec![day(5)]));
    for day_of in [3, 5] {
        assert_eq!(delete(VersionPick::Exact(key_of(&day(day_of)).into())).await, 1);
    }
    assert_eq!((told().await, polled(&[]).await), ((day(8), true, 0), vec![day(8)]));
    let wrong = store.rebuild(false).await.unwrap();
    assert!(wrong.iter().all(|line| line.to_string().starts_with("version")), "{wrong:?}");
    assert_eq!(delete(VersionPick::All).await, 3);
    assert!(store.object(&view, &id("indicator", 1), None).await.is_err());
}

/// So many contradict each other and no more, in each collection; those that are held go on.
pub async fn lineages_of_an_object_have_a_limit(site: Site) {
    let store = site.open();
    let c = collections(&*store, 4).await;
    let most = u32::try_from(base::limit::LINEAGES_MAX).unwrap();
    for created in 0..most {
        assert_eq!(how(&*store, c[0], &moved(100 + created, created)).await, "accepted", "{created}");
    }
    let one_more = moved(100 + most, most);
    assert_eq!(how(&*store, c[0], &one_more).await, "lineages-max");
    assert_eq!(how(&*store, c[1], &one_more).await, "accepted");
    assert_eq!(how(&*store, c[0], &moved(200, most - 1)).await, "newer");
    assert_eq!(how(&*store, c[0], &moved(100, 0)).await, "known");
    // Neither what they may be used for nor whose they are makes room for more.
    let defence = Rules::marked(None, Originator::Here).limited_to(Purposes::of([Purpose::Defence]));
    for created in 0..most {
        let sample = moved(100 + created, created).under(Some(defence.clone()));
        assert_eq!(how(&*store, c[2], &sample).await, "accepted", "{created}");
        let sample = moved(100 + created, created);
        let maker = MemberId([u8::try_from(created).unwrap(); 32]);
        let sample = if created % 2 == 0 { sample } else { sample.made_by(maker) };
        assert_eq!(how(&*store, c[3], &sample).await, "accepted", "{created}");
    }
    for collection in [c[2], c[3]] {
        assert_eq!(how(&*store, collection, &one_more).await, "lineages-max");
        assert_eq!(
            how(&*store, collection, &one_more.clone().made_by(MemberId([99; 32]))).await,
            "lineages-max"
        );
    }
}

/// A revocation that comes late is the latest all the same, and forbids what is newer.
pub async fn late_revocations_take_over(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    for (modified, revoked, landed) in [
        (2, false, "accepted"),
        (8, false, "newer"),
        (5, true, "older"),
        (9, false, "revoked-already"),
        (1, false, "older"),
    ] {
        let sample = Sample::indicator(1, modified).with(|facts| facts.revoked = revoked);
        assert_eq!(how(&*store, c[0], &sample).await, landed, "{modified}");
    }
    let view = viewer(1, &c);
    let object = store.object(&view, &id("indicator", 1), None).await.unwrap();
    assert_eq!((object.version, object.revoked), (day(5), true));
    for (pick, modified) in [(VersionPick::Last, 5), (VersionPick::First, 1)] {
        let filter = Filter { versions: vec![pick], ..Filter::default() };
        let request = PageRequest { limit: 9, filter, ..PageRequest::default() };
        assert_eq!(store.manifest(&view, c[0], &request).await.unwrap().rows[0].version, day(modified));
    }
    assert!(store.object(&view, &id("indicator", 1), Some(&day(5))).await.is_ok());
    assert!(store.object(&view, &id("indicator", 1), Some(&day(8))).await.unwrap().revoked);
}

/// A refused object takes no neighbour with it.
pub async fn refusals_stand_alone(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let samples = [
        Sample::indicator(1, 3).saying("a"),
        Sample::indicator(1, 3).saying("b"),
        Sample::indicator(2, 3).saying("c"),
    ];
    let landed = store.add(batch(c[0], &samples)).await.unwrap();
    let stored: Vec<bool> = landed.iter().map(|landed| landed.added.is_some()).collect();
    assert_eq!(stored, [true, false, true]);
    let unknown = batch(handling::CollectionNo(99), &samples);
    assert!(matches!(store.add(unknown).await.unwrap_err(), StoreError::NotFound { .. }));
}

/// An observable has no version of its own: its date is.
pub async fn observables_have_their_date_as_version(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    assert_eq!(how(&*store, c[0], &Sample::observable(1).saying("a")).await, "accepted");
    site.clock.advance(1_500_000);
    assert_eq!(how(&*store, c[0], &Sample::observable(1).saying("a").written("a ")).await, "known");
    assert_eq!(how(&*store, c[0], &Sample::observable(1).saying("b")).await, "newer");
    assert_eq!(how(&*store, c[0], &Sample::observable(1).saying("a")).await, "known");
    let view = viewer(1, &c);
    let object = store.object(&view, &id("ipv4-addr", 1), None).await.unwrap();
    assert_eq!(object.version, "2026-01-01T00:00:01.500000Z");
    assert_eq!(object.bytes, Sample::observable(1).saying("b").bytes());
    let first = store.object(&view, &id("ipv4-addr", 1), Some("2026-01-01T00:00:00.000000Z")).await.unwrap();
    assert_eq!(first.bytes, Sample::observable(1).saying("a").bytes());
}

/// A status holds every object in order, and is its poster's alone.
pub async fn statuses_are_private(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let before = PerObject {
        id: "junk".into(),
        version: String::new(),
        message: Some("no object".into()),
        state: StatusState::Failure,
    };
    let samples = [
        Sample::indicator(1, 3).saying("a"),
        Sample::indicator(1, 3).saying("b"),
        Sample::observable(1),
        Sample::indicator(1, 3).saying("a"),
    ];
    let mut post = batch_by(4, c[0], &samples);
    post.at = START.plus(-7);
    post.status = Some(("s1".into(), vec![before.clone()]));
    store.add(post).await.unwrap();
    drop(store);
    let store = site.open();
    let status = store.status(UserNo(4), "s1").await.unwrap();
    assert_eq!((status.id.as_str(), status.requested), ("s1", START.plus(-7)));
    assert_eq!(status.objects[0], before);
    let states: Vec<StatusState> = status.objects.iter().map(|object| object.state).collect();
    let (good, bad) = (StatusState::Success, StatusState::Failure);
    assert_eq!(states, [bad, good, bad, good, good]);
    assert!(status.objects[2].message.as_ref().unwrap().contains("version-conflict"));
    assert_eq!(status.objects[2].version, day(3));
    assert_eq!(status.objects[3].version, "2026-01-01T00:00:00.000001Z");
    assert!(store.status(UserNo(5), "s1").await.is_err());
    for (id, days, kept) in [("s3", 30, true), ("s4", 31, false)] {
        let mut later = batch_by(4, c[0], &samples[..1]);
        later.at = status.requested.plus(days * 86_400 * Micros::SECOND);
        later.status = Some((id.into(), Vec::new()));
        store.add(later).await.unwrap();
        assert_eq!(store.status(UserNo(4), "s1").await.is_ok(), kept, "after {days} days");
    }
    assert!(store.status(UserNo(4), "s2").await.is_err());
}

/// The answer to a poster tells nothing of versions withheld from them.
pub async fn the_withheld_does_not_show_in_answers(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let secret = Sample::indicator(1, 9).saying("secret").with(|facts| facts.revoked = true).only_for(&[1]);
    assert_eq!(how_by(1, &*store, c[0], &secret).await, "accepted");
    assert_eq!(how_by(2, &*store, c[0], &Sample::indicator(1, 9).saying("other")).await, "accepted");
    assert_eq!(how_by(2, &*store, c[0], &Sample::indicator(1, 12)).await, "newer");
    assert_eq!(how_by(1, &*store, c[0], &secret).await, "known");
    let hidden = Sample::indicator(2, 1).saying("hidden").only_for(&[1]);
    assert_eq!(how_by(1, &*store, c[0], &hidden).await, "accepted");
    let own = Sample::indicator(2, 1).saying("hidden").only_for(&[2]);
    assert_eq!(how_by(2, &*store, c[0], &own).await, "accepted");
    assert_eq!(how_by(2, &*store, c[0], &own).await, "known");
}

/// Many writers at once: everybody's objects are there, and a poller that goes on from the last date misses none.
pub async fn a_poller_misses_nothing(site: Site) {
    const WRITERS: u64 = 4;
    const BATCHES: u64 = 25;
    let store = site.open();
    let c = collections(&*store, 1).await;
    let (view, wanted) = (viewer(1, &c), usize::try_from(WRITERS * BATCHES * 3).unwrap());
    let adding = (0..WRITERS).map(|writer| {
        let (store, c) = (std::sync::Arc::clone(&store), c.clone());
        async move {
            for at in 0..BATCHES {
                let number = (writer * BATCHES + at) * 3;
                let samples: Vec<Sample> =
                    (number..number + 3).map(|number| Sample::indicator(number, 0)).collect();
                add(&*store, c[0], &samples).await;
            }
        }
    });
    let polling = async {
        let (mut after, mut seen) = (None, BTreeSet::new());
        while seen.len() < wanted {
            let request = PageRequest { added_after: after, limit: 7, ..PageRequest::default() };
            let manifest = store.manifest(&view, c[0], &request).await.unwrap();
            after = manifest.page.last_added.or(after);
            let fresh = manifest.rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
            assert!(fresh.into_iter().all(|id| seen.insert(id)), "nothing comes twice");
            super::give_way().await;
        }
        seen.len()
    };
    let ((), seen) = super::both(super::every(adding), polling).await;
    assert_eq!(seen, wanted);
    assert_ne!(store.last_added(), Micros(0));
}

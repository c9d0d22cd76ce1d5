//! Pages, manifests, versions: order, filters, cursors.

use std::sync::Arc;

use base::{Clock, Micros, limit};
use handling::{CollectionNo, Originator, Pap, Person, Rules, Standing, UserNo, Viewer};
use stix::{Timestamp, TlpLevel};

use super::Site;
use super::meeting::Village;
use super::sample::{START, Sample, add, batch, collections, day, id, viewer, viewer_at, writer, writer_at};
use crate::{
    Difference, Filter, LandedAs, Order, PageRequest, SearchRequest, Store, StoreError, VersionPick,
    VersionsOf, exchanged,
};

fn all() -> PageRequest {
    PageRequest { limit: 1000, ..PageRequest::default() }
}

fn filtered(filter: Filter) -> PageRequest {
    PageRequest { filter, ..all() }
}

fn versions(versions: &[VersionPick]) -> Filter {
    Filter { versions: versions.to_vec(), ..Filter::default() }
}

fn exact(modified: u32) -> VersionPick {
    VersionPick::Exact(day(modified).replace(".000Z", ""))
}

/// Ids and versions of a manifest, after comparing it with the page of objects.
async fn told(store: &dyn Store, view: &Viewer, request: &PageRequest) -> Vec<(String, String)> {
    let collection = *view.collections().first().unwrap();
    let manifest = store.manifest(view, collection, request).await.unwrap();
    let page = store.page(view, collection, request).await.unwrap();
    assert_eq!(page.count, manifest.rows.len());
    assert_eq!(page.page.first_added, manifest.rows.first().map(|row| row.added));
    assert_eq!(page.page.last_added, manifest.rows.last().map(|row| row.added));
    assert_eq!(
        (page.page.first_added, page.page.last_added),
        (manifest.page.first_added, manifest.page.last_added)
    );
    assert_eq!(page.page.next.is_some(), manifest.page.next.is_some());
    let text = std::str::from_utf8(&page.objects).unwrap();
    for row in &manifest.rows {
        assert!(text.contains(&row.id), "{} is not in the page", row.id);
    }
    manifest.rows.into_iter().map(|row| (row.id, row.version)).collect()
}

/// Bytes come as they went in, in the order in which they were added, with commas between.
pub async fn pages_are_the_stored_bytes(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let odd = Sample::indicator(1, 0).written("  é 漢字 \\u0000 \" ");
    let samples = [Sample::indicator(2, 0), odd, Sample::observable(3)];
    add(&*store, c[0], &samples).await;
    add(&*store, c[1], &[Sample::indicator(4, 0)]).await;
    let page = store.page(&viewer(1, &c), c[0], &all()).await.unwrap();
    let wanted: Vec<String> = samples.iter().map(Sample::bytes).collect();
    assert_eq!(page.objects, wanted.join(","));
    assert_eq!((page.count, page.page.next), (3, None));
    let empty = PageRequest { added_after: page.page.last_added, ..all() };
    let page = store.page(&viewer(1, &c), c[0], &empty).await.unwrap();
    assert_eq!((page.count, page.objects.len(), page.page.first_added), (0, 0, None));
}

/// From the newest on, page by page: what comes meanwhile moves nothing, and a cursor is of its direction.
pub async fn the_newest_come_first_where_asked(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let samples: Vec<Sample> = (0..5).map(|number| Sample::indicator(number, 1)).collect();
    add(&*store, c[0], &samples).await;
    let view = viewer(1, &c);
    let mut request = PageRequest { limit: 2, order: Order::NewestFirst, ..PageRequest::default() };
    let mut seen = Vec::new();
    loop {
        let manifest = store.manifest(&view, c[0], &request).await.unwrap();
        if request.next.is_none() {
            let page = store.page(&view, c[0], &request).await.unwrap();
            assert_eq!((page.count, page.page.last_added), (2, manifest.page.last_added));
        }
        seen.extend(manifest.rows.into_iter().map(|row| row.id));
        request.next = manifest.page.next;
        if request.next.is_none() {
            break;
        }
        add(&*store, c[0], &[Sample::indicator(100 + seen.len() as u64, 1)]).await;
        let otherwise = PageRequest { order: Order::OldestFirst, ..request.clone() };
        let refused = store.manifest(&view, c[0], &otherwise).await;
        assert!(matches!(refused, Err(StoreError::BadCursor)));
    }
    assert_eq!(seen, [4, 3, 2, 1, 0].map(|number| id("indicator", number)));
    let types = vec!["indicator".to_owned()];
    let only = PageRequest { filter: Filter { types, ..Filter::default() }, next: None, ..request.clone() };
    let first = store.manifest(&view, c[0], &only).await.unwrap().rows;
    assert_eq!(first[0].id, id("indicator", 104));
    let after = PageRequest { added_after: Some(first[1].added), next: None, ..request };
    assert_eq!(store.manifest(&view, c[0], &after).await.unwrap().rows, first[..1]);
}

/// Who polls meets what an embargo held back once it is over, though it came before what was polled already; each thing once more at most.
pub async fn what_was_under_embargo_comes_when_it_is_over(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let (end, later) = (START.plus(60_000_000), START.plus(90_000_000));
    let until = |end| Some(Rules::marked(Some(TlpLevel::Clear), Originator::Here).embargoed(end));
    let held = [
        Sample::indicator(1, 1).under(until(end)),
        Sample::observable(2).under(until(end)),
        Sample::indicator(3, 1).under(until(later)),
    ];
    let dates = add(&*store, c[0], &held).await;
    let open = add(&*store, c[0], &[Sample::indicator(4, 1)]).await;
    let seen = async |at: Micros, after: Option<Micros>| {
        let view = viewer_at(1, &c, &Standing::at(at));
        let request = PageRequest { added_after: after, ..all() };
        let rows = store.manifest(&view, c[0], &request).await.unwrap().rows;
        rows.into_iter().map(|row| (row.id, row.version, row.added)).collect::<Vec<_>>()
    };
    assert_eq!(seen(START, None).await.len(), 1);
    assert!(!store.embargo_over(START).await.unwrap());
    assert_eq!(store.date_embargoed_anew(START, 9).await.unwrap(), 0);

    site.clock.set(end);
    assert!(store.embargo_over(end).await.unwrap());
    // One by one, so that the look does not end with the first.
    for left in [1, 1, 0] {
        assert_eq!(store.date_embargoed_anew(end, 1).await.unwrap(), left);
    }
    assert!(!store.embargo_over(end).await.unwrap());
    let news = seen(end, open.last().copied()).await;
    let id_of = |sample: &Sample| sample.entry().facts.id.as_str().to_owned();
    let ids: Vec<String> = news.iter().map(|(id, ..)| id.clone()).collect();
    assert_eq!(ids, [id_of(&held[0]), id_of(&held[1])]);
    assert!(news.iter().all(|(.., added)| added > &open[0] && !dates.contains(added)));
    assert_eq!(news[1].1, Timestamp::text_of(news[1].2), "the version of what has none is its date");
    assert_eq!(seen(end, None).await.len(), 3);
    assert!(store.check(true).await.unwrap().iter().all(|check| check.ok));
    // The same again is known by its new date.
    let mut again = batch(c[0], &held[..2]);
    again.writer = writer_at(1, c[0], &Standing::at(end));
    let again = store.add(again).await.unwrap();
    let known: Vec<_> = again.iter().map(|landed| (&landed.how, landed.added)).collect();
    assert_eq!(known, [(&LandedAs::Known, Some(news[0].2)), (&LandedAs::Known, Some(news[1].2))]);

    site.clock.set(later);
    assert_eq!(store.date_embargoed_anew(later, 9).await.unwrap(), 1);
    assert_eq!(seen(later, Some(news[1].2)).await[0].0, id_of(&held[2]));
    assert_eq!(store.date_embargoed_anew(later, 9).await.unwrap(), 0);
}

/// Its new date makes nothing of an embargoed object later than what came under its identifier meanwhile: it goes on standing first.
pub async fn what_was_under_embargo_stands_where_it_stood(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let end = START.plus(60_000_000);
    let held = Rules::marked(Some(TlpLevel::Clear), Originator::Here).embargoed(end);
    add(&*store, c[0], &[Sample::indicator(1, 1).under(Some(held))]).await;
    add(&*store, c[0], &[Sample::indicator(1, 2).saying("other").created(2)]).await;
    site.clock.set(end);
    assert_eq!(store.date_embargoed_anew(end, 9).await.unwrap(), 1);
    let view = viewer_at(1, &c, &Standing::at(end));
    let told = store.object(&view, &id("indicator", 1), None).await.unwrap();
    assert_eq!(told.version, day(1));
    let history = store.history(&view, &id("indicator", 1)).await.unwrap();
    let contradicts: Vec<_> = history.iter().map(|row| (row.version.clone(), row.contradicts)).collect();
    assert_eq!(contradicts, [(day(1), false), (day(2), true)]);
    let last = filtered(Filter { ids: vec![id("indicator", 1)], ..Filter::default() });
    let listed = store.manifest(&view, c[0], &last).await.unwrap().rows;
    assert_eq!(listed.iter().map(|row| row.version.clone()).collect::<Vec<_>>(), [day(1)]);
}

/// TLP:RED for these people.
fn red(people: &[i64]) -> Rules {
    let people = people.iter().map(|no| Person::Here(UserNo(*no)));
    Rules::marked(Some(TlpLevel::Red), Originator::Here).naming(people)
}

/// Puts what this sample is under these rules, wherever it stands.
async fn put_under(store: &dyn Store, sample: &Sample, rules: Rules) {
    let facts = sample.entry().facts;
    let (id, version) = (facts.id.as_str().to_owned(), facts.modified.unwrap_or_default());
    let put = exchanged(store, 1, move |desk| {
        let (originator, digest) = (Originator::Here, None);
        desk.put_under(&VersionsOf { id: &id, version: &version, originator, digest }, &rules, None)
    });
    assert_eq!(put.await.unwrap(), 1);
}

/// Whoever may see something by other rules than before meets it when they poll, though it came before what they have polled; whom it
/// shows nothing new keeps its date.
pub async fn what_is_shown_to_more_people_comes_to_them(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    Village::new(Arc::clone(&store), 1).await;
    let held = [Sample::indicator(1, 1).under(Some(red(&[1]))), Sample::observable(2).under(Some(red(&[1])))];
    let dates = add(&*store, c[0], &held).await;
    let open = add(&*store, c[0], &[Sample::indicator(3, 1)]).await;
    let seen = async |user, after: Option<Micros>| {
        let request = PageRequest { added_after: after, ..all() };
        let rows = store.manifest(&viewer(user, &c), c[0], &request).await.unwrap().rows;
        rows.into_iter().map(|row| (row.id, row.version, row.added)).collect::<Vec<_>>()
    };
    let ids = |rows: &[(String, String, Micros)]| rows.iter().map(|(id, ..)| id.clone()).collect::<Vec<_>>();
    let [one, two] = [&held[0], &held[1]].map(|sample| sample.entry().facts.id.as_str().to_owned());
    // The same again, and stricter, is no news.
    for rules in [red(&[1]), red(&[1]).pap_at_least(Pap::Amber)] {
        put_under(&*store, &held[0], rules).await;
        assert_eq!(seen(1, None).await[0].2, dates[0]);
    }
    assert_eq!(ids(&seen(2, None).await), [id("indicator", 3)]);
    put_under(&*store, &held[0], red(&[1, 2])).await;
    put_under(&*store, &held[1], Rules::marked(Some(TlpLevel::Clear), Originator::Here)).await;
    let news = seen(2, open.last().copied()).await;
    assert_eq!(ids(&news), [one.clone(), two.clone()]);
    assert_eq!(news[1].1, Timestamp::text_of(news[1].2), "the version of what has none is its date");
    assert_eq!(ids(&seen(1, open.last().copied()).await), [one, two.clone()], "once more to who saw it");
    assert_eq!(ids(&seen(3, open.last().copied()).await), [two], "and to nobody whom it is not for");
    put_under(&*store, &held[0], red(&[1])).await;
    assert_eq!(seen(1, None).await[1].2, news[0].2, "to be shown to fewer is no news");
    assert!(store.check(true).await.unwrap().iter().all(|check| check.ok));
    let differs = store.rebuild(false).await.unwrap();
    assert!(!differs.iter().any(|one| matches!(one, Difference::Derived(_))), "{differs:?}");
}

/// How something goes.
#[derive(Clone, Copy, Debug)]
enum Going {
    /// Its place is deleted.
    Deleted,
    /// Its originator takes it away everywhere.
    Taken,
    /// The same, of the copies that somebody sees.
    CopiesTaken,
    /// Its time is over.
    Retired,
    /// It is for few from now on.
    Hidden,
}

/// Takes a version of an object out of a collection, or from the eyes of all but user 1.
async fn go(site: &Site, store: &dyn Store, (collection, how): (CollectionNo, Going), sample: &Sample) {
    let facts = sample.entry().facts;
    let (id, digest) = (facts.id.as_str().to_owned(), facts.digest);
    let version = facts.modified.unwrap_or_default();
    let by = writer(1, collection);
    let gone = match how {
        Going::Deleted => {
            let filter = versions(&[VersionPick::Exact(version.replace(".000Z", ""))]);
            store.delete(&by, &id, &filter).await.unwrap().versions
        }
        Going::Retired => {
            let until = sample.entry().rules.and_then(|rules| rules.retain()).unwrap();
            site.clock.set(until);
            exchanged(store, 1, move |desk| desk.retire(until, 9)).await.unwrap().len() as u64
        }
        Going::Taken => {
            let gone = exchanged(store, 1, move |desk| {
                let (originator, digest) = (Originator::Here, None);
                desk.take_away(&VersionsOf { id: &id, version: &version, originator, digest })
            });
            gone.await.unwrap()
        }
        Going::CopiesTaken => {
            let gone = exchanged(store, 1, move |desk| desk.take_copies(&by, &id, Some(&[digest].into())));
            gone.await.unwrap()
        }
        Going::Hidden => {
            put_under(store, sample, red(&[1])).await;
            1
        }
    };
    assert_eq!(gone, 1, "{how:?}");
}

/// Whoever polls for last versions, or for first ones, gets what becomes one because another goes, however that goes: while they page, and
/// when they ask what was added since. Who sees it all the while gets it once more; nothing else moves.
pub async fn what_becomes_an_end_comes_to_who_polls(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    Village::new(Arc::clone(&store), 1).await;
    let all = [Going::Deleted, Going::Taken, Going::CopiesTaken, Going::Hidden, Going::Retired];
    let mut number = 0;
    for pick in [VersionPick::Last, VersionPick::First] {
        for how in all {
            number += 1;
            let modified = if pick == VersionPick::Last { [4, 5] } else { [5, 4] };
            let until = START.plus(number * 3_600_000_000);
            let keep = matches!(how, Going::Retired)
                .then(|| Rules::marked(Some(TlpLevel::Clear), Originator::Here).retained(until));
            let number = u64::try_from(number * 100).unwrap();
            let stays = Sample::indicator(number, modified[0]);
            let goes = Sample::indicator(number, modified[1]).under(keep);
            let others: Vec<Sample> = (1..4).map(|other| Sample::indicator(number + other, 1)).collect();
            let from = store.last_added();
            let dates = add(&*store, c[0], std::slice::from_ref(&stays)).await;
            add(&*store, c[0], &others).await;
            add(&*store, c[0], std::slice::from_ref(&goes)).await;
            let at = Standing::at(site.clock.now());
            let ask = PageRequest {
                limit: 2,
                added_after: Some(from),
                ..filtered(versions(std::slice::from_ref(&pick)))
            };
            let first = store.manifest(&viewer_at(2, &c, &at), c[0], &ask).await.unwrap();
            let end = store.last_added();
            go(&site, &*store, (c[0], how), &goes).await;
            let view = viewer_at(2, &c, &Standing::at(site.clock.now()));
            // On with the page, and what was added since.
            let (mut request, mut rows) = (PageRequest { next: first.page.next, ..ask.clone() }, first.rows);
            while request.next.is_some() {
                let page = store.manifest(&view, c[0], &request).await.unwrap();
                rows.extend(page.rows);
                request.next = page.page.next;
            }
            let mut ids: Vec<String> = rows.into_iter().map(|row| row.id).collect();
            assert_eq!(ids.pop(), Some(id("indicator", number)), "{pick:?} {how:?}");
            assert_eq!(ids, [1, 2, 3].map(|other| id("indicator", number + other)), "{pick:?} {how:?}");
            let since = PageRequest { limit: 9, next: None, added_after: Some(end), ..ask.clone() };
            let since = store.manifest(&view, c[0], &since).await.unwrap().rows;
            let news: Vec<_> = since.iter().map(|row| (row.id.clone(), row.version.clone())).collect();
            assert_eq!(news, [(id("indicator", number), day(modified[0]))], "{pick:?} {how:?}");
            // Its place among the versions, and when it came, are what they were.
            let everything =
                PageRequest { added_after: Some(from), ..filtered(versions(&[VersionPick::All])) };
            let listed = store.manifest(&view, c[0], &everything).await.unwrap().rows;
            assert_eq!(listed.len(), 4, "{pick:?} {how:?}: {listed:?}");
            assert!(listed.iter().all(|row| row.added != dates[0]));
        }
    }
    // What goes and was no end moves nothing.
    let before = store.manifest(&viewer(1, &c), c[0], &all_versions()).await.unwrap().rows;
    let middle = Sample::indicator(9_000, 2);
    add(&*store, c[0], &[Sample::indicator(9_000, 1), Sample::indicator(9_000, 3), middle.clone()]).await;
    let between = store.manifest(&viewer(1, &c), c[0], &all_versions()).await.unwrap().rows;
    go(&site, &*store, (c[0], Going::Deleted), &middle).await;
    let after = store.manifest(&viewer(1, &c), c[0], &all_versions()).await.unwrap().rows;
    assert_eq!(after[..], between[..before.len() + 2]);
    assert!(store.check(true).await.unwrap().iter().all(|check| check.ok));
    let differs = store.rebuild(false).await.unwrap();
    assert!(!differs.iter().any(|one| matches!(one, Difference::Derived(_))), "{differs:?}");
}

fn all_versions() -> PageRequest {
    filtered(versions(&[VersionPick::All]))
}

/// The version of an observable is its date. It stands in their order all the same, whichever goes.
pub async fn the_ends_of_an_observable_come_to_who_polls(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let view = viewer(1, &c);
    let bytes = async |pick: VersionPick, after: Option<Micros>| {
        let request = PageRequest { added_after: after, ..filtered(versions(&[pick])) };
        let page = store.page(&view, c[0], &request).await.unwrap();
        String::from_utf8(page.objects.to_vec()).unwrap()
    };
    let samples = ["a", "b", "c", "d"].map(|text| Sample::observable(1).saying(text));
    for sample in &samples {
        add(&*store, c[0], std::slice::from_ref(sample)).await;
    }
    let of = |numbers: &[usize]| numbers.iter().map(|no| samples[*no].bytes()).collect::<Vec<_>>().join(",");
    for (goes, last, first, all) in [
        (VersionPick::Last, 2, 0, &[0, 1, 2][..]),
        (VersionPick::First, 2, 1, &[1, 2]),
        (VersionPick::First, 2, 2, &[2]),
    ] {
        let end = store.last_added();
        store
            .delete(&writer(1, c[0]), &id("ipv4-addr", 1), &versions(std::slice::from_ref(&goes)))
            .await
            .unwrap();
        assert_eq!(bytes(VersionPick::All, None).await, of(all));
        assert_eq!(bytes(VersionPick::Last, None).await, of(&[last]));
        assert_eq!(bytes(VersionPick::First, None).await, of(&[first]));
        let news = if goes == VersionPick::Last { last } else { first };
        assert_eq!(bytes(goes, Some(end)).await, of(&[news]));
        let row = store
            .manifest(&view, c[0], &filtered(versions(&[VersionPick::Last])))
            .await
            .unwrap()
            .rows
            .remove(0);
        assert_eq!(row.version, Timestamp::text_of(row.added));
    }
    assert!(store.check(true).await.unwrap().iter().all(|check| check.ok));
    let differs = store.rebuild(false).await.unwrap();
    assert!(!differs.iter().any(|one| matches!(one, Difference::Derived(_))), "{differs:?}");
}

/// A date that changes tells nobody of what they may not see: what goes from the eyes of few is news to these alone.
pub async fn what_becomes_an_end_tells_of_nothing_withheld(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    Village::new(Arc::clone(&store), 1).await;
    let rules = [None, Some(red(&[1, 2])), Some(red(&[1, 2])), Some(red(&[1]))];
    let samples: Vec<Sample> =
        (1..).zip(&rules).map(|(day, rules)| Sample::indicator(1, day).under(rules.clone())).collect();
    for sample in &samples {
        let mut one = batch(c[0], std::slice::from_ref(sample));
        // By nobody's doing: what stands there would make it stricter.
        one.writer = writer(1, c[0]);
        exchanged(&*store, 1, move |desk| desk.add(&one, crate::LeavesBy::Step)).await.unwrap();
    }
    let seen = async |user| store.manifest(&viewer(user, &c), c[0], &all_versions()).await.unwrap().rows;
    let news = async |user, after| {
        let request = PageRequest { added_after: Some(after), ..all() };
        let rows = store.manifest(&viewer(user, &c), c[0], &request).await.unwrap().rows;
        rows.into_iter().map(|row| row.version).collect::<Vec<_>>()
    };
    // (what goes, whose lists stay as they are, what comes to the first and the second)
    for (goes, unmoved, [one, two]) in
        [(3, &[2, 3][..], [&[][..], &[]]), (2, &[3], [&[2], &[2]]), (1, &[3], [&[], &[]])]
    {
        let (before, end) = (seen(3).await, store.last_added());
        let of_two = seen(2).await;
        go(&site, &*store, (c[0], Going::Taken), &samples[goes]).await;
        assert_eq!(seen(3).await, before, "{goes}");
        assert_eq!(seen(2).await == of_two, unmoved.contains(&2), "{goes}");
        assert_eq!(news(1, end).await, one.iter().map(|at| day(*at)).collect::<Vec<_>>(), "{goes}");
        assert_eq!(news(2, end).await, two.iter().map(|at| day(*at)).collect::<Vec<_>>(), "{goes}");
    }
}

/// A search goes on where it was, whatever was dated anew since, the row that its cursor names too.
pub async fn cursors_stay_where_they_are_when_rows_are_dated_anew(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    Village::new(Arc::clone(&store), 1).await;
    let samples: Vec<Sample> =
        (1..=6).map(|number| Sample::indicator(number, 1).text("word").under(Some(red(&[1])))).collect();
    add(&*store, c[0], &samples).await;
    let search = async |next: Option<String>| {
        let request =
            SearchRequest { words: vec!["word".into()], limit: 2, next, ..SearchRequest::default() };
        let found = store.search(&viewer(1, &c), &request).await.unwrap();
        (found.rows.into_iter().map(|row| row.id).collect::<Vec<_>>(), found.next)
    };
    let of = |numbers: [u64; 2]| numbers.map(|number| id("indicator", number));
    let (rows, next) = search(None).await;
    assert_eq!(rows, of([6, 5]));
    let mut people = vec![1];
    for person in 2..4 {
        people.push(person);
        for sample in &samples[..5] {
            put_under(&*store, sample, red(&people)).await;
        }
        let (rows, later) = search(next.clone()).await;
        assert_eq!(rows, of([4, 3]));
        let filter = Filter::default();
        if person == 3 {
            // The row that the cursor names is gone.
            store.delete(&writer(1, c[0]), &id("indicator", 3), &filter).await.unwrap();
        }
        assert_eq!(search(later).await.0, of([2, 1]));
    }
}

/// Following `next` gives every object once, over restarts and while others write; at the end there is no `next`.
pub async fn cursors_go_on(site: Site) {
    let mut store = site.open();
    let c = collections(&*store, 1).await;
    let samples: Vec<Sample> = (0..25).map(|number| Sample::indicator(number, 0)).collect();
    add(&*store, c[0], &samples).await;
    let view = viewer(1, &c);
    let (mut request, mut seen) = (PageRequest { limit: 5, ..PageRequest::default() }, Vec::new());
    for turn in 0..6 {
        let manifest = store.manifest(&view, c[0], &request).await.unwrap();
        let again = store.manifest(&view, c[0], &request).await.unwrap();
        assert_eq!(manifest, again, "a retry gives the same");
        seen.extend(manifest.rows.into_iter().map(|row| row.id));
        request.next = manifest.page.next;
        assert_eq!(request.next.is_some(), turn < 5, "turn {turn}");
        if turn < 5 {
            add(&*store, c[0], &[Sample::indicator(100 + turn, 0)]).await;
            drop(store);
            store = site.open();
        }
    }
    let mut wanted: Vec<String> = (0..25).map(|number| id("indicator", number)).collect();
    wanted.extend((0..5).map(|turn| id("indicator", 100 + turn)));
    assert_eq!(seen, wanted);
}

/// A page that ends exactly at the limit has no `next`.
pub async fn limits_hold(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let count = limit::PAGE_MAX + 1;
    let samples: Vec<Sample> =
        (0..count).map(|number| Sample::indicator(u64::try_from(number).unwrap(), 0)).collect();
    add(&*store, c[0], &samples).await;
    let view = viewer(1, &c);
    for (limit, counted, more) in [
        (count, limit::PAGE_MAX, true),
        (usize::MAX, limit::PAGE_MAX, true),
        (limit::PAGE_MAX, limit::PAGE_MAX, true),
        (1, 1, true),
        (0, 1, true),
    ] {
        let page = store.page(&view, c[0], &PageRequest { limit, ..all() }).await.unwrap();
        assert_eq!((page.count, page.page.next.is_some()), (counted, more), "{limit}");
    }
    let rest =
        PageRequest { limit: 5, added_after: Some(START.plus(i64::try_from(count).unwrap() - 6)), ..all() };
    let page = store.page(&view, c[0], &rest).await.unwrap();
    assert_eq!((page.count, page.page.next), (5, None));
}

/// A page ends where its bytes would be too many; one object always fits.
pub async fn pages_have_a_ceiling_in_bytes(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let big = "x".repeat(limit::PAGE_BYTES_MAX / 2 - 1_000);
    let samples = [1, 2, 3].map(|number| Sample::indicator(number, 0).written(&big));
    add(&*store, c[0], &samples).await;
    let huge = Sample::indicator(4, 0).written(&"y".repeat(limit::PAGE_BYTES_MAX + 1));
    add(&*store, c[0], &[huge]).await;
    let view = viewer(1, &c);
    let (mut request, mut counts) = (all(), Vec::new());
    loop {
        let page = store.page(&view, c[0], &request).await.unwrap();
        counts.push(page.count);
        let Some(next) = page.page.next else { break };
        request.next = Some(next);
    }
    assert_eq!(counts, [2, 1, 1]);
}

/// A cursor answers its own question only.
pub async fn cursors_are_bound_to_their_question(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    for collection in &c {
        add(&*store, *collection, &[1, 2, 3].map(|number| Sample::indicator(number, 0))).await;
    }
    let view = viewer(1, &c);
    let request = PageRequest { limit: 1, ..PageRequest::default() };
    let next = store.page(&view, c[0], &request).await.unwrap().page.next.unwrap();
    let with = |next: &str| PageRequest { next: Some(next.to_owned()), ..request.clone() };
    assert!(store.page(&view, c[0], &with(&next)).await.is_ok());
    let bad =
        |answer: Result<crate::ObjectPage, StoreError>| matches!(answer.unwrap_err(), StoreError::BadCursor);
    assert!(bad(store.page(&view, c[1], &with(&next)).await));
    assert!(bad(store.page(&view, c[0], &PageRequest { added_after: Some(START), ..with(&next) }).await));
    let typed = Filter { types: vec!["indicator".into()], ..Filter::default() };
    assert!(bad(store.page(&view, c[0], &PageRequest { filter: typed, ..with(&next) }).await));
    for junk in ["", "0", "null", "é", "' OR 1=1", &"9".repeat(10_000)] {
        assert!(bad(store.page(&view, c[0], &with(junk)).await), "{junk:.20}");
    }
    let larger = PageRequest { limit: 2, ..with(&next) };
    assert!(store.page(&view, c[0], &larger).await.is_ok(), "the limit is no part of the question");
}

/// `added_after` is exclusive and to the microsecond.
pub async fn added_after_is_exclusive(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let dates = add(&*store, c[0], &[1, 2, 3].map(|number| Sample::indicator(number, 0))).await;
    let view = viewer(1, &c);
    for (after, count) in
        [(dates[0].plus(-1), 3), (dates[0], 2), (dates[2], 0), (Micros(i64::MAX), 0), (Micros(i64::MIN), 3)]
    {
        let request = PageRequest { added_after: Some(after), ..all() };
        assert_eq!(told(&*store, &view, &request).await.len(), count, "{after:?}");
    }
}

/// The versions of a filter combine as OR; fields as AND, values as OR.
pub async fn filters_pick(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    for (number, modified) in [(1, 5), (1, 9), (1, 2), (2, 5), (3, 7)] {
        add(&*store, c[0], &[Sample::indicator(number, modified)]).await;
    }
    add(&*store, c[0], &[Sample::of(&id("tool", 4), Some(&day(5)))]).await;
    let old = Sample::of(&id("tool", 5), Some(&day(6))).with(|facts| facts.spec_version = "2.0".into());
    add(&*store, c[0], &[old, Sample::observable(6)]).await;
    let view = viewer(1, &c);
    let count = async |filter: Filter| told(&*store, &view, &filtered(filter)).await.len();
    assert_eq!(count(Filter::default()).await, 6);
    assert_eq!(count(versions(&[VersionPick::Last])).await, 6);
    assert_eq!(count(versions(&[VersionPick::All])).await, 8);
    assert_eq!(count(versions(&[VersionPick::First, VersionPick::Last])).await, 7);
    assert_eq!(count(versions(&[VersionPick::All, VersionPick::First])).await, 8);
    assert_eq!(count(versions(&[exact(5)])).await, 3);
    assert_eq!(count(versions(&[exact(5), VersionPick::Last])).await, 7);
    assert_eq!(count(versions(&[exact(5), exact(2)])).await, 4);
    assert_eq!(count(versions(&[VersionPick::Exact("' OR 1=1 --".into())])).await, 0);
    let many = |numbers: std::ops::Range<i64>| {
        let at = |number| Timestamp::from_micros(START.plus(number * Micros::SECOND)).sort_key().to_owned();
        numbers.map(|number| VersionPick::Exact(at(number))).collect::<Vec<_>>()
    };
    assert_eq!(count(versions(&many(0..4_000))).await, 0, "as many moments as an address can hold");
    assert_eq!(count(versions(&[many(0..4_000), vec![exact(5), exact(2)]].concat())).await, 4);
    let first = told(&*store, &view, &filtered(versions(&[VersionPick::First]))).await;
    assert!(first.contains(&(id("indicator", 1), day(2))));
    let of_types = |types: &[&str]| types.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let types = |names: &[&str]| Filter { types: of_types(names), ..Filter::default() };
    assert_eq!(count(types(&["tool"])).await, 2);
    assert_eq!(count(types(&["tool", "ipv4-addr", "tool", "unheard-of"])).await, 3);
    assert_eq!(count(types(&["unheard-of"])).await, 0);
    let ids = |ids: &[String]| Filter { ids: ids.to_vec(), ..Filter::default() };
    assert_eq!(count(ids(&[id("indicator", 1)])).await, 1);
    assert_eq!(count(ids(&[id("indicator", 1), id("tool", 5), id("tool", 99), "junk".into()])).await, 2);
    assert_eq!(count(ids(&[id("tool", 99)])).await, 0);
    assert_eq!(
        count(Filter { types: of_types(&["tool"]), ..ids(&[id("indicator", 1), id("tool", 4)]) }).await,
        1
    );
    let spec = |list: &[&str]| Filter { spec_versions: of_types(list), ..Filter::default() };
    assert_eq!(count(spec(&["2.0"])).await, 1);
    assert_eq!(count(spec(&["2.1"])).await, 5);
    assert_eq!(count(spec(&["2.0", "2.1"])).await, 6);
    assert_eq!(count(spec(&["1.0"])).await, 0);
    let of_two = Filter { types: of_types(&["tool", "indicator"]), ..Filter::default() };
    let dates: Vec<_> = store.manifest(&view, c[0], &filtered(of_two)).await.unwrap().rows;
    assert!(dates.is_sorted_by_key(|row| row.added), "two types come in one order");
    assert_eq!(dates.iter().find(|row| row.id == id("tool", 5)).unwrap().spec_version, "2.0");
}

/// A filtered list is paged without gap or repetition, whatever the filter.
pub async fn filtered_lists_are_paged(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    for number in 0..12 {
        let kind = if number % 3 == 0 { "tool" } else { "malware" };
        add(&*store, c[0], &[Sample::of(&id(kind, number), Some(&day(1))), Sample::indicator(number, 0)])
            .await;
        add(&*store, c[0], &[Sample::of(&id(kind, number), Some(&day(2)))]).await;
    }
    let view = viewer(1, &c);
    let ids = (0..12).map(|number| id("malware", number)).collect();
    for filter in [
        Filter { types: vec!["tool".into(), "malware".into()], ..Filter::default() },
        Filter { types: vec!["malware".into()], versions: vec![VersionPick::First], ..Filter::default() },
        Filter { ids, versions: vec![VersionPick::All], ..Filter::default() },
        versions(&[exact(1)]),
    ] {
        let whole = told(&*store, &view, &filtered(filter.clone())).await;
        assert!(whole.len() >= 8);
        let (mut request, mut parts) = (PageRequest { limit: 3, ..filtered(filter) }, Vec::new());
        loop {
            let manifest = store.manifest(&view, c[0], &request).await.unwrap();
            parts.extend(manifest.rows.into_iter().map(|row| (row.id, row.version)));
            let Some(next) = manifest.page.next else { break };
            request.next = Some(next);
        }
        assert_eq!(parts, whole);
    }
}

/// The versions of one object are a paged manifest; of an object that is not there, nothing.
pub async fn versions_are_paged(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    for modified in [3, 1, 2] {
        add(&*store, c[0], &[Sample::indicator(1, modified), Sample::indicator(2, modified)]).await;
    }
    let view = viewer(1, &c);
    let (mut request, mut seen) = (PageRequest { limit: 2, ..PageRequest::default() }, Vec::new());
    loop {
        let manifest = store.versions(&view, c[0], &id("indicator", 1), &request).await.unwrap();
        seen.extend(manifest.rows.into_iter().map(|row| row.version));
        let Some(next) = manifest.page.next else { break };
        request.next = Some(next);
    }
    assert_eq!(seen, [3, 1, 2].map(day), "in the order in which they were added");
    let of = async |collection, id: &str| store.versions(&view, collection, id, &all()).await;
    assert!(matches!(of(c[1], &id("indicator", 1)).await.unwrap_err(), StoreError::NotFound { .. }));
    assert!(matches!(of(c[0], &id("indicator", 9)).await.unwrap_err(), StoreError::NotFound { .. }));
    let after = PageRequest { added_after: Some(store.last_added()), ..all() };
    let none = store.versions(&view, c[0], &id("indicator", 1), &after).await.unwrap();
    assert!(none.rows.is_empty(), "there, but nothing after this date");
}

/// What moves while a client pages is neither lost nor told twice as the same version.
pub async fn a_moving_collection_is_paged_whole(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    add(&*store, c[0], &[1, 2, 3, 4, 5, 6].map(|number| Sample::indicator(number, 1))).await;
    let view = viewer(1, &c);
    let (mut request, mut seen) = (PageRequest { limit: 2, ..PageRequest::default() }, Vec::new());
    for turn in 0.. {
        let manifest = store.manifest(&view, c[0], &request).await.unwrap();
        seen.extend(manifest.rows.into_iter().map(|row| (row.id, row.version)));
        if turn == 0 {
            add(&*store, c[0], &[Sample::indicator(1, 2), Sample::indicator(6, 2)]).await;
            store.delete(&writer(1, c[0]), &id("indicator", 5), &Filter::default()).await.unwrap();
        }
        let Some(next) = manifest.page.next else { break };
        request.next = Some(next);
    }
    let wanted = [(1, 1), (2, 1), (3, 1), (4, 1), (1, 2), (6, 2)];
    assert_eq!(seen, wanted.map(|(number, modified)| (id("indicator", number), day(modified))));
}

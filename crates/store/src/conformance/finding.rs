//! Terms, ranges, text, edges, patterns, sightings.

use std::net::Ipv6Addr;

use base::Micros;
use base::limit::{LISTED_PASSED_MAX, LOOKUP_MATCHES_MAX};
use handling::Viewer;
use index::{Fingerprint, TermKind};

use super::Site;
use super::sample::{START, Sample, add, collections, day, id, viewer};
use crate::{Direction, EdgeGroups, Facts, SearchRequest, Standing, Store, StoreError};

pub(super) fn of(store: &dyn Store, kind: TermKind, value: &str) -> Fingerprint {
    Fingerprint::of(&store.fingerprint_key(), kind, value)
}

/// Answers stand in the order of the questions, each live ones first, with what is known of the object.
pub async fn terms_are_found(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let first = Sample::indicator(1, 1)
        .term(TermKind::Domain, "a.example")
        .term(TermKind::Domain, "a.example")
        .with(|facts| {
            facts.confidence = Some(85);
            facts.expires = Some(START);
            facts.label = "A".into();
        });
    let second =
        Sample::indicator(2, 1).term(TermKind::Domain, "a.example").with(|facts| facts.revoked = true);
    let coming = Micros(4_102_444_800_000_000);
    let third =
        Sample::indicator(3, 1).term(TermKind::Domain, "c.example").with(|facts| facts.starts = Some(coming));
    let dates = add(&*store, c[0], &[first, second, third]).await;
    let asked = [
        of(&*store, TermKind::Domain, "b.example"),
        of(&*store, TermKind::Domain, "a.example"),
        of(&*store, TermKind::Url, "a.example"),
        of(&*store, TermKind::Domain, "a.example"),
    ];
    let answers = store.look_up(&viewer(1, &c), &asked, LOOKUP_MATCHES_MAX).await.unwrap();
    assert_eq!(answers.iter().map(Vec::len).collect::<Vec<_>>(), [0, 2, 0, 2]);
    let found: Vec<&str> = answers[1].iter().map(|row| row.id.as_str()).collect();
    assert_eq!(found, [id("indicator", 1), id("indicator", 2)], "expired, and revoked since");
    let row = &answers[1][0];
    assert_eq!((row.label.as_str(), row.confidence, row.expires), ("A", Some(85), Some(START)));
    assert_eq!((row.added, row.revoked, answers[1][1].revoked), (dates[0], false, true));
    assert!(store.look_up(&viewer(1, &c), &[], LOOKUP_MATCHES_MAX).await.unwrap().is_empty());
    let later = [of(&*store, TermKind::Domain, "c.example")];
    let told = store.look_up(&viewer(1, &c), &later, LOOKUP_MATCHES_MAX).await.unwrap();
    assert_eq!(told[0].iter().map(|row| row.starts).collect::<Vec<_>>(), [Some(coming)]);
    drop(store);
    let store = site.open();
    assert_eq!(
        store.look_up(&viewer(1, &c), &asked, LOOKUP_MATCHES_MAX).await.unwrap(),
        answers,
        "after a restart"
    );
    assert_eq!(
        store.look_up(&viewer(1, &c), &later, LOOKUP_MATCHES_MAX).await.unwrap(),
        told,
        "after a restart"
    );
}

/// What holds is listed before what is over, and that before what was taken back, however many of these came later; each newest first.
pub async fn what_holds_is_found_first(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let most = base::limit::LOOKUP_MATCHES_MAX as u64;
    let about = |number| Sample::indicator(number, 1).term(TermKind::Domain, "a.example");
    let expired = |number| about(number).with(|facts| facts.expires = Some(START));
    let revoked = |number| about(number).with(|facts| facts.revoked = true);
    let ending = about(1).with(|facts| facts.expires = Some(START.plus(1)));
    add(&*store, c[0], &[ending, expired(2), revoked(3), about(4), expired(5), revoked(6)]).await;
    let (view, asked) = (viewer(1, &c), [of(&*store, TermKind::Domain, "a.example")]);
    let ask = async || {
        let rows = store.look_up(&view, &asked, LOOKUP_MATCHES_MAX).await.unwrap().remove(0);
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let first = [4, 1, 5, 2].map(|number| id("indicator", number));
    assert_eq!(ask().await, [&first[..], &[6, 3].map(|number| id("indicator", number))].concat());
    let many: Vec<Sample> = (7..7 + most).map(revoked).collect();
    add(&*store, c[0], &many).await;
    let newest = (11..7 + most).rev().map(|number| id("indicator", number));
    assert_eq!(ask().await, first.iter().cloned().chain(newest).collect::<Vec<_>>());
    for few in [1, 3, 6] {
        let rows = store.look_up(&view, &asked, few).await.unwrap().remove(0);
        let found: Vec<String> = rows.into_iter().map(|row| row.id).collect();
        assert_eq!(found, ask().await[..few], "the first {few}");
    }
}

/// All values of a look-up together find so many rows and no more, however few they are.
pub async fn look_ups_are_bounded(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let most = base::limit::LOOKUP_MATCHES_MAX;
    let samples: Vec<_> = (0..most)
        .map(|number| Sample::indicator(number as u64 + 1, 1).term(TermKind::Address, "192.0.2.1"))
        .collect();
    add(&*store, c[0], &samples).await;
    let view = viewer(1, &c);
    let times = base::limit::LOOKUP_ROWS_MAX / most;
    let term = of(&*store, TermKind::Address, "192.0.2.1");
    let whole = (octets("::"), octets("::ffff:255.255.255.255"));
    let found = store.look_up(&view, &vec![term; times], LOOKUP_MATCHES_MAX).await.unwrap();
    assert!(found.iter().all(|rows| rows.len() == most));
    let refused = store.look_up(&view, &vec![term; times + 1], LOOKUP_MATCHES_MAX).await;
    assert!(matches!(refused, Err(StoreError::TooCostly)), "one row more");
    let found = store.in_ranges(&view, &vec![whole; times]).await.unwrap();
    assert!(found.iter().all(|rows| rows.len() == most));
    let refused = store.in_ranges(&view, &vec![whole; times + 1]).await;
    assert!(matches!(refused, Err(StoreError::TooCostly)));
}

/// Look-up follows versions: what a newer version dropped is gone, and comes back when that version is removed.
pub async fn terms_follow_versions(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    add(&*store, c[0], &[Sample::indicator(1, 1).term(TermKind::Name, "old").term(TermKind::Name, "both")])
        .await;
    let view = viewer(1, &c);
    let asked = ["old", "both", "new"].map(|name| of(&*store, TermKind::Name, name));
    let lengths = async || {
        let answers = store.look_up(&view, &asked, LOOKUP_MATCHES_MAX).await.unwrap();
        answers.iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(lengths().await, [1, 1, 0]);
    add(&*store, c[0], &[Sample::indicator(1, 2).term(TermKind::Name, "both").term(TermKind::Name, "new")])
        .await;
    assert_eq!(lengths().await, [0, 1, 1]);
    let last = crate::Filter { versions: vec![crate::VersionPick::Last], ..crate::Filter::default() };
    store.delete(&super::sample::writer(1, c[0]), &id("indicator", 1), &last).await.unwrap();
    assert_eq!(lengths().await, [1, 1, 0]);
    store.delete(&super::sample::writer(1, c[0]), &id("indicator", 1), &last).await.unwrap();
    assert_eq!(lengths().await, [0, 0, 0]);
}

/// What one says of an object neither replaces nor revokes what another says of it: each lineage has its latest version. Told is the
/// one that was here first among what the viewer may see, and that others contradict it.
pub async fn lineages_hide_nothing_of_each_other(site: Site) {
    let store = site.open();
    let c = collections(&*store, 3).await;
    let said = |modified, name: &str| Sample::indicator(1, modified).term(TermKind::Name, name).text(name);
    let foreign = |facts: &mut crate::Facts| {
        facts.creator = Some(id("identity", 7));
        facts.revoked = true;
        facts.label = "foreign".into();
    };
    add(&*store, c[0], &[said(1, "first")]).await;
    add(&*store, c[1], &[said(5, "other").saying("b").with(foreign)]).await;
    let names = ["first", "other", "newer"];
    let asked = names.map(|name| of(&*store, TermKind::Name, name));
    let found = async |store: &dyn Store, viewer: &Viewer| {
        let rows = store.look_up(viewer, &asked, LOOKUP_MATCHES_MAX).await.unwrap();
        let counts: Vec<usize> = rows.iter().map(Vec::len).collect();
        for (name, rows) in names.iter().zip(&rows) {
            let request =
                SearchRequest { words: vec![(*name).to_owned()], limit: 9, ..SearchRequest::default() };
            assert_eq!(&store.search(viewer, &request).await.unwrap().rows, rows, "{name}");
        }
        counts
    };
    let (one, both) = (viewer(1, &c[..1]), viewer(1, &c));
    assert_eq!(found(&*store, &one).await, [1, 0, 0]);
    assert_eq!(found(&*store, &both).await, [1, 1, 0]);
    let object = store.object(&both, &id("indicator", 1), None).await.unwrap();
    assert_eq!((object.version, object.revoked, object.contradictions), (day(1), false, 1));
    let object = store.object(&viewer(1, &c[1..2]), &id("indicator", 1), None).await.unwrap();
    assert_eq!((object.version, object.revoked, object.contradictions), (day(5), true, 0));
    let object = store.object(&both, &id("indicator", 1), Some(&day(5))).await.unwrap();
    assert_eq!((object.version, object.contradictions), (day(5), 1), "whoever names it gets it");
    assert!(object.revoked, "told of its own lineage");
    let object = store.object(&both, &id("indicator", 1), Some(&day(1))).await.unwrap();
    assert_eq!((object.version, object.revoked), (day(1), false), "the other's revocation is not its own");
    let contradict = async |viewer: &Viewer| -> Vec<bool> {
        let rows = store.history(viewer, &id("indicator", 1)).await.unwrap();
        rows.into_iter().map(|row| row.contradicts).collect()
    };
    assert_eq!((contradict(&one).await, contradict(&both).await), (vec![false], vec![false, true]));
    // A lineage goes on wherever it is said: its older version is no more.
    add(&*store, c[2], &[said(3, "newer").saying("c")]).await;
    assert_eq!(found(&*store, &one).await, [1, 0, 0]);
    assert_eq!(found(&*store, &both).await, [0, 1, 1]);
    assert_eq!(store.object(&both, &id("indicator", 1), None).await.unwrap().version, day(3));
    // What the first says on the other's day is no contradiction of the first.
    add(&*store, c[0], &[said(5, "first again").saying("d")]).await;
    assert_eq!(contradict(&both).await, [false, false, true, false]);
    let gone = crate::Filter { versions: vec![crate::VersionPick::Last], ..crate::Filter::default() };
    store.delete(&super::sample::writer(1, c[0]), &id("indicator", 1), &gone).await.unwrap();
    // The same version with other content contradicts as well; the first stays what is told.
    add(&*store, c[1], &[Sample::indicator(2, 1).saying("a")]).await;
    add(&*store, c[2], &[Sample::indicator(2, 1).saying("b")]).await;
    let object = store.object(&both, &id("indicator", 2), None).await.unwrap();
    assert_eq!(
        (object.bytes, object.contradictions),
        (Sample::indicator(2, 1).saying("a").bytes().into(), 1)
    );
    let rows = store.history(&both, &id("indicator", 2)).await.unwrap();
    assert_eq!(rows.into_iter().map(|row| row.contradicts).collect::<Vec<_>>(), [false, true]);
    drop(store);
    let store = site.open();
    assert_eq!(found(&*store, &both).await, [0, 1, 1], "after a restart");
}

fn octets(text: &str) -> [u8; 16] {
    text.parse::<Ipv6Addr>().unwrap().octets()
}

/// Addresses and ranges inside a range, both ends inclusive, both families.
pub async fn ranges_hold_addresses(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let samples = [
        Sample::indicator(1, 1).term(TermKind::Address, "192.0.2.0"),
        Sample::indicator(2, 1).term(TermKind::Address, "192.0.2.255"),
        Sample::indicator(3, 1).term(TermKind::Range, "192.0.2.128/25"),
        Sample::indicator(4, 1).term(TermKind::Range, "192.0.0.0/16"),
        Sample::indicator(5, 1).term(TermKind::Address, "2001:db8::1"),
        Sample::indicator(6, 1).term(TermKind::Domain, "192.0.2.1"),
    ];
    add(&*store, c[0], &samples).await;
    let view = viewer(1, &c);
    for (low, high, wanted) in [
        ("::ffff:192.0.2.0", "::ffff:192.0.2.255", vec![3, 2, 1]),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.254", vec![]),
        ("::ffff:192.0.2.255", "::ffff:192.0.2.255", vec![2]),
        ("::ffff:0.0.0.0", "::ffff:255.255.255.255", vec![4, 3, 2, 1]),
        ("2001:db8::", "2001:db8::ffff", vec![5]),
        ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", vec![5, 4, 3, 2, 1]),
        ("2001:db8::2", "2001:db8::1", vec![]),
    ] {
        let rows = store.in_ranges(&view, &[(octets(low), octets(high))]).await.unwrap().remove(0);
        let found: Vec<String> = rows.into_iter().map(|row| row.id).collect();
        let wanted: Vec<String> = wanted.into_iter().map(|number| id("indicator", number)).collect();
        assert_eq!(found, wanted, "{low} to {high}");
    }
    // More than are listed: what holds comes first, and of that the newest, wherever in the range it stands.
    let most = base::limit::LOOKUP_MATCHES_MAX as u64;
    let at = |number: u64| format!("198.51.{}.{}", number / 200, number % 200);
    let samples: Vec<Sample> = (0..most + 50)
        .map(|number| {
            let sample = Sample::indicator(100 + number, 1).term(TermKind::Address, &at(number));
            sample.with(|facts| facts.revoked = number % 2 == 0)
        })
        .collect();
    add(&*store, c[0], &samples).await;
    let range = (octets("::ffff:198.51.0.0"), octets("::ffff:198.51.255.255"));
    let rows = store.in_ranges(&view, &[range]).await.unwrap().remove(0);
    let found: Vec<String> = rows.into_iter().map(|row| row.id).collect();
    let newest = |odd: u64| (0..most + 50).rev().filter(move |number| number % 2 == odd);
    let wanted = newest(1).chain(newest(0)).take(base::limit::LOOKUP_MATCHES_MAX);
    assert_eq!(found, wanted.map(|number| id("indicator", 100 + number)).collect::<Vec<_>>());
}

async fn search(
    store: &dyn Store,
    view: &Viewer,
    words: &[&str],
    change: impl FnOnce(&mut SearchRequest),
) -> Vec<String> {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    let mut request = SearchRequest { words, limit: 100, ..SearchRequest::default() };
    change(&mut request);
    store.search(view, &request).await.unwrap().rows.into_iter().map(|row| row.id).collect()
}

/// All words, newest first, in any script; the last may go on; what words contain is no query language.
pub async fn text_is_searched(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let samples = [
        Sample::indicator(1, 1).text("cobalt strike beacon"),
        Sample::indicator(2, 1).text("кобальт вредонос"),
        Sample::indicator(3, 1).text("钴打 打击"),
        Sample::indicator(4, 1).text("cve-2024-1234 cobalt o'neil \"quoted\" t1059.001"),
        Sample::of(&id("tool", 5), Some(&day(1))).text("cobalt"),
        Sample::indicator(6, 1).text(""),
    ];
    add(&*store, c[0], &samples).await;
    let view = viewer(1, &c);
    let plain = |_: &mut SearchRequest| ();
    let open = |request: &mut SearchRequest| request.open_ended = true;
    let (one, four, five) = (id("indicator", 1), id("indicator", 4), id("tool", 5));
    assert_eq!(search(&*store, &view, &["cobalt"], plain).await, [five.clone(), four.clone(), one.clone()]);
    assert_eq!(search(&*store, &view, &["cobalt", "beacon"], plain).await, [one.clone()]);
    assert_eq!(search(&*store, &view, &["cobalt", "bea"], plain).await, Vec::<String>::new());
    assert_eq!(search(&*store, &view, &["cobalt", "bea"], open).await, [one.clone()]);
    assert_eq!(search(&*store, &view, &["вредонос"], plain).await, [id("indicator", 2)]);
    assert_eq!(search(&*store, &view, &["打击"], plain).await, [id("indicator", 3)]);
    for word in ["cve-2024-1234", "o'neil", "\"quoted\"", "t1059.001"] {
        assert_eq!(search(&*store, &view, &[word], plain).await, [four.clone()], "{word}");
    }
    let tools = |request: &mut SearchRequest| request.types = vec!["tool".into(), "unheard-of".into()];
    assert_eq!(search(&*store, &view, &["cobalt"], tools).await, [five]);
    let unheard = |request: &mut SearchRequest| request.types = vec!["unheard-of".into()];
    assert_eq!(search(&*store, &view, &["cobalt"], unheard).await, Vec::<String>::new());
    for hostile in
        ["*", "\"", "cobalt OR beacon", "cobalt NOT x", "words:cobalt", "(", "^", "\0", " ", "NEAR(a b)"]
    {
        assert_eq!(search(&*store, &view, &[hostile], plain).await, Vec::<String>::new(), "{hostile:?}");
        search(&*store, &view, &[hostile, "cobalt"], open).await;
    }
    let newest = search(&*store, &view, &[], plain).await;
    assert_eq!(
        (newest.len(), newest[0].clone()),
        (6, id("indicator", 6)),
        "without words: all, newest first"
    );
}

/// What bears a name that begins with the question comes first, then what has all its words in names, then the rest, each newest
/// first; paging gives the same whatever comes meanwhile, and what is withheld moves nothing.
pub async fn what_is_called_so_is_found_first(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let mentions = |number: u64| Sample::indicator(number, 1).text("seen with lazarus group");
    let named = |number: u64| {
        Sample::indicator(number, 1).text("group of lazarus ^group=of=lazarus =group =of =lazarus")
    };
    let begins =
        |number: u64| Sample::indicator(number, 1).text("lazarus group ^lazarus=group =lazarus =group");
    let alone = |number: u64| Sample::indicator(number, 1).text("lazarus ^lazarus =lazarus");
    let open = [begins(1), named(2), mentions(3), alone(4), named(5), mentions(6), begins(7), mentions(8)];
    add(&*store, c[0], &open).await;
    let view = viewer(1, &c);
    let ids = |numbers: &[u64]| -> Vec<String> { numbers.iter().map(|no| id("indicator", *no)).collect() };
    let plain = |_: &mut SearchRequest| ();
    let typed = |request: &mut SearchRequest| request.open_ended = true;
    for (words, wanted) in [
        (vec!["lazarus"], ids(&[7, 4, 1, 5, 2, 8, 6, 3])),
        (vec!["lazarus", "group"], ids(&[7, 1, 5, 2, 8, 6, 3])),
        (vec!["group", "lazarus"], ids(&[7, 5, 2, 1, 8, 6, 3])),
        (vec!["laz"], ids(&[])),
        (vec!["seen", "lazarus"], ids(&[8, 6, 3])),
        (vec!["^lazarus"], ids(&[4])),
    ] {
        assert_eq!(search(&*store, &view, &words, plain).await, wanted, "{words:?}");
    }
    assert_eq!(search(&*store, &view, &["laz"], typed).await, ids(&[7, 4, 1, 5, 2, 8, 6, 3]));
    assert_eq!(search(&*store, &view, &["lazarus", "gro"], typed).await, ids(&[7, 1, 5, 2, 8, 6, 3]));

    let paged = async |limit: usize, meanwhile: &[Sample]| -> (Vec<String>, Vec<String>) {
        let words = vec!["lazarus".to_owned()];
        let mut request = SearchRequest { words, limit, ..SearchRequest::default() };
        let (mut seen, mut cursors) = (Vec::new(), Vec::new());
        let mut meanwhile = meanwhile.iter();
        loop {
            let found = store.search(&view, &request).await.unwrap();
            seen.extend(found.rows.into_iter().map(|row| row.id));
            if let Some(sample) = meanwhile.next() {
                add(&*store, c[0], std::slice::from_ref(sample)).await;
            }
            let Some(next) = found.next else { return (seen, cursors) };
            cursors.push(next.clone());
            request.next = Some(next);
        }
    };
    let mut told = Vec::new();
    for limit in 1..=9 {
        let (seen, cursors) = paged(limit, &[]).await;
        assert_eq!(seen, ids(&[7, 4, 1, 5, 2, 8, 6, 3]), "{limit} a page");
        told.push(cursors);
    }
    let hidden = [begins(20), named(21), mentions(22)].map(|sample| sample.only_for(&[2]));
    add(&*store, c[0], &hidden).await;
    for (limit, cursors) in (1..=9).zip(told) {
        assert_eq!(paged(limit, &[]).await, (ids(&[7, 4, 1, 5, 2, 8, 6, 3]), cursors), "{limit} a page");
    }
    let (seen, _) = paged(3, &[begins(30), begins(31), begins(32)]).await;
    assert_eq!(seen, ids(&[7, 4, 1, 5, 2, 8, 6, 3]), "what comes into a class that was left behind");
}

/// Results are paged; the cursor is bound to the words.
pub async fn results_are_paged(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    for number in 0..7 {
        add(&*store, c[0], &[Sample::indicator(number, 1).text("word other")]).await;
    }
    let view = viewer(1, &c);
    let mut request = SearchRequest { words: vec!["word".into()], limit: 3, ..SearchRequest::default() };
    let mut seen = Vec::new();
    loop {
        let found = store.search(&view, &request).await.unwrap();
        seen.extend(found.rows.into_iter().map(|row| row.id));
        let Some(next) = found.next else { break };
        request.next = Some(next);
    }
    assert_eq!(seen, (0..7).rev().map(|number| id("indicator", number)).collect::<Vec<_>>());
    request.words = vec!["other".into()];
    assert!(store.search(&view, &request).await.is_err());
}

/// Edges both ways, by name and newest first, paged, with labels of what the viewer may see.
pub async fn edges_go_both_ways(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let (tool, actor, identity) = (id("tool", 1), id("threat-actor", 2), id("identity", 3));
    let uses = |number: u64| {
        Sample::of(&id("relationship", number), Some(&day(1))).edge("uses", Some(&actor), &tool).edge(
            "created_by_ref",
            None,
            &identity,
        )
    };
    add(&*store, c[0], &[Sample::of(&tool, Some(&day(1))).edge("created_by_ref", None, &identity)]).await;
    add(&*store, c[1], &[Sample::of(&actor, Some(&day(1)))]).await;
    add(&*store, c[0], &[uses(10), uses(11), uses(12)]).await;
    let view = viewer(1, &c);
    let outward = store.edges(&view, &actor, Direction::Outward, (99, None)).await.unwrap();
    assert_eq!(outward.1, None);
    let through: Vec<Option<String>> = outward.0.iter().map(|edge| edge.through.clone()).collect();
    assert_eq!(through, [12, 11, 10].map(|number| Some(id("relationship", number))));
    assert!(outward.0.iter().all(|edge| edge.other == tool && edge.name == "uses"));
    let end = outward.0[0].other_held.as_ref().unwrap();
    assert_eq!((end.label.clone(), end.standing), (format!("label of {tool}"), Standing::default()));
    let asked = [tool.as_str(), actor.as_str(), "no identifier", identity.as_str()];
    let labels = [Some(format!("label of {tool}")), Some(format!("label of {actor}")), None, None];
    assert_eq!(store.labels(&view, &asked).await.unwrap(), labels);
    let [of_tool, ..] = labels;
    let held = |marks: &Option<crate::Marks>| marks.as_ref().map(|marks| (marks.tlp, marks.places.len()));
    let mut versions = Vec::new();
    for id in &asked {
        let added = store.object(&view, id, None).await.map_or(START, |object| object.added);
        versions.push((*id, added));
    }
    let marks = store.marks(&view, &versions).await.unwrap();
    assert_eq!(marks.iter().map(held).collect::<Vec<_>>(), [Some((None, 1)), Some((None, 1)), None, None]);
    let half = store.marks(&viewer(1, &c[..1]), &versions).await.unwrap();
    assert_eq!(half.iter().map(held).collect::<Vec<_>>(), [Some((None, 1)), None, None, None]);
    let half = store.labels(&viewer(1, &c[..1]), &asked).await.unwrap();
    assert_eq!(half, [of_tool, None, None, None], "the actor stands where this reader may not look");
    let of_tool = store.edges(&view, &tool, Direction::Outward, (99, None)).await.unwrap().0;
    assert_eq!((of_tool.len(), of_tool[0].through.clone(), of_tool[0].other_held.clone()), (1, None, None));
    let half = store.edges(&viewer(1, &c[..1]), &tool, Direction::Inward, (99, None)).await.unwrap().0;
    assert!(half.len() == 3 && half.iter().all(|edge| edge.other == actor && edge.other_held.is_none()));
    let (mut seen, mut next) = (Vec::new(), None);
    loop {
        let page = store.edges(&view, &identity, Direction::Inward, (3, next)).await.unwrap();
        seen.extend(page.0.into_iter().map(|edge| edge.other));
        next = page.1;
        if next.is_none() {
            break;
        }
    }
    let mut wanted: Vec<String> = [12, 11, 10].map(|number| id("relationship", number)).into();
    wanted.push(tool);
    assert_eq!(seen, wanted);
    let junk = store.edges(&view, &identity, Direction::Inward, (3, Some("junk".into()))).await;
    assert!(junk.is_err());
    let none = store.edges(&view, "no identifier", Direction::Inward, (3, None)).await.unwrap();
    assert_eq!(none, (Vec::new(), None));
}

/// An edge says whether what states it, and what it leads to, is revoked or has an end; of the latter no more than the
/// viewer may see.
pub async fn edges_say_how_both_ends_stand(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let (tool, actor) = (id("tool", 1), id("threat-actor", 2));
    let uses = |number: u64| {
        Sample::of(&id("relationship", number), Some(&day(1))).edge("uses", Some(&actor), &tool)
    };
    add(&*store, c[0], &[Sample::of(&tool, Some(&day(1))), uses(10), uses(11)]).await;
    let over = |facts: &mut Facts| {
        (facts.revoked, facts.starts, facts.expires) = (true, Some(START.plus(-9)), Some(START));
    };
    let revoked = Sample::of(&id("relationship", 10), Some(&day(2))).edge("uses", Some(&actor), &tool);
    add(&*store, c[0], &[revoked.with(over)]).await;
    add(&*store, c[1], &[Sample::of(&tool, Some(&day(3))).with(over)]).await;
    let gone = Standing { revoked: true, starts: Some(START.plus(-9)), expires: Some(START) };
    for (mine, end) in [(&c[..], gone), (&c[..1], Standing::default())] {
        let edges = store.edges(&viewer(1, mine), &actor, Direction::Outward, (9, None)).await.unwrap().0;
        let stands =
            edges.iter().map(|edge| (edge.standing, edge.other_held.as_ref().map(|end| end.standing)));
        let wanted = [(gone, Some(end)), (Standing::default(), Some(end))];
        assert_eq!(stands.collect::<Vec<_>>(), wanted);
    }
    assert!(gone.not_yet(START.plus(-10)) && !gone.not_yet(START.plus(-9)));
    assert!(gone.expired(START) && !gone.expired(START.plus(-1)) && !Standing::default().expired(START));
}

/// Edges gathered by name are those that the viewer may see: no count, no name and no end of the list tells of others.
pub async fn edges_are_gathered_by_name(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let (tool, actor) = (id("tool", 1), id("threat-actor", 2));
    let ties = |number: u64, name: &str| {
        Sample::of(&id("relationship", number), Some(&day(1))).edge(name, Some(&actor), &tool)
    };
    let open: Vec<Sample> =
        (10..13).map(|number| ties(number, "uses")).chain([ties(20, "hosts"), ties(21, "owns")]).collect();
    add(&*store, c[0], &open).await;
    let groups = async |mine: &[_], asked: EdgeGroups<'_>| {
        let view = viewer(1, mine);
        let (groups, more) = store.edge_groups(&view, &actor, Direction::Outward, &asked).await.unwrap();
        let told = groups.into_iter().map(|group| {
            assert!(group.rows.iter().all(|row| row.name == group.name && row.other == tool));
            (group.name, group.rows.len(), group.count)
        });
        (told.collect::<Vec<_>>(), more)
    };
    let all = EdgeGroups { after: None, groups: 9, rows: 2, counted: 9 };
    let told = |groups: &[(&str, usize, usize)]| -> Vec<(String, usize, usize)> {
        groups.iter().map(|(name, rows, count)| ((*name).to_owned(), *rows, *count)).collect()
    };
    let three = told(&[("hosts", 1, 1), ("owns", 1, 1), ("uses", 2, 3)]);
    assert_eq!(groups(&c, all).await, (three.clone(), false));
    assert_eq!(groups(&c, EdgeGroups { groups: 3, ..all }).await, (three.clone(), false));
    assert_eq!(groups(&c, EdgeGroups { groups: 2, ..all }).await, (three[..2].to_vec(), true));
    assert_eq!(groups(&c, EdgeGroups { after: Some("owns"), ..all }).await, (three[2..].to_vec(), false));
    let counted = groups(&c, EdgeGroups { counted: 2, after: Some("owns"), rows: 1, ..all }).await;
    assert_eq!(counted, (told(&[("uses", 1, 3)]), false), "one more than was to be counted");
    let counted = groups(&c, EdgeGroups { counted: 1, after: Some("owns"), rows: 1, ..all }).await;
    assert_eq!(counted, (told(&[("uses", 1, 2)]), false));
    // What the other collection holds changes nothing for who may not read it: of no name, and of none at the end.
    add(&*store, c[1], &[ties(13, "uses"), ties(14, "zooms"), ties(15, "aims")]).await;
    assert_eq!(groups(&c[..1], all).await, (three.clone(), false));
    assert_eq!(groups(&c[..1], EdgeGroups { groups: 3, ..all }).await, (three, false));
    let five = told(&[("aims", 1, 1), ("hosts", 1, 1), ("owns", 1, 1), ("uses", 2, 4), ("zooms", 1, 1)]);
    assert_eq!(groups(&c, all).await, (five, false));
    let (view, named) = (viewer(1, &c[..1]), (Direction::Outward, "uses"));
    let (first, next) = store.edges_named(&view, &actor, named, (2, None)).await.unwrap();
    let (rest, end) = store.edges_named(&view, &actor, named, (2, next.clone())).await.unwrap();
    let through = first.iter().chain(&rest).map(|row| row.through.clone().unwrap());
    assert_eq!(through.collect::<Vec<_>>(), [12, 11, 10].map(|number| id("relationship", number)));
    assert_eq!(end, None);
    let of_all = store.edges(&view, &actor, Direction::Outward, (2, next)).await;
    assert!(of_all.is_err(), "a cursor belongs to its question");
    let none = store.edges_named(&view, &actor, (Direction::Outward, "aims"), (2, None)).await.unwrap();
    assert_eq!(none, (Vec::new(), None));
}

/// Reports that list something are those that the viewer sees, in what it knows as their latest version, each once.
pub async fn what_lists_an_object_is_told(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let (one, two) = (id("indicator", 1), id("indicator", 2));
    let lists = |kind: &str, number: u64, version: u32, refs: &[&str]| {
        let sample = Sample::of(&id(kind, number), Some(&day(version)));
        refs.iter().fold(sample, |sample, target| sample.edge("object_refs", None, target))
    };
    let posing = Sample::of(&id("relationship", 1), Some(&day(1))).edge("object_refs", Some(&two), &one);
    let open = [
        lists("report", 1, 1, &[&one, &two]),
        lists("grouping", 2, 1, &[&one]),
        lists("note", 3, 1, &[&one]),
        lists("report", 4, 1, &[&one]),
        posing,
    ];
    add(&*store, c[0], &open).await;
    add(&*store, c[0], &[lists("report", 4, 2, &[])]).await;
    add(&*store, c[1], &[lists("report", 5, 1, &[&one])]).await;
    let asked = [one.as_str(), two.as_str(), "no identifier"];
    let told = async |mine: &[_], most| -> Vec<Vec<String>> {
        let listed = store.listed_in(&viewer(1, mine), &asked, most).await.unwrap();
        let id = |one: crate::ListedIn| {
            assert_eq!(one.report.label, format!("label of {}", one.id));
            one.id
        };
        listed.into_iter().map(|reports| reports.into_iter().map(id).collect()).collect()
    };
    let (first, second, hidden) = (id("report", 1), id("grouping", 2), id("report", 5));
    let half = vec![vec![second.clone(), first.clone()], vec![first.clone()], vec![]];
    assert_eq!(told(&c[..1], 9).await, half);
    assert_eq!(told(&c, 9).await[0], [hidden.clone(), second.clone(), first]);
    assert_eq!(told(&c, 2).await[0], [hidden, second.clone()]);
    assert_eq!(told(&c[..1], 1).await[0], [second], "what is withheld takes no place");
    assert_eq!(told(&[], 9).await, [const { Vec::<String>::new() }; 3]);
}

/// Very much that refers to an object and is withheld, or is no report, keeps nobody from being told what lists it.
pub async fn what_lists_an_object_is_told_behind_very_much_else(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let one = id("indicator", 1);
    let lists = |kind: &str, number: u64| {
        Sample::of(&id(kind, number), Some(&day(1))).edge("object_refs", None, &one)
    };
    add(&*store, c[0], &[lists("report", 1), lists("grouping", 2)]).await;
    let told = async |user| {
        let listed = store.listed_in(&viewer(user, &c), &[&one], 9).await.unwrap().remove(0);
        listed.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    let before = told(1).await;
    assert_eq!(before, [id("grouping", 2), id("report", 1)]);
    let much = LISTED_PASSED_MAX as u64 + 1;
    let observed: Vec<Sample> = (1..=much).map(|number| lists("observed-data", number)).collect();
    add(&*store, c[0], &observed).await;
    assert_eq!(told(1).await, before);
    let withheld = (10..10 + much).map(|number| lists("report", number).only_for(&[2]));
    add(&*store, c[0], &withheld.collect::<Vec<_>>()).await;
    assert_eq!(told(1).await, before);
    let named: Vec<String> = (10..10 + much).rev().take(9).map(|number| id("report", number)).collect();
    assert_eq!(told(2).await, named);
}

/// Types are those of which the viewer sees an object, and counted are objects that the viewer sees, each in its latest version.
pub async fn types_are_those_seen(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let tools: Vec<Sample> = (1..4).map(|number| Sample::of(&id("tool", number), Some(&day(1)))).collect();
    add(&*store, c[0], &tools).await;
    add(&*store, c[0], &[Sample::of(&id("tool", 1), Some(&day(2))), Sample::indicator(1, 1)]).await;
    let red = Sample::of(&id("malware", 1), Some(&day(1))).only_for(&[2]);
    add(&*store, c[0], &[red, Sample::of(&id("tool", 4), Some(&day(1))).only_for(&[2])]).await;
    add(&*store, c[1], &[Sample::observable(1), Sample::indicator(1, 1)]).await;
    let types = async |user, mine: &[_]| store.types(&viewer(user, mine)).await.unwrap();
    assert_eq!(types(1, &c[..1]).await, ["indicator", "tool"]);
    assert_eq!(types(1, &c).await, ["indicator", "ipv4-addr", "tool"]);
    assert_eq!(types(2, &c).await, ["indicator", "ipv4-addr", "malware", "tool"]);
    assert!(types(1, &[]).await.is_empty());
    let counts = async |user, most| {
        let told = store.types_in(&viewer(user, &c[..1]), c[0], most).await.unwrap();
        told.into_iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>()
    };
    assert_eq!(counts(1, 9).await, ["indicator 1", "tool 3"]);
    assert_eq!(counts(2, 9).await, ["indicator 1", "malware 1", "tool 4"]);
    assert_eq!(counts(1, 2).await, ["indicator 1", "tool 2"]);
    let foreign = store.types_in(&viewer(1, &c[..1]), c[1], 9).await;
    assert!(matches!(foreign, Err(StoreError::NotFound { .. })));
}

/// What lists say of objects is of the version that the viewer is told first, under the handling that the viewer knows of.
pub async fn briefs_are_of_what_is_told_first(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let over = |facts: &mut Facts| (facts.revoked, facts.tlp) = (true, Some(1));
    add(&*store, c[0], &[Sample::indicator(1, 1), Sample::indicator(2, 1)]).await;
    let named = Sample::indicator(1, 2).with(|facts| facts.label = "the second".into()).with(over);
    add(&*store, c[1], &[named, Sample::indicator(3, 1)]).await;
    let asked: Vec<String> = [1, 2, 3, 4].map(|number| id("indicator", number)).into();
    let asked: Vec<&str> = asked.iter().map(String::as_str).chain(["no identifier"]).collect();
    let told = |briefs: Vec<Option<crate::Brief>>| -> Vec<String> {
        let told = |brief: crate::Brief| {
            let crate::Brief { standing, marks, .. } = brief;
            assert!(marks.told_first);
            format!("{} {} {:?} {}", marks.label, standing.revoked, marks.tlp, marks.places.len())
        };
        briefs.into_iter().map(|brief| brief.map_or_else(|| "none".to_owned(), told)).collect()
    };
    let first = |number| format!("label of {} false None 1", id("indicator", number));
    let none = || "none".to_owned();
    let all = store.briefs(&viewer(1, &c), &asked).await.unwrap();
    for (brief, id) in all.iter().zip(&asked) {
        let added = store.object(&viewer(1, &c), id, None).await.ok().map(|object| object.added);
        assert_eq!(brief.as_ref().map(|brief| brief.added), added, "{id}");
    }
    let second = "the second true Some(1) 1".to_owned();
    assert_eq!(told(all), [second, first(2), first(3), none(), none()]);
    let half = store.briefs(&viewer(1, &c[..1]), &asked).await.unwrap();
    assert_eq!(told(half), [first(1), first(2), none(), none(), none()]);
    assert_eq!(store.briefs(&viewer(1, &[]), &asked).await.unwrap(), [const { None }; 5]);
}

/// Patterns of indicators, in order, after a row: revoked and expired ones too, but none with findings, and none that a
/// newer version dropped.
pub async fn patterns_are_listed(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let pattern = |number: u64| Sample::indicator(number, 1).pattern(&format!("[a:b = {number}]"));
    let samples = [
        pattern(1),
        pattern(2).with(|facts| facts.revoked = true),
        pattern(3).with(|facts| facts.expires = Some(START)),
        pattern(4).with(|facts| facts.findings = Some("[]".into())),
        pattern(5).with(|facts| facts.expires = Some(START.plus(1))),
        Sample::indicator(6, 1),
        pattern(7),
    ];
    add(&*store, c[0], &samples).await;
    add(&*store, c[0], &[Sample::indicator(7, 2)]).await;
    let view = viewer(1, &c[..1]);
    let rows = store.patterns(&view, 0, 99).await.unwrap();
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    assert_eq!(ids, [1, 2, 3, 5].map(|number| id("indicator", number)));
    assert_eq!(rows[0].pattern, "[a:b = 1]");
    assert_eq!(store.patterns(&view, 0, 1).await.unwrap(), rows[..1]);
    assert_eq!(store.patterns(&view, rows[0].row, 99).await.unwrap(), rows[1..]);
    assert!(store.patterns(&view, rows[3].row, 99).await.unwrap().is_empty());
    // Each tells of the version it is of, whatever else is said of the object.
    let foreign = pattern(1).saying("b").with(|facts| facts.creator = Some(id("identity", 7)));
    add(&*store, c[1], &[foreign.with(|facts| facts.revoked = true)]).await;
    let both = viewer(1, &c);
    let first: Vec<_> =
        store.patterns(&both, 0, 99).await.unwrap().into_iter().filter(|row| row.id == rows[0].id).collect();
    let both_rows = [first[0].row, first[1].row];
    let told = store.indicators_of(&both, &both_rows, usize::MAX).await.unwrap();
    let revoked: Vec<bool> = told.iter().map(|one| one.as_ref().unwrap().1.revoked).collect();
    assert_eq!(revoked, [false, true]);
    assert_eq!(
        store.indicators_of(&both, &both_rows, 1).await.unwrap(),
        told[..1],
        "no more bytes than asked for"
    );
    let (bytes, standing) = told[0].clone().unwrap();
    assert_eq!(bytes, pattern(1).bytes());
    let seen = store.indicators_of(&view, &[first[1].row, rows[0].row], 1).await.unwrap();
    assert_eq!(seen, [None, Some((bytes, standing))], "one is not to be seen");
    add(&*store, c[0], &[Sample::indicator(1, 2)]).await;
    assert_eq!(store.indicators_of(&view, &[rows[0].row], 1).await.unwrap(), [None], "not current any more");
}

/// Sightings are counted over what the viewer may see, latest versions only.
pub async fn sightings_are_counted(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let of = id("indicator", 1);
    let sighting = |number: u64, modified: u32, count: i64, seen: Option<Micros>| {
        Sample::of(&id("sighting", number), Some(&day(modified))).sighting(&of, count, seen)
    };
    add(&*store, c[0], &[sighting(1, 1, 3, Some(START)), sighting(2, 1, 1, None)]).await;
    add(&*store, c[0], &[sighting(1, 2, 5, Some(START.plus(-9)))]).await;
    add(&*store, c[1], &[sighting(3, 1, 10, Some(START.plus(9))), sighting(2, 1, 1, None)]).await;
    let view = |mine| viewer(1, mine);
    assert_eq!(store.sightings(&view(&c[..1]), &[&of]).await.unwrap()[0], (2, 6, Some(START.plus(-9))));
    assert_eq!(store.sightings(&view(&c[..]), &[&of]).await.unwrap()[0], (3, 16, Some(START.plus(9))));
    assert_eq!(store.sightings(&view(&c[..]), &[&id("tool", 1)]).await.unwrap()[0], (0, 0, None));
}

//! By whose word something stands: what is one's own, what others say beside it, what stays of what they took away, and what waits.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::Micros;
use base::signing::KeyId;
use federation::{Again, Content, Effect, FateRow, Lane, LaterRow, ObjectName, PayloadRow, VersionRow};
use handling::{Addressee, Audience, CollectionNo, MemberId, Originator, Pap, Rules, Standing, Viewer};
use ledger::act::ActKind;
use ledger::commitment::{Commitment, Salt};
use stix::TlpLevel;

use super::Site;
use super::meeting::{Step, Village};
use super::sample::{
    START, Sample, batch, batch_by, collections, day, how_by, id, viewer, viewer_at, writer, writer_who_reads,
};
use crate::{Batch, LeavesBy, Store, StoreError, VersionsOf, exchanged, looked};

const MEMBER: MemberId = MemberId([1; 32]);

fn member(number: u8) -> Originator {
    Originator::Member(MemberId([number; 32]))
}

fn open_by(word: &Originator) -> Rules {
    Rules::marked(Some(TlpLevel::Green), word.clone()).to(Audience::EVERYBODY)
}

/// Adds a sample by a member's word.
async fn said(store: &dyn Store, collection: CollectionNo, sample: Sample, word: &Originator) {
    let new = batch(collection, &[sample.under(Some(open_by(word)))]);
    let landed = exchanged(store, 1, move |desk| desk.add(&new, LeavesBy::Step)).await.unwrap();
    assert!(landed[0].added.is_some(), "{:?}", landed[0].how);
}

/// The own word is the latest of the own versions, whatever others say later, and it is nobody's who may not see it.
pub async fn the_own_word_is_the_latest_of_ones_own(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    Village::new(Arc::clone(&store), 1).await;
    let own = |number, modified| Sample::indicator(number, modified).saying("own");
    store.add(batch(c[0], &[own(1, 1), own(1, 2)])).await.unwrap();
    store.add(batch(c[1], &[own(1, 2)])).await.unwrap();
    said(&*store, c[0], Sample::indicator(1, 3), &member(1)).await;
    said(&*store, c[0], Sample::indicator(2, 1), &member(1)).await;
    store.add(batch(c[0], &[own(3, 1).only_for(&[1])])).await.unwrap();
    said(&*store, c[0], Sample::indicator(3, 2), &member(1)).await;

    let ask = async |view: &Viewer, number, version: Option<&str>| {
        let held = store.own_object(view, &id("indicator", number), version).await;
        held.map(|held| (held.version.clone(), held.places.len())).ok()
    };
    let view = viewer(1, &c);
    assert_eq!(ask(&view, 1, None).await, Some((day(2), 2)), "in both places, and not what is said later");
    assert_eq!(ask(&view, 1, Some(&day(1))).await, Some((day(1), 1)));
    assert_eq!(ask(&view, 1, Some(&day(3))).await, None, "that version is another's");
    assert_eq!(ask(&viewer(1, &c[1..]), 1, None).await, Some((day(2), 1)));
    assert_eq!(ask(&view, 2, None).await, None, "it stands by another's word alone");
    let history = store.history(&view, &id("indicator", 1)).await.unwrap();
    assert!(history.iter().any(|row| row.version == day(3)), "the other word stands there too");
    let first = store.object(&view, &id("indicator", 1), None).await.unwrap();
    for row in history {
        let told = store.object_added(&view, &id("indicator", 1), row.added).await.unwrap();
        assert_eq!(told.version, row.version, "the very one that came in then");
        let marks = store.marks(&view, &[(&id("indicator", 1), row.added)]).await.unwrap().remove(0).unwrap();
        assert_eq!((marks.tlp, &marks.places), (told.tlp, &told.places), "it is marked as just that one");
        assert_eq!(marks.told_first, told.bytes == first.bytes);
    }
    let of_another = store.object(&view, &id("indicator", 2), None).await.unwrap().added;
    let ask_then = async |view: &Viewer, added| store.object_added(view, &id("indicator", 1), added).await;
    assert!(ask_then(&view, of_another).await.is_err());
    assert!(
        ask_then(&viewer(2, &c[1..]), store.object(&view, &id("indicator", 1), None).await.unwrap().added)
            .await
            .is_err()
    );
    assert_eq!((ask(&view, 3, None).await, ask(&viewer(2, &c), 3, None).await), (Some((day(1), 1)), None));
    assert_eq!(store.object(&viewer(2, &c), &id("indicator", 3), None).await.unwrap().version, day(2));
    // Of several own lineages it is the one that stands longest, whatever stands before them all.
    said(&*store, c[0], Sample::indicator(4, 1), &member(1)).await;
    store.add(batch(c[0], &[own(4, 2), own(4, 3).created(1).saying("beside")])).await.unwrap();
    assert_eq!(ask(&view, 4, None).await, Some((day(2), 1)));
    assert_eq!(ask(&view, 4, Some(&day(3))).await, Some((day(3), 1)));
    // In a community one's own may be said by name.
    let home = Standing { home: Some(MEMBER), ..Standing::at(START) };
    assert_eq!(ask(&viewer_at(1, &c, &home), 2, None).await, Some((day(1), 1)));
}

/// Whether something stands is known by whose word it is, whoever may see it.
pub async fn what_stands_is_known_by_whose_word_it_is(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    Village::new(Arc::clone(&store), 1).await;
    store.add(batch(c[0], &[Sample::indicator(1, 1).only_for(&[1])])).await.unwrap();
    said(&*store, c[0], Sample::indicator(1, 2), &member(1)).await;
    said(&*store, c[0], Sample::observable(2), &member(2)).await;
    let (one, two) = (id("indicator", 1), id("ipv4-addr", 2));
    for (id, word, expected) in [
        (&one, Originator::Here, true),
        (&one, member(1), true),
        (&one, member(2), false),
        (&two, member(2), true),
        (&two, Originator::Here, false),
        (&"indicator--00000000-0000-4000-8000-000000000009".to_owned(), member(1), false),
    ] {
        assert_eq!(store.stands(id, Some(&word)).await.unwrap(), expected, "{id} by {word}");
    }
    for (id, expected) in [(&one, true), (&two, true), (&id("indicator", 9), false)] {
        assert_eq!(store.stands(id, None).await.unwrap(), expected, "{id} by anybody");
    }
    exchanged(&*store, 1, move |desk| {
        let stands = |version: &str, originator| {
            desk.stands(&VersionsOf { id: &one, version, originator, digest: None }).unwrap()
        };
        assert_eq!((stands(&day(1), Originator::Here), stands(&day(2), Originator::Here)), (true, false));
        assert_eq!((stands(&day(1), member(1)), stands(&day(2), member(1))), (false, true));
        let observable = VersionsOf { id: &two, version: "", originator: member(2), digest: None };
        assert!(desk.stands(&observable).unwrap());
        assert_eq!(desk.take_away(&observable).unwrap(), 1);
        assert!(!desk.stands(&observable).unwrap());
        Ok(())
    })
    .await
    .unwrap();
}

/// What somebody says is put under other rules or taken away where they see it and may write, by its bytes: not what others said under its
/// identifier and date, nor the same where it is for others.
pub async fn a_deed_acts_on_the_copies_that_its_doer_sees(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    Village::new(Arc::clone(&store), 1).await;
    let said = |what: &str| Sample::indicator(1, 1).saying(what).created(3);
    // First, since who sees a version of the same moment is refused another.
    store.add(batch_by(2, c[0], &[said("other").created(2).only_for(&[2])])).await.unwrap();
    store.add(batch(c[0], &[said("shared"), Sample::indicator(1, 2).created(3)])).await.unwrap();
    store.add(batch(c[1], &[said("shared").only_for(&[2])])).await.unwrap();
    let object = id("indicator", 1);
    let digest = said("shared").entry().facts.digest;
    let (first, second) = (writer(1, c[0]), writer(1, c[1]));
    let (id, asked) = (object.clone(), [first.clone(), second.clone()]);
    exchanged(&*store, 1, move |desk| {
        let [here, there] = asked.each_ref().map(|writer| desk.own_copies(writer, &id).unwrap());
        assert_eq!((here.len(), there.len()), (2, 0), "one is for somebody else here, and one there");
        let copy = here.iter().find(|copy| copy.digest == digest).unwrap();
        assert!(copy.created_key.is_some() && copy.creator.is_none(), "{copy:?}");
        let more = BTreeSet::from([Addressee::Member(MemberId([9; 32]))]);
        for (writer, copies) in asked.iter().zip([1, 0]) {
            let open = Rules::marked(Some(TlpLevel::Clear), Originator::Here);
            let strict = open.clone().pap_at_least(Pap::Red);
            assert_eq!(desk.widen_copies(writer, (&id, &digest), (&more, &open))?, copies);
            // What goes out is stricter than what stands here: who sees that alone is not to give it to them.
            assert_eq!(desk.widen_copies(writer, (&id, &digest), (&more, &strict))?, 0);
            assert_eq!(desk.take_copies(writer, &id, Some(&BTreeSet::from([[0; 32]])))?, 0);
        }
        Ok(())
    })
    .await
    .unwrap();
    let seen = async |user| store.history(&viewer(user, &c), &object).await.map_or(0, |rows| rows.len());
    assert_eq!((seen(1).await, seen(2).await), (2, 4));
    let id = object.clone();
    exchanged(&*store, 1, move |desk| {
        let stands = |digest| {
            let version = day(1);
            let versions =
                VersionsOf { id: &id, version: &version, originator: Originator::Here, digest: Some(digest) };
            desk.stands(&versions)
        };
        assert!(stands(digest)? && !stands([0; 32])?);
        let which = BTreeSet::from([digest]);
        assert_eq!(desk.take_copies(&second, &id, Some(&which))?, 0);
        desk.take_copies(&first, &id, Some(&which))
    })
    .await
    .unwrap();
    assert_eq!((seen(1).await, seen(2).await), (1, 3));
}

/// A version stands under the handling of the others of its object that its poster may know of, and the answer says so.
pub async fn handling_is_inherited_from_who_may_be_known(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    Village::new(Arc::clone(&store), 1).await;
    let strict = Rules::marked(Some(TlpLevel::Green), Originator::Here).pap_at_least(Pap::Red);
    let green = || Sample::indicator(1, 2).with(|facts| facts.tlp = Some(TlpLevel::Green.number()));
    let inherited = async |user, sample: Sample| {
        let landed = store.add(batch_by(user, c[0], &[sample])).await.unwrap().remove(0);
        assert!(landed.added.is_some(), "{:?}", landed.how);
        landed.inherited
    };
    store.add(batch(c[0], &[Sample::indicator(1, 1).under(Some(strict.clone()))])).await.unwrap();
    let met = inherited(2, green()).await.expect("stricter rules than it came with");
    assert_eq!((met.pap(), met.level()), (Pap::Red, TlpLevel::Green));
    assert_eq!(inherited(2, green()).await, None, "it is known");
    let held = store.object(&viewer(2, &c), &id("indicator", 1), Some(&day(2))).await.unwrap();
    assert_eq!(held.places[0].rules.as_ref(), Some(&met));
    // What is withheld from its poster binds nobody, nor what another member says, nor another object.
    let closed = Sample::indicator(2, 1).only_for(&[1]);
    store.add(batch(c[0], &[closed])).await.unwrap();
    assert_eq!(inherited(2, Sample::indicator(2, 2)).await, None);
    assert!(inherited(1, Sample::indicator(2, 3)).await.is_some());
    said(&*store, c[0], Sample::indicator(3, 1), &member(1)).await;
    assert_eq!(inherited(1, Sample::indicator(3, 2).under(Some(strict))).await, None);
    assert_eq!(inherited(1, Sample::indicator(4, 2)).await, None);
}

/// What has another `created` opens nothing in a collection: the first of its lineage there is under the handling of what its poster
/// may know to stand there. From then on it follows itself, and closes nothing of what stood there before.
pub async fn a_lineage_begins_under_the_handling_of_what_stands_there(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    Village::new(Arc::clone(&store), 1).await;
    let strict = || Some(Rules::marked(Some(TlpLevel::Green), Originator::Here).pap_at_least(Pap::Red));
    let pap = async |user, collection, sample: Sample| {
        let sample = sample.with(|facts| facts.tlp = Some(TlpLevel::Green.number()));
        let landed = store.add(batch_by(user, collection, &[sample])).await.unwrap().remove(0);
        assert!(landed.added.is_some(), "{:?}", landed.how);
        landed.inherited.map(|rules| rules.pap())
    };
    let of = |number, modified, created| {
        Sample::indicator(number, modified).created(created).saying(&format!("{modified} {created}"))
    };
    assert_eq!(pap(1, c[0], of(1, 1, 0).under(strict())).await, None);
    assert_eq!(pap(2, c[0], of(1, 2, 1)).await, Some(Pap::Red));
    assert_eq!(pap(2, c[0], of(1, 3, 1)).await, Some(Pap::Red), "as the one before");
    assert_eq!(pap(2, c[1], of(1, 4, 2)).await, None, "another collection is another matter");
    // What comes beside is stricter: what stands there goes on as it was.
    assert_eq!(pap(1, c[0], of(2, 1, 0)).await, None);
    assert_eq!(pap(1, c[0], of(2, 2, 1).under(strict())).await, None);
    assert_eq!(pap(2, c[0], of(2, 3, 0)).await, None);
    assert_eq!(pap(2, c[0], of(2, 4, 1)).await, Some(Pap::Red));
    // What is withheld from its poster binds nobody.
    assert_eq!(pap(1, c[0], of(3, 1, 0).only_for(&[1])).await, None);
    let landed = store.add(batch_by(2, c[0], &[of(3, 2, 1)])).await.unwrap().remove(0);
    assert_eq!((landed.inherited, landed.contradicts), (None, None));
}

/// A redacted view is under the handling of versions of its original that have no view, of the same lineage; of others only where it is
/// the first of its own in a collection.
pub async fn a_view_follows_the_lineage_of_its_original(site: Site) {
    let store = site.open();
    let c = collections(&*store, 3).await;
    Village::new(Arc::clone(&store), 1).await;
    let strict = || Some(Rules::marked(Some(TlpLevel::Green), Originator::Here).pap_at_least(Pap::Red));
    let pap = async |collection, sample: Sample| {
        let sample = sample.with(|facts| facts.tlp = Some(TlpLevel::Green.number()));
        let new = Batch { writer: writer_who_reads(1, &c, collection), ..batch(collection, &[sample]) };
        let landed = store.add(new).await.unwrap().remove(0);
        assert!(landed.added.is_some(), "{:?}", landed.how);
        landed.inherited.map(|rules| rules.pap())
    };
    let of = |number, modified, created| {
        Sample::indicator(number, modified).created(created).saying(&format!("{number} {modified} {created}"))
    };
    let view = |modified, created| of(9, modified, created).view_of(&id("indicator", 1));
    assert_eq!(pap(c[0], of(1, 1, 0).under(strict())).await, None);
    assert_eq!(pap(c[1], of(1, 2, 1)).await, None);
    assert_eq!(pap(c[1], view(2, 1)).await, None, "what another lineage is under elsewhere is not its own");
    assert_eq!(pap(c[2], view(3, 0)).await, Some(Pap::Red), "its own it is, wherever that stands");
    assert_eq!(pap(c[0], view(4, 1)).await, Some(Pap::Red), "and that of what it begins beside");
    // What begins beside it later closes nothing.
    assert_eq!(pap(c[1], of(1, 5, 2).under(strict())).await, None);
    assert_eq!(pap(c[1], view(6, 1)).await, Some(Pap::Red), "as the one in the first collection");
    assert_eq!(pap(c[2], of(2, 1, 0)).await, None);
    let other = |modified, created| of(8, modified, created).view_of(&id("indicator", 2));
    assert_eq!(pap(c[2], other(1, 0)).await, None);
    assert_eq!(pap(c[2], of(2, 2, 1).under(strict())).await, None);
    assert_eq!(pap(c[2], other(3, 0)).await, None);
}

/// Narrowing changes what one says oneself, and what others say beside it stays as they say it.
pub async fn narrowing_leaves_the_word_of_others(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    Village::new(Arc::clone(&store), 1).await;
    store.add(batch(c[0], &[Sample::indicator(1, 1), Sample::indicator(1, 2)])).await.unwrap();
    said(&*store, c[0], Sample::indicator(1, 1), &member(1)).await;
    said(&*store, c[0], Sample::indicator(2, 1), &member(1)).await;
    let red = Rules::marked(None, Originator::Here).pap_at_least(Pap::Red);
    let red = red.into();
    let narrow = async |number| store.narrow(&writer(1, c[0]), &id("indicator", number), &red).await;
    assert_eq!(narrow(1).await.unwrap(), 2, "its own two versions");
    assert_eq!(narrow(1).await.unwrap(), 0, "said again, nothing changes");
    assert!(matches!(narrow(2).await, Err(StoreError::NotFound { .. })), "nothing of it is its own");
    let held = store.object(&viewer(1, &c), &id("indicator", 1), Some(&day(1))).await.unwrap();
    let mut paps: Vec<(bool, Pap)> = held
        .places
        .iter()
        .filter_map(|place| place.rules.as_ref())
        .map(|rules| (*rules.originator() == Originator::Here, rules.pap()))
        .collect();
    paps.sort_unstable();
    assert_eq!(paps, [(false, open_by(&member(1)).pap()), (true, Pap::Red)]);
}

/// What another member gave and had erased is refused to who could see it, unless it stands by some other word; a recall forbids nothing, and
/// what is given anew is no copy.
pub async fn a_copy_of_what_was_erased_is_known(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    Village::new(Arc::clone(&store), 1).await;
    let gone = |number: u64| Sample::indicator(number, 1).saying("gone");
    for number in 1..=4 {
        said(&*store, c[0], gone(number), &member(1)).await;
    }
    said(&*store, c[0], gone(2), &member(2)).await;
    let hidden = gone(5).under(Some(open_by(&member(1)).to(Audience::only(std::iter::empty()))));
    exchanged(&*store, 1, {
        let new = batch(c[0], &[hidden]);
        move |desk| desk.add(&new, LeavesBy::Step)
    })
    .await
    .unwrap();
    // The fourth was deleted by who may, before anything else happened to it.
    store.delete(&writer(1, c[0]), &id("indicator", 4), &crate::Filter::default()).await.unwrap();
    let erased = [1, 2, 4, 5];
    exchanged(&*store, 5, move |desk| {
        for number in 1..=5 {
            let (id, version, originator) = (id("indicator", number), day(1), member(1));
            desk.take_away(&VersionsOf { id: &id, version: &version, originator, digest: None })?;
            let name = ObjectName { author: KeyId::from_bytes([1; 32]), id };
            let fate = FateRow::none(name);
            let act = Some(7);
            desk.apply(vec![Effect::Fate(if erased.contains(&number) {
                FateRow { erased: act, ..fate }
            } else {
                FateRow { recalled: act, ..fate }
            })])?;
        }
        Ok(())
    })
    .await
    .unwrap();
    let by_hand = async |number| how_by(1, &*store, c[0], &gone(number)).await;
    assert_eq!((by_hand(1).await, by_hand(4).await), ("erased-by-originator", "erased-by-originator"));
    assert_eq!(how_by(1, &*store, c[0], &gone(1).written("in other bytes")).await, "erased-by-originator");
    assert_eq!(how_by(1, &*store, c[0], &Sample::indicator(1, 1).saying("else")).await, "accepted");
    assert_eq!(by_hand(2).await, "known", "it stands by the other's word");
    assert_eq!(by_hand(3).await, "accepted", "it was called back alone");
    assert_eq!(by_hand(5).await, "accepted", "nobody here could see it");
    // Who writes elsewhere and reads none of this brings in something new.
    assert_eq!(how_by(2, &*store, c[1], &gone(1)).await, "accepted");
    assert_eq!(how_by(2, &*store, c[0], &gone(4)).await, "erased-by-originator");

    said(&*store, c[0], gone(6), &member(1)).await;
    exchanged(&*store, 1, |desk| {
        let (id, version) = (id("indicator", 6), day(1));
        desk.take_away(&VersionsOf { id: &id, version: &version, originator: member(1), digest: None })
    })
    .await
    .unwrap();
    said(&*store, c[0], gone(6), &member(1)).await;
    assert_eq!(by_hand(6).await, "known");
    assert!(store.check(true).await.unwrap().iter().all(|check| check.ok));
}

/// What waits is listed by object, by moment and by member, goes one by one or with its object, and is looked at again when something
/// has happened; own versions are read in pages.
pub async fn what_waits_is_listed_until_it_waits_no_more(site: Site) {
    let store = site.open();
    collections(&*store, 1).await;
    let mut village = Village::new(Arc::clone(&store), 3).await;
    let [one, other] = [1, 2].map(|at| village.members[at].id());
    let row = |number, version: &str, member, look: i64| LaterRow {
        object: id("indicator", number),
        version: version.to_owned(),
        member,
        lane: if look == 1 { Lane::Flash } else { Lane::Routine },
        rule: format!("rule {look}"),
        since: START,
        look: if look == 0 { Micros(i64::MAX) } else { START.plus(look) },
    };
    let rows = [
        row(1, &day(1), one, 3),
        row(1, &day(1), other, 1),
        row(1, &day(2), one, 0),
        row(2, "", one, 2),
        row(2, "", other, 0),
        row(3, &day(1), other, 4),
    ];
    village.step(0, Step::Put(rows.iter().cloned().map(Effect::Later).collect())).await;
    village.compare("what waits").await;
    let of_clock = |number, member, rule: &str, look| {
        Effect::Later(LaterRow { rule: rule.to_owned(), ..row(number, &day(3), member, look) })
    };
    let clocks = vec![
        of_clock(1, one, LaterRow::CLOCK_BEHIND, 5),
        of_clock(1, other, LaterRow::CLOCK_BEHIND, 9),
        of_clock(2, one, LaterRow::CIRCLE_HISTORY, 5),
        of_clock(2, other, LaterRow::CIRCLE_HISTORY, 9),
        of_clock(3, one, LaterRow::EMBARGO, 9),
        of_clock(3, other, LaterRow::TWO_SALTS, 0),
    ];
    let steps = [
        ("one of them waits for something else", vec![Effect::Later(row(1, &day(1), one, 5))]),
        ("one waits no more", vec![rows[1].over()]),
        ("a member is back", vec![Effect::LookAgain(Again::Member(other))]),
        ("markings have come", vec![Effect::LookAgain(Again::Object(id("indicator", 1)))]),
        ("two wait for clocks", clocks.clone()),
        ("a clock is put right", vec![Effect::LookAgain(Again::ClockOf(other))]),
        ("one that went ahead is", vec![Effect::LookAgain(Again::Clocks(START.plus(6)))]),
        ("an object waits no more", vec![Effect::NoneLater(id("indicator", 1)), rows[5].over()]),
        ("what does not wait changes nothing", vec![Effect::NoneLater(id("indicator", 9)), rows[5].over()]),
    ];
    for (told, effects) in steps {
        village.step(0, Step::Put(effects)).await;
        village.compare(told).await;
    }
    let left = village.members[0].rows.clone();
    let left: Vec<LaterRow> = federation::Rows::later_due(&left, Micros(i64::MAX), 9).unwrap();
    assert_eq!(left.iter().map(|row| row.member).collect::<BTreeSet<_>>(), BTreeSet::from([one, other]));

    let to: BTreeSet<KeyId> = village.others(0).into_iter().collect();
    for object in [3, 1, 2] {
        for version in [2, 1] {
            village.step(0, Step::Release { object, version, to: to.clone(), lane: Lane::Routine }).await;
        }
    }
    village.compare("own versions").await;
    let me = village.members[0].id();
    let read = looked(&*store, me, |rows| {
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let page = rows.own_versions(after, 4).map_err(|failed| StoreError::Backend(failed.0))?;
            read.extend(page.iter().map(|row| (row.name.id.clone(), row.version.clone())));
            if page.len() < 4 {
                return Ok(read);
            }
            after = read.last().cloned();
        }
    });
    let expected = (1..=3).flat_map(|number| [1, 2].map(|version| (id("indicator", number), day(version))));
    let mut read = read.await.unwrap();
    read.sort();
    assert_eq!(read, expected.collect::<Vec<_>>());
}

/// What was given beside the act by which a version is held is past its time by what that said and by what was narrowed since, and not by what
/// was narrowed before.
pub async fn an_end_that_a_narrowing_sets_is_looked_for_beside(site: Site) {
    let store = site.open();
    collections(&*store, 1).await;
    let mut village = Village::new(Arc::clone(&store), 1).await;
    let me = village.members[0].id();
    let rules = Rules::marked(Some(TlpLevel::Amber), Originator::Here);
    let (open, ending) = (rules.to_string(), rules.clone().retained(START.plus(5)).to_string());
    // Of each object the acts 1 and 2 of its ten give a version, the first beside the second.
    let put = |number: u64, said: [&str; 2], narrowed: (u64, &str)| {
        let name = ObjectName { author: me, id: id("indicator", number) };
        let act = |at: u64| number * 10 + at;
        let mut effects = Vec::new();
        for (at, rules) in (1..).zip(said) {
            let content = Content { rules, object: b"{}", ..Content::default() };
            effects.push(Effect::Payload(PayloadRow {
                author: me,
                sequence: act(at),
                salt: Salt::from_bytes([7; 32]),
                bytes: content.to_bytes().unwrap(),
            }));
        }
        let (version, sequence) = (day(1), act(1));
        effects.push(Effect::Besides { name: name.clone(), version: version.clone(), sequence });
        effects.push(Effect::Version(VersionRow {
            name: name.clone(),
            version,
            sequence: act(2),
            kind: ActKind::Released,
            digest: Commitment([7; 32]),
            rules: open.clone(),
            by: None,
        }));
        let narrowed = vec![(act(narrowed.0), narrowed.1.to_owned())];
        effects.push(Effect::Fate(FateRow { narrowed, ..FateRow::none(name) }));
        Step::Put(effects)
    };
    // Said by itself; narrowed since; narrowed before it was given; never.
    let all = [
        ([&*ending, &*open], (3, &*open)),
        ([&open, &open], (2, &ending)),
        ([&open, &open], (0, &ending)),
        ([&open, &open], (2, &open)),
    ];
    for (number, (said, narrowed)) in (1..).zip(all) {
        village.step(0, put(number, said, narrowed)).await;
    }
    for (now, expected) in [(4, vec![]), (5, vec![1, 2])] {
        let now = START.plus(now);
        assert_eq!(store.overdue(now).await.unwrap(), expected.len() as u64);
        let gone = exchanged(&*store, 1, move |desk| desk.retire(now, 9)).await.unwrap();
        let gone: Vec<_> = gone.into_iter().map(|gone| gone.id).collect();
        assert_eq!(gone, expected.into_iter().map(|number| id("indicator", number)).collect::<Vec<_>>());
    }
}

//! Exchange: the rows read as those in plain maps after the same steps, what fails leaves nothing, and objects go by whose word
//! they are.

use std::collections::BTreeSet;

use base::{Micros, SeededRng};
use federation::{AckRefusal, Effect, Giving, Lane, Recovery, RefusalRow, Rows as _, Stage};
use handling::{Audience, CollectionNo, Mark, MemberId, Originator, Pap, Rules};
use stix::TlpLevel;

use super::Site;
use super::meeting::{Dice, Said, Step, Village};
use super::sample::{START, Sample, add, batch, collections, day, id, viewer};
use crate::{LeavesBy, Store, StoreError, VersionsOf, exchanged, tried};

/// A step by anybody, as the dice fall.
async fn anything(village: &mut Village, dice: &Dice) {
    let who = usize::try_from(dice.throw(village.members.len() as u64)).unwrap();
    let others = village.others(who);
    let (object, version) = (dice.throw(6), 1 + u32::try_from(dice.throw(2)).unwrap());
    let some: BTreeSet<_> = others.iter().filter(|_| dice.throw(3) > 0).copied().collect();
    let lane = dice.one(&[Lane::Flash, Lane::Routine]);
    let (one, other) = (dice.one(&others), dice.one(&others));
    let step = match dice.throw(17) {
        0..=4 => Step::Release { object, version, to: some, lane },
        5 => Step::Narrow { object, to: some },
        6 => Step::Recall { object },
        7 if dice.throw(3) == 0 => Step::Erase { object },
        8 => Step::Consent { object, version, from: one, to: other },
        16 => Step::Revoke { object, nth: dice.throw(3) },
        9 => Step::PassOn { author: one, object, version, to: other },
        _ => {
            let whom = usize::try_from(dice.throw(village.members.len() as u64)).unwrap();
            if whom != who {
                village.meet(who, whom, dice).await;
            }
            return;
        }
    };
    village.step(who, step).await;
}

/// Whatever members do, in whatever order it arrives, the rows read as those in plain maps.
pub async fn the_rows_are_those_of_the_maps(site: Site) {
    let store = site.open();
    collections(&*store, 1).await;
    let mut village = Village::new(store, 3).await;
    let dice = Dice(SeededRng::new(20_260_102));
    for round in 0..150 {
        anything(&mut village, &dice).await;
        if round % 10 == 9 {
            village.compare(&format!("after {round}")).await;
        }
    }
    for _ in 0..2 {
        for (who, whom) in [(0, 1), (1, 2), (2, 0), (1, 0)] {
            let calm = Dice(SeededRng::new(4));
            village.meet(who, whom, &calm).await;
        }
    }
    village.compare("at the end").await;
    let rows = &village.members[0].rows;
    assert!(rows.acts().count() > 40 && rows.all_receipts().count() > 10 && rows.lines().count() > 20);
    assert!(rows.evidence().is_empty());
    let mut held = rows.all_versions().unwrap().into_iter();
    assert!(held.any(|held| !rows.replaced(&held).unwrap().is_empty()));
}

/// Where the content of a version goes although the version stays, since something else is given under its name, the salts of the acts that
/// gave the same before go with it: without them nobody can find out by trying what backups of before have of these acts.
pub async fn salts_of_acts_before_go_with_the_content(site: Site) {
    let store = site.open();
    collections(&*store, 1).await;
    let mut village = Village::new(std::sync::Arc::clone(&store), 3).await;
    let others: Vec<_> = village.others(0).into_iter().collect();
    for to in [&others[..1], &others[..]] {
        let to = to.iter().copied().collect();
        village.step(0, Step::Release { object: 1, version: 1, to, lane: Lane::Routine }).await;
    }
    village.compare("given twice").await;
    let held = village.members[0].rows.all_versions().unwrap().remove(0);
    let (before, after) = exchanged(&*store, 1, move |desk| {
        let before = desk.rows().replaced(&held).unwrap().len();
        desk.apply(vec![Effect::DropPayload { author: held.name.author, sequence: held.sequence }])?;
        Ok((before, desk.rows().replaced(&held).unwrap().len()))
    })
    .await
    .unwrap();
    assert_eq!((before, after), (1, 0));
}

/// Ledgers of several tiles, own and mirrored, taken at once and bit by bit.
pub async fn long_ledgers_are_mirrored(site: Site) {
    let store = site.open();
    collections(&*store, 1).await;
    let mut village = Village::new(store, 2).await;
    let release = |to: BTreeSet<_>| Step::Release { object: 1, version: 1, to, lane: Lane::Routine };
    let calm = Dice(SeededRng::new(4));
    // A head that was cosigned before any of its leaves came.
    village.step(1, release(BTreeSet::new())).await;
    let head = village.members[1].rows.own().unwrap().head.unwrap();
    village.step(0, Step::Witness(format!("old 0\n\n{head}").into_bytes())).await;
    village.compare("of a witnessed ledger").await;
    let author = village.members[1].id();
    assert!(village.members[0].rows.witnessed(&author).unwrap().is_some());
    for many in [270, 1, 260, 3] {
        for _ in 0..many {
            village.step(1, release(BTreeSet::new())).await;
        }
        let to = village.others(1).into_iter().collect();
        village.step(1, release(to)).await;
        village.meet(1, 0, &calm).await;
        village.meet(0, 1, &calm).await;
        village.compare("of a long ledger").await;
    }
    let to: BTreeSet<_> = village.others(0).into_iter().collect();
    for _ in 0..262 {
        village.step(0, release(to.clone())).await;
    }
    village.compare("with a long ledger of one's own").await;
    village.meet(0, 1, &calm).await;
    village.meet(0, 1, &calm).await;
    village.compare("after it was told").await;
    assert!(village.members[0].rows.all_receipts().count() >= 262);
}

/// Two ledgers of one member and two acts for one place are proven; noise and what is for others is refused and logged.
pub async fn evidence_and_refusals_are_kept(site: Site) {
    let store = site.open();
    collections(&*store, 1).await;
    let mut village = Village::new(store, 3).await;
    let calm = Dice(SeededRng::new(4));
    let to: BTreeSet<_> = village.others(1).into_iter().collect();
    let release = |object| Step::Release { object, version: 1, to: to.clone(), lane: Lane::Routine };
    let before = village.members[1].rows.clone();
    village.step(1, release(1)).await;
    village.meet(1, 0, &calm).await;
    // The member goes on from an earlier state as if the act had never been.
    let heard = village.members[1].rows.clone();
    village.members[1].rows = before;
    village.step(1, release(2)).await;
    let fork = village.words(1, 0).await;
    village.step(0, Step::Hear(fork.clone())).await;
    village.step(0, Step::Hear(fork)).await;
    village.members[1].rows = heard;
    // Envelopes for another, taken from its post.
    let to: BTreeSet<_> = village.others(2).into_iter().collect();
    village.step(2, Step::Release { object: 3, version: 1, to, lane: Lane::Flash }).await;
    let for_other = federation::Turn::from_bytes(&village.words(2, 1).await).unwrap();
    let mut mixed = federation::Turn::from_bytes(&village.words(2, 0).await).unwrap();
    mixed.batch = for_other.batch;
    village.step(0, Step::Hear(mixed.to_bytes())).await;
    village.compare("after lies").await;
    let rows = &village.members[0].rows;
    assert_eq!(rows.evidence().len(), 1);
    assert!(rows.refusals().iter().any(|row| row.rule == "seal-closed"), "{:?}", rows.refusals());
    // Nothing of it was taken for a turn's worth.
    for noise in [&b""[..], b"CRT1", &[0xFF; 64]] {
        assert!(matches!(village.step(0, Step::Hear(noise.to_vec())).await, Said::Refused(_)));
    }
    // While it takes back what it lost, nothing new is taken and nothing is done.
    let giving = |member| (member, Giving { next: 3, sent: Some([1, 2]) });
    let recovery = Recovery {
        from: 1,
        since: START,
        stage: Stage::TakingBack,
        peers: village.others(0).into_iter().map(giving).collect(),
        without: village.others(0).into_iter().take(1).collect(),
    };
    village.step(0, Step::Recovery(Some(recovery))).await;
    village.compare("while recovering").await;
    let said =
        village.step(0, Step::Release { object: 4, version: 1, to: BTreeSet::new(), lane: Lane::Routine });
    assert!(matches!(said.await, Said::Refused(_)));
    village.step(0, Step::Recovery(None)).await;
    village.compare("after recovering").await;
}

/// What a peer has read in a life that a restore has ended: what it was given by then is noted, and lines of after it go behind that.
pub async fn lines_go_behind_what_a_restore_has_lost(site: Site) {
    let store = site.open();
    collections(&*store, 1).await;
    let mut village = Village::new(store, 3).await;
    let calm = Dice(SeededRng::new(4));
    let to: BTreeSet<_> = village.others(0).into_iter().collect();
    let release = |object, lane| Step::Release { object, version: 1, to: to.clone(), lane };
    for object in 1..4 {
        village.step(0, release(object, Lane::Routine)).await;
    }
    village.meet(0, 1, &calm).await;
    village.step(0, Step::Put(vec![Effect::Life(9)])).await;
    village.compare("in a new life").await;
    let [peer, other] = [1, 2].map(|at| village.members[at].id());
    assert_eq!(village.members[0].rows.peer(&peer).unwrap().before, [0, 3]);
    for object in 4..7 {
        village.step(0, release(object, Lane::Routine)).await;
    }
    village.step(0, release(7, Lane::Flash)).await;
    village.step(0, Step::Put(vec![Effect::Life(12)])).await;
    village.compare("in another one").await;
    assert_eq!(village.members[0].rows.peer(&peer).unwrap().before, [0, 3], "it was not heard between");
    // To places that overlap with those they leave, and to some far off.
    for (peer, by) in [(peer, 2), (other, 1_000)] {
        let moved = Effect::MoveLines { peer, lane: Lane::Routine, after: 3, upto: 6, by };
        village.step(0, Step::Put(vec![moved])).await;
        let (mut row, last) = (village.members[0].rows.peer(&peer).unwrap(), 6 + by);
        (row.queues[1].last, row.heard_in) = (last, 12);
        (row.life, row.life_proof) = (by, Some(format!("{{\"life\":{by}}}")));
        village.step(0, Step::Put(vec![Effect::Peer(peer, row)])).await;
        village.compare("moved").await;
        let rows = &village.members[0].rows;
        let line = |place| rows.outbox(&peer, Lane::Routine, place).unwrap().map(|line| line.sequence);
        let first = line(3).unwrap() + 1;
        assert_eq!([4 + by, 5 + by, last].map(line), [Some(first), Some(first + 1), Some(first + 2)]);
        assert_eq!(line(4), None);
    }
}

/// Who began a new life is owed again what the log has of refusals of what stood in its lanes, in place of what it was owed.
pub async fn refusals_are_owed_again(site: Site) {
    let store = site.open();
    collections(&*store, 1).await;
    let mut village = Village::new(store, 3).await;
    let [peer, other] = [1, 2].map(|at| village.members[at].id());
    let refused = |peer, at_place: Option<(Lane, u64)>, rule: &str| {
        let object = at_place.map(|_| id("indicator", 1));
        Effect::Refusal(RefusalRow { peer, at_place, object, rule: rule.to_owned(), at: START })
    };
    let logged = vec![
        refused(Some(peer), Some((Lane::Routine, 7)), "first"),
        refused(Some(peer), Some((Lane::Flash, 7)), "flash"),
        refused(Some(other), Some((Lane::Routine, 1)), "of another"),
        refused(Some(peer), None, "without a place"),
        refused(None, None, "of nobody"),
        refused(Some(peer), Some((Lane::Routine, 7)), "last"),
        Effect::RefusedThere(RefusalRow {
            peer: Some(peer),
            at_place: Some((Lane::Routine, 2)),
            object: Some("what its sender calls it".into()),
            rule: "there".into(),
            at: START,
        }),
        Effect::Owe(peer, vec![AckRefusal { lane: 1, place: 9, rule: "owed".into() }]),
        Effect::Owe(other, vec![AckRefusal { lane: 1, place: 9, rule: "owed".into() }]),
    ];
    village.step(0, Step::Put(logged)).await;
    village.step(0, Step::Put(vec![Effect::OweAgain(peer)])).await;
    village.compare("owed again").await;
    let owed = |member| village.members[0].rows.owed(member, 0, 10).unwrap();
    let told: Vec<_> = owed(&peer).into_iter().map(|(_, it)| (it.lane, it.place, it.rule)).collect();
    assert_eq!(told, [(0, 7, "flash".to_owned()), (1, 7, "last".to_owned())]);
    assert_eq!(owed(&other).len(), 1);
}

async fn holds(store: &dyn Store, collections: &[CollectionNo], number: u64) -> bool {
    store.object(&viewer(1, collections), &id("indicator", number), None).await.is_ok()
}

/// Figures of what is stored.
async fn counted(store: &dyn Store) -> (u64, u64) {
    let figures = store.figures(None).await.unwrap();
    (figures.objects, figures.versions)
}

/// A step that is only tried tells what it would come to, and leaves nothing.
pub async fn what_is_tried_is_told_and_leaves_nothing(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    Village::new(std::sync::Arc::clone(&store), 1).await;
    let (before, figures) = (store.leaf_count().await.unwrap(), counted(&*store).await);
    let new = batch(c[0], &[Sample::indicator(50, 1)]);
    let landed = tried(&*store, 1, move |desk| desk.add(&new, LeavesBy::Store)).await.unwrap();
    assert!(landed[0].added.is_some(), "{:?}", landed[0].how);
    assert_eq!((store.leaf_count().await.unwrap(), counted(&*store).await), (before, figures));
    let failed = tried(&*store, 1, |_| Err::<(), _>(StoreError::Recovering)).await;
    assert!(matches!(failed, Err(StoreError::Recovering)), "{failed:?}");
}

/// A step that fails takes back everything: rows, objects, leaves, dates.
pub async fn a_failed_step_leaves_nothing(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    add(&*store, c[0], &[Sample::indicator(1, 1)]).await;
    let mut village = Village::new(std::sync::Arc::clone(&store), 2).await;
    let to: BTreeSet<_> = village.others(0).into_iter().collect();
    let release = |object| Step::Release { object, version: 1, to: to.clone(), lane: Lane::Routine };
    village.step(0, release(1)).await;
    for alone in [true, false] {
        let before = store.leaf_count().await.unwrap();
        let figures = counted(&*store).await;
        let head = store.ledger_head().await.unwrap();
        let new = batch(c[0], &[Sample::indicator(50, 1).text("word")]);
        let peer = village.members[1].id();
        let failing = exchanged(&*store, 1, move |desk| -> Result<(), StoreError> {
            desk.add(&new, LeavesBy::Store)?;
            let held = VersionsOf {
                id: &id("indicator", 1),
                version: &day(1),
                originator: Originator::Here,
                digest: None,
            };
            assert_eq!(desk.take_away(&held)?, 1);
            let row = RefusalRow {
                peer: Some(peer),
                at_place: None,
                object: None,
                rule: "noise".into(),
                at: START,
            };
            desk.apply(vec![
                Effect::Refusal(row),
                Effect::Peer(peer, federation::PeerRow { seen: Some(Micros(7)), ..Default::default() }),
                Effect::Evidence { origin: peer, text: "{}".into() },
            ])?;
            assert_eq!(desk.rows().own().unwrap().next, before + 1);
            assert_eq!(desk.rows().peer(&peer).unwrap().seen, Some(Micros(7)));
            Err(StoreError::Backend("given up".into()))
        });
        if alone {
            assert!(matches!(failing.await, Err(StoreError::Backend(_))));
            assert_eq!(store.ledger_head().await.unwrap(), head);
            assert_eq!((store.leaf_count().await.unwrap(), counted(&*store).await), (before, figures));
        } else {
            // Beside neighbours that stay.
            let neighbour = [Sample::indicator(60, 1)];
            let (failed, _) = super::both(failing, async {
                store.add(crate::Batch { status: None, ..batch(c[0], &neighbour) }).await.unwrap()
            })
            .await;
            assert!(matches!(failed, Err(StoreError::Backend(_))));
            assert!(holds(&*store, &c, 60).await);
            assert_eq!(store.leaf_count().await.unwrap(), before + 1);
        }
        assert!(holds(&*store, &c, 1).await && !holds(&*store, &c, 50).await);
        assert!(
            store.evidence().await.unwrap().is_empty() && store.refusals(None, 9).await.unwrap().is_empty()
        );
        if alone {
            village.compare("after a failed step").await;
            village.step(0, release(2)).await;
            village.compare("after the step behind it").await;
        }
    }
    // An effect that contradicts what is stored gives up the step.
    let peer = village.members[1].id();
    let leaf = ledger::TreeHash::leaf(b"x");
    let before = store.leaf_count().await.unwrap();
    let torn = exchanged(&*store, 1, move |desk| {
        desk.apply(vec![
            Effect::Peer(peer, federation::PeerRow { seen: Some(Micros(8)), ..Default::default() }),
            Effect::Leaf { sequence: before, leaf },
        ])
    });
    assert!(torn.await.is_err());
    assert_eq!(store.leaf_count().await.unwrap(), before);
    // A new life changes what is known of peers as it stands.
    let late = exchanged(&*store, 1, move |desk| {
        desk.apply(vec![Effect::Peer(peer, federation::PeerRow::default()), Effect::Life(9)])
    });
    assert!(late.await.is_err());
    assert!(store.check(true).await.unwrap().iter().all(|check| check.ok));
}

/// A refusal that a peer tells again is logged once; another one, and what was refused here, each time.
pub async fn a_refusal_told_again_is_logged_once(site: Site) {
    let store = site.open();
    let mut village = Village::new(std::sync::Arc::clone(&store), 2).await;
    let peer = village.members[1].id();
    let row = |place, rule: &str| RefusalRow {
        peer: Some(peer),
        at_place: Some((Lane::Routine, place)),
        object: None,
        rule: rule.into(),
        at: START,
    };
    for _ in 0..3 {
        let there = [row(1, "noise"), row(2, "noise"), row(1, "other")].map(Effect::RefusedThere);
        village
            .step(0, Step::Put(there.into_iter().chain([Effect::Refusal(row(1, "noise"))]).collect()))
            .await;
    }
    village.compare("after it was told three times").await;
    let logged = store.refusals(None, 99).await.unwrap();
    let by = |by| logged.iter().filter(|(who, _)| *who == by).count();
    assert_eq!((by(crate::RefusedBy::There), by(crate::RefusedBy::Here)), (3, 3));
    assert_eq!(store.refused(peer).await.unwrap(), crate::Refused { here: 3, there: 3 });
    let other = village.members[0].id();
    assert_eq!(store.refused(other).await.unwrap(), crate::Refused::default());
}

/// A leaf can be read by the step that made it.
pub async fn a_step_reads_its_own_leaves(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let village = Village::new(std::sync::Arc::clone(&store), 1).await;
    let (me, new) =
        (village.members[0].id(), batch(c[0], &[Sample::indicator(1, 1), Sample::indicator(2, 1)]));
    let seen = exchanged(&*store, 1, move |desk| {
        desk.add(&new, LeavesBy::Store)?;
        desk.rows().leaves(&me, 0, 2).map_err(|failed| StoreError::Backend(failed.0))
    })
    .await
    .unwrap();
    let stored = crate::looked(&*store, me, move |rows| Ok(rows.leaves(&me, 0, 2).unwrap())).await.unwrap();
    assert_eq!(seen, stored);
}

fn under(who: &Originator) -> Rules {
    Rules::marked(Some(TlpLevel::Green), who.clone()).to(Audience::EVERYBODY)
}

/// How many places a sample stands in by each word.
async fn words(store: &dyn Store, c: &[CollectionNo], number: u64) -> Vec<Originator> {
    let found = store.object(&viewer(1, c), &id("indicator", number), None).await;
    let mut words: Vec<Originator> = found.map_or(Vec::new(), |object| {
        let of = |place: &crate::Ruled| {
            place.rules.as_ref().map_or(Originator::Here, |rules| rules.originator().clone())
        };
        object.places.iter().map(of).collect()
    });
    words.sort_by_key(ToString::to_string);
    words
}

/// Two members' words on one version stand side by side, and each goes by itself.
pub async fn each_word_stands_and_goes_alone(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    Village::new(std::sync::Arc::clone(&store), 1).await;
    let [one, other] = [1, 2].map(|no| Originator::Member(MemberId([no; 32])));
    let all = [one.clone(), other.clone(), Originator::Here];
    let mut number = 0;
    for first in &all {
        for gone in &all {
            number += 1;
            let mut order: Vec<Originator> = all.to_vec();
            order.retain(|word| word != first);
            order.insert(0, first.clone());
            for word in &order {
                let sample = Sample::indicator(number, 1).under(Some(under(word)));
                let new = batch(c[0], &[sample]);
                let landed = exchanged(&*store, 1, move |desk| desk.add(&new, LeavesBy::Step)).await.unwrap();
                assert!(landed[0].added.is_some(), "{word} after {first}: {:?}", landed[0].how);
            }
            assert_eq!(words(&*store, &c, number).await.len(), 3, "{first} first");
            let leaving = gone.clone();
            let taken = exchanged(&*store, 1, move |desk| {
                let id = id("indicator", number);
                let versions =
                    VersionsOf { id: &id, version: &day(1), originator: leaving.clone(), digest: None };
                // Other versions and other objects are not meant.
                let elsewhere = VersionsOf { version: &day(2), ..versions.clone() };
                assert_eq!(desk.take_away(&elsewhere)?, 0);
                let red = Rules::marked(Some(TlpLevel::Red), leaving.clone());
                assert_eq!(desk.put_under(&versions, &red, None)?, 1);
                desk.take_away(&versions)
            });
            assert_eq!(taken.await.unwrap(), 1);
            let mut left: Vec<Originator> = all.iter().filter(|word| *word != gone).cloned().collect();
            left.sort_by_key(ToString::to_string);
            assert_eq!(words(&*store, &c, number).await, left, "{gone} left after {first}");
        }
    }
    // Another's word under other rules does not loosen or tighten this one's.
    let green = Sample::indicator(90, 1).under(Some(under(&one)));
    let closed = Sample::indicator(90, 1).under(Some(Rules::marked(Some(TlpLevel::Red), other.clone())));
    for sample in [green, closed] {
        let new = batch(c[1], &[sample]);
        exchanged(&*store, 1, move |desk| desk.add(&new, LeavesBy::Step)).await.unwrap();
    }
    assert_eq!(words(&*store, &c, 90).await, [one.clone()]);
    // What one word says of a version is no reason to refuse what another says.
    let other_content = Sample::indicator(90, 1).saying("else").under(Some(under(&other)));
    let new = batch(c[1], &[other_content.clone()]);
    let landed = exchanged(&*store, 1, move |desk| desk.add(&new, LeavesBy::Step)).await.unwrap();
    assert!(landed[0].added.is_none(), "the same member said something else of it before");
    let third = Originator::Member(MemberId([3; 32]));
    let new = batch(c[1], &[other_content.under(Some(under(&third)))]);
    let landed = exchanged(&*store, 1, move |desk| desk.add(&new, LeavesBy::Step)).await.unwrap();
    assert!(landed[0].added.is_some(), "{:?}", landed[0].how);
    assert!(store.check(true).await.unwrap().iter().all(|check| check.ok));
}

/// In the same collection, by the first definition that all its readers may see, on this member's own word alone.
pub async fn what_markings_ask_is_put_on_once_they_stand(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    Village::new(std::sync::Arc::clone(&store), 1).await;
    let definition = id("marking-definition", 1);
    let amber = || Rules::marked(Some(TlpLevel::Amber), Originator::Here);
    let awaiting = |rules: Rules| rules.awaiting(&definition).awaiting(&id("marking-definition", 2));
    let member = Originator::Member(MemberId([1; 32]));
    let theirs = Rules::marked(Some(TlpLevel::Green), member);
    let red = Rules::marked(Some(TlpLevel::Red), Originator::Here);
    let standing = [amber(), theirs, red.clone()].map(awaiting);
    for (number, rules) in (1..).zip(&standing) {
        for collection in &c {
            let new = batch(*collection, &[Sample::indicator(number, 1).under(Some(rules.clone()))]);
            exchanged(&*store, 1, move |desk| desk.add(&new, LeavesBy::Step)).await.unwrap();
        }
    }
    let asked = async || store.awaited(None, 9).await.unwrap();
    let has_come = async || !store.come(asked().await).await.unwrap().is_empty();
    let settle = async || {
        let all = asked().await;
        exchanged(&*store, 1, move |desk| desk.settle(&all, None)).await.unwrap()
    };
    let said = |statement: &str| {
        let bytes = format!(
            r#"{{"type":"marking-definition","id":"{definition}","definition_type":"statement","definition":{{"statement":"{statement}"}}}}"#
        );
        Sample::of(&definition, Some(&day(0))).in_bytes(bytes)
    };
    let both = [1, 2].map(|no| id("marking-definition", no));
    assert_eq!(asked().await.iter().map(|id| id.as_str()).collect::<Vec<_>>(), both);
    let first = store.awaited(None, 1).await.unwrap().pop();
    assert_eq!(
        store.awaited(first, 9).await.unwrap().iter().map(|id| id.as_str()).collect::<Vec<_>>(),
        [&both[1]]
    );
    assert!(!has_come().await && settle().await.is_empty());
    // One that some may not see settles nothing, and is not the first.
    add(&*store, c[0], &[said("PAP:RED").under(Some(red))]).await;
    assert!(!has_come().await && settle().await.is_empty());
    add(&*store, c[1], &[said("PAP:AMBER")]).await;
    assert!(has_come().await);
    let settled = settle().await;
    let objects = [1, 3].map(|number| id("indicator", number));
    assert_eq!(settled.len(), 1);
    assert_eq!(
        (settled[0].definition.as_str(), settled[0].mark),
        (definition.as_str(), Mark::Pap(Pap::Amber))
    );
    assert_eq!(settled[0].objects, BTreeSet::from(objects));
    assert!(!has_come().await && settle().await.is_empty());
    let view = viewer(1, &c);
    for (number, pap) in [(1, [Pap::Clear, Pap::Amber]), (2, [Pap::Clear, Pap::Clear])] {
        let held = store.object(&view, &id("indicator", number), None).await.unwrap();
        let under = held.places.iter().map(|place| place.rules.clone().unwrap());
        let told: Vec<(Pap, usize)> =
            under.map(|rules| (rules.pap(), rules.markings().awaited().count())).collect();
        let left = pap.map(|pap| (pap, if pap == Pap::Amber { 1 } else { 2 }));
        assert_eq!(told, left, "indicator {number}");
    }
    assert!(store.check(true).await.unwrap().iter().all(|check| check.ok));
}

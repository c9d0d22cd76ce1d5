//! The journeys of exchange in fair weather: release, recall, narrowing, erasure, consent, recovery, courier, lanes.

use std::collections::BTreeSet;

use base::Micros;
use base::signing::KeyId;
use federation::{Alteration, CourierError, Lane, ObjectName, ReceiptState, Rows, Taken, state_hash};
use ledger::act::ActKind;
use sim::verdict::unsettled;
use sim::world::{Road, Weather};
use sim::{Fault, Terms, World, rules_for};

fn three() -> (World, KeyId, KeyId, KeyId) {
    let world = World::new(11, 3, Fault::None);
    let (a, b, c) = (world.order[0], world.order[1], world.order[2]);
    (world, a, b, c)
}

fn held(world: &World, member: &KeyId) -> usize {
    world.nodes[member].rows.all_versions().expect("maps answer").len()
}

fn receipts(world: &World, member: &KeyId, sequence: u64) -> Vec<(KeyId, String)> {
    let rows = world.nodes[member].rows.receipts(sequence).expect("maps answer");
    let word = |state| match state {
        ReceiptState::Pending => "pending".to_owned(),
        ReceiptState::Refused(rule) => rule,
        ReceiptState::Done { outcome, .. } => outcome,
    };
    rows.into_iter().map(|row| (row.member, word(row.state))).collect()
}

#[test]
fn what_another_made_is_given_to_nobody() {
    let (mut world, a, b, c) = three();
    let terms = Terms { made_by: Some(c), ..Terms::default() };
    let (_, released) = world.release_under(a, None, (&BTreeSet::from([b]), Lane::Routine), &terms).unwrap();
    assert_eq!(released.withheld, [(b, "origin-forged".to_owned())]);
    assert!(world.settle(10));
    assert_eq!((held(&world, &a), held(&world, &b)), (1, 0));
    assert!(world.nodes[&b].rows.refusals().is_empty(), "nothing came that it had to refuse");
}

#[test]
fn only_those_addressed_get_it_and_the_author_gets_a_receipt() {
    let (mut world, a, b, c) = three();
    let (_, released) = world.release(a, None, &BTreeSet::from([b]), Lane::Routine).unwrap();
    assert_eq!(receipts(&world, &a, released.sequence), [(b, "pending".to_owned())]);
    assert!(world.settle(10));
    assert_eq!((held(&world, &a), held(&world, &b), held(&world, &c)), (1, 1, 0));
    assert_eq!(receipts(&world, &a, released.sequence), [(b, "kept".to_owned())]);
    let hash = |member: &KeyId| state_hash(&world.nodes[member].rows).unwrap();
    assert_eq!(hash(&a), hash(&b));
    assert_ne!(hash(&a), hash(&c));
    assert_eq!(unsettled(&world, None), Vec::<String>::new());
    let head = world.nodes[&a].rows.own().unwrap().head.unwrap();
    assert_eq!(
        head.lines().filter(|line| line.starts_with('\u{2014}')).count(),
        3,
        "signed and cosigned twice"
    );
}

#[test]
fn a_recall_reaches_every_holder_and_waits_for_the_unreachable() {
    let (mut world, a, b, c) = three();
    let (id, _) = world.release(a, None, &BTreeSet::from([b, c]), Lane::Routine).unwrap();
    assert!(world.settle(10));
    world.cut.insert((a, c));
    world.cut.insert((b, c));
    let sequence = world.alter(a, &id, &Alteration::Recall).unwrap();
    assert!(world.settle(10));
    assert_eq!((held(&world, &b), held(&world, &c)), (0, 1));
    let mut expected = [(b, "done".to_owned()), (c, "pending".to_owned())];
    expected.sort();
    assert_eq!(receipts(&world, &a, sequence), expected);
    world.cut.clear();
    assert!(world.settle(10));
    assert_eq!(held(&world, &c), 0);
    assert!(receipts(&world, &a, sequence).iter().all(|(_, word)| word == "done"));
    assert_eq!(unsettled(&world, None), Vec::<String>::new());
}

#[test]
fn a_recall_overtakes_its_object_and_voids_it() {
    let (mut world, a, b, _) = three();
    world.cut.insert((a, b));
    let (id, released) = world.release(a, None, &BTreeSet::from([b]), Lane::Routine).unwrap();
    world.alter(a, &id, &Alteration::Recall).unwrap();
    world.cut.clear();
    assert!(world.settle(10));
    assert_eq!(held(&world, &b), 0);
    assert_eq!(receipts(&world, &a, released.sequence), [(b, "empty".to_owned())]);
    assert_eq!(world.nodes[&b].rows.payloads().filter(|row| row.author == a).count(), 1, "the recall alone");
}

#[test]
fn narrowing_takes_it_from_who_is_no_longer_entitled() {
    let (mut world, a, b, c) = three();
    let (id, _) = world.release(a, None, &BTreeSet::from([b, c]), Lane::Routine).unwrap();
    assert!(world.settle(10));
    let rules = rules_for(&BTreeSet::from([b]));
    let sequence = world.alter(a, &id, &Alteration::Narrow(&rules)).unwrap();
    assert!(world.settle(10));
    assert_eq!((held(&world, &b), held(&world, &c)), (1, 0));
    assert!(receipts(&world, &a, sequence).iter().all(|(_, word)| word == "done"));
    assert_eq!(unsettled(&world, None), Vec::<String>::new());
}

#[test]
fn erased_content_stays_erased_also_after_an_old_backup() {
    let (mut world, a, b, _) = three();
    let (id, _) = world.release(a, None, &BTreeSet::from([b]), Lane::Routine).unwrap();
    assert!(world.settle(10));
    world.node(&b).back_up();
    world.alter(a, &id, &Alteration::Erase).unwrap();
    assert!(world.settle(10));
    assert_eq!(held(&world, &b), 0);
    world.restore(&b);
    assert!(world.nodes[&b].rows.own().unwrap().recovery.is_some(), "it serves nothing yet");
    assert!(world.settle(20));
    assert!(world.nodes[&b].rows.own().unwrap().recovery.is_none());
    assert_eq!(held(&world, &b), 0);
    assert!(
        world.release(a, Some(&id), &BTreeSet::from([b]), Lane::Routine).is_none(),
        "nor is it released again"
    );
    assert_eq!(unsettled(&world, None), Vec::<String>::new());
}

#[test]
fn an_author_takes_back_its_ledger_after_an_old_backup() {
    let (mut world, a, b, c) = three();
    world.node(&a).back_up();
    let (id, _) = world.release(a, None, &BTreeSet::from([b, c]), Lane::Routine).unwrap();
    assert!(world.settle(10));
    let before = world.nodes[&a].rows.own().unwrap();
    world.restore(&a);
    assert_eq!(world.nodes[&a].rows.own().unwrap().next, 0);
    assert!(
        world.release(a, None, &BTreeSet::from([b]), Lane::Routine).is_none(),
        "no act before it is whole"
    );
    assert!(world.settle(20));
    let own = world.nodes[&a].rows.own().unwrap();
    assert!(own.recovery.is_none() && own.next >= before.next, "never a smaller ledger");
    let name = ObjectName { author: a, id: id.clone() };
    assert_eq!(world.nodes[&a].rows.holders(&name).unwrap().len(), 2, "it knows again who has it");
    world.alter(a, &id, &Alteration::Recall).unwrap();
    world.release(a, None, &BTreeSet::from([b, c]), Lane::Flash).unwrap();
    assert!(world.settle(20));
    assert_eq!((held(&world, &b), held(&world, &c)), (1, 1));
    assert_eq!(unsettled(&world, None), Vec::<String>::new());
}

#[test]
fn two_that_lose_the_same_at_once_bring_it_together_again() {
    let (mut world, a, b, c) = three();
    world.release(a, None, &BTreeSet::from([b, c]), Lane::Routine).unwrap();
    assert!(world.settle(10));
    for member in [a, b] {
        world.node(&member).back_up();
    }
    let (id, _) = world.release(a, None, &BTreeSet::from([b, c]), Lane::Routine).unwrap();
    world.release(b, None, &BTreeSet::from([a, c]), Lane::Flash).unwrap();
    world.alter(a, &id, &Alteration::Narrow(&rules_for(&BTreeSet::from([b])))).unwrap();
    assert!(world.settle(10));
    world.release(a, None, &BTreeSet::from([b, c]), Lane::Routine).unwrap();
    assert!(world.settle(10));
    let before = [a, b].map(|member| world.nodes[&member].rows.own().unwrap().next);
    world.restore(&a);
    world.restore(&b);
    assert!(world.settle(20));
    for (member, before) in [a, b].into_iter().zip(before) {
        let own = world.nodes[&member].rows.own().unwrap();
        assert!(own.recovery.is_none() && own.next >= before);
        assert!(world.nodes[&member].rows.evidence().is_empty());
    }
    assert_eq!(held(&world, &b), 3, "but for the one that only the two of them had");
}

#[test]
fn content_comes_back_from_whoever_still_may_have_it() {
    let (mut world, a, b, c) = three();
    world.node(&a).back_up();
    let (id, _) = world.release(a, None, &BTreeSet::from([b, c]), Lane::Routine).unwrap();
    assert!(world.settle(10));
    let rules = rules_for(&BTreeSet::from([c]));
    world.alter(a, &id, &Alteration::Narrow(&rules)).unwrap();
    assert!(world.settle(10));
    assert_eq!((held(&world, &b), held(&world, &c)), (0, 1));
    world.restore(&a);
    assert!(world.settle(20));
    assert_eq!(held(&world, &a), 1, "b answered first, without the content; c had it");
    assert_eq!(unsettled(&world, None), Vec::<String>::new());
}

#[test]
fn consent_carries_an_object_on_and_a_recall_after_it() {
    let (mut world, a, b, c) = three();
    let (id, _) = world.release(a, None, &BTreeSet::from([b]), Lane::Routine).unwrap();
    assert!(world.settle(10));
    let name = ObjectName { author: a, id: id.clone() };
    assert!(!world.pass_on(b, &name, c), "not without consent");
    world.consent(a, &id, b, c).unwrap();
    assert!(world.settle(10));
    assert!(world.pass_on(b, &name, c));
    assert!(world.settle(10));
    assert_eq!(held(&world, &c), 1);
    assert_eq!(world.nodes[&c].rows.all_versions().unwrap()[0].by, Some(b));
    world.cut.insert((a, c));
    world.alter(a, &id, &Alteration::Recall).unwrap();
    assert!(world.settle(10));
    assert_eq!(held(&world, &c), 0, "the recall went along the chain");
    world.cut.clear();
    assert!(world.settle(10));
    assert_eq!(unsettled(&world, None), Vec::<String>::new());
}

#[test]
fn a_consent_taken_back_counts_nowhere_whatever_comes_first() {
    let (mut world, a, b, c) = three();
    let (id, _) = world.release(a, None, &BTreeSet::from([b]), Lane::Routine).unwrap();
    assert!(world.settle(10));
    let name = ObjectName { author: a, id: id.clone() };
    // FLASH: the word that it was taken back overtakes the token.
    world.cut.insert((a, b));
    world.consent(a, &id, b, c).unwrap();
    world.revoke(a, &id).unwrap();
    world.cut.clear();
    assert!(world.settle(10));
    assert_eq!(world.nodes[&b].rows.consents(&name).unwrap().len(), 1, "the token came all the same");
    assert!(!world.pass_on(b, &name, c));

    // It was on its way already: who sends asks again, and so does who receives.
    world.consent(a, &id, b, c).unwrap();
    assert!(world.settle(10));
    world.cut.insert((b, c));
    assert!(world.pass_on(b, &name, c));
    world.cut.insert((a, b));
    world.revoke(a, &id).unwrap();
    assert!(world.settle(10));
    world.cut.remove(&(b, c));
    assert!(world.settle(10));
    assert_eq!(held(&world, &c), 0, "the recipient knew, the sender did not");
    world.cut.clear();
    assert!(world.settle(10));
    assert_eq!(held(&world, &c), 0);
}

#[test]
fn what_may_not_go_any_more_when_it_is_passed_on_is_refused_to_who_passed_it_on() {
    let (mut world, a, b, c) = three();
    let (id, released) = world.release(a, None, &BTreeSet::from([b]), Lane::Routine).unwrap();
    world.consent(a, &id, b, c).unwrap();
    assert!(world.settle(10));
    let name = ObjectName { author: a, id: id.clone() };
    let refusals = |world: &World, member: &KeyId| -> Vec<String> {
        world.nodes[member].rows.refusals().iter().map(|row| row.rule.clone()).collect()
    };
    // Both ends know that the consent was taken back before it goes.
    world.cut.insert((b, c));
    assert!(world.pass_on(b, &name, c));
    world.revoke(a, &id).unwrap();
    assert!(world.settle(10));
    world.cut.clear();
    assert!(world.settle(10));
    assert_eq!(held(&world, &c), 0);
    assert_eq!(refusals(&world, &c), ["came-empty"]);
    let there = world.nodes[&b].rows.refused_there().last().cloned().unwrap();
    assert_eq!((there.peer, there.rule.as_str()), (Some(c), "came-empty"));
    let words = receipts(&world, &a, released.sequence);
    assert_eq!(words, [(b, "kept".to_owned())], "its originator is told nothing of one who did not get it");

    // What was called back on the way is known to be gone: nobody is told of it as of something that failed.
    world.consent(a, &id, b, c).unwrap();
    assert!(world.settle(10));
    world.cut.insert((b, c));
    assert!(world.pass_on(b, &name, c));
    world.alter(a, &id, &Alteration::Recall).unwrap();
    assert!(world.settle(10));
    world.cut.clear();
    assert!(world.settle(10));
    assert_eq!((held(&world, &c), refusals(&world, &c).len()), (0, 1));
}

#[test]
fn a_consent_that_has_run_out_when_it_arrives_is_refused_by_its_code() {
    let (mut world, a, b, c) = three();
    let (id, _) = world.release(a, None, &BTreeSet::from([b]), Lane::Routine).unwrap();
    assert!(world.settle(10));
    world.consent(a, &id, b, c).unwrap();
    let sequence = world.nodes[&a].rows.own().unwrap().next - 1;
    world.node(&b).skew_us = 401 * 86_400 * base::Micros::SECOND;
    assert!(world.settle(10));
    let name = ObjectName { author: a, id };
    assert_eq!(world.nodes[&b].rows.consents(&name).unwrap(), []);
    let receipts = world.nodes[&a].rows.receipts(sequence).unwrap();
    assert_eq!(receipts[0].state, ReceiptState::Refused("consent-expired".to_owned()));
    world.node(&b).skew_us = 0;
    world.consent(a, &name.id, b, c).unwrap();
    assert!(world.settle(10));
    assert!(world.pass_on(b, &name, c), "given anew it counts");
}

#[test]
fn a_restored_member_knows_again_what_it_took_back() {
    let (mut world, a, b, c) = three();
    let (id, _) = world.release(a, None, &BTreeSet::from([b]), Lane::Routine).unwrap();
    world.consent(a, &id, b, c).unwrap();
    assert!(world.settle(10));
    world.node(&a).back_up();
    world.revoke(a, &id).unwrap();
    assert!(world.settle(10));
    world.restore(&a);
    assert!(world.settle(20));
    let name = ObjectName { author: a, id };
    let token = world.nodes[&a].rows.consents(&name).unwrap().remove(0);
    assert!(world.nodes[&a].rows.revoked(&a, &token.id).unwrap());
}

#[test]
fn a_narrowed_object_is_passed_on_narrowed() {
    let mut world = World::new(11, 4, Fault::None);
    let (a, b, c, d) = (world.order[0], world.order[1], world.order[2], world.order[3]);
    let (id, _) = world.release(a, None, &BTreeSet::from([b, d]), Lane::Routine).unwrap();
    assert!(world.settle(10));
    let rules = rules_for(&BTreeSet::from([b]));
    world.alter(a, &id, &Alteration::Narrow(&rules)).unwrap();
    world.consent(a, &id, b, c).unwrap();
    assert!(world.settle(10));
    let name = ObjectName { author: a, id };
    assert!(world.pass_on(b, &name, c));
    assert!(world.settle(10));
    assert_eq!(world.nodes[&c].rows.versions(&name).unwrap()[0].rules, rules);
    assert_eq!(unsettled(&world, None), Vec::<String>::new());
}

#[test]
fn a_narrowing_for_others_ends_a_consent_whatever_comes_first() {
    // What comes first to C: the object, the narrowing, or what B sent without knowing of it.
    for first in 0..3 {
        let (mut world, a, b, c) = three();
        let (id, _) = world.release(a, None, &BTreeSet::from([b]), Lane::Routine).unwrap();
        world.consent(a, &id, b, c).unwrap();
        assert!(world.settle(10));
        let name = ObjectName { author: a, id: id.clone() };
        let rules = rules_for(&BTreeSet::from([b]));
        match first {
            0 => {
                assert!(world.pass_on(b, &name, c));
                assert!(world.settle(10));
                assert_eq!(held(&world, &c), 1);
            }
            1 => {}
            _ => {
                world.cut.insert((b, c));
                world.cut.insert((a, b));
                assert!(world.pass_on(b, &name, c));
            }
        }
        world.alter(a, &id, &Alteration::NarrowTo(&rules)).unwrap();
        assert!(world.settle(10));
        if first == 2 {
            world.cut.remove(&(b, c));
            assert!(world.settle(10), "the recipient knows, the sender does not");
            world.cut.clear();
            assert!(world.settle(10));
        }
        assert_eq!((held(&world, &b), held(&world, &c)), (1, 0), "{first}");
        assert!(!world.pass_on(b, &name, c), "{first}");
        // By the order of the originator's ledger, a consent of after it counts.
        world.consent(a, &id, b, c).unwrap();
        assert!(world.settle(10));
        assert!(world.pass_on(b, &name, c), "{first}");
        assert!(world.settle(10));
        assert_eq!(held(&world, &c), 1, "{first}");
        assert_eq!(world.nodes[&c].rows.versions(&name).unwrap()[0].rules, rules, "narrowed all the same");
    }
}

#[test]
fn flash_overtakes_everything_that_waits() {
    let (mut world, a, b, _) = three();
    world.cut.insert((a, b));
    for _ in 0..30 {
        world.release(a, None, &BTreeSet::from([b]), Lane::Routine).unwrap();
    }
    let (_, flash) = world.release(a, None, &BTreeSet::from([b]), Lane::Flash).unwrap();
    let first = world.outgoing(&a, &b).remove(0);
    world.tell_heads(&a, &b);
    let opened = world.receive(&b, &first);
    assert_eq!(opened.at_place, Some((Lane::Flash, 1)));
    let Taken::Done { line: Some(line), .. } = opened.taken else { panic!("is taken") };
    assert_eq!(line.sequence, flash.sequence);
}

#[test]
fn a_gap_is_refused_and_passes_when_it_is_filled() {
    let (mut world, a, b, _) = three();
    world.cut.insert((a, b));
    for _ in 0..3 {
        world.release(a, None, &BTreeSet::from([b]), Lane::Routine).unwrap();
    }
    let batch = world.outgoing(&a, &b);
    world.tell_heads(&a, &b);
    let early = world.receive(&b, &batch[2]);
    let Taken::Refused(refused) = early.taken else { panic!("is refused") };
    assert!(refused.rule.passes() && early.effects.is_empty());
    for sealed in &batch {
        assert!(matches!(world.receive(&b, sealed).taken, Taken::Done { .. }));
    }
    assert_eq!(world.receive(&b, &batch[0]).taken, Taken::Known);
}

#[test]
fn an_act_waits_for_the_head_that_covers_it() {
    let (mut world, a, b, _) = three();
    world.cut.insert((a, b));
    world.release(a, None, &BTreeSet::from([b]), Lane::Routine).unwrap();
    let batch = world.outgoing(&a, &b);
    let early = world.receive(&b, &batch[0]);
    let Taken::Refused(refused) = early.taken else { panic!("is refused") };
    assert_eq!(refused.to_string(), "head-behind");
    assert!(refused.rule.passes() && early.effects.is_empty());
    world.tell_heads(&a, &b);
    assert!(matches!(world.receive(&b, &batch[0]).taken, Taken::Done { .. }));
}

#[test]
fn a_sender_with_a_later_registry_is_waited_for() {
    let (mut world, a, b, _) = three();
    world.release(a, None, &BTreeSet::from([b]), Lane::Routine).unwrap();
    world.house.epoch = 5;
    let batch = world.outgoing(&a, &b);
    world.house.epoch = 4;
    world.tell_heads(&a, &b);
    let Taken::Refused(refused) = world.receive(&b, &batch[0]).taken else { panic!("is refused") };
    assert_eq!(refused.to_string(), "registry-behind");
    world.house.epoch = 5;
    assert!(matches!(world.receive(&b, &batch[0]).taken, Taken::Done { .. }));
}

#[test]
fn courier_files_detect_gaps_changes_and_repeats() {
    let (mut world, a, b, c) = three();
    world.cut.insert((a, b));
    world.release(a, None, &BTreeSet::from([b]), Lane::Routine).unwrap();
    let first = world.courier_out(&a, &b).unwrap();
    assert!(world.courier_in(&c, first.clone()).is_err(), "sealed to b");
    for at in [20, 60, first.len() - 1] {
        let mut changed = first.clone();
        changed[at] ^= 1;
        assert!(matches!(world.courier_in(&b, changed), Err(CourierError::Seal(_))));
    }
    assert!(world.courier_in(&b, first.clone()).unwrap());
    assert_eq!(held(&world, &b), 1);
    let rows = world.nodes[&b].rows.all_versions().unwrap();
    world.courier_in(&b, first).unwrap();
    assert_eq!(world.nodes[&b].rows.all_versions().unwrap(), rows, "a second time changes nothing");
    let back = world.courier_out(&b, &a).unwrap();
    world.courier_in(&a, back).unwrap();
    world.release(a, None, &BTreeSet::from([b]), Lane::Routine).unwrap();
    let second = world.courier_out(&a, &b).unwrap();
    world.pretend_acknowledged(&a, &b);
    world.release(a, None, &BTreeSet::from([b]), Lane::Routine).unwrap();
    let third = world.courier_out(&a, &b).unwrap();
    let gap = world.courier_in(&b, third.clone()).unwrap_err();
    assert_eq!(gap, CourierError::Gap { lane: 1, expected: 2, first: 3 });
    world.courier_in(&b, second).unwrap();
    world.courier_in(&b, third).unwrap();
    assert_eq!(held(&world, &b), 3);
    let back = world.courier_out(&b, &a).unwrap();
    world.courier_in(&a, back).unwrap();
    let open = world.nodes[&a].rows.all_receipts().filter(|row| row.state == ReceiptState::Pending);
    assert_eq!(open.count(), 0, "receipts came back by file");
}

#[test]
fn clocks_a_day_off_are_told_and_harm_nothing() {
    let (mut world, a, b, c) = three();
    world.node(&b).skew_us = 86_400_000_000;
    world.node(&c).skew_us = -86_400_000_000;
    world.release(a, None, &BTreeSet::from([b, c]), Lane::Routine).unwrap();
    assert!(world.settle(10));
    assert_eq!(unsettled(&world, None), Vec::<String>::new());
    let skew = world.nodes[&a].rows.peer(&b).unwrap().skew_us;
    assert!(federation::is_skewed(base::Micros(skew), base::Micros(0)));
    world.greet(a, b, Weather::Fair);
}

#[test]
fn what_is_past_its_time_is_destroyed_by_each_holder_and_does_not_come_back() {
    let (mut world, a, b, c) = three();
    world.node(&c).skew_us = 10 * 3_600 * Micros::SECOND;
    let until = Some(world.now().plus(20 * 3_600 * Micros::SECOND));
    let terms = Terms { until, ..Terms::default() };
    let to = BTreeSet::from([b, c]);
    let (_, released) = world.release_under(a, None, (&to, Lane::Routine), &terms).unwrap();
    assert!(world.settle(10));
    world.node(&b).back_up();
    world.leap(12);
    world.pass(Weather::Fair);
    assert_eq!((held(&world, &a), held(&world, &b), held(&world, &c)), (1, 1, 0), "each by its own clock");
    world.leap(12);
    world.pass(Weather::Fair);
    let ended = |world: &World, member: &KeyId| {
        let acts = world.nodes[member].rows.acts();
        acts.filter(|act| act.author == *member && act.kind == ActKind::RetentionEnded).count()
    };
    for member in [a, b, c] {
        assert_eq!((held(&world, &member), ended(&world, &member)), (0, 1));
        assert!(world.nodes[&member].rows.payload(&a, released.sequence).unwrap().is_none());
    }
    let words = receipts(&world, &a, released.sequence);
    assert!(words.iter().all(|(_, word)| word == "kept"), "what became of it then stays written");
    world.restore(&b);
    assert!(world.settle(20));
    assert_eq!(held(&world, &b), 0);
    assert!(world.nodes[&b].rows.payload(&a, released.sequence).unwrap().is_none());
    assert_eq!(unsettled(&world, None), Vec::<String>::new());
}

#[test]
fn what_comes_after_its_time_is_refused_and_its_author_hears_of_it_by_relay_too() {
    let (mut world, a, b, c) = three();
    world.apart = Some((b, c, Road::Relay));
    world.node(&c).skew_us = 10 * 3_600 * Micros::SECOND;
    let until = Some(world.now().plus(5 * 3_600 * Micros::SECOND));
    let terms = Terms { until, ..Terms::default() };
    let (_, released) = world.release_under(b, None, (&BTreeSet::from([c]), Lane::Routine), &terms).unwrap();
    assert!(world.settle(30));
    assert_eq!((held(&world, &a), held(&world, &b), held(&world, &c)), (0, 1, 0));
    assert_eq!(receipts(&world, &b, released.sequence), [(c, "handling/retention".to_owned())]);
}

#[test]
fn who_is_restored_after_breaking_glass_still_tells_everybody() {
    let (mut world, a, b, c) = three();
    world.node(&a).back_up();
    world.cut.insert((a, c));
    world.cut.insert((b, c));
    let sequence = world.break_glass(a).unwrap();
    assert!(world.settle(20));
    world.restore(&a);
    world.cut.remove(&(a, c));
    assert!(world.settle(20));
    for member in [a, b, c] {
        assert!(world.nodes[&member].rows.payload(&a, sequence).unwrap().is_some(), "{member} was not told");
    }
    assert_eq!(unsettled(&world, None), Vec::<String>::new());
}

#[test]
fn what_is_under_embargo_comes_when_it_is_over_by_both_clocks() {
    let (mut world, a, b, c) = three();
    world.node(&b).skew_us = -10 * 3_600 * Micros::SECOND;
    let from = Some(world.now().plus(5 * 3_600 * Micros::SECOND));
    let terms = Terms { from, ..Terms::default() };
    assert!(world.settle(10), "they know each other's clocks");
    world.release_under(a, None, (&BTreeSet::from([b, c]), Lane::Routine), &terms).unwrap();
    let held_by = |world: &World| [a, b, c].map(|member| held(world, &member));
    for (hours, expected) in [(0, [1, 0, 0]), (6, [1, 0, 1]), (10, [1, 1, 1])] {
        world.leap(hours);
        assert!(world.settle(10));
        assert_eq!(held_by(&world), expected, "after {hours} hours more");
    }
    assert_eq!(unsettled(&world, None), Vec::<String>::new());
}

#[test]
fn whom_a_circle_takes_in_gets_what_was_shared_in_it_before() {
    let (mut world, a, b, c) = three();
    world.join(0, a);
    world.join(0, b);
    let terms = Terms { circle: Some(0), ..Terms::default() };
    world.release_under(a, None, (&BTreeSet::new(), Lane::Routine), &terms).unwrap();
    let (gone, _) = world.release_under(a, None, (&BTreeSet::new(), Lane::Routine), &terms).unwrap();
    let (narrowed, _) = world.release_under(a, None, (&BTreeSet::new(), Lane::Routine), &terms).unwrap();
    assert!(world.settle(10));
    assert_eq!([a, b, c].map(|member| held(&world, &member)), [3, 3, 0]);
    world.alter(a, &gone, &Alteration::Recall).unwrap();
    world.alter(a, &narrowed, &Alteration::Narrow(&rules_for(&BTreeSet::from([b])))).unwrap();
    // Its process ends before it has looked; the next one looks at all it has.
    world.node(&a).crash_after = Some(0);
    world.join(0, c);
    assert!(world.settle(10));
    assert_eq!([a, b, c].map(|member| held(&world, &member)), [2, 2, 1]);
    assert_eq!(unsettled(&world, None), Vec::<String>::new());
}

/// C has one version by the circle and one by its own name besides; it loses the first, its process having ended before it looked.
#[test]
fn who_leaves_a_circle_lets_go_and_gets_it_again_when_it_is_back() {
    let (mut world, a, b, c) = three();
    for member in [a, b, c] {
        world.join(0, member);
    }
    let terms = Terms { circle: Some(0), ..Terms::default() };
    let (_, released) = world.release_under(a, None, (&BTreeSet::new(), Lane::Flash), &terms).unwrap();
    world.release_under(b, None, (&BTreeSet::from([c]), Lane::Routine), &terms).unwrap();
    assert!(world.settle(10));
    assert_eq!([a, b, c].map(|member| held(&world, &member)), [2, 2, 2]);
    world.node(&c).crash_after = Some(0);
    world.leave(0, c);
    // It is back before its author has heard that it let go.
    world.cut.insert((a, c));
    world.cut.insert((b, c));
    assert!(world.settle(10));
    assert_eq!((held(&world, &c), world.nodes[&c].let_go), (1, 1));
    let acts = world.nodes[&c].rows.acts().filter(|act| act.kind == ActKind::CircleLeft && act.author == c);
    assert_eq!(acts.count(), 1);
    assert_eq!(receipts(&world, &a, released.sequence)[1..], [(c, "kept".to_owned())][..]);
    world.join(0, c);
    world.cut.clear();
    assert!(world.settle(10));
    assert_eq!(held(&world, &c), 2);
    assert!(receipts(&world, &a, released.sequence).iter().all(|(_, outcome)| outcome == "kept"));
    assert_eq!(unsettled(&world, None), Vec::<String>::new());
}

/// It is taken out once more before what it is given again has reached it: that goes empty, and is answered all the same.
#[test]
fn what_is_given_again_and_goes_empty_is_answered() {
    let (mut world, a, b, c) = three();
    world.join(0, c);
    let terms = Terms { circle: Some(0), ..Terms::default() };
    let (_, released) = world.release_under(a, None, (&BTreeSet::new(), Lane::Routine), &terms).unwrap();
    assert!(world.settle(10));
    world.leave(0, c);
    assert!(world.settle(10));
    world.cut.extend([(a, c), (b, c)]);
    world.join(0, c);
    assert!(world.settle(10));
    assert_eq!(receipts(&world, &a, released.sequence), [(c, "pending".to_owned())]);
    world.leave(0, c);
    world.cut.clear();
    assert!(world.settle(10));
    assert_eq!(receipts(&world, &a, released.sequence), [(c, "empty".to_owned())]);
    assert_eq!((held(&world, &c), unsettled(&world, None)), (0, Vec::new()));
}

/// A backup of before knows C in the circle, as holding what it has let go of since.
#[test]
fn who_is_restored_from_before_it_left_lets_go_again_and_is_given_it_again() {
    for back in [false, true] {
        let (mut world, a, _, c) = three();
        world.join(0, c);
        let terms = Terms { circle: Some(0), ..Terms::default() };
        let (_, released) = world.release_under(a, None, (&BTreeSet::new(), Lane::Routine), &terms).unwrap();
        assert!(world.settle(10));
        world.node(&c).back_up();
        world.leave(0, c);
        assert!(world.settle(10));
        assert_eq!(receipts(&world, &a, released.sequence), [(c, "let-go".to_owned())]);
        world.restore(&c);
        assert_eq!(held(&world, &c), 1);
        if back {
            // It is given what it has by its backup, and says so.
            world.join(0, c);
        }
        assert!(world.settle(20));
        assert_eq!(held(&world, &c), usize::from(back));
        let outcome = if back { "kept" } else { "let-go" };
        assert_eq!(receipts(&world, &a, released.sequence), [(c, outcome.to_owned())]);
        assert_eq!(unsettled(&world, None), Vec::<String>::new());
    }
}

#[test]
fn who_refuses_it_as_too_early_is_given_it_again() {
    let (mut world, a, b, c) = three();
    world.apart = Some((b, c, Road::Relay));
    world.node(&c).skew_us = -10 * 3_600 * Micros::SECOND;
    let from = Some(world.now().plus(3_600 * Micros::SECOND));
    let terms = Terms { from, ..Terms::default() };
    let (_, released) = world.release_under(b, None, (&BTreeSet::from([c]), Lane::Routine), &terms).unwrap();
    world.leap(2);
    assert!(world.settle(30));
    assert_eq!(
        receipts(&world, &b, released.sequence),
        [(c, "handling/embargo".to_owned())],
        "its clock is not known"
    );
    for _ in 0..2 {
        world.leap(6);
        assert!(world.settle(30));
    }
    assert_eq!((held(&world, &a), held(&world, &b), held(&world, &c)), (0, 1, 1));
    assert_eq!(receipts(&world, &b, released.sequence), [(c, "kept".to_owned())]);
    assert_eq!(unsettled(&world, None), Vec::<String>::new());
}

/// Who was given something after the backup, which knows that it waited or not even that, has answered, and answers no second time.
#[test]
fn a_restored_member_knows_who_was_given_what_waited_in_its_backup() {
    let (mut world, a, b, c) = three();
    world.join(0, b);
    let from = Some(world.now().plus(3_600 * Micros::SECOND));
    let terms = Terms { from, circle: Some(0), ..Terms::default() };
    let (_, released) = world.release_under(a, None, (&BTreeSet::new(), Lane::Routine), &terms).unwrap();
    assert!(world.settle(10));
    world.node(&a).back_up();
    world.leap(2);
    world.join(0, c);
    assert!(world.settle(10));
    let expected = BTreeSet::from([(b, "kept".to_owned()), (c, "kept".to_owned())]);
    let answered =
        |world: &World| receipts(world, &a, released.sequence).into_iter().collect::<BTreeSet<_>>();
    assert_eq!(answered(&world), expected);
    world.restore(&a);
    assert!(world.settle(20));
    assert_eq!(answered(&world), expected);
    assert_eq!(unsettled(&world, None), Vec::<String>::new());
}

#[test]
fn a_clock_that_is_put_right_is_waited_for_no_longer() {
    let (mut world, a, b, _) = three();
    world.node(&b).skew_us = -90 * 3_600 * Micros::SECOND;
    let from = Some(world.now().plus(3_600 * Micros::SECOND));
    let terms = Terms { from, ..Terms::default() };
    assert!(world.settle(10));
    world.release_under(a, None, (&BTreeSet::from([b]), Lane::Routine), &terms).unwrap();
    world.leap(2);
    assert!(world.settle(10));
    assert_eq!(held(&world, &b), 0, "it would refuse it");
    world.node(&b).skew_us = 0;
    assert!(world.settle(10));
    world.leap(2);
    assert!(world.settle(10));
    assert_eq!(held(&world, &b), 1);
}

//! Each trick of a hostile member is refused by its rule, and changes nothing at its victim.

use std::collections::BTreeSet;

use base::signing::KeyId;
use federation::{Lane, ReceiptState, Rows};
use sim::verdict::is_exposed;
use sim::world::Weather;
use sim::{Fault, Trick, World};

/// A, a victim, a hostile member that was sent an object by A, and a bystander; everything at rest.
fn scene() -> (World, KeyId, KeyId, KeyId) {
    scene_of(7)
}

fn scene_of(seed: u64) -> (World, KeyId, KeyId, KeyId) {
    let mut world = World::new(seed, 4, Fault::None);
    let (a, victim, hostile) = (world.order[0], world.order[1], world.order[2]);
    for to in [hostile, victim] {
        world.release(a, None, &BTreeSet::from([to]), Lane::Routine).expect("is released");
    }
    assert!(world.settle(10));
    (world, a, victim, hostile)
}

fn codes(world: &World, victim: &KeyId) -> Vec<String> {
    world.nodes[victim].rows.refusals().iter().map(|row| row.rule.clone()).collect()
}

/// Plays the trick and answers the codes it was refused with; the victim's rows are as before.
fn refused(trick: Trick) -> Vec<String> {
    let (mut world, _, victim, hostile) = scene();
    let before = world.nodes[&victim].rows.without_logs();
    assert!(world.play(trick, hostile, victim, Weather::Fair));
    world.pass(Weather::Fair);
    assert_eq!(world.nodes[&victim].rows.without_logs(), before, "{trick:?} changed something");
    codes(&world, &victim)
}

#[test]
fn a_forged_author_is_refused() {
    assert_eq!(refused(Trick::ForgeAuthor), ["act-signature"]);
}

#[test]
fn a_stripped_marking_is_refused() {
    assert_eq!(refused(Trick::StripMarking), ["commitment"]);
}

#[test]
fn passing_on_without_consent_is_refused() {
    assert_eq!(refused(Trick::Readdress), ["consent-missing"]);
}

#[test]
fn a_forged_consent_is_refused() {
    assert_eq!(refused(Trick::ForgeConsent), ["consent-invalid"]);
}

#[test]
fn a_recall_by_another_is_refused() {
    assert_eq!(refused(Trick::RecallForeign), ["not-originator"]);
}

#[test]
fn an_object_made_by_another_is_refused() {
    assert_eq!(refused(Trick::ClaimForeign), ["origin-forged"]);
}

#[test]
fn a_false_receipt_is_refused() {
    assert_eq!(refused(Trick::FalseReceipt), ["receipt-unfounded"]);
}

#[test]
fn what_another_told_everybody_is_taken_from_that_member_alone() {
    let (mut world, a, victim, hostile) = scene();
    world.cut.insert((a, victim));
    world.break_glass(a).expect("is announced");
    assert!(world.settle(20));
    let before = world.nodes[&victim].rows.without_logs();
    assert!(world.play(Trick::SpreadNotice, hostile, victim, Weather::Fair));
    world.deliver(Weather::Fair);
    assert_eq!(world.nodes[&victim].rows.without_logs(), before);
    assert_eq!(codes(&world, &victim), ["not-originator"]);
}

#[test]
fn a_restore_that_never_was_is_nobodys_to_tell() {
    for seed in 0..16 {
        let (mut world, _, victim, hostile) = scene_of(seed);
        // It holds a proof, of the life that the victim is in.
        world.node(&victim).back_up();
        world.restore(&victim);
        assert!(world.settle(20));
        let (before, known) = (world.nodes[&victim].rows.without_logs(), codes(&world, &victim).len());
        assert!(world.play(Trick::ClaimLife, hostile, victim, Weather::Fair));
        world.pass(Weather::Fair);
        assert_eq!(world.nodes[&victim].rows.without_logs(), before, "seed {seed}");
        assert_eq!(codes(&world, &victim)[known..], ["life-unproven"], "seed {seed}");
    }
}

#[test]
fn noise_is_refused() {
    assert_eq!(refused(Trick::Garbage), ["envelope-form"]);
}

#[test]
fn old_batches_change_nothing() {
    let (mut world, _, victim, hostile) = scene();
    let before = world.nodes[&victim].rows.clone();
    for _ in 0..20 {
        assert!(world.play(Trick::Replay, hostile, victim, Weather::Fair));
        world.pass(Weather::Fair);
    }
    assert_eq!(world.nodes[&victim].rows, before);
}

#[test]
fn two_acts_for_one_place_are_refused_and_kept_as_evidence() {
    let (mut world, _, victim, hostile) = scene();
    assert!(world.play(Trick::TwoActs, hostile, victim, Weather::Fair));
    world.pass(Weather::Fair);
    assert_eq!(codes(&world, &victim), ["equivocation"]);
    let evidence = &world.nodes[&victim].rows.evidence()[&hostile];
    assert!(evidence[0].starts_with("{\"format\":\"cresset-two-acts-1\""));
    let file: serde_json::Value = serde_json::from_str(&evidence[0]).unwrap();
    let act = |which: &str| {
        let signed = base::signed::Signed::parse(file[which].to_string().as_bytes()).unwrap();
        ledger::act::Act::open(&signed, &world.house.members[&hostile].0).unwrap()
    };
    let (first, second) = (act("first"), act("second"));
    assert_eq!(first.header().sequence, second.header().sequence);
    assert_ne!(first.leaf(), second.leaf());
}

#[test]
fn two_heads_are_exposed_by_gossip_within_a_round() {
    let mut world = World::new(7, 4, Fault::None);
    let hostile = world.order[3];
    assert!(world.play(Trick::TwoHeads, hostile, world.order[0], Weather::Fair));
    world.pass(Weather::Fair);
    assert!(!is_exposed(&world, hostile), "each alone sees nothing");
    let (one, other) = (world.order[0], world.order[1]);
    world.greet(one, other, Weather::Fair);
    world.pass(Weather::Fair);
    assert!(is_exposed(&world, hostile));
}

#[test]
fn an_act_in_no_ledger_is_told_as_overdue() {
    let (mut world, _, victim, hostile) = scene();
    assert!(world.play(Trick::Withhold, hostile, victim, Weather::Fair));
    world.pass(Weather::Fair);
    let awaited = world.nodes[&victim].rows.awaited(&hostile).unwrap();
    assert_eq!(awaited.len(), 1);
    assert!(world.overdue(&victim).is_empty(), "there is grace");
    for _ in 0..1_441 {
        world.pass(Weather::Fair);
    }
    assert_eq!(world.overdue(&victim), [(hostile, awaited[0])]);
}

#[test]
fn an_inactive_member_is_no_sender() {
    let (mut world, a, victim, _) = scene();
    world.release(a, None, &BTreeSet::from([victim]), Lane::Routine).expect("is released");
    world.house.inactive.insert(a);
    let before = world.nodes[&victim].rows.without_logs();
    world.settle(3);
    assert_eq!(world.nodes[&victim].rows.all_versions().unwrap(), before.all_versions().unwrap());
}

#[test]
fn a_relay_reads_nothing_and_delivers_all() {
    let mut world = World::new(9, 3, Fault::None);
    let [relay, a, b] = world.order[..] else { panic!("three members") };
    world.cut.insert((a, b));
    world.release(a, None, &BTreeSet::from([b]), Lane::Routine).expect("is released");
    for _ in 0..5 {
        world.relay_round(a, Weather::Fair);
        world.relay_round(b, Weather::Fair);
        world.pass(Weather::Fair);
    }
    assert_eq!(world.nodes[&relay].shelf.seen().count(), 0, "the two may still meet");
    world.relay_round(a, Weather::Fair);
    world.pass(Weather::Fair);
    assert!(world.nodes[&relay].shelf.kept().count() > 0);
    for sealed in world.nodes[&relay].shelf.seen() {
        assert!(world.nodes[&relay].me.sealing.open(sealed).is_err());
        for member in [a, b] {
            assert!(!sealed.as_bytes().windows(32).any(|window| window == member.as_bytes()));
        }
    }
    world.relay_round(b, Weather::Fair);
    world.pass(Weather::Fair);
    assert_eq!(world.nodes[&b].rows.all_versions().unwrap().len(), 1);
    assert_eq!(world.nodes[&relay].shelf.kept().count(), 0, "what was taken is dropped");
    assert!(world.settle(20), "the receipt comes back the same way");
    let open = world.nodes[&a].rows.all_receipts().filter(|row| row.state == ReceiptState::Pending);
    assert_eq!(open.count(), 0);
}

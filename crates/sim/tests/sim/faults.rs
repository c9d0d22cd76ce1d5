//! The simulation can fail: with one check switched off, some story breaks the invariant that the check holds up.

use std::collections::BTreeSet;

use federation::Lane;
use sim::verdict::lives_differ;
use sim::world::Weather;
use sim::{Fault, Trick, World, run};

/// Seeds tried until one breaks; each fault is found well before the last.
const SEEDS: u64 = 96;

fn breaks(fault: Fault, invariants: &[&str]) {
    let is_of = |line: &String| {
        invariants.iter().any(|name| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(": ")))
    };
    let found = (0..SEEDS).find_map(|seed| {
        let told = match std::panic::catch_unwind(|| run(seed, 60, fault)) {
            Ok(report) => report.broken,
            // A node whose own rows contradict each other stops where it stands: that is a break too.
            Err(_) => vec!["I1: a node cannot go on".to_owned()],
        };
        told.into_iter().find(is_of)
    });
    eprintln!("{fault:?}: {found:?}");
    assert!(found.is_some(), "no story broke {invariants:?} with {fault:?}");
}

#[test]
fn a_judge_that_allows_everything_lets_bytes_go_astray() {
    breaks(Fault::JudgeAllows, &["I2", "I4"]);
}

#[test]
fn mixed_keys_let_forgeries_in() {
    breaks(Fault::KeysMixed, &["I2", "I4", "I5"]);
}

/// Whether a member has another's node begin a new life by telling it of a restore that never was.
fn a_claimed_life_is_believed(fault: Fault) -> bool {
    (0..64).any(|seed| {
        let mut world = World::new(seed, 4, fault);
        let (victim, hostile) = (world.order[0], world.order[1]);
        assert!(world.play(Trick::ClaimLife, hostile, victim, Weather::Fair));
        world.pass(Weather::Fair);
        lives_differ(&world, Some(hostile)).iter().any(|line| line.starts_with("I14"))
    })
}

#[test]
fn with_mixed_keys_a_member_has_another_begin_a_new_life() {
    assert!(a_claimed_life_is_believed(Fault::KeysMixed), "nobody noticed");
    assert!(!a_claimed_life_is_believed(Fault::None), "a life is shown by its own member");
}

#[test]
fn a_store_without_transactions_loses_or_forks() {
    breaks(Fault::StoreTears, &["I1", "I4", "I5"]);
}

#[test]
fn a_store_that_forgets_recalls_resurrects() {
    breaks(Fault::FatesForgotten, &["I4", "I6"]);
}

#[test]
fn a_restore_that_nobody_notices_forks_or_loses() {
    breaks(Fault::RestoreUnnoticed, &["I1", "I4", "I5"]);
}

/// A member puts a parcel at a relay, goes back to a backup of before, and says something else in the same places; then the relay
/// hands out the old parcel. Answers whether somebody holds evidence against the honest member.
fn an_old_parcel_comes_after_a_restore(fault: Fault) -> bool {
    let mut world = World::new(5, 4, fault);
    let (relay, other, a, b) = (world.order[0], world.order[1], world.order[2], world.order[3]);
    world.node(&a).back_up();
    world.cut.insert((a, b));
    for _ in 0..5 {
        world.relay_round(a, Weather::Fair);
        world.pass(Weather::Fair);
    }
    world.cut.insert((a, other));
    world.release(a, None, &BTreeSet::from([b]), Lane::Routine).expect("is released");
    world.relay_round(a, Weather::Fair);
    world.pass(Weather::Fair);
    assert!(world.nodes[&relay].shelf.kept().count() > 0, "it waits at the relay");
    world.restore(&a);
    world.cut.clear();
    assert!(world.settle(20));
    assert_eq!(world.nodes[&relay].shelf.kept().count(), 0, "the greeting has withdrawn it");
    world.release(a, None, &BTreeSet::from([b]), Lane::Routine).expect("is released");
    world.hand_out_old(&relay, &b);
    world.settle(20);
    !world.nodes[&b].rows.evidence().is_empty()
}

#[test]
fn a_store_that_forgets_lives_takes_what_outlived_ones_said() {
    assert!(an_old_parcel_comes_after_a_restore(Fault::LivesForgotten), "nobody noticed");
    assert!(!an_old_parcel_comes_after_a_restore(Fault::None), "a life that is over is heard");
}

#[test]
fn what_nobody_destroys_is_held_past_its_time() {
    breaks(Fault::NothingRetired, &["I10"]);
}

#[test]
fn content_that_stays_behind_can_be_read_past_its_time() {
    breaks(Fault::ContentStays, &["I10"]);
}

#[test]
fn handling_without_a_clock_takes_things_after_their_time() {
    breaks(Fault::TimeForgotten, &["I10"]);
}

#[test]
fn a_store_that_loses_notices_leaves_somebody_untold_of_broken_glass() {
    breaks(Fault::NoticesLost, &["I11"]);
}

#[test]
fn relays_that_let_nothing_go_keep_what_was_taken() {
    breaks(Fault::RelaysHoard, &["I12"]);
}

#[test]
fn a_store_that_loses_traces_destroys_without_a_word() {
    breaks(Fault::TracesLost, &["I13"]);
}

#[test]
fn a_store_that_loses_what_waits_never_gives_it() {
    breaks(Fault::WaitsForgotten, &["I15"]);
}

#[test]
fn handling_without_embargoes_gives_before_the_time() {
    breaks(Fault::EmbargoForgotten, &["I16"]);
}

#[test]
fn who_lets_go_of_nothing_keeps_what_a_circle_gave_it() {
    breaks(Fault::NothingLetGo, &["I17"]);
}

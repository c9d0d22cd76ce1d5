//! The simulation can fail: with one check switched off, some story breaks the invariant that the check holds up.

use sim::{Fault, run};

/// Seeds tried until one breaks; each fault is found well before the last.
const SEEDS: u64 = 24;

fn breaks(fault: Fault, invariants: &[&str]) {
    let found = (0..SEEDS).find_map(|seed| {
        // A node whose own rows contradict each other stops where it stands: that is a break too.
        let Ok(report) = std::panic::catch_unwind(|| run(seed, 60, fault)) else {
            return Some("I1: a node cannot go on".to_owned());
        };
        report.broken.into_iter().find(|line| invariants.iter().any(|invariant| line.starts_with(invariant)))
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

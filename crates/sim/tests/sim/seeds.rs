//! A fixed set of seeds; `cargo xtask sim --seeds N` runs more. A seed that ever failed gets a test of its own name.

use sim::{Fault, run};

const SEEDS: std::ops::Range<u64> = 0..6;
const TICKS: u64 = 40;

#[test]
fn every_invariant_holds_for_the_fixed_seeds() {
    let mut broken = Vec::new();
    let (mut released, mut crashes, mut restores, mut tricks, mut refused) = (0, 0, 0, 0, 0);
    for seed in SEEDS {
        let report = run(seed, TICKS, Fault::None);
        broken.extend(report.broken.into_iter().map(|line| format!("seed {seed}: {line}")));
        released += report.released;
        crashes += report.crashes;
        restores += report.restores;
        tricks += report.tricks;
        refused += report.refused;
    }
    assert_eq!(broken, Vec::<String>::new());
    // The stories must have had something to tell.
    assert!(
        released > 50 && crashes > 5 && restores > 1 && tricks > 20 && refused > 10,
        "released {released}, crashes {crashes}, restores {restores}, tricks {tricks}, refused {refused}"
    );
}

#[test]
fn one_seed_gives_one_story() {
    assert_eq!(run(3, 20, Fault::None), run(3, 20, Fault::None));
}

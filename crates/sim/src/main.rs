//! `cargo xtask sim --seeds N`: more stories than the tests run. Prints one line a seed that breaks something, and a sum.
#![expect(clippy::print_stdout, reason = "a command for developers talks to a terminal")]

use std::process::ExitCode;

use sim::{Fault, Report, run};

/// Ticks of one story, unless told otherwise.
const TICKS: u64 = 80;

fn number(arguments: &[String], flag: &str, otherwise: u64) -> u64 {
    let at = arguments.iter().position(|argument| argument == flag);
    at.and_then(|at| arguments.get(at + 1)).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (from, seeds) = (number(&arguments, "--from", 0), number(&arguments, "--seeds", 100));
    let ticks = number(&arguments, "--ticks", TICKS);
    let (mut failed, mut all) = (0u64, Report::default());
    for seed in from..from.saturating_add(seeds) {
        let report = run(seed, ticks, Fault::None);
        all.add(&report);
        if !report.broken.is_empty() {
            failed += 1;
            println!("seed {seed}: {}", report.broken.join("; "));
        }
    }
    println!(
        "{seeds} seeds of {ticks} ticks: {failed} broken; {} releases, {} changes, {} crashes, {} restores, {} tricks, {} refusals, \
         {} parcels, {} files, {} notices, {} retired, {} taken into circles, {} taken out, {} let go, {} given later",
        all.released,
        all.changed,
        all.crashes,
        all.restores,
        all.tricks,
        all.refused,
        all.parcels,
        all.files,
        all.notices,
        all.retired,
        all.joined,
        all.left,
        all.let_go,
        all.given_later
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

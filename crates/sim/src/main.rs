//! `cargo xtask sim --seeds N`: more stories than the tests run. Prints one line a seed that breaks something, and a sum.
#![expect(clippy::print_stdout, reason = "a command for developers talks to a terminal")]

use std::process::ExitCode;

use sim::{Fault, run};

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
    let (mut failed, mut released, mut crashes, mut restores, mut tricks) = (0u64, 0, 0, 0, 0);
    for seed in from..from.saturating_add(seeds) {
        let report = run(seed, ticks, Fault::None);
        released += report.released;
        crashes += report.crashes;
        restores += report.restores;
        tricks += report.tricks;
        if !report.broken.is_empty() {
            failed += 1;
            println!("seed {seed}: {}", report.broken.join("; "));
        }
    }
    println!(
        "{seeds} seeds of {ticks} ticks: {failed} broken; {released} releases, {crashes} crashes, {restores} restores, {tricks} tricks"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! `cargo xtask test`: installs what the tests need, saying so, and runs everything there is.
//!
//! Steps go on after a failure, so that one run tells all; only what depends on a failed build is left out. The last line
//! is `N passed, N failed, N skipped` over every runner, and the exit code is non-zero when anything failed.

mod install;
mod tally;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::run::{answers, cargo, tee};
use tally::Tally;

/// Seconds each fuzz target runs.
const FUZZ_SECONDS: &str = "10";

/// What came of one step.
struct Report {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// What a step found.
#[derive(Default)]
struct Outcome {
    success: bool,
    tally: Tally,
    /// Tests that failed, by name: said again in the end, where whoever reads only that sees them.
    failed: Vec<String>,
}

impl Outcome {
    fn of(success: bool) -> Self {
        Self { success, ..Self::default() }
    }
}

type Step = (&'static str, fn(&Path) -> Result<Outcome>);

/// Every step, in order: what is quick to fail first.
const STEPS: [Step; 7] = [
    ("format", format),
    ("rules", house_rules),
    ("lints", lints),
    ("tests", tests),
    ("doc-tests", doc_tests),
    ("outside", outside_tests),
    ("fuzz", fuzz_smoke),
];

/// Steps that `--quick` leaves out: they need Python, a built binary and nightly.
const SLOW: [&str; 2] = ["outside", "fuzz"];

/// Runs the steps, prints one line for each and the closing line.
pub(crate) fn command(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let wanted: Vec<Step> = match words.as_slice() {
        [] => STEPS.to_vec(),
        ["--quick"] => STEPS.into_iter().filter(|(name, _)| !SLOW.contains(name)).collect(),
        ["--only", name] => STEPS.into_iter().filter(|(known, _)| known == name).collect(),
        _ => Vec::new(),
    };
    if wanted.is_empty() {
        let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        bail!("test takes --quick, or --only and one of {}", names.join(", "));
    }
    let reports: Vec<Report> = wanted.into_iter().map(|(name, step)| report(name, step, root)).collect();
    Ok(close(&reports))
}

fn report(name: &'static str, step: fn(&Path) -> Result<Outcome>, root: &Path) -> Report {
    println!("\n== {name}");
    let start = Instant::now();
    let outcome = step(root).unwrap_or_else(|error| {
        println!("{name}: {error:#}");
        Outcome { failed: vec![format!("{error:#}")], ..Outcome::default() }
    });
    Report { name, outcome, took: start.elapsed() }
}

/// The table and the closing line. A failed step that names no failed test counts as one failure.
fn close(reports: &[Report]) -> ExitCode {
    let mut total = Tally::default();
    println!("\n== summary");
    for Report { name, outcome, took } in reports {
        let word = if outcome.success { "ok" } else { "FAILED" };
        println!("{name:<14} {word:<7} {:>5} s  {}", took.as_secs(), outcome.tally);
        total = total + outcome.tally;
        if !outcome.success && outcome.tally.failed == 0 {
            total.failed += 1;
        }
    }
    for Report { name, outcome, .. } in reports {
        outcome.failed.iter().for_each(|what| println!("FAILED in {name}: {what}"));
    }
    println!("\n{total}");
    let well = total.failed == 0 && reports.iter().all(|report| report.outcome.success);
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn counted(command: &mut Command) -> Result<Outcome> {
    let ran = tee(command)?;
    Ok(Outcome { success: ran.success, tally: tally::read(&ran.text), failed: tally::failed(&ran.text) })
}

fn format(root: &Path) -> Result<Outcome> {
    Ok(Outcome::of(tee(&mut cargo(root, &["fmt", "--all", "--check"]))?.success))
}

fn house_rules(root: &Path) -> Result<Outcome> {
    Ok(Outcome::of(crate::check::command(root)? == ExitCode::SUCCESS))
}

fn lints(root: &Path) -> Result<Outcome> {
    let ran = tee(&mut cargo(
        root,
        &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"],
    ))?;
    let said = |line: &&str| line.starts_with("error: ") || line.starts_with("error[");
    let failed = ran.text.lines().filter(said).map(str::to_owned).collect();
    Ok(Outcome { success: ran.success, failed, ..Outcome::default() })
}

/// Unit and integration tests: with nextest where it is installed, else with cargo's own runner.
fn tests(root: &Path) -> Result<Outcome> {
    if answers("cargo", &["nextest", "--version"]) {
        let arguments = ["nextest", "run", "--workspace", "--no-fail-fast", "--status-level", "fail"];
        return counted(&mut cargo(root, &arguments));
    }
    println!("cargo-nextest is not installed: using cargo test");
    counted(&mut cargo(
        root,
        &["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast", "--quiet"],
    ))
}

fn doc_tests(root: &Path) -> Result<Outcome> {
    counted(&mut cargo(root, &["test", "--workspace", "--doc", "--no-fail-fast", "--quiet"]))
}

/// Python's clients and oracles, and a browser, against the running binary.
fn outside_tests(root: &Path) -> Result<Outcome> {
    if !tee(&mut cargo(root, &["build", "--package", "cresset"]))?.success {
        bail!("the binary does not build, so nothing outside can drive it");
    }
    let python = install::python(root, "tests/outside/requirements.txt", "venv")?;
    install::browser();
    install::openssl();
    let mut pytest = Command::new(python);
    pytest.args(["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "tests/outside"]);
    pytest.env("CRESSET_BINARY", install::target_dir(root).join("debug/cresset"));
    pytest.env("PYTHONDONTWRITEBYTECODE", "1");
    counted(pytest.current_dir(root))
}

/// Each fuzz target for a few seconds, from its seeds. Needs nightly; says loudly when there is none.
fn fuzz_smoke(root: &Path) -> Result<Outcome> {
    if !install::fuzzer()? {
        println!("SKIPPED: fuzz smoke: no nightly toolchain or no cargo-fuzz on this machine");
        return Ok(Outcome { tally: Tally { skipped: 1, ..Tally::default() }, ..Outcome::of(true) });
    }
    let fuzz = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        // rustup's proxy must choose the toolchain again: the outer cargo's choice is in the environment
        command.arg("+nightly").arg("fuzz").args(arguments).current_dir(root);
        for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "RUSTFLAGS", "CARGO_TARGET_DIR"] {
            command.env_remove(variable);
        }
        command
    };
    let listed = tee(&mut fuzz(&["list"]))?;
    let built = tee(&mut fuzz(&["build", "--dev", "--sanitizer", "none"]))?;
    if !listed.success || !built.success {
        bail!("the fuzz targets do not build");
    }
    let (mut tally, mut failed) = (Tally::default(), Vec::new());
    for target in listed.text.lines().filter(|line| !line.trim().is_empty()) {
        let corpus = format!("fuzz/corpus/{target}");
        std::fs::create_dir_all(root.join(&corpus))?;
        let seeds = format!("fuzz/seeds/{target}");
        let seconds = format!("-max_total_time={FUZZ_SECONDS}");
        let limits = [
            seconds.as_str(),
            "-max_len=65536",
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
            "-verbosity=0",
        ];
        let mut arguments = vec!["run", "--dev", "--sanitizer", "none", target, &corpus, &seeds, "--"];
        arguments.extend(limits);
        if tee(&mut fuzz(&arguments))?.success {
            tally.passed += 1;
        } else {
            tally.failed += 1;
            failed.push(target.to_owned());
        }
    }
    Ok(Outcome { success: failed.is_empty(), tally, failed })
}

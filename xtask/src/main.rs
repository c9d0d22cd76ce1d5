//! `cargo xtask`: the project's own commands, so that a laptop and CI run the same thing.
//!
//! `check` holds the house rules that the compiler cannot see; `test` installs what the tests need and runs everything;
//! `bench` measures and writes `docs/PERFORMANCE.md`. Small on purpose: it is built before anything else.
#![expect(clippy::print_stdout, reason = "a command for developers talks to a terminal")]

mod bench;
mod check;
mod run;
mod test;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;

const HELP: &str = "\
usage: cargo xtask COMMAND

  check                 the house rules: layers, crate map, names, sizes, headers
  test [--quick] [--only STEP]
                        everything: format, lints, check, tests, outside tests, fuzz smoke
                        (--quick leaves out the last two; steps: format, rules, lints, tests,
                        doc-tests, outside, fuzz)
  sim [--seeds N] [--from SEED] [--ticks N]
                        random stories of many members (100 unless told otherwise); one line a
                        seed that breaks an invariant
  bench [--against] [--quick] [--only taxii|library|exchange|large|against]
                        measures the release binary and writes docs/PERFORMANCE.md
                        (--against measures medallion and OpenTAXII in the same run;
                        --quick and --only write nothing)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the simulator in its own profile: optimised, since many seeds pay for the build, with every check of a debug build.
fn sim(root: &std::path::Path, arguments: &[String]) -> Result<ExitCode> {
    let mut command = std::process::Command::new("cargo");
    command.current_dir(root).args(["run", "--profile", "sim", "--quiet", "-p", "sim", "--"]).args(arguments);
    let status = command.status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn dispatch(arguments: &[String]) -> Result<ExitCode> {
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", arguments),
    };
    let root = workspace::root()?;
    match command {
        "check" => check::command(&root),
        "test" => test::command(&root, rest),
        "sim" => sim(&root, rest),
        "bench" => bench::command(&root, rest),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        unknown => {
            eprintln!("xtask: no command {unknown:?}\n\n{HELP}");
            Ok(ExitCode::from(2))
        }
    }
}

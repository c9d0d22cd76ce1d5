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
    let Some(options) = options(command) else {
        if matches!(command, "help" | "--help" | "-h") {
            println!("{HELP}");
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("xtask: no command {command:?}\n\n{HELP}");
        return Ok(ExitCode::from(2));
    };
    match unfit(rest, options) {
        None => {}
        Some("--help" | "-h") => {
            println!("{HELP}");
            return Ok(ExitCode::SUCCESS);
        }
        Some(word) => {
            eprintln!("xtask: {command} does not take {word:?}\n\n{HELP}");
            return Ok(ExitCode::from(2));
        }
    }
    let root = workspace::root()?;
    match command {
        "check" => check::command(&root),
        "test" => test::command(&root, rest),
        "sim" => sim(&root, rest),
        _ => bench::command(&root, rest),
    }
}

/// What an option takes behind it.
#[derive(Clone, Copy)]
enum Takes {
    Nothing,
    Number,
    Word,
    OneOf(&'static [&'static str]),
}

/// The options of a command; `None` = there is no such command. They are judged here, before anything is built.
fn options(command: &str) -> Option<&'static [(&'static str, Takes)]> {
    const PARTS: [&str; 5] = ["taxii", "library", "exchange", "large", "against"];
    match command {
        "check" => Some(&[]),
        "test" => Some(&[("--quick", Takes::Nothing), ("--only", Takes::Word)]),
        "sim" => Some(&[("--seeds", Takes::Number), ("--from", Takes::Number), ("--ticks", Takes::Number)]),
        "bench" => Some(&[
            ("--against", Takes::Nothing),
            ("--quick", Takes::Nothing),
            ("--only", Takes::OneOf(&PARTS)),
        ]),
        _ => None,
    }
}

/// The first argument that a command does not take, or that wants another behind it; a question for help before all others.
fn unfit<'a>(arguments: &'a [String], options: &[(&str, Takes)]) -> Option<&'a str> {
    if let Some(help) = arguments.iter().find(|word| matches!(word.as_str(), "--help" | "-h")) {
        return Some(help);
    }
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let takes = options.iter().find(|(name, _)| name == word).map(|(_, takes)| *takes);
        let fits = match takes {
            None => false,
            Some(Takes::Nothing) => true,
            Some(Takes::Word) => words.next().is_some(),
            Some(Takes::Number) => words.next().is_some_and(|word| word.parse::<u64>().is_ok()),
            Some(Takes::OneOf(known)) => words.next().is_some_and(|word| known.contains(&word.as_str())),
        };
        if !fits {
            return Some(word);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_does_not_take_is_told_before_it_builds() {
        let told = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let (command, rest) = words.split_first().unwrap();
            unfit(rest, options(command).unwrap()).map(str::to_owned)
        };
        for line in [
            "check",
            "test --quick",
            "test --only doc-tests",
            "sim --seeds 5 --from 7",
            "bench --against --quick",
            "bench --only large",
        ] {
            assert_eq!(told(line), None, "{line}");
        }
        for (line, word) in [
            ("check --help", "--help"),
            ("test --help", "--help"),
            ("sim --seeds 5 -h", "-h"),
            ("bench --bogus --help", "--help"),
            ("bench --bogus", "--bogus"),
            ("bench --only", "--only"),
            ("bench --only all", "--only"),
            ("sim --seeds many", "--seeds"),
            ("check now", "now"),
        ] {
            assert_eq!(told(line).as_deref(), Some(word), "{line}");
        }
        assert!(options("bunch").is_none());
    }
}

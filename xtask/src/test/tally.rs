//! Counting tests from the runners' own closing lines: cargo test, nextest and pytest.

use std::fmt;
use std::ops::Add;

/// How many tests went which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// The sum of every closing line in `text`.
pub(crate) fn read(text: &str) -> Tally {
    text.lines().filter(|line| closes(line)).map(counts).fold(Tally::default(), Add::add)
}

/// Whether a line is a runner's last word: `test result: ...`, `Summary [...] ...` or pytest's line ending in ` in 1.23s`.
fn closes(line: &str) -> bool {
    let line = line.trim_matches(['=', ' ']);
    let pytest = || {
        let Some((head, tail)) = line.rsplit_once(" in ") else { return false };
        let seconds = tail.split(' ').next().unwrap_or_default();
        let timed = seconds.strip_suffix('s').is_some_and(|number| number.parse::<f64>().is_ok());
        timed && ["passed", "failed", "skipped", "error"].iter().any(|word| head.contains(word))
    };
    line.starts_with("test result:") || line.starts_with("Summary [") || pytest()
}

/// Every `NUMBER word` pair of a closing line that says how tests went.
fn counts(line: &str) -> Tally {
    let words: Vec<&str> =
        line.split([' ', ',', ';', '=', '(', ')', ':']).filter(|word| !word.is_empty()).collect();
    let mut tally = Tally::default();
    for pair in words.windows(2) {
        let [number, word] = pair else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        match *word {
            "passed" | "xfailed" => tally.passed += number,
            "failed" | "error" | "errors" | "xpassed" => tally.failed += number,
            "ignored" | "skipped" => tally.skipped += number,
            _ => {}
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u64, failed: u64, skipped: u64) -> Tally {
        Tally { passed, failed, skipped }
    }

    #[test]
    fn closing_lines_of_each_runner_are_read() {
        let cargo = "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(read(cargo), tally(3, 1, 2));
        assert_eq!(read(&format!("{cargo}\n{cargo}")), tally(6, 2, 4));
        let nextest = "     Summary [   1.234s] 12 tests run: 11 passed (1 slow), 1 failed, 4 skipped";
        assert_eq!(read(nextest), tally(11, 1, 4));
        assert_eq!(read("======= 2 failed, 40 passed, 3 skipped in 12.30s ======="), tally(40, 2, 3));
        assert_eq!(read("5 passed, 1 error in 61.02s (0:01:01)"), tally(5, 1, 0));
    }

    #[test]
    fn other_lines_count_for_nothing() {
        assert_eq!(
            read("checked 3 passed doors\nrunning 4 tests\nfound 3 errors in 2 files"),
            tally(0, 0, 0)
        );
    }
}

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

/// The names of the tests that failed, each once, in the order they are first named.
pub(crate) fn failed(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in text.lines().filter_map(failure) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// What a line says failed: nextest's `FAIL [ 1.2s] (3/4) BINARY TEST`, pytest's `FAILED FILE::TEST - WHY` and `ERROR FILE::TEST - WHY`, cargo's `test TEST ... FAILED`.
fn failure(line: &str) -> Option<&str> {
    // Indented it is what nextest repeats of a test binary's own words, below the line that names the test.
    if let Some(rest) = line.strip_prefix("test ") {
        return rest.trim_end().strip_suffix(" ... FAILED");
    }
    let line = line.trim();
    if let Some(rest) = line
        .strip_prefix("FAILED ")
        .or_else(|| line.strip_prefix("ERROR ").filter(|rest| rest.starts_with("tests/")))
    {
        return rest.contains("::").then(|| rest.split(" - ").next().unwrap_or(rest));
    }
    let ended = ["FAIL [", "TIMEOUT [", "SIGABRT [", "SIGSEGV [", "SIGKILL [", "SIGTERM ["];
    let rest = ended.iter().find_map(|word| line.strip_prefix(word))?;
    let rest = rest.split_once(']')?.1.trim_start();
    Some(rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(rest, |(_, name)| name).trim())
}

/// Whether a line is a runner's last word: `test result: ...` from the first column (indented it is what nextest repeats of a test binary's own words),
/// `Summary [...] ...` or pytest's line ending in ` in 1.23s`.
fn closes(line: &str) -> bool {
    if line.trim_start().starts_with("test result:") {
        return line.starts_with("test result:");
    }
    let line = line.trim_matches(['=', ' ']);
    let pytest = || {
        let Some((head, tail)) = line.rsplit_once(" in ") else { return false };
        let seconds = tail.split(' ').next().unwrap_or_default();
        let timed = seconds.strip_suffix('s').is_some_and(|number| number.parse::<f64>().is_ok());
        timed && ["passed", "failed", "skipped", "error"].iter().any(|word| head.contains(word))
    };
    line.starts_with("Summary [") || pytest()
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
    fn a_test_that_failed_under_nextest_counts_once() {
        let nextest = "        FAIL [   2.165s] ( 233/1508) cresset::contract retention::both_ends\n\
             \x20 stdout ───\n\
             \x20   test retention::both_ends ... FAILED\n\
             \x20   test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 181 filtered out; finished in 2.15s\n\
             \x20    Summary [ 724.754s] 1508 tests run: 1507 passed (3 slow), 1 failed, 0 skipped";
        assert_eq!(read(nextest), tally(1507, 1, 0));
        assert_eq!(failed(nextest), ["cresset::contract retention::both_ends"]);
    }

    #[test]
    fn failed_tests_of_each_runner_are_named_once() {
        let nextest = "        FAIL [   0.020s] (  12/1144) store-sqlite migrate::tests::twice\n\
             \x20       FAIL [   0.020s] (  12/1144) store-sqlite migrate::tests::twice\n\
             \x20       PASS [   0.020s] (  13/1144) store-sqlite migrate::tests::once\n\
             \x20    TIMEOUT [ 300.020s] cresset::contract waits";
        assert_eq!(failed(nextest), ["store-sqlite migrate::tests::twice", "cresset::contract waits"]);
        let pytest = "FAILED tests/outside/test_pages.py::test_all[home] - assert 1 == 2";
        assert_eq!(failed(pytest), ["tests/outside/test_pages.py::test_all[home]"]);
        let pytest = "ERROR tests/outside/test_pages.py::test_all - OSError";
        assert_eq!(failed(pytest), ["tests/outside/test_pages.py::test_all"]);
        assert_eq!(failed("test a::b ... FAILED\ntest a::c ... ok"), ["a::b"]);
        assert_eq!(failed("test result: FAILED. 3 passed; 1 failed\nFAILED (errors=1)"), [""; 0]);
    }

    #[test]
    fn other_lines_count_for_nothing() {
        assert_eq!(
            read("checked 3 passed doors\nrunning 4 tests\nfound 3 errors in 2 files"),
            tally(0, 0, 0)
        );
    }
}

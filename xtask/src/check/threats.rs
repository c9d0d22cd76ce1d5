//! Every threat has a control and every promise a proof, and both name tests that exist.
//!
//! `docs/THREATS.md` and `docs/PROOF.md` hold tables whose last column names tests as `path/to/file.rs::name`. A row without one, a file that is
//! not there, or a function that is not a test in it is a finding. What is deliberately not defended against stands in prose.

use anyhow::{Context, Result};

use crate::check::Finding;
use crate::workspace::Workspace;

/// The files with such tables, and what stands in a row.
const FILES: [(&str, &str); 2] = [("docs/THREATS.md", "threat"), ("docs/PROOF.md", "promise")];

/// The findings about the tables, where there are such files.
pub(crate) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (file, row) in FILES {
        findings.extend(table(workspace, file, row)?);
    }
    Ok(findings)
}

fn table(workspace: &Workspace, file: &str, row: &str) -> Result<Vec<Finding>> {
    let path = workspace.root.join(file);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", number + 1);
        let Some(cell) = last_cell(line) else { continue };
        let tests: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        if tests.is_empty() {
            findings.push(Finding::new(&place, format!("this {row} names no test")));
        }
        for test in tests {
            findings.extend(missing(workspace, test)?.map(|message| Finding::new(&place, message)));
        }
    }
    Ok(findings)
}

/// The last cell of a row that is neither a heading nor the rule below it.
fn last_cell(line: &str) -> Option<&str> {
    let cells = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let last = cells.rsplit('|').next()?.trim();
    let heading = last == "test" || last.chars().all(|letter| matches!(letter, '-' | ':'));
    (!heading || last.is_empty()).then_some(last)
}

fn missing(workspace: &Workspace, test: &str) -> Result<Option<String>> {
    let Some((file, name)) = test.split_once("::") else {
        return Ok(Some(format!("`{test}` is no test: write path/to/file.rs::name")));
    };
    if !workspace.files.iter().any(|known| known == file) {
        return Ok(Some(format!("`{test}`: there is no file {file}")));
    }
    let text =
        std::fs::read_to_string(workspace.root.join(file)).with_context(|| format!("cannot read {file}"))?;
    let found = if file.ends_with(".py") {
        text.contains(&format!("def {name}("))
    } else if let Some(module) = file.strip_prefix(SUITE_DIRECTORY) {
        let suite =
            std::fs::read_to_string(workspace.root.join(SUITE)).context("cannot read the store's suite")?;
        is_case(&suite, module, name)
    } else {
        is_test(&text, name)
    };
    Ok((!found).then(|| format!("`{test}`: there is no such test in the file")))
}

/// Where the cases stand that every backend of the store passes, and the list that has each of them run.
const SUITE_DIRECTORY: &str = "crates/store/src/conformance/";
const SUITE: &str = "crates/store/src/conformance.rs";

/// Whether the suite has a case of a file run.
fn is_case(suite: &str, file: &str, name: &str) -> bool {
    let module = file.trim_end_matches(".rs");
    suite.contains(&format!("$case!({module}::{name});"))
}

/// Whether `name` is a function directly below a test's attribute (or inside a `proptest!`, where it takes arguments).
fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let starts = [format!("fn {name}("), format!("async fn {name}(")];
    lines.iter().enumerate().any(|(at, line)| {
        let named = starts.iter().any(|start| line.starts_with(start.as_str()));
        let above = at.checked_sub(1).and_then(|at| lines.get(at));
        named && above.is_some_and(|above| above.starts_with("#[") && above.contains("test"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_a_function_below_its_attribute() {
        let text = "#[test]\nfn one() {}\nfn two() {}\n    #[tokio::test]\n    async fn three() {}\n";
        assert!(is_test(text, "one") && is_test(text, "three"));
        assert!(!is_test(text, "two") && !is_test(text, "on") && !is_test(text, "four"));
    }

    #[test]
    fn a_case_is_what_the_suite_runs() {
        let suite = "        $case!(words::one);\n";
        assert!(is_case(suite, "words.rs", "one"));
        assert!(!is_case(suite, "words.rs", "on") && !is_case(suite, "adding.rs", "one"));
    }

    #[test]
    fn headings_and_prose_are_no_threats() {
        assert_eq!(last_cell("| threat | control | test |"), None);
        assert_eq!(last_cell("|---|---|---|"), None);
        assert_eq!(last_cell("prose"), None);
        assert_eq!(last_cell("| a | b | `x.rs::y` |"), Some("`x.rs::y`"));
        assert_eq!(last_cell("| a | b | |"), Some(""));
    }
}

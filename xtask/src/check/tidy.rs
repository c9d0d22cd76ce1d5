//! Rules about single files: names, sizes, headers, and words that may not stand in a tracked file.

use std::path::Path;

use anyhow::{Context, Result};

use crate::check::Finding;
use crate::workspace::Workspace;

/// Names that say nothing about what stands inside.
const EMPTY_NAMES: &[&str] =
    &["common", "util", "utils", "helper", "helpers", "misc", "shared", "manager", "core"];

/// Longest file, in lines, up to its tests.
const LINES_MAX: usize = 800;

/// Words that may not stand in Rust code, each with what to do instead. Put together here so that this file passes.
const CODE_WORDS: &[(&str, &str)] = &[
    (concat!("#[", "allow("), "say `expect` with a reason, so that it goes away with its cause"),
    (concat!("#![", "allow("), "say `expect` with a reason, so that it goes away with its cause"),
    (concat!("todo", "!("), "finish it or leave it out"),
    (concat!("unimplemented", "!("), "finish it or leave it out"),
    (concat!("FIX", "ME"), "mend it or file an issue"),
    (concat!("XX", "X:"), "mend it or file an issue"),
    (concat!("TO", "DO"), "do it or file an issue"),
];

/// Beginnings of paths that exist on one machine only, and of notes that are not part of the project.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("bash_", "jobs"),
    concat!("shared/", "design"),
    concat!("shared/", "hooks"),
];

/// Trees whose files are input for tests, not text of ours.
const EXEMPT: &[&str] = &["xtask/fixtures/", "fuzz/seeds/"];

/// The findings about every tracked file.
pub(crate) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in &workspace.files {
        if exempt(path) {
            continue;
        }
        findings.extend(name(path));
        let bytes =
            std::fs::read(workspace.root.join(path)).with_context(|| format!("cannot read {path}"))?;
        let Ok(text) = String::from_utf8(bytes) else { continue };
        findings.extend(machine_paths(path, &text));
        if path.ends_with(".rs") {
            findings.extend(header(path, &text));
            findings.extend(size(path, &text));
            findings.extend(code_words(path, &text));
        }
    }
    Ok(findings)
}

fn exempt(path: &str) -> bool {
    EXEMPT.iter().any(|tree| path.starts_with(tree)) || path.contains("/fixtures/") || path == "Cargo.lock"
}

/// A module, a module's directory or a crate with a name that says nothing.
fn name(path: &str) -> Option<Finding> {
    let rust = Path::new(path).extension().is_some_and(|extension| extension == "rs");
    let manifest = path.ends_with("/Cargo.toml");
    if !rust && !manifest {
        return None;
    }
    let stems = path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
    let empty = stems.into_iter().find(|stem| EMPTY_NAMES.contains(stem))?;
    Some(Finding::new(path, format!("`{empty}` says nothing about what stands inside: name the thing")))
}

fn header(path: &str, text: &str) -> Option<Finding> {
    if text.starts_with("//!") {
        return None;
    }
    Some(Finding::new(path, "no `//!` header: say what this is and what it does not do"))
}

fn size(path: &str, text: &str) -> Option<Finding> {
    let for_tests = ["tests/", "benches/", "fuzz/"].iter().any(|dir| path.starts_with(dir))
        || ["/tests/", "/benches/"].iter().any(|dir| path.contains(dir))
        || path.ends_with("tests.rs");
    let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
    if for_tests || lines <= LINES_MAX {
        return None;
    }
    Some(Finding::new(path, format!("{lines} lines without tests, more than {LINES_MAX}: divide it")))
}

fn code_words(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let hit = CODE_WORDS.iter().find(|(word, _)| contains_word(line, word));
        let finding = hit.map(|(word, advice)| format!("`{word}` stands here: {advice}"));
        findings.extend(finding.map(|message| Finding::new(format!("{path}:{}", number + 1), message)));
    }
    findings
}

fn machine_paths(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let hit = MACHINE_PATHS.iter().find(|start| contains_word(line, start));
        let finding = hit.map(|start| format!("`{start}` belongs to one machine or to working notes"));
        findings.extend(finding.map(|message| Finding::new(format!("{path}:{}", number + 1), message)));
    }
    findings
}

/// Whether `word` stands in `line` with no letter, digit, dot or slash directly before it.
fn contains_word(line: &str, word: &str) -> bool {
    let mut rest = line;
    let mut before = None;
    while let Some((head, tail)) = rest.split_once(word) {
        let previous = head.chars().next_back().or(before);
        if !previous.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.') {
            return true;
        }
        before = word.chars().next_back();
        rest = tail;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_only_where_they_begin() {
        assert!(contains_word("x = TAKE", "TAKE"));
        assert!(!contains_word("MISTAKE", "TAKE"));
        assert!(contains_word("MISTAKE TAKE", "TAKE"));
        assert!(!contains_word("https://a.example/there/x", "/there/"));
        assert!(contains_word("see /there/x", "/there/"));
    }

    #[test]
    fn empty_names_are_refused_and_others_pass() {
        assert!(name("crates/x/src/util.rs").is_some());
        assert!(name("crates/common/Cargo.toml").is_some());
        assert!(name("crates/x/src/core/mod.rs").is_some());
        assert!(name("crates/x/src/utilities_of_state.rs").is_none());
        assert!(name("docs/shared/x.md").is_none());
    }

    #[test]
    fn size_stops_counting_at_the_tests() {
        let long = "//!\n".repeat(LINES_MAX);
        assert!(size("a/src/x.rs", &long).is_none());
        assert!(size("a/src/x.rs", &format!("{long}//!\n")).is_some());
        assert!(size("a/src/x.rs", &format!("{long}#[cfg(test)]\n//!\n")).is_none());
        assert!(size("a/tests/x.rs", &format!("{long}//!\n")).is_none());
    }
}

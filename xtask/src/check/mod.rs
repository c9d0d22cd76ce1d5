//! `cargo xtask check`: the house rules that the compiler cannot see.
//!
//! Each rule is a function from the workspace to findings; none changes anything. The rules are tested on small
//! workspaces under `xtask/fixtures`, each with the findings it must give.

mod layers;
mod map;
mod threats;
mod tidy;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::workspace::Workspace;

/// One broken rule: where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    place: String,
    message: String,
}

impl Finding {
    fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Runs every rule over the workspace at `root`, sorted by place.
pub(crate) fn findings(root: &Path) -> Result<Vec<Finding>> {
    let workspace = Workspace::read(root)?;
    let mut findings = layers::check(&workspace)?;
    findings.extend(map::check(&workspace)?);
    findings.extend(threats::check(&workspace)?);
    findings.extend(tidy::check(&workspace)?);
    findings.sort();
    Ok(findings)
}

/// Prints the findings; fails when there are any.
pub(crate) fn command(root: &Path) -> Result<ExitCode> {
    let findings = findings(root)?;
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("check: every rule holds");
        return Ok(ExitCode::SUCCESS);
    }
    println!("check: {} broken", findings.len());
    Ok(ExitCode::FAILURE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// Every directory under `fixtures/` is a workspace; `expected.txt` holds its findings, one a line.
    #[test]
    fn fixtures_give_what_they_say() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let mut cases: Vec<PathBuf> =
            std::fs::read_dir(fixtures).unwrap().map(|entry| entry.unwrap().path()).collect();
        cases.sort();
        assert!(cases.len() >= 8, "the fixtures are there");
        for case in cases {
            let copy = unpack(&case);
            let found: Vec<String> = findings(copy.path()).unwrap().iter().map(Finding::to_string).collect();
            let expected = std::fs::read_to_string(case.join("expected.txt")).unwrap();
            let expected: Vec<&str> = expected.lines().collect();
            assert_eq!(found, expected, "in {}", case.display());
        }
    }

    /// A fixture is one text file of `=== path` sections, so that cargo and the rules themselves do not trip over it.
    fn unpack(case: &Path) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        let tree = std::fs::read_to_string(case.join("tree.txt")).unwrap();
        for section in tree.split("=== ").skip(1) {
            let (path, body) = section.split_once('\n').unwrap();
            let file = copy.path().join(path.trim());
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            let body = body.replace("@800 lines@\n", &"// a line\n".repeat(800));
            std::fs::write(file, body).unwrap();
        }
        copy
    }

    #[test]
    fn this_workspace_has_a_layer_for_every_crate() {
        let workspace = Workspace::read(&crate::workspace::root().unwrap()).unwrap();
        for member in &workspace.members {
            assert!(layers::layer_of(&member.name).is_some(), "{} has no layer", member.name);
        }
    }
}

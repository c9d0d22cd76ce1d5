//! Patterns and matches labelled from the text of STIX 2.1: every verdict has to be met.
//!
//! The cases lie beside the workspace and are not part of it; without them the tests say so and pass.

use std::path::PathBuf;

use stix::Json;
use stix::pattern::matching::{Observations, Outcome, Prepared};

/// The cases of a file, or `None` (said loudly) when it is not there.
fn cases(file: &str) -> Option<String> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../../shared/cases/stix", file].iter().collect();
    let found = std::fs::read_to_string(&path).ok();
    if found.is_none() {
        eprintln!("SKIPPED: {} is not there, no labelled case was checked", path.display());
    }
    found
}

fn text<'j>(case: &'j Json<'_>, name: &str) -> &'j str {
    case.get(name).and_then(Json::as_str).unwrap_or("")
}

#[test]
fn every_labelled_pattern_is_judged_as_the_text_says() {
    let Some(cases) = cases("patterns.jsonl") else { return };
    let mut wrong = Vec::new();
    let mut checked = 0;
    for line in cases.lines() {
        let case = Json::parse(line.as_bytes()).unwrap();
        let pattern = text(&case, "pattern");
        let found = stix::pattern::parse(pattern);
        if let Ok(parsed) = &found {
            let printed = parsed.to_string();
            assert_eq!(stix::pattern::parse(&printed).as_ref(), Ok(parsed), "{printed}");
        }
        let Some(spec) = case.get("spec").and_then(Json::as_bool) else { continue };
        checked += 1;
        if found.is_ok() != spec {
            let error = found.err().map(|error| error.to_string());
            wrong.push(format!(
                "{} {pattern} should be {spec}: {error:?} {}",
                text(&case, "id"),
                text(&case, "note")
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {checked} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked > 0);
}

#[test]
fn every_labelled_match_comes_out_as_the_text_says() {
    let Some(cases) = cases("matches.jsonl") else { return };
    let mut wrong = Vec::new();
    let mut checked = 0;
    for line in cases.lines() {
        let case = Json::parse(line.as_bytes()).unwrap();
        let pattern = text(&case, "pattern");
        let bundle = case.get("bundle").unwrap();
        let observations = Observations::from_bundle(bundle);
        let outcome = stix::pattern::parse(pattern).map(|pattern| Prepared::new(&pattern).run(&observations));
        let Some(spec) = case.get("spec").and_then(Json::as_bool) else { continue };
        checked += 1;
        let right = match &outcome {
            Ok(Outcome::Matched(binding)) => spec && binding_is_allowed(&case, binding),
            Ok(Outcome::NotMatched) | Err(_) => !spec,
            Ok(Outcome::Undecided) => false,
        };
        if !right {
            wrong.push(format!(
                "{} {pattern} should be {spec}: {outcome:?} {}",
                text(&case, "id"),
                text(&case, "note")
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {checked} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked > 0);
}

/// Whether a binding is one of those listed, where any are.
fn binding_is_allowed(case: &Json<'_>, binding: &[usize]) -> bool {
    let Some(allowed) = case.get("spec_bindings").and_then(Json::as_list) else { return true };
    allowed.iter().filter_map(Json::as_list).any(|one| {
        let mut one: Vec<usize> =
            one.iter().filter_map(|index| index.as_integer()?.try_into().ok()).collect();
        one.sort_unstable();
        one.dedup();
        one == binding
    })
}

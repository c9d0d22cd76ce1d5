//! Every labelled case against the crate. Cases without a verdict only have to be survived.
//!
//! The cases lie beside the workspace and are no part of it; where they are absent the tests say so and pass.

use std::path::PathBuf;

use serde_json::Value;
use stix::{Json, marking, sco_id, validate, version};

/// Cases whose label contradicts the text, with the text.
const MISLABELLED: &[(&str, &str)] = &[(
    "obj-05952",
    "6.12.4: \"Each key in the dictionary SHOULD be a case-preserved version of the option name, e.g., SO_ACCEPTCONN\": \
     an option called FOO goes against a SHOULD, so it is a warning",
)];

fn cases(name: &str) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/stix").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: the labelled cases are not at {}", path.display());
        return Vec::new();
    };
    text.lines().map(|line| serde_json::from_str(line).expect("a case is JSON")).collect()
}

fn settle(what: &str, count: usize, wrong: &[String]) {
    eprintln!("{what}: {count} cases, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

#[test]
fn objects() {
    let cases = cases("objects.jsonl");
    let mut wrong = Vec::new();
    for case in &cases {
        let input = case["input"].as_str().expect("input");
        let verdict = validate(input.as_bytes(), false);
        let strict = validate(input.as_bytes(), true);
        let id = case["id"].as_str().expect("id");
        assert!(verdict.valid || !strict.valid, "{id}: strict forgives more");
        let due = case["spec"].as_bool();
        if due.is_some_and(|due| due != verdict.valid) && !MISLABELLED.iter().any(|(known, _)| *known == id) {
            let found: Vec<String> = verdict.errors.iter().map(ToString::to_string).collect();
            let input: String = input.chars().take(700).collect();
            wrong
                .push(format!("{id} {} {} due {due:?}: {found:?}\n    {input}", case["group"], case["note"]));
        }
    }
    settle("objects", cases.len(), &wrong);
}

#[test]
fn observable_ids() {
    let cases = cases("sco_ids.jsonl");
    let mut wrong = Vec::new();
    for case in &cases {
        let text = case["object"].to_string();
        let object = Json::parse(text.as_bytes()).expect("object");
        let id = sco_id::deterministic(&object).map_or_else(|| "random".to_owned(), |id| id.to_string());
        if case["spec"].as_str() != Some(&id) {
            wrong.push(format!("{} {id} {case}", case["id"]));
        }
    }
    settle("observable ids", cases.len(), &wrong);
}

#[test]
fn versions() {
    let cases = cases("versions.jsonl");
    let mut wrong = Vec::new();
    for case in &cases {
        let texts: Vec<String> =
            case["objects"].as_array().expect("objects").iter().map(ToString::to_string).collect();
        let objects: Vec<Json<'_>> =
            texts.iter().map(|text| Json::parse(text.as_bytes()).expect("object")).collect();
        let history = version::replay(&objects).expect("not empty");
        let latest = case["spec"]["latest"].as_u64().is_none_or(|due| due == history.latest as u64);
        let verdicts = case["spec"]["verdicts"].as_array().is_none_or(|due| {
            due.iter()
                .map(|word| word.as_str().unwrap_or("?"))
                .eq(history.verdicts.iter().map(|verdict| verdict.as_str()))
        });
        if !latest || !verdicts {
            wrong.push(format!("{} {} {} {history:?}", case["id"], case["note"], case["spec"]));
        }
    }
    settle("versions", cases.len(), &wrong);
}

#[test]
fn selectors() {
    let cases = cases("selectors.jsonl");
    let mut wrong = Vec::new();
    for case in &cases {
        let text = case["object"].to_string();
        let object = Json::parse(text.as_bytes()).expect("object");
        let answer = marking::effective(&object, case["selector"].as_str().expect("selector"));
        let mut due: Option<Vec<&str>> =
            case["spec"]["effective"].as_array().map(|ids| ids.iter().filter_map(Value::as_str).collect());
        let mut found: Option<Vec<&str>> =
            answer.as_ref().ok().map(|ids| ids.iter().map(String::as_str).collect());
        due.iter_mut().for_each(|ids| ids.sort_unstable());
        found.iter_mut().for_each(|ids| ids.sort_unstable());
        if case["spec"]["valid"].as_bool() != Some(answer.is_ok()) || found != due {
            wrong.push(format!("{} {} {answer:?}", case["id"], case["spec"]));
        }
    }
    settle("selectors", cases.len(), &wrong);
}

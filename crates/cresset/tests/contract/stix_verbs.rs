//! `cresset stix`: JSONL in, JSONL out.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::scene::{Ended, run_with};

fn ask(verb: &str, lines: &[Value]) -> Vec<Value> {
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let mut answers = run_with(&["stix", verb], &[], input.as_bytes()).exits(0).lines();
    answers.sort_by_key(|answer| answer["id"].as_u64());
    answers
}

#[test]
fn every_line_has_one_answer_with_its_id() {
    let lines: Vec<Value> =
        (0..5_000).map(|at| json!({"id": at, "pattern": format!("[file:size = {at}]")})).collect();
    let answers = ask("pattern", &lines);
    assert_eq!(answers.len(), lines.len());
    assert!(answers.iter().enumerate().all(|(at, answer)| answer["id"] == at && answer["valid"] == true));
}

#[test]
fn junk_lines_get_an_error_and_end_nothing() {
    let input =
        b"junk\n{\"id\":1}\n[]\n\xff\xfe\n{\"id\":2,\"pattern\":7}\n\n{\"id\":3,\"pattern\":\"[a:b=1]\"}";
    for verb in ["validate", "pattern", "match", "id", "latest", "markings"] {
        let answers = run_with(&["stix", verb], &[], input).exits(0).lines();
        assert_eq!(answers.len(), 6, "{verb}");
        let errors = answers.iter().filter(|answer| answer["valid"] == false);
        assert!(errors.count() >= 5, "{verb}");
    }
}

/// The members of each verb's answers, as scripts read them.
const SHAPES: [(&str, &[&str]); 6] = [
    ("validate", &["id", "valid", "errors", "warnings"]),
    ("pattern", &["id", "valid", "errors"]),
    ("match", &["id", "matched", "observations"]),
    ("id", &["id", "sco_id"]),
    ("latest", &["id", "latest"]),
    ("markings", &["id", "valid", "effective"]),
];

#[test]
fn every_answer_has_every_member_of_its_shape() {
    let lines = [
        r#"{"id":1}"#,
        r#"{"id":2,"input":5,"pattern":5,"bundle":5,"object":5,"objects":5,"selector":5}"#,
        r#"{"id":3,"input":"\ud800","pattern":"\ud800","bundle":{},"object":{},"objects":[],"selector":"\ud800"}"#,
        r#"{"id":4,"input":"{}","pattern":"[a:b=1]","bundle":[],"object":{"type":7},"objects":[],"selector":""}"#,
        r#"{"id":5,"input":"{","pattern":"[","bundle":{},"object":{"a":1e400},"objects":[{"id":"x--1"},{"id":"x--2"}],"selector":"a"}"#,
        r#"{"id":6,"input":"","pattern":"[a:b=1]","bundle":{"a":"\ud800"},"object":{"a":1,"a":2},"objects":[1e400],"selector":"a"}"#,
        "junk",
        r#"{"id":8,"pattern":"[a:b=1]","bundle":{"a":}"#,
    ];
    for (verb, shape) in SHAPES {
        let answers = run_with(&["stix", verb], &[], lines.join("\n").as_bytes()).exits(0).lines();
        assert_eq!(answers.len(), lines.len(), "{verb}");
        for answer in answers {
            for member in shape {
                assert!(answer.get(member).is_some(), "{verb}: no {member} in {answer}");
            }
            let errors = answer["errors"].as_array().into_iter().flatten();
            for error in errors.filter(|_| verb == "pattern") {
                assert!(error["message"].is_string() && error["offset"].is_u64(), "{answer}");
            }
        }
    }
}

#[test]
fn one_bad_value_does_not_abort_a_match() {
    let line = |id: u64, name: &str| {
        format!(
            r#"{{"id":{id},"pattern":"[file:size = 1]","bundle":{{"type":"bundle","id":"bundle--5a170000-0000-4000-8000-000000000001","objects":[{{"type":"file","id":"file--5a170000-0000-4000-8000-000000000002","name":{name},"size":1}},{{"type":"observed-data","id":"observed-data--5a170000-0000-4000-8000-000000000003","first_observed":"2023-05-01T00:00:00Z","last_observed":"2023-05-01T00:00:00Z","number_observed":1,"object_refs":["file--5a170000-0000-4000-8000-000000000002"]}}]}}}}"#
        )
    };
    let values = [r#""\ud800""#, "1e400", r#"{"a":1,"a":2}"#, r#""x","name":"y""#];
    let lines: Vec<String> = (0..).zip(values).map(|(at, value)| line(at, value)).collect();
    for answer in run_with(&["stix", "match"], &[], lines.join("\n").as_bytes()).exits(0).lines() {
        assert_eq!((&answer["matched"], &answer["observations"]), (&json!(true), &json!([0])), "{answer}");
        assert!(
            answer["warnings"][0]["code"].as_str().is_some_and(|code| code.starts_with("json-")),
            "{answer}"
        );
    }
}

/// STIX 2.1, section 7.1.1: a translation is of the kind of what it translates, and lists are of one length.
#[test]
fn a_translation_mirrors_what_it_translates() {
    let actor = json!({"type": "threat-actor", "spec_version": "2.1", "id": "threat-actor--5a170000-0000-4000-8000-000000000001",
        "created": "2024-01-01T00:00:00.000Z", "modified": "2024-01-01T00:00:00.000Z", "name": "Ashwick", "goals": ["a", "b"],
        "external_references": [{"source_name": "x", "description": "d"}]});
    let translated = |contents: &Value| {
        json!({"type": "language-content", "spec_version": "2.1", "id": "language-content--5a170000-0000-4000-8000-000000000002",
            "created": "2024-01-01T00:00:00.000Z", "modified": "2024-01-01T00:00:00.000Z", "object_ref": actor["id"],
            "contents": {"de": contents}})
    };
    let bundle = |contents: &Value| {
        json!({"type": "bundle", "id": "bundle--5a170000-0000-4000-8000-000000000003",
            "objects": [actor, translated(contents)]})
    };
    let cases = [
        (translated(&json!({"name": "x", "goals": ["x"], "nope": 5})), None),
        (translated(&json!({"name": 5})), Some("value-kind")),
        (translated(&json!({"name": ["x"]})), Some("value-kind")),
        (translated(&json!({"goals": "x"})), Some("value-kind")),
        (bundle(&json!({"goals": ["x", ""], "nope": 5})), None),
        (bundle(&json!({"goals": ["x"]})), Some("translation-length")),
        (bundle(&json!({"goals": "x"})), Some("value-kind")),
        (bundle(&json!({"goals": ["x", 5]})), Some("value-kind")),
        (bundle(&json!({"external_references": "x"})), Some("value-kind")),
    ];
    let lines: Vec<Value> = (0..)
        .zip(&cases)
        .map(|(at, (input, _)): (u64, _)| json!({"id": at, "input": input.to_string()}))
        .collect();
    let answers = ask("validate", &lines);
    assert_eq!(answers.len(), cases.len());
    for (answer, (input, due)) in answers.iter().zip(&cases) {
        assert_eq!(answer["valid"], due.is_none(), "{input}: {answer}");
        assert_eq!(answer["errors"][0]["code"].as_str(), *due, "{input}: {answer}");
    }
}

/// The same words stand in sections 7.3.2 and 11.2.1.
#[test]
fn an_object_of_a_type_of_its_own_says_something_of_its_own() {
    let thing = |more: Value| {
        let mut object = json!({"type": "x-thing", "spec_version": "2.1", "id": "x-thing--5a170000-0000-4000-8000-000000000001",
            "created": "2024-01-01T00:00:00.000Z", "modified": "2024-01-01T00:00:00.000Z"});
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        object
    };
    let definition = "extension-definition--5a170000-0000-4000-8000-000000000002";
    let introduced = json!({"extensions": {definition: {"extension_type": "new-sdo"}}});
    let objects =
        [thing(json!({})), thing(introduced), thing(json!({"rank": 1})), json!({"id": "x-thing--1"})];
    let lines: Vec<Value> = (0..)
        .zip(&objects)
        .map(|(at, object): (u64, _)| json!({"id": at, "input": object.to_string()}))
        .collect();
    let answers = ask("validate", &lines);
    let codes = |at: usize, list: &str| -> Vec<String> {
        let found = answers[at][list].as_array().unwrap().iter();
        found.map(|one| one["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (codes(0, "errors"), codes(1, "errors")),
        (vec!["custom-empty".into()], vec!["custom-empty".into()])
    );
    assert_eq!(answers[2]["valid"], true);
    assert!(!codes(3, "errors").contains(&"custom-empty".into()), "{}", answers[3]);
    assert_eq!(codes(3, "warnings"), Vec::<String>::new(), "nothing is said of a type that is not there");
}

#[test]
fn an_answer_comes_before_the_next_line() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cresset"))
        .args(["stix", "pattern"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for at in 0..3 {
        writeln!(stdin, "{}", json!({"id": at, "pattern": "["})).unwrap();
        stdin.flush().unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["id"], at);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cresset"))
        .args(["stix", "pattern"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let line = format!("{}\n", json!({"id": 1, "pattern": "[file:size = 1]"}));
    for _ in 0..200_000 {
        if stdin.write_all(line.as_bytes()).is_err() {
            break;
        }
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

/// Cases labelled from the text of the specification stand beside the workspace on the machines that check them.
#[test]
fn labelled_cases_are_answered_as_labelled() {
    let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/cases/stix/patterns.jsonl");
    let Ok(text) = std::fs::read_to_string(cases) else {
        eprintln!("SKIPPED: {cases} is not there");
        return;
    };
    let ended: Ended = run_with(&["stix", "pattern"], &[], text.as_bytes()).exits(0);
    let answers: std::collections::HashMap<String, Value> =
        ended.lines().into_iter().map(|answer| (answer["id"].to_string(), answer)).collect();
    for case in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        if case["spec"].is_null() {
            continue;
        }
        assert_eq!(answers[&case["id"].to_string()]["valid"], case["spec"], "{case}");
    }
}

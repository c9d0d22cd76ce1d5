//! The six questions: each reads one line and appends one line.

use std::borrow::Cow;

use base::SystemRng;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use stix::pattern::matching::{Observations, Outcome};
use stix::quote::quoted;
use stix::{Finding, Json, JsonError, marking, pattern as patterns, sco_id as ids, version};

use super::stream::{Unanswerable, Unsaid, Verb, put, question};

#[derive(Deserialize)]
struct ToValidate<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Cow<'a, str>,
    #[serde(default)]
    strict: bool,
}

#[derive(Serialize)]
struct Validated<'a> {
    id: Option<&'a RawValue>,
    valid: bool,
    #[serde(serialize_with = "findings")]
    errors: &'a [Finding],
    #[serde(serialize_with = "findings")]
    warnings: &'a [Finding],
}

#[derive(Serialize)]
struct FindingLine<'a> {
    code: &'static str,
    path: &'a str,
    message: &'a str,
}

fn findings<S: Serializer>(findings: &&[Finding], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(findings.len()))?;
    for finding in *findings {
        let line = FindingLine { code: finding.code, path: &finding.path, message: &finding.message };
        list.serialize_element(&line)?;
    }
    list.end()
}

/// Is this object or bundle valid?
pub(super) const VALIDATE: Verb = Verb { answer: validate, unsaid: Unsaid::Validated { warnings: [] } };

fn validate(line: &[u8], out: &mut Vec<u8>) -> Result<(), Unanswerable> {
    let asked: ToValidate<'_> = question(line)?;
    let verdict = stix::validate(asked.input.as_bytes(), asked.strict);
    put(
        &Validated {
            id: asked.id,
            valid: verdict.valid,
            errors: &verdict.errors,
            warnings: &verdict.warnings,
        },
        out,
    );
    Ok(())
}

#[derive(Deserialize)]
struct ToParse<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    pattern: Cow<'a, str>,
}

#[derive(Serialize)]
struct Parsed<'a> {
    id: Option<&'a RawValue>,
    valid: bool,
    errors: Vec<PatternError>,
}

#[derive(Serialize)]
struct PatternError {
    message: String,
    offset: usize,
}

impl From<patterns::SyntaxError> for PatternError {
    fn from(error: patterns::SyntaxError) -> Self {
        Self { message: error.message.into_owned(), offset: error.offset }
    }
}

/// Is this pattern valid?
pub(super) const PATTERN: Verb = Verb { answer: pattern, unsaid: Unsaid::Parsed {} };

fn pattern(line: &[u8], out: &mut Vec<u8>) -> Result<(), Unanswerable> {
    let asked: ToParse<'_> = question(line)?;
    let errors: Vec<PatternError> =
        patterns::check(&asked.pattern).err().map(Into::into).into_iter().collect();
    put(&Parsed { id: asked.id, valid: errors.is_empty(), errors }, out);
    Ok(())
}

#[derive(Deserialize)]
struct ToMatch<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    pattern: Cow<'a, str>,
    #[serde(borrow)]
    bundle: &'a RawValue,
}

#[derive(Serialize)]
struct Matched<'a> {
    id: Option<&'a RawValue>,
    matched: bool,
    observations: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<PatternError>,
    /// Values of the bundle that cannot be read: the first stands for all.
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "findings")]
    warnings: &'a [Finding],
}

/// Does this pattern match?
pub(super) const MATCH: Verb =
    Verb { answer: matches, unsaid: Unsaid::Matched { matched: false, observations: [] } };

fn matches(line: &[u8], out: &mut Vec<u8>) -> Result<(), Unanswerable> {
    let asked: ToMatch<'_> = question(line)?;
    // One bad value must not keep the good ones from being matched.
    let (bundle, unreadable) = Json::parse_readable(asked.bundle.get().as_bytes())?;
    if bundle.as_object().is_none() {
        let message = "bundle is not an object: it is a bundle, or one observed-data object";
        return Err(Unanswerable::new("value-kind", message));
    }
    let unreadable = unreadable.map(Finding::from);
    let mut answer = Matched {
        id: asked.id,
        matched: false,
        observations: Vec::new(),
        errors: Vec::new(),
        warnings: unreadable.as_slice(),
    };
    match patterns::parse(&asked.pattern) {
        Ok(pattern) => match pattern.prepare().run(&Observations::from_bundle(&bundle)) {
            Outcome::Matched(observations) => {
                answer.matched = true;
                answer.observations = observations;
            }
            Outcome::NotMatched => {}
            Outcome::Undecided => {
                let message = "no match was found before a limit was reached".to_owned();
                answer.errors.push(PatternError { message, offset: 0 });
            }
        },
        Err(error) => answer.errors.push(error.into()),
    }
    put(&answer, out);
    Ok(())
}

#[derive(Deserialize)]
struct ToName<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Serialize)]
struct Named<'a> {
    id: Option<&'a RawValue>,
    sco_id: &'a str,
}

/// Which id does this observable have?
pub(super) const ID: Verb = Verb { answer: sco_id, unsaid: Unsaid::Named { sco_id: None } };

fn sco_id(line: &[u8], out: &mut Vec<u8>) -> Result<(), Unanswerable> {
    let asked: ToName<'_> = question(line)?;
    let object = tree(asked.object)?;
    let Some(id) = ids::assign(&object, &SystemRng) else {
        let message = "the object has no type name that an id could begin with";
        return Err(Unanswerable::new("type-name", message));
    };
    put(&Named { id: asked.id, sco_id: id.as_str() }, out);
    Ok(())
}

#[derive(Deserialize)]
struct ToCompare<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    objects: &'a RawValue,
}

#[derive(Serialize)]
struct Current<'a> {
    id: Option<&'a RawValue>,
    latest: usize,
    verdicts: Vec<&'static str>,
}

/// Which of these versions is current at the end?
pub(super) const LATEST: Verb =
    Verb { answer: latest, unsaid: Unsaid::Current { latest: None, verdicts: [] } };

fn latest(line: &[u8], out: &mut Vec<u8>) -> Result<(), Unanswerable> {
    let asked: ToCompare<'_> = question(line)?;
    let objects = tree(asked.objects)?;
    let ids =
        || objects.as_list().into_iter().flatten().filter_map(|one| one.get("id").and_then(Json::as_str));
    if let Some(other) = ids().find(|id| ids().next() != Some(*id)) {
        let first = ids().next().unwrap_or_default();
        let message = format!(
            "objects are versions of one object, and these are of {} and {}",
            quoted(first),
            quoted(other)
        );
        return Err(Unanswerable::new("line-form", message));
    }
    let Some(history) = objects.as_list().and_then(version::replay) else {
        return Err(Unanswerable::new("value-kind", "objects is not a list of at least one version"));
    };
    let verdicts = history.verdicts.iter().map(|verdict| verdict.as_str()).collect();
    put(&Current { id: asked.id, latest: history.latest, verdicts }, out);
    Ok(())
}

#[derive(Deserialize)]
struct ToSelect<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    object: &'a RawValue,
    #[serde(borrow)]
    selector: Cow<'a, str>,
}

#[derive(Serialize)]
struct Selected<'a> {
    id: Option<&'a RawValue>,
    valid: bool,
    effective: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Which markings apply there?
pub(super) const MARKINGS: Verb = Verb { answer: markings, unsaid: Unsaid::Selected { effective: [] } };

fn markings(line: &[u8], out: &mut Vec<u8>) -> Result<(), Unanswerable> {
    let asked: ToSelect<'_> = question(line)?;
    let object = tree(asked.object)?;
    let answer = match marking::effective(&object, &asked.selector) {
        Ok(effective) => Selected { id: asked.id, valid: true, effective, reason: None },
        Err(error) => {
            Selected { id: asked.id, valid: false, effective: Vec::new(), reason: Some(error.to_string()) }
        }
    };
    put(&answer, out);
    Ok(())
}

/// Reads a part of the question as STIX reads JSON.
fn tree(part: &RawValue) -> Result<Json<'_>, JsonError> {
    Json::parse(part.get().as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::stream::answer_line;
    use super::*;

    fn ask(verb: Verb, line: &Value) -> Value {
        ask_raw(verb, &line.to_string())
    }

    fn ask_raw(verb: Verb, line: &str) -> Value {
        let mut out = Vec::new();
        answer_line(verb, line.as_bytes(), &mut out);
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn validity_is_told_with_codes_and_junk_is_invalid() {
        let good = json!({"type": "domain-name", "id": "domain-name--6fdc1d3a-5a1b-5d3c-8b2a-7b8f1fb2b9f1", "value": "a.example"});
        let answer = ask(VALIDATE, &json!({"id": 1, "input": good.to_string()}));
        assert_eq!(
            (&answer["id"], &answer["valid"], &answer["errors"]),
            (&json!(1), &json!(true), &json!([]))
        );
        assert!(answer["warnings"].is_array());
        for junk in ["", "{", "nonsense", "[]", "null", "{\"type\":1}"] {
            let answer = ask(VALIDATE, &json!({"id": "x", "input": junk}));
            assert_eq!(answer["valid"], false, "{junk}");
            assert!(answer["errors"][0]["code"].is_string(), "{junk}");
        }
    }

    #[test]
    fn patterns_are_checked_and_matched() {
        let answer = ask(PATTERN, &json!({"id": 1, "pattern": "[file:size = 1]"}));
        assert_eq!(answer, json!({"id": 1, "valid": true, "errors": []}));
        assert!(ask(PATTERN, &json!({"pattern": "[file:size = 1"}))["errors"][0]["offset"].is_number());
        let bundle = json!({"type": "bundle", "objects": [
            {"type": "ipv4-addr", "id": "ipv4-addr--1", "value": "192.0.2.1"},
            {"type": "observed-data", "id": "observed-data--1", "first_observed": "2024-01-01T00:00:00Z",
                "last_observed": "2024-01-01T00:00:00Z", "number_observed": 1, "object_refs": ["ipv4-addr--1"]},
        ]});
        let asked = |pattern: &str| json!({"id": 2, "pattern": pattern, "bundle": bundle});
        let answer = ask(MATCH, &asked("[ipv4-addr:value ISSUBSET '192.0.2.0/24']"));
        assert_eq!(answer, json!({"id": 2, "matched": true, "observations": [0]}));
        let answer = ask(MATCH, &asked("[ipv4-addr:value = '198.51.100.1']"));
        assert_eq!(answer, json!({"id": 2, "matched": false, "observations": []}));
        assert_eq!(ask(MATCH, &asked("["))["matched"], false);
    }

    #[test]
    fn a_bad_value_does_not_keep_the_good_ones_from_being_matched() {
        let with = |value: &str| {
            format!(
                r#"{{"id":1,"pattern":"[file:size = 1]","bundle":{{"type":"bundle","objects":[{{"type":"file","id":"file--1","size":1,"name":{value}}},{{"type":"observed-data","id":"observed-data--1","first_observed":"2024-01-01T00:00:00Z","last_observed":"2024-01-01T00:00:00Z","number_observed":1,"object_refs":["file--1"]}}]}}}}"#
            )
        };
        let bad = [
            (r#""\ud800""#, "json-surrogate"),
            ("1e400", "json-number"),
            (r#"{"a":1,"a":2}"#, "json-duplicate-key"),
            (r#""x","name":"y""#, "json-duplicate-key"),
        ];
        for (value, code) in bad {
            let answer = ask_raw(MATCH, &with(value));
            assert_eq!(
                (&answer["matched"], &answer["observations"]),
                (&json!(true), &json!([0])),
                "{value}: {answer}"
            );
            assert_eq!(answer["warnings"][0]["code"], code, "{value}");
            assert!(answer["errors"].is_null(), "{value}: {answer}");
        }
        assert!(ask_raw(MATCH, &with("\"x\""))["warnings"].is_null());
        // The value itself is absent.
        let asked = with("1e400").replace("file:size = 1", "file:name != 'x'");
        assert_eq!(ask_raw(MATCH, &asked)["matched"], false);
    }

    #[test]
    fn ids_versions_and_markings() {
        let object = json!({"type": "ipv6-addr", "spec_version": "2.1", "value": "2001:0db8::1"});
        let answer = ask(ID, &json!({"id": 1, "object": object}));
        assert_eq!(answer["sco_id"], "ipv6-addr--c0c2855f-f1fa-53ab-a6ca-2b6250cf69a5");
        assert_eq!(ask(ID, &json!({"id": 1, "object": 7}))["valid"], false);
        let version = |modified: &str| {
            json!({"type": "tool", "id": "tool--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", "name": "t",
                "created": "2024-01-01T00:00:00.000Z", "modified": modified})
        };
        let objects = [version("2024-01-03T00:00:00.000Z"), version("2024-01-02T00:00:00.000Z")];
        assert_eq!(ask(LATEST, &json!({"id": 1, "objects": objects}))["latest"], 0);
        assert_eq!(ask(LATEST, &json!({"id": 1, "objects": []}))["valid"], false);
        let marked = json!({"type": "tool", "name": "t", "object_marking_refs": ["marking-definition--1"]});
        let answer = ask(MARKINGS, &json!({"id": 1, "object": marked, "selector": "name"}));
        assert_eq!(answer, json!({"id": 1, "valid": true, "effective": ["marking-definition--1"]}));
        assert_eq!(ask(MARKINGS, &json!({"object": marked, "selector": "x"}))["valid"], false);
    }
}

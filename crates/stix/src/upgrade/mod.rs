//! STIX 2.0 objects made into STIX 2.1, identifiers kept and unknown properties preserved.
//!
//! What 2.1 demands and 2.0 did not have is filled in; what 2.1 moved is moved; anything else stays as it was, even where it
//! is no longer defined. Observables inside observed data become objects of their own ([`observables`]). Objects that
//! already say they are 2.1 pass through byte for byte.
//!
//! Source: STIX Version 2.0, parts 2 and 4; STIX Version 2.1 for what became of them.

mod observables;

use std::borrow::Cow;
use std::collections::HashSet;

use base::limit::OBJECT_BYTES_MAX;

use crate::code;
use crate::examine::{Profile, Rejected, examine};
use crate::finding::{Finding, Severity};
use crate::json::{Json, Members};
use crate::marking::{self, TlpLevel};
use crate::schema::{Kind, kind_of};
use crate::split::split;
use crate::timestamp;

/// Upgrades a bundle, a list or a single object; one answer an object that comes out, observables before the observed data
/// they were taken from, each identifier once.
///
/// Each answer was examined as [`Profile::Store`] does.
#[must_use]
pub fn from_2_0(text: &[u8]) -> Vec<Result<Vec<u8>, Rejected>> {
    let parts = match split(text) {
        Ok(parts) => parts,
        Err(error) => return vec![Err(rejected(Finding::from(error)))],
    };
    let mut taken = observables::Taken::default();
    let mut upgraded: Vec<Result<Vec<u8>, Rejected>> = Vec::with_capacity(parts.objects.len());
    for bytes in &parts.objects {
        upgraded.push(object(bytes, &mut taken).and_then(examined));
    }
    let mut answers: Vec<Result<Vec<u8>, Rejected>> = taken.into_texts().map(examined).collect();
    answers.append(&mut upgraded);
    answers
}

fn examined(bytes: Vec<u8>) -> Result<Vec<u8>, Rejected> {
    examine(&bytes, Profile::Store).map(|_| ())?;
    Ok(bytes)
}

fn rejected(finding: Finding) -> Rejected {
    Rejected { id: None, version: None, findings: vec![finding] }
}

fn object(bytes: &[u8], taken: &mut observables::Taken) -> Result<Vec<u8>, Rejected> {
    if bytes.len() > OBJECT_BYTES_MAX {
        return examined(bytes.to_vec());
    }
    let json = Json::parse(bytes).map_err(|error| rejected(Finding::from(error)))?;
    let Json::Object(mut members) = json else {
        let message = Cow::Borrowed("a STIX object is a JSON object");
        let path = String::new();
        return Err(rejected(Finding {
            severity: Severity::Fatal,
            code: code::NOT_AN_OBJECT,
            path,
            message,
        }));
    };
    let type_name = members.get("type").and_then(Json::as_str).unwrap_or_default().to_owned();
    if members.get("spec_version").is_some() || kind_of(&type_name) == Kind::Observable {
        return Ok(bytes.to_vec());
    }
    insert_spec_version(&mut members);
    lengthen_times(&mut members);
    match type_name.as_str() {
        "indicator" => indicator(&mut members),
        "malware" => {
            move_labels(&mut members, "malware_types", MALWARE_LABELS);
            fill(&mut members, "is_family", Json::Bool(true));
        }
        "report" => move_labels(&mut members, "report_types", REPORT_LABELS),
        "threat-actor" => move_labels(&mut members, "threat_actor_types", THREAT_ACTOR_LABELS),
        "tool" => move_labels(&mut members, "tool_types", TOOL_LABELS),
        "observed-data" => observables::take(&mut members, taken),
        "marking-definition" => name_tlp(&mut members),
        _ => {}
    }
    Ok(Json::Object(members).to_string().into_bytes())
}

/// Right after the type, where people look for it.
fn insert_spec_version(members: &mut Members<'_>) {
    let at = members.iter().position(|(key, _)| key == "type").map_or(0, |at| at.saturating_add(1));
    members.list_mut().insert(at, (Cow::Borrowed("spec_version"), text("2.1")));
}

/// Gives `created` and `modified` the three sub-second digits that 2.1 demands; the moment stays.
fn lengthen_times(members: &mut Members<'_>) {
    for (key, value) in members.list_mut() {
        if !matches!(key.as_ref(), "created" | "modified") {
            continue;
        }
        let Some(time) = value.as_str().filter(|time| timestamp::check(time).is_ok()) else { continue };
        let digits = timestamp::subsecond_digits(time);
        if digits < 3 {
            let whole = time.trim_end_matches('Z');
            let dot = if digits == 0 { "." } else { "" };
            let zeros = "0".repeat(3_usize.saturating_sub(digits));
            *value = Json::String(Cow::Owned(format!("{whole}{dot}{zeros}Z")));
        }
    }
}

fn indicator(members: &mut Members<'_>) {
    move_labels(members, "indicator_types", INDICATOR_LABELS);
    if members.get("pattern_type").is_none() && members.get("pattern").is_some() {
        fill(members, "pattern_type", text("stix"));
        fill(members, "pattern_version", text("2.0"));
    }
}

/// The published TLP 1 markings got a name in 2.1.
fn name_tlp(members: &mut Members<'_>) {
    let level = members.get("id").and_then(Json::as_str).and_then(marking::tlp_of_id);
    let name = match level {
        Some(TlpLevel::Clear) => "TLP:WHITE",
        Some(level) => level.label(),
        None => return,
    };
    fill(members, "name", text(name));
}

fn fill<'a>(members: &mut Members<'a>, key: &'a str, value: Json<'a>) {
    if members.get(key).is_none() {
        members.set(key, value);
    }
}

fn text(value: &'static str) -> Json<'static> {
    Json::String(Cow::Borrowed(value))
}

/// Moves the labels that 2.0 defined for a type to the property that 2.1 has for them; other labels stay. Granular markings
/// follow what they mark.
fn move_labels<'a>(members: &mut Members<'a>, property: &'a str, known: &[&str]) {
    let is_known = |label: &Json<'_>| label.as_str().is_some_and(|label| known.contains(&label));
    if members.get(property).is_some()
        || !members.get("labels").and_then(Json::as_list).is_some_and(|labels| labels.iter().any(is_known))
    {
        return;
    }
    let Some(Json::List(labels)) = members.remove("labels") else { return };
    let mut places: Vec<String> = Vec::with_capacity(labels.len());
    let (mut moved, mut kept) = (Vec::new(), Vec::new());
    for label in labels {
        let (list, name) = if is_known(&label) { (&mut moved, property) } else { (&mut kept, "labels") };
        places.push(format!("{name}.[{}]", list.len()));
        list.push(label);
    }
    let some_kept = !kept.is_empty();
    members.set(property, Json::List(moved));
    if some_kept {
        members.set("labels", Json::List(kept));
    }
    rewrite_selectors(members, &|selector| match selector.strip_prefix("labels") {
        Some("") if some_kept => vec![property.to_owned(), "labels".to_owned()],
        Some("") => vec![property.to_owned()],
        Some(rest) => rest
            .strip_prefix(".[")
            .and_then(|rest| rest.strip_suffix(']'))
            .and_then(|at| places.get(at.parse::<usize>().ok()?))
            .map_or_else(|| vec![selector.to_owned()], |place| vec![place.clone()]),
        None => vec![selector.to_owned()],
    });
}

/// Replaces each selector of the granular markings by others.
fn rewrite_selectors(members: &mut Members<'_>, replace: &dyn Fn(&str) -> Vec<String>) {
    let Some((_, Json::List(markings))) =
        members.list_mut().iter_mut().find(|(key, _)| key == "granular_markings")
    else {
        return;
    };
    for marking in markings {
        let Json::Object(marking) = marking else { continue };
        let Some((_, Json::List(selectors))) =
            marking.list_mut().iter_mut().find(|(key, _)| key == "selectors")
        else {
            continue;
        };
        let mut seen = HashSet::new();
        let mut rewritten: Vec<String> =
            selectors.iter().filter_map(Json::as_str).flat_map(replace).collect();
        rewritten.retain(|selector| seen.insert(selector.clone()));
        *selectors = rewritten.into_iter().map(|selector| Json::String(Cow::Owned(selector))).collect();
    }
}

const INDICATOR_LABELS: &[&str] =
    &["anomalous-activity", "anonymization", "benign", "compromised", "malicious-activity", "attribution"];
const MALWARE_LABELS: &[&str] = &[
    "adware",
    "backdoor",
    "bot",
    "ddos",
    "dropper",
    "exploit-kit",
    "keylogger",
    "ransomware",
    "remote-access-trojan",
    "resource-exploitation",
    "rogue-security-software",
    "rootkit",
    "screen-capture",
    "spyware",
    "trojan",
    "virus",
    "worm",
];
const REPORT_LABELS: &[&str] = &[
    "threat-report",
    "attack-pattern",
    "campaign",
    "identity",
    "indicator",
    "intrusion-set",
    "malware",
    "observed-data",
    "threat-actor",
    "tool",
    "vulnerability",
];
const THREAT_ACTOR_LABELS: &[&str] = &[
    "activist",
    "competitor",
    "crime-syndicate",
    "criminal",
    "hacker",
    "insider-accidental",
    "insider-disgruntled",
    "nation-state",
    "sensationalist",
    "spy",
    "terrorist",
];
const TOOL_LABELS: &[&str] = &[
    "denial-of-service",
    "exploitation",
    "information-gathering",
    "network-capture",
    "credential-exploitation",
    "remote-access",
    "vulnerability-scanning",
];

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn upgraded(text: &str) -> Vec<String> {
        from_2_0(text.as_bytes())
            .into_iter()
            .map(|answer| String::from_utf8(answer.expect("upgraded")).expect("UTF-8"))
            .collect()
    }

    fn head(type_name: &str) -> String {
        format!(
            r#""type":"{type_name}","id":"{type_name}--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","created":"2017-01-01T00:00:00Z","modified":"2017-01-01T00:00:00.1Z""#
        )
    }

    const HEAD_AFTER: &str = r#""created":"2017-01-01T00:00:00.000Z","modified":"2017-01-01T00:00:00.100Z""#;

    #[test]
    fn an_indicator_gets_what_2_1_demands() {
        let old = format!(
            r#"{{{},"labels":["my-own","malicious-activity"],"pattern":"[url:value='x']","valid_from":"2017-01-01T00:00:00Z","x_foo":{{"a":1}},"granular_markings":[{{"marking_ref":"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9","selectors":["labels.[1]","labels","x_foo"]}}]}}"#,
            head("indicator")
        );
        let new = format!(
            r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",{HEAD_AFTER},"pattern":"[url:value='x']","valid_from":"2017-01-01T00:00:00Z","x_foo":{{"a":1}},"granular_markings":[{{"marking_ref":"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9","selectors":["indicator_types.[0]","indicator_types","labels","x_foo"]}}],"indicator_types":["malicious-activity"],"labels":["my-own"],"pattern_type":"stix","pattern_version":"2.0"}}"#
        );
        assert_eq!(upgraded(&old), [new]);
    }

    #[test]
    fn labels_move_to_their_types() {
        for (type_name, label, property, more) in [
            ("malware", "ransomware", "malware_types", r#""name":"m""#),
            (
                "report",
                "campaign",
                "report_types",
                r#""name":"r","published":"2017-01-01T00:00:00Z","object_refs":["tool--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"]"#,
            ),
            ("threat-actor", "spy", "threat_actor_types", r#""name":"t""#),
            ("tool", "remote-access", "tool_types", r#""name":"t""#),
        ] {
            let old = format!(r#"{{{},"labels":["{label}"],{more}}}"#, head(type_name));
            let new = upgraded(&old);
            let json = Json::parse(new[0].as_bytes()).unwrap();
            assert_eq!(json.get(property).map(Json::to_string), Some(format!("[\"{label}\"]")));
            assert_eq!(json.get("labels"), None);
            let verdict = crate::validate(new[0].as_bytes(), false);
            assert!(verdict.valid, "{verdict:?}");
        }
    }

    #[test]
    fn published_tlp_markings_become_complete() {
        let old = r#"{"type":"marking-definition","id":"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da","created":"2017-01-20T00:00:00.000Z","definition_type":"tlp","definition":{"tlp":"green"}}"#;
        assert!(crate::validate(upgraded(old)[0].as_bytes(), true).valid);
    }

    #[test]
    fn what_is_2_1_already_passes_byte_for_byte_and_what_is_nothing_is_refused() {
        let new = r#"{ "type":"url", "id":"url--7ffceac5-a710-51fc-9484-b60280018365", "value":"https://example.org/a?b=c#d" }"#;
        assert_eq!(upgraded(new), [new]);
        let answers = from_2_0(br#"[{"type":"tool"},5,{"a":1,"a":2}]"#);
        assert!(answers.len() == 3 && answers.iter().all(Result::is_err));
        assert_eq!(from_2_0(b"{").len(), 1);
    }
}

//! The one door through which bytes become an object.
//!
//! [`Valid`] has private fields and one constructor, [`examine`], so holding one is the proof that its bytes were examined.
//! It borrows the exact bytes and never changes them.

use sha2::{Digest, Sha256};

use base::limit::OBJECT_BYTES_MAX;

use crate::canonical;
use crate::check::{self, Edition, Head};
use crate::code;
use crate::finding::{Finding, Severity};
use crate::id::{self, ObjectId};
use crate::json::{Json, JsonError};
use crate::pattern::Pattern;
use crate::quote::cut;
use crate::report::{Place, Report};
use crate::schema::{self, Kind};
use crate::timestamp::Timestamp;

/// How much an examination forgives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Refuses only what is no object; keeps the rest with findings.
    Store,
    /// Refuses what breaks a MUST of the specification.
    Specification,
    /// Refuses what goes against a SHOULD, too.
    Strict,
}

impl Profile {
    fn refuses(self, worst: Option<Severity>) -> bool {
        match self {
            Self::Store => worst >= Some(Severity::Fatal),
            Self::Specification => worst >= Some(Severity::Error),
            Self::Strict => worst.is_some(),
        }
    }
}

/// Bytes that are a STIX object, with what the examination found.
#[derive(Clone, Debug)]
pub struct Valid<'a> {
    bytes: &'a [u8],
    json: Json<'a>,
    id: ObjectId,
    edition: Edition,
    created: Option<Timestamp>,
    modified: Option<Timestamp>,
    revoked: bool,
    findings: Vec<Finding>,
    pattern: Option<Option<Pattern>>,
}

/// What came of reading the pattern of an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PatternRead<'p> {
    /// The examination had none to read: the object has no pattern, or does not say that it is a STIX one.
    NotAsked,
    /// It cannot be read, which stands among the findings.
    Unreadable,
    /// It was read.
    Read(&'p Pattern),
}

/// Bytes that were refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct Rejected {
    /// The identifier as written, where there is one.
    pub id: Option<String>,
    /// `modified`, or `created` without it, as written.
    pub version: Option<String>,
    /// Everything found, not only what led to the refusal.
    pub findings: Vec<Finding>,
}

impl Rejected {
    fn sentence(&self) -> String {
        let worst = self.findings.iter().rev().max_by_key(|finding| finding.severity);
        worst.map_or_else(|| "refused".to_owned(), ToString::to_string)
    }
}

/// Examines one object.
///
/// # Errors
/// Refused as `profile` says, with all findings.
///
/// # Limits
/// [`OBJECT_BYTES_MAX`], [`base::limit::JSON_DEPTH_MAX`], [`base::limit::FINDINGS_MAX`] and
/// [`base::limit::FINDINGS_BYTES_MIN`].
pub fn examine(bytes: &[u8], profile: Profile) -> Result<Valid<'_>, Rejected> {
    if bytes.len() > OBJECT_BYTES_MAX {
        let message = format!("the object has {} bytes, more than {OBJECT_BYTES_MAX}", bytes.len());
        return Err(unread(bytes, fatal(code::OBJECT_SIZE, message)));
    }
    let json = Json::parse(bytes).map_err(|error| unread(bytes, Finding::from(error)))?;
    let mut report = Report::default();
    let head = check::object(&json, &Place::ROOT, &mut report);
    let (worst, pattern) = (report.worst(), report.take_pattern());
    let findings = report.into_findings_of(bytes.len());
    let id = head.id.map(ObjectId::parse);
    let Some(Ok(id)) = id.filter(|_| !profile.refuses(worst)) else {
        return Err(refused(head, findings));
    };
    let time = |text: Option<&str>| text.and_then(|text| Timestamp::parse(text).ok());
    let (created, modified) = (time(head.created), time(head.modified));
    let (edition, revoked) = (head.edition, head.revoked);
    Ok(Valid { bytes, json, id, edition, created, modified, revoked, findings, pattern })
}

/// What a text that was not read says of itself at its top: enough to name it in a refusal.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Named {
    id: Option<String>,
    created: Option<String>,
    modified: Option<String>,
}

/// Refuses a text that is too long, or is no JSON in the sense of RFC 7493, under the name that it gives itself; under
/// none where even that cannot be read, or is given twice.
fn unread(bytes: &[u8], finding: Finding) -> Rejected {
    let named: Named = serde_json::from_slice(bytes).unwrap_or_default();
    let good = |text: &Option<String>| text.clone().filter(|text| Timestamp::parse(text).is_ok());
    let (created, modified) = (good(&named.created), good(&named.modified));
    let head = Head {
        id: named.id.as_deref(),
        created: created.as_deref(),
        modified: modified.as_deref(),
        ..Head::default()
    };
    refused(head, vec![finding])
}

fn refused(head: Head<'_>, findings: Vec<Finding>) -> Rejected {
    Rejected {
        id: head.id.map(|id| cut(id).into_owned()),
        version: head.modified.or(head.created).map(|version| cut(version).into_owned()),
        findings,
    }
}

fn fatal(code: &'static str, message: String) -> Finding {
    Finding { severity: Severity::Fatal, code, path: String::new(), message: message.into() }
}

impl From<JsonError> for Finding {
    fn from(error: JsonError) -> Self {
        let message = error.to_string().into();
        Self { severity: Severity::Fatal, code: error.code, path: error.path, message }
    }
}

impl<'a> Valid<'a> {
    /// The exact bytes that were examined.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The object as a tree.
    #[must_use]
    pub const fn json(&self) -> &Json<'a> {
        &self.json
    }

    /// The pattern of an indicator, as the examination has read it: whoever needs it too does not read it again.
    #[must_use]
    pub fn pattern(&self) -> PatternRead<'_> {
        match &self.pattern {
            None => PatternRead::NotAsked,
            Some(None) => PatternRead::Unreadable,
            Some(Some(pattern)) => PatternRead::Read(pattern),
        }
    }

    /// Its identifier.
    #[must_use]
    pub const fn id(&self) -> &ObjectId {
        &self.id
    }

    /// Its type.
    #[must_use]
    pub fn type_name(&self) -> &str {
        self.id.type_name()
    }

    /// The version of the specification that the object names, good or not, and empty where it names one that is no text. Where it names
    /// none: `2.0` of a kind that must say its version in 2.1, and `2.1` of others.
    #[must_use]
    pub fn spec_version(&self) -> &str {
        match (self.json.get("spec_version"), self.edition) {
            (Some(said), _) => said.as_str().unwrap_or_default(),
            (None, Edition::V20) => "2.0",
            (None, Edition::V21) => "2.1",
        }
    }

    /// When the object was created, where it says so.
    #[must_use]
    pub const fn created(&self) -> Option<&Timestamp> {
        self.created.as_ref()
    }

    /// When this version was made, where it says so.
    #[must_use]
    pub const fn modified(&self) -> Option<&Timestamp> {
        self.modified.as_ref()
    }

    /// The identity of its creator, where it says so.
    #[must_use]
    pub fn created_by_ref(&self) -> Option<&str> {
        self.json.get("created_by_ref").and_then(Json::as_str)
    }

    /// Whether it says that it is revoked.
    #[must_use]
    pub const fn revoked(&self) -> bool {
        self.revoked
    }

    /// The family of its type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        schema::kind_of(self.type_name())
    }

    /// Every identifier in a property that ends in `_ref` or `_refs`, at any depth, with its path and in order of
    /// appearance. Whether the target exists is not asked.
    #[must_use]
    pub fn references(&self) -> Vec<(String, &str)> {
        let mut found = Vec::new();
        collect(&self.json, &Place::ROOT, &mut found);
        found
    }

    /// What the examination found and the profile forgave.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// SHA-256 of the exact bytes.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.bytes).into()
    }

    /// SHA-256 of what the object says: [`canonical::content_digest`].
    #[must_use]
    pub fn canonical_digest(&self) -> [u8; 32] {
        canonical::content_digest(&self.json)
    }
}

fn collect<'j>(value: &'j Json<'_>, place: &Place<'_>, found: &mut Vec<(String, &'j str)>) {
    match value {
        Json::Object(members) => {
            for (key, value) in members.iter() {
                let here = place.key(key);
                match value {
                    Json::String(text) if key.ends_with("_ref") && id::check(text).is_ok() => {
                        found.push((here.path(), text.as_ref()));
                    }
                    Json::List(items) if key.ends_with("_refs") => {
                        for (at, item) in items.iter().enumerate() {
                            if let Some(text) = item.as_str().filter(|text| id::check(text).is_ok()) {
                                found.push((here.index(at).path(), text));
                            }
                        }
                    }
                    other => collect(other, &here, found),
                }
            }
        }
        Json::List(items) => {
            for (at, item) in items.iter().enumerate() {
                collect(item, &place.index(at), found);
            }
        }
        Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Float(_) | Json::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOL: &str = r#"{"type":"tool","spec_version":"2.1","id":"tool--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "created":"2024-01-01T00:00:00.000Z","modified":"2024-01-02T00:00:00.000Z","name":"t",
        "created_by_ref":"identity--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","revoked":true}"#;

    #[test]
    fn a_good_object_tells_what_it_is() {
        let valid = examine(TOOL.as_bytes(), Profile::Strict).unwrap();
        assert_eq!(valid.bytes(), TOOL.as_bytes());
        assert_eq!((valid.type_name(), valid.spec_version(), valid.kind()), ("tool", "2.1", Kind::Domain));
        assert_eq!(valid.modified().map(Timestamp::as_str), Some("2024-01-02T00:00:00.000Z"));
        assert!(valid.revoked() && valid.created() < valid.modified());
        let creator = "identity--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f";
        assert_eq!(valid.created_by_ref(), Some(creator));
        assert_eq!(valid.references(), [("created_by_ref".to_owned(), creator)]);
        assert_ne!(valid.digest(), valid.canonical_digest());
    }

    #[test]
    fn profiles_differ_in_what_they_forgive() {
        let remark = TOOL.replace("\"name\":\"t\"", "\"name\":\"t\",\"x_foo\":1");
        assert!(examine(remark.as_bytes(), Profile::Strict).is_err());
        let valid = examine(remark.as_bytes(), Profile::Specification).unwrap();
        assert_eq!(valid.findings().len(), 1);
        let broken = TOOL.replace("\"name\":\"t\"", "\"name\":\"t\",\"aliases\":[]");
        assert!(examine(broken.as_bytes(), Profile::Specification).is_err());
        let kept = examine(broken.as_bytes(), Profile::Store).unwrap();
        assert_eq!((kept.findings()[0].code, kept.findings()[0].path.as_str()), ("empty-list", "aliases"));
    }

    #[test]
    fn an_unread_object_is_named_as_far_as_it_names_itself() {
        let id = "tool--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f";
        let name = |text: &str| {
            let rejected = examine(text.as_bytes(), Profile::Store).expect_err("refused");
            (rejected.id, rejected.version)
        };
        let known = (Some(id.to_owned()), Some("2024-01-02T00:00:00.000Z".to_owned()));
        assert_eq!(name(&TOOL.replace("\"t\"", "\"\\ud800\"")), known);
        assert_eq!(name(&TOOL.replace("\"name\"", "\"x_a\":1,\"x_a\":2,\"name\"")), known);
        let long = TOOL.replace("\"t\"", &format!("\"{}\"", "t".repeat(OBJECT_BYTES_MAX)));
        assert_eq!(name(&long), known);
        assert_eq!(name(&TOOL.replace("\"name\"", &format!("\"id\":\"{id}\",\"name\""))), (None, None));
        assert_eq!(name(&TOOL[1..]), (None, None));
        assert_eq!(name("{\"id\":5,\"x\":\"\\ud800\"}"), (None, None));
    }

    #[test]
    fn a_refusal_says_which_object_it_is_about() {
        let nameless = TOOL.replace("\"name\":\"t\",", "");
        let rejected = examine(nameless.as_bytes(), Profile::Store).expect_err("refused");
        assert_eq!(rejected.id.as_deref(), Some("tool--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"));
        assert_eq!(rejected.version.as_deref(), Some("2024-01-02T00:00:00.000Z"));
        assert_eq!(rejected.to_string(), "name: name is required [required-property]");
        for (broken, code) in [
            (TOOL.replace("tool--", "malware--"), "id-type"),
            (TOOL.replace("cd3f\",\n", "cd3\",\n"), "id-form"),
            (TOOL.replace("2024-01-02T", "2024-01-02 "), "timestamp"),
            (TOOL.replace("identity--8", "identity-8"), "reference-form"),
            (TOOL.replace("\"tool\"", "\"Tool\""), "type-name"),
            (TOOL.replace("\"name\":\"t\"", "\"name\":\"\\ud800\""), "json-surrogate"),
            ("[]".to_owned(), "not-an-object"),
            ("{}".to_owned(), "required-property"),
        ] {
            let rejected = examine(broken.as_bytes(), Profile::Store).expect_err(code);
            assert!(rejected.findings.iter().any(|finding| finding.code == code), "{code}: {rejected:?}");
        }
    }

    #[test]
    fn findings_take_no_more_memory_than_the_object() {
        let labels = |count: usize| {
            let head = TOOL.strip_suffix('}').unwrap();
            format!("{head},\"labels\":[{}]}}", ["1"; 200][..count].join(","))
        };
        let few = examine(labels(5).as_bytes(), Profile::Store).unwrap().findings().to_vec();
        assert_eq!(few.len(), 5);
        let text = labels(199);
        let many = examine(text.as_bytes(), Profile::Store).unwrap().findings().to_vec();
        let size = |findings: &[Finding]| {
            let text = |finding: &Finding| finding.path.len() + finding.message.len();
            findings.iter().map(|finding| text(finding) + size_of::<Finding>()).sum::<usize>()
        };
        assert!(many.len() > 10 && many.len() < 60, "{}", many.len());
        assert!(size(&many) <= text.len() + base::limit::FINDINGS_BYTES_MIN + 2 * size_of::<Finding>());
        assert_eq!(many.last().unwrap().code, "findings-cut");
        let late = text.replace("]}", "],\"object_marking_refs\":[\"x\"]}");
        let refused = examine(late.as_bytes(), Profile::Store).expect_err("no reference");
        assert!(
            refused.findings.iter().any(|finding| finding.code == "reference-form"),
            "refused for the last of many reasons: that one is told: {refused:?}"
        );
    }

    #[test]
    fn size_is_limited_at_the_limit_plus_one() {
        let padded = |length: usize| format!("{TOOL}{}", " ".repeat(length - TOOL.len()));
        assert!(examine(padded(OBJECT_BYTES_MAX).as_bytes(), Profile::Store).is_ok());
        let rejected = examine(padded(OBJECT_BYTES_MAX + 1).as_bytes(), Profile::Store).expect_err("refused");
        assert_eq!(rejected.findings[0].code, "object-size");
    }
}

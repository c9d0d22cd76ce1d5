//! The verdict of the specification on a text: one object or a bundle.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::canonical::content_digest;
use crate::check;
use crate::code;
use crate::finding::{Finding, Severity};
use crate::json::{Json, Members};
use crate::quote::quoted;
use crate::report::{Place, Report};
use crate::timestamp;

/// Whether a text is valid, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Whether there are no errors.
    pub valid: bool,
    /// What breaks a MUST; asked strictly, what goes against a SHOULD, too.
    pub errors: Vec<Finding>,
    /// What goes against a SHOULD.
    pub warnings: Vec<Finding>,
}

/// Judges a text by the specification; `strict` makes errors of its SHOULDs.
#[must_use]
pub fn validate(text: &[u8], strict: bool) -> Verdict {
    let mut findings = match Json::parse(text) {
        Ok(json) => {
            let mut report = Report::default();
            inspect(&json, &mut report);
            report.into_findings()
        }
        Err(error) => vec![Finding::from(error)],
    };
    let least = if strict { Severity::Warning } else { Severity::Error };
    let errors: Vec<Finding> = findings.extract_if(.., |finding| finding.severity >= least).collect();
    Verdict { valid: errors.is_empty(), errors, warnings: findings }
}

fn inspect(json: &Json<'_>, report: &mut Report) {
    match json.as_object().filter(|members| members.get("type").and_then(Json::as_str) == Some("bundle")) {
        Some(members) => bundle(members, report),
        None => {
            check::object(json, &Place::ROOT, report);
        }
    }
}

fn bundle(members: &Members<'_>, report: &mut Report) {
    bundle_head(members, report);
    let Some(objects) = members.get("objects") else { return };
    let place = Place::ROOT.key("objects");
    let Some(objects) = objects.as_list().filter(|objects| !objects.is_empty()) else {
        let message = "objects is a list of at least one object";
        return report.add(Severity::Error, code::BUNDLE_OBJECTS, &place, message);
    };
    let originals = check::Originals::among(objects);
    let mut versions: HashMap<(&str, &str), &Json<'_>> = HashMap::new();
    let mut lines: HashMap<&str, Line<'_>> = HashMap::new();
    for (at, object) in objects.iter().enumerate() {
        let here = place.index(at);
        let head = check::object_among(&originals, object, &here, report);
        let Some(id) = head.id else { continue };
        if let (Some(created), Some(modified)) = (head.created, head.modified) {
            let arrival = Arrival {
                at,
                created: timestamp::key_of(created),
                modified: timestamp::key_of(modified),
                creator: head.created_by_ref,
                revoked: head.revoked,
            };
            match lines.entry(id) {
                Entry::Vacant(entry) => drop(entry.insert(Line::of(arrival))),
                Entry::Occupied(mut entry) => entry.get_mut().extend(&arrival, &place, report),
            }
        }
        let version = head.modified.or(head.created).map_or("", timestamp::key_of);
        match versions.insert((id, version), object) {
            None => {}
            Some(other) if content_digest(other) == content_digest(object) => {
                let message = format!("{} stands in the bundle twice", quoted(id));
                report.add(Severity::Warning, code::VERSION_REPEATED, &here, message);
            }
            Some(_) => {
                let message =
                    format!("{} stands in the bundle with the same version and other content", quoted(id));
                report.add(Severity::Error, code::VERSION_CONFLICT, &here, message);
            }
        }
    }
}

/// One version of an object, as the rules between versions see it.
struct Arrival<'s> {
    at: usize,
    created: &'s str,
    modified: &'s str,
    creator: Option<&'s str>,
    revoked: bool,
}

/// The versions of one object in a bundle so far: its first, its latest, and where a revocation ends them.
struct Line<'s> {
    created: &'s str,
    creator: Option<&'s str>,
    latest: (&'s str, usize),
    revocation: Option<&'s str>,
}

impl<'s> Line<'s> {
    fn of(first: Arrival<'s>) -> Self {
        Self {
            created: first.created,
            creator: first.creator,
            latest: (first.modified, first.at),
            revocation: first.revoked.then_some(first.modified),
        }
    }

    /// Takes one more version, and reports what section 3.6 says must not be, in whatever order they stand.
    fn extend(&mut self, next: &Arrival<'s>, objects: &Place<'_>, report: &mut Report) {
        if next.created != self.created {
            let message = "another version of this object in the bundle has another created";
            report.add(
                Severity::Error,
                code::VERSION_CREATED,
                &objects.index(next.at).key("created"),
                message,
            );
        }
        if let (Some(one), Some(other)) = (self.creator, next.creator)
            && one != other
        {
            let message = "another version of this object in the bundle has another created_by_ref";
            let place = objects.index(next.at);
            report.add(Severity::Error, code::VERSION_CREATED, &place.key("created_by_ref"), message);
        }
        self.creator = self.creator.or(next.creator);
        if next.revoked {
            self.revocation = Some(self.revocation.map_or(next.modified, |known| known.min(next.modified)));
        }
        self.latest = self.latest.max((next.modified, next.at));
        if let Some(end) = self.revocation
            && self.latest.0 > end
            && (next.revoked || next.modified > end)
        {
            let at = if next.modified > end { next.at } else { self.latest.1 };
            let message =
                "an earlier version of this object in the bundle is revoked, so there is none after it";
            report.add(Severity::Error, code::VERSION_AFTER_REVOCATION, &objects.index(at), message);
        }
    }
}

/// What is about the bundle itself; also for bundles whose objects are read one by one.
pub(crate) fn bundle_head(members: &Members<'_>, report: &mut Report) {
    match members.get("id") {
        Some(id) => check::check_bundle_id(id, &Place::ROOT.key("id"), report),
        None => report.add(Severity::Error, code::REQUIRED, &Place::ROOT.key("id"), "id is required"),
    }
    for (key, value) in members.iter() {
        let place = Place::ROOT.key(key);
        match key {
            "type" | "id" | "objects" => {}
            "spec_version" if value.as_str() == Some("2.0") => {
                let message = "the bundle holds STIX 2.0";
                report.add(Severity::Warning, code::BUNDLE_SPEC_VERSION, &place, message);
            }
            _ => {
                let message = format!("{} is not a property of bundles", quoted(key));
                report.add(Severity::Warning, code::BUNDLE_PROPERTY, &place, message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"type":"tool","spec_version":"2.1","id":"tool--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","created":"2024-01-01T00:00:00.000Z","modified":"2024-01-01T00:00:00.000Z","name":"a"}"#;

    fn bundle_of(objects: &str) -> String {
        format!(
            r#"{{"type":"bundle","id":"bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","objects":{objects}}}"#
        )
    }

    fn errors(text: &str) -> Vec<(&'static str, String)> {
        validate(text.as_bytes(), false)
            .errors
            .into_iter()
            .map(|finding| (finding.code, finding.path))
            .collect()
    }

    #[test]
    fn bundles_are_judged_with_their_objects() {
        assert!(validate(bundle_of(&format!("[{ONE}]")).as_bytes(), true).valid);
        assert_eq!(errors(&bundle_of("[]")), [("bundle-objects", "objects".into())]);
        assert_eq!(errors(&bundle_of("{}")), [("bundle-objects", "objects".into())]);
        assert_eq!(errors(&bundle_of("[null]")), [("not-an-object", "objects.[0]".into())]);
        let nameless = ONE.replace(",\"name\":\"a\"", "");
        assert_eq!(
            errors(&bundle_of(&format!("[{nameless}]"))),
            [("required-property", "objects.[0].name".into())]
        );
        let inner = bundle_of("[]");
        assert_eq!(
            errors(&bundle_of(&format!("[{inner}]"))),
            [("bundle-not-an-object", "objects.[0]".into())]
        );
        assert_eq!(
            errors(r#"{"type":"bundle","id":"tool--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"}"#),
            [("id-type", "id".into())]
        );
        assert_eq!(errors(r#"{"type":"bundle"}"#), [("required-property", "id".into())]);
    }

    #[test]
    fn versions_in_one_bundle_do_not_contradict() {
        let other = ONE.replace("\"a\"", "\"b\"");
        assert_eq!(
            errors(&bundle_of(&format!("[{ONE},{other}]"))),
            [("version-conflict", "objects.[1]".into())]
        );
        let twice = validate(bundle_of(&format!("[{ONE},{ONE}]")).as_bytes(), false);
        assert_eq!((twice.valid, twice.warnings[0].code), (true, "version-repeated"));
    }

    #[test]
    fn nothing_follows_a_revocation_and_creation_never_changes() {
        let of = |day: u8, more: &str| {
            ONE.replace(r#""modified":"2024-01-01"#, &format!(r#""modified":"2024-01-0{day}"#))
                .replace(r#","name""#, &format!(r#"{more},"name""#))
        };
        let revoked = r#","revoked":true"#;
        let judged = |objects: [String; 2]| errors(&bundle_of(&format!("[{}]", objects.join(","))));
        assert_eq!(judged([of(1, ""), of(2, revoked)]), []);
        assert_eq!(judged([of(2, revoked), of(1, "")]), []);
        let after = |at: usize| [("version-after-revocation", format!("objects.[{at}]"))];
        assert_eq!(judged([of(1, revoked), of(2, "")]), after(1));
        assert_eq!(judged([of(2, ""), of(1, revoked)]), after(0));
        assert_eq!(judged([of(1, revoked), of(2, revoked)]), after(1));
        let moved = of(3, "").replace(r#""created":"2024-01-01"#, r#""created":"2024-01-02"#);
        assert_eq!(judged([of(1, ""), moved]), [("version-created", "objects.[1].created".into())]);
        let by = |last: char| {
            format!(r#","created_by_ref":"identity--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3{last}""#)
        };
        assert_eq!(judged([of(1, ""), of(2, &by('a'))]), []);
        assert_eq!(
            judged([of(1, &by('a')), of(2, &by('b'))]),
            [("version-created", "objects.[1].created_by_ref".into())]
        );
    }

    #[test]
    fn an_object_of_a_type_of_its_own_says_something() {
        let thing = |more: &str| {
            format!(
                r#"{{"type":"x-thing","spec_version":"2.1","id":"x-thing--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","created":"2024-01-01T00:00:00.000Z","modified":"2024-01-01T00:00:00.000Z"{more}}}"#
            )
        };
        let extension = |more: &str| {
            thing(&format!(
                r#","extensions":{{"extension-definition--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f":{{"extension_type":"new-sdo"{more}}}}}"#
            ))
        };
        let empty = [("custom-empty", String::new())];
        assert_eq!(errors(&thing("")), empty);
        assert_eq!(errors(&extension("")), empty);
        assert_eq!(errors(&extension(r#","rank":5"#)), []);
        assert_eq!(errors(&thing(r#","some_custom_stuff":14"#)), []);
        // Without a type nothing is said of one.
        let typeless = validate(br#"{"id":"x-thing--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"}"#, false);
        let codes = |findings: &[Finding]| findings.iter().map(|one| one.code).collect::<Vec<_>>();
        assert!(!codes(&typeless.errors).contains(&"custom-empty"), "{typeless:?}");
        assert!(!codes(&typeless.warnings).contains(&"custom-type"), "{typeless:?}");
        assert!(typeless.errors.iter().any(|one| one.path == "type" && one.code == "required-property"));
    }

    #[test]
    fn strictness_turns_remarks_into_errors() {
        let custom = ONE.replace("\"name\"", "\"x_foo\":1,\"name\"");
        assert!(validate(custom.as_bytes(), false).valid);
        let strict = validate(custom.as_bytes(), true);
        assert_eq!(
            (strict.valid, strict.errors[0].code, strict.warnings.len()),
            (false, "custom-property", 0)
        );
    }
}

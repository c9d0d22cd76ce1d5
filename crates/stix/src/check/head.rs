//! The head of an object: what it is, which one, and which version.
//!
//! Everything here is vital: without a good type and identifier the bytes are no object. What is read is kept even when it
//! is wrong, so that a refusal can say which object it is about.

use crate::check::Edition;
use crate::code;
use crate::finding::Severity;
use crate::id;
use crate::json::{Json, Members};
use crate::quote::quoted;
use crate::report::{Place, Report};
use crate::schema::{self, Kind, Schema};
use crate::sco_id;
use crate::syntax::name;
use crate::timestamp;

/// The head of an object, as far as it could be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'s> {
    /// Empty when missing.
    pub(crate) type_name: &'s str,
    /// As written, good or not.
    pub(crate) id: Option<&'s str>,
    /// Good ones only.
    pub(crate) created: Option<&'s str>,
    /// Good ones only.
    pub(crate) modified: Option<&'s str>,
    pub(crate) created_by_ref: Option<&'s str>,
    pub(crate) revoked: bool,
    pub(crate) edition: Edition,
}

impl Default for Head<'_> {
    fn default() -> Self {
        Self {
            type_name: "",
            id: None,
            created: None,
            modified: None,
            created_by_ref: None,
            revoked: false,
            edition: Edition::V21,
        }
    }
}

impl<'s> Head<'s> {
    /// Reads the head and reports what is wrong with type, id and `spec_version`.
    pub(crate) fn read(root: &'s Members<'s>, place: &Place<'_>, report: &mut Report) -> Self {
        let mut head = Self::default();
        let mut spec_version = None;
        for (key, value) in root.iter() {
            match key {
                "type" => head.type_name = value.as_str().unwrap_or_default(),
                "id" => head.id = value.as_str(),
                "created" => head.created = good_time(value),
                "modified" => head.modified = good_time(value),
                "created_by_ref" => head.created_by_ref = value.as_str(),
                "revoked" => head.revoked = value.as_bool() == Some(true),
                "spec_version" => spec_version = Some(value),
                _ => {}
            }
        }
        if let Some(value) = root.get("type") {
            head.check_type(value, place, report);
        }
        if let Some(value) = root.get("id") {
            head.check_id(value, place, report);
        }
        match spec_version {
            Some(value) => check_spec_version(value, place, report),
            None if matches!(schema::kind_of(head.type_name), Kind::Observable | Kind::Custom) => {}
            None => head.edition = Edition::V20,
        }
        head
    }

    fn check_type(&self, value: &Json<'_>, place: &Place<'_>, report: &mut Report) {
        let here = place.key("type");
        let Some(text) = value.as_str() else {
            let message = format!("type is a string, not {}", value.kind_name());
            return report.add(Severity::Fatal, code::KIND, &here, message);
        };
        if name::is_type(text) {
            return;
        }
        let severity = if id::is_type_word(text) { Severity::Error } else { Severity::Fatal };
        let message = format!(
            "type {} is not 3 to 250 characters a-z, 0-9 and single hyphens, a letter first",
            quoted(text)
        );
        report.add(severity, code::TYPE_NAME, &here, message);
    }

    fn check_id(&self, value: &Json<'_>, place: &Place<'_>, report: &mut Report) {
        let here = place.key("id");
        let Some(text) = value.as_str() else {
            let message = format!("id is a string, not {}", value.kind_name());
            return report.add(Severity::Fatal, code::KIND, &here, message);
        };
        if let Err(error) = id::check(text) {
            return report.add(Severity::Fatal, code::ID_FORM, &here, error.to_string());
        }
        if id::type_of(text) != self.type_name {
            let message = format!("id {} does not begin with the object's type", quoted(text));
            return report.add(Severity::Fatal, code::ID_TYPE, &here, message);
        }
        let kind = schema::kind_of(self.type_name);
        check_uuid(text, kind, &here, report);
    }

    /// Compares the identifier of an observable with the deterministic one.
    pub(crate) fn observable_id(
        &self,
        schema: &'static Schema,
        root: &Members<'_>,
        place: &Place<'_>,
        report: &mut Report,
    ) {
        let Some(text) = self.id else { return };
        let here = place.key("id");
        let version = id::uuid_version(text);
        let contributes = schema.contributes.iter().any(|name| root.get(name).is_some());
        match (contributes, version) {
            (false, Some(4)) => {}
            (false, Some(1..=5)) => {
                let message =
                    "no contributing property is present, so the identifier must be a random UUID, version 4";
                report.add(Severity::Error, code::SCO_ID_RANDOM, &here, message);
            }
            (true, Some(5)) => {
                if let Some(due) = sco_id::of_members(schema, root)
                    && due.as_str() != text
                {
                    let message = format!("the deterministic identifier would be {due}");
                    report.add(Severity::Warning, code::SCO_ID, &here, message);
                }
            }
            (true, Some(_)) => {
                let message = "an observable should have a deterministic identifier, UUID version 5";
                report.add(Severity::Warning, code::ID_UUID_VERSION, &here, message);
            }
            (_, _) => {}
        }
    }
}

/// Checks the UUID of an identifier that has the right form.
fn check_uuid(text: &str, kind: Kind, here: &Place<'_>, report: &mut Report) {
    let version = id::uuid_version(text);
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let message = "the UUID is not written in lower case";
        report.add(Severity::Warning, code::ID_UUID_CASE, here, message);
    }
    if !id::is_rfc_4122(text) {
        return report.add(Severity::Error, code::ID_UUID, here, id::undefined_uuid(text));
    }
    if id::is_nil(text) {
        let message = "the nil UUID identifies nothing";
        return report.add(Severity::Warning, code::ID_UUID_VERSION, here, message);
    }
    if !matches!(kind, Kind::Observable | Kind::Custom) && version != Some(4) {
        let message = "an identifier other than an observable's should have a random UUID, version 4";
        report.add(Severity::Warning, code::ID_UUID_VERSION, here, message);
    }
}

/// Checks the identifier of a bundle.
pub(crate) fn check_bundle_id(value: &Json<'_>, here: &Place<'_>, report: &mut Report) {
    match value.as_str().map(|text| (text, id::check(text))) {
        Some((text, Ok(()))) if id::type_of(text) == "bundle" => check_uuid(text, Kind::Meta, here, report),
        Some((text, Ok(()))) => {
            let message = format!("id {} does not begin with bundle", quoted(text));
            report.add(Severity::Error, code::ID_TYPE, here, message);
        }
        Some((_, Err(error))) => report.add(Severity::Error, code::ID_FORM, here, error.to_string()),
        None => {
            let message = format!("id is a string, not {}", value.kind_name());
            report.add(Severity::Error, code::KIND, here, message);
        }
    }
}

fn check_spec_version(value: &Json<'_>, place: &Place<'_>, report: &mut Report) {
    let message = match value {
        Json::String(text) if text == "2.1" => return,
        Json::String(text) => format!("spec_version is {}, not \"2.1\"", quoted(text)),
        other => format!("spec_version is the string \"2.1\", not {}", other.kind_name()),
    };
    report.add(Severity::Error, code::SPEC_VERSION, &place.key("spec_version"), message);
}

fn good_time<'s>(value: &'s Json<'s>) -> Option<&'s str> {
    value.as_str().filter(|text| timestamp::check(text).is_ok())
}

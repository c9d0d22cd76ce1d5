//! Whom an object is about: whether it is data about a person, and whether it says that the person is a minor.
//!
//! A person is whoever can be told from others by it: an identity of the class `individual`, a user account unless it is a service's, an
//! e-mail address with the name of who has it, observed data that holds one of these inside. What only has an address, a file or a
//! pattern is technical, also where the address is a person's; so is what only refers to a person's identity. An object may say by
//! itself whom it is about, with a label or with the extension [`EXTENSION`].
//!
//! Nothing here guesses: a name in a description makes no person's data of an object.

use crate::Json;

/// The property extension by which an object says whom it is about: `"data_subject": "person"` or `"minor"`.
pub const EXTENSION: &str = "extension-definition--5f1c2b0a-8d0e-4c55-9a70-6f2c8c1f7b3d";
/// The labels that say so.
const PERSON_LABEL: &str = "data-subject:person";
const MINOR_LABEL: &str = "data-subject:minor";

/// Whom an object is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// No person that it tells from others.
    #[default]
    Nobody,
    /// A person.
    Person,
    /// A person who, as it says itself, is a minor.
    Minor,
}

impl Subject {
    /// Whom an object is about.
    ///
    /// # Limits
    /// Time linear in its labels, its extensions and the observables inside.
    #[must_use]
    pub fn of(object: &Json<'_>) -> Self {
        let inside = object.get("objects").and_then(Json::as_object).filter(|_| is(object, "observed-data"));
        let inside = inside.into_iter().flat_map(|objects| objects.iter().map(|(_, one)| of_one(one)));
        inside.fold(of_one(object), Self::max)
    }

    /// The same from bytes; nobody for bytes that are no object.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Json::parse(bytes).map_or(Self::Nobody, |object| Self::of(&object))
    }
}

fn of_one(object: &Json<'_>) -> Subject {
    by_word(object).max(by_form(object))
}

/// What the object says.
fn by_word(object: &Json<'_>) -> Subject {
    let labels = object.get("labels").and_then(Json::as_list).unwrap_or_default();
    let said = labels.iter().filter_map(Json::as_str).map(|label| {
        if label.eq_ignore_ascii_case(MINOR_LABEL) {
            Subject::Minor
        } else if label.eq_ignore_ascii_case(PERSON_LABEL) {
            Subject::Person
        } else {
            Subject::Nobody
        }
    });
    let extension = object.get("extensions").and_then(|all| all.get(EXTENSION));
    let extended = match extension.and_then(|one| one.get("data_subject")).and_then(Json::as_str) {
        Some("minor") => Subject::Minor,
        Some("person") => Subject::Person,
        _ => Subject::Nobody,
    };
    said.fold(extended, Subject::max)
}

/// What its type and properties make of it.
fn by_form(object: &Json<'_>) -> Subject {
    let has = |name: &str| object.get(name).is_some();
    let person = if is(object, "identity") {
        object.get("identity_class").and_then(Json::as_str) == Some("individual")
    } else if is(object, "user-account") {
        object.get("is_service_account").and_then(Json::as_bool) != Some(true)
    } else {
        is(object, "email-addr") && (has("display_name") || has("belongs_to_ref"))
    };
    if person { Subject::Person } else { Subject::Nobody }
}

fn is(object: &Json<'_>, kind: &str) -> bool {
    object.get("type").and_then(Json::as_str) == Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Subject {
        Subject::of_bytes(text.as_bytes())
    }

    #[test]
    fn persons_are_told_by_what_tells_them_from_others() {
        for person in [
            r#"{"type":"identity","identity_class":"individual","name":"J. Doe"}"#,
            r#"{"type":"user-account","account_login":"jdoe"}"#,
            r#"{"type":"email-addr","value":"j@example.com","display_name":"J. Doe"}"#,
            r#"{"type":"email-addr","value":"j@example.com","belongs_to_ref":"user-account--1"}"#,
            r#"{"type":"observed-data","objects":{"0":{"type":"user-account","account_login":"jdoe"}}}"#,
            r#"{"type":"indicator","labels":["Data-Subject:Person"]}"#,
        ] {
            assert_eq!(of(person), Subject::Person, "{person}");
        }
        let extended =
            format!(r#"{{"type":"report","extensions":{{"{EXTENSION}":{{"data_subject":"person"}}}}}}"#);
        assert_eq!(of(&extended), Subject::Person);
    }

    #[test]
    fn what_is_technical_stays_so() {
        for technical in [
            r#"{"type":"identity","identity_class":"organization","name":"CERT"}"#,
            r#"{"type":"identity","identity_class":"class"}"#,
            r#"{"type":"identity"}"#,
            r#"{"type":"user-account","account_login":"svc","is_service_account":true}"#,
            r#"{"type":"email-addr","value":"phish@example.com"}"#,
            r#"{"type":"indicator","created_by_ref":"identity--1","pattern":"[email-addr:value = 'j@example.com']"}"#,
            r#"{"type":"indicator","labels":["minor","child","person"]}"#,
            r#"{"type":"report","objects":{"0":{"type":"user-account"}}}"#,
            "[]",
            "not json",
        ] {
            assert_eq!(of(technical), Subject::Nobody, "{technical}");
        }
    }

    #[test]
    fn minors_are_those_that_the_object_calls_so() {
        assert_eq!(
            of(r#"{"type":"identity","identity_class":"individual","labels":["data-subject:minor"]}"#),
            Subject::Minor
        );
        let inside = r#"{"type":"observed-data","objects":{"0":{"type":"user-account","labels":["data-subject:minor"]}}}"#;
        assert_eq!(of(inside), Subject::Minor);
    }
}

//! Rules between properties that are code, each small and named after what it demands.

use super::{Checker, Edition};
use crate::code;
use crate::finding::Severity;
use crate::id;
use crate::json::{Json, Members};
use crate::marking;
use crate::quote::quoted;
use crate::report::Place;
use crate::schema::{Kind, kind_of, relationship};
use crate::syntax::mail;

/// An external reference with a URL should carry hashes, SHA-256 among them (section 2.5).
pub(crate) fn reference_hashes(checker: &mut Checker<'_, '_>, members: &Members<'_>, place: &Place<'_>) {
    if members.get("url").is_none() {
        return;
    }
    match members.get("hashes") {
        None => {
            checker.add(
                Severity::Warning,
                code::EXTERNAL_HASHES,
                place,
                "url should be accompanied by hashes",
            );
        }
        Some(hashes) if hashes.get("SHA-256").is_none() => {
            let message = "the hashes of url should have SHA-256 among them";
            checker.add(Severity::Warning, code::EXTERNAL_HASHES, &place.key("hashes"), message);
        }
        Some(_) => {}
    }
}

/// One and only one of `lang` and `marking_ref` (section 7.2.3).
pub(crate) fn either_lang_or_marking(
    checker: &mut Checker<'_, '_>,
    members: &Members<'_>,
    place: &Place<'_>,
) {
    let message = match (members.get("lang").is_some(), members.get("marking_ref").is_some()) {
        (true, true) => "lang and marking_ref must not both be present",
        (false, false) => "one of lang and marking_ref is required",
        _ => return,
    };
    checker.add(Severity::Error, code::GRANULAR, place, message);
}

/// References to CAPEC carry `CAPEC-` and a number (section 4.1).
pub(crate) fn capec_ids(checker: &mut Checker<'_, '_>, members: &Members<'_>, place: &Place<'_>) {
    external_ids(
        checker,
        members,
        place,
        ("capec", |text| text.strip_prefix("CAPEC-").is_some_and(is_number)),
    );
}

/// References to CVE carry `CVE-`, a year and a number (section 4.19).
pub(crate) fn cve_ids(checker: &mut Checker<'_, '_>, members: &Members<'_>, place: &Place<'_>) {
    external_ids(
        checker,
        members,
        place,
        ("cve", |text| {
            text.strip_prefix("CVE-").and_then(|rest| rest.split_once('-')).is_some_and(|(year, number)| {
                year.len() == 4 && is_number(year) && number.len() >= 4 && is_number(number)
            })
        }),
    );
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn external_ids(
    checker: &mut Checker<'_, '_>,
    members: &Members<'_>,
    place: &Place<'_>,
    (source, fits): (&str, fn(&str) -> bool),
) {
    let references = members.get("external_references").and_then(Json::as_list).unwrap_or_default();
    let list = place.key("external_references");
    for (at, reference) in references.iter().enumerate() {
        let Some(named) = reference.get("source_name").and_then(Json::as_str) else { continue };
        let Some(text) = reference.get("external_id").and_then(Json::as_str) else { continue };
        let item = list.index(at);
        if named == source && !fits(text) {
            let message = format!("{} is not an identifier of {source}", quoted(text));
            checker.add(Severity::Error, code::EXTERNAL_ID, &item.key("external_id"), message);
        }
        if named != source && fits(text) {
            let message = format!("{} is given under another source_name than {source}", quoted(text));
            let other_case = named.eq_ignore_ascii_case(source);
            let severity = if other_case { Severity::Error } else { Severity::Warning };
            checker.add(severity, code::EXTERNAL_ID, &item.key("source_name"), message);
        }
    }
}

/// The pattern of an indicator can be read, and the indicator says what it is for (section 4.7).
pub(crate) fn indicator_pattern(checker: &mut Checker<'_, '_>, members: &Members<'_>, place: &Place<'_>) {
    if members.get("name").is_none() || members.get("description").is_none() {
        let message = "an indicator should have a name and a description";
        checker.add(Severity::Warning, code::INDICATOR_NAME, place, message);
    }
    let stix = match members.get("pattern_type") {
        Some(kind) => kind.as_str() == Some("stix"),
        None => checker.edition == Edition::V20,
    };
    let Some(pattern) = members.get("pattern").and_then(Json::as_str).filter(|_| stix) else {
        return;
    };
    match crate::read_pattern(pattern) {
        Ok(pattern) => checker.report.note_pattern(Some(pattern)),
        Err(words) => {
            checker.report.note_pattern(None);
            checker.add(Severity::Error, code::PATTERN, &place.key("pattern"), words);
        }
    }
}

/// A malware family has a name (section 4.11).
pub(crate) fn family_has_name(checker: &mut Checker<'_, '_>, members: &Members<'_>, place: &Place<'_>) {
    let family = members.get("is_family").and_then(Json::as_bool) == Some(true);
    if family && members.get("name").is_none() {
        let message = "a malware family must have a name";
        checker.add(Severity::Error, code::CONDITIONAL, &place.key("name"), message);
    }
}

/// `object_refs` of observed data has at least one observable (section 4.14).
pub(crate) fn some_observable(checker: &mut Checker<'_, '_>, members: &Members<'_>, place: &Place<'_>) {
    let Some(refs) = members.get("object_refs").and_then(Json::as_list) else { return };
    let is_observable = |reference: &Json<'_>| {
        let kind = reference.as_str().map(|text| kind_of(id::type_of(text)));
        matches!(kind, Some(Kind::Observable | Kind::Custom))
    };
    if !refs.is_empty() && !refs.iter().any(is_observable) {
        let message = "at least one reference must be to an observable";
        checker.add(Severity::Error, code::REFERENCE_TARGET, &place.key("object_refs"), message);
    }
}

/// The relationship is one that the specification lists for the types at its ends (section 5.1).
pub(crate) fn listed_relationship(checker: &mut Checker<'_, '_>, members: &Members<'_>, place: &Place<'_>) {
    let text = |name: &str| members.get(name).and_then(Json::as_str);
    let (Some(source), Some(kind), Some(target)) =
        (text("source_ref"), text("relationship_type"), text("target_ref"))
    else {
        return;
    };
    let (source, target) = (id::type_of(source), id::type_of(target));
    if !relationship::is_listed(source, kind, target) {
        let message =
            format!("{} from {source} to {target} is not listed by the specification", quoted(kind));
        checker.add(Severity::Warning, code::RELATIONSHIP_UNLISTED, &place.key("relationship_type"), message);
    }
}

/// A body for single-part messages, parts for the others (section 6.6).
pub(crate) fn multipart(checker: &mut Checker<'_, '_>, members: &Members<'_>, place: &Place<'_>) {
    let forbidden = match members.get("is_multipart").and_then(Json::as_bool) {
        Some(true) => "body",
        Some(false) => "body_multipart",
        None => return,
    };
    if members.get(forbidden).is_some() {
        let message = format!("{forbidden} does not go with this value of is_multipart");
        checker.add(Severity::Error, code::CONDITIONAL, &place.key(forbidden), message);
    }
}

/// Header fields are decoded before they are written down (section 6.6).
pub(crate) fn decoded_headers(checker: &mut Checker<'_, '_>, members: &Members<'_>, place: &Place<'_>) {
    const WORDS: &str = "holds an encoded word of RFC 2047, which must be decoded";
    if members.get("subject").and_then(Json::as_str).is_some_and(mail::has_encoded_word) {
        checker.add(Severity::Error, code::ENCODED_WORD, &place.key("subject"), WORDS);
    }
    let Some(fields) = members.get("additional_header_fields").and_then(Json::as_object) else { return };
    let dictionary = place.key("additional_header_fields");
    for (name, lines) in fields.iter() {
        let field = dictionary.key(name);
        for (at, line) in lines.as_list().unwrap_or_default().iter().enumerate() {
            if line.as_str().is_some_and(mail::has_encoded_word) {
                checker.add(Severity::Error, code::ENCODED_WORD, &field.index(at), WORDS);
            }
        }
    }
}

/// Traffic that goes on has no end (section 6.12).
pub(crate) fn active_traffic(checker: &mut Checker<'_, '_>, members: &Members<'_>, place: &Place<'_>) {
    let active = members.get("is_active").and_then(Json::as_bool) == Some(true);
    if active && members.get("end").is_some() {
        let message = "end must not be present while is_active is true";
        checker.add(Severity::Error, code::CONDITIONAL, &place.key("end"), message);
    }
}

/// A PE extension says more than its type (section 6.7.6).
pub(crate) fn more_than_pe_type(checker: &mut Checker<'_, '_>, members: &Members<'_>, place: &Place<'_>) {
    if !members.iter().any(|(key, _)| key != "pe_type") {
        let message = "at least one property other than pe_type is required";
        checker.add(Severity::Error, code::AT_LEAST_ONE, place, message);
    }
}

/// Options of a socket go by their own names (section 6.12.4).
pub(crate) fn socket_options(checker: &mut Checker<'_, '_>, members: &Members<'_>, place: &Place<'_>) {
    const FAMILIES: [&str; 8] = ["SO_", "ICMP_", "ICMP6_", "IP_", "IPV6_", "MCAST_", "TCP_", "IRLMP_"];
    let Some(options) = members.get("options").and_then(Json::as_object) else { return };
    let list = place.key("options");
    for (key, _) in options.iter() {
        if !FAMILIES.iter().any(|family| key.starts_with(family)) {
            let message = format!("{} is not the name of a socket option", quoted(key));
            checker.add(Severity::Warning, code::SOCKET_OPTION, &list.key(key), message);
        }
    }
}

/// Top-level properties are named only by top-level extensions (section 7.3.1).
pub(crate) fn extension_properties(checker: &mut Checker<'_, '_>, members: &Members<'_>, place: &Place<'_>) {
    let types = members.get("extension_types").and_then(Json::as_list).unwrap_or_default();
    let top_level = types.iter().any(|kind| kind.as_str() == Some("toplevel-property-extension"));
    let here = place.key("extension_properties");
    match (top_level, members.get("extension_properties").is_some()) {
        (false, true) => {
            let message = "extension_properties is only for toplevel-property-extension";
            checker.add(Severity::Error, code::EXTENSION_PROPERTIES, &here, message);
        }
        (true, false) => {
            let message = "a toplevel-property-extension should name its properties";
            checker.add(Severity::Warning, code::EXTENSION_PROPERTIES, &here, message);
        }
        _ => {}
    }
    if members.get("description").is_none() {
        let message = "an extension definition should have a description";
        checker.add(Severity::Warning, code::EXTENSION_DESCRIPTION, &place.key("description"), message);
    }
}

/// A marking definition does not mark itself (section 3.2).
pub(crate) fn marking_of_itself(checker: &mut Checker<'_, '_>, members: &Members<'_>, place: &Place<'_>) {
    let Some(own) = members.get("id").and_then(Json::as_str) else { return };
    let whole = members.get("object_marking_refs").and_then(Json::as_list).unwrap_or_default();
    let parts = members.get("granular_markings").and_then(Json::as_list).unwrap_or_default();
    let by_whole = whole.iter().any(|marking| marking.as_str() == Some(own));
    let by_part = parts.iter().any(|part| part.get("marking_ref").and_then(Json::as_str) == Some(own));
    if by_whole || by_part {
        let message = "a marking definition must not be marked with itself";
        checker.add(Severity::Error, code::REFERENCE_SELF, place, message);
    }
}

/// A marking definition defines something, and TLP only as it is published (section 7.2.1).
pub(crate) fn marking_content(checker: &mut Checker<'_, '_>, members: &Members<'_>, place: &Place<'_>) {
    if members.get("extensions").is_none() {
        for name in ["definition_type", "definition"] {
            if members.get(name).is_none() {
                let message = format!("{name} is required where extensions is absent");
                checker.add(Severity::Error, code::MARKING_DEFINITION, &place.key(name), message);
            }
        }
    }
    let kind = members.get("definition_type").and_then(Json::as_str);
    if let Some(definition) = members.get("definition") {
        definition_content(checker, kind, definition, &place.key("definition"));
    }
    if let Some(kind) = kind.filter(|kind| !matches!(*kind, "statement" | "tlp")) {
        let message = format!("definition_type {} is neither statement nor tlp", quoted(kind));
        checker.add(Severity::Warning, code::MARKING_TYPE, &place.key("definition_type"), message);
    }
    match marking::likeness(members) {
        marking::Likeness::None | marking::Likeness::Published(_) => {}
        marking::Likeness::Incomplete(_) => {
            let message = "a published TLP marking, but with properties missing or added";
            checker.add(Severity::Warning, code::TLP_INCOMPLETE, place, message);
        }
        marking::Likeness::Named => {
            let message = "has a name of TLP without being a TLP marking, and is handled as the strictest";
            checker.add(Severity::Warning, code::TLP_LOOK_ALIKE, &place.key("name"), message);
        }
        marking::Likeness::LookAlike => {
            let message = "resembles a TLP marking but is none of the published ones";
            checker.add(Severity::Error, code::TLP_LOOK_ALIKE, place, message);
        }
    }
}

fn definition_content(
    checker: &mut Checker<'_, '_>,
    kind: Option<&str>,
    definition: &Json<'_>,
    place: &Place<'_>,
) {
    let Some(content) = definition.as_object() else {
        let message = format!("an object is due here, not {}", definition.kind_name());
        return checker.add(Severity::Error, code::KIND, place, message);
    };
    let Some(property) = kind.filter(|kind| matches!(*kind, "statement" | "tlp")) else { return };
    let here = place.key(property);
    match content.get(property) {
        Some(Json::String(_)) => {}
        Some(other) => {
            let message = format!("a string is due here, not {}", other.kind_name());
            checker.add(Severity::Error, code::KIND, &here, message);
        }
        None => {
            let message = format!("{property} is required");
            checker.add(Severity::Error, code::REQUIRED, &here, message);
        }
    }
}

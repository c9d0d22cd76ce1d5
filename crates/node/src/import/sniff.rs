//! What a file is, and its objects as slices of it.
//!
//! Only wrappers are read here: a bundle, a list, an envelope, objects one after another. Whether a slice is an object is
//! for `stix` to say. Formats that are recognised and not read yet are named, so that the refusal can name them too.

use std::borrow::Cow;

use base::limit::IMPORT_OBJECTS_MAX;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use stix::{Form, Severity};

use super::{Format, ImportError};

/// What MISP's own format is called.
pub(super) const MISP: &str = "MISP JSON";

/// A file, recognised.
pub(crate) enum Document {
    /// STIX objects.
    Stix { objects: Vec<Bytes>, version: StixVersion },
    /// Comma-separated values (or tabs, semicolons, bars) with a header line.
    Csv,
    /// Free text.
    Text,
}

/// Which STIX the objects of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StixVersion {
    /// 2.1.
    Current,
    /// 2.0, but for objects that say otherwise themselves.
    Old,
}

/// Recognises a file; a format the caller names is taken at its word.
pub(crate) fn recognise(bytes: &Bytes, format: Format) -> Result<Document, ImportError> {
    match format {
        Format::Misp => Err(ImportError::NotSupportedYet(MISP)),
        Format::Csaf => Err(ImportError::NotSupportedYet("CSAF")),
        Format::Csv => Ok(Document::Csv),
        Format::Text => Ok(Document::Text),
        Format::Stix => stix_document(bytes, Some(StixVersion::Current)),
        Format::Stix20 => stix_document(bytes, Some(StixVersion::Old)),
        Format::Auto if looks_like_json(bytes) => stix_document(bytes, None),
        Format::Auto => match std::str::from_utf8(bytes) {
            Ok(text) if super::csv::has_header(text) => Ok(Document::Csv),
            Ok(text) if begins_like_json(text) && super::values::in_text(text).next().is_none() => {
                Err(ImportError::Unreadable(
                    "it begins like JSON, is none, and holds no value: name its format (--format) if it is text or CSV"
                        .into(),
                ))
            }
            Ok(_) => Ok(Document::Text),
            Err(error) => {
                Err(ImportError::Unreadable(format!("it is neither JSON nor text in UTF-8: {error}")))
            }
        },
    }
}

pub(super) fn begins_like_json(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '['])
}

fn looks_like_json(bytes: &[u8]) -> bool {
    let mut visible = bytes
        .strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(bytes)
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace());
    matches!(
        (visible.next(), visible.next()),
        (Some(b'{'), Some(b'"' | b'}')) | (Some(b'['), Some(b'{' | b']' | b'['))
    )
}

/// What tells other formats from STIX.
#[derive(Default, Deserialize)]
struct Top<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "Event")]
    misp_event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    document: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "catalogVersion")]
    kev: Option<&'a RawValue>,
}

fn stix_document(bytes: &Bytes, version: Option<StixVersion>) -> Result<Document, ImportError> {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    let values = values.take(IMPORT_OBJECTS_MAX.saturating_add(1)).collect::<Result<Vec<_>, _>>();
    let values = values.map_err(|error| ImportError::Unreadable(json_broken(&error)))?;
    let (raw, says_old) = match values.as_slice() {
        [] => return Err(ImportError::Unreadable("it is empty".into())),
        [one] => one_document(one.get())?,
        several => {
            let raw: Vec<&[u8]> = several.iter().map(|raw| raw.get().as_bytes()).collect();
            refuse_no_stix(&raw)?;
            (raw, false)
        }
    };
    if raw.len() > IMPORT_OBJECTS_MAX {
        return Err(ImportError::TooMany);
    }
    let version = version.unwrap_or_else(|| {
        if says_old || all_without_version(&raw) { StixVersion::Old } else { StixVersion::Current }
    });
    let objects = raw.iter().map(|raw| bytes.slice_ref(raw)).collect();
    Ok(Document::Stix { objects, version })
}

/// What is wrong with JSON that cannot be read.
fn json_broken(error: &serde_json::Error) -> String {
    if error.is_eof() {
        let (line, column) = (error.line(), error.column());
        return format!(
            "it is JSON that breaks off at line {line}, column {column}: it was not written or fetched to its end, so get it whole"
        );
    }
    format!("it begins like JSON, which it is not: {error}")
}

/// The objects of a bundle, an envelope or a list, or the one object; and whether they are said to be STIX 2.0.
fn one_document(text: &str) -> Result<(Vec<&[u8]>, bool), ImportError> {
    if let Ok(top) = serde_json::from_str::<Top<'_>>(text) {
        refuse_other_formats(&top)?;
    }
    let split = stix::split(text.as_bytes()).map_err(|error| ImportError::Unreadable(error.to_string()))?;
    match split.findings.iter().find(|finding| finding.severity > Severity::Warning) {
        Some(finding) if split.objects.is_empty() => Err(ImportError::Unreadable(finding.to_string())),
        // What a bundle holds is said to be STIX: each of its objects is told what it lacks.
        _ if split.form == Form::Bundle => Ok((split.objects, split.is_2_0)),
        _ => refuse_no_stix(&split.objects).map(|()| (split.objects, split.is_2_0)),
    }
}

/// Other JSON than STIX is told as a whole what it is not; one object that is recognised has each judged by itself.
fn refuse_no_stix(objects: &[&[u8]]) -> Result<(), ImportError> {
    let is_other = |object: &&[u8]| {
        serde_json::from_slice::<Told<'_>>(object).is_ok_and(|told| told.kind.is_none() && told.id.is_none())
    };
    if objects.is_empty() || !objects.iter().all(is_other) {
        return Ok(());
    }
    Err(ImportError::Unreadable(
        "it is JSON and no STIX, for nothing in it has a type or an id: taken are objects, lists and bundles of STIX 2.1 or 2.0, CSV, and text \
         (--format text takes the values that stand anywhere in it)"
            .into(),
    ))
}

/// By what an object of STIX is recognised.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

fn refuse_other_formats(top: &Top<'_>) -> Result<(), ImportError> {
    let format = match top {
        Top { kind: Some(_), .. } => return Ok(()),
        Top { misp_event: Some(_), .. } | Top { response: Some(_), .. } => MISP,
        Top { document: Some(document), .. } if document.get().contains("csaf_version") => "CSAF",
        Top { kev: Some(_), .. } => "the CISA KEV catalogue",
        _ => return Ok(()),
    };
    Err(ImportError::NotSupportedYet(format))
}

#[derive(Default, Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    spec_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    created: Option<Cow<'a, str>>,
}

/// STIX 2.1 has `spec_version` in every object with `created`; 2.0 has it in none.
fn all_without_version(raw: &[&[u8]]) -> bool {
    let mut dated = 0_usize;
    for object in raw {
        let Ok(head) = serde_json::from_slice::<Head<'_>>(object) else { continue };
        if head.spec_version.is_some() {
            return false;
        }
        dated = dated.saturating_add(usize::from(head.created.is_some()));
    }
    dated > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(text: &'static str, format: Format) -> (usize, StixVersion) {
        match recognise(&Bytes::from_static(text.as_bytes()), format) {
            Ok(Document::Stix { objects, version }) => (objects.len(), version),
            Ok(_) => panic!("not STIX: {text}"),
            Err(error) => panic!("{error}: {text}"),
        }
    }

    #[test]
    fn wrappers_are_taken_off() {
        use StixVersion::{Current, Old};
        for (text, found) in [
            (r#"{"type":"bundle","objects":[{"type":"x"},{"type":"y"}]}"#, (2, Current)),
            (r#"{"type":"bundle","id":"bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"}"#, (0, Current)),
            (r#"{"type":"bundle","spec_version":"2.0","objects":[{}]}"#, (1, Old)),
            (r#"{"objects":[{"type":"x"}]}"#, (1, Current)),
            (r#" [{"type":"x","spec_version":"2.1","created":"c"}]"#, (1, Current)),
            (r#"[{"type":"x","created":"c"}]"#, (1, Old)),
            ("{\"type\":\"x\"}\n{\"type\":\"y\"}\n", (2, Current)),
            (r#"{"type":"observed-data","objects":{"0":{}},"created":"c"}"#, (1, Old)),
            ("\u{feff}[]", (0, Current)),
        ] {
            assert_eq!(objects(text, Format::Auto), found, "{text}");
        }
    }

    #[test]
    fn what_is_not_read_is_named() {
        for text in [
            r#"{"Event":{}}"#,
            r#"{"response":[{"Event":{}}]}"#,
            r#"{"document":{"csaf_version":"2.0"}}"#,
            r#"{"title":"KEV","catalogVersion":"1","vulnerabilities":[]}"#,
        ] {
            let refused = recognise(&Bytes::from_static(text.as_bytes()), Format::Auto);
            assert!(matches!(refused, Err(ImportError::NotSupportedYet(_))), "{text}");
        }
        for junk in [
            &b"{\"type\":"[..],
            b"{",
            b"\xEF\xBB\xBF{",
            b" [",
            b"[Report]",
            b"[{]",
            b"\xff\xfe",
            b"{\"a\":1} x",
        ] {
            let refused = recognise(&Bytes::from_static(junk), Format::Auto);
            assert!(matches!(refused, Err(ImportError::Unreadable(_))), "{junk:?}");
        }
    }

    #[test]
    fn other_json_is_told_that_it_is_no_stix() {
        for text in [
            r#"{"name":"Public resolvers","version":3,"list":["192.0.2.1"],"matching_attributes":["ip-src"]}"#,
            r#"[{"ioc":"192.0.2.1"},{"ioc":"192.0.2.2"}]"#,
            "{\"ioc\":\"192.0.2.1\"}\n{\"ioc\":\"192.0.2.2\"}\n",
            r#"{"objects":[{"ioc":"192.0.2.1"}]}"#,
            "{}",
        ] {
            for format in [Format::Auto, Format::Stix] {
                let told = match recognise(&Bytes::from_static(text.as_bytes()), format) {
                    Err(ImportError::Unreadable(told)) => told,
                    _ => panic!("{text}"),
                };
                assert!(told.contains("no STIX") && told.contains("CSV"), "{told}");
            }
        }
        for (text, count) in [
            (r#"[{"a":1},{"type":"x"}]"#, 2),
            (r#"{"id":"x--1"}"#, 1),
            (r#"{"type":"bundle","objects":[{"a":1}]}"#, 1),
            ("[1]", 1),
        ] {
            assert_eq!(objects(text, Format::Stix).0, count, "{text}");
        }
    }

    #[test]
    fn text_that_begins_with_a_bracket_is_text() {
        let text = Bytes::from_static(b"[Report] evil[.]example");
        assert!(matches!(recognise(&text, Format::Auto), Ok(Document::Text)));
    }
}

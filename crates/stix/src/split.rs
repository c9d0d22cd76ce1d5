//! Taking a document apart into the exact bytes of its objects, without copying them.
//!
//! Objects are found, not examined: each slice goes to [`crate::examine`] on its own, so that a bad object does not hide the
//! others. The document as a whole must be JSON.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use base::limit::ENVELOPE_OBJECTS_MAX;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::code;
use crate::finding::{Finding, Severity};
use crate::json::{Json, JsonError, Members};
use crate::report::{Place, Report};
use crate::validate::bundle_head;

/// What kind of document the objects came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// A STIX bundle.
    Bundle,
    /// An object without type that has a list of objects, as TAXII envelopes are.
    Envelope,
    /// A JSON list.
    List,
    /// A single object.
    Single,
}

/// A document taken apart.
#[derive(Clone, Debug)]
pub struct Split<'a> {
    /// What it was.
    pub form: Form,
    /// The bytes of each object, in order, as slices of the input.
    pub objects: Vec<&'a [u8]>,
    /// What is wrong with the document around the objects.
    pub findings: Vec<Finding>,
    /// Whether the bundle says that it holds STIX 2.0.
    pub is_2_0: bool,
}

/// Objects of one document that are kept: one more than any use takes, so that each can tell that there are too many.
const OBJECTS_KEPT: usize = ENVELOPE_OBJECTS_MAX + 1;

/// Takes a bundle, an envelope, a list or a single object apart.
///
/// # Errors
/// The text as a whole is not JSON, or a member stands twice at its top.
///
/// # Limits
/// One pass over the text; memory for one slice an object, and for [`ENVELOPE_OBJECTS_MAX`] objects and one more at most: a document with as
/// many as that has too many for anyone.
pub fn split(text: &[u8]) -> Result<Split<'_>, JsonError> {
    let whole = std::str::from_utf8(text).map_err(|error| JsonError {
        code: code::JSON_UTF8,
        path: String::new(),
        offset: error.valid_up_to(),
        message: "the text is not valid UTF-8".to_owned(),
    })?;
    let duplicate = Cell::new(None);
    let mut reader = serde_json::Deserializer::from_str(whole);
    // raw values are skipped without recursion, so that nesting costs no stack here; examination limits it
    let read =
        TopSeed { duplicate: &duplicate }.deserialize(&mut reader).and_then(|top| reader.end().map(|()| top));
    let top = read.map_err(|error| match duplicate.take() {
        Some(message) => {
            let offset = crate::json::offset_of(whole, error.line(), error.column());
            JsonError { code: code::JSON_DUPLICATE_KEY, path: String::new(), offset, message }
        }
        None => JsonError::of_reader(whole, &error),
    })?;
    Ok(top.sort(text))
}

/// The top of a document.
enum Top<'a> {
    Object { rest: Members<'a>, objects: Option<Objects<'a>> },
    List(Vec<&'a RawValue>),
    Other,
}

/// The `objects` member.
enum Objects<'a> {
    List(Vec<&'a RawValue>),
    Other,
}

impl<'a> Top<'a> {
    fn sort(self, text: &'a [u8]) -> Split<'a> {
        let single = |findings| Split {
            form: Form::Single,
            objects: vec![text.trim_ascii()],
            findings,
            is_2_0: false,
        };
        match self {
            Self::Other => single(Vec::new()),
            Self::List(items) => {
                Split { form: Form::List, objects: slices(&items), findings: Vec::new(), is_2_0: false }
            }
            Self::Object { rest, objects } => {
                let is_bundle = rest.get("type").and_then(Json::as_str) == Some("bundle");
                let is_envelope = rest.get("type").is_none() && matches!(objects, Some(Objects::List(_)));
                if is_bundle {
                    bundle(&rest, objects)
                } else if is_envelope {
                    let objects = listed(objects);
                    Split { form: Form::Envelope, objects, findings: Vec::new(), is_2_0: false }
                } else {
                    single(Vec::new())
                }
            }
        }
    }
}

fn bundle<'a>(rest: &Members<'_>, objects: Option<Objects<'a>>) -> Split<'a> {
    let mut report = Report::default();
    bundle_head(rest, &mut report);
    if matches!(objects, Some(Objects::Other))
        || matches!(&objects, Some(Objects::List(items)) if items.is_empty())
    {
        let message = "objects is a list of at least one object";
        report.add(Severity::Error, code::BUNDLE_OBJECTS, &Place::ROOT.key("objects"), message);
    }
    let is_2_0 = rest.get("spec_version").and_then(Json::as_str) == Some("2.0");
    Split { form: Form::Bundle, objects: listed(objects), findings: report.into_findings(), is_2_0 }
}

fn listed(objects: Option<Objects<'_>>) -> Vec<&[u8]> {
    match objects {
        Some(Objects::List(items)) => slices(&items),
        Some(Objects::Other) | None => Vec::new(),
    }
}

fn slices<'a>(items: &[&'a RawValue]) -> Vec<&'a [u8]> {
    items.iter().map(|item| item.get().as_bytes()).collect()
}

struct TopSeed<'c> {
    duplicate: &'c Cell<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for TopSeed<'_> {
    type Value = Top<'de>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Top<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TopSeed<'_> {
    type Value = Top<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON document")
    }

    fn visit_unit<E>(self) -> Result<Top<'de>, E> {
        Ok(Top::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Top<'de>, E> {
        Ok(Top::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Top<'de>, E> {
        Ok(Top::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Top<'de>, E> {
        Ok(Top::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Top<'de>, E> {
        Ok(Top::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Top<'de>, E> {
        Ok(Top::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Top<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element::<&RawValue>()? {
            if items.len() < OBJECTS_KEPT {
                items.push(item);
            }
        }
        Ok(Top::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top<'de>, A::Error> {
        let mut rest = Members::default();
        let mut objects = None;
        let mut many = 0_usize;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            many = many.saturating_add(1);
            if key == "objects" && objects.is_none() {
                objects = Some(map.next_value_seed(ObjectsSeed)?);
                continue;
            }
            // only what bundles may have is looked at; a single object is examined as a whole later
            if !matches!(key.as_ref(), "type" | "id" | "spec_version" | "objects") && many > HEAD_MEMBERS_MAX
            {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if key == "objects" || rest.get(&key).is_some() {
                let message = format!("key {} appears twice", crate::quote::quoted(&key));
                self.duplicate.set(Some(message));
                return Err(de::Error::custom("duplicate key"));
            }
            let value = map.next_value::<&RawValue>()?;
            rest.list_mut().push((key, shallow(value)));
        }
        Ok(Top::Object { rest, objects })
    }
}

/// Members of a document's top that are compared for duplicates.
const HEAD_MEMBERS_MAX: usize = 64;

/// Strings as they are; anything else only as something that is no string.
fn shallow(raw: &RawValue) -> Json<'_> {
    let text = raw.get();
    if text.starts_with('"') { Json::parse(text.as_bytes()).unwrap_or(Json::Null) } else { Json::Null }
}

struct ObjectsSeed;

impl<'de> DeserializeSeed<'de> for ObjectsSeed {
    type Value = Objects<'de>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Objects<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ObjectsSeed {
    type Value = Objects<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Objects<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element::<&RawValue>()? {
            if items.len() < OBJECTS_KEPT {
                items.push(item);
            }
        }
        Ok(Objects::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Objects<'de>, A::Error> {
        // the deprecated container of observed data, or an error that examination will name
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Objects::Other)
    }

    fn visit_unit<E>(self) -> Result<Objects<'de>, E> {
        Ok(Objects::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Objects<'de>, E> {
        Ok(Objects::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Objects<'de>, E> {
        Ok(Objects::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Objects<'de>, E> {
        Ok(Objects::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Objects<'de>, E> {
        Ok(Objects::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Objects<'de>, E> {
        Ok(Objects::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Form, Vec<&str>, Vec<&'static str>) {
        let split = split(text.as_bytes()).unwrap();
        let objects = split.objects.iter().map(|bytes| std::str::from_utf8(bytes).unwrap()).collect();
        (split.form, objects, split.findings.iter().map(|finding| finding.code).collect())
    }

    #[test]
    fn finds_the_exact_bytes() {
        let id = "bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f";
        let text = format!(r#" {{"objects":[ {{"a" : 1}} ,{{}},null],"type":"bundle","id":"{id}"}} "#);
        assert_eq!(parts(&text), (Form::Bundle, vec![r#"{"a" : 1}"#, "{}", "null"], vec![]));
        assert_eq!(
            parts(r#"{"more":true,"objects":[{"x":1}]}"#),
            (Form::Envelope, vec![r#"{"x":1}"#], vec![])
        );
        assert_eq!(parts(" [1, {} ]"), (Form::List, vec!["1", "{}"], vec![]));
        assert_eq!(parts("\n{\"type\":\"tool\"} "), (Form::Single, vec!["{\"type\":\"tool\"}"], vec![]));
        assert_eq!(parts("null"), (Form::Single, vec!["null"], vec![]));
        let observed = r#"{"type":"observed-data","objects":{"0":{}}}"#;
        assert_eq!(parts(observed), (Form::Single, vec![observed], vec![]));
    }

    #[test]
    fn says_what_is_wrong_around_the_objects() {
        assert_eq!(parts(r#"{"type":"bundle","id":"x","objects":[]}"#).2, ["id-form", "bundle-objects"]);
        assert_eq!(parts(r#"{"type":"bundle","objects":{}}"#).2, ["required-property", "bundle-objects"]);
        let old = split(
            br#"{"type":"bundle","id":"bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","spec_version":"2.0"}"#,
        )
        .unwrap();
        assert!(old.is_2_0 && old.objects.is_empty());
    }

    #[test]
    fn refuses_what_is_not_json() {
        let code = |text: &[u8]| split(text).expect_err("refused").code;
        assert_eq!(code(b""), "json-syntax");
        assert_eq!(code(b"{\"objects\":[{},]}"), "json-syntax");
        assert_eq!(code(b"{} {}"), "json-syntax");
        assert_eq!(code(b"\"\xff\""), "json-utf8");
        assert_eq!(code(br#"{"objects":[],"objects":[]}"#), "json-duplicate-key");
        assert_eq!(code(br#"{"type":"bundle","type":"tool"}"#), "json-duplicate-key");
        let deep = format!("{{\"objects\":[{}{}]}}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(split(deep.as_bytes()).unwrap().objects.len(), 1);
        assert_eq!(code("[".repeat(200_000).as_bytes()), "json-syntax");
    }
}

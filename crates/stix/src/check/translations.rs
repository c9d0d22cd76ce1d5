//! Translations of an object's content into other languages (section 7.1): of the kinds of what they translate, and lists of
//! its length.
//!
//! What the original is, is said by the original where it stands in the same bundle, else by the table of its type. Only what
//! is text, or holds some, is looked at: what points to anything else, or to nothing in the original, is to be ignored.

use std::collections::HashMap;

use super::Checker;
use crate::code;
use crate::finding::Severity;
use crate::id;
use crate::json::{Json, Members};
use crate::report::Place;
use crate::schema::{self, Prop, Value};
use crate::syntax::language;
use crate::timestamp;

/// The objects of a bundle that its language content is about, in all of their versions.
#[derive(Debug, Default)]
pub(crate) struct Originals<'s> {
    versions: HashMap<&'s str, Vec<&'s Json<'s>>>,
}

impl<'s> Originals<'s> {
    /// Finds them among the objects of a bundle.
    pub(crate) fn among(objects: &'s [Json<'s>]) -> Self {
        let text = |object: &'s Json<'s>, name: &str| object.get(name).and_then(Json::as_str);
        let mut versions: HashMap<&str, Vec<&Json<'_>>> = objects
            .iter()
            .filter(|object| text(object, "type") == Some("language-content"))
            .filter_map(|object| Some((text(object, "object_ref")?, Vec::new())))
            .collect();
        if !versions.is_empty() {
            for object in objects {
                if let Some(known) = text(object, "id").and_then(|id| versions.get_mut(id)) {
                    known.push(object);
                }
            }
        }
        Self { versions }
    }

    /// The version of this moment, or the latest where none is named.
    fn of(&self, id: &str, moment: Option<&str>) -> Option<&'s Json<'s>> {
        fn modified<'j>(object: &'j Json<'_>) -> Option<&'j str> {
            let text = object.get("modified").and_then(Json::as_str)?;
            timestamp::check(text).ok().map(|()| timestamp::key_of(text))
        }
        let versions = self.versions.get(id)?.iter().copied();
        match moment {
            Some(moment) => {
                versions.into_iter().find(|object| modified(object) == Some(timestamp::key_of(moment)))
            }
            None => versions.into_iter().max_by_key(|object| modified(object)),
        }
    }
}

/// What is translated: as its table has it, and as it is.
#[derive(Clone, Copy)]
enum Original<'s> {
    /// Said by the table alone: the object is not here.
    Declared(&'static Value),
    /// Here, and perhaps declared.
    Here(Option<&'static Value>, &'s Json<'s>),
}

/// What a translation must be.
enum Due {
    Text,
    List,
    Object,
}

impl<'s> Original<'s> {
    fn declared(self) -> Option<&'static Value> {
        match self {
            Self::Declared(value) => Some(value),
            Self::Here(value, _) => value,
        }
    }

    /// What its translation must be; `None` where it is no text and holds none, so that translations of it are ignored.
    fn due(self) -> Option<Due> {
        let declared = match self.declared() {
            Some(Value::Free | Value::Extensions) | None => None,
            Some(value) => Some(due_by_table(value)?),
        };
        let Self::Here(_, json) = self else { return declared };
        let here = match json {
            Json::String(_) => Due::Text,
            Json::List(_) => Due::List,
            Json::Object(_) => Due::Object,
            _ => return None,
        };
        // An original of another kind than its table says has its own finding, and nothing can be asked of its translation.
        match (&declared, &here) {
            (None, _) | (Some(Due::Text), Due::Text) | (Some(Due::List), Due::List) => Some(here),
            (Some(Due::Object), Due::Object) => Some(here),
            _ => None,
        }
    }

    fn item(self, at: usize) -> Option<Self> {
        let declared = match self.declared() {
            Some(Value::List(item)) => Some(*item),
            _ => None,
        };
        self.inside(declared, |json| json.as_list()?.get(at))
    }

    fn member(self, key: &str) -> Option<Self> {
        let declared = match self.declared() {
            Some(Value::Struct(shape)) => Some(&shape.props.iter().find(|prop| prop.name == key)?.value),
            Some(Value::Dictionary(item)) => Some(*item),
            _ => None,
        };
        self.inside(declared, |json| json.get(key))
    }

    fn inside(
        self,
        declared: Option<&'static Value>,
        part: impl FnOnce(&'s Json<'s>) -> Option<&'s Json<'s>>,
    ) -> Option<Self> {
        match self {
            Self::Declared(_) => declared.map(Self::Declared),
            Self::Here(_, json) => part(json).map(|json| Self::Here(declared, json)),
        }
    }
}

/// Identifiers, times, numbers and terms of vocabularies are no text to be translated.
fn due_by_table(value: &Value) -> Option<Due> {
    match value {
        Value::Text | Value::Formed(_) => Some(Due::Text),
        Value::List(item) => due_by_table(item).map(|_| Due::List),
        Value::Struct(_) | Value::Dictionary(_) => Some(Due::Object),
        _ => None,
    }
}

impl<'s> Checker<'_, 's> {
    /// Translations by language.
    pub(super) fn translations(&mut self, value: &'s Json<'s>, place: &Place<'_>) {
        let Some(members) = self.filled(value, place) else { return };
        for (tag, translation) in members.iter() {
            let here = place.key(tag);
            self.formed(language::check(tag), tag, &here);
            let Some(content) = self.filled(translation, &here) else { continue };
            self.translation(content, &here);
        }
    }

    fn translation(&mut self, content: &'s Members<'s>, place: &Place<'_>) {
        let text = |name: &str| self.root.get(name).and_then(Json::as_str);
        let id = text("object_ref").unwrap_or_default();
        let target = self.originals.of(id, text("object_modified"));
        let schema = schema::of(id::type_of(id));
        for (key, value) in content.iter() {
            let here = place.key(key);
            self.dictionary_key(key, &here);
            self.free(value, &here);
            let named = |prop: &&'static Prop| prop.name == key;
            let declared = schema.and_then(|schema| schema.general.iter().chain(schema.own).find(named));
            let declared = declared.map(|prop| &prop.value);
            let original = match target {
                Some(target) => target.get(key).map(|json| Original::Here(declared, json)),
                None => declared.map(Original::Declared),
            };
            if let Some(original) = original {
                self.mirror(original, value, &here);
            }
        }
    }

    /// Checks a translation against its original. As deep as the document is, which is bounded.
    fn mirror(&mut self, original: Original<'s>, value: &'s Json<'s>, place: &Place<'_>) {
        match (original.due(), value) {
            // Null has been told.
            (None, _) | (_, Json::Null) | (Some(Due::Text), Json::String(_)) => {}
            (Some(Due::Text), _) => self.kind(false, "a string, as the original is,", value, place),
            (Some(Due::List), Json::List(items)) => self.mirror_list(original, items, place),
            (Some(Due::List), _) => self.kind(false, "a list, as the original is,", value, place),
            (Some(Due::Object), Json::Object(members)) => {
                for (key, value) in members.iter() {
                    if let Some(original) = original.member(key) {
                        self.mirror(original, value, &place.key(key));
                    }
                }
            }
            (Some(Due::Object), _) => self.kind(false, "an object, as the original is,", value, place),
        }
    }

    fn mirror_list(&mut self, original: Original<'s>, items: &'s [Json<'s>], place: &Place<'_>) {
        if let Original::Here(_, Json::List(originals)) = original
            && originals.len() != items.len()
        {
            let message = format!(
                "a translation has {} items as the original has, not {}: an empty string for what is not translated",
                originals.len(),
                items.len()
            );
            self.add(Severity::Error, code::TRANSLATION_LENGTH, place, message);
        }
        for (at, value) in items.iter().enumerate() {
            let untranslated = value.as_str() == Some("");
            if let Some(original) = original.item(at).filter(|_| !untranslated) {
                self.mirror(original, value, &place.index(at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::validate;

    const ACTOR: &str = "threat-actor--5a170000-0000-4000-8000-000000000001";

    fn actor(modified: &str, more: &str) -> String {
        format!(
            r#"{{"type":"threat-actor","spec_version":"2.1","id":"{ACTOR}","created":"2024-01-01T00:00:00.000Z","modified":"{modified}","name":"Ashwick"{more}}}"#
        )
    }

    fn language(more: &str, contents: &str) -> String {
        format!(
            r#"{{"type":"language-content","spec_version":"2.1","id":"language-content--5a170000-0000-4000-8000-000000000002","created":"2024-01-01T00:00:00.000Z","modified":"2024-01-01T00:00:00.000Z","object_ref":"{ACTOR}"{more},"contents":{{"de":{contents}}}}}"#
        )
    }

    fn errors(text: &str) -> Vec<(&'static str, String)> {
        let verdict = validate(text.as_bytes(), false);
        verdict.errors.into_iter().map(|finding| (finding.code, finding.path)).collect()
    }

    fn alone(contents: &str) -> Vec<(&'static str, String)> {
        errors(&language("", contents))
    }

    fn beside(original: &str, contents: &str) -> Vec<(&'static str, String)> {
        among(&[actor("2024-01-01T00:00:00.000Z", original), language("", contents)])
    }

    fn among(objects: &[String]) -> Vec<(&'static str, String)> {
        let objects = objects.join(",");
        errors(&format!(
            r#"{{"type":"bundle","id":"bundle--5a170000-0000-4000-8000-000000000003","objects":[{objects}]}}"#
        ))
    }

    fn kind(path: &str) -> Vec<(&'static str, String)> {
        vec![("value-kind", path.to_owned())]
    }

    #[test]
    fn alone_a_translation_has_the_kinds_of_its_types_table() {
        assert_eq!(alone(r#"{"name":"x","goals":["x",""],"labels":["y"]}"#), []);
        assert_eq!(alone(r#"{"name":5}"#), kind("contents.de.name"));
        assert_eq!(alone(r#"{"name":["x"]}"#), kind("contents.de.name"));
        assert_eq!(alone(r#"{"goals":"x"}"#), kind("contents.de.goals"));
        assert_eq!(alone(r#"{"goals":["x",5]}"#), kind("contents.de.goals.[1]"));
        let reference = r#"{"external_references":["",{"description":7,"nope":7}]}"#;
        assert_eq!(alone(reference), kind("contents.de.external_references.[1].description"));
    }

    #[test]
    fn what_is_no_text_or_not_there_is_ignored() {
        assert_eq!(alone(r#"{"nope":5,"confidence":"x","first_seen":5,"resource_level":[1]}"#), []);
        assert_eq!(beside("", r#"{"nope":5,"goals":"x"}"#), []);
        // An original of the wrong kind has its own finding.
        let wrong = beside(r#","description":5"#, r#"{"description":["x"]}"#);
        assert_eq!(wrong, kind("objects.[0].description"));
    }

    #[test]
    fn in_a_bundle_a_translation_has_the_kinds_and_lengths_of_its_original() {
        let goals = r#","goals":["a","b"]"#;
        let place = "objects.[1].contents.de.goals";
        assert_eq!(beside(goals, r#"{"goals":["x",""]}"#), []);
        assert_eq!(beside(goals, r#"{"goals":["x"]}"#), [("translation-length", place.to_owned())]);
        assert_eq!(beside(goals, r#"{"goals":["x",5]}"#), kind(&format!("{place}.[1]")));
        assert_eq!(beside(goals, r#"{"goals":"x"}"#), kind(place));
        let references = r#","external_references":[{"source_name":"x","description":"d"}]"#;
        let place = "objects.[1].contents.de.external_references";
        assert_eq!(beside(references, r#"{"external_references":"x"}"#), kind(place));
        assert_eq!(beside(references, r#"{"external_references":[""]}"#), []);
        assert_eq!(
            beside(references, r#"{"external_references":[{"description":["d"]}]}"#),
            kind(&format!("{place}.[0].description"))
        );
        let custom = r#","x_parts":{"one":["a","b"]}"#;
        assert_eq!(
            beside(custom, r#"{"x_parts":{"one":["a"]}}"#),
            [("translation-length", "objects.[1].contents.de.x_parts.one".to_owned())]
        );
    }

    #[test]
    fn the_version_that_is_named_counts_and_else_the_latest() {
        let versions = [
            actor("2024-01-03T00:00:00.000Z", r#","goals":["a","b","c"]"#),
            actor("2024-01-02T00:00:00.000Z", r#","goals":["a","b"]"#),
        ];
        let judged = |more: &str, goals: &str| {
            let mut objects = versions.to_vec();
            objects.push(language(more, goals));
            among(&objects).len()
        };
        assert_eq!(judged("", r#"{"goals":["x","y","z"]}"#), 0);
        assert_eq!(judged("", r#"{"goals":["x","y"]}"#), 1);
        let of = |day: u8| format!(r#","object_modified":"2024-01-0{day}T00:00:00Z""#);
        assert_eq!(judged(&of(2), r#"{"goals":["x","y"]}"#), 0);
        assert_eq!(judged(&of(3), r#"{"goals":["x","y"]}"#), 1);
        // Of a version that is elsewhere only the table is known.
        assert_eq!(judged(&of(4), r#"{"goals":["x"]}"#), 0);
        assert_eq!(judged(&of(4), r#"{"goals":"x"}"#), 1);
    }
}

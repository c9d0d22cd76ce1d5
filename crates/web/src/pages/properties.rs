//! An object's properties as lines a person can read: what it is, then what its type has, then what all types have; lists one below the other, references by the
//! names of what they lead to, nested values in one line.

use std::collections::HashMap;

use base::limit::PAGE_MAX;
use handling::Principal;
use stix::Json;
use store::StoreError;

use super::named::{both, called};
use super::words::object;
use crate::App;

/// Longest value shown in full, in characters; the exact bytes stand below on the page.
const VALUE_CHARS_MAX: usize = 4_000;
/// Most values shown of one list.
const VALUES_MAX: usize = 200;

/// Of a longer list the values that stand open.
const VALUES_OPEN: usize = 6;
/// Longest list that stands open whole.
const VALUES_WHOLE: usize = 10;

/// One property.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) values: Vec<Part>,
}

impl Line {
    /// The values that stand open.
    pub(crate) fn open(&self) -> &[Part] {
        let end = if self.values.len() <= VALUES_WHOLE { self.values.len() } else { VALUES_OPEN };
        self.values.get(..end).unwrap_or(&self.values)
    }

    /// Those behind a summary.
    pub(crate) fn rest(&self) -> &[Part] {
        self.values.get(self.open().len()..).unwrap_or_default()
    }
}

/// One value.
pub(crate) struct Part {
    pub(crate) text: String,
    /// Names of hosts in it in their other way of writing.
    pub(crate) beside: Option<String>,
    pub(crate) leads: Leads,
}

/// Where a value leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Leads {
    /// It is no reference.
    Nowhere,
    /// It refers to something that is not here, or not for this reader.
    Away,
    /// It refers to an object with a page here.
    To {
        /// The page.
        href: String,
        /// What it is called, where it has a name.
        name: Option<String>,
    },
    /// It refers to a level of TLP.
    Level(&'static str),
}

/// What the object is comes first, in this order.
const FIRST: [&str; 6] = ["type", "name", "value", "pattern", "description", "aliases"];
/// What objects of all types have comes last, in this order.
const COMMON: [&str; 13] = [
    "id",
    "created_by_ref",
    "created",
    "modified",
    "revoked",
    "confidence",
    "lang",
    "labels",
    "external_references",
    "object_marking_refs",
    "granular_markings",
    "extensions",
    "spec_version",
];

/// The lines of an object, but for what is `told` elsewhere on its page: what its type has of its own stands between the others, in the object's order.
pub(crate) fn lines(json: &Json<'_>, told: Option<&str>) -> Vec<Line> {
    let Some(members) = json.as_object() else { return Vec::new() };
    let mut lines: Vec<Line> = members
        .iter()
        .filter(|(name, _)| Some(*name) != told)
        .map(|(name, value)| Line { name: name.to_owned(), values: parts(name, value) })
        .collect();
    let place = |names: &[&str], line: &Line| names.iter().position(|name| *name == line.name);
    lines.sort_by_key(|line| match (place(&FIRST, line), place(&COMMON, line)) {
        (Some(first), _) => (0, first),
        (None, None) => (1, 0),
        (None, Some(last)) => (2, last),
    });
    lines
}

/// Says of references what they lead to, as far as this reader may know; of the first [`PAGE_MAX`] of them.
///
/// # Errors
/// The store failed.
pub(crate) async fn name_references(
    app: &App,
    who: &Principal,
    lines: &mut [Line],
) -> Result<(), StoreError> {
    let references = lines.iter_mut().flat_map(|line| &mut line.values);
    let mut references: Vec<&mut Part> = references.filter(|part| part.leads == Leads::Away).collect();
    let mut ids: Vec<String> = references.iter().map(|part| part.text.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(PAGE_MAX);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let labels = app.node().labels(who, &ids).await?.into_inner();
    let known: HashMap<&str, Option<String>> = ids.into_iter().zip(labels).collect();
    for part in &mut references {
        if let Some(Some(label)) = known.get(part.text.as_str()) {
            let name = called(&part.text, label);
            let is_name = name != part.text && !says_no_name(&part.text);
            part.leads = Leads::To { href: object(&part.text), name: is_name.then_some(name) };
        }
    }
    Ok(())
}

/// Whether what an object of this id is recognised by says nothing without its ends: "uses".
fn says_no_name(id: &str) -> bool {
    matches!(stix::id::type_of(id), "relationship" | "sighting")
}

fn parts(name: &str, value: &Json<'_>) -> Vec<Part> {
    let refers = name.ends_with("_ref") || name.ends_with("_refs");
    let part = |value: &Json<'_>| {
        let text = one_line(value);
        let leads = match stix::marking::tlp_of_id(&text) {
            _ if !refers => Leads::Nowhere,
            Some(level) => Leads::Level(level.label()),
            None => Leads::Away,
        };
        Part { beside: both(&text).filter(|_| leads == Leads::Nowhere), text, leads }
    };
    match value.as_list() {
        Some(items) => {
            let mut parts: Vec<Part> = items.iter().take(VALUES_MAX).map(part).collect();
            if items.len() > VALUES_MAX {
                let text = format!("… and {} more", items.len() - VALUES_MAX);
                parts.push(Part { text, beside: None, leads: Leads::Nowhere });
            }
            parts
        }
        None => vec![part(value)],
    }
}

/// A value in one line, cut where it gets too long. Depth is bounded by the examination before storing.
fn one_line(value: &Json<'_>) -> String {
    let mut out = String::new();
    write(value, &mut out);
    if out.chars().count() > VALUE_CHARS_MAX {
        out = out.chars().take(VALUE_CHARS_MAX).collect();
        out.push('…');
    }
    out
}

fn write(value: &Json<'_>, out: &mut String) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(yes) => out.push_str(if *yes { "yes" } else { "no" }),
        Json::Integer(number) => out.push_str(&number.to_string()),
        Json::Float(number) => out.push_str(number.as_written()),
        Json::String(text) => out.push_str(text),
        Json::List(items) => join(items.iter().map(|item| (None, item)), out),
        Json::Object(members) => join(members.iter().map(|(name, value)| (Some(name), value)), out),
    }
}

fn join<'j, 'a: 'j>(items: impl Iterator<Item = (Option<&'j str>, &'j Json<'a>)>, out: &mut String) {
    for (place, (name, value)) in items.enumerate() {
        if place > 0 {
            out.push_str(" · ");
        }
        if let Some(name) = name {
            out.push_str(name);
            out.push_str(": ");
        }
        write(value, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_folded_and_nothing_of_it_lost() {
        for (many, open) in [(1, 1), (VALUES_WHOLE, VALUES_WHOLE), (VALUES_WHOLE + 1, VALUES_OPEN)] {
            let list: Vec<String> = (0..many).map(|at| format!("\"v{at}\"")).collect();
            let text = format!("{{\"x\":[{}]}}", list.join(","));
            let read = lines(&Json::parse(text.as_bytes()).unwrap(), None);
            assert_eq!((read[0].open().len(), read[0].rest().len()), (open, many - open));
        }
    }

    #[test]
    fn what_it_is_stands_first_and_what_all_types_have_last() {
        let text = br#"{"type":"report","spec_version":"2.1","id":"report--1","created":"c","labels":["l"],"object_refs":["a--1"],
            "published":"p","object_marking_refs":["marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"],
            "external_references":[{"source_name":"s","n":1}],"revoked":false,"description":"D","name":"R"}"#;
        let json = Json::parse(text).unwrap();
        let read = lines(&json, Some("labels"));
        let shown: Vec<(&str, &str, &Leads)> = read
            .iter()
            .map(|line| (line.name.as_str(), line.values[0].text.as_str(), &line.values[0].leads))
            .collect();
        let marking = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421";
        assert_eq!(
            shown,
            [
                ("type", "report", &Leads::Nowhere),
                ("name", "R", &Leads::Nowhere),
                ("description", "D", &Leads::Nowhere),
                ("object_refs", "a--1", &Leads::Away),
                ("published", "p", &Leads::Nowhere),
                ("id", "report--1", &Leads::Nowhere),
                ("created", "c", &Leads::Nowhere),
                ("revoked", "no", &Leads::Nowhere),
                ("external_references", "source_name: s · n: 1", &Leads::Nowhere),
                ("object_marking_refs", marking, &Leads::Level("TLP:AMBER")),
                ("spec_version", "2.1", &Leads::Nowhere),
            ]
        );
    }
}

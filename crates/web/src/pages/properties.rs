//! An object's properties as lines a person can read: what it says before what is kept about it, lists one below the other, references by the
//! names of what they lead to, nested values in one line.

use std::collections::HashMap;

use base::limit::PAGE_MAX;
use handling::Principal;
use stix::Json;
use store::StoreError;

use super::named::is_blank;
use super::words::object;
use crate::App;

/// Longest value shown in full, in characters; the exact bytes stand below on the page.
const VALUE_CHARS_MAX: usize = 4_000;
/// Most values shown of one list.
const VALUES_MAX: usize = 200;

/// One property.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) values: Vec<Part>,
}

/// One value.
pub(crate) struct Part {
    pub(crate) text: String,
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

/// Shown elsewhere on the page.
const ELSEWHERE: [&str; 3] = ["type", "spec_version", "granular_markings"];
/// What the object says comes first, in this order.
const FIRST: [&str; 6] = ["name", "value", "pattern", "description", "aliases", "labels"];
/// What is kept about it comes last, in this order.
const LAST: [&str; 7] = [
    "external_references",
    "object_marking_refs",
    "created_by_ref",
    "created",
    "modified",
    "id",
    "extensions",
];

/// The lines of an object: what is neither first nor last in its own order.
pub(crate) fn lines(json: &Json<'_>) -> Vec<Line> {
    let Some(members) = json.as_object() else { return Vec::new() };
    let mut lines: Vec<Line> = members
        .iter()
        .filter(|(name, _)| !ELSEWHERE.contains(name))
        .map(|(name, value)| Line { name: name.to_owned(), values: parts(name, value) })
        .collect();
    let place = |names: &[&str], line: &Line| names.iter().position(|name| *name == line.name);
    lines.sort_by_key(|line| match (place(&FIRST, line), place(&LAST, line)) {
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
            let is_name = !is_blank(label) && *label != part.text && !says_no_name(&part.text);
            part.leads =
                Leads::To { href: object(&part.text), name: Some(label.clone()).filter(|_| is_name) };
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
        Part { text, leads }
    };
    match value.as_list() {
        Some(items) => {
            let mut parts: Vec<Part> = items.iter().take(VALUES_MAX).map(part).collect();
            if items.len() > VALUES_MAX {
                let text = format!("… and {} more", items.len() - VALUES_MAX);
                parts.push(Part { text, leads: Leads::Nowhere });
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
    fn what_it_says_is_first_and_nested_values_stay_in_one_line() {
        let text = br#"{"type":"report","id":"report--1","created":"c","object_refs":["a--1"],"published":"p","object_marking_refs":
            ["marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"],"external_references":[{"source_name":"s","n":1}],"revoked":false,"name":"R"}"#;
        let json = Json::parse(text).unwrap();
        let lines = lines(&json);
        let shown: Vec<(&str, &str, &Leads)> = lines
            .iter()
            .map(|line| (line.name.as_str(), line.values[0].text.as_str(), &line.values[0].leads))
            .collect();
        assert_eq!(
            shown,
            [
                ("name", "R", &Leads::Nowhere),
                ("object_refs", "a--1", &Leads::Away),
                ("published", "p", &Leads::Nowhere),
                ("revoked", "no", &Leads::Nowhere),
                ("external_references", "source_name: s · n: 1", &Leads::Nowhere),
                (
                    "object_marking_refs",
                    "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
                    &Leads::Level("TLP:AMBER")
                ),
                ("created", "c", &Leads::Nowhere),
                ("id", "report--1", &Leads::Nowhere),
            ]
        );
    }
}

//! An object's properties as lines a person can read: lists one below the other, references as links, nested values in one line.

use stix::Json;

use super::words::object;

/// Longest value shown in full, in characters; the exact bytes stand below on the page.
const VALUE_CHARS_MAX: usize = 4_000;
/// Most values shown of one list.
const VALUES_MAX: usize = 200;

/// One property.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) values: Vec<Part>,
}

/// One value: text, and where it leads if it is a reference.
pub(crate) struct Part {
    pub(crate) text: String,
    pub(crate) href: Option<String>,
}

/// Shown elsewhere on the page.
const ELSEWHERE: [&str; 3] = ["type", "spec_version", "granular_markings"];

/// The lines of an object, in its own order.
pub(crate) fn lines(json: &Json<'_>) -> Vec<Line> {
    let Some(members) = json.as_object() else { return Vec::new() };
    members
        .iter()
        .filter(|(name, _)| !ELSEWHERE.contains(name))
        .map(|(name, value)| Line { name: name.to_owned(), values: parts(name, value) })
        .collect()
}

fn parts(name: &str, value: &Json<'_>) -> Vec<Part> {
    let leads = name.ends_with("_ref") || name.ends_with("_refs");
    let part = |value: &Json<'_>| {
        let text = one_line(value);
        let href = leads.then(|| object(&text));
        Part { text, href }
    };
    match value.as_list() {
        Some(items) => {
            let mut parts: Vec<Part> = items.iter().take(VALUES_MAX).map(part).collect();
            if items.len() > VALUES_MAX {
                let text = format!("… and {} more", items.len() - VALUES_MAX);
                parts.push(Part { text, href: None });
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
    fn references_lead_and_nested_values_stay_in_one_line() {
        let text = br#"{"type":"report","name":"R","object_refs":["a--1"],"external_references":[{"source_name":"s","n":1}],"revoked":false}"#;
        let json = Json::parse(text).unwrap();
        let lines = lines(&json);
        let shown: Vec<(&str, &str)> =
            lines.iter().map(|line| (line.name.as_str(), line.values[0].text.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("name", "R"),
                ("object_refs", "a--1"),
                ("external_references", "source_name: s · n: 1"),
                ("revoked", "no")
            ]
        );
        assert_eq!(lines[1].values[0].href.as_deref(), Some("/objects/a--1"));
        assert!(lines[0].values[0].href.is_none());
    }
}

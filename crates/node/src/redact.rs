//! Redacted views: what is left of an object without the parts that stricter markings keep back, as an object of its own.
//!
//! The original stays as it came, handled as its strictest part. The view is this node's own object: it has an identifier that
//! follows from member and original, names the original as an external reference, and bears nobody's signature but ours. Where
//! something the specification requires would be missing, there is no view.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::produce::Author;

/// The object without the parts that `selectors` point to; `None` when they take away what every object needs, or are
/// no selectors.
pub(crate) fn redacted(bytes: &[u8], selectors: &[String], author: &Author) -> Option<Bytes> {
    let mut object: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
    let original = object.get("id")?.as_str()?.to_owned();
    let kind = object.get("type")?.as_str()?.to_owned();
    for selector in selectors {
        take_out(&mut object, selector)?;
    }
    object.values_mut().for_each(close_gaps);
    // What is left of them asks for no more than the whole, whose marking stays; places in lists have shifted.
    object.remove("granular_markings");
    let domain = object.contains_key("created");
    object.insert("id".into(), view_id(author, &kind, &original).into());
    if domain {
        object.insert("created_by_ref".into(), author.member.id.clone().into());
        let reference = json!({"source_name": "cresset", "external_id": original,
            "description": "what is left of this object without its more strictly marked parts"});
        match object.entry("external_references").or_insert_with(|| json!([])) {
            Value::Array(list) => list.push(reference),
            _ => return None,
        }
    }
    serde_json::to_vec(&object).ok().map(Bytes::from)
}

/// The identifier of what is left of an object of `kind` without its more strictly marked parts. It follows from the original, so
/// that its originator knows the view of each of its objects without being told, and nobody else can.
pub(crate) fn view_id(author: &Author, kind: &str, original: &str) -> String {
    author.id(kind, &format!("redacted\0{original}"))
}

/// Takes out one part. A place in a list becomes a gap, so that later selectors still count right.
fn take_out(object: &mut Map<String, Value>, selector: &str) -> Option<()> {
    let (way, last) = match selector.rsplit_once('.') {
        None => {
            object.remove(selector);
            return Some(());
        }
        Some((way, last)) => (way, last),
    };
    let mut steps = way.split('.');
    let Some(mut found) = object.get_mut(steps.next()?) else { return Some(()) };
    for step in steps {
        let next = match place(step) {
            Some(at) => found.get_mut(at),
            None => found.get_mut(step),
        };
        // Gone already, with what held it.
        let Some(next) = next else { return Some(()) };
        found = next;
    }
    match (place(last), found) {
        (Some(at), Value::Array(list)) => *list.get_mut(at)? = Value::Null,
        (None, Value::Object(members)) => drop(members.remove(last)),
        (_, Value::Null) => (),
        _ => return None,
    }
    Some(())
}

/// The place that a step into a list names.
fn place(step: &str) -> Option<usize> {
    step.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// Removes the gaps in lists. STIX has no null, so every null is one of ours. The tree is no deeper than the reader allows.
fn close_gaps(value: &mut Value) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(list) => {
                list.retain(|item| !item.is_null());
                open.extend(list);
            }
            Value::Object(members) => open.extend(members.values_mut()),
            _ => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use base::Micros;

    use super::*;
    use crate::Member;

    fn view(object: &str, selectors: &[&str]) -> Option<Value> {
        let id = "identity--6c8e0f2e-1f0b-4b3a-9d5e-0a1b2c3d4e5f".into();
        let author = Author { member: Member { id, name: "A".into() }, since: Micros(0) };
        let selectors: Vec<String> = selectors.iter().map(|one| (*one).to_owned()).collect();
        redacted(object.as_bytes(), &selectors, &author)
            .map(|bytes| serde_json::from_slice(&bytes).expect("JSON"))
    }

    const TOOL: &str = r#"{"type":"tool","id":"tool--1","created":"c","name":"n","labels":["a","b","c"],"x":{"y":[{"z":1,"w":2}]},
        "granular_markings":[{"marking_ref":"m","selectors":["labels.[0]"]}]}"#;

    #[test]
    fn the_parts_are_gone_and_the_rest_is_there() {
        let seen = view(TOOL, &["labels.[0]", "labels.[2]", "x.y.[0].z"]).expect("a view");
        assert_eq!((&seen["labels"], &seen["x"]), (&json!(["b"]), &json!({"y": [{"w": 2}]})));
        assert!(seen.get("granular_markings").is_none() && seen["name"] == "n");
        assert_ne!(seen["id"], "tool--1");
        assert_eq!(seen["external_references"][0]["external_id"], "tool--1");
        assert_eq!(
            view(TOOL, &["x"]).expect("a view")["id"],
            seen["id"],
            "the identifier stays over versions"
        );
    }

    #[test]
    fn what_is_gone_with_its_parent_is_gone() {
        let seen = view(TOOL, &["x", "x.y.[0].z", "labels", "labels.[1]"]).expect("a view");
        assert!(seen.get("x").is_none() && seen.get("labels").is_none());
        assert!(view(TOOL, &["name.[0]"]).is_none());
        assert!(view(TOOL, &["labels.[9]"]).is_none());
        assert!(
            view(TOOL, &["id"]).is_none() || view(TOOL, &["id"]).is_some_and(|seen| seen["id"] != "tool--1")
        );
    }
}

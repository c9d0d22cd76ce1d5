//! Observables of STIX 2.0, which lived inside observed data under local keys, made into objects of their own.
//!
//! Each gets its deterministic identifier; references among them are rewritten first where they contribute to one. Those
//! without contributing properties, or that contribute to each other in a circle, get a version 4 UUID made from the
//! observed data and the key, so that the same bundle read twice gives the same objects. Markings of the observed data are
//! carried over, since an observable must not become freer by leaving it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::{rewrite_selectors, text};
use crate::id::{self, ObjectId};
use crate::json::{Json, Members};
use crate::schema;
use crate::sco_id;

/// Observables taken out so far, each identifier once, in order of first appearance.
#[derive(Default)]
pub(super) struct Taken {
    objects: Vec<Json<'static>>,
    by_id: HashMap<String, usize>,
}

impl Taken {
    /// The texts of the objects.
    pub(super) fn into_texts(self) -> impl Iterator<Item = Vec<u8>> {
        self.objects.into_iter().map(|object| object.to_string().into_bytes())
    }

    /// Adds an object; one that is there already only gets the markings of the new one.
    fn add(&mut self, id: &str, object: Json<'static>) {
        match self.by_id.get(id).and_then(|at| self.objects.get_mut(*at)) {
            None => {
                self.by_id.insert(id.to_owned(), self.objects.len());
                self.objects.push(object);
            }
            Some(Json::Object(known)) => {
                let markings: Vec<String> = strings(object.get("object_marking_refs"));
                add_markings(known, &markings);
            }
            Some(_) => {}
        }
    }
}

/// Takes the observables out of observed data and leaves references in their place. A container that cannot be understood
/// stays as it is.
pub(super) fn take(observed: &mut Members<'_>, taken: &mut Taken) {
    let Some(container) = observed.get("objects").and_then(Json::as_object) else { return };
    if observed.get("object_refs").is_some()
        || !is_container(container)
        || is_unreasonable(observed, container)
    {
        return;
    }
    let seed = observed.get("id").and_then(Json::as_str).unwrap_or_default();
    let mut objects: BTreeMap<String, Members<'static>> = container
        .iter()
        .filter_map(|(key, object)| match owned(object) {
            Json::Object(members) => Some((key.to_owned(), renew(members))),
            _ => None,
        })
        .collect();
    let ids = identify(&mut objects, seed);
    let keys: Vec<String> = container.iter().map(|(key, _)| key.to_owned()).collect();
    let mut refs = Vec::with_capacity(keys.len());
    for key in &keys {
        let (Some(members), Some(id)) = (objects.remove(key), ids.get(key)) else { continue };
        let mut object = with_head(members, id);
        add_markings(&mut object, &markings_of(observed, key));
        taken.add(id, Json::Object(object));
        refs.push(Json::String(Cow::Owned(id.clone())));
    }
    replace(observed, refs);
}

/// Whether every value is an object with the type of an observable, or of a custom one.
fn is_container(container: &Members<'_>) -> bool {
    !container.is_empty()
        && container.iter().all(|(_, object)| {
            object.get("type").and_then(Json::as_str).is_some_and(|name| {
                id::is_type_word(name)
                    && matches!(schema::kind_of(name), schema::Kind::Observable | schema::Kind::Custom)
            })
        })
}

/// Whether carrying the markings over to every object would take more work than any real observed data.
fn is_unreasonable(observed: &Members<'_>, container: &Members<'_>) -> bool {
    let count = |list: Option<&Json<'_>>| list.and_then(Json::as_list).map_or(0, <[Json<'_>]>::len);
    let parts = observed.get("granular_markings").and_then(Json::as_list).unwrap_or_default();
    let selectors: usize = parts.iter().map(|part| count(part.get("selectors")).saturating_add(1)).sum();
    let markings = count(observed.get("object_marking_refs")).saturating_add(selectors);
    container.len().saturating_mul(markings) > MARKING_WORK_MAX
}

/// Markings times observables that are carried over from one observed data.
const MARKING_WORK_MAX: usize = 100_000;

fn replace(observed: &mut Members<'_>, refs: Vec<Json<'static>>) {
    if let Some((key, value)) = observed.list_mut().iter_mut().find(|(key, _)| key == "objects") {
        *key = Cow::Borrowed("object_refs");
        *value = Json::List(refs);
    }
    rewrite_selectors(observed, &|selector| {
        let inside = selector == "objects" || selector.starts_with("objects.");
        vec![if inside { "object_refs".to_owned() } else { selector.to_owned() }]
    });
}

/// The markings that applied to the observable under `key`: of the whole, and granular ones at, above or inside it.
fn markings_of(observed: &Members<'_>, key: &str) -> Vec<String> {
    let mut markings = strings(observed.get("object_marking_refs"));
    let own = format!("objects.{key}");
    let inside = format!("{own}.");
    for part in observed.get("granular_markings").and_then(Json::as_list).unwrap_or_default() {
        let Some(marking) = part.get("marking_ref").and_then(Json::as_str) else { continue };
        let touches =
            |selector: &String| *selector == "objects" || *selector == own || selector.starts_with(&inside);
        if strings(part.get("selectors")).iter().any(touches) {
            markings.push(marking.to_owned());
        }
    }
    markings
}

fn strings(list: Option<&Json<'_>>) -> Vec<String> {
    let items = list.and_then(Json::as_list).unwrap_or_default();
    items.iter().filter_map(Json::as_str).map(str::to_owned).collect()
}

fn add_markings(members: &mut Members<'static>, markings: &[String]) {
    let mut all = strings(members.get("object_marking_refs"));
    all.extend_from_slice(markings);
    let mut seen = HashSet::new();
    all.retain(|marking| seen.insert(marking.clone()));
    if !all.is_empty() {
        let list = all.into_iter().map(|marking| Json::String(Cow::Owned(marking))).collect();
        members.set("object_marking_refs", Json::List(list));
    }
}

/// Type, version and identifier first.
fn with_head(members: Members<'static>, id: &str) -> Members<'static> {
    let type_name = id::type_of(id).to_owned();
    let mut head = vec![
        (Cow::Borrowed("type"), Json::String(Cow::Owned(type_name))),
        (Cow::Borrowed("spec_version"), text("2.1")),
        (Cow::Borrowed("id"), Json::String(Cow::Owned(id.to_owned()))),
    ];
    let rest = members
        .into_list()
        .into_iter()
        .filter(|(key, _)| !matches!(key.as_ref(), "type" | "spec_version" | "id"));
    head.extend(rest);
    Members::from_unique(head)
}

/// How long a chain of contributing references is followed. Real ones have two or three links (extension, file, directory);
/// the bound keeps a hostile chain from costing the square of its length.
const ROUNDS_MAX: usize = 16;

/// Gives every object its identifier and rewrites references as they become known.
fn identify(objects: &mut BTreeMap<String, Members<'static>>, seed: &str) -> HashMap<String, String> {
    let mut ids: HashMap<String, String> = HashMap::new();
    for _ in 0..ROUNDS_MAX {
        let ready: Vec<(String, String)> = objects
            .iter()
            .filter(|(key, members)| !ids.contains_key(*key) && !waits(members, &ids, objects))
            .map(|(key, members)| (key.clone(), identifier(members, key, seed)))
            .collect();
        if ready.is_empty() {
            break;
        }
        ids.extend(ready);
        for members in objects.values_mut() {
            rewrite(members, &ids);
        }
    }
    for (key, members) in &*objects {
        if !ids.contains_key(key) {
            ids.insert(key.clone(), made_up(type_of(members), key, seed));
        }
    }
    for members in objects.values_mut() {
        rewrite(members, &ids);
    }
    ids
}

fn type_of<'m>(members: &'m Members<'_>) -> &'m str {
    members.get("type").and_then(Json::as_str).unwrap_or_default()
}

fn identifier(members: &Members<'_>, key: &str, seed: &str) -> String {
    let made = schema::of(type_of(members)).and_then(|schema| sco_id::of_members(schema, members));
    made.map_or_else(|| made_up(type_of(members), key, seed), |id| id.to_string())
}

/// A version 4 UUID that depends on the observed data and the key alone.
fn made_up(type_name: &str, key: &str, seed: &str) -> String {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(b"stix 2.0 observable\0")
        .chain_update(seed)
        .chain_update(b"\0")
        .chain_update(key)
        .finalize()
        .into();
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(digest.first_chunk::<16>().expect("invariant: a digest has 32 bytes"));
    ObjectId::new(type_name, uuid::Builder::from_random_bytes(bytes).into_uuid()).to_string()
}

/// Whether a contributing property refers to an object of the container that has no identifier yet.
fn waits(
    members: &Members<'_>,
    ids: &HashMap<String, String>,
    objects: &BTreeMap<String, Members<'static>>,
) -> bool {
    let Some(schema) = schema::of(type_of(members)) else { return false };
    let open = |key: &str| objects.contains_key(key) && !ids.contains_key(key);
    let mut waiting = false;
    for (key, value) in members.iter().filter(|(key, _)| schema.contributes.contains(key)) {
        each_reference(key, value, &mut |local| waiting |= open(local));
    }
    waiting
}

fn each_reference(key: &str, value: &Json<'_>, see: &mut dyn FnMut(&str)) {
    match value {
        Json::String(local) if key.ends_with("_ref") => see(local),
        Json::List(items) if key.ends_with("_refs") => items.iter().filter_map(Json::as_str).for_each(see),
        Json::List(items) => items.iter().for_each(|item| each_reference("", item, see)),
        Json::Object(members) => members.iter().for_each(|(key, value)| each_reference(key, value, see)),
        _ => {}
    }
}

/// Replaces local keys by identifiers wherever they are references.
fn rewrite(members: &mut Members<'static>, ids: &HashMap<String, String>) {
    for (key, value) in members.list_mut() {
        rewrite_value(key, value, ids);
    }
}

fn rewrite_value(key: &str, value: &mut Json<'static>, ids: &HashMap<String, String>) {
    match value {
        Json::String(local) if key.ends_with("_ref") => {
            if let Some(id) = ids.get(local.as_ref()) {
                *local = Cow::Owned(id.clone());
            }
        }
        Json::List(items) => {
            let name = if key.ends_with("_refs") { "item_ref" } else { "" };
            items.iter_mut().for_each(|item| rewrite_value(name, item, ids));
        }
        Json::Object(members) => rewrite(members, ids),
        _ => {}
    }
}

/// Properties that 2.1 calls otherwise, and forms that it changed.
fn renew(mut members: Members<'static>) -> Members<'static> {
    let renamed: &[(&str, &str)] = match type_of(&members) {
        "file" | "directory" => &[("created", "ctime"), ("modified", "mtime"), ("accessed", "atime")],
        "process" => &[("created", "created_time"), ("binary_ref", "image_ref")],
        "windows-registry-key" => &[("modified", "modified_time")],
        "user-account" => &[("password_last_changed", "credential_last_changed")],
        _ => &[],
    };
    for (old, new) in renamed {
        let free = members.get(new).is_none();
        if let Some((key, _)) = members.list_mut().iter_mut().find(|(key, _)| free && key == old) {
            *key = Cow::Borrowed(new);
        }
    }
    for (key, value) in members.list_mut() {
        match key.as_ref() {
            "additional_header_fields" => in_lists(value),
            "extensions" => renew_extensions(value),
            _ => {}
        }
    }
    rename_hashes(&mut members);
    members
}

/// Every value of a dictionary becomes a list.
fn in_lists(value: &mut Json<'static>) {
    let Json::Object(fields) = value else { return };
    for (_, field) in fields.list_mut() {
        if matches!(field, Json::String(_)) {
            let single = std::mem::replace(field, Json::Null);
            *field = Json::List(vec![single]);
        }
    }
}

fn renew_extensions(value: &mut Json<'static>) {
    let Json::Object(extensions) = value else { return };
    for (name, extension) in extensions.list_mut() {
        let Json::Object(content) = extension else { continue };
        for (key, value) in content.list_mut() {
            if name == "http-request-ext" && key == "request_header" {
                in_lists(value);
            }
        }
    }
}

/// `ssdeep` is written in capitals since 2.1, at any depth.
fn rename_hashes(members: &mut Members<'static>) {
    for (key, value) in members.list_mut() {
        match value {
            Json::Object(inner) if key == "hashes" || key.ends_with("_hashes") => {
                for (algorithm, _) in
                    inner.list_mut().iter_mut().filter(|(algorithm, _)| algorithm == "ssdeep")
                {
                    *algorithm = Cow::Borrowed("SSDEEP");
                }
            }
            Json::Object(inner) => rename_hashes(inner),
            Json::List(items) => {
                for item in items {
                    if let Json::Object(inner) = item {
                        rename_hashes(inner);
                    }
                }
            }
            _ => {}
        }
    }
}

/// A copy that borrows nothing.
fn owned(value: &Json<'_>) -> Json<'static> {
    match value {
        Json::Null => Json::Null,
        Json::Bool(value) => Json::Bool(*value),
        Json::Integer(number) => Json::Integer(*number),
        Json::Float(number) => Json::Float(number.clone().into_owned()),
        Json::String(text) => Json::String(Cow::Owned(text.clone().into_owned())),
        Json::List(items) => Json::List(items.iter().map(owned).collect()),
        Json::Object(members) => {
            let copy = members.iter().map(|(key, value)| (Cow::Owned(key.to_owned()), owned(value)));
            Json::Object(Members::from_unique(copy.collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::upgraded;
    use crate::json::Json;
    use crate::validate;

    fn observed(objects: &str, more: &str) -> String {
        format!(
            r#"{{"type":"observed-data","id":"observed-data--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","created":"2017-01-01T00:00:00.000Z","modified":"2017-01-01T00:00:00.000Z","first_observed":"2017-01-01T00:00:00Z","last_observed":"2017-01-01T00:00:00Z","number_observed":1,"objects":{objects}{more}}}"#
        )
    }

    #[test]
    fn observables_become_objects_with_identifiers() {
        let old = observed(
            r#"{"0":{"type":"file","name":"a","parent_directory_ref":"1","created":"2017-01-01T00:00:00Z","hashes":{"ssdeep":"3:a:b"}},
                "1":{"type":"directory","path":"/x","contains_refs":["0"]},
                "2":{"type":"process","pid":1,"binary_ref":"0","name":"p"}}"#,
            "",
        );
        let new = upgraded(&old);
        assert_eq!(new, upgraded(&old));
        assert_eq!(new.len(), 4);
        for text in &new {
            let verdict = validate(text.as_bytes(), false);
            assert!(verdict.valid, "{text}: {verdict:?}");
        }
        let objects: Vec<Json<'_>> = new.iter().map(|text| Json::parse(text.as_bytes()).unwrap()).collect();
        let id = |at: usize| objects[at].get("id").and_then(Json::as_str).unwrap();
        assert_eq!(objects[0].get("parent_directory_ref").and_then(Json::as_str), Some(id(1)));
        assert_eq!(objects[0].get("ctime").and_then(Json::as_str), Some("2017-01-01T00:00:00Z"));
        assert_eq!(objects[1].get("contains_refs").map(Json::to_string), Some(format!("[\"{}\"]", id(0))));
        assert_eq!(objects[2].get("image_ref").and_then(Json::as_str), Some(id(0)));
        assert_eq!(objects[2].get("name").and_then(Json::as_str), Some("p"));
        let refs = objects[3].get("object_refs").and_then(Json::as_list).unwrap();
        assert_eq!(refs.iter().filter_map(Json::as_str).collect::<Vec<_>>(), [id(0), id(1), id(2)]);
        assert_eq!(id(0), crate::sco_id::deterministic(&objects[0]).unwrap().as_str());
    }

    #[test]
    fn markings_are_carried_over_and_joined() {
        let red = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed";
        let green = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da";
        let one = observed(
            r#"{"0":{"type":"ipv4-addr","value":"192.0.2.1"},"1":{"type":"ipv4-addr","value":"192.0.2.2"}}"#,
            &format!(
                r#","object_marking_refs":["{green}"],"granular_markings":[{{"marking_ref":"{red}","selectors":["objects.1.value"]}}]"#
            ),
        );
        let two = observed(
            r#"{"0":{"type":"ipv4-addr","value":"192.0.2.1"}}"#,
            &format!(r#","object_marking_refs":["{red}"]"#),
        )
        .replace("cd3f", "cd40");
        let new = upgraded(&format!("[{one},{two}]"));
        assert_eq!(new.len(), 4);
        let markings = |text: &str| {
            Json::parse(text.as_bytes()).unwrap().get("object_marking_refs").map(Json::to_string)
        };
        assert_eq!(markings(&new[0]), Some(format!("[\"{green}\",\"{red}\"]")));
        assert_eq!(markings(&new[1]), Some(format!("[\"{green}\",\"{red}\"]")));
        assert!(new[2].contains(r#""selectors":["object_refs"]"#));
    }

    #[test]
    fn what_cannot_be_understood_stays() {
        let odd = observed(r#"{"0":{"no":"type"}}"#, "");
        assert!(upgraded(&odd)[0].contains(r#""objects":{"0":{"no":"type"}}"#));
    }

    #[test]
    fn circles_end() {
        let circle = observed(
            r#"{"0":{"type":"network-traffic","protocols":["tcp"],"src_ref":"1"},"1":{"type":"network-traffic","protocols":["tcp"],"src_ref":"0"}}"#,
            "",
        );
        assert_eq!(upgraded(&circle).len(), 3);
    }
}

//! Identifiers of observables, made of their contributing properties.

use base::Rng;
use uuid::Uuid;

use crate::canonical;
use crate::id::{self, ObjectId};
use crate::json::{Json, Members, write_string};
use crate::schema::{self, Kind, Schema};

/// The namespace that every producer uses (section 2.9).
const NAMESPACE: Uuid = Uuid::from_u128(0x00ab_edb4_aa42_466c_9c01_fed2_3315_a9b7);

/// Hash algorithms in the order in which one is chosen (section 6).
const PREFERRED: [&str; 4] = ["MD5", "SHA-1", "SHA-256", "SHA-512"];

/// The deterministic identifier of an observable: UUID version 5 of the canonical JSON of its contributing properties.
///
/// `None` where none of them is present, where the type has none, or where it is no observable of the specification. Where
/// `hashes` holds none of the preferred algorithms, the one whose name sorts first is taken.
///
/// # Source
/// STIX 2.1, sections 2.9 and 3.4, and "ID Contributing Properties" of each type in section 6
#[must_use]
pub fn deterministic(object: &Json<'_>) -> Option<ObjectId> {
    let members = object.as_object()?;
    let schema = schema::of(members.get("type")?.as_str()?)?;
    of_members(schema, members)
}

/// The identifier that a new observable gets: the deterministic one, or a random one where there is none.
///
/// `None` where the object has no type name.
#[must_use]
pub fn assign(object: &Json<'_>, rng: &dyn Rng) -> Option<ObjectId> {
    if let Some(id) = deterministic(object) {
        return Some(id);
    }
    let type_name = object.get("type")?.as_str()?;
    id::is_type_word(type_name).then(|| ObjectId::new(type_name, random(rng)))
}

/// A random UUID, version 4.
#[must_use]
pub fn random(rng: &dyn Rng) -> Uuid {
    let mut bytes = [0_u8; 16];
    rng.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// As [`deterministic`], with the schema known.
pub(crate) fn of_members(schema: &Schema, members: &Members<'_>) -> Option<ObjectId> {
    if schema.kind != Kind::Observable {
        return None;
    }
    let contributing: Vec<(&str, &Json<'_>)> =
        schema.contributes.iter().filter_map(|name| members.get(name).map(|value| (*name, value))).collect();
    if contributing.is_empty() {
        return None;
    }
    let mut name = String::new();
    canonical::write_members(contributing.into_iter(), &mut name, &|key, value, out| match chosen_hash(
        key, value,
    ) {
        Some((algorithm, hash)) => {
            out.push('{');
            write_string(out, algorithm);
            out.push(':');
            canonical::write(hash, out);
            out.push('}');
        }
        None => canonical::write(value, out),
    });
    Some(ObjectId::new(schema.name, Uuid::new_v5(&NAMESPACE, name.as_bytes())))
}

/// The one hash of `hashes` that contributes.
fn chosen_hash<'m>(key: &str, value: &'m Json<'_>) -> Option<(&'m str, &'m Json<'m>)> {
    if key != "hashes" {
        return None;
    }
    let hashes = value.as_object()?;
    let preferred = PREFERRED.iter().find_map(|name| hashes.iter().find(|(algorithm, _)| algorithm == name));
    preferred.or_else(|| hashes.iter().min_by_key(|(algorithm, _)| *algorithm))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SeededRng;

    fn of(json: &str) -> Option<String> {
        deterministic(&Json::parse(json.as_bytes()).unwrap()).map(|id| id.to_string())
    }

    #[test]
    fn agrees_with_the_examples_of_the_text() {
        let address = of(r#"{"type":"ipv4-addr","value":"198.51.100.3"}"#);
        assert_eq!(address.as_deref(), Some("ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"));
        let name = of(r#"{"type":"domain-name","value":"example.com","resolves_to_refs":["x"]}"#);
        assert_eq!(name.as_deref(), Some("domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7"));
        let system =
            of(r#"{"type":"autonomous-system","number":15139,"name":"Slime Industries","rir":"ARIN"}"#);
        assert_eq!(system.as_deref(), Some("autonomous-system--3aa27478-50b5-5ab8-9da9-cdc12b657fff"));
    }

    #[test]
    fn one_hash_contributes() {
        let both = of(r#"{"type":"file","hashes":{"SHA-256":"b","MD5":"a"}}"#);
        assert_eq!(both, of(r#"{"type":"file","hashes":{"MD5":"a"}}"#));
        let rare = of(r#"{"type":"file","hashes":{"x_b":"2","x_a":"1"}}"#);
        assert_eq!(rare, of(r#"{"type":"file","hashes":{"x_a":"1"}}"#));
    }

    #[test]
    fn nothing_contributing_means_random() {
        assert_eq!(of(r#"{"type":"user-account","display_name":"only"}"#), None);
        assert_eq!(of(r#"{"type":"process","pid":1}"#), None);
        assert_eq!(of(r#"{"type":"x-custom","value":"1"}"#), None);
        assert_eq!(of(r#"{"type":"tool","name":"x"}"#), None);
        let rng = SeededRng::new(1);
        let process = Json::parse(br#"{"type":"process","pid":1}"#).unwrap();
        let id = assign(&process, &rng).unwrap();
        assert_eq!(id::uuid_version(id.as_str()), Some(4));
        assert_ne!(assign(&process, &rng), Some(id));
        assert_eq!(assign(&Json::parse(br#"{"type":"Bad Type"}"#).unwrap(), &rng), None);
    }
}

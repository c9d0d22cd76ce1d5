//! Reading what can be read of a JSON text that holds values no STIX object may hold: half a surrogate pair, a number beyond
//! a double, a key that stands twice, nesting beyond the limit.
//!
//! For questions where one bad value must not hide the good ones (patterns against observations). Nothing that is read so
//! is an object for that: the proof of one is [`crate::Valid`], and [`Json::parse`] stays strict.
//!
//! Source: STIX 2.1, section 9.6 (a comparison over what is not there is false).

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use base::limit::JSON_DEPTH_MAX;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{Json, JsonError, KeySeed, Members};

impl<'a> Json<'a> {
    /// Reads a JSON text, with null in the place of every value that cannot be read, and the first of them.
    ///
    /// A key that stands twice has the value null: readers could disagree about it. Members whose key cannot be read are left
    /// out.
    ///
    /// # Errors
    /// Tells the byte where the text stops being JSON (RFC 8259), or UTF-8.
    ///
    /// # Limits
    /// A text without such values is read once, as [`Json::parse`] does; around them, once for each level of nesting.
    pub fn parse_readable(text: &'a [u8]) -> Result<(Self, Option<JsonError>), JsonError> {
        let first = match Self::parse(text) {
            Ok(json) => return Ok((json, None)),
            Err(error) => error,
        };
        let Ok(text) = std::str::from_utf8(text) else { return Err(first) };
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => Ok((readable(raw, 0), Some(first))),
            Err(error) => Err(JsonError::of_reader(text, &error)),
        }
    }
}

/// What can be read of a text that stands so many levels deep. As deep as the limit at most.
fn readable(raw: &RawValue, depth: usize) -> Json<'_> {
    let text = raw.get();
    if let Ok(json) = Json::parse_at(text, depth) {
        return json;
    }
    let inside = depth.saturating_add(1);
    if inside > JSON_DEPTH_MAX {
        return Json::Null;
    }
    if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text) {
        return Json::List(items.into_iter().map(|item| readable(item, inside)).collect());
    }
    match serde_json::from_str::<RawMembers<'_>>(text) {
        Ok(RawMembers(members)) => object(members, inside),
        Err(_) => Json::Null,
    }
}

fn object<'a>(members: Vec<(&'a RawValue, &'a RawValue)>, depth: usize) -> Json<'a> {
    let mut list: Vec<(Cow<'a, str>, Json<'a>)> = Vec::with_capacity(members.len());
    let mut places: HashMap<Cow<'a, str>, usize> = HashMap::with_capacity(members.len());
    for (key, value) in members {
        let Ok(key) = KeySeed.deserialize(&mut serde_json::Deserializer::from_str(key.get())) else {
            continue;
        };
        match places.entry(key) {
            Entry::Vacant(place) => {
                list.push((place.key().clone(), readable(value, depth)));
                place.insert(list.len().saturating_sub(1));
            }
            Entry::Occupied(place) => {
                if let Some((_, value)) = list.get_mut(*place.get()) {
                    *value = Json::Null;
                }
            }
        }
    }
    Members::from_read(list).map_or(Json::Null, Json::Object)
}

/// The members of an object, each as it is written.
struct RawMembers<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for RawMembers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = RawMembers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(RawMembers(members))
            }
        }
        deserializer.deserialize_map(Seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Option<&'static str>) {
        let (json, first) = Json::parse_readable(text.as_bytes()).unwrap();
        (json.to_string(), first.map(|error| error.code))
    }

    #[test]
    fn a_bad_value_is_null_and_the_others_are_read() {
        assert_eq!(read(r#"{"a":[1,"x"]}"#), (r#"{"a":[1,"x"]}"#.into(), None));
        assert_eq!(
            read(r#" {"a":["\ud800",1.50,{"b":"\udc00","c":2}],"d":"é"} "#),
            (r#"{"a":[null,1.50,{"b":null,"c":2}],"d":"é"}"#.into(), Some("json-surrogate"))
        );
        assert_eq!(read(r#"[1e999,-1e999,2]"#), ("[null,null,2]".into(), Some("json-number")));
        assert_eq!(
            read(r#"{"a":1,"b":2,"\u0061":3,"a":4,"c":5}"#),
            (r#"{"a":null,"b":2,"c":5}"#.into(), Some("json-duplicate-key"))
        );
        assert_eq!(read(r#"{"\ud800":1,"a":2}"#), (r#"{"a":2}"#.into(), Some("json-surrogate")));
    }

    #[test]
    fn what_is_no_json_is_refused_wherever_it_begins_to_be_none() {
        for text in ["", "{", "NaN", r#"["\ud800",]"#, r#"["\ud800",NaN]"#, r#"["\ud8"]"#, "[1e400}", "{} {}"]
        {
            let error = Json::parse_readable(text.as_bytes()).expect_err(text);
            assert!(error.code.starts_with("json-"), "{text}");
        }
        assert_eq!(Json::parse_readable(b"[\"\xff\", 1e400]").expect_err("bytes").code, "json-utf8");
    }

    #[test]
    fn the_tree_is_never_deeper_than_the_limit() {
        fn depth(json: &Json<'_>) -> usize {
            match json {
                Json::List(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
                _ => 0,
            }
        }
        let nested = |deep: usize| format!("[{}7{},1e400]", "[".repeat(deep), "]".repeat(deep));
        let within = nested(JSON_DEPTH_MAX - 1);
        assert_eq!(read(&within).0, within.replace("1e400", "null"));
        let (json, first) = Json::parse_readable(nested(100_000).as_bytes().to_vec().leak()).unwrap();
        assert_eq!((depth(&json), first.unwrap().code), (JSON_DEPTH_MAX, "json-depth"));
    }

    #[test]
    fn many_members_are_found() {
        let members: String = (0..40).map(|at| format!("\"k{at}\":{at},")).collect();
        let text = format!("{{{members}\"k7\":1,\"bad\":1e400}}");
        let (json, _) = Json::parse_readable(text.as_bytes()).unwrap();
        assert_eq!((json.get("k39"), json.get("k7")), (Some(&Json::Integer(39)), Some(&Json::Null)));
    }
}

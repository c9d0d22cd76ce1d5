//! What must hold for any input: nothing panics, order is order, and the way a text is written does not matter.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::{prop_assert, prop_assert_eq};
use serde_json::{Map, Value};
use stix::version::VersionFacts;
use stix::{
    Json, ObjectId, Profile, Timestamp, content_digest, examine, marking, sco_id, split, upgrade, validate,
};

/// JSON values of some depth, with keys that STIX knows among others.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((key(), inner), 0..6)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![word(), "[a-z_]{1,8}", "\\PC{0,6}"]
}

fn word() -> impl Strategy<Value = String> {
    let words = [
        "type",
        "id",
        "spec_version",
        "2.1",
        "created",
        "modified",
        "objects",
        "bundle",
        "indicator",
        "file",
        "hashes",
        "extensions",
        "granular_markings",
        "selectors",
        "labels",
        "labels.[0]",
        "object_marking_refs",
        "marking_ref",
        "observed-data",
        "network-traffic",
        "0",
        "src_ref",
        "contains_refs",
        "2024-01-01T00:00:00.000Z",
        "TLP:RED",
        "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
        "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "file--8e2e2d2b-17d4-5cbf-938f-98ee46b3cd3f",
        "windows-pebinary-ext",
        "pattern",
        "pattern_type",
        "stix",
    ];
    proptest::sample::select(words.map(str::to_owned).to_vec())
}

fn timestamp() -> impl Strategy<Value = String> {
    let seconds = (0..=9999_u16, 1..=12_u8, 1..=28_u8, 0..24_u8, 0..60_u8, 0..60_u8);
    (seconds, "(\\.[0-9]{1,12})?").prop_map(|((year, month, day, hour, minute, second), fraction)| {
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
    })
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..300)) {
        let _ = Json::parse(&bytes);
        let _ = examine(&bytes, Profile::Store);
        let _ = split(&bytes);
        let _ = validate(&bytes, true);
        let _ = upgrade::from_2_0(&bytes);
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let _ = (Timestamp::parse(text), ObjectId::parse(text));
        }
    }

    #[test]
    fn any_json_is_survived_and_read_as_it_is(value in json()) {
        let text = value.to_string();
        let read = Json::parse(text.as_bytes()).expect("JSON");
        prop_assert_eq!(&serde_json::from_str::<Value>(&read.to_string()).expect("JSON"), &value);
        let _ = validate(text.as_bytes(), true);
        let _ = (sco_id::deterministic(&read), marking::tlp_of(&read), marking::tlp_defined_by(&read));
        for bytes in upgrade::from_2_0(text.as_bytes()).into_iter().flatten() {
            prop_assert!(examine(&bytes, Profile::Store).is_ok());
        }
        if let Ok(valid) = examine(text.as_bytes(), Profile::Store) {
            prop_assert_eq!(valid.bytes(), text.as_bytes());
            let _ = (valid.references(), valid.canonical_digest(), VersionFacts::of(&read));
        }
    }

    #[test]
    fn content_is_insensitive_to_order_and_space(value in json(), seed in any::<u64>()) {
        let straight = value.to_string();
        let mut shuffled = String::new();
        write_otherwise(&value, seed, &mut shuffled);
        let digest = |text: &str| content_digest(&Json::parse(text.as_bytes()).expect("JSON"));
        prop_assert_eq!(digest(&straight), digest(&shuffled));
        let id = |text: &str| sco_id::deterministic(&Json::parse(text.as_bytes()).expect("JSON"));
        prop_assert_eq!(id(&straight), id(&shuffled));
    }

    #[test]
    fn order_of_keys_is_order_in_time(one in timestamp(), other in timestamp()) {
        let (a, b) = (Timestamp::parse(&one).expect("one"), Timestamp::parse(&other).expect("other"));
        prop_assert_eq!(a.cmp(&b), a.sort_key().cmp(b.sort_key()));
        prop_assert_eq!(a.cmp(&b), padded(&one).cmp(&padded(&other)));
        prop_assert!(a < b || a.micros() >= b.micros());
        prop_assert_eq!(Timestamp::from_micros(a.micros()).micros(), a.micros());
    }

    #[test]
    fn markings_only_grow_on_the_way_down(value in json(), first in word(), second in word()) {
        let object = serde_json::json!({
            "a": value, "labels": ["x", {"y": 1}],
            "granular_markings": [
                {"marking_ref": "m1", "selectors": ["a", first]},
                {"marking_ref": "m2", "selectors": ["labels.[1]", second]},
            ],
        });
        let text = object.to_string();
        let json = Json::parse(text.as_bytes()).expect("JSON");
        let above = marking::effective(&json, "labels").expect("there");
        let here = marking::effective(&json, "labels.[1]").expect("there");
        let below = marking::effective(&json, "labels.[1].y").expect("there");
        prop_assert!(above.iter().all(|id| here.contains(id)));
        prop_assert!(here.iter().all(|id| below.contains(id)));
    }
}

/// The whole of a timestamp as digits of one length.
fn padded(text: &str) -> String {
    let body = text.trim_end_matches('Z');
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    format!("{whole}.{fraction:0<12}")
}

/// The same value with members in another order and spaces between.
fn write_otherwise(value: &Value, seed: u64, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut list: Vec<_> = members.iter().collect();
            let turn = usize::try_from(seed % 7).unwrap_or(0) % list.len().max(1);
            list.rotate_left(turn);
            out.push_str(" {");
            for (at, (key, value)) in list.into_iter().enumerate() {
                out.push_str(if at > 0 { " , " } else { "\n" });
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push_str("\t: ");
                write_otherwise(value, seed / 3 + 1, out);
            }
            out.push_str("} ");
        }
        Value::Array(items) => {
            out.push_str("[ ");
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { " ,\r\n" } else { "" });
                write_otherwise(item, seed / 3 + 1, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

//! Canonical JSON (RFC 8785), for identifiers and for telling whether two texts say the same.

use std::cmp::Ordering;

use sha2::{Digest, Sha256};

use crate::json::{Json, Members, write_string};
use crate::schema::{Kind, kind_of};
use crate::timestamp;

/// SHA-256 of what an object says, insensitive to how it is written down.
///
/// Equal for two texts that differ only in white space, order of members, escapes, or the way numbers are written (integers
/// that a double would round are told apart by all of their digits); in the
/// sub-second digits of `created` and `modified` where the moment is the same; or in leaving out `revoked`, `defanged` and
/// `summary` where they are false and an observable's `spec_version` where it is 2.1 (a default may be omitted without
/// changing the object: STIX 2.1, section 3.6). Any other difference changes it.
#[must_use]
pub fn content_digest(object: &Json<'_>) -> [u8; 32] {
    let mut out = String::new();
    match object.as_object() {
        Some(members) => write_content(members, &mut out),
        None => write_as(object, &mut out, exact),
    }
    Sha256::digest(out.as_bytes()).into()
}

fn write_content(members: &Members<'_>, out: &mut String) {
    let type_name = members.get("type").and_then(Json::as_str).unwrap_or_default();
    let is_default = |key: &str, value: &Json<'_>| match key {
        "revoked" | "defanged" => *value == Json::Bool(false),
        "summary" => type_name == "sighting" && *value == Json::Bool(false),
        "spec_version" => kind_of(type_name) == Kind::Observable && value.as_str() == Some("2.1"),
        _ => false,
    };
    write_members(members.iter().filter(|(key, value)| !is_default(key, value)), out, &|key, value, out| {
        match value.as_str() {
            Some(time) if matches!(key, "created" | "modified") && timestamp::check(time).is_ok() => {
                write_string(out, timestamp::key_of(time));
            }
            _ => write_as(value, out, exact),
        }
    });
}

/// Writes the canonical text of an object made of some members.
pub(crate) fn write_members<'m, 'j: 'm>(
    members: impl Iterator<Item = (&'m str, &'m Json<'j>)>,
    out: &mut String,
    write_value: &dyn Fn(&str, &Json<'_>, &mut String),
) {
    let mut sorted: Vec<(&str, &Json<'_>)> = members.collect();
    sorted.sort_by(|(one, _), (other, _)| by_utf16(one, other));
    out.push('{');
    for (at, (key, value)) in sorted.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_string(out, key);
        out.push(':');
        write_value(key, value, out);
    }
    out.push('}');
}

/// Writes the canonical text of a value: members by UTF-16 order of their names, numbers as ECMAScript writes them, no
/// white space.
pub(crate) fn write(value: &Json<'_>, out: &mut String) {
    write_as(value, out, double);
}

/// Writes the canonical text of a value, its numbers as `number` does.
fn write_as(value: &Json<'_>, out: &mut String, number: fn(&Json<'_>, &mut String)) {
    match value {
        Json::Integer(_) | Json::Float(_) => number(value, out),
        Json::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_as(item, out, number);
            }
            out.push(']');
        }
        Json::Object(members) => {
            write_members(members.iter(), out, &|_, value, out| write_as(value, out, number));
        }
        Json::Null | Json::Bool(_) | Json::String(_) => value.write(out),
    }
}

/// Writes a number as RFC 8785 does.
#[expect(clippy::cast_precision_loss, reason = "RFC 8785 writes every number as the double it is")]
fn double(number: &Json<'_>, out: &mut String) {
    let double = match number {
        Json::Integer(number) => *number as f64,
        Json::Float(number) => number.value(),
        _ => return,
    };
    out.push_str(ryu_js::Buffer::new().format(double));
}

/// Writes an integer that a double would round with all of its digits, any other number as RFC 8785 does.
fn exact(number: &Json<'_>, out: &mut String) {
    match number {
        Json::Integer(integer) if is_rounded(*integer) => number.write(out),
        Json::Float(integer)
            if integer.is_integer() && format!("{:.0}", integer.value()) != integer.as_written() =>
        {
            out.push_str(integer.as_written());
        }
        other => double(other, out),
    }
}

#[expect(clippy::cast_precision_loss, reason = "the loss is what is asked for")]
fn is_rounded(integer: i64) -> bool {
    integer.unsigned_abs() > 1 << f64::MANTISSA_DIGITS && (integer as f64) as i128 != i128::from(integer)
}

fn by_utf16(one: &str, other: &str) -> Ordering {
    if one.is_ascii() && other.is_ascii() {
        one.cmp(other)
    } else {
        one.encode_utf16().cmp(other.encode_utf16())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(json: &str) -> String {
        let mut out = String::new();
        write(&Json::parse(json.as_bytes()).unwrap(), &mut out);
        out
    }

    #[test]
    fn follows_rfc_8785() {
        assert_eq!(
            canonical(r#"{"b":1.0,"a":[1e30,-0.0,0.000001,1e-7,4.50,333333333.33333329]}"#),
            r#"{"a":[1e+30,0,0.000001,1e-7,4.5,333333333.3333333],"b":1}"#
        );
        assert_eq!(
            canonical(
                "{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,\"\\u0080\":6,\"\\u00f6\":7}"
            ),
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}"
        );
        assert_eq!(canonical(r#"["\u000f\u0008\"\\/é"]"#), r#"["\u000f\b\"\\/é"]"#);
    }

    fn digest(json: &str) -> [u8; 32] {
        content_digest(&Json::parse(json.as_bytes()).unwrap())
    }

    #[test]
    fn content_is_what_is_said_and_not_how() {
        let one =
            digest(r#"{"type":"tool","modified":"2024-01-01T00:00:00.000Z","revoked":false,"name":"a"}"#);
        let other =
            digest(r#"{ "name": "\u0061", "modified": "2024-01-01T00:00:00.000000Z", "type": "tool" }"#);
        assert_eq!(one, other);
        let third =
            digest(r#"{"type":"tool","modified":"2024-01-01T00:00:00.000Z","revoked":true,"name":"a"}"#);
        assert_ne!(one, third);
        assert_eq!(
            digest(r#"{"type":"url","value":"x","spec_version":"2.1"}"#),
            digest(r#"{"type":"url","value":"x"}"#)
        );
        assert_ne!(digest(r#"{"type":"tool","spec_version":"2.1"}"#), digest(r#"{"type":"tool"}"#));
        assert_ne!(digest(r#"{"a":[1,2]}"#), digest(r#"{"a":[2,1]}"#));
    }

    #[test]
    fn integers_that_a_double_rounds_are_told_apart() {
        for (one, other) in [
            ("12345678901234567890123", "12345678901234567890999"),
            ("9007199254740992", "9007199254740993"),
            ("9223372036854775807", "9223372036854775808"),
            ("[{\"b\":18446744073709551615}]", "[{\"b\":18446744073709551616}]"),
        ] {
            assert_ne!(digest(&format!(r#"{{"a":{one}}}"#)), digest(&format!(r#"{{"a":{other}}}"#)), "{one}");
        }
        for (one, other) in
            [("1e22", "10000000000000000000000"), ("-0", "0"), ("2.50", "2.5"), ("1E5", "100000")]
        {
            assert_eq!(digest(&format!(r#"{{"a":{one}}}"#)), digest(&format!(r#"{{"a":{other}}}"#)), "{one}");
        }
    }
}

//! Which properties of which objects name a value that someone may look up, and which comparisons of a pattern do.
//!
//! | where | indexed as |
//! |---|---|
//! | `value` of any observable; `url` of an artifact; hashes at any depth | the value by its form |
//! | `name` of file, mutex; `key` of a registry key; `path` of a directory; `command_line`; `account_login`, `user_id`; `message_id`; `cpe`; `serial_number` | text |
//! | `number` of an autonomous system | `AS` and the number |
//! | `name` and any property ending in `aliases` of everything else | a name |
//! | `external_id` of an external reference | a reference |
//!
//! Of a pattern only comparisons count that name a value by themselves: `=`, `IN` and `ISSUBSET` without `NOT`, whose path ends
//! in one of the properties above, through references too (`network-traffic:dst_ref.value`). What else must hold for the
//! pattern to match is not asked: a look-up finds the indicator and shows the pattern.

use stix::json::Members;
use stix::pattern::ast::{Comparison, Literal, Negation, Operator, Step};
use stix::{Json, PatternRead, Valid};

use crate::Term;
use crate::exact::{name_term, value_term};
use crate::object::{Observable, name_of, observable};

/// Tells the terms of one member of an object.
pub(crate) fn terms_of(
    type_name: &str,
    members: &Members<'_>,
    (key, value): (&str, &Json<'_>),
    mut put: impl FnMut(Option<Term>),
) {
    match value {
        Json::String(text) => match compared_as(type_name, key) {
            Some(kind) => put(observable(kind, text)),
            None if key == "name" => put(name_of(type_name, members, text)),
            None => {}
        },
        Json::Integer(number) if is_as_number(type_name, key) => put(as_number(*number)),
        Json::List(items) if key.ends_with("aliases") && type_name != "identity" => {
            items.iter().filter_map(Json::as_str).for_each(|alias| put(name_term(alias)));
        }
        _ => {}
    }
}

/// How a text property of an observable is compared; `None` where it names no value.
fn compared_as(type_name: &str, key: &str) -> Option<Observable> {
    Some(match (type_name, key) {
        (_, "value") | ("artifact", "url") => Observable::Network,
        ("file" | "mutex", "name")
        | ("windows-registry-key", "key")
        | ("directory", "path")
        | ("process", "command_line")
        | ("user-account", "account_login" | "user_id")
        | ("email-message", "message_id")
        | ("software", "cpe")
        | ("x509-certificate", "serial_number") => Observable::Text,
        _ => return None,
    })
}

fn is_as_number(type_name: &str, key: &str) -> bool {
    type_name == "autonomous-system" && key == "number"
}

fn as_number(number: i64) -> Option<Term> {
    value_term(&format!("AS{number}")).filter(|_| number >= 0)
}

/// The text of an indicator's STIX pattern when it can be read, telling the terms it names. What the examination has read is not read again.
pub(crate) fn pattern_of(
    valid: &Valid<'_>,
    members: &Members<'_>,
    mut put: impl FnMut(Option<Term>),
) -> Option<String> {
    let is_stix = || members.get("pattern_type").and_then(Json::as_str).is_none_or(|kind| kind == "stix");
    if valid.type_name() != "indicator" || !is_stix() {
        return None;
    }
    let text = members.get("pattern")?.as_str()?;
    let anew;
    let pattern = match valid.pattern() {
        PatternRead::Read(pattern) => pattern,
        PatternRead::Unreadable => return None,
        PatternRead::NotAsked => {
            anew = stix::pattern::parse(text).ok()?;
            &anew
        }
    };
    let named = pattern.comparisons().filter(|(comparison, negation)| {
        let operator = comparison.operator();
        *negation == Negation::Plain
            && matches!(operator, Operator::Equal | Operator::In | Operator::IsSubset)
    });
    for (comparison, _) in named {
        comparison_terms(comparison, &mut put);
    }
    Some(text.to_owned())
}

fn comparison_terms(comparison: &Comparison, put: &mut impl FnMut(Option<Term>)) {
    let path = comparison.path();
    let keys = || {
        path.steps().iter().filter_map(|step| match step {
            Step::Key(name) => Some(name.as_ref()),
            Step::Index(_) | Step::Any => None,
        })
    };
    let last = path.property();
    let by_reference = keys().rev().nth(1).is_some_and(|key| key.ends_with("_ref") || key.ends_with("_refs"));
    let of_hash = keys().rev().nth(1) == Some("hashes");
    let kind = if of_hash || (by_reference && last == "value") {
        Some(Observable::Network)
    } else if keys().nth(1).is_none() {
        compared_as(path.object_type(), last)
    } else {
        None
    };
    let number = is_as_number(path.object_type(), last);
    for literal in comparison.literals() {
        match (literal, kind) {
            (Literal::String(text), Some(kind)) => put(observable(kind, text)),
            (Literal::Integer(value), None) if number => put(as_number(*value)),
            _ => {}
        }
    }
}

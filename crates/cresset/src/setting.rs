//! What is wrong with a configuration file, in words of the file: which setting, what stands there, and what to write.
//!
//! The parser says it in its own words ("expected u32"), which help whoever has written the program.

use std::path::Path;

use stix::quote::quoted;
use toml::{Table, Value};

use crate::config::Config;
use crate::exit::Failure;

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// A text, such as this one.
    Text(&'static str),
    /// A whole number, such as this one.
    Number(&'static str),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of texts, such as this one.
    List(&'static str),
}

/// Every setting, in the order of the documentation.
pub(crate) const SETTINGS: [(&str, Takes); 21] = [
    ("listen", Takes::Text("127.0.0.1:8400")),
    ("database", Takes::OneOf(&["sqlite"])),
    ("tls_cert", Takes::Text("/etc/cresset/chain.pem")),
    ("tls_key", Takes::Text("/etc/cresset/key.pem")),
    ("members_tls", Takes::OneOf(&["required", "offered"])),
    ("ledger_readers", Takes::OneOf(&["known", "everyone"])),
    ("public_url", Takes::Text("https://node.example")),
    ("trusted_proxy", Takes::Text("192.0.2.1")),
    ("title", Takes::Text("CERT Aldermoor")),
    ("contact", Takes::Text("duty@cert.example")),
    ("rate_per_second", Takes::Number("50000")),
    ("second_person", Takes::OneOf(&["when-possible", "always"])),
    ("export_per_day", Takes::Number("100000")),
    ("person_data_days", Takes::Number("365")),
    ("relay", Takes::OneOf(&["secretariat", "always", "never"])),
    ("relay_through", Takes::List("[\"cert-a\", \"cert-b\"]")),
    ("relay_after_seconds", Takes::Number("60")),
    ("relay_again_seconds", Takes::Number("3600")),
    ("relay_megabytes", Takes::Number("1024")),
    ("relay_member_megabytes", Takes::Number("256")),
    ("log", Takes::Text("info")),
];

/// Where every setting is described.
pub(crate) const DOCUMENT: &str = "docs/CONFIGURATION.md describes every setting";

impl Takes {
    /// What to write for `key`.
    fn said(self, key: &str) -> String {
        match self {
            Self::Text(like) => format!("write a text in quotation marks, like {key} = \"{like}\""),
            Self::Number(like) => format!("write a whole number that is not negative, like {key} = {like}"),
            Self::List(like) => format!("write a list of texts, like {key} = {like}"),
            Self::OneOf(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("{key} = \"{word}\"")).collect();
                format!("write {}", words.join(" or "))
            }
        }
    }
}

/// Why the text of a file cannot be used.
pub(crate) fn refused(path: &Path, text: &str, error: &toml::de::Error) -> Failure {
    let place = path.display();
    let Ok(table) = text.parse::<Table>() else {
        let at = error.span().map_or(0, |span| span.start);
        let line = text.get(..at).unwrap_or_default().matches('\n').count().saturating_add(1);
        let said = format_args!("{place}, line {line}, is no TOML: {}", error.message());
        return Failure::usage(said).hint(format_args!(
            "a line is KEY = VALUE, a text in quotation marks, like listen = \"127.0.0.1:8400\"; {DOCUMENT}"
        ));
    };
    for (key, value) in table {
        let alone = Table::from_iter([(key.clone(), value.clone())]);
        if Value::Table(alone).try_into::<Config>().is_ok() {
            continue;
        }
        let place = match line_of(text, &key) {
            Some(line) => format!("{place}, line {line}"),
            None => place.to_string(),
        };
        return match SETTINGS.iter().find(|(name, _)| *name == key) {
            Some((name, takes)) => {
                Failure::usage(format_args!("{place}: {name} is {}, which it cannot be", told(&value)))
                    .hint(format_args!("{}; {DOCUMENT}", takes.said(name)))
            }
            None => Failure::usage(format_args!("{place}: there is no setting {}", quoted(&key)))
                .hint(format_args!("{}; {DOCUMENT}", meant(&key))),
        };
    }
    Failure::usage(format_args!("{place} cannot be used: {}", error.message())).hint(DOCUMENT)
}

/// The line on which a key stands, counted from 1.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let stands = |line: &str| {
        let rest = line.trim_start().trim_start_matches(['[', '"', '\'']).strip_prefix(key);
        rest.is_some_and(|rest| rest.starts_with([' ', '\t', '=', '.', ']', '"', '\'']))
    };
    text.lines().position(stands).and_then(|line| line.checked_add(1))
}

/// A value as it may be told.
fn told(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text).to_string(),
        Value::Array(items) => match items.iter().find(|item| !item.is_str()) {
            Some(item) => format!("a list with {}", told_alone(item)),
            None => "a list".to_owned(),
        },
        other => told_alone(other),
    }
}

fn told_alone(value: &Value) -> String {
    match value {
        Value::Table(_) => "a table".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => other.to_string(),
    }
}

/// What somebody meant by a name that is none.
fn meant(key: &str) -> String {
    let plain = |name: &str| name.replace(['-', '_'], "").to_lowercase();
    match SETTINGS.iter().find(|(name, _)| plain(name) == plain(key)) {
        Some((name, _)) => format!("it is called {name}"),
        None => {
            let names: Vec<&str> = SETTINGS.iter().map(|(name, _)| *name).collect();
            format!("there are {}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> (String, String) {
        let error = toml::from_str::<Config>(text).unwrap_err();
        let failure = refused(Path::new("cresset.toml"), text, &error);
        (failure.message, failure.hint.unwrap())
    }

    #[test]
    fn a_file_is_refused_in_its_own_words() {
        for (text, message, hint) in [
            (
                "# x\nrate_per_second = 'fast'",
                "cresset.toml, line 2: rate_per_second is \"fast\"",
                "rate_per_second = 50000",
            ),
            ("rate_per_second = -1", "line 1: rate_per_second is -1", "not negative"),
            (
                "relay_through = 'cert-a'",
                "relay_through is \"cert-a\"",
                "relay_through = [\"cert-a\", \"cert-b\"]",
            ),
            ("relay_through = ['a', 7]", "relay_through is a list with 7", "a list of texts"),
            (
                "second_person = 'never'",
                "second_person is \"never\"",
                "second_person = \"when-possible\" or second_person = \"always\"",
            ),
            ("[relay]\nkeeps = 1", "line 1: relay is a table", "relay = \"secretariat\""),
            ("title = 'T'\nlissten = 'x'", "line 2: there is no setting \"lissten\"", "listen, database"),
            ("rate-per-second = 1", "no setting \"rate-per-second\"", "it is called rate_per_second"),
            ("\nlisten = 127.0.0.1:8400", "line 2, is no TOML", "listen = \"127.0.0.1:8400\""),
        ] {
            let (told, helps) = said(text);
            assert!(told.contains(message) && helps.contains(hint), "{told} / {helps}");
            assert!(helps.contains("docs/CONFIGURATION.md"), "{helps}");
            assert!(!told.contains("expected") || told.contains("TOML"), "{told}");
        }
    }

    #[test]
    fn every_setting_says_what_it_takes_and_takes_that() {
        for (key, takes) in SETTINGS {
            let (wrong, right) = match takes {
                Takes::Text(like) => ("7", vec![format!("'{like}'")]),
                Takes::Number(like) => ("'7'", vec![like.to_owned()]),
                Takes::List(like) => ("7", vec![like.to_owned()]),
                Takes::OneOf(words) => ("7", words.iter().map(|word| format!("'{word}'")).collect()),
            };
            let (told, helps) = said(&format!("{key} = {wrong}"));
            assert!(told.contains(&format!("line 1: {key} is ")) && helps.contains(key), "{told} / {helps}");
            for right in right {
                assert!(toml::from_str::<Config>(&format!("{key} = {right}")).is_ok(), "{key} = {right}");
            }
        }
    }
}

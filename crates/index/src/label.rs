//! One line by which a person recognises an object.

use base::limit::LABEL_CHARS_MAX;
use stix::Json;
use stix::json::Members;
use stix::quote::is_unseen;

/// Properties that name an object, the best first.
const NAMING: [&str; 22] = [
    "name",
    "value",
    "pattern",
    "key",
    "command_line",
    "path",
    "subject",
    "abstract",
    "content",
    "explanation",
    "opinion",
    "relationship_type",
    "display_name",
    "account_login",
    "user_id",
    "serial_number",
    "attribute",
    "result_name",
    "product",
    "url",
    "message_id",
    "mime_type",
];

/// The first property that names the object, else what its kind has instead, else its type. One line, at most
/// [`LABEL_CHARS_MAX`] characters.
pub(crate) fn label_of(type_name: &str, members: &Members<'_>) -> String {
    let named = NAMING.iter().find_map(|key| members.get(key).and_then(Json::as_str).and_then(line));
    named.or_else(|| instead(type_name, members)).unwrap_or_else(|| type_name.to_owned())
}

fn instead(type_name: &str, members: &Members<'_>) -> Option<String> {
    if let Some(number) = members.get("number").and_then(Json::as_integer) {
        return Some(format!("AS{number}"));
    }
    if let Some(hashes) = members.get("hashes").and_then(Json::as_object) {
        let best = ["SHA-256", "SHA-512", "SHA-1", "MD5"].iter().find_map(|name| hashes.get(name));
        return best.or_else(|| hashes.iter().next().map(|(_, hash)| hash))?.as_str().and_then(line);
    }
    if let Some(definition) = members.get("definition") {
        if let Some(level) = definition.get("tlp").and_then(Json::as_str) {
            return line(&format!("TLP:{}", level.to_uppercase()));
        }
        return definition.get("statement")?.as_str().and_then(line);
    }
    let words = |key: &str| -> Option<String> {
        let items = members.get(key)?.as_list()?.iter().filter_map(Json::as_str).take(4);
        Some(items.collect::<Vec<_>>().join(", ")).filter(|joined| !joined.is_empty())
    };
    let place = || {
        let text = |key: &str| members.get(key).and_then(Json::as_str);
        text("city")
            .or_else(|| text("administrative_area"))
            .or_else(|| text("country"))
            .or_else(|| text("region"))
    };
    words("protocols")
        .or_else(|| words("labels"))
        .or_else(|| place().map(str::to_owned))
        .and_then(|joined| line(&format!("{type_name}: {joined}")))
}

/// A text as one line without controls, cut; `None` when nothing is left.
fn line(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut letters = 0_usize;
    for word in text.split(|letter: char| letter.is_whitespace() || is_unseen(letter)) {
        if word.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
            letters = letters.saturating_add(1);
        }
        let room = LABEL_CHARS_MAX.saturating_sub(letters);
        if let Some((end, _)) = word.char_indices().nth(room) {
            out.push_str(word.get(..end).unwrap_or_default());
            return Some(format!("{}…", out.trim_end()));
        }
        out.push_str(word);
        letters = letters.saturating_add(word.chars().count());
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(json: &str) -> String {
        let json = Json::parse(json.as_bytes()).unwrap();
        label_of(json.get("type").unwrap().as_str().unwrap(), json.as_object().unwrap())
    }

    #[test]
    fn the_best_property_names_the_object() {
        for (json, expected) in [
            (r#"{"type":"malware","name":" Emotet\n\tx "}"#, "Emotet x"),
            (r#"{"type":"indicator","pattern":"[a:b = 'c']","name":""}"#, "[a:b = 'c']"),
            (r#"{"type":"file","hashes":{"MD5":"aa","SHA-256":"bb"}}"#, "bb"),
            (r#"{"type":"file","hashes":{"SSDEEP":"3:x"}}"#, "3:x"),
            (r#"{"type":"autonomous-system","number":64496}"#, "AS64496"),
            (r#"{"type":"marking-definition","definition":{"tlp":"red"}}"#, "TLP:RED"),
            (r#"{"type":"marking-definition","definition":{"statement":"s"}}"#, "s"),
            (r#"{"type":"network-traffic","protocols":["ipv4","tcp"]}"#, "network-traffic: ipv4, tcp"),
            (r#"{"type":"location","country":"ru"}"#, "location: ru"),
            (r#"{"type":"observed-data"}"#, "observed-data"),
            (r#"{"type":"x","name":"a\u202eb\u0000c"}"#, "a b c"),
            (r#"{"type":"x","name":7}"#, "x"),
        ] {
            assert_eq!(label(json), expected, "{json}");
        }
    }

    #[test]
    fn labels_are_cut_at_the_limit() {
        let of = |length: usize| label(&format!(r#"{{"type":"x","name":"{}"}}"#, "é".repeat(length)));
        assert_eq!(of(LABEL_CHARS_MAX), "é".repeat(LABEL_CHARS_MAX));
        assert_eq!(of(LABEL_CHARS_MAX + 1), format!("{}…", "é".repeat(LABEL_CHARS_MAX)));
        let words = label(&format!(r#"{{"type":"x","name":"{}"}}"#, "ab ".repeat(1000)));
        assert!(words.chars().count() <= LABEL_CHARS_MAX + 1 && words.ends_with('…'));
    }
}

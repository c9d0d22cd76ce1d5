//! CPE 2.3 formatted strings (NISTIR 7695, section 6.2). Whether the dictionary has the entry is not asked.

use super::must;
use crate::code;
use crate::schema::Fault;

/// A formatted string of version 2.3 (section 6.14).
pub(crate) fn check(text: &str) -> Result<(), Fault> {
    let Some(rest) = text.strip_prefix("cpe:2.3:") else {
        return Err(must(code::CPE, "does not begin with cpe:2.3:"));
    };
    let mut attributes = 0_usize;
    for (at, attribute) in unescaped_parts(rest).into_iter().enumerate() {
        attributes = attributes.saturating_add(1);
        let good =
            if at == 0 { matches!(attribute, "a" | "o" | "h" | "*" | "-") } else { is_attribute(attribute) };
        if !good {
            return Err(must(code::CPE, "has an attribute that is not in the formatted-string form"));
        }
    }
    if attributes == 11 { Ok(()) } else { Err(must(code::CPE, "does not have eleven attributes")) }
}

/// Splits at colons that no backslash stands before.
fn unescaped_parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut escaped) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        if byte == b':' && !escaped {
            parts.push(text.get(from..at).unwrap_or_default());
            from = at.saturating_add(1);
        }
        escaped = byte == b'\\' && !escaped;
    }
    parts.push(text.get(from..).unwrap_or_default());
    parts
}

/// `*`, `-`, or letters, digits and escaped punctuation with wildcards only at the ends.
fn is_attribute(text: &str) -> bool {
    if matches!(text, "*" | "-") {
        return true;
    }
    let inside = text.trim_matches('?');
    let inside = inside.strip_prefix('*').unwrap_or(inside);
    let inside = match inside.strip_suffix('*') {
        Some(front) if !front.ends_with('\\') => front,
        _ => inside,
    };
    let mut letters = inside.chars();
    let mut count = 0_usize;
    while let Some(letter) = letters.next() {
        count = count.saturating_add(1);
        let good = match letter {
            '\\' => letters.next().is_some_and(|next| next.is_ascii_punctuation()),
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' | '.' => true,
            other => !other.is_ascii() && other.is_alphanumeric(),
        };
        if !good {
            return false;
        }
    }
    count > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_formatted_strings_and_refuses_others() {
        for good in [
            "cpe:2.3:a:microsoft:word:2000:*:*:*:*:*:*:*",
            "cpe:2.3:o:microsoft:windows_10:-:*:*:*:*:*:x64:*",
            "cpe:2.3:a:foo\\:bar:b\\!z:1.0\\*:*:*:*:*:*:*:*",
            "cpe:2.3:a:v:p:1.?:*:*:*:*:*:*:*",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "nope",
            "cpe:/a:m:w",
            "cpe:2.3:a:microsoft:word:2000:*:*:*:*:*:*",
            "cpe:2.3:x:microsoft:word:2000:*:*:*:*:*:*:*",
            "cpe:2.3:a:microsoft:wo rd:2000:*:*:*:*:*:*:*",
            "cpe:2.3:a::word:2000:*:*:*:*:*:*:*",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}

//! Domain names: RFC 1034 for the whole, RFC 5890 for each label, U-labels included.

use super::{must, should};
use crate::code;
use crate::schema::Fault;

/// Longest name without the dot at its end.
const NAME_BYTES_MAX: usize = 253;
/// Longest label.
const LABEL_CHARS_MAX: usize = 63;

/// A domain name (section 6.4).
pub(crate) fn check(text: &str) -> Result<(), Fault> {
    let rooted = text.strip_suffix('.');
    let name = rooted.unwrap_or(text);
    if name.is_empty() {
        return Err(must(code::DOMAIN, "is empty"));
    }
    if name.is_ascii() && name.len() > NAME_BYTES_MAX {
        return Err(must(code::DOMAIN, "is longer than 253 characters"));
    }
    let mut remark = rooted.map(|_| should(code::DOMAIN, "ends in a dot, which compares differently"));
    for (at, label) in name.split('.').enumerate() {
        if at == 0 && label == "*" {
            remark = Some(should(code::DOMAIN, "begins with a wildcard, which is a pattern and not a name"));
            continue;
        }
        if let Some(found) = check_label(label)? {
            remark = Some(found);
        }
    }
    remark.map_or(Ok(()), Err)
}

fn check_label(label: &str) -> Result<Option<Fault>, Fault> {
    if label.is_empty() {
        return Err(must(code::DOMAIN, "has an empty label"));
    }
    if label.chars().count() > LABEL_CHARS_MAX {
        return Err(must(code::DOMAIN, "has a label of more than 63 characters"));
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err(must(code::DOMAIN, "has a label that begins or ends with a hyphen"));
    }
    let allowed = |letter: char| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => true,
        ascii if ascii.is_ascii() => false,
        other => !other.is_whitespace() && !other.is_control(),
    };
    if !label.chars().all(allowed) {
        return Err(must(code::DOMAIN, "has a character that domain names do not have"));
    }
    let underscored = label.contains('_');
    Ok(underscored.then(|| should(code::DOMAIN, "has an underscore, which host names do not have")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Weight;

    #[test]
    fn takes_names_and_remarks_on_odd_ones() {
        for good in [
            "example.com",
            "EXAMPLE.org",
            "xn--bcher-kva.example",
            "bücher.example",
            "a.b-c.example",
            "localhost",
            "1.example",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        for odd in ["example.org.", "*.example.org", "_dmarc.example.org"] {
            assert_eq!(check(odd).expect_err("odd").weight, Weight::Should, "{odd}");
        }
    }

    #[test]
    fn refuses_what_is_none() {
        let long = format!("{}.example", "a".repeat(64));
        let longer = ["a".repeat(60).as_str(); 5].join(".");
        for bad in [
            "",
            ".",
            "a..b",
            "-a.example",
            "a-.example",
            "exa mple.org",
            "http://example.org",
            "example.org/x",
            "a@b",
            "example.org\n",
            long.as_str(),
            longer.as_str(),
        ] {
            assert_eq!(check(bad).expect_err("bad").weight, Weight::Must, "{bad:?}");
        }
    }
}

//! How things are said on pages: moments, marks, rows.

use base::Micros;
use node::LookUpMatch;
use stix::TlpLevel;

use super::form::encode;
use super::named::is_blank;

/// A coloured mark beside a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    /// Style classes.
    pub(crate) class: &'static str,
    /// Text.
    pub(crate) text: String,
}

impl Tag {
    pub(crate) fn new(class: &'static str, text: impl Into<String>) -> Self {
        Self { class, text: text.into() }
    }
}

/// One object in a list.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) label: String,
    pub(crate) kind: String,
    pub(crate) added: String,
    pub(crate) tags: Vec<Tag>,
}

impl Row {
    pub(crate) fn of(found: &LookUpMatch) -> Self {
        let label = if is_blank(&found.label) { found.id.clone() } else { found.label.clone() };
        let mut tags = state(found.revoked, found.not_yet_valid(), found.expired);
        if found.how != node::How::Exact {
            tags.push(Tag::new("plain", found.how.name()));
        }
        if let Some(confidence) = found.confidence {
            tags.push(Tag::new("plain", format!("confidence {confidence}")));
        }
        Self {
            href: object(&found.id),
            label,
            kind: found.type_name().to_owned(),
            added: moment(found.added),
            tags,
        }
    }
}

/// Marks for what does not hold now.
pub(crate) fn state(revoked: bool, not_yet: bool, expired: bool) -> Vec<Tag> {
    let mut tags = Vec::new();
    if revoked {
        tags.push(Tag::new("bad", "revoked"));
    }
    if not_yet {
        tags.push(Tag::new("warn", "not yet valid"));
    }
    if expired {
        tags.push(Tag::new("warn", "expired"));
    }
    tags
}

/// The mark of a TLP level.
pub(crate) fn tlp(level: TlpLevel) -> Tag {
    let class = match level {
        TlpLevel::Clear => "tlp tlp-clear",
        TlpLevel::Green => "tlp tlp-green",
        TlpLevel::Amber => "tlp tlp-amber",
        TlpLevel::AmberStrict => "tlp tlp-amber-strict",
        TlpLevel::Red => "tlp tlp-red",
    };
    Tag::new(class, level.label())
}

/// The address of an object's page.
pub(crate) fn object(id: &str) -> String {
    format!("/objects/{}", encode(id))
}

/// A moment to the second, in UTC: `2024-05-17 09:30:00 UTC`.
pub(crate) fn moment(at: Micros) -> String {
    let stamp = stix::Timestamp::from_micros(at);
    let text = stamp.as_str();
    let whole = text.split('.').next().unwrap_or(text);
    format!("{} UTC", whole.replace('T', " "))
}

/// A count with thin spaces between thousands.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + 8);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_counts_read_well() {
        assert_eq!(moment(Micros(0)), "1970-01-01 00:00:00 UTC");
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
    }
}

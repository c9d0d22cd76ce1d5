//! How things are said on pages: moments, marks, rows.

use base::Micros;
use node::{LookUpMatch, Mark, Marked};
use stix::TlpLevel;

use super::form::encode;
use super::named::called;

/// What is said of a reference that leads to nothing which the reader may see: it may be here or not, and nothing tells which.
pub(crate) const AWAY: &str = "not here, or not for you";

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
    /// In which reports it stands.
    pub(crate) reports: Reports,
}

/// Reports that list an object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reports {
    /// Page and name of the newest.
    pub(crate) told: Vec<(String, String)>,
    /// Where all are, where there are more.
    pub(crate) more: Option<String>,
}

impl Row {
    /// A match, and how it is handled where that is known.
    pub(crate) fn of(found: &LookUpMatch, marked: Option<&Marked>) -> Self {
        let mut tags = state(found.revoked, found.not_yet_valid(), found.expired);
        if found.how != node::How::Exact {
            tags.push(Tag::new("plain", found.how.name()));
        }
        if let Some(confidence) = found.confidence {
            tags.push(Tag::new("plain", format!("confidence {confidence}")));
        }
        tags.extend(marked.into_iter().flat_map(|marked| handled(&marked.mark)));
        Self {
            href: page_of((&found.id, found.added), marked),
            label: called(&found.id, &found.label),
            kind: found.type_name().to_owned(),
            added: moment(found.added),
            tags,
            reports: Reports::default(),
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

/// Marks for how an object in a list is handled: its level, and whose word it is where that is another member's.
pub(crate) fn handled(mark: &Mark) -> Vec<Tag> {
    let level = if mark.unmarked { Tag::new("plain", "unmarked") } else { tlp(mark) };
    let word = mark.word.as_deref().map(|member| Tag::new("plain", format!("by {member}")));
    [Some(level), word].into_iter().flatten().collect()
}

/// The mark of a TLP level, and that of what nothing marks.
pub(crate) fn tlp(mark: &Mark) -> Tag {
    let class = match mark.level {
        TlpLevel::Clear => "tlp tlp-clear",
        TlpLevel::Green => "tlp tlp-green",
        TlpLevel::Amber => "tlp tlp-amber",
        TlpLevel::AmberStrict => "tlp tlp-amber-strict",
        TlpLevel::Red => "tlp tlp-red",
    };
    let label = mark.level.label();
    Tag::new(class, if mark.unmarked { format!("unmarked, handled as {label}") } else { label.to_owned() })
}

/// The address of an object's page.
pub(crate) fn object(id: &str) -> String {
    format!("/objects/{}", encode(id))
}

/// The page of a version that was added at a moment: that of its object, unless the identifier alone leads to what another says.
pub(crate) fn page_of((id, added): (&str, Micros), marked: Option<&Marked>) -> String {
    let page = object(id);
    match marked {
        Some(marked) if !marked.told_first => {
            format!("{page}?added={}", encode(&stix::Timestamp::text_of(added)))
        }
        _ => page,
    }
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

/// The same of what stands in memory.
pub(crate) fn many(number: usize) -> String {
    count(u64::try_from(number).unwrap_or(u64::MAX))
}

/// A count that ends where counting did: `1 000`, or `more than 1 000`.
pub(crate) fn counted(number: usize, most: usize) -> String {
    let told = many(number.min(most));
    if number > most { format!("more than {told}") } else { told }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_the_level_and_another_members_word() {
        let said = |level, unmarked, word: Option<&str>| -> Vec<String> {
            let mark = Mark { level, unmarked, word: word.map(str::to_owned) };
            handled(&mark).into_iter().map(|tag| tag.text).collect()
        };
        assert_eq!(said(TlpLevel::Green, false, Some("cert-b")), ["TLP:GREEN", "by cert-b"]);
        assert_eq!(said(TlpLevel::AmberStrict, true, None), ["unmarked"]);
        assert_eq!(said(TlpLevel::AmberStrict, false, None), ["TLP:AMBER+STRICT"]);
    }

    #[test]
    fn moments_and_counts_read_well() {
        assert_eq!(moment(Micros(0)), "1970-01-01 00:00:00 UTC");
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!((counted(7, 1_000), counted(1_000, 1_000)), ("7".to_owned(), "1\u{202f}000".to_owned()));
        assert_eq!(counted(1_001, 1_000), "more than 1\u{202f}000");
    }
}

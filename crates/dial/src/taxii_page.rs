//! Pages of a TAXII collection as a client reads them: the envelope, and where to go on.
//!
//! Forgiving towards what servers are known to send: `next` as a number, `more` left out, an empty body, a page that
//! says there is more and does not say where. Not forgiving towards a page that is no JSON: what cannot be read is not skipped.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use base::limit::PAGE_OBJECTS_MAX;
use bytes::Bytes;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use stix::quote::quoted;
use stix::timestamp::Timestamp;

/// Where a pull stands. Written down after every page, it resumes where it stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, Deserialize)]
pub struct PagePosition {
    /// Only what the server added after this moment; the server's own text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_after: Option<String>,
    /// The server's cursor inside the present round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The latest moment the server has told in the present round; the next round starts after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// What tells pages that come again. Not written down: it is of use inside one round only.
    #[serde(skip)]
    round: Round,
}

/// Finds out whether pages come in a circle, by remembering one page at a time: the first, the second, the fourth, the eighth and so on,
/// each until the next. A circle is found before it has been walked three times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Round {
    remembered: Option<u64>,
    pages: u64,
}

impl Round {
    /// The round with one more page in it; `None` where that is the page that is remembered.
    fn with(self, page: u64) -> Option<Self> {
        if self.remembered == Some(page) {
            return None;
        }
        let pages = self.pages.saturating_add(1);
        let remembered = if pages.is_power_of_two() { Some(page) } else { self.remembered };
        Some(Self { remembered, pages })
    }
}

impl PagePosition {
    /// The same place without the server's cursor: what came last is asked for again, so that nothing of its moment is left out.
    ///
    /// A cursor is not gone on from after a break: there are servers that keep one cursor for a whole round and move it with every
    /// answer, also with one that nobody received.
    #[must_use]
    pub fn without_cursor(self) -> Self {
        let last = self.seen.as_deref().and_then(|seen| Timestamp::parse(seen).ok());
        let before = last.map(|last| Timestamp::text_of(last.micros().plus(-1)));
        // Builds of before kept what a server said, a date or not.
        let after = self.added_after.filter(|after| Timestamp::parse(after).is_ok());
        Self { added_after: before.or(after), ..Self::default() }
    }
}

/// One page of objects.
#[derive(Clone, Debug)]
pub struct PulledPage {
    /// The objects' exact bytes.
    pub objects: Vec<Bytes>,
    /// Where the next page starts; `None` = nothing remains for now.
    pub onward: Option<PagePosition>,
    /// Where a later pull starts once this was the last page.
    pub later: PagePosition,
}

/// The parts of an envelope.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// Whether the server says there is more; `None` where it does not say.
    pub more: Option<bool>,
    /// The server's cursor.
    pub next: Option<String>,
    /// The objects' exact bytes.
    pub objects: Vec<Bytes>,
}

#[derive(Deserialize)]
struct Parts<'a> {
    /// A member of errors: an envelope has none.
    #[serde(default)]
    title: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    more: Option<bool>,
    #[serde(default)]
    next: Option<serde_json::Value>,
    #[serde(default, borrow)]
    objects: Option<Listed<'a>>,
}

/// The objects of a page, of which there are so many at most: a page of many empty values would take many times its own memory.
struct Listed<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Listed<'a> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_seq(ListedVisitor)
    }
}

struct ListedVisitor;

impl<'de> Visitor<'de> for ListedVisitor {
    type Value = Listed<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut objects = Vec::new();
        while let Some(object) = list.next_element::<&RawValue>()? {
            if objects.len() >= PAGE_OBJECTS_MAX {
                return Err(de::Error::custom(format!("it holds more than {PAGE_OBJECTS_MAX} objects")));
            }
            objects.push(object);
        }
        Ok(Listed(objects))
    }
}

/// A page that cannot be read or cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Not an envelope.
    #[error("the server's page is not a TAXII envelope: {0}")]
    NotAnEnvelope(String),
    /// The server says there is more, but gives no way on.
    #[error(
        "the server says there is more but gives neither a cursor nor a later X-TAXII-Date-Added-Last: its pages cannot be followed"
    )]
    NoWayOn,
    /// The server gives a page that it has given before: its pages never end.
    #[error("the server gives a page again that it has given before: its pages do not end")]
    SamePage,
}

impl Envelope {
    /// Reads a page's body.
    ///
    /// # Errors
    /// The body is not a JSON object with a list of objects; an empty body is an empty page.
    pub fn read(body: &Bytes) -> Result<Self, PageError> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(PageError::NotAnEnvelope("it is not a JSON object".to_owned()));
        }
        let parts: Parts<'_> =
            serde_json::from_slice(body).map_err(|error| PageError::NotAnEnvelope(said(&error)))?;
        if parts.title.is_some() && parts.objects.is_none() {
            return Err(PageError::NotAnEnvelope("it is an error, with a title and no objects".to_owned()));
        }
        let objects = parts.objects.map(|listed| listed.0).unwrap_or_default();
        Ok(Self {
            more: parts.more,
            next: parts.next.and_then(cursor_text),
            objects: objects.into_iter().map(|raw| body.slice_ref(raw.get().as_bytes())).collect(),
        })
    }

    /// Where to go on after this page, asked from `position`; `last_added` is the page's X-TAXII-Date-Added-Last.
    ///
    /// A cursor that comes back is followed as long as the pages differ: OASIS's own server keeps one for a whole round. A date that is none is
    /// passed over: nothing can be asked for after it.
    ///
    /// # Errors
    /// The server says there is more but gives no way to it, or gives a page again that it has given before.
    pub fn turn(self, position: &PagePosition, last_added: Option<&str>) -> Result<PulledPage, PageError> {
        let last_added = last_added.filter(|date| Timestamp::parse(date).is_ok());
        let seen = last_added.map(str::to_owned).or_else(|| position.seen.clone());
        let start = seen.clone().or_else(|| position.added_after.clone());
        let later = PagePosition { added_after: start, ..PagePosition::default() };
        let more = self.more.unwrap_or(self.next.is_some());
        let stuck = self.objects.is_empty() && self.next == position.next;
        let onward = match (more, self.next) {
            (false, _) => None,
            (true, Some(_)) if stuck => None,
            (true, next @ Some(_)) => {
                // Servers that leave things out of a page may leave out all of it, several times.
                let round = if self.objects.is_empty() {
                    position.round
                } else {
                    position.round.with(fingerprint(&self.objects)).ok_or(PageError::SamePage)?
                };
                Some(PagePosition { added_after: position.added_after.clone(), next, seen, round })
            }
            (true, None) if self.objects.is_empty() => None,
            (true, None) if later.added_after == position.added_after => return Err(PageError::NoWayOn),
            (true, None) => Some(later.clone()),
        };
        Ok(PulledPage { objects: self.objects, onward, later })
    }
}

/// Tells pages apart; no defence against a server that makes two alike on purpose, which only ends its own pull.
fn fingerprint(objects: &[Bytes]) -> u64 {
    let mut hasher = DefaultHasher::new();
    objects.hash(&mut hasher);
    hasher.finish()
}

/// What is wrong with a server's JSON, without more of the server's own words than a message holds.
pub(crate) fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.len() <= 200 { text } else { quoted(&text).to_string() }
}

fn cursor_text(next: serde_json::Value) -> Option<String> {
    match next {
        serde_json::Value::String(text) if !text.is_empty() => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: &str = "2025-01-01T00:00:00.000Z";
    const T1: &str = "2025-01-01T00:00:01.000Z";

    fn page(text: &str) -> Envelope {
        Envelope::read(&Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    fn from(after: &str, next: Option<&str>) -> PagePosition {
        PagePosition {
            added_after: Some(after.into()),
            next: next.map(str::to_owned),
            ..PagePosition::default()
        }
    }

    #[test]
    fn keeps_the_exact_bytes_and_follows_the_cursor() {
        let envelope = page(r#"{"more":true,"next":"c1","objects":[{"a" : 1.0 },{"b":2}]}"#);
        assert_eq!(envelope.objects[0].as_ref(), br#"{"a" : 1.0 }"#);
        let turned = envelope.turn(&from(T0, None), Some(T1)).unwrap();
        let onward = turned.onward.unwrap();
        assert_eq!((onward.added_after.as_deref(), onward.next.as_deref()), (Some(T0), Some("c1")));
        let last = page(r#"{"objects":[{}]}"#).turn(&onward, None).unwrap();
        assert_eq!(last.onward, None);
        assert_eq!(last.later, from(T1, None));
    }

    #[test]
    fn forgives_known_faults() {
        assert!(page("").objects.is_empty());
        assert!(page("{}").turn(&from(T0, None), None).unwrap().onward.is_none());
        assert_eq!(page(r#"{"next":7,"objects":[{}]}"#).next.as_deref(), Some("7"));
        let without_cursor = page(r#"{"more":true,"objects":[{}]}"#).turn(&from(T0, None), Some(T1)).unwrap();
        assert_eq!(without_cursor.onward, Some(from(T1, None)));
        let for_ever = page(r#"{"more":true,"next":"c1","objects":[]}"#);
        assert!(for_ever.turn(&from(T0, Some("c1")), None).unwrap().onward.is_none());
    }

    #[test]
    fn goes_on_after_a_break_by_date_and_not_by_cursor() {
        let broken = PagePosition {
            seen: Some("2026-01-01T00:00:00.000040Z".into()),
            ..from("2025-01-01T00:00:00Z", Some("c1"))
        };
        let position = broken.without_cursor();
        assert_eq!(position, from("2026-01-01T00:00:00.000039Z", None));
        assert_eq!(position.clone().without_cursor(), position);
        assert_eq!(from(T0, Some("c1")).without_cursor(), from(T0, None));
    }

    #[test]
    fn pages_that_come_in_a_circle_are_found_whatever_their_cursors() {
        for circle in 1..=20_usize {
            let (mut position, mut ended) = (PagePosition::default(), None);
            for at in 0..4 * circle {
                let text = format!(r#"{{"more":true,"next":"c{at}","objects":[{{"id":{}}}]}}"#, at % circle);
                match page(&text).turn(&position, None) {
                    Ok(turned) => position = turned.onward.unwrap(),
                    Err(error) => {
                        ended = Some(error);
                        break;
                    }
                }
            }
            assert_eq!(ended, Some(PageError::SamePage), "{circle}");
        }
        // Empty pages under new cursors are followed: a server may leave out all of a page.
        let mut position = PagePosition::default();
        for at in 0..50 {
            let empty = page(&format!(r#"{{"more":true,"next":"c{at}","objects":[]}}"#));
            position = empty.turn(&position, None).unwrap().onward.unwrap();
        }
    }

    #[test]
    fn a_date_that_is_none_is_not_kept() {
        let turned = page(r#"{"objects":[{}]}"#).turn(&from(T0, None), Some("yesterday")).unwrap();
        assert_eq!(turned.later, from(T0, None));
        assert_eq!(from("yesterday", None).without_cursor(), PagePosition::default());
    }

    #[test]
    fn refuses_what_cannot_be_read_or_followed() {
        for bad in ["<html>", "[]", r#"{"objects":{}}"#, r#"{"objects":[{}"#, r#"{"title":"Not well"}"#] {
            assert!(Envelope::read(&Bytes::copy_from_slice(bad.as_bytes())).is_err(), "{bad}");
        }
        let again = page(r#"{"more":true,"next":"c1","objects":[{}]}"#);
        let position = again.clone().turn(&from(T0, Some("c1")), None).unwrap().onward.unwrap();
        assert_eq!(again.turn(&position, None).unwrap_err(), PageError::SamePage);
        let other = page(r#"{"more":true,"next":"c1","objects":[{"id":1}]}"#);
        assert_eq!(other.turn(&position, None).unwrap().onward.unwrap().next.as_deref(), Some("c1"));
        let many = |count: usize| format!("{{\"objects\":[{}1]}}", "1,".repeat(count - 1));
        assert_eq!(page(&many(PAGE_OBJECTS_MAX)).objects.len(), PAGE_OBJECTS_MAX);
        let more = Bytes::from(many(PAGE_OBJECTS_MAX + 1));
        assert!(matches!(Envelope::read(&more), Err(PageError::NotAnEnvelope(_))));
        let long = Bytes::from(format!("{{\"objects\":\"{}\"}}", "x\\u001b".repeat(100_000)));
        let refused = Envelope::read(&long).unwrap_err().to_string();
        assert!(refused.len() < 1_000 && !refused.contains('\u{1b}'), "{refused}");
        let stuck = page(r#"{"more":true,"objects":[{}]}"#).turn(&from(T0, None), Some(T0));
        assert_eq!(stuck.unwrap_err(), PageError::NoWayOn);
    }
}

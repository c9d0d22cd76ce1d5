//! Rules as one line of text: what is stored, told to `explain`, and put under a digest.
//!
//! # Shape
//! `tlp=amber pap=clear to=originator,member:HEX|circle:HEX named=here:5 by=here control=free embargo=MICROS keep=MICROS
//! for=7 markings=UUID about=things`, in this order, parts that ask nothing left out except `tlp` and `by`. Lists are sorted; clauses of
//! `to` are parted by `|`, an empty clause is `-`; the names of persons elsewhere are hexadecimal, so no name can break the
//! line; `markings` are the definitions that are awaited, by the second half of their identifiers, or `awaited` without names. Equal rules have equal text, and text that is read and written again is the same.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use base::Micros;
use stix::TlpLevel;

use crate::UserNo;
use crate::rules::{
    About, Addressee, Audience, CircleId, Control, Markings, MemberId, Originator, Pap, Person, Purposes,
    Rules,
};

/// What the identifier of every marking definition begins with.
const MARKING_PREFIX: &str = "marking-definition--";

/// The text is not a set of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a line of handling rules")]
pub struct NotRules;

/// Hexadecimal of bytes, lower case.
fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

fn unhex(text: &str) -> Result<Vec<u8>, NotRules> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(NotRules),
    };
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for pair in text.as_bytes().chunks(2) {
        let [high, low] = pair else { return Err(NotRules) };
        bytes.push(digit(*high)? << 4 | digit(*low)?);
    }
    Ok(bytes)
}

fn key(text: &str) -> Result<[u8; 32], NotRules> {
    base::digits::read_32(text).ok_or(NotRules)
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base::digits::of_32(&self.0))
    }
}

impl FromStr for MemberId {
    type Err = NotRules;

    fn from_str(text: &str) -> Result<Self, NotRules> {
        key(text).map(Self)
    }
}

impl fmt::Display for CircleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base::digits::of_32(&self.0))
    }
}

impl FromStr for CircleId {
    type Err = NotRules;

    fn from_str(text: &str) -> Result<Self, NotRules> {
        key(text).map(Self)
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(user) => write!(f, "here:{}", user.0),
            Self::There(member, name) => write!(f, "there:{member}/{}", hex(name.as_bytes())),
        }
    }
}

impl FromStr for Person {
    type Err = NotRules;

    fn from_str(text: &str) -> Result<Self, NotRules> {
        match text.split_once(':') {
            Some(("here", no)) => {
                let user: i64 = no.parse().map_err(|_| NotRules)?;
                if user.to_string() == no { Ok(Self::Here(UserNo(user))) } else { Err(NotRules) }
            }
            Some(("there", rest)) => {
                let (member, name) = rest.split_once('/').ok_or(NotRules)?;
                let name = String::from_utf8(unhex(name)?).map_err(|_| NotRules)?;
                Ok(Self::There(member.parse()?, name))
            }
            _ => Err(NotRules),
        }
    }
}

impl fmt::Display for Addressee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Originator => f.write_str("originator"),
            Self::Member(member) => write!(f, "member:{member}"),
            Self::Circle(circle) => write!(f, "circle:{circle}"),
            Self::Person(person) => person.fmt(f),
        }
    }
}

impl FromStr for Addressee {
    type Err = NotRules;

    fn from_str(text: &str) -> Result<Self, NotRules> {
        match text.split_once(':') {
            None if text == "originator" => Ok(Self::Originator),
            Some(("member", member)) => Ok(Self::Member(member.parse()?)),
            Some(("circle", circle)) => Ok(Self::Circle(circle.parse()?)),
            _ => Ok(Self::Person(text.parse()?)),
        }
    }
}

impl fmt::Display for Originator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => f.write_str("here"),
            Self::Member(member) => write!(f, "member:{member}"),
            Self::Nobody => f.write_str("nobody"),
        }
    }
}

fn listed<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { "-".to_owned() } else { items.join(",") }
}

fn read_list<T: FromStr<Err = NotRules> + Ord>(text: &str) -> Result<BTreeSet<T>, NotRules> {
    if text == "-" {
        return Ok(BTreeSet::new());
    }
    text.split(',').map(str::parse).collect()
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tlp={}", self.level().name())?;
        if self.pap() != Pap::Clear {
            write!(f, " pap={}", self.pap().name())?;
        }
        let clauses: Vec<String> = self.audience().clauses().map(listed).collect();
        if !clauses.is_empty() {
            write!(f, " to={}", clauses.join("|"))?;
        }
        if let Some(named) = self.named() {
            write!(f, " named={}", listed(named))?;
        }
        write!(f, " by={}", self.originator())?;
        if self.control() == Control::Originator {
            f.write_str(" control=originator")?;
        }
        if let Some(until) = self.embargo() {
            write!(f, " embargo={}", until.0)?;
        }
        if let Some(until) = self.retain() {
            write!(f, " keep={}", until.0)?;
        }
        if self.purposes() != Purposes::ANY {
            write!(f, " for={}", self.purposes().bits())?;
        }
        match self.markings() {
            Markings::Known => {}
            Markings::Nameless => f.write_str(" markings=awaited")?,
            named @ Markings::Awaited(_) => {
                let halves = named.awaited().filter_map(|id| id.as_str().strip_prefix(MARKING_PREFIX));
                write!(f, " markings={}", listed(halves))?;
            }
        }
        if self.about() == About::Persons {
            f.write_str(" about=persons")?;
        }
        Ok(())
    }
}

impl FromStr for Rules {
    type Err = NotRules;

    /// Takes back exactly what [`fmt::Display`] writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, NotRules> {
        let part = |name: &str| {
            text.split(' ').find_map(|part| part.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')))
        };
        let level = part("tlp").ok_or(NotRules)?;
        let level = TlpLevel::ALL.into_iter().find(|known| known.name() == level).ok_or(NotRules)?;
        let by = match part("by").ok_or(NotRules)? {
            "here" => Originator::Here,
            "nobody" => Originator::Nobody,
            other => Originator::Member(other.strip_prefix("member:").ok_or(NotRules)?.parse()?),
        };
        let mut rules = Self::marked(Some(TlpLevel::Clear), by);
        if let Some(clauses) = part("to") {
            let clauses = clauses.split('|').map(read_list).collect::<Result<Vec<_>, _>>()?;
            rules = rules.to(Audience::of_clauses(clauses));
        }
        if let Some(named) = part("named") {
            rules = rules.naming(read_list(named)?);
        }
        let moment = |text: &str| text.parse().map(Micros).map_err(|_| NotRules);
        if let Some(until) = part("embargo") {
            rules = rules.embargoed(moment(until)?);
        }
        if let Some(until) = part("keep") {
            rules = rules.retained(moment(until)?);
        }
        if let Some(pap) = part("pap") {
            rules = rules.pap_at_least(pap.parse().map_err(|_| NotRules)?);
        }
        if let Some(purposes) = part("for") {
            rules = rules.limited_to(Purposes::from_bits(purposes.parse().map_err(|_| NotRules)?));
        }
        if part("control").is_some() {
            rules = rules.controlled();
        }
        if let Some(awaited) = part("markings") {
            let named = awaited.split(',').map(|half| format!("{MARKING_PREFIX}{half}"));
            rules = named.fold(rules, |rules, definition| rules.awaiting(&definition));
        }
        if part("about").is_some() {
            rules = rules.about_persons();
        }
        rules = rules.at_least(level);
        if rules.to_string() == text { Ok(rules) } else { Err(NotRules) }
    }
}

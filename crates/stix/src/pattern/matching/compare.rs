//! One comparison, prepared: constants normalised, regular expressions compiled, networks parsed.
//!
//! What may be compared with what (section 9.2) and how (section 9.6): numbers exactly, strings by code point without
//! normalisation, octets as octets, timestamps exactly. Where types do not fit, nothing is equal, smaller or greater:
//! every operator is then false but `!=`, and NOT turns the result around. An absent property is false, NOT or no NOT.

use std::cmp::Ordering;

use crate::pattern::ast::{Comparison, Literal, Negation, Operator, Step};
use crate::pattern::matching::address::Network;
use crate::pattern::matching::condition::Halt;
use crate::pattern::matching::declared::Encoding;
use crate::pattern::matching::like::Like;
use crate::pattern::matching::nfc;
use crate::pattern::matching::observation::Scope;
use crate::pattern::matching::path;
use crate::pattern::octets::{from_base64, from_hex, from_text};
use crate::pattern::regex::{Regex, Subject, Verdict};
use crate::{Json, Timestamp};

/// A comparison ready to run.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) object_type: Box<str>,
    steps: Vec<Step>,
    /// Whether the path has no `[*]`.
    single: bool,
    encoding: Encoding,
    negation: Negation,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Exists,
    Equal(Constant),
    NotEqual(Constant),
    Less(Constant),
    LessOrEqual(Constant),
    Greater(Constant),
    GreaterOrEqual(Constant),
    In(Set),
    Like {
        text: Like,
        octets: Option<Like>,
    },
    /// `None`: no octets can match.
    Matches(Option<Box<Regex>>),
    Subset(Network),
    Superset(Network),
    /// The comparison could not be prepared, though it could be parsed; never true.
    Never,
}

/// A constant in the forms in which it is compared.
#[derive(Debug)]
enum Constant {
    Text { text: Box<str>, octets: Option<Vec<u8>> },
    Octets(Vec<u8>),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Timestamp(Timestamp),
}

/// The values of IN: texts in order for quick finding, and the rest.
#[derive(Debug, Default)]
pub(super) struct Set {
    texts: Vec<Box<str>>,
    others: Vec<Constant>,
}

impl Check {
    /// Prepares a comparison.
    pub(super) fn new(comparison: &Comparison) -> Self {
        let path = comparison.path();
        let encoding = Encoding::of(path);
        Self {
            object_type: path.object_type().into(),
            single: !path.steps().contains(&Step::Any),
            steps: path.steps().to_vec(),
            encoding,
            negation: comparison.negation(),
            test: Test::new(comparison, encoding),
        }
    }

    /// The regular expression that this searches for.
    pub(super) fn regex(&self) -> Option<&Regex> {
        if let Test::Matches(regex) = &self.test { regex.as_deref() } else { None }
    }

    /// If this asks a string property to be equal to a text: its path and the text.
    pub(super) fn plain_equality(&self) -> Option<(&str, &[Step], &str)> {
        match &self.test {
            Test::Equal(Constant::Text { text, .. })
                if self.negation == Negation::Plain && self.encoding.is_textual() =>
            {
                Some((&self.object_type, &self.steps, text))
            }
            _ => None,
        }
    }

    /// Several equalities on the path of this one, as one look-up.
    pub(super) fn or_equal_to(&self, mut texts: Vec<Box<str>>) -> Self {
        texts.sort_unstable();
        texts.dedup();
        Self {
            object_type: self.object_type.clone(),
            steps: self.steps.clone(),
            test: Test::In(Set { texts, others: Vec::new() }),
            ..*self
        }
    }

    /// Whether the comparison is true for an object. [`Verdict::Exhausted`] counts as not true even behind NOT.
    pub(super) fn run<'j>(&self, object: &'j Json<'j>, scope: &Scope<'j>, halt: Halt<'_>) -> Verdict {
        if self.single {
            return match path::single(&self.steps, object, scope) {
                Some(value) => self.judge(value, halt),
                None => self.absent(),
            };
        }
        let Ok(values) = path::all(&self.steps, object, scope) else { return Verdict::Exhausted };
        if values.is_empty() {
            return self.absent();
        }
        let mut verdict = Verdict::NoMatch;
        for value in values {
            match self.judge(value, halt) {
                Verdict::Match => return Verdict::Match,
                Verdict::Exhausted => verdict = Verdict::Exhausted,
                Verdict::NoMatch => {}
            }
        }
        verdict
    }

    fn absent(&self) -> Verdict {
        verdict(matches!(self.test, Test::Exists) && self.negation == Negation::Negated)
    }

    fn judge(&self, value: &Json<'_>, halt: Halt<'_>) -> Verdict {
        if matches!(self.test, Test::Like { .. } | Test::Matches(Some(_))) && halt() {
            return Verdict::Exhausted;
        }
        match (self.test(value), self.negation) {
            (Verdict::Match, Negation::Negated) => Verdict::NoMatch,
            (Verdict::NoMatch, Negation::Negated) => Verdict::Match,
            (verdict, _) => verdict,
        }
    }

    fn test(&self, value: &Json<'_>) -> Verdict {
        let order = |constant| order(value, self.encoding, constant);
        let is = |truth| verdict(truth);
        match &self.test {
            Test::Exists => Verdict::Match,
            Test::Equal(constant) => is(order(constant) == Some(Ordering::Equal)),
            Test::NotEqual(constant) => is(order(constant) != Some(Ordering::Equal)),
            Test::Less(constant) => is(order(constant) == Some(Ordering::Less)),
            Test::LessOrEqual(constant) => is(order(constant).is_some_and(Ordering::is_le)),
            Test::Greater(constant) => is(order(constant) == Some(Ordering::Greater)),
            Test::GreaterOrEqual(constant) => is(order(constant).is_some_and(Ordering::is_ge)),
            Test::In(set) => is(set.holds(value, self.encoding)),
            Test::Like { text, octets } => self.like(value, text, octets.as_ref()),
            Test::Matches(regex) => {
                regex.as_ref().map_or(Verdict::NoMatch, |regex| self.search(value, regex))
            }
            Test::Subset(network) => is(network_of(value).is_some_and(|found| found.is_subset_of(network))),
            Test::Superset(network) => {
                is(network_of(value).is_some_and(|found| network.is_subset_of(&found)))
            }
            Test::Never => Verdict::NoMatch,
        }
    }

    fn like(&self, value: &Json<'_>, text: &Like, octets: Option<&Like>) -> Verdict {
        let Some(written) = value.as_str() else { return Verdict::NoMatch };
        if self.encoding.is_textual() {
            return text.matches_text(&nfc(written));
        }
        match (decoded(written, self.encoding), octets) {
            (Some(found), Some(like)) => like.matches_octets(&found),
            _ => Verdict::NoMatch,
        }
    }

    fn search(&self, value: &Json<'_>, regex: &Regex) -> Verdict {
        let Some(written) = value.as_str() else { return Verdict::NoMatch };
        if self.encoding.is_textual() {
            return regex.search(nfc(written).as_bytes());
        }
        decoded(written, self.encoding).map_or(Verdict::NoMatch, |found| regex.search(&found))
    }
}

fn verdict(truth: bool) -> Verdict {
    if truth { Verdict::Match } else { Verdict::NoMatch }
}

impl Test {
    fn new(comparison: &Comparison, encoding: Encoding) -> Self {
        let operator = comparison.operator();
        let constant = |literal| Constant::new(literal, encoding);
        match (operator, comparison.literals()) {
            (Operator::Exists, _) => Self::Exists,
            (Operator::In, literals) => Self::In(Set::new(literals, encoding)),
            (Operator::Equal, [one]) => Self::Equal(constant(one)),
            (Operator::NotEqual, [one]) => Self::NotEqual(constant(one)),
            (Operator::Less, [one]) => Self::Less(constant(one)),
            (Operator::LessOrEqual, [one]) => Self::LessOrEqual(constant(one)),
            (Operator::Greater, [one]) => Self::Greater(constant(one)),
            (Operator::GreaterOrEqual, [one]) => Self::GreaterOrEqual(constant(one)),
            (Operator::Like, [Literal::String(text)]) => {
                let text = nfc(text);
                Self::Like { text: Like::for_text(&text), octets: Like::for_octets(&text) }
            }
            (Operator::Matches, [Literal::String(text)]) => Regex::new(text, Subject::of(comparison.path()))
                .map_or(Self::Never, |regex| Self::Matches(regex.map(Box::new))),
            (Operator::IsSubset, [Literal::String(text)]) => {
                Network::parse(text).map_or(Self::Never, Self::Subset)
            }
            (Operator::IsSuperset, [Literal::String(text)]) => {
                Network::parse(text).map_or(Self::Never, Self::Superset)
            }
            _ => Self::Never,
        }
    }
}

impl Constant {
    fn new(literal: &Literal, encoding: Encoding) -> Self {
        match literal {
            Literal::String(text) => {
                let octets = if encoding.is_octets() { from_text(text) } else { None };
                Self::Text { text: text.clone(), octets }
            }
            Literal::Integer(number) => Self::Integer(*number),
            Literal::Float(number) => Self::Float(*number),
            Literal::Boolean(truth) => Self::Boolean(*truth),
            Literal::Binary(octets) | Literal::Hex(octets) => Self::Octets(octets.clone()),
            Literal::Timestamp(at) => Self::Timestamp(at.clone()),
        }
    }
}

impl Set {
    fn new(literals: &[Literal], encoding: Encoding) -> Self {
        let mut set = Self::default();
        for literal in literals {
            match literal {
                Literal::String(text) if encoding.is_textual() => set.texts.push(text.clone()),
                other => set.others.push(Constant::new(other, encoding)),
            }
        }
        set.texts.sort_unstable();
        set
    }

    fn holds(&self, value: &Json<'_>, encoding: Encoding) -> bool {
        let is_text = value
            .as_str()
            .is_some_and(|text| self.texts.binary_search_by(|other| (**other).cmp(text)).is_ok());
        is_text || self.others.iter().any(|other| order(value, encoding, other) == Some(Ordering::Equal))
    }
}

/// How a value stands to a constant; `None` where their types do not fit. Booleans and floats that are not numbers have
/// no order, so that only their equality says anything.
fn order(value: &Json<'_>, encoding: Encoding, constant: &Constant) -> Option<Ordering> {
    match (value, constant) {
        (Json::String(written), _) if encoding.is_octets() => {
            let octets = match constant {
                Constant::Octets(octets) => octets,
                Constant::Text { octets, .. } => octets.as_ref()?,
                _ => return None,
            };
            decoded(written, encoding).map(|found| found.as_slice().cmp(octets))
        }
        (Json::String(written), Constant::Timestamp(at)) if encoding != Encoding::Text => {
            Timestamp::parse(written).ok().map(|found| found.cmp(at))
        }
        (Json::String(_), _) if !encoding.is_textual() => None,
        (Json::String(written), Constant::Text { text, .. }) => Some((**written).cmp(text)),
        (Json::String(written), Constant::Octets(octets)) => {
            from_text(written).map(|found| found.cmp(octets))
        }
        (Json::Integer(found), Constant::Integer(number)) => Some(found.cmp(number)),
        (Json::Integer(found), Constant::Float(number)) => order_of_numbers(*found, *number),
        (Json::Float(found), Constant::Integer(number)) => {
            order_of_numbers(*number, found.value()).map(Ordering::reverse)
        }
        (Json::Float(found), Constant::Float(number)) => found.value().partial_cmp(number),
        (Json::Bool(found), Constant::Boolean(truth)) => Some(found.cmp(truth)),
        _ => None,
    }
}

/// Compares an integer with a double without rounding either.
fn order_of_numbers(integer: i64, float: f64) -> Option<Ordering> {
    // Rounding keeps order: only where the rounded integer equals the float can digits have been lost.
    match (integer as f64).partial_cmp(&float)? {
        Ordering::Equal => Some(i128::from(integer).cmp(&(float as i128))),
        unequal => Some(unequal),
    }
}

/// The octets that a text stands for.
fn decoded(written: &str, encoding: Encoding) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Open | Encoding::Text | Encoding::Timestamp => None,
        Encoding::Base64 => from_base64(written),
        Encoding::Hex => from_hex(written),
    }
}

fn network_of(value: &Json<'_>) -> Option<Network> {
    value.as_str().and_then(Network::parse)
}

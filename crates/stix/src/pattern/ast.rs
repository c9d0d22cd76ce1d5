//! The typed tree of a pattern.
//!
//! Two levels, as in the specification: an [`Expression`] is about observations (several, in time), a [`Condition`]
//! about one object of one observation. Operators of equal rank stand in one flat list, so that a long chain does not
//! nest; a nested list of the same operator means that the author wrote parentheses.
//!
//! Invariant: a [`Pattern`] and a [`Comparison`] exist only in forms that the specification allows; their fields are
//! private and [`Pattern::new`] and [`Comparison::new`] check what the grammar cannot.

use crate::Timestamp;
use crate::pattern::fit::{self, INTEGER_MAX, Unfit};

/// A whole, valid pattern.
///
/// # Source
/// STIX 2.1, section 9.4
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    expression: Expression,
}

/// What is asked of observations.
///
/// # Source
/// STIX 2.1, section 9.5
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// `[ … ]`: one observation holds an object that meets the condition.
    Observation(Condition),
    /// `a AND b`: all match, on different observations. At least two operands.
    And(Vec<Expression>),
    /// `a OR b`: one of them matches. At least two operands.
    Or(Vec<Expression>),
    /// `a FOLLOWEDBY b`: all match, on different observations, each operand wholly not before the one to its left. At
    /// least two operands.
    FollowedBy(Vec<Expression>),
    /// An expression and the qualifiers behind it, the first the innermost; at least one, no kind twice.
    Qualified(Box<Expression>, Vec<Qualifier>),
}

/// A restriction on the observations matched by what stands before it.
///
/// # Source
/// STIX 2.1, section 9.5.1
#[derive(Clone, Debug, PartialEq)]
pub enum Qualifier {
    /// `REPEATS n TIMES`: matches `n` times, each on different observations. `n` is from 1 to 2^53 - 1.
    Repeats(u64),
    /// `WITHIN s SECONDS`: the last observation comes less than `s` seconds after the first.
    Within(Seconds),
    /// `START a STOP b`: every observation is at `a` or later and before `b`.
    StartStop(Timestamp, Timestamp),
}

/// What is asked of one object.
///
/// # Source
/// STIX 2.1, sections 9.5 and 9.6
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// One comparison.
    Comparison(Comparison),
    /// All hold for the same object. At least two operands, whose object types have one in common.
    And(Vec<Condition>),
    /// One holds. At least two operands.
    Or(Vec<Condition>),
}

/// One comparison of a property with constants.
///
/// # Source
/// STIX 2.1, section 9.6.1
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    path: ObjectPath,
    operator: Operator,
    negation: Negation,
    literals: Vec<Literal>,
}

/// Whether `NOT` stands before the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Negation {
    /// As it stands.
    Plain,
    /// The result is turned around (an absent property stays false).
    Negated,
}

/// How a property is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `=`: one literal of any kind.
    Equal,
    /// `!=`: one literal of any kind.
    NotEqual,
    /// `<`: one literal, not boolean.
    Less,
    /// `<=`: one literal, not boolean.
    LessOrEqual,
    /// `>`: one literal, not boolean.
    Greater,
    /// `>=`: one literal, not boolean.
    GreaterOrEqual,
    /// `IN`: any number of literals of one kind.
    In,
    /// `LIKE`: one string with the wildcards `%` and `_`.
    Like,
    /// `MATCHES`: one string that is a PCRE.
    Matches,
    /// `ISSUBSET`: one string that is an IPv4 or IPv6 address or network.
    IsSubset,
    /// `ISSUPERSET`: one string that is an IPv4 or IPv6 address or network.
    IsSuperset,
    /// `EXISTS`: no literal.
    Exists,
}

/// Where a property stands: `file:extensions.'x-y'[*].z`.
///
/// # Source
/// STIX 2.1, section 9.7
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectPath {
    object_type: Box<str>,
    steps: Vec<Step>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// `.name`: a property, a key of a dictionary, or a property of the object referred to.
    Key(Box<str>),
    /// `[n]`: the n-th item, counted from 0.
    Index(u64),
    /// `[*]`: any item.
    Any,
}

/// A constant.
///
/// # Source
/// STIX 2.1, section 9.2
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `'text'`
    String(Box<str>),
    /// `-1`, within ±(2^53 - 1)
    Integer(i64),
    /// `1.5`, finite
    Float(f64),
    /// `true` or `false`
    Boolean(bool),
    /// `b'AAE='`
    Binary(Vec<u8>),
    /// `h'0001'`
    Hex(Vec<u8>),
    /// `t'2024-01-01T00:00:00Z'`
    Timestamp(Timestamp),
}

/// A positive number of seconds, exact.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seconds {
    decimal: Box<str>,
}

impl Pattern {
    /// Checks a tree and makes a pattern of it.
    ///
    /// # Errors
    /// The tree is not one that [`crate::pattern::parse`] could have returned.
    pub fn new(expression: Expression) -> Result<Self, Unfit> {
        fit::check_expression(&expression, 0)?;
        let pattern = Self { expression };
        pattern
            .comparisons()
            .try_fold(0, |before, (one, _)| fit::count_regexes(before, one.operator(), one.literals()))?;
        Ok(pattern)
    }

    /// For the parser, which has checked every part at its place.
    pub(super) fn of_checked(expression: Expression) -> Self {
        Self { expression }
    }

    /// The root of the tree.
    #[must_use]
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// Every comparison of the pattern from left to right, with whether it is negated.
    ///
    /// # Example
    /// ```
    /// use stix::pattern::ast::{Negation, Operator};
    /// let pattern = stix::pattern::parse("[url:value = 'http://a.example/' OR url:value LIKE '%b%']").unwrap();
    /// let found: Vec<_> = pattern.comparisons().map(|(one, negation)| (one.operator(), negation)).collect();
    /// assert_eq!(found, [(Operator::Equal, Negation::Plain), (Operator::Like, Negation::Plain)]);
    /// ```
    pub fn comparisons(&self) -> Comparisons<'_> {
        Comparisons { expressions: vec![&self.expression], conditions: Vec::new() }
    }
}

/// See [`Pattern::comparisons`].
#[derive(Debug)]
pub struct Comparisons<'a> {
    expressions: Vec<&'a Expression>,
    conditions: Vec<&'a Condition>,
}

impl<'a> Iterator for Comparisons<'a> {
    type Item = (&'a Comparison, Negation);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.conditions.pop() {
                Some(Condition::Comparison(found)) => return Some((found, found.negation)),
                Some(Condition::And(all) | Condition::Or(all)) => self.conditions.extend(all.iter().rev()),
                None => match self.expressions.pop()? {
                    Expression::Observation(condition) => self.conditions.push(condition),
                    Expression::Qualified(inner, _) => self.expressions.push(inner),
                    Expression::And(all) | Expression::Or(all) | Expression::FollowedBy(all) => {
                        self.expressions.extend(all.iter().rev());
                    }
                },
            }
        }
    }
}

impl Qualifier {
    /// The keyword it begins with.
    #[must_use]
    pub fn keyword(&self) -> &'static str {
        match self {
            Self::Repeats(_) => "REPEATS",
            Self::Within(_) => "WITHIN",
            Self::StartStop(..) => "START",
        }
    }
}

impl Comparison {
    /// Checks that the literals fit the operator and the path, and makes a comparison of them.
    ///
    /// # Errors
    /// They do not: wrong number or kind of literals, mixed values for IN, not an address for ISSUBSET and ISSUPERSET,
    /// or a regular expression that does not compile.
    pub fn new(
        path: ObjectPath,
        operator: Operator,
        negation: Negation,
        literals: Vec<Literal>,
    ) -> Result<Self, Unfit> {
        fit::check_literals(&path, operator, &literals)?;
        Ok(Self { path, operator, negation, literals })
    }

    /// Which property of which objects.
    #[must_use]
    pub fn path(&self) -> &ObjectPath {
        &self.path
    }

    /// How it is compared.
    #[must_use]
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// Whether NOT stands before the operator.
    #[must_use]
    pub fn negation(&self) -> Negation {
        self.negation
    }

    /// With what it is compared: as many literals as the [`Operator`] says.
    #[must_use]
    pub fn literals(&self) -> &[Literal] {
        &self.literals
    }
}

impl Operator {
    /// The operator as the canonical text writes it.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "IN",
            Self::Like => "LIKE",
            Self::Matches => "MATCHES",
            Self::IsSubset => "ISSUBSET",
            Self::IsSuperset => "ISSUPERSET",
            Self::Exists => "EXISTS",
        }
    }
}

impl ObjectPath {
    /// Checks and keeps a path.
    ///
    /// # Errors
    /// The object type is not a name of letters, digits, `_` and `-` that begins with a letter or `_`; the first step
    /// is not a key; or an index is beyond 2^53 - 1.
    pub fn new(object_type: &str, steps: Vec<Step>) -> Result<Self, Unfit> {
        let begins = object_type.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let clean =
            object_type.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if !begins || !clean || !matches!(steps.first(), Some(Step::Key(_))) {
            return Err(Unfit::Path);
        }
        if steps.iter().any(|step| matches!(step, Step::Index(at) if *at > INTEGER_MAX)) {
            return Err(Unfit::Range);
        }
        Ok(Self { object_type: object_type.into(), steps })
    }

    /// The type of the object at which the path begins.
    #[must_use]
    pub fn object_type(&self) -> &str {
        &self.object_type
    }

    /// The steps from that object; the first is a key.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The name of the property that is compared: the last key.
    #[must_use]
    pub fn property(&self) -> &str {
        let keys = self.steps.iter().rev().find_map(|step| match step {
            Step::Key(name) => Some(name.as_ref()),
            Step::Index(_) | Step::Any => None,
        });
        keys.unwrap_or("")
    }
}

impl Seconds {
    /// Reads a positive decimal number: digits with an optional dot and more digits.
    ///
    /// # Errors
    /// The text is not that, is zero, or is an integer beyond 2^53 - 1.
    pub fn parse(text: &str) -> Result<Self, Unfit> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_number = whole.len().saturating_add(fraction.len()) > 0
            && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        if !is_number || (whole.is_empty() && fraction.is_empty()) {
            return Err(Unfit::Positive("WITHIN"));
        }
        if !text.contains('.') && !whole.parse::<u64>().is_ok_and(|number| number <= INTEGER_MAX) {
            return Err(Unfit::Range);
        }
        let whole = if whole.is_empty() { "0" } else { whole };
        let decimal = if fraction.is_empty() { whole.into() } else { format!("{whole}.{fraction}").into() };
        Ok(Self { decimal })
    }

    /// The number without needless zeros, e.g. `0.5` or `300`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.decimal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact_and_positive() {
        for (text, canonical) in
            [("5", "5"), ("5.0", "5"), (".50", "0.5"), ("007.250", "7.25"), ("0.1", "0.1")]
        {
            assert_eq!(Seconds::parse(text).unwrap().as_str(), canonical);
        }
        for bad in ["", ".", "0", "0.0", "-1", "1e3", "x", "9007199254740992", "1.2.3"] {
            assert!(Seconds::parse(bad).is_err(), "{bad}");
        }
        assert!(Seconds::parse("9007199254740991").is_ok());
        assert!(Seconds::parse("99999999999999999999.5").is_ok());
    }
}

//! What the grammar cannot say: which trees are patterns by the prose of the specification.
//!
//! The parser calls these checks at the place where a part ends, so that an error has an offset; [`Pattern::new`] calls
//! them on a tree built by hand. Both therefore accept exactly the same patterns.
//!
//! [`Pattern::new`]: crate::pattern::ast::Pattern::new

use std::collections::BTreeSet;

use base::limit::{PATTERN_DEPTH_MAX, REGEX_BYTES_MAX};

use crate::pattern::ast::{Condition, Expression, Literal, ObjectPath, Operator, Qualifier, Step};
use crate::pattern::matching::Network;
use crate::pattern::regex::{Regex, Subject};

/// Largest integer that STIX can write (section 2.10).
pub(super) const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Why a tree is not a valid pattern.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// AND, OR or FOLLOWEDBY with fewer than two operands, or an expression said to be qualified without qualifier.
    #[error("operator or qualifier lacks an operand")]
    Operands,
    /// Deeper than [`PATTERN_DEPTH_MAX`].
    #[error("pattern is nested deeper than {PATTERN_DEPTH_MAX} parentheses")]
    Depth,
    /// AND over object types that have none in common.
    #[error("AND joins comparisons of different object types, which are never the same object")]
    Types,
    /// Two qualifiers of one kind behind one expression.
    #[error("an expression has at most one {0} qualifier")]
    Twice(&'static str),
    /// A number that has to be positive is not.
    #[error("{0} needs a positive number")]
    Positive(&'static str),
    /// An integer beyond ±(2^53 - 1) or a float beyond a double.
    #[error("number is out of range, integers go to 2^53 - 1 either way")]
    Range,
    /// An object type or path that the grammar cannot write.
    #[error("path does not begin with an object type and a property name")]
    Path,
    /// The number or kind of literals does not fit the operator.
    #[error("{0} cannot stand with this literal")]
    Literal(&'static str),
    /// IN with literals of different kinds.
    #[error("the values of IN are not of one kind")]
    Mixed,
    /// ISSUBSET or ISSUPERSET on something else than an address, or with a literal that is none.
    #[error("{0} compares the value of an ipv4-addr or ipv6-addr with an address or network")]
    Address(&'static str),
    /// More regular expressions than are compiled for one pattern.
    #[error("the regular expressions of a pattern have at most {REGEX_BYTES_MAX} bytes together")]
    Regexes,
    /// A regular expression that PCRE does not compile.
    #[error("regular expression is not a PCRE: {0}")]
    Regex(String),
}

/// Checks a tree of expressions that stands inside `depth` parentheses.
pub(super) fn check_expression(expression: &Expression, depth: usize) -> Result<(), Unfit> {
    let inside =
        |child: &Expression| check_expression(child, deeper(depth, needs_parentheses(expression, child))?);
    match expression {
        Expression::Observation(condition) => {
            check_condition(condition, depth)?;
            check_types(condition)
        }
        Expression::And(all) | Expression::Or(all) | Expression::FollowedBy(all) => {
            at_least_two(all)?;
            all.iter().try_for_each(inside)
        }
        Expression::Qualified(inner, qualifiers) => {
            if qualifiers.is_empty() {
                return Err(Unfit::Operands);
            }
            for (at, qualifier) in qualifiers.iter().enumerate() {
                check_qualifier(qualifier, qualifiers.get(..at).unwrap_or(&[]))?;
            }
            inside(inner)
        }
    }
}

/// Adds the regular expressions of a comparison to those before it, in bytes, before they are compiled.
pub(super) fn count_regexes(before: usize, operator: Operator, literals: &[Literal]) -> Result<usize, Unfit> {
    let [Literal::String(text)] = literals else { return Ok(before) };
    let bytes = if operator == Operator::Matches { before.saturating_add(text.len()) } else { before };
    if bytes > REGEX_BYTES_MAX { Err(Unfit::Regexes) } else { Ok(bytes) }
}

/// Checks a qualifier where it stands after others.
pub(super) fn check_qualifier(qualifier: &Qualifier, earlier: &[Qualifier]) -> Result<(), Unfit> {
    if earlier.iter().any(|other| other.keyword() == qualifier.keyword()) {
        return Err(Unfit::Twice(qualifier.keyword()));
    }
    match qualifier {
        Qualifier::Repeats(0) => Err(Unfit::Positive("REPEATS")),
        Qualifier::Repeats(times) if *times > INTEGER_MAX => Err(Unfit::Range),
        _ => Ok(()),
    }
}

/// Checks that the operands of every AND can be about one object (section 9.5).
pub(super) fn check_types(condition: &Condition) -> Result<(), Unfit> {
    types(condition).map(drop)
}

/// Checks that literals fit their operator and path.
pub(super) fn check_literals(
    path: &ObjectPath,
    operator: Operator,
    literals: &[Literal],
) -> Result<(), Unfit> {
    let keyword = operator.keyword();
    match (operator, literals) {
        (Operator::Exists, []) | (Operator::Equal | Operator::NotEqual, [_]) => {}
        (Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual, [one]) => {
            if matches!(one, Literal::Boolean(_)) {
                return Err(Unfit::Literal(keyword));
            }
        }
        (Operator::In, all) => {
            if let [first, rest @ ..] = all
                && rest.iter().any(|other| Kind::of(other) != Kind::of(first))
            {
                return Err(Unfit::Mixed);
            }
        }
        (Operator::Like, [Literal::String(_)]) => {}
        (Operator::Matches, [Literal::String(text)]) => {
            Regex::check(text, Subject::of(path)).map_err(Unfit::Regex)?;
        }
        (Operator::IsSubset | Operator::IsSuperset, [Literal::String(text)]) => {
            if !leads_to_address(path) || Network::parse(text).is_none() {
                return Err(Unfit::Address(keyword));
            }
        }
        _ => return Err(Unfit::Literal(keyword)),
    }
    literals.iter().try_for_each(check_literal)
}

/// Checks that a literal is within its range.
pub(super) fn check_literal(literal: &Literal) -> Result<(), Unfit> {
    match literal {
        Literal::Integer(number) if number.unsigned_abs() > INTEGER_MAX => Err(Unfit::Range),
        Literal::Float(number) if !number.is_finite() => Err(Unfit::Range),
        _ => Ok(()),
    }
}

/// Whether `child` has to stand in parentheses to be an operand of `parent`: it does when it binds no more tightly.
pub(super) fn needs_parentheses(parent: &Expression, child: &Expression) -> bool {
    !matches!(child, Expression::Observation(_)) && rank(child) <= rank(parent)
}

/// How tightly an expression binds.
fn rank(expression: &Expression) -> u8 {
    match expression {
        Expression::FollowedBy(_) => 0,
        Expression::Or(_) => 1,
        Expression::And(_) => 2,
        Expression::Qualified(..) => 3,
        Expression::Observation(_) => 4,
    }
}

/// As [`needs_parentheses`], inside an observation.
pub(super) fn condition_needs_parentheses(parent: &Condition, child: &Condition) -> bool {
    match child {
        Condition::Comparison(_) => false,
        Condition::And(_) => matches!(parent, Condition::And(_)),
        Condition::Or(_) => true,
    }
}

fn deeper(depth: usize, parentheses: bool) -> Result<usize, Unfit> {
    let depth = depth.saturating_add(usize::from(parentheses));
    if depth > PATTERN_DEPTH_MAX { Err(Unfit::Depth) } else { Ok(depth) }
}

fn at_least_two<T>(operands: &[T]) -> Result<(), Unfit> {
    if operands.len() < 2 { Err(Unfit::Operands) } else { Ok(()) }
}

fn check_condition(condition: &Condition, depth: usize) -> Result<(), Unfit> {
    match condition {
        Condition::Comparison(_) => Ok(()),
        Condition::And(all) | Condition::Or(all) => {
            at_least_two(all)?;
            all.iter().try_for_each(|child| {
                check_condition(child, deeper(depth, condition_needs_parentheses(condition, child))?)
            })
        }
    }
}

/// The object types of which an object could meet a condition; never empty.
fn types(condition: &Condition) -> Result<BTreeSet<&str>, Unfit> {
    let all = match condition {
        Condition::Comparison(one) => return Ok(BTreeSet::from([one.path().object_type()])),
        Condition::And(all) | Condition::Or(all) => all,
    };
    if let Some(only) = only_type(all) {
        return Ok(BTreeSet::from([only]));
    }
    let mut found: Option<BTreeSet<&str>> = None;
    for one in all {
        let types = types(one)?;
        found = Some(match (found, condition) {
            (None, _) => types,
            (Some(so_far), Condition::And(_)) => so_far.intersection(&types).copied().collect(),
            (Some(mut so_far), _) => {
                so_far.extend(types);
                so_far
            }
        });
    }
    found.filter(|types| !types.is_empty()).ok_or(Unfit::Types)
}

/// The one object type of a list of plain comparisons, the usual case, without building sets.
fn only_type(all: &[Condition]) -> Option<&str> {
    let mut only = None;
    for one in all {
        let Condition::Comparison(comparison) = one else { return None };
        let object_type = comparison.path().object_type();
        if *only.get_or_insert(object_type) != object_type {
            return None;
        }
    }
    only
}

/// Whether the path can lead to the `value` of an ipv4-addr or ipv6-addr: directly or over a reference.
fn leads_to_address(path: &ObjectPath) -> bool {
    let Some((Step::Key(last), before)) = path.steps().split_last() else {
        return false;
    };
    if &**last != "value" {
        return false;
    }
    match before.split_last() {
        None => matches!(path.object_type(), "ipv4-addr" | "ipv6-addr"),
        Some((Step::Key(name), _)) => name.ends_with("_ref"),
        Some((_, lists)) => matches!(lists.last(), Some(Step::Key(name)) if name.ends_with("_refs")),
    }
}

/// Kinds of literals that may stand together in a set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    Number,
    Boolean,
    Octets,
    Timestamp,
}

impl Kind {
    fn of(literal: &Literal) -> Self {
        match literal {
            Literal::String(_) => Self::String,
            Literal::Integer(_) | Literal::Float(_) => Self::Number,
            Literal::Boolean(_) => Self::Boolean,
            Literal::Binary(_) | Literal::Hex(_) => Self::Octets,
            Literal::Timestamp(_) => Self::Timestamp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::ast::{Comparison, Negation, Pattern};

    fn path(text: &str) -> ObjectPath {
        let pattern = crate::pattern::parse(&format!("[EXISTS {text}]")).unwrap();
        pattern.comparisons().next().unwrap().0.path().clone()
    }

    #[test]
    fn new_refuses_what_the_parser_refuses() {
        let size = || path("file:size");
        let new = |operator, literals| Comparison::new(size(), operator, Negation::Plain, literals);
        assert_eq!(new(Operator::Equal, vec![]), Err(Unfit::Literal("=")));
        assert_eq!(new(Operator::Less, vec![Literal::Boolean(true)]), Err(Unfit::Literal("<")));
        assert_eq!(new(Operator::Exists, vec![Literal::Integer(1)]), Err(Unfit::Literal("EXISTS")));
        assert_eq!(
            new(Operator::In, vec![Literal::Integer(1), Literal::String("a".into())]),
            Err(Unfit::Mixed)
        );
        assert_eq!(new(Operator::Equal, vec![Literal::Integer(1 << 53)]), Err(Unfit::Range));
        assert_eq!(new(Operator::Equal, vec![Literal::Float(f64::NAN)]), Err(Unfit::Range));
        let one = Condition::Comparison(new(Operator::Exists, vec![]).unwrap());
        assert_eq!(
            Pattern::new(Expression::Observation(Condition::And(vec![one.clone()]))),
            Err(Unfit::Operands)
        );
        let observation = Expression::Observation(one);
        let twice = vec![Qualifier::Repeats(1), Qualifier::Repeats(2)];
        assert_eq!(
            Pattern::new(Expression::Qualified(Box::new(observation.clone()), twice)),
            Err(Unfit::Twice("REPEATS"))
        );
        let mut deep = observation;
        for _ in 0..PATTERN_DEPTH_MAX + 2 {
            deep = Expression::Qualified(Box::new(deep), vec![Qualifier::Repeats(1)]);
        }
        assert_eq!(Pattern::new(deep), Err(Unfit::Depth));
        assert_eq!(ObjectPath::new("-x", vec![Step::Key("a".into())]), Err(Unfit::Path));
        assert_eq!(ObjectPath::new("x", vec![Step::Any]), Err(Unfit::Path));
    }

    #[test]
    fn addresses_are_reached_directly_or_over_references() {
        for good in
            ["ipv4-addr:value", "ipv6-addr:value", "network-traffic:dst_ref.value", "x:a_refs[*].value"]
        {
            assert!(leads_to_address(&path(good)), "{good}");
        }
        for bad in [
            "file:name",
            "ipv4-addr:x",
            "x-y:value",
            "network-traffic:dst_ref",
            "x:a_refs.value",
            "x:a[0].value",
        ] {
            assert!(!leads_to_address(&path(bad)), "{bad}");
        }
    }
}

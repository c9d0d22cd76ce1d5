//! The canonical text of a pattern: one space between words, parentheses only where the tree needs them.
//!
//! Invariant: parsing what is printed gives an equal tree.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::pattern::ast::{
    Comparison, Condition, Expression, Literal, Negation, ObjectPath, Operator, Pattern, Qualifier, Step,
};
use crate::pattern::fit::{condition_needs_parentheses, needs_parentheses};
use crate::pattern::lexer::is_word;
use crate::pattern::octets::to_base64;
use crate::pattern::parser::is_keyword;

impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.expression().fmt(f)
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let join = |f: &mut Formatter<'_>, all: &[Self], word: &str| {
            for (at, one) in all.iter().enumerate() {
                if at > 0 {
                    f.write_str(word)?;
                }
                in_parentheses_if(f, needs_parentheses(self, one), one)?;
            }
            Ok(())
        };
        match self {
            Self::Observation(condition) => write!(f, "[{condition}]"),
            Self::And(all) => join(f, all, " AND "),
            Self::Or(all) => join(f, all, " OR "),
            Self::FollowedBy(all) => join(f, all, " FOLLOWEDBY "),
            Self::Qualified(inner, qualifiers) => {
                in_parentheses_if(f, needs_parentheses(self, inner), inner)?;
                qualifiers.iter().try_for_each(|qualifier| write!(f, " {qualifier}"))
            }
        }
    }
}

fn in_parentheses_if(f: &mut Formatter<'_>, needed: bool, inner: &impl Display) -> fmt::Result {
    if needed { write!(f, "({inner})") } else { inner.fmt(f) }
}

impl Display for Qualifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeats(times) => write!(f, "REPEATS {times} TIMES"),
            Self::Within(seconds) => write!(f, "WITHIN {} SECONDS", seconds.as_str()),
            Self::StartStop(start, stop) => write!(f, "START t'{start}' STOP t'{stop}'"),
        }
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (all, word) = match self {
            Self::Comparison(one) => return one.fmt(f),
            Self::And(all) => (all, " AND "),
            Self::Or(all) => (all, " OR "),
        };
        for (at, one) in all.iter().enumerate() {
            if at > 0 {
                f.write_str(word)?;
            }
            in_parentheses_if(f, condition_needs_parentheses(self, one), one)?;
        }
        Ok(())
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let not = match self.negation() {
            Negation::Plain => "",
            Negation::Negated => "NOT ",
        };
        let keyword = self.operator().keyword();
        if self.operator() == Operator::Exists {
            return write!(f, "{not}{keyword} {}", self.path());
        }
        write!(f, "{} {not}{keyword} ", self.path())?;
        let is_set = self.operator() == Operator::In;
        if is_set {
            f.write_char('(')?;
        }
        for (at, literal) in self.literals().iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            literal.fmt(f)?;
        }
        if is_set { f.write_char(')') } else { Ok(()) }
    }
}

impl Display for ObjectPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.object_type())?;
        for (at, step) in self.steps().iter().enumerate() {
            match step {
                Step::Key(name) => {
                    if at > 0 {
                        f.write_char('.')?;
                    }
                    write_key(f, name)?;
                }
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Any => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

fn write_key(f: &mut Formatter<'_>, name: &str) -> fmt::Result {
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if begins && name.bytes().all(is_word) && !is_keyword(name) {
        f.write_str(name)
    } else {
        write_text(f, name)
    }
}

fn write_text(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('\'')?;
    for piece in text.split_inclusive(['\'', '\\']) {
        match piece.strip_suffix(['\'', '\\']) {
            Some(plain) => write!(f, "{plain}\\{}", piece.get(plain.len()..).unwrap_or(""))?,
            None => f.write_str(piece)?,
        }
    }
    f.write_char('\'')
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => write_text(f, text),
            Self::Integer(number) => number.fmt(f),
            Self::Float(number) => {
                let digits = number.to_string();
                let tail = if digits.contains('.') { "" } else { ".0" };
                write!(f, "{digits}{tail}")
            }
            Self::Boolean(truth) => truth.fmt(f),
            Self::Binary(octets) => write!(f, "b'{}'", to_base64(octets)),
            Self::Hex(octets) => write!(f, "h'{}'", hex::encode(octets)),
            Self::Timestamp(at) => write!(f, "t'{at}'"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::pattern::parse;

    #[test]
    fn prints_canonical_text() {
        for (text, canonical) in [
            ("[a:b=1]", "[a:b = 1]"),
            ("( [a:b==1] )", "[a:b = 1]"),
            ("[a:b<>.5 AND(a:c NOT IN(1,2)OR a:d>=-1)]", "[a:b != 0.5 AND (a:c NOT IN (1, 2) OR a:d >= -1)]"),
            ("([a:b=1] AND [a:b=2]) OR [a:b=3]", "[a:b = 1] AND [a:b = 2] OR [a:b = 3]"),
            ("([a:b=1] AND [a:b=2]) AND [a:b=3]", "([a:b = 1] AND [a:b = 2]) AND [a:b = 3]"),
            ("([a:b=1] FOLLOWEDBY [a:b=2]) OR [a:b=3]", "([a:b = 1] FOLLOWEDBY [a:b = 2]) OR [a:b = 3]"),
            ("(([a:b=1]))WITHIN 5.50SECONDS", "[a:b = 1] WITHIN 5.5 SECONDS"),
            ("([a:b=1] REPEATS 2 TIMES) WITHIN 5 SECONDS", "([a:b = 1] REPEATS 2 TIMES) WITHIN 5 SECONDS"),
            (
                "[a:b=1] START t'2020-01-01T00:00:00.0Z' STOP t'2020-01-02T00:00:00Z'",
                "[a:b = 1] START t'2020-01-01T00:00:00.0Z' STOP t'2020-01-02T00:00:00Z'",
            ),
            (r"[a:'b'.'c-d'.'AND'.'e\'f'[*][0]='\\\'x']", r"[a:b.'c-d'.'AND'.'e\'f'[*][0] = '\\\'x']"),
            ("[a:b=h'FF' OR a:b=b'AB==' OR a:b=true]", "[a:b = h'ff' OR a:b = b'AA==' OR a:b = true]"),
            ("[EXISTS a:b OR NOT EXISTS a:'']", "[EXISTS a:b OR NOT EXISTS a:'']"),
            ("[a:b=1.0 OR a:b=100000000000000000000.0]", "[a:b = 1.0 OR a:b = 100000000000000000000.0]"),
        ] {
            let pattern = parse(text).unwrap();
            assert_eq!(pattern.to_string(), canonical);
            assert_eq!(parse(canonical).unwrap(), pattern, "{canonical}");
        }
    }
}

//! Tokens to tree: recursive descent over the grammar, and the prose's rules where the grammar is silent.
//!
//! Precedence from loosest to tightest: FOLLOWEDBY, OR, AND, qualifiers, parentheses (section 9.5.3). The parser recurses
//! only into parentheses, which it counts; chains of operators are loops.
//!
//! Invariant: every error names a byte offset inside the text or its end.

use std::borrow::Cow;

use base::limit::{PATTERN_BYTES_MAX, PATTERN_DEPTH_MAX};

use crate::Timestamp;
use crate::pattern::ast::{
    Comparison, Condition, Expression, Literal, Negation, ObjectPath, Operator, Pattern, Qualifier, Seconds,
    Step,
};
use crate::pattern::fit::{self, Unfit};
use crate::pattern::lexer::{Kind, Lexer, Token};
use crate::pattern::octets::{from_base64_lines, from_hex};
use crate::quote::quoted;

/// Why and where a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at byte {offset})")]
pub struct SyntaxError {
    /// What is wrong and what to do, one lower-case sentence without full stop.
    pub message: Cow<'static, str>,
    /// Where, in bytes from the beginning of the text.
    pub offset: usize,
}

impl SyntaxError {
    pub(super) fn new(offset: usize, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), offset }
    }

    fn unfit(offset: usize, unfit: &Unfit) -> Self {
        Self::new(offset, unfit.to_string())
    }
}

/// See [`crate::pattern::parse`].
pub(super) fn parse(text: &str) -> Result<Pattern, SyntaxError> {
    if text.len() > PATTERN_BYTES_MAX {
        return Err(SyntaxError::new(
            PATTERN_BYTES_MAX,
            format!("pattern is {} bytes long, the limit is {PATTERN_BYTES_MAX}", text.len()),
        ));
    }
    let mut lexer = Lexer::new(text);
    let token = lexer.next()?;
    let mut parser = Parser { lexer, token, depth: 0, regex_bytes: 0 };
    let expression = parser.followed_by()?;
    match parser.token.kind {
        Kind::End => Ok(Pattern::of_checked(expression)),
        _ => Err(parser.expected("an operator, a qualifier or the end of the pattern")),
    }
}

/// Whether a word is reserved by the grammar, so that it cannot stand as a bare property name.
pub(super) fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "AND"
            | "OR"
            | "NOT"
            | "FOLLOWEDBY"
            | "LIKE"
            | "MATCHES"
            | "ISSUPERSET"
            | "ISSUBSET"
            | "EXISTS"
            | "LAST"
            | "IN"
            | "START"
            | "STOP"
            | "SECONDS"
            | "true"
            | "false"
            | "WITHIN"
            | "REPEATS"
            | "TIMES"
    )
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token<'a>,
    depth: usize,
    regex_bytes: usize,
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<(), SyntaxError> {
        self.token = self.lexer.next()?;
        Ok(())
    }

    fn is_word(&self, word: &str) -> bool {
        self.token.kind == Kind::Word(word)
    }

    /// Takes the keyword if it comes next.
    fn accept_word(&mut self, word: &str) -> Result<bool, SyntaxError> {
        let found = self.is_word(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect_word(&mut self, word: &'static str) -> Result<(), SyntaxError> {
        if self.accept_word(word)? { Ok(()) } else { Err(self.expected(word)) }
    }

    fn expect_mark(&mut self, mark: u8, name: &str) -> Result<(), SyntaxError> {
        if self.token.kind == Kind::Mark(mark) { self.advance() } else { Err(self.expected(name)) }
    }

    fn expected(&self, what: &str) -> SyntaxError {
        let found = match self.token.kind {
            Kind::End => "the end".to_owned(),
            Kind::Word(word) | Kind::HyphenWord(word) => quoted(word).to_string(),
            Kind::Text(_) => "a string".to_owned(),
            Kind::Hex(_) => "a hexadecimal constant".to_owned(),
            Kind::Binary(_) => "a binary constant".to_owned(),
            Kind::Time(_) => "a timestamp".to_owned(),
            Kind::Integer(number) | Kind::Float(number) => quoted(number).to_string(),
            Kind::Mark(mark) => quoted(char::from(mark).encode_utf8(&mut [0; 4])).to_string(),
            _ => "a comparison operator".to_owned(),
        };
        SyntaxError::new(self.token.offset, format!("expected {what} but found {found}"))
    }

    fn enter(&mut self) -> Result<(), SyntaxError> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > PATTERN_DEPTH_MAX {
            return Err(SyntaxError::unfit(self.token.offset, &Unfit::Depth));
        }
        self.advance()
    }

    fn leave(&mut self) -> Result<(), SyntaxError> {
        self.depth = self.depth.saturating_sub(1);
        self.expect_mark(b')', "`)` or an operator")
    }

    fn followed_by(&mut self) -> Result<Expression, SyntaxError> {
        let first = self.any_of()?;
        self.chain("FOLLOWEDBY", first, Self::any_of, Expression::FollowedBy)
    }

    fn any_of(&mut self) -> Result<Expression, SyntaxError> {
        let first = self.all_of()?;
        self.chain("OR", first, Self::all_of, Expression::Or)
    }

    fn all_of(&mut self) -> Result<Expression, SyntaxError> {
        let first = self.qualified()?;
        self.chain("AND", first, Self::qualified, Expression::And)
    }

    /// Reads the operands that follow `first` behind `word`, and joins them if there are any.
    fn chain<T>(
        &mut self,
        word: &str,
        first: T,
        operand: impl Fn(&mut Self) -> Result<T, SyntaxError>,
        join: impl Fn(Vec<T>) -> T,
    ) -> Result<T, SyntaxError> {
        if !self.is_word(word) {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.accept_word(word)? {
            all.push(operand(self)?);
        }
        Ok(join(all))
    }

    fn qualified(&mut self) -> Result<Expression, SyntaxError> {
        let inner = match self.token.kind {
            Kind::Mark(b'[') => self.observation()?,
            Kind::Mark(b'(') => {
                self.enter()?;
                let inner = self.followed_by()?;
                self.leave()?;
                inner
            }
            _ => return Err(self.expected("`[` or `(`")),
        };
        let mut qualifiers = Vec::new();
        loop {
            let offset = self.token.offset;
            let Some(qualifier) = self.qualifier()? else { break };
            fit::check_qualifier(&qualifier, &qualifiers)
                .map_err(|unfit| SyntaxError::unfit(offset, &unfit))?;
            qualifiers.push(qualifier);
        }
        Ok(if qualifiers.is_empty() { inner } else { Expression::Qualified(Box::new(inner), qualifiers) })
    }

    fn qualifier(&mut self) -> Result<Option<Qualifier>, SyntaxError> {
        if self.accept_word("REPEATS")? {
            let times = self.natural("a positive integer")?;
            self.expect_word("TIMES")?;
            return Ok(Some(Qualifier::Repeats(times)));
        }
        if self.accept_word("WITHIN")? {
            let (Kind::Integer(number) | Kind::Float(number)) = self.token.kind else {
                return Err(self.expected("a positive number of seconds"));
            };
            let seconds =
                Seconds::parse(number).map_err(|unfit| SyntaxError::unfit(self.token.offset, &unfit))?;
            self.advance()?;
            self.expect_word("SECONDS")?;
            return Ok(Some(Qualifier::Within(seconds)));
        }
        if self.accept_word("START")? {
            let start = self.timestamp()?;
            self.expect_word("STOP")?;
            let stop = self.timestamp()?;
            return Ok(Some(Qualifier::StartStop(start, stop)));
        }
        Ok(None)
    }

    /// An integer that is not negative.
    fn natural(&mut self, what: &str) -> Result<u64, SyntaxError> {
        let Kind::Integer(digits) = self.token.kind else {
            return Err(self.expected(what));
        };
        if digits.starts_with('-') {
            return Err(self.expected(what));
        }
        let number: u64 = digits.parse().map_err(|_| SyntaxError::unfit(self.token.offset, &Unfit::Range))?;
        if number > fit::INTEGER_MAX {
            return Err(SyntaxError::unfit(self.token.offset, &Unfit::Range));
        }
        self.advance()?;
        Ok(number)
    }

    fn timestamp(&mut self) -> Result<Timestamp, SyntaxError> {
        let Kind::Time(text) = self.token.kind else {
            return Err(self.expected("a timestamp like t'2024-01-01T00:00:00Z'"));
        };
        let at =
            Timestamp::parse(text).map_err(|error| SyntaxError::new(self.token.offset, error.to_string()))?;
        self.advance()?;
        Ok(at)
    }

    fn observation(&mut self) -> Result<Expression, SyntaxError> {
        let offset = self.token.offset;
        self.advance()?;
        let condition = self.any_condition()?;
        self.expect_mark(b']', "`]`, AND or OR")?;
        fit::check_types(&condition).map_err(|unfit| SyntaxError::unfit(offset, &unfit))?;
        Ok(Expression::Observation(condition))
    }

    fn any_condition(&mut self) -> Result<Condition, SyntaxError> {
        let first = self.all_conditions()?;
        self.chain("OR", first, Self::all_conditions, Condition::Or)
    }

    fn all_conditions(&mut self) -> Result<Condition, SyntaxError> {
        let first = self.condition()?;
        self.chain("AND", first, Self::condition, Condition::And)
    }

    fn condition(&mut self) -> Result<Condition, SyntaxError> {
        let offset = self.token.offset;
        if self.token.kind == Kind::Mark(b'(') {
            self.enter()?;
            let inner = self.any_condition()?;
            self.leave()?;
            return Ok(inner);
        }
        let not_first = self.accept_word("NOT")?;
        let (path, operator, negation, literals) = if self.accept_word("EXISTS")? {
            let negation = if not_first { Negation::Negated } else { Negation::Plain };
            (self.path()?, Operator::Exists, negation, Vec::new())
        } else if not_first {
            return Err(SyntaxError::new(offset, "NOT stands before the comparison operator or EXISTS"));
        } else {
            let path = self.path()?;
            let negation = if self.accept_word("NOT")? { Negation::Negated } else { Negation::Plain };
            let operator = self.operator()?;
            let literals = if operator == Operator::In { self.set()? } else { vec![self.literal()?] };
            (path, operator, negation, literals)
        };
        let counted = fit::count_regexes(self.regex_bytes, operator, &literals);
        self.regex_bytes = counted.map_err(|unfit| SyntaxError::unfit(offset, &unfit))?;
        let comparison = Comparison::new(path, operator, negation, literals);
        comparison.map(Condition::Comparison).map_err(|unfit| SyntaxError::unfit(offset, &unfit))
    }

    fn operator(&mut self) -> Result<Operator, SyntaxError> {
        let operator = match self.token.kind {
            Kind::Equal => Operator::Equal,
            Kind::NotEqual => Operator::NotEqual,
            Kind::Less => Operator::Less,
            Kind::LessOrEqual => Operator::LessOrEqual,
            Kind::Greater => Operator::Greater,
            Kind::GreaterOrEqual => Operator::GreaterOrEqual,
            Kind::Word("IN") => Operator::In,
            Kind::Word("LIKE") => Operator::Like,
            Kind::Word("MATCHES") => Operator::Matches,
            Kind::Word("ISSUBSET") => Operator::IsSubset,
            Kind::Word("ISSUPERSET") => Operator::IsSuperset,
            _ => return Err(self.expected("a comparison operator")),
        };
        self.advance()?;
        Ok(operator)
    }

    fn path(&mut self) -> Result<ObjectPath, SyntaxError> {
        let offset = self.token.offset;
        let object_type = match self.token.kind {
            Kind::Word(name) if !is_reserved(name) => name,
            Kind::HyphenWord(name) => name,
            _ => return Err(self.expected("an object path like file:name")),
        };
        self.advance()?;
        self.expect_mark(b':', "`:` after the object type")?;
        let mut steps = vec![Step::Key(self.key()?)];
        loop {
            match self.token.kind {
                Kind::Mark(b'.') => {
                    self.advance()?;
                    steps.push(Step::Key(self.key()?));
                }
                Kind::Mark(b'[') => {
                    self.advance()?;
                    steps.push(self.index()?);
                    self.expect_mark(b']', "`]` after the list index")?;
                }
                _ => break,
            }
        }
        ObjectPath::new(object_type, steps).map_err(|unfit| SyntaxError::unfit(offset, &unfit))
    }

    fn index(&mut self) -> Result<Step, SyntaxError> {
        if self.token.kind == Kind::Mark(b'*') {
            self.advance()?;
            return Ok(Step::Any);
        }
        Ok(Step::Index(self.natural("a list index from 0, or `*`")?))
    }

    fn key(&mut self) -> Result<Box<str>, SyntaxError> {
        let name = match self.token.kind {
            Kind::Word(name) if !is_reserved(name) => name.into(),
            Kind::Text(raw) => unescaped(raw),
            Kind::Word(_) | Kind::HyphenWord(_) => {
                return Err(self.expected("a property name (in `'` when it is a keyword or has a hyphen)"));
            }
            _ => return Err(self.expected("a property name")),
        };
        self.advance()?;
        Ok(name)
    }

    fn set(&mut self) -> Result<Vec<Literal>, SyntaxError> {
        self.expect_mark(b'(', "`(` after IN")?;
        let mut literals = Vec::new();
        if self.token.kind == Kind::Mark(b')') {
            self.advance()?;
            return Ok(literals);
        }
        loop {
            literals.push(self.literal()?);
            if self.token.kind != Kind::Mark(b',') {
                break;
            }
            self.advance()?;
        }
        self.expect_mark(b')', "`,` or `)`")?;
        Ok(literals)
    }

    fn literal(&mut self) -> Result<Literal, SyntaxError> {
        let offset = self.token.offset;
        let out_of_range = || SyntaxError::unfit(offset, &Unfit::Range);
        let literal = match self.token.kind {
            Kind::Text(raw) => Literal::String(unescaped(raw)),
            Kind::Integer(digits) => Literal::Integer(digits.parse().map_err(|_| out_of_range())?),
            Kind::Float(digits) => Literal::Float(digits.parse().map_err(|_| out_of_range())?),
            Kind::Word("true") => Literal::Boolean(true),
            Kind::Word("false") => Literal::Boolean(false),
            Kind::Hex(digits) => Literal::Hex(from_hex(digits).ok_or_else(|| {
                SyntaxError::new(offset, "a hexadecimal constant is pairs of the digits 0 to 9 and a to f")
            })?),
            Kind::Binary(text) => Literal::Binary(from_base64_lines(text).ok_or_else(|| {
                SyntaxError::new(offset, "a binary constant is base64 with padding (RFC 4648)")
            })?),
            Kind::Time(_) => return Ok(Literal::Timestamp(self.timestamp()?)),
            _ => return Err(self.expected("a constant")),
        };
        fit::check_literal(&literal).map_err(|unfit| SyntaxError::unfit(offset, &unfit))?;
        self.advance()?;
        Ok(literal)
    }
}

/// Whether a bare name is refused: every keyword but LAST, which the grammar reserves and the specification never uses.
fn is_reserved(word: &str) -> bool {
    is_keyword(word) && word != "LAST"
}

/// The text that a checked, quoted literal stands for.
fn unescaped(raw: &str) -> Box<str> {
    if !raw.contains('\\') {
        return raw.into();
    }
    let mut text = String::with_capacity(raw.len());
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset_of_error(text: &str) -> usize {
        parse(text)
            .map(|pattern| panic!("{text} was accepted as {pattern}"))
            .unwrap_or_else(|error| error.offset)
    }

    #[test]
    fn precedence_is_followedby_or_and_qualifier() {
        let pattern = parse("[a:b=1] FOLLOWEDBY [a:b=2] OR [a:b=3] AND [a:b=4] REPEATS 2 TIMES").unwrap();
        let Expression::FollowedBy(parts) = pattern.expression() else { panic!() };
        let Expression::Or(parts) = &parts[1] else { panic!() };
        let Expression::And(parts) = &parts[1] else { panic!() };
        assert!(
            matches!(&parts[1], Expression::Qualified(_, qualifiers) if *qualifiers == [Qualifier::Repeats(2)])
        );
    }

    /// All regular expressions of a pattern together are bounded, before any more is compiled; what is built by hand likewise.
    #[test]
    fn regular_expressions_are_bounded_together() {
        use base::limit::REGEX_BYTES_MAX;
        let each = REGEX_BYTES_MAX / 32;
        let of = |last: usize| {
            let one = |length: usize| format!("x:a MATCHES '{}'", "a".repeat(length));
            let all: Vec<String> = std::iter::repeat_n(each, 31).chain([last]).map(one).collect();
            format!("[{}]", all.join(" OR "))
        };
        let most = parse(&of(each)).unwrap();
        assert_eq!(Pattern::new(most.expression().clone()), Ok(most.clone()));
        let error = parse(&of(each + 1)).unwrap_err();
        assert_eq!(error.message, Unfit::Regexes.to_string());
        let Expression::Observation(Condition::Or(all)) = most.expression() else { panic!("{most}") };
        let more = Condition::Or(all.iter().cloned().chain(all.first().cloned()).collect());
        assert_eq!(Pattern::new(Expression::Observation(more)), Err(Unfit::Regexes));
        let long = parse(&format!("[x:a = '{}']", "a".repeat(REGEX_BYTES_MAX + 1)));
        assert!(long.is_ok(), "what is compared as it is, is no expression");
    }

    #[test]
    fn errors_name_the_place() {
        for (text, offset) in [
            ("", 0),
            ("[file:size = 1", 14),
            ("[file:size = 1] x", 16),
            ("[file:hashes.SHA-256 = 'a']", 13),
            ("[file:x[-1] = 1]", 8),
            ("[file:size=1 AND url:value='a']", 0),
            ("[file:size = 9007199254740992]", 13),
            ("[file:a='b' AND file:name MATCHES '(']", 16),
            ("[file:size=1] REPEATS 0 TIMES", 14),
            ("[file:size=1] WITHIN 5 SECONDS REPEATS 2 TIMES WITHIN 6 SECONDS", 47),
            ("[file:size=1] START t'2020-01-01T00:00:00Z' STOP t'2020-02-30T00:00:00Z'", 49),
            ("[file:name IN ('a', 1)]", 1),
            ("[NOT file:name = 'a']", 1),
            ("[file:is_x > true]", 1),
        ] {
            assert_eq!(offset_of_error(text), offset, "{text}");
        }
    }

    #[test]
    fn depth_is_limited_at_both_levels() {
        let nested = |open: usize, inner: &str| format!("{}{inner}{}", "(".repeat(open), ")".repeat(open));
        for (from, to) in [("[", "]"), ("", "")] {
            let wrap = |open| match from {
                "[" => format!("[{}]", nested(open, "a:b=1")),
                _ => format!("{from}{}{to}", nested(open, "[a:b=1]")),
            };
            assert!(parse(&wrap(PATTERN_DEPTH_MAX)).is_ok());
            assert!(parse(&wrap(PATTERN_DEPTH_MAX + 1)).is_err());
            assert!(parse(&wrap(100_000)).is_err());
        }
        let long = format!("[{}a:b=1]", "a:b=1 OR ".repeat(100_000));
        assert!(parse(&long).is_ok());
    }

    #[test]
    fn length_is_limited() {
        let text = |bytes: usize| format!("[a:b='{}']", "x".repeat(bytes - 8));
        assert!(parse(&text(PATTERN_BYTES_MAX)).is_ok());
        assert!(parse(&text(PATTERN_BYTES_MAX + 1)).is_err());
    }
}

//! Pattern text to tokens: the first step of reading a pattern.
//!
//! Tokens borrow from the text and keep their byte offset. Whitespace is Unicode `White_Space`; comments (`/* */` and
//! `//`) are in the grammar though not in the prose, and are skipped. Literals are cut out here but decoded by the
//! parser, which knows what each is for.
//!
//! Invariant: every call makes progress or ends; nothing is allocated except for error sentences.

use crate::pattern::parser::SyntaxError;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A name or keyword without hyphen.
    Word(&'a str),
    /// A name with a hyphen: good for an object type only.
    HyphenWord(&'a str),
    /// The inside of `'…'`, escapes not yet resolved.
    Text(&'a str),
    /// The inside of `h'…'`.
    Hex(&'a str),
    /// The inside of `b'…'`.
    Binary(&'a str),
    /// The inside of `t'…'`.
    Time(&'a str),
    /// A decimal number without dot, sign included.
    Integer(&'a str),
    /// A decimal number with a dot, sign included.
    Float(&'a str),
    /// `=` or `==`
    Equal,
    /// `!=` or `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// One of `[ ] ( ) : . , *`
    Mark(u8),
    /// The end of the text.
    End,
}

/// A token and where it begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    /// What it is.
    pub(super) kind: Kind<'a>,
    /// Offset of its first byte.
    pub(super) offset: usize,
}

/// Cuts a text into tokens.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token; [`Kind::End`] again and again at the end.
    pub(super) fn next(&mut self) -> Result<Token<'a>, SyntaxError> {
        self.skip_blank()?;
        let offset = self.at;
        let Some(first) = self.byte(0) else {
            return Ok(Token { kind: Kind::End, offset });
        };
        let kind = match first {
            b'[' | b']' | b'(' | b')' | b':' | b',' | b'*' => self.take(1, Kind::Mark(first)),
            b'.' if self.byte(1).is_some_and(|next| next.is_ascii_digit()) => self.number()?,
            b'.' => self.take(1, Kind::Mark(b'.')),
            b'=' | b'!' | b'<' | b'>' => self.relation(first)?,
            b'\'' => Kind::Text(self.quoted(1)?),
            b'h' if self.byte(1) == Some(b'\'') => Kind::Hex(self.quoted(2)?),
            b'b' if self.byte(1) == Some(b'\'') => Kind::Binary(self.quoted(2)?),
            b't' if self.byte(1) == Some(b'\'') => Kind::Time(self.quoted(2)?),
            b'+' | b'-' | b'0'..=b'9' => self.number()?,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
            _ => return Err(self.stray(offset)),
        };
        Ok(Token { kind, offset })
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at.saturating_add(ahead)).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn take(&mut self, bytes: usize, kind: Kind<'a>) -> Kind<'a> {
        self.at = self.at.saturating_add(bytes);
        kind
    }

    /// Takes the next `bytes` bytes, which end on a character boundary.
    fn cut(&mut self, bytes: usize) -> &'a str {
        let cut = self.rest().get(..bytes).unwrap_or("");
        self.at = self.at.saturating_add(bytes);
        cut
    }

    fn skip_blank(&mut self) -> Result<(), SyntaxError> {
        loop {
            match self.byte(0) {
                Some(b' ' | b'\t'..=b'\r') => self.at = self.at.saturating_add(1),
                Some(b'/') if self.byte(1) == Some(b'*') => {
                    let body = self.rest().get(2..).unwrap_or("");
                    let end = body.find("*/").ok_or_else(|| {
                        SyntaxError::new(self.at, "comment is not closed, put `*/` at its end")
                    })?;
                    self.at = self.at.saturating_add(end).saturating_add(4);
                }
                Some(b'/') if self.byte(1) == Some(b'/') => {
                    let rest = self.rest();
                    let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
                    self.at = self.at.saturating_add(end);
                }
                Some(0x80..) => match self.rest().chars().next() {
                    Some(blank) if blank.is_whitespace() => {
                        self.at = self.at.saturating_add(blank.len_utf8())
                    }
                    _ => return Ok(()),
                },
                _ => return Ok(()),
            }
        }
    }

    fn word(&mut self) -> Kind<'a> {
        let bytes = self.rest().as_bytes();
        let end = bytes.iter().position(|byte| !is_word(*byte) && *byte != b'-').unwrap_or(bytes.len());
        let word = self.cut(end);
        if word.contains('-') { Kind::HyphenWord(word) } else { Kind::Word(word) }
    }

    /// The inside of a quoted literal whose opening is `opening` bytes long, checking escapes.
    fn quoted(&mut self, opening: usize) -> Result<&'a str, SyntaxError> {
        let start = self.at;
        self.at = self.at.saturating_add(opening);
        let bytes = self.rest().as_bytes();
        let mut from = 0;
        loop {
            let found = memchr::memchr2(b'\'', b'\\', bytes.get(from..).unwrap_or(&[]));
            let Some(end) = found.map(|ahead| from.saturating_add(ahead)) else {
                return Err(SyntaxError::new(start, "literal is not closed, put `'` at its end"));
            };
            if bytes.get(end) == Some(&b'\'') {
                let inside = self.cut(end);
                self.at = self.at.saturating_add(1);
                return Ok(inside);
            }
            let next = end.saturating_add(1);
            if !matches!(bytes.get(next), Some(b'\'' | b'\\')) {
                let place = self.at.saturating_add(end);
                return Err(SyntaxError::new(
                    place,
                    "a backslash escapes only `'` and `\\`, write `\\\\` for one",
                ));
            }
            from = next.saturating_add(1);
        }
    }

    fn number(&mut self) -> Result<Kind<'a>, SyntaxError> {
        let offset = self.at;
        if self.byte(0) == Some(b'+') {
            return Err(SyntaxError::new(offset, "a positive number is written without `+`"));
        }
        let bytes = self.rest().as_bytes();
        let sign = usize::from(bytes.first() == Some(&b'-'));
        let whole = digits(bytes, sign);
        let point = sign.saturating_add(whole);
        let after = digits(bytes, point.saturating_add(1));
        if bytes.get(point) == Some(&b'.') && after > 0 {
            return Ok(Kind::Float(self.cut(point.saturating_add(1).saturating_add(after))));
        }
        if whole == 0 {
            return Err(SyntaxError::new(offset, "`-` is not followed by a number"));
        }
        if whole > 1 && bytes.get(sign) == Some(&b'0') {
            return Err(SyntaxError::new(offset, "an integer is written without leading zeros"));
        }
        Ok(Kind::Integer(self.cut(point)))
    }

    fn relation(&mut self, first: u8) -> Result<Kind<'a>, SyntaxError> {
        match (first, self.byte(1)) {
            (b'=', Some(b'=')) => Ok(self.take(2, Kind::Equal)),
            (b'=', _) => Ok(self.take(1, Kind::Equal)),
            (b'!', Some(b'=')) | (b'<', Some(b'>')) => Ok(self.take(2, Kind::NotEqual)),
            (b'<', Some(b'=')) => Ok(self.take(2, Kind::LessOrEqual)),
            (b'<', _) => Ok(self.take(1, Kind::Less)),
            (b'>', Some(b'=')) => Ok(self.take(2, Kind::GreaterOrEqual)),
            (b'>', _) => Ok(self.take(1, Kind::Greater)),
            _ => Err(self.stray(self.at)),
        }
    }

    fn stray(&self, offset: usize) -> SyntaxError {
        let character = self.rest().chars().next().unwrap_or(' ');
        SyntaxError::new(offset, format!("character {character:?} cannot stand here"))
    }
}

/// Whether a byte may stand in a name without hyphen.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// How many digits stand at `from`.
fn digits(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or(&[]);
    rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind<'_>> {
        let mut lexer = Lexer::new(text);
        let mut found = Vec::new();
        loop {
            match lexer.next().unwrap().kind {
                Kind::End => return found,
                kind => found.push(kind),
            }
        }
    }

    fn refused(text: &str) -> usize {
        let mut lexer = Lexer::new(text);
        loop {
            match lexer.next() {
                Ok(Token { kind: Kind::End, .. }) => panic!("{text:?} was accepted"),
                Ok(_) => {}
                Err(error) => return error.offset,
            }
        }
    }

    #[test]
    fn cuts_names_literals_and_numbers() {
        assert_eq!(
            kinds("x-a:b_c.'d-e'[*]"),
            [
                Kind::HyphenWord("x-a"),
                Kind::Mark(b':'),
                Kind::Word("b_c"),
                Kind::Mark(b'.'),
                Kind::Text("d-e"),
                Kind::Mark(b'['),
                Kind::Mark(b'*'),
                Kind::Mark(b']'),
            ]
        );
        assert_eq!(
            kinds("h'00'b'AA=='t'x'h b't'"),
            [Kind::Hex("00"), Kind::Binary("AA=="), Kind::Time("x"), Kind::Word("h"), Kind::Binary("t"),]
        );
        assert_eq!(
            kinds("1 -2 .5 -.5 007.5 0 -0 5AND"),
            [
                Kind::Integer("1"),
                Kind::Integer("-2"),
                Kind::Float(".5"),
                Kind::Float("-.5"),
                Kind::Float("007.5"),
                Kind::Integer("0"),
                Kind::Integer("-0"),
                Kind::Integer("5"),
                Kind::Word("AND"),
            ]
        );
        assert_eq!(kinds(r"'it\'s \\'"), [Kind::Text(r"it\'s \\")]);
        assert_eq!(
            kinds("=== != <> <= < >= >"),
            [
                Kind::Equal,
                Kind::Equal,
                Kind::NotEqual,
                Kind::NotEqual,
                Kind::LessOrEqual,
                Kind::Less,
                Kind::GreaterOrEqual,
                Kind::Greater,
            ]
        );
    }

    #[test]
    fn skips_every_unicode_blank_and_comments() {
        let blanks =
            "a\t\n\u{b}\u{c}\r \u{85}\u{a0}\u{1680}\u{2000}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}b";
        assert_eq!(kinds(blanks), [Kind::Word("a"), Kind::Word("b")]);
        assert_eq!(kinds("a/* [ ' */b // c\nd//"), [Kind::Word("a"), Kind::Word("b"), Kind::Word("d")]);
        assert_eq!(kinds("'// no'"), [Kind::Text("// no")]);
    }

    #[test]
    fn refuses_with_the_place() {
        for (text, offset) in [
            ("'a", 0),
            ("x 'a\\n'", 4),
            ("+1", 0),
            ("a 05", 2),
            ("-", 0),
            ("- 5", 0),
            ("a /* b", 2),
            ("/", 0),
            ("!", 0),
            ("\u{180e}", 0),
            ("\u{feff}a", 0),
            ("a\u{200b}", 1),
            ("\0", 0),
            ("é", 0),
            ("\"a\"", 0),
            ("’", 0),
        ] {
            assert_eq!(refused(text), offset, "{text:?}");
        }
    }
}

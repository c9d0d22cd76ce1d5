//! Numbers that no 64-bit integer holds, with the text they were written as.
//!
//! The reader of JSON hands over a double and keeps no text, so [`Numbers`] finds it again: numbers are read in the order
//! in which they stand. It looks only when a number is asked for, and passes over each byte of the text once.

use std::borrow::Cow;
use std::cell::Cell;

/// A number that is no integer within ±2^63, as written and as the double it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Float<'a> {
    value: f64,
    text: Cow<'a, str>,
}

impl<'a> Float<'a> {
    pub(crate) const fn new(value: f64, text: &'a str) -> Self {
        Self { value, text: Cow::Borrowed(text) }
    }

    /// The double.
    #[must_use]
    pub const fn value(&self) -> f64 {
        self.value
    }

    /// The number as its producer wrote it.
    #[must_use]
    pub fn as_written(&self) -> &str {
        &self.text
    }

    /// Whether it is written without fraction and exponent: `-0`, or an integer beyond ±2^63.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        !self.text.contains(['.', 'e', 'E'])
    }

    /// A copy that borrows nothing.
    pub(crate) fn into_owned(self) -> Float<'static> {
        Float { value: self.value, text: Cow::Owned(self.text.into_owned()) }
    }
}

/// Where the numbers of a JSON text stand, asked for in the order in which they are read.
pub(crate) struct Numbers<'a> {
    text: &'a str,
    /// Behind the last number that was found.
    at: Cell<usize>,
    /// Numbers read since.
    passed: Cell<usize>,
}

impl<'a> Numbers<'a> {
    pub(crate) const fn of(text: &'a str) -> Self {
        Self { text, at: Cell::new(0), passed: Cell::new(0) }
    }

    /// A number was read whose text is not asked for.
    pub(crate) fn pass(&self) {
        self.passed.set(self.passed.get().saturating_add(1));
    }

    /// The text of the number that is being read.
    pub(crate) fn take(&self) -> &'a str {
        for _ in 0..self.passed.take() {
            self.next();
        }
        self.next()
    }

    /// The next number behind the last one; empty at the end of the text.
    fn next(&self) -> &'a str {
        let mut rest = self.text.get(self.at.get()..).unwrap_or_default();
        while let Some(at) = rest.find(|letter: char| matches!(letter, '"' | '-' | '0'..='9')) {
            let (_, found) = rest.split_at_checked(at).unwrap_or_default();
            if let Some(inside) = found.strip_prefix('"') {
                rest = behind_string(inside);
                continue;
            }
            let is_part = |letter: char| matches!(letter, '0'..='9' | '-' | '+' | '.' | 'e' | 'E');
            let end = found.find(|letter| !is_part(letter)).unwrap_or(found.len());
            let (number, behind) = found.split_at_checked(end).unwrap_or_default();
            self.at.set(self.text.len().saturating_sub(behind.len()));
            return number;
        }
        self.at.set(self.text.len());
        ""
    }
}

/// What follows a string whose opening quote has been passed.
fn behind_string(mut rest: &str) -> &str {
    while let Some(at) = rest.find(['"', '\\']) {
        let (_, found) = rest.split_at_checked(at).unwrap_or_default();
        if let Some(behind) = found.strip_prefix('"') {
            return behind;
        }
        // A backslash and the letter that it escapes.
        let mut letters = found.chars();
        letters.nth(1);
        rest = letters.as_str();
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_their_order_and_none_in_strings() {
        let text = r#"{"a1":-0,"b\"2":[true,1.50E+3,"\\",7,"4 \\\" 5"],"é":{"c":12345678901234567890}}"#;
        let numbers = Numbers::of(text);
        assert_eq!(numbers.take(), "-0");
        assert_eq!(numbers.take(), "1.50E+3");
        numbers.pass();
        assert_eq!(numbers.take(), "12345678901234567890");
        assert_eq!((numbers.take(), numbers.take()), ("", ""));
    }
}

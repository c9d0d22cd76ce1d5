//! STIX patterns: text to tree and back, and matching over observed data.
//!
//! The journey of a pattern: [`parse`] reads text into a [`Pattern`] (a [typed tree](ast)), refusing what the grammar or
//! the prose of the specification refuses; `Display` prints the canonical text, and parsing that gives an equal tree;
//! [`Pattern::prepare`] compiles it into a [`matching::Prepared`] that is cheap to run over many
//! [`matching::Observations`].
//!
//! A pattern is hostile text: its length, nesting and regular expressions are bounded by [`base::limit`], and nothing
//! here recurses deeper than [`base::limit::PATTERN_DEPTH_MAX`]. This module does not read indicators and does not know
//! when one is valid. Choices where the specification is open stand in `docs/CONFORMANCE.md`, section "Patterns".
//!
//! # Source
//! STIX 2.1 Errata 01, section 9

pub mod ast;
mod fit;
mod lexer;
pub mod matching;
mod octets;
mod parser;
mod print;
mod regex;

pub use ast::Pattern;
pub use fit::Unfit;
pub use parser::SyntaxError;

/// Reads a pattern.
///
/// # Errors
/// The text is not a valid pattern: the error says where and what to do. Nothing is kept.
///
/// # Limits
/// Linear in the text, at most [`base::limit::PATTERN_BYTES_MAX`] bytes and [`base::limit::PATTERN_DEPTH_MAX`] open
/// parentheses.
///
/// # Example
/// ```
/// let pattern = stix::pattern::parse("[ file:size=1 ]").unwrap();
/// assert_eq!(pattern.to_string(), "[file:size = 1]");
/// assert!(stix::pattern::parse("[file:size = 1").is_err());
/// ```
pub fn parse(text: &str) -> Result<Pattern, SyntaxError> {
    parser::parse(text)
}

/// Checks a pattern without keeping it.
///
/// # Errors
/// As [`parse`].
pub fn check(text: &str) -> Result<(), SyntaxError> {
    parser::parse(text).map(drop)
}

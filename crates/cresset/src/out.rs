//! Where answers and words go: data to standard output, words to standard error, progress only to a terminal.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use serde::Serialize;
use stix::quote::is_unseen;

use crate::exit::Failure;

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// For people.
    Words,
    /// One JSON document, or one a line.
    Json,
}

/// Standard output and standard error of one command.
pub(crate) struct Out {
    style: Style,
    stdout: BufWriter<Stdout>,
    /// What was written so far.
    written: Written,
    /// Whether an answer is lines, of which any may be the last.
    in_lines: bool,
}

/// What stands on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Written {
    Nothing,
    /// Whole lines.
    Lines,
    /// Something else: an object, a file.
    Raw,
}

impl Out {
    /// The process's own.
    pub(crate) fn new(style: Style) -> Self {
        let stdout = BufWriter::with_capacity(64 * 1024, io::stdout());
        Self { style, stdout, written: Written::Nothing, in_lines: false }
    }

    /// The answer of this command is lines, each for itself: a failure is one more of them.
    pub(crate) fn answers_in_lines(&mut self) {
        self.in_lines = true;
    }

    /// Whether the answer is to be JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.style == Style::Json
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let line = serde_json::to_vec(value).expect("invariant: answers are JSON");
        self.line(&line)
    }

    /// Writes bytes and ends the line.
    pub(crate) fn line(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.written = self.written.max(Written::Lines);
        self.stdout.write_all(bytes.trim_ascii_end())?;
        self.stdout.write_all(b"\n")?;
        Ok(())
    }

    /// Writes bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.written = Written::Raw;
        Ok(self.stdout.write_all(bytes)?)
    }

    /// Hands on what was written so far, and where answers are JSON a failure as the last line: not behind half an object, nor as a second
    /// document behind an answer that is one.
    pub(crate) fn failure(&mut self, failure: &Failure) -> Result<(), Failure> {
        if self.is_json() && self.takes_a_failure() && !failure.message.is_empty() {
            self.json(&failure.document())?;
        }
        self.flush()
    }

    fn takes_a_failure(&self) -> bool {
        match self.written {
            Written::Nothing => true,
            Written::Lines => self.in_lines,
            Written::Raw => false,
        }
    }

    /// Hands on everything written so far.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.stdout.flush()?)
    }

    /// Writes rows under a head, in columns as wide as their widest cell.
    pub(crate) fn table<const N: usize>(
        &mut self,
        head: [&str; N],
        rows: &[[String; N]],
    ) -> Result<(), Failure> {
        let mut widths = head.map(width);
        for row in rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(cell));
            }
        }
        let head = head.map(str::to_owned);
        for row in std::iter::once(&head).chain(rows) {
            let mut line = String::new();
            for (at, (cell, widest)) in row.iter().zip(widths).enumerate() {
                line.push_str(cell);
                if at + 1 < N {
                    line.extend(std::iter::repeat_n(' ', widest.saturating_sub(width(cell)) + 2));
                }
            }
            self.line(line.as_bytes())?;
        }
        Ok(())
    }
}

/// Columns of a terminal that a text takes: wide letters of East Asian scripts take two.
fn width(text: &str) -> usize {
    text.chars().map(|letter| if matches!(letter, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ff60}') { 2 } else { 1 }).sum()
}

/// A number and its noun, which takes an `s` unless there is one of it.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{s}")
}

/// Writes a sentence to standard error. A closed standard error is nobody's failure.
pub(crate) fn say(sentence: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{sentence}");
}

/// A text from outside, fit for a terminal: control and direction-changing characters shown as what they are.
pub(crate) fn shown(text: &str) -> String {
    if !text.contains(is_unseen) {
        return text.to_owned();
    }
    text.chars()
        .map(
            |letter| if is_unseen(letter) { letter.escape_default().to_string() } else { letter.to_string() },
        )
        .collect()
}

/// A progress bar on standard error when that is a terminal; silent otherwise.
pub(crate) fn progress(total: Option<u64>, what: &'static str) -> indicatif::ProgressBar {
    if !io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let (bar, template) = match total {
        Some(total) => {
            (indicatif::ProgressBar::new(total), "{msg} [{bar:32}] {human_pos}/{human_len} {rate} {eta}")
        }
        None => (indicatif::ProgressBar::new_spinner(), "{spinner} {msg} {human_pos} {rate} {elapsed}"),
    };
    let style = indicatif::ProgressStyle::with_template(template)
        .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar())
        .with_key("rate", |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
            // A bar that cannot be drawn in full is drawn without this part.
            let _ = write!(out, "{:.0}/s", state.per_sec());
        });
    bar.with_style(style).with_message(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_stands_alone_or_behind_lines() {
        for (written, in_lines, takes) in [
            (Written::Nothing, false, true),
            (Written::Lines, false, false),
            (Written::Lines, true, true),
            (Written::Raw, true, false),
        ] {
            let mut out = Out { written, ..Out::new(Style::Json) };
            if in_lines {
                out.answers_in_lines();
            }
            assert_eq!(out.takes_a_failure(), takes, "{written:?} {in_lines}");
        }
    }

    #[test]
    fn hostile_letters_do_not_reach_the_terminal() {
        assert_eq!(shown("a\u{1b}[31m\u{202e}б"), "a\\u{1b}[31m\\u{202e}б");
        assert_eq!(shown("Бледный 苍白"), "Бледный 苍白");
        assert_eq!((width("abc"), width("苍白")), (3, 4));
    }
}

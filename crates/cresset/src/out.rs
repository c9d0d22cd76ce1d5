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
    /// Whether something else than lines was written: an object, a file.
    is_raw: bool,
}

impl Out {
    /// The process's own.
    pub(crate) fn new(style: Style) -> Self {
        Self { style, stdout: BufWriter::with_capacity(64 * 1024, io::stdout()), is_raw: false }
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
        self.stdout.write_all(bytes.trim_ascii_end())?;
        self.stdout.write_all(b"\n")?;
        Ok(())
    }

    /// Writes bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.is_raw = true;
        Ok(self.stdout.write_all(bytes)?)
    }

    /// Hands on what was written so far, and where answers are JSON a failure as the last line: not behind half an object.
    pub(crate) fn failure(&mut self, failure: &Failure) -> Result<(), Failure> {
        if self.is_json() && !self.is_raw && !failure.message.is_empty() {
            self.json(&failure.document())?;
        }
        self.flush()
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
    fn hostile_letters_do_not_reach_the_terminal() {
        assert_eq!(shown("a\u{1b}[31m\u{202e}б"), "a\\u{1b}[31m\\u{202e}б");
        assert_eq!(shown("Бледный 苍白"), "Бледный 苍白");
        assert_eq!((width("abc"), width("苍白")), (3, 4));
    }
}

//! The table of figures: what was measured, what was wanted, and how far the limit of this machine is.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

/// What a figure must reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// Measured for its own sake.
    None,
}

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) target: Target,
    /// More about it: percentiles, bytes.
    pub(crate) detail: String,
    /// The limit of this machine for the same work, in the same unit, and what it is.
    pub(crate) limit: Option<(f64, &'static str)>,
}

impl Figure {
    /// A figure with neither detail nor limit.
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str, target: Target) -> Self {
        Self { name: name.into(), value, unit, target, detail: String::new(), limit: None }
    }

    /// The same with words beside it.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    fn verdict(&self) -> &'static str {
        match self.target {
            Target::AtLeast(wanted) if self.value >= wanted => "met",
            Target::AtMost(wanted) if self.value <= wanted => "met",
            Target::None => "",
            Target::AtLeast(_) | Target::AtMost(_) => "**missed**",
        }
    }

    fn wanted(&self) -> String {
        match self.target {
            Target::AtLeast(wanted) => format!(">= {}", number(wanted)),
            Target::AtMost(wanted) => format!("<= {}", number(wanted)),
            Target::None => String::new(),
        }
    }

    fn limit(&self) -> String {
        match self.limit {
            Some((limit, what)) => {
                format!("{} {what} ({:.0}%)", number(limit), 100.0 * self.value / limit)
            }
            None => String::new(),
        }
    }
}

/// Thousands apart by commas from 1000 on; one or two decimals below.
pub(crate) fn number(value: f64) -> String {
    if value.abs() < 10.0 {
        return format!("{value:.2}");
    }
    if value.abs() < 1000.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The figures as a Markdown table.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut text = String::from(
        "| measure | figure | target | | limit here (how much of it) | |\n|---|---:|---:|---|---|---|\n",
    );
    for figure in figures {
        let row = [
            figure.name.clone(),
            format!("{} {}", number(figure.value), figure.unit),
            figure.wanted(),
            figure.verdict().to_owned(),
            figure.limit(),
            figure.detail.clone(),
        ];
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

/// Puts `text` between `<!-- name -->` and `<!-- end of name -->` of the file at `path`.
pub(crate) fn write_section(path: &Path, name: &str, text: &str) -> Result<()> {
    let old = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) =
        old.split_once(&start).with_context(|| format!("no {start:?} in {}", path.display()))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("no {end:?} in {}", path.display()))?;
    std::fs::write(path, format!("{before}{start}{text}{end}{after}"))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_legible() {
        assert_eq!(number(1_234_567.8), "1,234,568");
        assert_eq!(number(999.4), "999.4");
        assert_eq!(number(0.1234), "0.12");
        assert_eq!(number(1000.0), "1,000");
    }

    #[test]
    fn verdicts_follow_the_target() {
        assert_eq!(Figure::new("a", 2.0, "x", Target::AtLeast(2.0)).verdict(), "met");
        assert_eq!(Figure::new("a", 1.9, "x", Target::AtLeast(2.0)).verdict(), "**missed**");
        assert_eq!(Figure::new("a", 1.9, "x", Target::AtMost(2.0)).verdict(), "met");
    }
}

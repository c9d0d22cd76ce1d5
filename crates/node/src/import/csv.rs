//! Lists with a header line: which column says what, and each line as a draft.
//!
//! Columns are known by their usual names in several vocabularies; those that are not are told by name. A line that cannot become an
//! object gives a refusal that names the line; the others go on. A line that says of itself that it is context (MISP's `to_ids` 0)
//! becomes no object and is counted.
//!
//! Invariant: what a line says about handling is heeded wherever it says so, in a column of its own or as one of several tags, and the
//! strictest counts. What is not understood, or a list cannot carry, refuses the line.

use std::str::FromStr;

use base::Micros;
use base::limit::IMPORT_OBJECTS_MAX;
use handling::Pap;
use stix::{Timestamp, TlpLevel};

use crate::produce::Draft;
use crate::receipts::Unread;

use super::values::{self, Sort};
use super::{ONE_TOO_MANY, Survey};

/// What a column is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    /// The value, of any sort or of one.
    Value(Option<Sort>),
    /// The sort of the value in this line.
    Sort,
    Name,
    Description,
    Confidence,
    ValidFrom,
    ValidUntil,
    Tlp,
    /// Tags: labels, and handling.
    Labels,
    /// Whether the value is one to look for.
    Detect,
    /// Something else: not read.
    Other,
}

/// Names of columns, compared in lower case with `_` for spaces and hyphens.
static NAMES: &[(&str, Column)] = &[
    ("value", Column::Value(None)),
    ("indicator", Column::Value(None)),
    ("ioc", Column::Value(None)),
    ("ioc_value", Column::Value(None)),
    ("observable", Column::Value(None)),
    ("indicator_value", Column::Value(None)),
    ("ip", Column::Value(Some(Sort::Address))),
    ("ip_address", Column::Value(Some(Sort::Address))),
    ("dst_ip", Column::Value(Some(Sort::Address))),
    ("src_ip", Column::Value(Some(Sort::Address))),
    ("cidr", Column::Value(Some(Sort::Address))),
    ("domain", Column::Value(Some(Sort::Domain))),
    ("hostname", Column::Value(Some(Sort::Domain))),
    ("host", Column::Value(None)),
    ("fqdn", Column::Value(Some(Sort::Domain))),
    ("url", Column::Value(Some(Sort::Url))),
    ("hash", Column::Value(Some(Sort::Hash))),
    ("md5", Column::Value(Some(Sort::HashBy("MD5")))),
    ("md5_hash", Column::Value(Some(Sort::HashBy("MD5")))),
    ("sha1", Column::Value(Some(Sort::HashBy("SHA-1")))),
    ("sha1_hash", Column::Value(Some(Sort::HashBy("SHA-1")))),
    ("sha256", Column::Value(Some(Sort::HashBy("SHA-256")))),
    ("sha256_hash", Column::Value(Some(Sort::HashBy("SHA-256")))),
    ("sha512", Column::Value(Some(Sort::HashBy("SHA-512")))),
    ("email", Column::Value(Some(Sort::Email))),
    ("email_address", Column::Value(Some(Sort::Email))),
    ("cve", Column::Value(Some(Sort::Reference))),
    ("cve_id", Column::Value(Some(Sort::Reference))),
    ("cveid", Column::Value(Some(Sort::Reference))),
    ("type", Column::Sort),
    ("ioc_type", Column::Sort),
    ("indicator_type", Column::Sort),
    ("value_type", Column::Sort),
    ("name", Column::Name),
    ("title", Column::Name),
    ("description", Column::Description),
    ("comment", Column::Description),
    ("notes", Column::Description),
    ("confidence", Column::Confidence),
    ("confidence_level", Column::Confidence),
    ("valid_from", Column::ValidFrom),
    ("first_seen", Column::ValidFrom),
    ("valid_until", Column::ValidUntil),
    ("expires", Column::ValidUntil),
    ("expiry", Column::ValidUntil),
    ("expiration", Column::ValidUntil),
    ("tlp", Column::Tlp),
    ("tlp_level", Column::Tlp),
    ("marking", Column::Tlp),
    ("labels", Column::Labels),
    ("tags", Column::Labels),
    ("tag", Column::Labels),
    ("attribute_tag", Column::Labels),
    ("event_tag", Column::Labels),
    ("to_ids", Column::Detect),
];

/// A line that gave no object, or one value of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) code: &'static str,
    pub(crate) path: String,
    pub(crate) message: String,
}

/// Whether the first line that says something names a column of values.
pub(crate) fn has_header(text: &str) -> bool {
    let Some((header, delimiter)) = header_of(text) else { return false };
    let names: Vec<_> = header.split(char::from(delimiter)).collect();
    names.iter().any(|name| matches!(column(name), Column::Value(_)))
        && (names.len() > 1 || !matches!(column(header), Column::Other))
}

/// Names of columns that are told where these are not read.
const COLUMNS_TOLD_MAX: usize = 64;
/// Letters of a column's name that are read and told.
const NAME_CHARS_MAX: usize = 40;

/// The drafts of a list, line by line. `pap` is what is asked of all of them.
pub(crate) fn drafts(text: &str, pap: Pap) -> Box<dyn Iterator<Item = Result<Draft, Unfit>> + Send + '_> {
    match open(text) {
        Some(Ok(list)) => Box::new(list.lines(pap).flat_map(|line| match line {
            Line::Of(drafts) => drafts,
            Line::Context(_) => Vec::new(),
        })),
        Some(Err(unfit)) => Box::new(std::iter::once(Err(unfit))),
        None => Box::new(std::iter::empty()),
    }
}

/// How many drafts and refusals a list holds, and what is passed over in it.
pub(crate) fn survey(text: &str) -> Survey {
    let mut survey = Survey { values: 0, unread: Unread::default() };
    let list = match open(text) {
        Some(Ok(list)) => list,
        refused => return Survey { values: usize::from(refused.is_some()), ..survey },
    };
    survey.unread.columns.clone_from(&list.unread);
    for line in list.lines(Pap::Clear) {
        match line {
            Line::Of(drafts) => survey.values = survey.values.saturating_add(drafts.len()),
            Line::Context(number) => survey.unread.context.note(number),
        }
        if survey.values >= ONE_TOO_MANY {
            break;
        }
    }
    survey
}

/// A list whose header has been read.
struct List<'t> {
    columns: Vec<Column>,
    /// Names of those that are not read.
    unread: Vec<String>,
    reader: csv::Reader<&'t [u8]>,
    /// What the reader reads.
    text: &'t str,
}

/// A line of a list.
enum Line {
    /// What becomes of its values.
    Of(Vec<Result<Draft, Unfit>>),
    /// It says that it is context: its number.
    Context(u64),
}

impl<'t> List<'t> {
    fn lines(self, pap: Pap) -> impl Iterator<Item = Line> + Send + 't {
        let Self { columns, reader, text, .. } = self;
        reader.into_records().map(move |record| match record {
            Ok(record) => {
                let number = record.position().map(|from| line_from(text, from)).unwrap_or_default();
                line(&columns, (&record, number), pap)
            }
            Err(error) => Line::Of(vec![Err(unreadable(&error, text))]),
        })
    }
}

/// A list of more values than one import takes, as lists of no more than that, each with the header; `None` for one that goes whole. Every
/// line keeps its number, by which a refusal names it.
pub(crate) fn parts(text: &str) -> Option<Vec<String>> {
    let List { columns, reader, .. } = open(text)?.ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let values = columns.iter().filter(|column| matches!(column, Column::Value(_))).count();
    let lines = IMPORT_OBJECTS_MAX.checked_div(values)?.max(1);
    if text.lines().count() <= lines {
        return None;
    }
    let starts: Vec<(usize, usize)> =
        reader.into_records().step_by(lines).filter_map(|record| start_of(&record)).collect();
    let (first, first_line) = *starts.first()?;
    let header = text.get(..first)?;
    let ends = starts.iter().skip(1).map(|(byte, _)| *byte).chain([text.len()]);
    let part = |((byte, line), end): (&(usize, usize), usize)| {
        let passed = "#\n".repeat(line.saturating_sub(first_line));
        Some([passed.as_str(), header, text.get(*byte..end)?].concat())
    };
    starts.iter().zip(ends).map(part).collect::<Option<Vec<String>>>().filter(|parts| parts.len() > 1)
}

/// At which byte and in which line a record begins.
fn start_of(record: &Result<csv::StringRecord, csv::Error>) -> Option<(usize, usize)> {
    let position = match record {
        Ok(record) => record.position(),
        Err(error) => error.position(),
    };
    let position = position?;
    Some((usize::try_from(position.byte()).ok()?, usize::try_from(position.line()).ok()?))
}

/// Reads the header of a list; `None` = there is nothing in it.
fn open(text: &str) -> Option<Result<List<'_>, Unfit>> {
    let (_, delimiter) = header_of(text)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new();
    reader.delimiter(delimiter).comment(Some(b'#')).flexible(true).trim(csv::Trim::All);
    let mut reader = reader.from_reader(text.as_bytes());
    let headers = match reader.headers() {
        Ok(headers) => headers,
        Err(error) => return Some(Err(unreadable(&error, text))),
    };
    let columns: Vec<Column> = headers.iter().map(column).collect();
    let unread =
        headers.iter().zip(&columns).filter(|(name, column)| **column == Column::Other && !name.is_empty());
    let unread = unread.map(|(name, _)| name.chars().take(NAME_CHARS_MAX).collect());
    let unread = unread.take(COLUMNS_TOLD_MAX).collect();
    if !columns.iter().any(|column| matches!(column, Column::Value(_))) {
        let message = "no column holds values: name one of them value, ip, domain, url, hash or email";
        let path = format!("line {}", line_from(text, &csv::Position::new()));
        return Some(Err(Unfit { code: "value-unfit", path, message: message.into() }));
    }
    Some(Ok(List { columns, unread, reader, text }))
}

/// The line in which a record stands that the reader sought from a place on: comments and empty lines before it are behind that place, and so
/// is the second half of the end of the line before.
fn line_from(text: &str, from: &csv::Position) -> u64 {
    let mut rest =
        usize::try_from(from.byte()).ok().and_then(|byte| text.as_bytes().get(byte..)).unwrap_or_default();
    let mut line = from.line();
    loop {
        let passed = match rest.first() {
            Some(b'\r') => 1,
            Some(b'\n') => {
                line = line.saturating_add(1);
                1
            }
            Some(b'#') => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
            _ => return line,
        };
        rest = rest.get(passed..).unwrap_or_default();
    }
}

fn unreadable(error: &csv::Error, text: &str) -> Unfit {
    let line = error.position().map(|from| line_from(text, from)).unwrap_or_default();
    Unfit { code: "format-unknown", path: format!("line {line}"), message: error.to_string() }
}

/// The first line that is no comment, and the delimiter that occurs in it most often.
fn header_of(text: &str) -> Option<(&str, u8)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let header = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'))?;
    let count = |delimiter: u8| header.bytes().filter(|byte| *byte == delimiter).count();
    let delimiter = [b'|', b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter))?;
    Some((header, delimiter))
}

fn column(name: &str) -> Column {
    let name = name.trim().trim_matches('"').trim();
    let name: String = name
        .chars()
        .take(NAME_CHARS_MAX)
        .map(|char| if matches!(char, ' ' | '-') { '_' } else { char.to_ascii_lowercase() })
        .collect();
    NAMES.iter().find(|(known, _)| *known == name).map_or(Column::Other, |(_, column)| *column)
}

/// What becomes of one line: a draft for each cell that holds a value.
fn line(columns: &[Column], (record, number): (&csv::StringRecord, u64), pap: Pap) -> Line {
    let cells = || columns.iter().copied().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
    if cells().any(|(column, cell)| column == Column::Detect && yes_or_no(cell) == Some(false)) {
        return Line::Context(number);
    }
    let mut said = Said::default();
    for (column, cell) in cells() {
        if let Err(mut unfit) = said.read(column, cell) {
            unfit.path = format!("line {number}");
            return Line::Of(vec![Err(unfit)]);
        }
    }
    if let Some(tag) = said.pap.filter(|tag| *tag > pap) {
        let message = format!(
            "its tag asks for PAP:{}, which a list cannot carry: import this line by itself with --pap {}",
            tag.name().to_ascii_uppercase(),
            tag.name()
        );
        return Line::Of(vec![Err(unfit("handling-unstated", message, number))]);
    }
    let values = cells().filter_map(|(column, cell)| match column {
        Column::Value(sort) => Some((sort.or(said.sort), cell)),
        _ => None,
    });
    let drafts: Vec<_> = values.map(|(sort, cell)| said.draft(sort, cell, number)).collect();
    if drafts.is_empty() && cells().next().is_some() {
        return Line::Of(vec![Err(unfit("value-unfit", "the line holds no value".into(), number))]);
    }
    Line::Of(drafts)
}

fn yes_or_no(cell: &str) -> Option<bool> {
    match cell.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" => Some(true),
        "0" | "false" | "no" => Some(false),
        _ => None,
    }
}

/// What a tag says behind the name of a scheme of handling: `red` of `TLP:RED`, `tlp-red` or `tlp = "red"`.
fn behind<'t>(tag: &'t str, scheme: &str) -> Option<&'t str> {
    let (name, rest) = tag.split_at_checked(scheme.len())?;
    if !name.eq_ignore_ascii_case(scheme) || rest.starts_with(char::is_alphanumeric) {
        return None;
    }
    Some(rest.trim_matches(|letter: char| !letter.is_alphanumeric()))
}

/// Whether a tag has the name of a scheme of handling for one of its words.
fn names_a_scheme(tag: &str) -> bool {
    let mut words = tag.split(|letter: char| !letter.is_alphanumeric());
    words.any(|word| ["tlp", "pap"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme)))
}

fn unfit(code: &'static str, message: String, line: u64) -> Unfit {
    Unfit { code, path: format!("line {line}"), message }
}

/// What a line says besides its values.
#[derive(Default)]
struct Said {
    sort: Option<Sort>,
    name: Option<String>,
    description: Option<String>,
    confidence: Option<u8>,
    valid_from: Option<Micros>,
    valid_until: Option<Micros>,
    tlp: Option<TlpLevel>,
    pap: Option<Pap>,
    labels: Vec<String>,
}

impl Said {
    fn read(&mut self, column: Column, cell: &str) -> Result<(), Unfit> {
        match column {
            Column::Sort => match Sort::from_str(cell) {
                Ok(sort) => self.sort = Some(sort),
                Err(()) => self.labels.push(cell.to_owned()),
            },
            Column::Name => self.name = Some(cell.to_owned()),
            Column::Description => self.description = Some(cell.to_owned()),
            Column::Confidence => self.confidence = Some(confidence(cell)?),
            Column::ValidFrom => self.valid_from = Some(moment(cell)?),
            Column::ValidUntil => self.valid_until = Some(moment(cell)?),
            Column::Tlp => self.level(cell.parse().map_err(|error| bad("value-unfit", cell, &error))?),
            Column::Labels => {
                let mut tags = cell.split([',', ';', '|']).map(str::trim).filter(|tag| !tag.is_empty());
                tags.try_for_each(|tag| self.tag(tag))?;
            }
            Column::Detect if yes_or_no(cell).is_none() => {
                return Err(bad(
                    "value-unfit",
                    cell,
                    &"whether a value is one to look for is said by 1 or 0",
                ));
            }
            Column::Value(_) | Column::Detect | Column::Other => {}
        }
        Ok(())
    }

    /// Of several levels the strictest counts.
    fn level(&mut self, level: TlpLevel) {
        self.tlp = self.tlp.max(Some(level));
    }

    /// A tag is a label, unless it says how the line is to be handled. One that seems to and is not understood might ask for anything.
    fn tag(&mut self, tag: &str) -> Result<(), Unfit> {
        // A list as programs write it: `["tlp:red", "apt"]`.
        let tag = tag.trim_matches(|letter: char| letter.is_whitespace() || "[](){}<>\"'`".contains(letter));
        if tag.is_empty() {
            return Ok(());
        }
        let level = behind(tag, "tlp").map(str::parse::<TlpLevel>);
        let pap = behind(tag, "pap").map(str::parse::<Pap>);
        match (level, pap) {
            (Some(Ok(level)), _) => self.level(level),
            (_, Some(Ok(pap))) => self.pap = self.pap.max(Some(pap)),
            (Some(Err(error)), _) if tag.contains([':', '=']) => return Err(bad("value-unfit", tag, &error)),
            (_, Some(Err(error))) if tag.contains([':', '=']) => return Err(bad("value-unfit", tag, &error)),
            (None, None) if tag.contains([':', '=']) && names_a_scheme(tag) => {
                return Err(bad("value-unfit", tag, &"it says `tlp` or `pap` in a form that is not known"));
            }
            _ => self.labels.push(tag.to_owned()),
        }
        Ok(())
    }

    fn draft(&self, sort: Option<Sort>, cell: &str, number: u64) -> Result<Draft, Unfit> {
        let Some(about) = values::about(cell, sort, self.name.as_deref()) else {
            let sort = sort.map_or("a value that can be looked up", Sort::description);
            let message = format!("{} is not {sort}", stix::quote::quoted(cell));
            return Err(unfit("value-unfit", message, number));
        };
        if let (Some(from), Some(until)) = (self.valid_from, self.valid_until)
            && until <= from
        {
            return Err(unfit("time-order", "the line ends before it begins".into(), number));
        }
        let mut labels = self.labels.clone();
        values::join(&mut labels, about.labels);
        Ok(Draft {
            description: self.description.clone(),
            confidence: self.confidence,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            labels,
            tlp: self.tlp,
            ..Draft::about(about.subject)
        })
    }
}

fn bad(code: &'static str, cell: &str, why: &dyn std::fmt::Display) -> Unfit {
    Unfit { code, path: String::new(), message: format!("{}: {why}", stix::quote::quoted(cell)) }
}

/// 0 to 100, or the words of the None/Low/Med/High scale (STIX 2.1, appendix A).
fn confidence(cell: &str) -> Result<u8, Unfit> {
    let number = match cell.to_ascii_lowercase().as_str() {
        "none" => Some(0),
        "low" => Some(15),
        "med" | "medium" => Some(50),
        "high" => Some(85),
        text => text.strip_suffix('%').unwrap_or(text).trim().parse().ok().filter(|number| *number <= 100),
    };
    number.ok_or_else(|| {
        bad("number-range", cell, &"a confidence is a number from 0 to 100, or none, low, medium, high")
    })
}

/// RFC 3339 with `Z`, or a date with or without time, taken as UTC.
fn moment(cell: &str) -> Result<Micros, Unfit> {
    let with_t = cell.replacen(' ', "T", 1);
    let text = match (with_t.len(), with_t.ends_with('Z')) {
        (_, true) => with_t,
        (10, false) => format!("{with_t}T00:00:00Z"),
        _ => format!("{}Z", with_t.strip_suffix("+00:00").or(with_t.strip_suffix("TUTC")).unwrap_or(&with_t)),
    };
    Timestamp::parse(&text).map(|timestamp| timestamp.micros()).map_err(|_| {
        bad(
            "timestamp",
            cell,
            &"a moment is written 2024-05-01, 2024-05-01 12:00:00 or 2024-05-01T12:00:00Z (UTC)",
        )
    })
}

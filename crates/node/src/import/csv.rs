//! Lists with a header line: which column says what, and each line as a draft.
//!
//! Columns are known by their usual names in several vocabularies. A line that cannot become an object gives a refusal
//! that names the line; the others go on.

use std::str::FromStr;

use base::Micros;
use stix::{Timestamp, TlpLevel};

use crate::produce::Draft;

use super::values::{self, Sort};

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
    Labels,
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
    ("marking", Column::Tlp),
    ("labels", Column::Labels),
    ("tags", Column::Labels),
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

/// The drafts of a list, line by line.
pub(crate) fn drafts(text: &str) -> Box<dyn Iterator<Item = Result<Draft, Unfit>> + Send + '_> {
    let Some((_, delimiter)) = header_of(text) else { return Box::new(std::iter::empty()) };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new();
    reader.delimiter(delimiter).comment(Some(b'#')).flexible(true).trim(csv::Trim::All);
    let mut reader = reader.from_reader(text.as_bytes());
    let columns: Vec<Column> = match reader.headers() {
        Ok(headers) => headers.iter().map(column).collect(),
        Err(error) => return Box::new(std::iter::once(Err(unreadable(&error)))),
    };
    if !columns.iter().any(|column| matches!(column, Column::Value(_))) {
        let message = "no column holds values: name one of them value, ip, domain, url, hash or email";
        let path = "line 1".to_owned();
        return Box::new(std::iter::once(Err(Unfit { code: "value-unfit", path, message: message.into() })));
    }
    Box::new(reader.into_records().flat_map(move |record| match record {
        Ok(record) => line(&columns, &record),
        Err(error) => vec![Err(unreadable(&error))],
    }))
}

fn unreadable(error: &csv::Error) -> Unfit {
    let line = error.position().map(csv::Position::line).unwrap_or_default();
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
        .take(40)
        .map(|char| if matches!(char, ' ' | '-') { '_' } else { char.to_ascii_lowercase() })
        .collect();
    NAMES.iter().find(|(known, _)| *known == name).map_or(Column::Other, |(_, column)| *column)
}

/// The drafts of one line: one for each cell that holds a value.
fn line(columns: &[Column], record: &csv::StringRecord) -> Vec<Result<Draft, Unfit>> {
    let number = record.position().map(csv::Position::line).unwrap_or_default();
    let cells = || columns.iter().copied().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
    let mut said = Said::default();
    for (column, cell) in cells() {
        if let Err(mut unfit) = said.read(column, cell) {
            unfit.path = format!("line {number}");
            return vec![Err(unfit)];
        }
    }
    let values = cells().filter_map(|(column, cell)| match column {
        Column::Value(sort) => Some((sort.or(said.sort), cell)),
        _ => None,
    });
    let drafts: Vec<_> = values.map(|(sort, cell)| said.draft(sort, cell, number)).collect();
    if drafts.is_empty() && cells().next().is_some() {
        return vec![Err(unfit("value-unfit", "the line holds no value".into(), number))];
    }
    drafts
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
            Column::Tlp => self.tlp = Some(cell.parse().map_err(|error| bad("value-unfit", cell, &error))?),
            Column::Labels => {
                let labels = cell.split([',', ';', '|']).map(str::trim).filter(|label| !label.is_empty());
                self.labels.extend(labels.map(str::to_owned));
            }
            Column::Value(_) | Column::Other => {}
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

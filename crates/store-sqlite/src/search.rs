//! Full-text search, newest first.

use base::limit;
use handling::Viewer;
use index::FingerprintKey;
use rusqlite::{Connection, ToSql};
use store::{Found, LookupRow, SearchRequest};

use crate::cursor::Question;
use crate::error::Done;
use crate::look_up::{row, row_columns};
use crate::sight::{Exact, Sight};
use crate::writer::name_no;

/// Objects whose latest version holds all words; without words, all objects.
pub(crate) fn search(
    connection: &Connection,
    viewer: &Viewer,
    key: &FingerprintKey,
    request: &SearchRequest,
) -> Done<Found> {
    let question = Question::of(&("search", &request.words, request.open_ended, &request.types));
    let place = match &request.next {
        Some(next) => Some(question.place::<1>(key, next)?[0]),
        None => None,
    };
    let Some(sight) = Sight::of(connection, viewer)? else {
        return Ok(Found::default());
    };
    let before = match place {
        None => i64::MAX,
        Some(arrived) => match sight.version_at(connection, arrived)? {
            (version, Exact::Yes) => version,
            (version, Exact::No) => version.saturating_add(1),
        },
    };
    let Some(kinds) = kinds(connection, &request.types)? else {
        return Ok(Found::default());
    };
    let words = query(request);
    if words.is_none() && !request.words.is_empty() {
        return Ok(Found::default());
    }
    let (from, matching, no) = match words {
        Some(_) => ("text q CROSS JOIN version v ON v.no = q.rowid", "q.text MATCH ?2", "q.rowid"),
        None => ("version v", "?2 IS NULL", "v.no"),
    };
    let mut select = connection.prepare_cached(&format!(
        "SELECT {} FROM {from} WHERE {matching} AND {no} < ?3 {kinds} AND {} ORDER BY {no} DESC LIMIT ?4",
        row_columns(&sight),
        sight.latest("v")
    ))?;
    let most = request.limit.clamp(1, limit::PAGE_MAX);
    let own: [&dyn ToSql; 3] = [&words, &before, &i64::try_from(most + 1).unwrap_or(i64::MAX)];
    sight.bind(&mut select, &own)?;
    let mut found: Vec<(i64, LookupRow)> = Vec::new();
    let mut rows = select.raw_query();
    while let Some(next) = rows.next()? {
        found.push((next.get(0)?, row(next)?));
    }
    let more = found.len() > most;
    found.truncate(most);
    let next = match found.last().filter(|_| more) {
        None => None,
        Some((version, _)) => {
            let arrived = sight.arrival_of(connection, *version)?;
            Some(question.cursor(key, &[arrived]))
        }
    };
    Ok(Found { rows: found.into_iter().map(|(_, row)| row).collect(), next })
}

/// The words in the index's own language: each quoted, all of them required.
fn query(request: &SearchRequest) -> Option<String> {
    let words: Vec<String> =
        request.words.iter().flat_map(|word| word.split(parts)).filter_map(quoted).collect();
    let mut text = words.join(" AND ");
    if text.is_empty() {
        return None;
    }
    if request.open_ended {
        text.push('*');
    }
    Some(text)
}

/// Where the index parts words; SQLite counts the Mongolian vowel separator among the spaces.
fn parts(at: char) -> bool {
    at.is_whitespace() || at == '\u{180e}'
}

fn quoted(word: &str) -> Option<String> {
    let word = word.replace('\0', "");
    (!word.is_empty()).then(|| format!("\"{}\"", word.replace('"', "\"\"")))
}

/// The condition on types; `None` where none of the types is held.
fn kinds(connection: &Connection, types: &[String]) -> Done<Option<String>> {
    if types.is_empty() {
        return Ok(Some(String::new()));
    }
    let mut kinds = Vec::new();
    for name in types {
        kinds.extend(name_no(connection, name)?.map(|no| no.to_string()));
    }
    if kinds.is_empty() {
        return Ok(None);
    }
    kinds.sort_unstable();
    Ok(Some(format!("AND v.kind IN ({})", kinds.join(","))))
}

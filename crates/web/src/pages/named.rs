//! One line by which a person recognises an object: its name, or for what has none, such as a relationship, what it is about.

use std::collections::HashMap;

use base::Micros;
use base::limit::LABEL_CHARS_MAX;
use handling::Principal;
use node::{LookUpMatch, Marked, ReadError};
use stix::Json;
use store::StoreError;

use super::words::Row;
use crate::{App, Problem};

/// Properties by which an object is recognised, in this order.
const NAMES: [&str; 9] =
    ["name", "value", "pattern", "relationship_type", "path", "key", "subject", "abstract", "content"];
/// Most letters of one name within a longer line.
const WITHIN_MAX: usize = 80;
/// Longest relationship that is read to say in a list what it is between, in bytes.
const READ_BYTES_MAX: usize = 16 * 1024;

/// The rows of a list.
///
/// # Errors
/// The store failed.
pub(crate) async fn rows(app: &App, who: &Principal, found: &[LookUpMatch]) -> Result<Vec<Row>, Problem> {
    let marks = marks(app, who, found).await?;
    let mut rows = Vec::with_capacity(found.len());
    for one in found {
        let mut row = Row::of(one, marks.get(&version_of(one)));
        if let Some(line) = between(app, who, (&one.id, &row.label), one.added).await? {
            row.label = line;
        }
        rows.push(row);
    }
    Ok(rows)
}

/// What a match is of: an object, and the version of it that was added at that moment. Others may say something else under its identifier.
pub(crate) fn version_of(found: &LookUpMatch) -> (&str, Micros) {
    (&found.id, found.added)
}

/// How what was found is handled, by version.
///
/// # Errors
/// The store failed.
pub(crate) async fn marks<'f>(
    app: &App,
    who: &Principal,
    found: impl IntoIterator<Item = &'f LookUpMatch>,
) -> Result<HashMap<(&'f str, Micros), Marked>, StoreError> {
    let mut versions: Vec<(&str, Micros)> = found.into_iter().map(version_of).collect();
    versions.sort_unstable();
    versions.dedup();
    let marks = app.node().marks(who, &versions).await?.into_inner();
    Ok(versions.into_iter().zip(marks).filter_map(|(version, mark)| Some((version, mark?))).collect())
}

/// The lines of these versions, of which this is known; the id of one that is not there any more.
///
/// # Errors
/// The store failed.
pub(crate) async fn of_versions(
    app: &App,
    who: &Principal,
    versions: &[(&str, Micros)],
    marks: &[Option<Marked>],
) -> Result<Vec<String>, Problem> {
    let mut lines = Vec::with_capacity(versions.len());
    for ((id, added), marked) in versions.iter().zip(marks) {
        let label = marked.as_ref().map(|marked| marked.label.as_str()).filter(|label| !is_blank(label));
        lines.push(match label {
            Some(label) => between(app, who, (id, label), *added).await?.unwrap_or_else(|| label.to_owned()),
            None => (*id).to_owned(),
        });
    }
    Ok(lines)
}

/// The line of an object that is read already.
///
/// # Errors
/// The store failed.
pub(crate) async fn line(app: &App, who: &Principal, id: &str, json: &Json<'_>) -> Result<String, Problem> {
    let named =
        NAMES.iter().find_map(|key| json.get(key).and_then(Json::as_str).filter(|text| !is_blank(text)));
    let own = cut(named.unwrap_or(id), LABEL_CHARS_MAX);
    Ok(about(app, who, (id, &own), json).await?.unwrap_or(own))
}

/// What an object is about, where it says something of others and has no name of its own. A very long one is not read for it.
async fn between(
    app: &App,
    who: &Principal,
    (id, label): (&str, &str),
    added: Micros,
) -> Result<Option<String>, Problem> {
    if !matches!(stix::id::type_of(id), "relationship" | "sighting") {
        return Ok(None);
    }
    let stored = match app.node().object_added(who, id, added).await {
        Ok(stored) => stored.into_inner(),
        // A list is not refused for want of one name.
        Err(ReadError::Store(StoreError::Altered { .. })) => return Ok(None),
        Err(ReadError::Store(error)) => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    if stored.bytes.len() > READ_BYTES_MAX {
        return Ok(None);
    }
    about(app, who, (id, label), &Json::parse(&stored.bytes).unwrap_or(Json::Null)).await
}

async fn about(
    app: &App,
    who: &Principal,
    (id, label): (&str, &str),
    json: &Json<'_>,
) -> Result<Option<String>, Problem> {
    let text = |key: &str| json.get(key).and_then(Json::as_str);
    Ok(match (stix::id::type_of(id), text("source_ref"), text("target_ref"), text("sighting_of_ref")) {
        ("relationship", Some(source), Some(target), _) => {
            let [source, target] = ends(app, who, [source, target]).await?;
            Some(format!("{source} {label} {target}"))
        }
        ("sighting", _, _, Some(seen)) => {
            let [seen] = ends(app, who, [seen]).await?;
            Some(format!("sighting of {seen}"))
        }
        _ => None,
    })
}

/// Names short enough to stand in another's line. What is between others is not followed further.
async fn ends<const N: usize>(app: &App, who: &Principal, ids: [&str; N]) -> Result<[String; N], StoreError> {
    let mut labels = app.node().labels(who, &ids).await?.into_inner().into_iter();
    Ok(ids.map(|id| {
        let label = labels.next().flatten().filter(|label| !is_blank(label));
        cut(label.as_deref().unwrap_or(id), WITHIN_MAX)
    }))
}

/// Whether nothing of a text shows: no heading and no link to a person.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(|letter| {
        letter.is_whitespace()
            || matches!(
                letter,
                '\u{ad}' | '\u{115f}' | '\u{1160}' | '\u{200b}'
                    ..='\u{200d}' | '\u{2060}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            )
    })
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
    }
}

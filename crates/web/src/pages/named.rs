//! One line by which a person recognises an object: its name, or for what has none, such as a relationship, what it is about.

use std::collections::{HashMap, HashSet};

use base::Micros;
use handling::Principal;
use node::{Brief, LookUpMatch, Marked, ReadError};
use stix::Json;
use store::{ListedIn, StoreError, StoredObject};

use super::words::{Reports, Row, object};
use crate::{App, Problem};

/// Most letters of one name within a longer line.
const WITHIN_MAX: usize = 80;
/// Reports named beside one object of a list.
const REPORTS: usize = 3;
/// Objects of a page of which reports are asked for in one question.
const LISTED_AT_ONCE: usize = 500;
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
        if let Some(line) = between(app, who, (&one.id, &one.label), one.added).await? {
            row.label = line;
        }
        rows.push(row);
    }
    say_reports(app, who, found.iter().map(|one| one.id.as_str()).zip(&mut rows).collect()).await?;
    Ok(rows)
}

/// Says of rows in which reports the objects stand, whose identifiers these are. What would take too long is not said, of so many objects as
/// are asked for at once.
///
/// # Errors
/// The store failed.
pub(crate) async fn say_reports(
    app: &App,
    who: &Principal,
    rows: Vec<(&str, &mut Row)>,
) -> Result<(), StoreError> {
    let mut ids: Vec<&str> = rows.iter().map(|(id, _)| *id).collect();
    let mut met = HashSet::new();
    ids.retain(|id| met.insert(*id));
    let mut listed: HashMap<&str, Vec<ListedIn>> = HashMap::new();
    for ids in ids.chunks(LISTED_AT_ONCE) {
        match app.node().listed_in(who, ids, REPORTS + 1).await {
            Ok(found) => listed.extend(ids.iter().copied().zip(found.into_inner())),
            // Nor of the rest: so much is spent once for a page.
            Err(StoreError::TooCostly) => break,
            Err(error) => return Err(error),
        }
    }
    for (id, row) in rows {
        let Some(reports) = listed.get(id) else { continue };
        let name = |one: &ListedIn| (object(&one.id), called(&one.id, &cut(&one.report.label, WITHIN_MAX)));
        row.reports = Reports {
            told: reports.iter().take(REPORTS).map(name).collect(),
            more: (reports.len() > REPORTS)
                .then(|| format!("{}/related?way=in&name=object_refs", object(id))),
        };
    }
    Ok(())
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
        lines.push(match marked {
            Some(marked) => line(app, who, (id, &marked.label), *added).await?,
            None => (*id).to_owned(),
        });
    }
    Ok(lines)
}

/// The line of an object, of which this is told.
///
/// # Errors
/// The store failed.
pub(crate) async fn of_told(
    app: &App,
    who: &Principal,
    (id, told): (&str, &Brief),
) -> Result<String, Problem> {
    line(app, who, (id, &told.label), told.added).await
}

/// The line of an object that is read already: the one that lists have for this very version.
///
/// # Errors
/// The store failed.
pub(crate) async fn of_stored(
    app: &App,
    who: &Principal,
    stored: &StoredObject,
    json: &Json<'_>,
) -> Result<String, Problem> {
    let marks = app.node().marks(who, &[(&stored.id, stored.added)]).await?.into_inner();
    let label = marks.into_iter().flatten().next().map_or_else(|| stored.id.clone(), |marked| marked.label);
    let about = about(app, who, (&stored.id, &label), json).await?;
    Ok(about.unwrap_or_else(|| called(&stored.id, &label)))
}

/// The line of the version of an object that was added then and is labelled so.
async fn line(
    app: &App,
    who: &Principal,
    (id, label): (&str, &str),
    added: Micros,
) -> Result<String, Problem> {
    Ok(between(app, who, (id, label), added).await?.unwrap_or_else(|| called(id, label)))
}

/// What an object with this label is called, everywhere: by its id where the label says nothing. How names of hosts in it are written
/// otherwise is shown in an element of its own ([`both`]): in the name itself anybody could write it.
pub(crate) fn called(id: &str, label: &str) -> String {
    if is_blank(label) || label == stix::id::type_of(id) {
        return id.to_owned();
    }
    label.to_owned()
}

/// The other way of writing of the names of hosts in a text, of those in letters and of those as `xn--`.
pub(crate) fn both(text: &str) -> Option<String> {
    let others = index::other_writings(text);
    (!others.is_empty()).then(|| others.join(", "))
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
    Ok(ids.map(|id| match labels.next().flatten() {
        Some(label) => called(id, &cut(&label, WITHIN_MAX)),
        None => id.to_owned(),
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

/// A text of so many characters at most, marked where it is cut.
pub(crate) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_says_nothing_is_the_id_and_names_of_hosts_are_said_both_ways_apart() {
        let id = "observed-data--00000000-0000-4000-8000-000000000001";
        for (label, told, beside) in [
            ("observed-data", id, None),
            ("\u{200b}", id, None),
            ("Pale Lantern", "Pale Lantern", None),
            ("xn--80ak6aa92e.com", "xn--80ak6aa92e.com", Some("Cyrillic letters: аррӏе.com")),
            ("аррӏе.com", "аррӏе.com", Some("xn--80ak6aa92e.com")),
        ] {
            assert_eq!((called(id, label).as_str(), both(label).as_deref()), (told, beside));
        }
    }
}

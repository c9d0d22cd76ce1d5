//! One line by which a person recognises an object: its name, or for what has none, such as a relationship, what it is about.

use handling::Principal;
use node::{LookUpMatch, ReadError};
use stix::Json;

use super::words::Row;
use crate::{App, Problem};

/// Properties by which an object is recognised, in this order.
const NAMES: [&str; 9] =
    ["name", "value", "pattern", "relationship_type", "path", "key", "subject", "abstract", "content"];
/// Most letters of one name within a longer line.
const WITHIN_MAX: usize = 80;

/// The rows of a list.
///
/// # Errors
/// The store failed.
pub(crate) async fn rows(app: &App, who: &Principal, found: &[LookUpMatch]) -> Result<Vec<Row>, Problem> {
    let mut rows = Vec::with_capacity(found.len());
    for one in found {
        let mut row = Row::of(one);
        if is_between(one.type_name()) {
            row.label = of(app, who, &one.id, None).await?;
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The line of an object in one version, or its latest; its id where it is not held, or not for this reader.
///
/// # Errors
/// The store failed.
pub(crate) async fn of(
    app: &App,
    who: &Principal,
    id: &str,
    version: Option<&str>,
) -> Result<String, Problem> {
    let Some(bytes) = bytes(app, who, id, version).await? else { return Ok(id.to_owned()) };
    line(app, who, id, &Json::parse(&bytes).unwrap_or(Json::Null)).await
}

/// The line of an object that is read already.
///
/// # Errors
/// The store failed.
pub(crate) async fn line(app: &App, who: &Principal, id: &str, json: &Json<'_>) -> Result<String, Problem> {
    let end = async |key: &str| match json.get(key).and_then(Json::as_str) {
        Some(id) => within(app, who, id).await.map(Some),
        None => Ok(None),
    };
    Ok(match stix::id::type_of(id) {
        "relationship" => match (end("source_ref").await?, end("target_ref").await?) {
            (Some(source), Some(target)) => format!("{source} {} {target}", own(json, id)),
            _ => own(json, id).to_owned(),
        },
        "sighting" => match end("sighting_of_ref").await? {
            Some(seen) => format!("sighting of {seen}"),
            None => id.to_owned(),
        },
        _ => own(json, id).to_owned(),
    })
}

/// Whether an object says something of others and has no name of its own.
fn is_between(kind: &str) -> bool {
    matches!(kind, "relationship" | "sighting")
}

/// An object's own name, short enough to stand in another's line. What is between others is not followed further.
async fn within(app: &App, who: &Principal, id: &str) -> Result<String, Problem> {
    let Some(bytes) = bytes(app, who, id, None).await? else { return Ok(id.to_owned()) };
    let json = Json::parse(&bytes).unwrap_or(Json::Null);
    let name = own(&json, id);
    if name.chars().nth(WITHIN_MAX).is_none() {
        return Ok(name.to_owned());
    }
    Ok(name.chars().take(WITHIN_MAX).chain(['…']).collect())
}

async fn bytes(
    app: &App,
    who: &Principal,
    id: &str,
    version: Option<&str>,
) -> Result<Option<bytes::Bytes>, Problem> {
    match app.node().object(who, id, version).await {
        Ok(stored) => Ok(Some(stored.into_inner().bytes)),
        Err(ReadError::Store(error)) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

fn own<'a>(json: &'a Json<'_>, id: &'a str) -> &'a str {
    NAMES.iter().find_map(|key| json.get(key).and_then(Json::as_str)).unwrap_or(id)
}

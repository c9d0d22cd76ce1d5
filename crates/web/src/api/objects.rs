//! Objects, their history and edges, pages of a collection, exports and deletion over the JSON API.
//!
//! Objects travel as the exact bytes that were stored, never parsed and written again.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base::Micros;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use node::{ExportFormat, ExportRequest, HandlingView, Provenance};
use serde::Serialize;
use serde_json::value::RawValue;
use stix::Timestamp;
use stix::timestamp::key_of;
use store::{Direction, EdgeRow, Filter, PageRequest, StoredObject, VersionPick, VersionRow};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::list::List;
use super::params::Params;
use super::passing::Handling;
use super::pour::Poured;
use crate::reply::PLACELESS_BYTES_MAX;
use crate::{App, Caller, Problem};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// One object with what the node knows of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Object {
    /// Object id.
    id: String,
    /// Its type.
    r#type: String,
    /// Its version as TAXII tells it.
    version: String,
    /// When it was first added to a collection the caller may read (RFC 3339).
    added: String,
    /// Ids of those collections.
    collections: Vec<String>,
    /// Whether its latest version is revoked.
    revoked: bool,
    /// Whether its time is still to come.
    not_yet_valid: bool,
    /// From when on it says something (RFC 3339).
    valid_from: Option<String>,
    /// Whether its time is over.
    expired: bool,
    /// From when on it says nothing any more (RFC 3339).
    valid_until: Option<String>,
    /// How it may be passed on.
    #[schema(value_type = Handling)]
    handling: HandlingView,
    /// Where it came from: origin, path, signature, leaf, holders_known.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    provenance: Provenance,
    /// How many versions that you may see contradict it: by another member's word or with another `created` or creator, and with
    /// content that this one never had, or this version with other content; the history tells which.
    contradictions: u64,
    /// Of an observable, how many of its earliest tellings were not looked at for that, as all together are too long.
    #[serde(skip_serializing_if = "is_zero")]
    uncompared: u64,
    /// What the examination found in it.
    #[schema(value_type = Vec<Object>)]
    findings: Box<RawValue>,
    /// The object: its exact bytes.
    #[schema(value_type = Object)]
    object: Box<RawValue>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One version in an object's history.
#[derive(Serialize, ToSchema)]
pub(crate) struct Version {
    /// Version as TAXII tells it.
    version: String,
    /// Id of the collection.
    collection: String,
    /// When it was added there (RFC 3339).
    added: String,
    /// By whose word it stands there, by slug where known; null while the node's member is in no community.
    origin: Option<String>,
    /// Whether this version revokes the object.
    revoked: bool,
    /// Whether it contradicts what was here first: by another member's word or with another `created` or creator, and with content that
    /// the first never had, or the same version with other content.
    contradicts: bool,
    /// SHA-256 of its bytes, hexadecimal.
    sha256: String,
    #[serde(skip)]
    key: String,
}

impl Version {
    fn of(row: VersionRow, origin: Option<String>) -> Self {
        // In which order they stand, whatever is dated anew.
        let key = format!("{} {:020}", key_of(&row.version), row.arrived.0);
        Self {
            version: row.version,
            collection: row.collection,
            added: Timestamp::text_of(row.added),
            origin,
            revoked: row.revoked,
            contradicts: row.contradicts,
            sha256: row.digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            key,
        }
    }
}

/// One edge of an object.
#[derive(Serialize, ToSchema)]
pub(crate) struct Edge {
    /// Relationship type, or the property the reference stands in.
    name: String,
    /// Id of the object at the other end.
    other: String,
    /// A line to recognise it by; null when it is not held here, or not for the caller.
    other_label: Option<String>,
    /// Whether the object at the other end is revoked; null when it is not held here, or not for the caller.
    other_revoked: Option<bool>,
    /// Whether its time is still to come; null as above.
    other_not_yet_valid: Option<bool>,
    /// Whether its time is over; null as above.
    other_expired: Option<bool>,
    /// Id of the relationship object, for edges that are objects themselves.
    through: Option<String>,
    /// Whether the relationship, or the object that the reference stands in, is revoked.
    revoked: bool,
    /// Whether its time is still to come.
    not_yet_valid: bool,
    /// Whether its time is over.
    expired: bool,
}

impl Edge {
    fn of(row: EdgeRow, now: Micros) -> Self {
        let EdgeRow { name, other, other_held, through, standing } = row;
        Self {
            name,
            other,
            other_revoked: other_held.as_ref().map(|end| end.standing.revoked),
            other_not_yet_valid: other_held.as_ref().map(|end| end.standing.not_yet(now)),
            other_expired: other_held.as_ref().map(|end| end.standing.expired(now)),
            other_label: other_held.map(|end| end.label),
            through,
            revoked: standing.revoked,
            not_yet_valid: standing.not_yet(now),
            expired: standing.expired(now),
        }
    }
}

/// A page of objects.
#[derive(Serialize, ToSchema)]
pub(crate) struct Objects {
    /// The objects: their exact bytes.
    #[schema(value_type = Vec<Object>)]
    objects: Vec<serde_json::Value>,
    /// Where to go on; null when nothing remains.
    next: Option<String>,
    /// `date_added` of the first object (RFC 3339).
    first_added: Option<String>,
    /// `date_added` of the last object (RFC 3339).
    last_added: Option<String>,
}

/// What a deletion took away.
#[derive(Serialize, ToSchema)]
pub(crate) struct Deleted {
    /// Versions taken out of the collection.
    versions: u64,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(object))
        .routes(routes!(history))
        .routes(routes!(edges))
        .routes(routes!(objects))
        .routes(routes!(delete_object))
        .routes(routes!(export))
}

/// One object: the latest version, or the one named
#[utoipa::path(get, path = "/api/v1/objects/{id}", tag = "objects",
    params(("id" = String, Path), ("version" = Option<String>, Query)),
    responses((status = 200, body = Object)))]
async fn object(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, Problem> {
    let version = params.one("version")?;
    params.end()?;
    let ask = async || app.node().object(&who, &id, version.as_deref()).await;
    let mut found = ask().await?.into_inner();
    let mut place = None;
    if found.bytes.len() > PLACELESS_BYTES_MAX {
        drop(found);
        place = Some(app.page_place(who.user).await?);
        found = ask().await?.into_inner();
    }
    let handling = app.node().handling_of(found.tlp, &found.places).await?;
    let provenance = app.node().provenance(&who, &found).await?;
    let answer = Json(object_of(&app, found, (handling, provenance))?).into_response();
    Ok(match place {
        Some(place) => place.held(answer),
        None => answer,
    })
}

fn object_of(
    app: &App,
    found: StoredObject,
    (handling, provenance): (HandlingView, Provenance),
) -> Result<Object, Problem> {
    let now = app.node().clock().now();
    let raw = |text: String| {
        RawValue::from_string(text).map_err(|error| Problem::ours("stored-object-unreadable", &error))
    };
    let text = String::from_utf8(found.bytes.to_vec());
    let text = text.map_err(|error| Problem::ours("stored-object-unreadable", &error))?;
    Ok(Object {
        r#type: stix::id::type_of(&found.id).to_owned(),
        id: found.id,
        version: found.version,
        added: Timestamp::text_of(found.added),
        collections: found.collections,
        revoked: found.revoked,
        not_yet_valid: found.starts.is_some_and(|starts| starts > now),
        valid_from: found.starts.map(Timestamp::text_of),
        expired: found.expires.is_some_and(|expires| expires <= now),
        valid_until: found.expires.map(Timestamp::text_of),
        handling,
        provenance,
        contradictions: found.contradictions,
        uncompared: found.uncompared,
        findings: raw(found.findings.unwrap_or_else(|| "[]".to_owned()))?,
        object: raw(text)?,
    })
}

/// Every version of an object, oldest first
#[utoipa::path(get, path = "/api/v1/objects/{id}/history", tag = "objects",
    params(("id" = String, Path), ("limit" = Option<usize>, Query), ("next" = Option<String>, Query)),
    responses((status = 200, body = List<Version>)))]
async fn history(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let place = app.page_place(who.user).await?;
    let rows = app.node().history(&who, &id).await?.into_inner();
    let named = |row: VersionRow| {
        let origin = app.node().word_of(&row.originator);
        Version::of(row, origin)
    };
    let rows: Vec<Version> = rows.into_iter().map(named).collect();
    List::page_in_order(rows, (&id, |row: &Version| row.key.as_str()), params)
        .map(|list| place.held(Json(list).into_response()))
}

/// Relationships and references of an object in one direction, revoked and expired ones too, which are said to be so
#[utoipa::path(get, path = "/api/v1/objects/{id}/edges", tag = "objects",
    params(("id" = String, Path), ("direction" = Option<String>, Query, description = "out (default) or in"),
        ("limit" = Option<usize>, Query), ("next" = Option<String>, Query)),
    responses((status = 200, body = List<Edge>)))]
async fn edges(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, Problem> {
    let direction = match params.one("direction")?.as_deref() {
        None | Some("out") => Direction::Outward,
        Some("in") => Direction::Inward,
        Some(_) => {
            return Err(Problem::bad_request("query-malformed", "direction is out or in").at("direction"));
        }
    };
    let page = (params.limit()?, params.one("next")?);
    params.end()?;
    let place = app.page_place(who.user).await?;
    let (rows, next) = app.node().edges(&who, &id, direction, page).await?.into_inner();
    let now = app.node().clock().now();
    let items: Vec<Edge> = rows.into_iter().map(|row| Edge::of(row, now)).collect();
    Ok(place.held(Json(List { items, next }).into_response()))
}

/// A page of a collection's objects in the order in which they were added
#[utoipa::path(get, path = "/api/v1/collections/{collection}/objects", tag = "objects",
    params(("collection" = String, Path),
        ("added_after" = Option<String>, Query, description = "only what was added after this moment (RFC 3339)"),
        ("type" = Option<Vec<String>>, Query), ("id" = Option<Vec<String>>, Query),
        ("version" = Option<Vec<String>>, Query, description = "last (default), first, all, or a version's moment"),
        ("spec_version" = Option<Vec<String>>, Query),
        ("limit" = Option<usize>, Query), ("next" = Option<String>, Query)),
    responses((status = 200, body = Objects),
        (status = 409, description = "more than one person takes out in a day: a second person is asked")))]
async fn objects(
    State(app): State<App>,
    Caller(who): Caller,
    Path(collection): Path<String>,
    mut params: Params,
) -> Result<Response, Problem> {
    let added_after = match params.one("added_after")? {
        None => None,
        Some(text) => Some(read_moment("added_after", &text)?.micros()),
    };
    let request = PageRequest {
        added_after,
        filter: filter(&mut params)?,
        limit: params.limit()?,
        next: params.one("next")?,
        ..PageRequest::default()
    };
    params.end()?;
    let place = app.page_place(who.user).await?;
    let page = app.node().page_counted(&who, &collection, &request).await?.into_inner();
    let tail = serde_json::json!({
        "next": page.page.next,
        "first_added": page.page.first_added.map(Timestamp::text_of),
        "last_added": page.page.last_added.map(Timestamp::text_of),
    });
    let mut body = Vec::with_capacity(page.objects.len().saturating_add(256));
    body.extend_from_slice(b"{\"objects\":[");
    body.extend_from_slice(&page.objects);
    body.extend_from_slice(b"],");
    body.extend(tail.to_string().bytes().skip(1));
    Ok(place.held(([(CONTENT_TYPE, JSON)], Bytes::from(body)).into_response()))
}

/// Take an object, or some versions of it, out of a collection
#[utoipa::path(delete, path = "/api/v1/collections/{collection}/objects/{id}", tag = "objects",
    params(("collection" = String, Path), ("id" = String, Path), ("version" = Option<Vec<String>>, Query)),
    responses((status = 200, body = Deleted)))]
async fn delete_object(
    State(app): State<App>,
    Caller(who): Caller,
    Path((collection, id)): Path<(String, String)>,
    mut params: Params,
) -> Result<Json<Deleted>, Problem> {
    let filter = filter(&mut params)?;
    params.end()?;
    let deleted = app.node().delete(&who, &collection, &id, &filter).await?;
    Ok(Json(Deleted { versions: deleted.versions }))
}

/// Everything the caller may read, or one collection, as one file
#[utoipa::path(get, path = "/api/v1/export", tag = "objects",
    params(("collection" = Option<String>, Query), ("format" = Option<String>, Query, description = "stix (default) or csv"),
        ("type" = Option<Vec<String>>, Query), ("id" = Option<Vec<String>>, Query),
        ("version" = Option<Vec<String>>, Query), ("spec_version" = Option<Vec<String>>, Query)),
    responses((status = 200, description = "a STIX bundle or CSV", content_type = "application/stix+json;version=2.1"),
        (status = 409, description = "more than one person takes out in a day: a second person is asked")))]
async fn export(
    State(app): State<App>,
    Caller(who): Caller,
    mut params: Params,
) -> Result<Response, Problem> {
    let format: ExportFormat = params.parsed("format", "stix or csv")?.unwrap_or_default();
    let request =
        ExportRequest { collection: params.one("collection")?, filter: filter(&mut params)?, format };
    params.end()?;
    let place = app.page_place(who.user).await?;
    let export = app.node().export(&who, request).await?;
    let body = Poured::start(export).await?;
    let kind = match format {
        ExportFormat::Stix => HeaderValue::from_static("application/stix+json;version=2.1"),
        ExportFormat::Csv => HeaderValue::from_static("text/csv; charset=utf-8"),
    };
    Ok(place.held(([(CONTENT_TYPE, kind)], Body::new(body)).into_response()))
}

fn filter(params: &mut Params) -> Result<Filter, Problem> {
    let versions = params.many("version").into_iter().map(|text| match text.as_str() {
        "last" => Ok(VersionPick::Last),
        "first" => Ok(VersionPick::First),
        "all" => Ok(VersionPick::All),
        // A version is the producer's own text, to its last digit.
        _ => stix::Timestamp::parse(&text)
            .map(|at| VersionPick::Exact(at.sort_key().to_owned()))
            .map_err(|error| not_a_moment("version", &error)),
    });
    Ok(Filter {
        versions: versions.collect::<Result<Vec<_>, _>>()?,
        types: params.many("type"),
        ids: params.many("id"),
        spec_versions: params.many("spec_version"),
    })
}

/// A moment that a caller names (RFC 3339).
pub(crate) fn read_moment(name: &'static str, text: &str) -> Result<stix::Timestamp, Problem> {
    stix::Timestamp::from_rfc3339(text).map_err(|error| not_a_moment(name, &error))
}

fn not_a_moment(name: &'static str, error: &impl std::fmt::Display) -> Problem {
    Problem::bad_request("query-malformed", error.to_string()).at(name)
}

//! Look-up, search, matching and sightings over the JSON API.
//!
//! Look-up is the busiest of them: its question is read without copying the values, and its answer is written once.

use std::borrow::Cow;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use node::{Detail, LookUpAnswer, ObservedMatch, Receipt, SearchQuery, SightRequest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::intake::ObjectReceipt;
use super::list::List;
use super::params::Params;
use crate::{App, Caller, JsonBody, MediumBody, Problem};

/// Bytes of an answer that says "not known", besides the value: what a look-up mostly answers.
const UNKNOWN_BYTES: usize = 48;

/// Values to be looked up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Values<'a> {
    /// At most 10,000; defanged ones (`hxxp`, `[.]`) too.
    #[serde(borrow)]
    #[schema(value_type = Vec<String>)]
    values: Vec<Value<'a>>,
    /// Whether to count the sightings of each match.
    #[serde(default)]
    sightings: bool,
}

/// One value, borrowed from the question unless it was escaped there.
#[derive(Deserialize)]
#[serde(transparent)]
struct Value<'a>(#[serde(borrow)] Cow<'a, str>);

/// What is known about values.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is written by hand")]
pub(crate) struct Answers {
    /// How many of the values are known.
    known: u64,
    /// One for each value, in order.
    answers: Vec<Answer>,
}

/// What is known about one value.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the node's answer")]
pub(crate) struct Answer {
    /// The value as it was asked for.
    value: String,
    /// Whether anything is said of it: a URL on it (`on-host`) says nothing of a host.
    known: bool,
    /// Closest first, then what holds before what is over and that before what was revoked, then newest first; at most 100, and of URLs
    /// on a host at most 5 unless it is asked for alone.
    matches: Vec<Match>,
    /// True where there are, or may be, more matches than are listed; absent otherwise.
    more: Option<bool>,
}

/// One object that has to do with a value.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the node's answer")]
pub(crate) struct Match {
    /// Object id.
    id: String,
    /// Object type.
    r#type: String,
    /// One line a person recognises it by.
    label: String,
    /// exact, range, parent-domain, host, inside or on-host.
    how: String,
    /// Whether it has been revoked.
    revoked: bool,
    /// Whether its time is still to come: nothing may act on it yet.
    not_yet_valid: bool,
    /// From when on it says something (RFC 3339), while that is still to come.
    valid_from: Option<String>,
    /// Whether its time is over.
    expired: bool,
    /// From when on it says nothing any more (RFC 3339).
    valid_until: Option<String>,
    /// 0 to 100.
    confidence: Option<u8>,
    /// When it was added (RFC 3339).
    added: String,
    /// How often it was sighted, where asked for.
    sightings: Option<Sightings>,
}

/// How often an object was sighted.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the node's answer")]
pub(crate) struct Sightings {
    /// Sighting objects.
    reports: u64,
    /// Sum of their counts.
    count: i64,
    /// When last (RFC 3339).
    last_seen: Option<String>,
}

/// Indicators whose patterns match.
#[derive(Serialize, ToSchema)]
pub(crate) struct Observed {
    /// Matches, in the order the indicators were added.
    #[schema(value_type = Vec<PatternMatch>)]
    items: Vec<ObservedMatch>,
    /// Patterns tried.
    tried: u64,
    /// Patterns that ran into a limit: whether they match is not known.
    undecided: u64,
    /// The indicators of the first 100 of them.
    undecided_ids: Vec<String>,
    /// Always null: the answer is whole.
    next: Option<String>,
}

/// One indicator whose pattern matches.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the node's answer")]
pub(crate) struct PatternMatch {
    /// Indicator id.
    id: String,
    /// The observed-data objects of one binding, as indexes in bundle order.
    observations: Vec<usize>,
    /// Whether the indicator has been revoked.
    revoked: bool,
    /// Whether its time is still to come.
    not_yet_valid: bool,
    /// Whether its time is over.
    expired: bool,
    /// From when on it is valid, as its producer wrote it.
    valid_from: Option<String>,
    /// Until when it is valid, as its producer wrote it.
    valid_until: Option<String>,
    /// Whether it was valid when what matches was observed; an observation without usable times counts as made now. Null where a limit
    /// was reached before that was known.
    valid_then: Option<bool>,
}

/// What has been seen.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seen {
    /// A STIX id, or a value that an object here is about.
    of: String,
    /// How often; none = once.
    count: Option<u32>,
    /// When last (RFC 3339); none = now.
    last_seen: Option<String>,
    /// Where the sighting goes, by id or alias; none = a collection that holds the object.
    collection: Option<String>,
    /// The sector of those who saw it, who stay unnamed: `health`, say.
    sector: Option<String>,
    /// Tell everybody whom the object is for, and not its originator alone.
    #[serde(default)]
    to_all: bool,
}

/// What a sighting became.
#[derive(Serialize, ToSchema)]
pub(crate) struct SightingStored {
    /// Id of the first sighting object.
    id: Option<String>,
    /// One for each object that was sighted.
    sightings: Vec<SightingOf>,
}

/// The sighting of one object.
#[derive(Serialize, ToSchema)]
pub(crate) struct SightingOf {
    /// Id of the sighted object.
    of: String,
    /// The receipt of the sighting object.
    #[schema(value_type = ObjectReceipt)]
    receipt: Receipt,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(look_up))
        .routes(routes!(search))
        .routes(routes!(observed))
        .routes(routes!(sight))
}

/// Do we know any of these?
#[utoipa::path(post, path = "/api/v1/lookup", tag = "look-up", request_body = Values,
    responses((status = 200, body = Answers), (status = 413, description = "more than 10,000 values")))]
async fn look_up(
    State(app): State<App>,
    Caller(who): Caller,
    MediumBody(body): MediumBody,
) -> Result<Response, Problem> {
    let place = app.page_place(who.user).await?;
    let asked: Values<'_> = crate::object(&body.bytes)
        .map_err(|error| Problem::bad_request("body-json", format!("this is not a look-up: {error}")))?;
    let values: Vec<&str> = asked.values.iter().map(|value| value.0.as_ref()).collect();
    let detail = if asked.sightings { Detail::Sightings } else { Detail::Brief };
    let answers = app.node().look_up(&who, &values, detail).await?.into_inner();
    let json = HeaderValue::from_static("application/json");
    Ok(place.held(([(CONTENT_TYPE, json)], write(&answers, body.bytes.len())).into_response()))
}

/// Writes the answers; most of them say "not known" and are written without a serialiser's detours.
fn write(answers: &[LookUpAnswer<'_>], asked_bytes: usize) -> Vec<u8> {
    let known = answers.iter().filter(|answer| answer.known).count();
    let mut out = Vec::with_capacity(
        asked_bytes.saturating_add(answers.len().saturating_mul(UNKNOWN_BYTES)).saturating_add(64),
    );
    out.extend_from_slice(format!("{{\"known\":{known},\"answers\":[").as_bytes());
    for (at, answer) in answers.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(b",\n");
        }
        if !answer.matches.is_empty() {
            serde_json::to_writer(&mut out, answer).expect("invariant: an answer is JSON");
            continue;
        }
        out.extend_from_slice(b"{\"value\":");
        serde_json::to_writer(&mut out, answer.value).expect("invariant: a text is JSON");
        out.extend_from_slice(b",\"known\":false,\"matches\":[]}");
    }
    out.extend_from_slice(b"]}");
    out
}

/// Full-text search: first what bears the text as its name or alias, then what has a name that begins with it, then what has all words in its names, then what mentions them; each newest first
#[utoipa::path(get, path = "/api/v1/search", tag = "look-up",
    params(("q" = String, Query), ("type" = Option<Vec<String>>, Query),
        ("open_ended" = Option<bool>, Query, description = "the last word may go on"),
        ("limit" = Option<usize>, Query), ("next" = Option<String>, Query)),
    responses((status = 200, body = List<Match>)))]
async fn search(
    State(app): State<App>,
    Caller(who): Caller,
    mut params: Params,
) -> Result<Response, Problem> {
    let query = SearchQuery {
        text: params.required("q")?,
        open_ended: params.parsed("open_ended", "true or false")?.unwrap_or(false),
        types: params.many("type"),
        limit: params.limit()?,
        next: params.one("next")?,
    };
    params.end()?;
    let place = app.page_place(who.user).await?;
    let page = app.node().search(&who, query).await?.into_inner();
    Ok(place.held(Json(List { items: page.rows, next: page.next }).into_response()))
}

/// Which indicators' patterns match what was observed? Revoked and expired ones, and those whose time is still to come, match too and are said to be so
#[utoipa::path(post, path = "/api/v1/observed", tag = "look-up",
    request_body(content = Object, content_type = "application/json", description = "a STIX bundle"),
    responses((status = 200, body = Observed)))]
async fn observed(
    State(app): State<App>,
    Caller(who): Caller,
    MediumBody(body): MediumBody,
) -> Result<Json<Observed>, Problem> {
    let found = app.node().observed(&who, body.bytes.clone()).await?.into_inner();
    Ok(Json(Observed {
        items: found.matches,
        tried: found.tried,
        undecided: found.undecided,
        undecided_ids: found.undecided_ids,
        next: None,
    }))
}

/// Say that an object or value has been seen
#[utoipa::path(post, path = "/api/v1/sightings", tag = "look-up", request_body = Seen,
    responses((status = 201, body = SightingStored)))]
async fn sight(
    State(app): State<App>,
    Caller(who): Caller,
    JsonBody(seen): JsonBody<Seen>,
) -> Result<(StatusCode, Json<SightingStored>), Problem> {
    let last_seen = seen.last_seen.as_deref().map(stix::Timestamp::parse).transpose();
    let last_seen =
        last_seen.map_err(|error| Problem::bad_request("timestamp", error.to_string()).at("last_seen"))?;
    let request = SightRequest {
        what: seen.of,
        count: seen.count,
        last_seen: last_seen.map(|at| at.micros()),
        collection: seen.collection,
        sector: seen.sector,
        to_all: seen.to_all,
    };
    let sighted = app.node().sight(&who, request).await?;
    let id = sighted.receipts.first().and_then(|receipt| receipt.id.clone());
    let pairs = sighted.of.into_iter().zip(sighted.receipts);
    let sightings = pairs.map(|(of, receipt)| SightingOf { of, receipt }).collect();
    Ok((StatusCode::CREATED, Json(SightingStored { id, sightings })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_reads_as_the_contract_says() {
        let unknown = |value| LookUpAnswer { value, known: false, matches: Vec::new(), more: false };
        let text = write(&[unknown("a\"б"), unknown("")], 10);
        let read: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(
            read,
            serde_json::json!({"known": 0, "answers": [
                {"value": "a\"б", "known": false, "matches": []},
                {"value": "", "known": false, "matches": []},
            ]})
        );
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&write(&[], 0)).unwrap()["answers"],
            serde_json::json!([])
        );
    }
}

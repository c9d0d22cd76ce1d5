//! The ledger over the JSON API: the head, the proof of an object, and whether one head continues another.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use node::ActView;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::list::{List, bad_cursor};
use super::params::Params;
use crate::{App, Caller, Problem};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// The proof that one head continues another.
#[derive(Serialize, ToSchema)]
pub(crate) struct Continuation {
    /// Hashes in standard base64, in the order of RFC 6962, section 2.1.2.
    hashes: Vec<String>,
    /// By which keys heads of this ledger are signed, or were before the member replaced them: `ed25519:` and base64url.
    keys: Vec<String>,
}

/// An act of this member: leaf, kind, at; what a restore has lost has its place alone.
#[derive(Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct Act(ActView);

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(checkpoint))
        .routes(routes!(acts))
        .routes(routes!(continuation))
        .routes(routes!(proof))
        .routes(routes!(leaf_proof))
}

/// The head of the ledger: a C2SP signed note
#[utoipa::path(get, path = "/api/v1/ledger/checkpoint", tag = "node",
    responses((status = 200, description = "a signed note", content_type = "text/plain")))]
async fn checkpoint(State(app): State<App>, Caller(_): Caller) -> Result<Response, Problem> {
    let note = app.node().checkpoint().await?;
    let note = note.ok_or_else(|| Problem::not_found("this node keeps no ledger yet"))?;
    Ok(([(CONTENT_TYPE, TEXT)], note).into_response())
}

/// What this member did and when, newest first, without what it was about; for administrators and auditors
#[utoipa::path(get, path = "/api/v1/ledger/acts", tag = "node",
    params(("limit" = Option<usize>, Query), ("next" = Option<String>, Query)),
    responses((status = 200, body = List<Act>)))]
async fn acts(
    State(app): State<App>,
    Caller(who): Caller,
    mut params: Params,
) -> Result<Json<List<Act>>, Problem> {
    let limit = params.limit()?;
    let before =
        params.one("next")?.map(|cursor| cursor.parse::<u64>().map_err(|_| bad_cursor())).transpose()?;
    params.end()?;
    let mut acts = app.node().acts(&who, before, limit.saturating_add(1)).await?;
    let more = acts.len() > limit;
    acts.truncate(limit);
    let next = acts.last().filter(|_| more).map(|act| act.leaf.to_string());
    Ok(Json(List { items: acts.into_iter().map(Act).collect(), next }))
}

/// The proof that the ledger of one size continues that of a smaller one
#[utoipa::path(get, path = "/api/v1/ledger/consistency", tag = "node",
    params(("old" = u64, Query), ("new" = u64, Query)), responses((status = 200, body = Continuation)))]
async fn continuation(
    State(app): State<App>,
    Caller(_): Caller,
    mut params: Params,
) -> Result<Json<Continuation>, Problem> {
    let missing = |name: &'static str| Problem::bad_request("query-malformed", "a number of leaves").at(name);
    let old = params.parsed("old", "a number of leaves")?.ok_or_else(|| missing("old"))?;
    let new = params.parsed("new", "a number of leaves")?.ok_or_else(|| missing("new"))?;
    params.end()?;
    let hashes = app.node().ledger_consistency(old, new).await?;
    let keys = app.node().ledger_keys().await?;
    Ok(Json(Continuation {
        hashes: hashes.iter().map(ToString::to_string).collect(),
        keys: keys.iter().map(ToString::to_string).collect(),
    }))
}

/// The proof of how an object came in here, or of a member's receipt for it: a C2SP proof file that anyone can verify offline
#[utoipa::path(get, path = "/api/v1/ledger/proofs/{id}", tag = "node",
    params(("id" = String, Path), ("version" = Option<String>, Query), ("receipt" = Option<String>, Query)),
    responses((status = 200, description = "a proof file", content_type = "text/plain")))]
async fn proof(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, Problem> {
    let (version, receipt) = (params.one("version")?, params.one("receipt")?);
    params.end()?;
    let file = match receipt {
        Some(member) => {
            let leaf = app.node().leaf_of(&who, &id, version.as_deref()).await?;
            app.node().prove_receipt(&who, leaf, &member).await?
        }
        None => app.node().prove(&who, &id, version.as_deref()).await?,
    };
    Ok(([(CONTENT_TYPE, TEXT)], file.to_text()).into_response())
}

/// The proof of an act by its place in this node's ledger, or of a member's receipt for it
#[utoipa::path(get, path = "/api/v1/ledger/leaves/{leaf}/proof", tag = "node",
    params(("leaf" = u64, Path), ("receipt" = Option<String>, Query)),
    responses((status = 200, description = "a proof file", content_type = "text/plain")))]
async fn leaf_proof(
    State(app): State<App>,
    Caller(who): Caller,
    Path(leaf): Path<u64>,
    mut params: Params,
) -> Result<Response, Problem> {
    let receipt = params.one("receipt")?;
    params.end()?;
    let file = match receipt {
        Some(member) => app.node().prove_receipt(&who, leaf, &member).await?,
        None => app.node().prove_leaf(&who, leaf).await?,
    };
    Ok(([(CONTENT_TYPE, TEXT)], file.to_text()).into_response())
}

//! Requests for a second person over the JSON API, and what other members told everybody.

use axum::Json;
use axum::extract::{Path, State};
use node::{ApprovalView, NoticeView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::list::List;
use super::params::Params;
use crate::{App, Caller, JsonBody, Problem};

/// A request for a second person: id, deed, words (the deed with every argument), status (pending, granted, refused, alone,
/// holder, broken-glass, expired), requester, asked_with (password, token, directory), asked, expires, decider, decided_with, decided, reason, used, announced (leaf, receipts).
#[derive(Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct Approval(ApprovalView);

/// What a member did without a second person and told everybody: member, leaf, at, deed, reason.
#[derive(Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct Notice(NoticeView);

/// Why a request is refused.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToRefuse {
    /// Why; may be left out.
    #[serde(default)]
    reason: String,
}

/// Why somebody goes ahead without a second person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToBreakGlass {
    /// Why: every member reads it.
    reason: String,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(approvals))
        .routes(routes!(grant))
        .routes(routes!(refuse))
        .routes(routes!(break_glass))
        .routes(routes!(notices))
}

/// Requests for a second person, newest first: all for approvers, administrators and auditors, one's own for others
#[utoipa::path(get, path = "/api/v1/approvals", tag = "approvals",
    params(("limit" = Option<usize>, Query), ("next" = Option<String>, Query)),
    responses((status = 200, body = List<Approval>)))]
async fn approvals(
    State(app): State<App>,
    Caller(who): Caller,
    params: Params,
) -> Result<Json<List<Approval>>, Problem> {
    let found = app.node().approvals(&who).await?.into_iter().map(Approval).collect();
    Ok(Json(List::page(found, |Approval(one)| &one.id, params)?))
}

/// Say yes to what somebody else asked for
#[utoipa::path(post, path = "/api/v1/approvals/{id}/grant", tag = "approvals", params(("id" = String, Path)),
    responses((status = 200, body = Approval), (status = 409, description = "it is answered or has run out")))]
async fn grant(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
) -> Result<Json<Approval>, Problem> {
    Ok(Json(Approval(app.node().grant_approval(&who, &id).await?)))
}

/// Say no to what somebody else asked for
#[utoipa::path(post, path = "/api/v1/approvals/{id}/refuse", tag = "approvals", params(("id" = String, Path)),
    request_body = ToRefuse,
    responses((status = 200, body = Approval), (status = 409, description = "it is answered or has run out")))]
async fn refuse(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<ToRefuse>,
) -> Result<Json<Approval>, Problem> {
    Ok(Json(Approval(app.node().refuse_approval(&who, &id, &body.reason).await?)))
}

/// Go ahead with one's own request without a second person; every member is told
#[utoipa::path(post, path = "/api/v1/approvals/{id}/break-glass", tag = "approvals", params(("id" = String, Path)),
    request_body = ToBreakGlass,
    responses((status = 200, body = Approval), (status = 409, description = "it is answered or has run out")))]
async fn break_glass(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<ToBreakGlass>,
) -> Result<Json<Approval>, Problem> {
    Ok(Json(Approval(app.node().break_glass(&who, &id, &body.reason).await?)))
}

/// What members did without a second person and told everybody, newest first
#[utoipa::path(get, path = "/api/v1/notices", tag = "approvals",
    params(("limit" = Option<usize>, Query), ("next" = Option<String>, Query)),
    responses((status = 200, body = List<Notice>)))]
async fn notices(
    State(app): State<App>,
    Caller(who): Caller,
    params: Params,
) -> Result<Json<List<Notice>>, Problem> {
    let found: Vec<Notice> = app.node().notices(&who).await?.into_iter().map(Notice).collect();
    Ok(Json(List::page(found, |Notice(one)| &one.id, params)?))
}

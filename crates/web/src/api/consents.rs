//! Consents over the JSON API: letting members pass on what is this member's, and taking that back.

use axum::Json;
use axum::extract::{Path, State};
use node::{ConsentGiven, ConsentRequest, ConsentView};
use serde::{Deserialize, Serialize};
use stix::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::list::{List, cursor_of, digest_of};
use super::params::Params;
use crate::{App, Caller, JsonBody, Problem};

/// Whom a consent lets give an object to whom.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToConsent {
    /// Who may pass it on; none = every member that has it now.
    #[serde(default)]
    from: Option<String>,
    /// To whom.
    to: String,
    /// Until when (RFC 3339).
    until: String,
}

/// A token of consent: id, object, originator, who may pass it on, to whom, until when, whether it was taken back.
#[derive(Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct Consent(ConsentView);

/// A consent that was given: the object, id and leaf of the first token, and every token.
#[derive(Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct Consented(ConsentGiven);

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(consent)).routes(routes!(consents)).routes(routes!(revoke))
}

/// Let a member pass on an object of this member to another
#[utoipa::path(post, path = "/api/v1/objects/{id}/consent", tag = "exchange", params(("id" = String, Path)),
    request_body = ToConsent, responses((status = 200, body = Consented)))]
async fn consent(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<ToConsent>,
) -> Result<Json<Consented>, Problem> {
    let until: Timestamp = super::objects::read_moment("until", &body.until)?;
    let until = until.micros();
    let request = ConsentRequest { object: &id, from: body.from.as_deref(), to: &body.to, until };
    Ok(Json(Consented(app.node().consent(&who, request).await?)))
}

/// The consents that this member gave, or was given
#[utoipa::path(get, path = "/api/v1/consents", tag = "exchange",
    params(("limit" = Option<usize>, Query), ("next" = Option<String>, Query)),
    responses((status = 200, body = List<Consent>)))]
async fn consents(
    State(app): State<App>,
    Caller(who): Caller,
    mut params: Params,
) -> Result<Json<List<Consent>>, Problem> {
    let limit = params.limit()?;
    let after = params.one("next")?.map(|cursor| digest_of(&cursor)).transpose()?;
    params.end()?;
    let page = app.node().consents(&who, after, limit).await?;
    let next = page.next.map(|id| cursor_of(&id));
    Ok(Json(List { items: page.consents.into_iter().map(Consent).collect(), next }))
}

/// Take a consent of this member back; what went on before stays where it is
#[utoipa::path(post, path = "/api/v1/consents/{id}/revoke", tag = "exchange", params(("id" = String, Path)),
    responses((status = 200, body = Consent)))]
async fn revoke(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
) -> Result<Json<Consent>, Problem> {
    Ok(Json(Consent(app.node().revoke_consent(&who, &id).await?)))
}

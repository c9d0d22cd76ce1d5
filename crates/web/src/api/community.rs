//! The community over the JSON API: founding, joining, deciding, the registry, circles.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use community::{History, QuorumRule, Word};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use node::{CircleView, CommunityView, FoundRequest, JoinAsk, NewCircle, PendingView, Said};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::list::List;
use super::params::Params;
use crate::{App, Caller, JsonBody, Object, Problem};

/// The community as this node knows it: id, epoch, state hash, members.
#[derive(Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct Community(CommunityView);

/// What waits for a decision: subject, what is asked, approvals and how many it takes.
#[derive(Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct Pending(PendingView);

/// A circle: id, name, owner, version, members.
#[derive(Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct Circle(CircleView);

/// What this node's member says of itself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnWord {
    /// Name of the member in English.
    name: String,
    /// Its names in other languages, by language tag.
    #[serde(default)]
    names: BTreeMap<String, String>,
    /// What people type for it.
    slug: String,
    /// cert, sector, secretariat, observer or partner.
    kind: String,
    /// Where its node answers.
    endpoint: String,
}

impl From<OwnWord> for JoinAsk {
    fn from(member: OwnWord) -> Self {
        let OwnWord { name, names, slug, kind, endpoint } = member;
        Self { name, names, slug, kind, endpoint }
    }
}

/// A community to be founded.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToFound {
    /// Its name.
    name: String,
    /// Approvals that a decision takes; none = all up to three members, all but one beyond.
    approvals: Option<usize>,
    /// The founder: this node's member.
    #[schema(value_type = OwnWord)]
    member: Object<OwnWord>,
}

/// The anchor: what a newcomer needs to find the community and to know it again. Its text, byte for byte, is what `join` takes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the file that is made by `community`")]
pub(crate) struct AnchorFile {
    /// Of what form the file is.
    format: String,
    /// Id of the community.
    community: String,
    /// The founding entry, signed.
    #[schema(value_type = Object)]
    founding: (),
    /// The last decision when the file was made.
    #[schema(value_type = Object)]
    head: (),
    /// When it was made, in microseconds since 1970.
    made_us: i64,
    /// Members to turn to: member, slug, key, endpoint.
    #[schema(value_type = Vec<Object>)]
    doors: Vec<()>,
}

/// A wish to join.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToJoin {
    /// The text of the anchor file.
    anchor: String,
    /// This node's member.
    #[schema(value_type = OwnWord)]
    member: Object<OwnWord>,
}

/// A word on what waits for a decision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToSay {
    /// Slug or id of the member it is about, or its subject.
    about: String,
    /// approve or refuse.
    #[schema(value_type = String)]
    word: Word,
}

/// A proposal about a member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToPropose {
    /// Slug or id of the member.
    member: String,
    /// suspend or reinstate.
    deed: ProposedDeed,
    /// Why.
    #[serde(default)]
    reason: String,
}

/// What is proposed about a member.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProposedDeed {
    /// To put it aside.
    Suspend,
    /// To take it back.
    Reinstate,
}

/// What became of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Outcome {
    /// pending or done.
    status: &'static str,
    /// Id of the member it is about.
    member: Option<String>,
    /// What waits for a decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
}

impl From<Said> for Outcome {
    fn from(said: Said) -> Self {
        Self {
            status: if said.decided { "done" } else { "pending" },
            member: said.member.map(|member| member.to_string()),
            subject: said.subject.map(|subject| subject.to_string()),
        }
    }
}

/// A circle to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CircleToMake {
    /// What this member calls it.
    name: String,
    /// Slugs or ids of its members.
    #[serde(default)]
    members: Vec<String>,
    /// The sector it is for.
    sector: Option<String>,
}

/// Members that come or go.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CircleChange {
    /// Slugs or ids of members to be taken in.
    #[serde(default)]
    add: Vec<String>,
    /// How much of what was shared before they get: from-now or all.
    #[serde(default)]
    #[schema(value_type = String)]
    history: History,
    /// Slugs or ids of members to be taken out.
    #[serde(default)]
    remove: Vec<String>,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(show, create))
        .routes(routes!(anchor))
        .routes(routes!(join))
        .routes(routes!(pending))
        .routes(routes!(say))
        .routes(routes!(propose))
        .routes(routes!(withdraw))
        .routes(routes!(rotate_key))
        .routes(routes!(change_endpoint))
        .routes(routes!(recovery_draft))
        .routes(routes!(recover, cancel_recovery))
        .routes(routes!(registry))
        .routes(routes!(circles, create_circle))
        .routes(routes!(change_circle))
}

/// The community as this node knows it
#[utoipa::path(get, path = "/api/v1/community", tag = "community", responses((status = 200, body = Community)))]
async fn show(State(app): State<App>, Caller(who): Caller) -> Result<Json<Community>, Problem> {
    Ok(Json(Community(app.node().community(&who).await?)))
}

/// Found a community; for administrators
#[utoipa::path(post, path = "/api/v1/community", tag = "community", request_body = ToFound,
    responses((status = 201, body = Community), (status = 409, description = "the node belongs to one")))]
async fn create(
    State(app): State<App>,
    Caller(who): Caller,
    JsonBody(wanted): JsonBody<ToFound>,
) -> Result<(StatusCode, Json<Community>), Problem> {
    let quorum = wanted.approvals.map_or(QuorumRule::AllButOne, QuorumRule::Fixed);
    let request = FoundRequest { name: wanted.name, quorum, member: wanted.member.0.into() };
    app.node().found_community(&who, request).await?;
    Ok((StatusCode::CREATED, Json(Community(app.node().community(&who).await?))))
}

/// The anchor: the one file that a newcomer needs
#[utoipa::path(get, path = "/api/v1/community/anchor", tag = "community",
    responses((status = 200, description = "the file", body = AnchorFile)))]
async fn anchor(State(app): State<App>, Caller(who): Caller) -> Result<Response, Problem> {
    let text = app.node().community_anchor(&who).await?;
    Ok(file("application/json", text))
}

/// Ask to be let into the community of an anchor; for administrators
#[utoipa::path(post, path = "/api/v1/community/join", tag = "community", request_body = ToJoin,
    responses((status = 202, body = Outcome), (status = 409, description = "the node belongs to a community")))]
async fn join(
    State(app): State<App>,
    Caller(who): Caller,
    JsonBody(wanted): JsonBody<ToJoin>,
) -> Result<(StatusCode, Json<Outcome>), Problem> {
    let said = app.node().join_community(&who, &wanted.anchor, &wanted.member.0.into()).await?;
    Ok((StatusCode::ACCEPTED, Json(said.into())))
}

/// What waits for a decision
#[utoipa::path(get, path = "/api/v1/community/pending", tag = "community",
    params(("limit" = Option<usize>, Query), ("next" = Option<String>, Query)),
    responses((status = 200, body = List<Pending>)))]
async fn pending(
    State(app): State<App>,
    Caller(who): Caller,
    params: Params,
) -> Result<Json<List<Pending>>, Problem> {
    let found = app.node().pending(&who).await?.into_iter().map(Pending).collect();
    List::page(found, |pending: &Pending| &pending.0.subject, params).map(Json)
}

/// Approve or refuse what waits for a decision; for administrators
#[utoipa::path(post, path = "/api/v1/community/words", tag = "community", request_body = ToSay,
    responses((status = 200, body = Outcome), (status = 404, description = "nothing waits under this name")))]
async fn say(
    State(app): State<App>,
    Caller(who): Caller,
    JsonBody(said): JsonBody<ToSay>,
) -> Result<Json<Outcome>, Problem> {
    Ok(Json(app.node().say(&who, &said.about, said.word).await?.into()))
}

/// Propose to suspend or reinstate a member, and approve it; for administrators
#[utoipa::path(post, path = "/api/v1/community/proposals", tag = "community", request_body = ToPropose,
    responses((status = 200, body = Outcome)))]
async fn propose(
    State(app): State<App>,
    Caller(who): Caller,
    JsonBody(wanted): JsonBody<ToPropose>,
) -> Result<Json<Outcome>, Problem> {
    let suspend = match wanted.deed {
        ProposedDeed::Suspend => Some(wanted.reason),
        ProposedDeed::Reinstate => None,
    };
    Ok(Json(app.node().propose(&who, &wanted.member, suspend).await?.into()))
}

/// Give notice: the member leaves in 90 days; for administrators
#[utoipa::path(post, path = "/api/v1/community/withdrawal", tag = "community",
    responses((status = 200, body = Outcome)))]
async fn withdraw(State(app): State<App>, Caller(who): Caller) -> Result<Json<Outcome>, Problem> {
    Ok(Json(app.node().withdraw(&who).await?.into()))
}

/// Replace the member's key by a new one; for administrators
#[utoipa::path(post, path = "/api/v1/community/key", tag = "community", responses((status = 200, body = Outcome)))]
async fn rotate_key(State(app): State<App>, Caller(who): Caller) -> Result<Json<Outcome>, Problem> {
    Ok(Json(app.node().rotate_key(&who).await?.into()))
}

/// Where a member's node answers
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEndpoint {
    /// `https://` where the node itself ends TLS for other members, `https+proxy://` where a proxy does, `http://` where nobody
    /// does.
    endpoint: String,
}

/// Tell the others where this member's node answers from now on; for administrators
#[utoipa::path(post, path = "/api/v1/community/endpoint", tag = "community", request_body = NewEndpoint,
    responses((status = 200, body = Outcome)))]
async fn change_endpoint(
    State(app): State<App>,
    Caller(who): Caller,
    JsonBody(body): JsonBody<NewEndpoint>,
) -> Result<Json<Outcome>, Problem> {
    Ok(Json(app.node().change_endpoint(&who, &body.endpoint).await?.into()))
}

/// A recovery of the member's key, to be signed with its recovery key
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecoveryDraft {
    /// The entry, signed with the new key so far.
    entry: String,
}

/// A recovery of the member's key to be signed with its recovery key; for administrators
#[utoipa::path(post, path = "/api/v1/community/recovery/draft", tag = "community",
    responses((status = 200, body = RecoveryDraft)))]
async fn recovery_draft(State(app): State<App>, Caller(who): Caller) -> Result<Json<RecoveryDraft>, Problem> {
    Ok(Json(RecoveryDraft { entry: app.node().recovery_draft(&who).await? }))
}

/// Hand in a recovery signed with the recovery key; for administrators
#[utoipa::path(post, path = "/api/v1/community/recovery", tag = "community", request_body = RecoveryDraft,
    responses((status = 202, body = Outcome)))]
async fn recover(
    State(app): State<App>,
    Caller(who): Caller,
    JsonBody(signed): JsonBody<RecoveryDraft>,
) -> Result<(StatusCode, Json<Outcome>), Problem> {
    let said = app.node().recover_key(&who, &signed.entry).await?;
    Ok((StatusCode::ACCEPTED, Json(said.into())))
}

/// Take a recovery of the member's key back; for administrators
#[utoipa::path(delete, path = "/api/v1/community/recovery", tag = "community", responses((status = 200, body = Outcome)))]
async fn cancel_recovery(State(app): State<App>, Caller(who): Caller) -> Result<Json<Outcome>, Problem> {
    Ok(Json(app.node().cancel_recovery(&who).await?.into()))
}

/// The registry as a snapshot file
#[utoipa::path(get, path = "/api/v1/community/registry", tag = "community",
    responses((status = 200, description = "the file", body = String, content_type = "application/jsonl")))]
async fn registry(State(app): State<App>, Caller(who): Caller) -> Result<Response, Problem> {
    Ok(file("application/jsonl", app.node().registry_snapshot(&who).await?))
}

/// Circles that this node's member keeps or is in
#[utoipa::path(get, path = "/api/v1/circles", tag = "community",
    params(("limit" = Option<usize>, Query), ("next" = Option<String>, Query)),
    responses((status = 200, body = List<Circle>)))]
async fn circles(
    State(app): State<App>,
    Caller(who): Caller,
    params: Params,
) -> Result<Json<List<Circle>>, Problem> {
    let found = app.node().circles(&who).await?.into_iter().map(Circle).collect();
    List::page(found, |circle: &Circle| &circle.0.id, params).map(Json)
}

/// Make a circle; for administrators
#[utoipa::path(post, path = "/api/v1/circles", tag = "community", request_body = CircleToMake,
    responses((status = 201, body = Circle), (status = 409, description = "there is one of this name")))]
async fn create_circle(
    State(app): State<App>,
    Caller(who): Caller,
    JsonBody(wanted): JsonBody<CircleToMake>,
) -> Result<(StatusCode, Json<Circle>), Problem> {
    let CircleToMake { name, members, sector } = wanted;
    let made = app.node().create_circle(&who, NewCircle { name, members, sector }).await?;
    Ok((StatusCode::CREATED, Json(Circle(made))))
}

/// Take members into one of this member's circles, or out of it; for administrators
#[utoipa::path(post, path = "/api/v1/circles/{circle}/members", tag = "community",
    params(("circle" = String, Path)), request_body = CircleChange,
    responses((status = 200, body = Circle), (status = 404, description = "no such circle of this member")))]
async fn change_circle(
    State(app): State<App>,
    Caller(who): Caller,
    Path(circle): Path<String>,
    JsonBody(change): JsonBody<CircleChange>,
) -> Result<Json<Circle>, Problem> {
    let changed = match (change.add.is_empty(), change.remove.is_empty()) {
        (false, true) => app.node().add_to_circle(&who, &circle, &change.add, change.history).await?,
        (true, false) => app.node().remove_from_circle(&who, &circle, &change.remove).await?,
        _ => {
            let detail = "a change takes members in or out, one or the other, and names at least one";
            return Err(Problem::bad_request("circle-change", detail));
        }
    };
    Ok(Json(Circle(changed)))
}

fn file(kind: &'static str, text: String) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
}

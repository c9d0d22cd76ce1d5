//! State, figures, checks and the memory of long jobs over the JSON API.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use node::{Depth, Repair};
use serde::{Deserialize, Serialize};
use store::Difference;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::params::Params;
use crate::certificate::Standing;
use crate::{App, Caller, JsonBody, Problem};

/// Who runs this node, and whether it takes writes.
#[derive(Serialize, ToSchema)]
pub(crate) struct Status {
    /// ok, read-only or recovering.
    #[schema(value_type = String)]
    status: node::Status,
    /// Version of the program.
    version: &'static str,
    /// The member that runs the node.
    member: Option<Member>,
}

/// The member that runs a node.
#[derive(Serialize, ToSchema)]
pub(crate) struct Member {
    /// Id of its STIX identity.
    id: String,
    /// Name.
    name: String,
}

/// How the node stands, with what it holds.
#[derive(Serialize, ToSchema)]
pub(crate) struct NodeState {
    /// ok, read-only or recovering.
    #[schema(value_type = String)]
    status: node::Status,
    /// Why it is not ok, when it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Digest over everything held: equal on two nodes that hold the same.
    state_hash: String,
    /// Objects held.
    objects: u64,
    /// Leaves of the ledger.
    leaves: u64,
}

/// How far a restored node has got back what it lost.
#[derive(Serialize, ToSchema)]
pub(crate) struct Recovering {
    /// none, taking-back or catching-up.
    stage: &'static str,
    /// When it began (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// Members that are waited for.
    awaited: Vec<String>,
    /// Members that have given back everything they had.
    answered: Vec<String>,
    /// Members that are not waited for, on the operator's word.
    without: Vec<String>,
    /// Why each of them is waited for, and what helps.
    waits: Vec<Waiting>,
    /// The backup knows no other member: it waits until one that joined later calls, or for the operator's word that there never
    /// was one.
    alone: bool,
    /// One of them is waited for in vain unless somebody does something.
    stuck: bool,
}

/// Why a restored node waits for a member.
#[derive(Serialize, ToSchema)]
pub(crate) struct Waiting {
    /// The member.
    member: String,
    /// asked, earlier-life, expected, giving, greeting, key-recovering, key-replaced, not-reached, papers, reading, recovers-itself, refused,
    /// refuses, registry-behind, road, suspended or version.
    reason: &'static str,
    /// The same in words, and what helps.
    detail: String,
}

impl From<node::AwaitedMember> for Waiting {
    fn from(one: node::AwaitedMember) -> Self {
        Self { member: one.member, reason: one.reason, detail: one.detail }
    }
}

/// A member that a recovery is not to wait for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeftOut {
    /// The member, by name or id.
    without: String,
}

/// How much there is, as far as the caller may know.
#[derive(Serialize, ToSchema)]
pub(crate) struct Figures {
    /// Objects.
    objects: u64,
    /// Versions.
    versions: u64,
    /// Collections.
    collections: u64,
    /// Objects by type.
    by_type: BTreeMap<String, u64>,
}

/// What an examination found.
#[derive(Serialize, ToSchema)]
pub(crate) struct Examination {
    /// Whether everything is in order.
    ok: bool,
    /// Line by line.
    checks: Vec<Line>,
}

/// One line of an examination.
#[derive(Serialize, ToSchema)]
pub(crate) struct Line {
    /// What was checked.
    name: &'static str,
    /// Whether it is as it should be.
    ok: bool,
    /// What was found, and what to do when it is not.
    detail: String,
}

/// What deriving again brought to light.
#[derive(Serialize, ToSchema)]
pub(crate) struct Rebuilt {
    /// Whether everything derived was as the stored objects say.
    equal: bool,
    /// Digest over everything held.
    state_hash: String,
    /// What differed, and is mended by deriving it again.
    differences: Vec<String>,
    /// Versions whose bytes are not those that were stored: nothing was derived from them, and the last backup has the others.
    damaged: Vec<String>,
}

/// A long job's memory.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Job {
    /// The job's own state; null before it has any.
    #[schema(value_type = Option<Object>)]
    state: Option<serde_json::Value>,
}

/// What a code means.
#[derive(Serialize, ToSchema)]
pub(crate) struct Explanation {
    /// The code.
    code: String,
    /// A sentence or two.
    text: &'static str,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(status))
        .routes(routes!(state))
        .routes(routes!(figures))
        .routes(routes!(recovery, recover_without))
        .routes(routes!(recover_again))
        .routes(routes!(doctor))
        .routes(routes!(rebuild))
        .routes(routes!(job, put_job))
        .routes(routes!(explain))
}

/// Who runs this node, and whether it takes writes
#[utoipa::path(get, path = "/api/v1/status", tag = "node", responses((status = 200, body = Status)))]
async fn status(State(app): State<App>, Caller(_): Caller) -> Result<Json<Status>, Problem> {
    let member = app.node().member().await?.map(|member| Member { id: member.id, name: member.name });
    let (status, _) = app.node().status();
    Ok(Json(Status { status, version: env!("CARGO_PKG_VERSION"), member }))
}

/// Status, digest and size; for administrators and auditors. With `circle` digest and objects are those addressed to it
#[utoipa::path(get, path = "/api/v1/state", tag = "node", params(("circle" = Option<String>, Query)),
    responses((status = 200, body = NodeState)))]
async fn state(
    State(app): State<App>,
    Caller(who): Caller,
    mut params: Params,
) -> Result<Json<NodeState>, Problem> {
    let circle = params.one("circle")?;
    params.end()?;
    let node::State { status, reason, mut state_hash, mut objects, leaves } = app.node().state(&who).await?;
    if let Some(circle) = circle {
        let part = app.node().circle_state(&who, &circle).await?;
        (state_hash, objects) = (part.state_hash, part.objects);
    }
    Ok(Json(NodeState { status, reason, state_hash, objects, leaves }))
}

impl From<node::RecoveryView> for Recovering {
    fn from(view: node::RecoveryView) -> Self {
        let node::RecoveryView { stage, since, awaited, answered, without, waits, alone, stuck } = view;
        let waits = waits.into_iter().map(Waiting::from).collect();
        Self { stage, since, awaited, answered, without, waits, alone, stuck }
    }
}

/// How far a restored node has got back what it lost; for administrators
#[utoipa::path(get, path = "/api/v1/recovery", tag = "node", responses((status = 200, body = Recovering)))]
async fn recovery(State(app): State<App>, Caller(who): Caller) -> Result<Json<Recovering>, Problem> {
    Ok(Json(app.node().recovery(&who).await?.into()))
}

/// Do not wait for a member any longer, at the risk of contradicting what only that member has; for administrators
#[utoipa::path(post, path = "/api/v1/recovery", tag = "node", request_body = LeftOut,
    responses((status = 200, body = Recovering)))]
async fn recover_without(
    State(app): State<App>,
    Caller(who): Caller,
    JsonBody(left): JsonBody<LeftOut>,
) -> Result<Json<Recovering>, Problem> {
    Ok(Json(app.node().recover_without(&who, &left.without).await?.into()))
}

/// Take back once more what a restore has lost, where a member is back that took no part then, or was left out; for administrators
#[utoipa::path(post, path = "/api/v1/recovery/again", tag = "node", responses((status = 200, body = Recovering)))]
async fn recover_again(State(app): State<App>, Caller(who): Caller) -> Result<Json<Recovering>, Problem> {
    Ok(Json(app.node().recover_again(&who).await?.into()))
}

/// How much there is, as far as the caller may know
#[utoipa::path(get, path = "/api/v1/figures", tag = "node", responses((status = 200, body = Figures)))]
async fn figures(State(app): State<App>, Caller(who): Caller) -> Result<Json<Figures>, Problem> {
    let found = app.node().figures(&who).await?.into_inner();
    Ok(Json(Figures {
        objects: found.objects,
        versions: found.versions,
        collections: found.collections,
        by_type: found.by_type.into_iter().collect(),
    }))
}

/// Examine the node; for administrators
#[utoipa::path(get, path = "/api/v1/doctor", tag = "node",
    params(("deep" = Option<bool>, Query, description = "read every object too")),
    responses((status = 200, body = Examination)))]
async fn doctor(
    State(app): State<App>,
    Caller(who): Caller,
    mut params: Params,
) -> Result<Json<Examination>, Problem> {
    let deep = params.parsed("deep", "true or false")?.unwrap_or(false);
    params.end()?;
    let depth = if deep { Depth::Deep } else { Depth::Quick };
    let checks = app.node().doctor(&who, depth).await?;
    let mut checks: Vec<Line> = checks
        .into_iter()
        .map(|check| Line { name: check.name, ok: check.ok, detail: check.detail })
        .collect();
    checks.extend(app.certificate().map(|standing| {
        let ok = matches!(standing, Standing::Holds(_));
        let (Standing::Holds(detail) | Standing::Amiss(detail)) = standing;
        Line { name: "certificate", ok, detail }
    }));
    Ok(Json(Examination { ok: checks.iter().all(|line| line.ok), checks }))
}

/// Derive again what derives from the stored objects, or only compare; for administrators
#[utoipa::path(post, path = "/api/v1/rebuild", tag = "node",
    params(("check" = Option<bool>, Query, description = "compare only")),
    responses((status = 200, body = Rebuilt)))]
async fn rebuild(
    State(app): State<App>,
    Caller(who): Caller,
    mut params: Params,
) -> Result<Json<Rebuilt>, Problem> {
    let check = params.parsed("check", "true or false")?.unwrap_or(false);
    params.end()?;
    let repair = if check { Repair::Compare } else { Repair::Write };
    let found = app.node().rebuild(&who, repair).await?;
    let (mut differences, mut damaged) = (Vec::new(), Vec::new());
    for difference in &found {
        let to = if matches!(difference, Difference::Altered(_)) { &mut damaged } else { &mut differences };
        to.push(difference.to_string());
    }
    let state_hash = app.node().state(&who).await?.state_hash;
    Ok(Json(Rebuilt { equal: found.is_empty(), state_hash, differences, damaged }))
}

/// The memory of one of the caller's long jobs
#[utoipa::path(get, path = "/api/v1/jobs/{name}", tag = "node", params(("name" = String, Path)),
    responses((status = 200, body = Job)))]
async fn job(
    State(app): State<App>,
    Caller(who): Caller,
    Path(name): Path<String>,
) -> Result<Json<Job>, Problem> {
    let state = app.node().job(&who, &name).await?;
    let state = state.map(|text| serde_json::from_str(&text)).transpose();
    let state = state.map_err(|error| Problem::ours("stored-job-unreadable", &error))?;
    Ok(Json(Job { state }))
}

/// Write down the memory of one of the caller's long jobs
#[utoipa::path(put, path = "/api/v1/jobs/{name}", tag = "node", params(("name" = String, Path)),
    request_body = Job, responses((status = 204)))]
async fn put_job(
    State(app): State<App>,
    Caller(who): Caller,
    Path(name): Path<String>,
    JsonBody(job): JsonBody<Job>,
) -> Result<StatusCode, Problem> {
    let state = serde_json::to_string(&job.state).unwrap_or_else(|_| "null".to_owned());
    app.node().put_job(&who, &name, state).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a code means that stood in a message
#[utoipa::path(get, path = "/api/v1/explain/{code}", tag = "node", params(("code" = String, Path)),
    responses((status = 200, body = Explanation)))]
async fn explain(Caller(_): Caller, Path(code): Path<String>) -> Result<Json<Explanation>, Problem> {
    match crate::explain(&code) {
        Some(text) => Ok(Json(Explanation { code, text })),
        None => Err(Problem::not_found("there is no such code")),
    }
}

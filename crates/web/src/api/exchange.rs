//! What this member does towards the others over the JSON API: share, recall, erase; who holds what, and peers.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use node::{CourierReport, HolderView, PeerView, Recalled, ReceiptView, ShareRequest, Shared, Urgency};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::list::List;
use super::params::Params;
use crate::{App, Caller, JsonBody, Problem, RawBody};

/// Longest that an answer waits for receipts, in seconds.
const WAIT_MAX: u64 = 60;
/// Between two looks whether what is waited for has come.
const LOOK: Duration = Duration::from_millis(100);

/// To whom an object is to be given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToShare {
    /// Members and circles, by name or id.
    to: Vec<String>,
    /// Before everything that waits for them.
    #[serde(default)]
    flash: bool,
}

/// Why an object is taken back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToTakeBack {
    /// Why, for those who have it.
    #[serde(default)]
    reason: String,
    /// How long to wait for receipts, in seconds; at most 60.
    #[serde(default)]
    wait: u64,
}

/// How long to wait for peers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToSync {
    /// The member to wait for; none = all.
    member: Option<String>,
    /// How long, in seconds; at most 60.
    #[serde(default)]
    wait: u64,
}

/// What became of sharing: the object, members it is on its way to, those that do not get it with the rule, and, where nothing goes until this
/// member takes part in the community again, `waits` with the code.
#[derive(Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct Sharing(Shared);

/// What became of taking an object back: its act's place in the ledger, a receipt of each member that had it, and, where a recall leaves
/// versions here that nobody was ever given, those (`kept`).
#[derive(Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct TakenBack(Recalled);

/// A member that holds an object of this member, or was to have it: by which rule, since when, and whether it said so (receipt `valid` or
/// `missing`). Of what was called back or erased: who has not confirmed it, with the rule `recalled` or `erased` and, as `taking_back`,
/// `pending` or `refused`.
#[derive(Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct Holder(HolderView);

/// How it stands with a peer: reachable, version, what waits, its last head, gaps, refusals.
#[derive(Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct Peer(PeerView);

/// A file that proves that a member told two stories, by two heads or by two acts for one place.
#[derive(Serialize, ToSchema)]
pub(crate) struct EvidenceFile {
    /// Which one of those kept, from 1, oldest first.
    number: String,
    /// The text of the file, as `cresset verify` takes it.
    file: String,
}

/// What a courier file brought: who sent it, what came of the papers of the community in it, envelopes, those taken, those known before, those
/// refused, and how many wait for what.
#[derive(Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct Carried(CourierReport);

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(share))
        .routes(routes!(recall))
        .routes(routes!(erase))
        .routes(routes!(holders))
        .routes(routes!(peers))
        .routes(routes!(evidence))
        .routes(routes!(sync))
        .routes(routes!(courier_out))
        .routes(routes!(courier_in))
}

/// What waits for a member as one sealed file; without a member for the one whose file came last
#[utoipa::path(get, path = "/api/v1/courier", tag = "exchange", params(("to" = Option<String>, Query)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream")))]
async fn courier_out(
    State(app): State<App>,
    Caller(who): Caller,
    mut params: Params,
) -> Result<Response, Problem> {
    let to = params.one("to")?;
    params.end()?;
    let file = app.node().courier_out(&who, to.as_deref()).await?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))], file).into_response())
}

/// Take a courier file
#[utoipa::path(post, path = "/api/v1/courier", tag = "exchange",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = Carried)))]
async fn courier_in(
    State(app): State<App>,
    Caller(who): Caller,
    request: Request,
) -> Result<Json<Carried>, Problem> {
    let body = RawBody::of(request, &app, app.options().body_bytes_max).await?;
    Ok(Json(Carried(app.node().courier_in(&who, body.bytes.to_vec()).await?)))
}

/// Give an object to members and circles
#[utoipa::path(post, path = "/api/v1/objects/{id}/share", tag = "exchange", params(("id" = String, Path)),
    request_body = ToShare, responses((status = 200, body = Sharing)))]
async fn share(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<ToShare>,
) -> Result<Json<Sharing>, Problem> {
    let urgency = if body.flash { Urgency::Flash } else { Urgency::Routine };
    let request = ShareRequest { object: &id, to: &body.to, urgency };
    Ok(Json(Sharing(app.node().share(&who, request).await?)))
}

/// Call an object of this member back from everybody
#[utoipa::path(post, path = "/api/v1/objects/{id}/recall", tag = "exchange", params(("id" = String, Path)),
    request_body = ToTakeBack, responses((status = 200, body = TakenBack)))]
async fn recall(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<ToTakeBack>,
) -> Result<Json<TakenBack>, Problem> {
    let recalled = app.node().recall(&who, &id, &body.reason).await?;
    with_receipts(&app, recalled, body.wait).await
}

/// Have an object of this member destroyed everywhere, for good
#[utoipa::path(post, path = "/api/v1/objects/{id}/erase", tag = "exchange", params(("id" = String, Path)),
    request_body = ToTakeBack, responses((status = 200, body = TakenBack)))]
async fn erase(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<ToTakeBack>,
) -> Result<Json<TakenBack>, Problem> {
    let erased = app.node().erase(&who, &id, &body.reason).await?;
    with_receipts(&app, erased, body.wait).await
}

async fn with_receipts(app: &App, mut done: Recalled, wait: u64) -> Result<Json<TakenBack>, Problem> {
    done.receipts = receipts_of(app, (&done.acts, done.receipts), wait).await?;
    Ok(Json(TakenBack(done)))
}

/// Waits for the receipts of acts that are still to come, as long as was asked.
pub(super) async fn receipts_of(
    app: &App,
    (acts, mut receipts): (&[u64], Vec<ReceiptView>),
    wait: u64,
) -> Result<Vec<ReceiptView>, Problem> {
    let until = Instant::now() + Duration::from_secs(wait.min(WAIT_MAX));
    let pending = |receipts: &[ReceiptView]| receipts.iter().any(|receipt| receipt.status == "pending");
    while pending(&receipts) && Instant::now() < until {
        tokio::select! {
            () = app.node().exchange_arrived() => {}
            () = sleep(LOOK) => {}
        }
        receipts = app.node().receipts_of(acts).await?;
    }
    Ok(receipts)
}

/// The members that hold an object of this member
#[utoipa::path(get, path = "/api/v1/objects/{id}/holders", tag = "exchange", params(("id" = String, Path)),
    responses((status = 200, body = List<Holder>)))]
async fn holders(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<List<Holder>>, Problem> {
    let holders = app.node().holders(&who, &id).await?.into_iter().map(Holder).collect();
    Ok(Json(List::page(holders, |Holder(holder)| &holder.member, params)?))
}

/// How it stands with the other members
#[utoipa::path(get, path = "/api/v1/peers", tag = "exchange", responses((status = 200, body = List<Peer>)))]
async fn peers(
    State(app): State<App>,
    Caller(who): Caller,
    params: Params,
) -> Result<Json<List<Peer>>, Problem> {
    let peers = app.node().peers(&who).await?.into_iter().map(Peer).collect();
    Ok(Json(List::page(peers, |Peer(peer)| &peer.member, params)?))
}

/// The files that prove that a member told two stories; for administrators and auditors
#[utoipa::path(get, path = "/api/v1/peers/{member}/evidence", tag = "exchange", params(("member" = String, Path)),
    responses((status = 200, body = List<EvidenceFile>)))]
async fn evidence(
    State(app): State<App>,
    Caller(who): Caller,
    Path(member): Path<String>,
    params: Params,
) -> Result<Json<List<EvidenceFile>>, Problem> {
    let held = app.node().evidence(&who, &member).await?.into_iter().enumerate();
    let files =
        held.map(|(at, file)| EvidenceFile { number: at.saturating_add(1).to_string(), file }).collect();
    Ok(Json(List::page(files, |file| &file.number, params)?))
}

/// Meet the other members now, and wait until nothing waits for them
#[utoipa::path(post, path = "/api/v1/peers/sync", tag = "exchange", request_body = ToSync,
    responses((status = 200, body = Vec<Peer>)))]
async fn sync(
    State(app): State<App>,
    Caller(who): Caller,
    JsonBody(body): JsonBody<ToSync>,
) -> Result<Json<Vec<Peer>>, Problem> {
    let until = Instant::now() + Duration::from_secs(body.wait.min(WAIT_MAX));
    let member = match &body.member {
        Some(name) => Some(app.node().peer_named(&who, name).await?),
        None => None,
    };
    // Who may not know of peers has none met.
    app.node().is_behind(&who, member.as_deref()).await?;
    app.node().meet_now();
    loop {
        if Instant::now() >= until || !app.node().is_behind(&who, member.as_deref()).await? {
            let mut peers = app.node().peers(&who).await?;
            peers.retain(|peer| member.as_ref().is_none_or(|member| peer.member == *member));
            return Ok(Json(peers.into_iter().map(Peer).collect()));
        }
        tokio::select! {
            () = app.node().exchange_arrived() => {}
            () = sleep(LOOK) => {}
        }
    }
}

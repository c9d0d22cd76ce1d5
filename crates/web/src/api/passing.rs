//! How objects may be passed on: asked for when they come in, shown with them, narrowed, and explained.

use axum::Json;
use axum::extract::{Path, State};
use handling::{Action, Control, Pap, Purpose, Purposes};
use node::{Judged, Narrowed, Options, ReceiptView, SimulateRequest, Urgency};
use serde::Serialize;
use stix::TlpLevel;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::exchange::receipts_of;
use super::params::Params;
use crate::{App, Caller, MediumBody, Problem};

/// The handling that a request asks for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `passing` reads")]
pub(crate) struct Passing {
    /// TLP level: clear, green, amber, amber+strict, red. An object's own stricter marking holds.
    tlp: Option<String>,
    /// PAP level: clear, green, amber, red.
    pap: Option<String>,
    /// For these besides the caller, and nobody else: user:NAME, or a member or a circle by name or key id.
    to: Option<Vec<String>>,
    /// Whether the originator is asked before it goes on.
    originator_control: Option<bool>,
    /// Until then only for the persons named (RFC 3339).
    embargo_until: Option<String>,
    /// From then on for nobody (RFC 3339).
    retain_until: Option<String>,
    /// Only for these purposes: awareness, defence, sharing.
    purpose: Option<Vec<String>>,
    /// Whether other members are given it before everything that waits for them.
    flash: Option<bool>,
}

/// Reads the handling that a request asks for.
pub(crate) fn passing(params: &mut Params) -> Result<Options, Problem> {
    let mut moment = |name| match params.one(name)? {
        None => Ok(None),
        Some(text) => super::objects::read_moment(name, &text).map(|at| Some(at.micros())),
    };
    let (embargo_until, retain_until) = (moment("embargo_until")?, moment("retain_until")?);
    let controlled: Option<bool> = params.parsed("originator_control", "true or false")?;
    let flash: Option<bool> = params.parsed("flash", "true or false")?;
    Ok(Options {
        tlp: params.parsed::<TlpLevel>("tlp", "one of clear, green, amber, amber+strict, red")?,
        pap: params.parsed::<Pap>("pap", "one of clear, green, amber, red")?,
        to: params.many("to"),
        control: if controlled == Some(true) { Control::Originator } else { Control::Free },
        embargo_until,
        retain_until,
        purposes: purposes(&params.many("purpose"))?,
        strict: false,
        urgency: if flash == Some(true) { Urgency::Flash } else { Urgency::Routine },
    })
}

fn purposes(names: &[String]) -> Result<Option<Purposes>, Problem> {
    if names.is_empty() {
        return Ok(None);
    }
    let read = names.iter().map(|name| {
        let found = Purpose::ALL.into_iter().find(|purpose| purpose.name() == name.as_str());
        found.ok_or_else(|| {
            Problem::bad_request("query-malformed", "a purpose is one of awareness, defence, sharing")
                .at("purpose")
        })
    });
    Ok(Some(Purposes::of(read.collect::<Result<Vec<_>, _>>()?)))
}

/// How an object may be passed on.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the node's view of handling rules")]
pub(crate) struct Handling {
    /// TLP level; null = unmarked, which is handled as amber+strict.
    tlp: Option<String>,
    /// The TLP level it is handled as, marked or not.
    handled_as: String,
    /// PAP level.
    pap: String,
    /// To whom it is addressed: every list holds somebody who may have it. Empty = everybody.
    to: Vec<Vec<String>>,
    /// Where only named persons may see it: who they are.
    named: Option<Vec<String>>,
    /// Whose word it is: here, a member, or nobody where several speak.
    originator: String,
    /// Whether the originator is asked before it goes on.
    originator_control: bool,
    /// Until then it is for the persons named only (RFC 3339).
    embargo_until: Option<String>,
    /// From then on it is for nobody (RFC 3339).
    retain_until: Option<String>,
    /// What it may be used for.
    purposes: Vec<String>,
    /// Whether a marking is not known here yet: until it is, nothing leaves the node and no machine acts on it.
    marking_awaited: bool,
    /// Which marking definitions are not, as far as they have a name; absent where that is none.
    awaits: Option<Vec<String>>,
}

/// A decision.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the node's answer")]
pub(crate) struct DecisionTold {
    /// The object.
    id: Option<String>,
    /// Of a stored object: which version of it this is about. Where several stand side by side under the id, one that reaches, if any does.
    version: Option<String>,
    /// allow or refuse.
    decision: String,
    /// The rule that decided.
    rule: String,
    /// On what it rests, or everything that speaks against it.
    reasons: Vec<String>,
    /// Where other members may have an object of this member's: whether it is with all of them, on its way there or kept for them. false:
    /// `share` gives it to them, or, of a file, naming them with `to`. Absent of refusals, of people here, and of others' objects.
    shared: Option<bool>,
    /// Of a file: the same of what would be left of the object without its more strictly marked parts, with an id of its own; absent where that is
    /// nothing.
    #[schema(value_type = Option<Object>)]
    view: Option<()>,
}

/// Decisions about the objects of a file.
#[derive(Serialize, ToSchema)]
pub(crate) struct Simulated {
    /// One for each object; nothing has been stored.
    #[schema(value_type = Vec<DecisionTold>)]
    judged: Vec<Judged>,
}

/// What a narrowing did.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the node's answer")]
pub(crate) struct NarrowedTold {
    /// The object.
    id: String,
    /// Versions here that are under stricter rules now, its redacted view's among them; 0 = they were under these or stricter ones
    /// already.
    versions: u64,
    /// Whether others were told something new: stricter rules, or that consents of before end.
    told: bool,
    /// The act that tells those who hold it; where nothing changed, that of the last narrowing.
    leaf: Option<u64>,
    /// One for each member that holds it: member, status (done, pending, refused), at, signature, rule.
    #[schema(value_type = Vec<Object>)]
    receipts: Vec<ReceiptView>,
    /// Of the object and what is left of it without its more strictly marked parts: the id of the one that stays as it was, for others were
    /// given something of it that the caller does not know of; absent where there is none.
    besides: Option<Vec<String>>,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(why)).routes(routes!(simulate)).routes(routes!(narrow))
}

/// Whether somebody may do something with an object, and why or why not
#[utoipa::path(get, path = "/api/v1/objects/{id}/why", tag = "objects",
    params(("id" = String, Path),
        ("for" = String, Query, description = "user:NAME, a member or circle, client:MEMBER, automation, anyone"),
        ("action" = Option<String>, Query, description = "see, search, count, export, pass-on, act"),
        ("version" = Option<String>, Query, description = "Of this version, as the history names it; without it, of all that stand side by side")),
    responses((status = 200, body = DecisionTold)))]
async fn why(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Judged>, Problem> {
    let (recipient, action) = about(&mut params)?;
    let version = params.one("version")?;
    params.end()?;
    let judged = app.node().why(&who, (&id, version.as_deref()), &recipient, action).await?;
    Ok(Json(judged.into_inner()))
}

/// Whether the objects of a file would reach somebody if they were brought in; nothing is stored
#[utoipa::path(post, path = "/api/v1/collections/{collection}/simulate", tag = "objects",
    params(("collection" = String, Path), Passing,
        ("for" = String, Query, description = "user:NAME, a member or circle, client:MEMBER, automation, anyone"),
        ("action" = Option<String>, Query, description = "see, search, count, export, pass-on, act")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = Simulated)))]
async fn simulate(
    State(app): State<App>,
    Caller(who): Caller,
    Path(collection): Path<String>,
    mut params: Params,
    MediumBody(body): MediumBody,
) -> Result<Json<Simulated>, Problem> {
    let (recipient, action) = about(&mut params)?;
    let options = passing(&mut params)?;
    params.end()?;
    let request = SimulateRequest {
        collection: &collection,
        bytes: body.bytes.clone(),
        options,
        recipient: &recipient,
        action,
    };
    Ok(Json(Simulated { judged: app.node().simulate(&who, request).await?.into_inner() }))
}

/// Put an object under stricter rules, wherever it stands and the caller may write
#[utoipa::path(post, path = "/api/v1/objects/{id}/narrow", tag = "objects",
    params(("id" = String, Path), Passing,
        ("wait" = Option<u64>, Query, description = "How long to wait for receipts, in seconds; at most 60")),
    responses((status = 200, body = NarrowedTold)))]
async fn narrow(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Narrowed>, Problem> {
    let options = passing(&mut params)?;
    let wait: Option<u64> = params.parsed("wait", "a number of seconds")?;
    params.end()?;
    let mut done = app.node().narrow(&who, &id, options).await?;
    done.receipts = receipts_of(&app, (&done.acts, done.receipts), wait.unwrap_or_default()).await?;
    Ok(Json(done))
}

fn about(params: &mut Params) -> Result<(String, Option<Action>), Problem> {
    let recipient = params.required("for")?;
    Ok((recipient, params.parsed("action", "one of see, search, count, export, pass-on, act")?))
}

//! Files coming in over the JSON API: one receipt per object.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use node::{Format, ImportRequest, Options, Outcome, Receipt, Summary};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::params::Params;
use super::passing::{Passing, passing};
use crate::{App, Caller, Problem, RawBody};

/// What an import did.
#[derive(Serialize, ToSchema)]
pub(crate) struct Imported {
    /// One for each object, in the order of the file.
    #[schema(value_type = Vec<ObjectReceipt>)]
    receipts: Vec<Receipt>,
    /// How many ended which way.
    #[schema(value_type = Counts)]
    summary: Summary,
}

/// What became of one object.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the node's receipt")]
pub(crate) struct ObjectReceipt {
    /// Its id, as far as it could be read.
    id: Option<String>,
    /// Its version as TAXII tells it.
    version: Option<String>,
    /// accepted, known, newer, older or refused.
    outcome: String,
    /// Stable code of the reason.
    code: Option<String>,
    /// Why it was refused, or what is to be said of how it was taken or is handled.
    reason: Option<String>,
    /// inherited: it is under the stricter rules of another version held here; narrowed: it was here already and is under what was
    /// asked for besides from now on; given: it was here already and is given to those named besides; kept: it was here already and its
    /// rules were not changed. Absent: as was asked.
    handling: Option<String>,
    /// What the examination found; and as a warning what it contradicts (`created-changed`, `creator-changed`) and stands beside.
    findings: Option<Vec<FindingLine>>,
}

/// One finding.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the node's receipt")]
pub(crate) struct FindingLine {
    /// warning, error or fatal.
    severity: String,
    /// Stable code.
    code: String,
    /// Where, as in STIX selectors.
    path: String,
    /// One sentence.
    message: String,
}

/// How many ended which way.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the node's summary")]
pub(crate) struct Counts {
    /// All.
    total: u64,
    /// First versions, of objects or of lineages of theirs.
    accepted: u64,
    /// Known already.
    known: u64,
    /// Newer versions.
    newer: u64,
    /// Older versions.
    older: u64,
    /// Not stored.
    refused: u64,
    /// Of these: kept beside what stands longest under their identifiers, which they contradict; absent where 0.
    beside: Option<u64>,
    /// Of these: under the stricter rules of another version; absent where 0.
    inherited: Option<u64>,
    /// Of these: known, and under stricter rules from now on; absent where 0.
    narrowed: Option<u64>,
    /// Of these: known by another member's word, whose handling was to be changed and was not; absent where 0.
    not_ours: Option<u64>,
    /// Of these: known by another member's word, with which it goes; absent where 0.
    anothers: Option<u64>,
    /// Of these: known, and given to other members besides; absent where 0.
    given: Option<u64>,
    /// Of these: refused to some of the members that were named; how many by which rule. Absent where there are none.
    #[schema(value_type = Option<Object>)]
    withheld: Option<()>,
    /// Of these: to be given to some of those named when what is in the way has passed, an embargo say; how many by which rule. Absent where
    /// there are none.
    #[schema(value_type = Option<Object>)]
    later: Option<()>,
    /// Of these: kept with errors of their own, and never acted on; absent where 0.
    with_errors: Option<u64>,
    /// How many of those have which error, by its code; absent where there are none.
    #[schema(value_type = Option<Object>)]
    errors: Option<()>,
    /// Of a list or a text: what was passed over and has no receipt; absent where nothing was.
    unread: Option<Unread>,
}

/// What was passed over in a list or a text; what there is none of is absent.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the node's summary")]
pub(crate) struct Unread {
    /// Columns that are not read, by their names.
    columns: Option<Vec<String>>,
    /// Lines that say of themselves that they are context (`to_ids` 0), and nothing to look for.
    context: Option<Lines>,
    /// Lines of a text in which no value was recognised.
    without_value: Option<Lines>,
}

/// Lines of a file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the node's summary")]
pub(crate) struct Lines {
    /// How many.
    count: u64,
    /// The first of them, from 1.
    first: u64,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(import))
}

/// Bring a file in
#[utoipa::path(post, path = "/api/v1/collections/{collection}/import", tag = "objects",
    params(("collection" = String, Path),
        ("format" = Option<String>, Query, description = "auto (default), stix, stix20, csv, text"),
        Passing, ("strict" = Option<bool>, Query)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = Imported)))]
async fn import(
    State(app): State<App>,
    Caller(who): Caller,
    Path(collection): Path<String>,
    mut params: Params,
    request: Request,
) -> Result<Response, Problem> {
    let format: Format =
        params.parsed("format", "one of auto, stix, stix20, csv, text, misp, csaf")?.unwrap_or_default();
    let strict = params.parsed("strict", "true or false")?.unwrap_or(false);
    let options = Options { strict, ..passing(&mut params)? };
    params.end()?;
    // Whoever may not put anything here need not send it first.
    app.node().may_accept(&who, &collection).await?;
    let body = RawBody::of(request, &app, app.options().body_bytes_max).await?;
    let mut receipts: Vec<Receipt> = Vec::new();
    let request = ImportRequest { collection: &collection, bytes: body.bytes.clone(), format, options };
    let outcome = app.node().import(&who, request, &mut |some| receipts.extend(some)).await;
    match outcome {
        Ok(summary) => {
            for (name, count) in [("accepted", summary.accepted), ("refused", summary.refused)] {
                app.metrics().received(name, count);
            }
            Ok(Json(Imported { receipts, summary }).into_response())
        }
        Err(error) => {
            let stored = receipts.iter().filter(|receipt| receipt.outcome != Outcome::Refused).count();
            let problem = Problem::from(error);
            if stored == 0 {
                return Err(problem);
            }
            let said = format!("{stored} objects were stored before this; send the rest again");
            Err(problem.and(&said))
        }
    }
}

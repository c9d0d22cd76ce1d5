//! The ledger's addresses: the signed head and tiles of hashes, as C2SP tlog-tiles names them.
//!
//! The member is a witness of the others' ledgers as well: whoever brings a head of one and a proof that it continues the one
//! cosigned last is given a cosignature (C2SP tlog-witness; the submission prefix is the node's address and `/ledger`).
//!
//! For who signs in here and for other members' nodes, so that any member may mirror and witness; for everyone where the
//! operator says so. A tile says how many acts there are and nothing of what was done. The acts themselves (entry bundles) are
//! not served.

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use ledger::tile::TilePath;
use ledger::witness::Verdict;

use crate::federation::NOBODY;
use crate::{App, Caller, Came, LedgerReaders, Problem, body, caller, road, strangers};

/// Largest request to cosign, in bytes: a checkpoint with many lines under it, and a proof.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// A tile never changes.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const FOR_EVER_HERE: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
/// For whom a request is answered: asking for it in a handler is what keeps others out.
struct Reader;

impl FromRequestParts<App> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if app.options().ledger_readers == LedgerReaders::Everyone {
            return Ok(Self);
        }
        let trail = caller::trail(parts)?;
        if let Came::AsMember(shown) = &trail.road
            && road::caller(app, shown).await.is_some()
        {
            return Ok(Self);
        }
        Caller::from_request_parts(parts, app).await.map(|Caller(_)| Self)
    }
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/ledger/checkpoint", get(checkpoint))
        .route("/ledger/tile/{*path}", get(tile))
        .route("/ledger/add-checkpoint", post(add_checkpoint))
}

/// The head signed last.
async fn checkpoint(State(app): State<App>, _: Reader) -> Result<Response, Problem> {
    let note = app.node().checkpoint().await?;
    let note = note.ok_or_else(|| Problem::not_found("this node keeps no ledger yet"))?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], note).into_response())
}

/// Cosigns a head, or says why not. What is cosigned is on disk before the answer goes out.
async fn add_checkpoint(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (parts, stream) = request.into_parts();
    let trail = caller::trail(&parts)?;
    strangers::bounded(&app, &trail, cosigned(&app, parts, stream)).await
}

async fn cosigned(app: &App, mut parts: Parts, stream: Body) -> Result<Response, Problem> {
    // It tells how far the others' ledgers are.
    Reader::from_request_parts(&mut parts, app).await?;
    let asked = body::read(app, &parts.headers, stream, (NOBODY, REQUEST_BYTES_MAX)).await?;
    let verdict = app.node().witness(&asked.bytes).await?.ok_or_else(|| {
        let detail = "this node takes back what a restore has lost, and cosigns nothing until it has";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "recovering", detail)
    })?;
    let code = match &verdict {
        Verdict::Cosigned { .. } | Verdict::Conflict { .. } => {
            let kind = HeaderValue::from_static(verdict.content_type());
            let mut answer = ([(CONTENT_TYPE, kind)], verdict.body()).into_response();
            *answer.status_mut() = StatusCode::from_u16(verdict.status()).unwrap_or_default();
            return Ok(answer);
        }
        Verdict::Malformed(_) => "witness-request",
        Verdict::UnknownLedger => "witness-ledger-unknown",
        Verdict::NotSigned(_) => "witness-signature",
        Verdict::NoContinuation(_) => "witness-proof",
    };
    let status = StatusCode::from_u16(verdict.status()).unwrap_or(StatusCode::BAD_REQUEST);
    Err(Problem::new(status, code, verdict.body().trim_end().to_owned()))
}

/// Hashes of one tile.
async fn tile(State(app): State<App>, _: Reader, Path(path): Path<String>) -> Result<Response, Problem> {
    let missing = || Problem::not_found("the ledger has no such tile");
    let path: TilePath = format!("tile/{path}").parse().map_err(|_| missing())?;
    let tile = app.node().ledger_tile(path).await?.ok_or_else(missing)?;
    let kept = match app.options().ledger_readers {
        LedgerReaders::Known => FOR_EVER_HERE,
        LedgerReaders::Everyone => FOR_EVER,
    };
    let head = [(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")), (CACHE_CONTROL, kept)];
    Ok((head, tile.to_bytes()).into_response())
}

//! The ledger's public addresses: the signed head and tiles of hashes, as C2SP tlog-tiles names them.
//!
//! Open to everyone, so that any member may mirror and witness: a tile says how many acts there are and nothing of what was
//! done. The acts themselves (entry bundles) are not served.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use ledger::tile::TilePath;

use crate::{App, Problem};

/// A tile never changes.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/ledger/checkpoint", get(checkpoint)).route("/ledger/tile/{*path}", get(tile))
}

/// The head signed last.
async fn checkpoint(State(app): State<App>) -> Result<Response, Problem> {
    let note = app.node().checkpoint().await?;
    let note = note.ok_or_else(|| Problem::not_found("this node keeps no ledger yet"))?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], note).into_response())
}

/// Hashes of one tile.
async fn tile(State(app): State<App>, Path(path): Path<String>) -> Result<Response, Problem> {
    let missing = || Problem::not_found("the ledger has no such tile");
    let path: TilePath = format!("tile/{path}").parse().map_err(|_| missing())?;
    let tile = app.node().ledger_tile(path).await?.ok_or_else(missing)?;
    let head =
        [(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")), (CACHE_CONTROL, FOR_EVER)];
    Ok((head, tile.to_bytes()).into_response())
}

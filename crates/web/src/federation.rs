//! Endpoints between nodes, under `/federation/v1/`: no login, because every message is signed by the member that sends it.
//!
//! The road carries bytes; whether they are from whom they say is for `node` to judge. A stranger learns nothing but the code
//! of the refusal.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base::limit::SIGNED_TEXT_BYTES_MAX;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use node::TURN_BYTES_MAX;

use crate::{App, Problem, body};

/// Nobody has signed in here: all that come without a login share one allowance of places for bodies.
const NOBODY: i64 = 0;
/// Where a node takes questions about the registry.
const REGISTRY: &str = "/federation/v1/registry";
/// Where a node takes turns of meetings.
const EXCHANGE: &str = "/federation/v1/exchange";

pub(crate) fn routes() -> Router<App> {
    Router::new().route(REGISTRY, post(registry)).route(EXCHANGE, post(exchange))
}

/// Takes a turn of a meeting and answers with this node's. The same turn twice does no more than once.
async fn exchange(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (parts, stream) = request.into_parts();
    let turn = body::read(&app, &parts.headers, stream, (NOBODY, TURN_BYTES_MAX)).await?;
    let answer = app.node().turn_answer(&turn.bytes).await?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))], answer).into_response())
}

/// Takes a member's question about the registry and answers it. The same question twice does no more than once.
async fn registry(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (parts, stream) = request.into_parts();
    let question = body::read(&app, &parts.headers, stream, (NOBODY, SIGNED_TEXT_BYTES_MAX)).await?;
    let answer = app.node().exchange_answer(&question.bytes).await?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], answer).into_response())
}

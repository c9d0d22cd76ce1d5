//! Health for machines: alive, ready, and figures. The first two are all that a stranger may read.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use node::{Status, UpkeepError};
use serde::Serialize;

use crate::metrics::{with_backup, with_refusals};
use crate::{App, Caller, Problem};

/// The answer of `/healthz` and `/readyz`.
#[derive(Serialize)]
struct Ready {
    status: Status,
}

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).route("/metrics", get(metrics))
}

/// The process answers.
async fn alive() -> Json<Ready> {
    Json(Ready { status: Status::Ok })
}

/// The node answers: `ok`, or `read-only` while the store takes no writes. Reading goes on then, so that is no reason to
/// send readers elsewhere, and the status is 200 all the same. Why is for the operator's eyes.
async fn ready(State(app): State<App>) -> Json<Ready> {
    Json(Ready { status: app.node().status().0 })
}

/// Counters, the store's figures and how it stands with each member, for administrators and auditors.
async fn metrics(State(app): State<App>, Caller(principal): Caller) -> Result<Response, Problem> {
    let figures = app.node().figures_of_all(&principal).await?;
    let (relay, glass) = (app.node().relay_figures().await?, app.node().glass_count().await?);
    let peers = app.node().peer_figures(&principal).await?;
    let text = app.metrics().to_text(figures.get(), app.node().status().0, (&relay, glass), &peers);
    let text = with_refusals(&text, &app.node().noted_refusals());
    let backup = match app.node().last_backup(&principal).await {
        Ok(at) => at,
        Err(UpkeepError::Store(error)) => {
            tracing::warn!(%error, "when the last backup was made cannot be read, and is left out of the figures");
            None
        }
        Err(error) => return Err(error.into()),
    };
    let text = with_backup(&text, backup);
    let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}

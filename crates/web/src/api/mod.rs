//! The JSON API under `/api/v1/`, and its description at `/openapi.json`.
//!
//! Handlers ask for [`crate::Caller`], call one deed of the node, and render what it released. Errors are
//! [`crate::Problem`]s.

use axum::Router;

use crate::App;

/// All routes of the API, with their full paths.
pub(crate) fn routes() -> Router<App> {
    Router::new()
}

//! The pages for people, rendered here.
//!
//! Handlers ask for [`crate::Visitor`] and show the sign-in page to strangers. A page sets its own content security policy;
//! the frame's is for machines.

use axum::Router;

use crate::App;

/// All routes of the pages, with their full paths.
pub(crate) fn routes() -> Router<App> {
    Router::new()
}

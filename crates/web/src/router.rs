//! The router for everything but TAXII: the JSON API, the pages, health and metrics.
//!
//! Adding an endpoint: write a handler in the module it belongs to (`api`, `pages`), ask for [`crate::Caller`] where a
//! login is needed, return `Result<_, Problem>`, and add its route to that module's `routes`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use http::header::ACCEPT;
use http::{HeaderMap, StatusCode, Uri};

use crate::{App, Problem, api, federation, health, ledger_door, pages, relay_door};

/// The template of the route that answered: what logs and metrics show instead of an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RouteTemplate(Template);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Template {
    Fixed(&'static str),
    Matched(Arc<str>),
}

impl RouteTemplate {
    /// No route at all.
    pub(crate) const NONE: Self = Self(Template::Fixed("none"));

    pub(crate) const fn of(template: &'static str) -> Self {
        Self(Template::Fixed(template))
    }

    pub(crate) fn as_str(&self) -> &str {
        match &self.0 {
            Template::Fixed(template) => template,
            Template::Matched(template) => template,
        }
    }
}

/// Puts the routes of all modules together.
pub(crate) fn assemble(app: App) -> Router {
    Router::new()
        .merge(api::routes())
        .merge(federation::routes())
        .merge(relay_door::routes())
        .merge(pages::routes(&app))
        .merge(health::routes())
        .merge(ledger_door::routes())
        .route_layer(from_fn(name_route))
        .fallback(nothing_here)
        .with_state(app)
}

async fn name_route(matched: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Some(matched) = matched {
        let template = RouteTemplate(Template::Matched(matched.as_str().into()));
        response.extensions_mut().insert(template);
    }
    response
}

/// A page for a browser, a problem document for everybody else, and for everybody where the API is.
async fn nothing_here(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Response {
    let accepts = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/html") && !api::is_at(uri.path()) {
        return pages::nothing_here(&app, &headers).await;
    }
    Problem::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this address").into_response()
}

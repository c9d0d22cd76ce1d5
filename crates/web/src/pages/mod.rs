//! The pages for people, rendered here: sign in, home, search, look-up, objects, collections, approvals.
//!
//! Each handler asks for a [`Reader`] (strangers are sent to the sign-in page), calls deeds of the node, and fills one
//! template. Everything works without scripts; `search.js` only saves pressing Enter. Problems become a page of their own.
//!
//! Architecture Invariant: a page shows nothing that a deed has not released; templates escape every value.

mod approvals;
mod collections;
mod contents;
mod filter;
mod form;
mod frame;
mod home;
mod look_up;
mod named;
mod object;
mod origin;
mod password;
mod properties;
mod related;
mod search;
mod sign_in;
mod stretch;
mod visible;
mod words;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::{App, Problem};

pub(crate) use frame::{Frame, Reader, Way, html};

const STYLE: &str = include_str!("../../assets/cresset.css");
const SCRIPT: &str = include_str!("../../assets/search.js");
const ICON: &str = include_str!("../../assets/cresset.svg");

/// The name under which the style sheet is served: it changes with the program, so that it may be kept for long.
pub(crate) const STYLE_NAME: &str = concat!("cresset-", env!("CARGO_PKG_VERSION"), ".css");
/// The name under which the script is served.
pub(crate) const SCRIPT_NAME: &str = concat!("search-", env!("CARGO_PKG_VERSION"), ".js");

/// All routes of the pages, with their full paths. `app` renders what went wrong in the node's own frame.
pub(crate) fn routes(app: &App) -> Router<App> {
    Router::new()
        .route("/", get(home::show))
        .route("/search", get(search::show))
        .route("/look-up", get(look_up::ask).post(look_up::answer))
        .route("/objects/{id}", get(object::show))
        .route("/objects/{id}/related", get(related::show))
        .route("/approvals", get(approvals::show).post(approvals::decide))
        .route("/collections", get(collections::list))
        .route("/collections/{id}", get(collections::show))
        .route("/password", get(password::ask).post(password::change))
        .route("/sign-in", get(sign_in::ask).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route_layer(from_fn_with_state(app.clone(), show_problems))
        .merge(assets())
}

/// The page at an address where nothing is; it says the same to everybody.
pub(crate) async fn nothing_here(app: &App, headers: &HeaderMap) -> Response {
    let page = frame::ProblemPage {
        frame: Frame::of_cookie(app, headers).await,
        title: "Not found",
        detail: "There is nothing at this address.",
        way: None,
    };
    html(StatusCode::NOT_FOUND, &page)
}

fn assets() -> Router<App> {
    Router::new()
        .route(&format!("/assets/{STYLE_NAME}"), get(|| asset("text/css; charset=utf-8", STYLE)))
        .route(&format!("/assets/{SCRIPT_NAME}"), get(|| asset("text/javascript; charset=utf-8", SCRIPT)))
        .route("/assets/cresset.svg", get(|| asset("image/svg+xml", ICON)))
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    let kept = HeaderValue::from_static("public, max-age=86400");
    ([(CONTENT_TYPE, HeaderValue::from_static(kind)), (CACHE_CONTROL, kept)], text).into_response()
}

/// Turns the problem documents of page handlers into pages.
async fn show_problems(
    axum::extract::State(app): axum::extract::State<App>,
    request: Request,
    next: Next,
) -> Response {
    let mut cookies = HeaderMap::new();
    for cookie in request.headers().get_all(COOKIE) {
        cookies.append(COOKIE, cookie.clone());
    }
    let response = next.run(request).await;
    let Some(problem) = response.extensions().get::<Box<Problem>>() else { return response };
    let (title, detail) = problem.words();
    let frame = Frame::of_cookie(&app, &cookies).await;
    let page = frame::ProblemPage { frame, title, detail, way: response.extensions().get().copied() };
    let mut shown = html(problem.status(), &page);
    problem.put_headers(shown.headers_mut());
    shown.headers_mut().remove(http::header::WWW_AUTHENTICATE);
    shown
}

/// 303 to an address of this node.
fn go_to(path: &str) -> Response {
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(http::header::LOCATION, location)]).into_response()
}

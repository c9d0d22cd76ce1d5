//! What every page has around it, who reads it, and how a template becomes an answer.

use std::sync::Arc;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use handling::Principal;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use node::BrokenGlass;

use super::go_to;
use crate::caller::session_cookie;
use crate::{App, Problem, Visitor};

/// Only our own style, script and pictures; no frames; forms go nowhere else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);

/// The signed-in person in front of a page.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// User name.
    pub name: String,
    /// What forms must send back.
    pub csrf: String,
}

/// What surrounds a page's own content.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The member this node belongs to.
    pub member: String,
    /// Who is signed in.
    pub person: Option<Person>,
    /// Why no writes are taken, if so.
    pub read_only: Option<String>,
    /// What was done without a second person of late, for those who have a say in it.
    pub glass: Vec<BrokenGlass>,
    /// Name of the style sheet.
    pub css: &'static str,
    /// Name of the script.
    pub js: &'static str,
    /// Version of the program.
    pub version: &'static str,
    here: &'static str,
}

const MENU: [(&str, &str); 5] = [
    ("/", "Home"),
    ("/search", "Search"),
    ("/look-up", "Look-up"),
    ("/collections", "Collections"),
    ("/approvals", "Approvals"),
];

impl Frame {
    /// The frame for strangers and problems.
    pub(crate) async fn plain(app: &App) -> Self {
        let member = app.node().member().await.ok().flatten();
        Self {
            member: member.map_or_else(|| "Cresset".to_owned(), |member| member.name),
            person: None,
            read_only: None,
            glass: Vec::new(),
            css: super::STYLE_NAME,
            js: super::SCRIPT_NAME,
            version: env!("CARGO_PKG_VERSION"),
            here: "",
        }
    }

    /// The frame for a reader; `here` is the menu entry the page belongs to.
    pub(crate) async fn of(app: &App, reader: &Reader, here: &'static str) -> Self {
        let person = Person { name: reader.who.name.clone(), csrf: reader.csrf.clone() };
        let read_only = app.node().status().1;
        let glass = app.node().glass_broken(&reader.who).await.unwrap_or_default();
        Self { person: Some(person), read_only, glass, here, ..Self::plain(app).await }
    }

    /// The frame for whoever a request's cookie stands for: a problem takes the way on from nobody.
    pub(crate) async fn of_cookie(app: &App, headers: &HeaderMap) -> Self {
        let Some(cookie) = session_cookie(app, headers).await else { return Self::plain(app).await };
        match app.node().session(&cookie).await {
            Ok(session) => Self::of(app, &Reader { who: session.principal, csrf: session.csrf }, "").await,
            Err(_) => Self::plain(app).await,
        }
    }

    /// Address, title and whether it is the page shown, for each menu entry.
    pub(crate) fn menu(&self) -> Vec<(&'static str, &'static str, bool)> {
        MENU.iter().map(|(path, title)| (*path, *title, *path == self.here)).collect()
    }
}

/// A person with a session. Asking for it in a handler sends strangers to the sign-in page.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    /// Who.
    pub who: Arc<Principal>,
    /// What their forms must send back.
    pub csrf: String,
}

impl FromRequestParts<App> for Reader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, app).await.map_err(IntoResponse::into_response)?;
        let Some(session) = visitor.0 else {
            let here = parts.uri.path_and_query().map_or("/", |path| path.as_str());
            let to = super::form::encode(here);
            return Err(go_to(&format!("/sign-in?to={to}")));
        };
        let counted = app.node().count_request(&session.principal);
        counted.map_err(|error| Problem::from(error).into_response())?;
        Ok(Self { who: session.principal, csrf: session.csrf })
    }
}

/// The page where a person can do something about what went wrong; stands among the extensions of the answer that says it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// Its address.
    pub(crate) to: &'static str,
    /// What is done there.
    pub(crate) name: &'static str,
}

/// The page that says what went wrong.
#[derive(Template)]
#[template(path = "problem.html")]
pub(crate) struct ProblemPage<'a> {
    pub(crate) frame: Frame,
    pub(crate) title: &'a str,
    pub(crate) detail: &'a str,
    pub(crate) way: Option<Way>,
}

/// A template as an answer that no proxy and no neighbour keeps.
pub(crate) fn html(status: StatusCode, page: &impl Template) -> Response {
    let body = page.render().expect("invariant: templates write to memory and format infallible values");
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}

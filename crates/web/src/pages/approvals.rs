//! Requests for a second person: what waits for a yes, what became of the rest, and what other members did without one.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use handling::Rule;
use http::StatusCode;
use node::{ApprovalView, NoticeView};
use serde::Deserialize;

use super::form::{Fields, same_session};
use super::words::moment;
use super::{Frame, Reader, Way, go_to, html};
use crate::{App, Problem};

/// Answered requests and notices on the page.
const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "approvals.html")]
struct Page {
    frame: Frame,
    csrf: String,
    open: Vec<Open>,
    closed: Vec<ApprovalView>,
    notices: Vec<NoticeView>,
}

struct Open {
    view: ApprovalView,
    /// Whether the reader asked for it.
    own: bool,
}

/// A moment as the node tells it, to the second.
fn said(at: &str) -> String {
    stix::Timestamp::parse(at).map_or_else(|_| at.to_owned(), |stamp| moment(stamp.micros()))
}

/// The page.
pub(crate) async fn show(State(app): State<App>, reader: Reader) -> Result<Response, Problem> {
    let all = app.node().approvals(&reader.who).await?;
    let (open, closed): (Vec<_>, Vec<_>) = all.into_iter().partition(|view| view.status == "pending");
    let open = open.into_iter().map(|view| Open { own: view.requester == reader.who.name, view }).collect();
    let page = Page {
        frame: Frame::of(&app, &reader, "/approvals").await,
        csrf: reader.csrf.clone(),
        open,
        closed: closed.into_iter().take(ROWS).collect(),
        // Who may not know what other members told has a page without it.
        notices: app.node().notices(&reader.who).await.unwrap_or_default().into_iter().take(ROWS).collect(),
    };
    Ok(html(StatusCode::OK, &page))
}

/// What is done with a request.
#[derive(Deserialize)]
pub(crate) struct Decision {
    csrf: String,
    id: String,
    answer: String,
    #[serde(default)]
    reason: String,
}

/// Answers a request and shows the page again.
pub(crate) async fn decide(
    State(app): State<App>,
    reader: Reader,
    Fields(decision): Fields<Decision>,
) -> Result<Response, Problem> {
    same_session(&reader, &decision.csrf)?;
    let (who, id, reason) = (&reader.who, decision.id.as_str(), decision.reason.as_str());
    let answered = match decision.answer.as_str() {
        "grant" => app.node().grant_approval(who, id).await,
        "refuse" => app.node().refuse_approval(who, id, reason).await,
        "break-glass" => app.node().break_glass(who, id, reason).await,
        _ => {
            return Err(Problem::bad_request("form-malformed", "an answer is grant, refuse or break-glass"));
        }
    };
    let Err(error) = answered else { return Ok(go_to("/approvals")) };
    let (problem, shown) = (Problem::from(error), &who.shown.known_to);
    // Refused because somebody else has had the reader's password: that ends with another one.
    let of_password =
        problem.code() == Rule::SecondPerson.code() && shown.iter().any(|user| *user != who.user);
    let mut refused = problem.into_response();
    if of_password {
        refused.extensions_mut().insert(Way { to: "/password", name: "Change your password" });
    }
    Ok(refused)
}

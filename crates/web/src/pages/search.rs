//! Search as you type: words in any object, and the value itself when it is a known one.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use node::{Detail, LookUpMatch, SearchError, SearchQuery};
use serde::Deserialize;

use super::form::encode;
use super::words::Row;
use super::{Frame, Reader, html, named};
use crate::{App, Problem};

/// Rows on one page.
const ROWS: usize = 30;

#[derive(Deserialize)]
pub(crate) struct Question {
    #[serde(default)]
    q: String,
    next: Option<String>,
    part: Option<String>,
}

/// What was found for a question; the page and its part show the same.
#[derive(Default)]
struct Results {
    q: String,
    problem: Option<String>,
    known: Vec<Row>,
    rows: Vec<Row>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "search.html")]
struct Page {
    frame: Frame,
    found: Results,
}

#[derive(Template)]
#[template(path = "results.html")]
struct Part {
    found: Results,
}

/// The page, or with `part=results` only its list, for the script.
pub(crate) async fn show(
    State(app): State<App>,
    reader: Reader,
    Query(question): Query<Question>,
) -> Result<Response, Problem> {
    let found = find(&app, &reader, &question).await?;
    if question.part.as_deref() == Some("results") {
        return Ok(html(StatusCode::OK, &Part { found }));
    }
    let frame = Frame::of(&app, &reader, "/search").await;
    Ok(html(StatusCode::OK, &Page { frame, found }))
}

async fn find(app: &App, reader: &Reader, question: &Question) -> Result<Results, Problem> {
    let mut results = Results { q: question.q.clone(), ..Results::default() };
    let text = question.q.trim();
    if text.is_empty() {
        return Ok(results);
    }
    let query = SearchQuery {
        text: text.to_owned(),
        open_ended: true,
        types: Vec::new(),
        limit: ROWS,
        next: question.next.clone(),
    };
    match app.node().search(&reader.who, query).await {
        Ok(found) => {
            results.rows = named::rows(app, &reader.who, &found.get().rows).await?;
            results.next = found
                .get()
                .next
                .as_ref()
                .map(|next| format!("/search?q={}&next={}", encode(text), encode(next)));
        }
        Err(SearchError::Empty) => {}
        Err(error @ (SearchError::TooLong | SearchError::BadCursor)) => {
            results.problem = Some(format!("{error}."));
            return Ok(results);
        }
        Err(SearchError::Store(error)) => return Err(error.into()),
    }
    if question.next.is_none() {
        let answers = app.node().look_up(&reader.who, &[text], Detail::Brief).await?;
        let known: Vec<&LookUpMatch> =
            answers.get().iter().filter(|answer| answer.known).flat_map(|answer| &answer.matches).collect();
        let marks = named::marks(app, &reader.who, known.iter().copied()).await?;
        results.known =
            known.into_iter().map(|one| Row::of(one, marks.get(&named::version_of(one)))).collect();
        results.rows.retain(|row| results.known.iter().all(|known| known.href != row.href));
    }
    Ok(results)
}

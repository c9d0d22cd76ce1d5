//! Search as you type: words in any object, and the value itself when it is a known one.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use node::{Detail, LookUpMatch, SearchError, SearchQuery};
use serde::Deserialize;
use store::StoreError;

use super::filter::Filter;
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
    /// The one type that is searched.
    r#type: Option<String>,
}

impl Question {
    fn kind(&self) -> Option<&str> {
        self.r#type.as_deref().filter(|kind| !kind.is_empty())
    }
}

/// What was found for a question; the page and its part show the same.
#[derive(Default)]
struct Results {
    q: String,
    /// The one type that is searched.
    kind: Option<String>,
    filter: Filter,
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
    let kind = question.kind();
    let text = question.q.trim();
    // Of white space alone nothing is asked.
    let q = if text.is_empty() { String::new() } else { question.q.clone() };
    let mut results = Results { q, kind: kind.map(str::to_owned), ..Results::default() };
    if text.is_empty() {
        if let Some(kind) = kind {
            newest_of(app, reader, (kind, &question.next), &mut results).await?;
        }
        return Ok(results);
    }
    let query = SearchQuery {
        text: text.to_owned(),
        open_ended: true,
        types: kind.map(str::to_owned).into_iter().collect(),
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
                .map(|next| format!("{}&next={}", address(text, kind), encode(next)));
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
        let mut known: Vec<&LookUpMatch> =
            answers.get().iter().filter(|answer| answer.known).flat_map(|answer| &answer.matches).collect();
        known.retain(|one| kind.is_none_or(|kind| one.type_name() == kind));
        let marks = named::marks(app, &reader.who, known.iter().copied()).await?;
        results.known = known.iter().map(|one| Row::of(one, marks.get(&named::version_of(one)))).collect();
        let ids = known.iter().map(|one| one.id.as_str());
        named::say_reports(app, &reader.who, ids.zip(&mut results.known).collect()).await?;
        results.rows.retain(|row| results.known.iter().all(|known| known.href != row.href));
    }
    if kind.is_some() || !results.rows.is_empty() || !results.known.is_empty() {
        // How many of each type are found is not told: that would take a search for each.
        let types = types(app, reader).await?;
        let mut near: Vec<&str> = Vec::new();
        for row in results.known.iter().chain(&results.rows) {
            if !near.contains(&row.kind.as_str()) {
                near.push(&row.kind);
            }
        }
        results.filter = Filter::of(types, kind, |kind| address(text, kind)).near(&near);
    }
    Ok(results)
}

/// The types that a search may find. Nothing is refused for want of them.
async fn types(app: &App, reader: &Reader) -> Result<Vec<(String, Option<String>)>, Problem> {
    match app.node().types(&reader.who).await {
        Ok(types) => Ok(types.into_inner().into_iter().map(|name| (name, None)).collect()),
        Err(StoreError::TooCostly) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// The newest of one type, where no words are asked for.
async fn newest_of(
    app: &App,
    reader: &Reader,
    (kind, next): (&str, &Option<String>),
    results: &mut Results,
) -> Result<(), Problem> {
    results.filter = Filter::of(types(app, reader).await?, Some(kind), |kind| address("", kind));
    let found = match app.node().newest_of(&reader.who, kind, (ROWS, next.clone())).await {
        Ok(found) => found.into_inner(),
        Err(StoreError::BadCursor) => {
            results.problem = Some(format!("{}.", SearchError::BadCursor));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    results.rows = named::rows(app, &reader.who, &found.rows).await?;
    results.next = found.next.map(|next| format!("{}&next={}", address("", Some(kind)), encode(&next)));
    Ok(())
}

/// The address of a search for a text among all types, or one.
fn address(text: &str, kind: Option<&str>) -> String {
    let of_type = kind.map_or_else(String::new, |kind| format!("&type={}", encode(kind)));
    format!("/search?q={}{of_type}", encode(text))
}

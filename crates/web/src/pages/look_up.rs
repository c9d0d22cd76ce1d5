//! "Do we know any of these?" for a pasted list.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use base::limit::LOOKUP_VALUES_MAX;
use http::StatusCode;
use node::{Detail, LookUpAnswer, LookUpError};
use serde::Deserialize;

use super::form::{Fields, same_session};
use super::words::{Row, many};
use super::{Frame, Reader, html, named};
use crate::{App, Problem};

/// What a page says of a value in one word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Yes,
    /// Only by what was taken back.
    Revoked,
    No,
}

impl Known {
    fn of(answer: &LookUpAnswer<'_>) -> Self {
        match answer.known {
            false => Self::No,
            true if answer.is_only_revoked() => Self::Revoked,
            true => Self::Yes,
        }
    }
}

#[derive(Template)]
#[template(path = "look_up.html")]
struct Page {
    frame: Frame,
    csrf: String,
    values: String,
    problem: Option<String>,
    summary: String,
    answers: Vec<Answer>,
}

struct Answer {
    value: String,
    /// Names of hosts in it in their other way of writing.
    beside: Option<String>,
    known: Known,
    more: bool,
    matches: Vec<Row>,
}

/// The empty form.
pub(crate) async fn ask(State(app): State<App>, reader: Reader) -> Response {
    html(StatusCode::OK, &page(&app, &reader, String::new()).await)
}

/// Largest form with values, in bytes.
const FORM_BYTES_MAX: usize = 2 * 1024 * 1024;

#[derive(Deserialize)]
pub(crate) struct Question {
    values: String,
    csrf: String,
}

/// The form with an answer for each line.
pub(crate) async fn answer(
    State(app): State<App>,
    reader: Reader,
    Fields(question): Fields<Question, FORM_BYTES_MAX>,
) -> Result<Response, Problem> {
    same_session(&reader, &question.csrf)?;
    let place = app.page_place(reader.who.user).await?;
    let values: Vec<&str> =
        question.values.lines().map(str::trim).filter(|value| !value.is_empty()).collect();
    let mut page = page(&app, &reader, question.values.clone()).await;
    match app.node().look_up(&reader.who, &values, Detail::Brief).await {
        Ok(answers) => {
            let found = answers.get().iter().flat_map(|answer| &answer.matches);
            let marks = named::marks(&app, &reader.who, found).await?;
            page.answers = answers
                .get()
                .iter()
                .map(|answer| Answer {
                    value: answer.value.to_owned(),
                    beside: named::both(answer.value),
                    known: Known::of(answer),
                    more: answer.more,
                    matches: answer
                        .matches
                        .iter()
                        .map(|one| Row::of(one, marks.get(&named::version_of(one))))
                        .collect(),
                })
                .collect();
            let rows = page.answers.iter_mut().flat_map(|answer| &mut answer.matches);
            let ids = answers.get().iter().flat_map(|answer| &answer.matches).map(|one| one.id.as_str());
            named::say_reports(&app, &reader.who, ids.zip(rows).collect()).await?;
            page.summary = summary(&page.answers);
            Ok(place.held(html(StatusCode::OK, &page)))
        }
        Err(LookUpError::Store(error)) => Err(error.into()),
        Err(error) => {
            page.problem = Some(format!("{error}. One page takes {LOOKUP_VALUES_MAX} values."));
            Ok(html(StatusCode::BAD_REQUEST, &page))
        }
    }
}

fn summary(answers: &[Answer]) -> String {
    let of = |known| answers.iter().filter(|answer| answer.known == known).count();
    let (known, revoked) = (of(Known::Yes), of(Known::Revoked));
    let taken_back = match revoked {
        0 => String::new(),
        some => format!(", {} more only by what was revoked", many(some)),
    };
    format!("{} of {} known{taken_back}.", many(known), many(answers.len()))
}

async fn page(app: &App, reader: &Reader, values: String) -> Page {
    Page {
        frame: Frame::of(app, reader, "/look-up").await,
        csrf: reader.csrf.clone(),
        values,
        problem: None,
        summary: String::new(),
        answers: Vec::new(),
    }
}

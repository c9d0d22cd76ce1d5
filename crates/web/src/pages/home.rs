//! The first page after signing in: figures, what is held by type, and what came last.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::form::encode;
use super::words::{Row, count};
use super::{Frame, Reader, html, named};
use crate::{App, Problem};

/// Newest objects shown.
const NEWEST: usize = 12;
/// Types shown.
const TYPES: usize = 14;

#[derive(Template)]
#[template(path = "home.html")]
struct Page {
    frame: Frame,
    figures: Vec<(&'static str, String)>,
    types: Vec<Kind>,
    /// How many objects of how many types have no line of their own.
    rest: Option<(String, usize)>,
    most: u64,
    newest: Vec<Row>,
}

struct Kind {
    name: String,
    /// The newest of it.
    href: String,
    count: u64,
    shown: String,
}

/// Figures and newest objects within what the reader may see.
pub(crate) async fn show(State(app): State<App>, reader: Reader) -> Result<Response, Problem> {
    let figures = app.node().figures(&reader.who).await?.into_inner();
    let newest = app.node().newest(&reader.who, NEWEST).await?;
    let others = figures.by_type.get(TYPES..).unwrap_or_default();
    let rest = others.iter().map(|(_, number)| number).sum();
    let rest = (!others.is_empty()).then(|| (count(rest), others.len()));
    let types: Vec<Kind> = figures
        .by_type
        .into_iter()
        .take(TYPES)
        .map(|(name, number)| Kind {
            href: format!("/search?type={}", encode(&name)),
            name,
            count: number,
            shown: count(number),
        })
        .collect();
    let page = Page {
        frame: Frame::of(&app, &reader, "/").await,
        figures: [
            Some(("Objects", count(figures.objects))),
            // Where nothing has a second version it would be the same number twice.
            (figures.versions != figures.objects).then(|| ("Versions", count(figures.versions))),
            Some(("Collections", count(figures.collections))),
        ]
        .into_iter()
        .flatten()
        .collect(),
        most: types.first().map_or(1, |kind| kind.count.max(1)),
        types,
        rest,
        newest: named::rows(&app, &reader.who, newest.get()).await?,
    };
    Ok(html(StatusCode::OK, &page))
}

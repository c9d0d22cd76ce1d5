//! The collections a reader may use, and what is in one.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use base::Micros;
use http::StatusCode;
use node::{CollectionView, ReadError};
use serde::Deserialize;
use store::{Order, PageRequest, StoreError};

use super::filter::Filter;
use super::form::encode;
use super::words::{Tag, counted, handled, moment, page_of};
use super::{Frame, Reader, html, named};
use crate::{App, Problem};

/// Rows on one page.
const ROWS: usize = 100;
/// How far the objects of each type are counted.
const COUNTED: usize = 1_000;

#[derive(Template)]
#[template(path = "collections.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<ListRow>,
}

struct ListRow {
    name: String,
    title: String,
    address: String,
    rights: &'static str,
    last: String,
}

/// All of them, by order of creation.
pub(crate) async fn list(State(app): State<App>, reader: Reader) -> Result<Response, Problem> {
    let views = app.node().collections(&reader.who).await?;
    let rows = views
        .into_iter()
        .map(|view| ListRow {
            name: encode(&view.id),
            address: address(&app, &view),
            rights: rights(&view),
            last: last(&view),
            title: view.title,
        })
        .collect();
    Ok(html(StatusCode::OK, &ListPage { frame: Frame::of(&app, &reader, "/collections").await, rows }))
}

#[derive(Template)]
#[template(path = "collection.html")]
struct OnePage {
    frame: Frame,
    title: String,
    description: Option<String>,
    address: String,
    rights: &'static str,
    last: String,
    filter: Filter,
    rows: Vec<OneRow>,
    next: Option<String>,
}

struct OneRow {
    href: String,
    label: String,
    kind: String,
    version: String,
    added: String,
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
pub(crate) struct Question {
    next: Option<String>,
    /// The one type that is listed.
    r#type: Option<String>,
}

/// One collection with its objects, the newest first.
pub(crate) async fn show(
    State(app): State<App>,
    reader: Reader,
    Path(id): Path<String>,
    Query(question): Query<Question>,
) -> Result<Response, Problem> {
    let view = app.node().collection(&reader.who, &id).await?;
    let kind = question.r#type.as_deref().filter(|kind| !kind.is_empty());
    let filter =
        store::Filter { types: kind.map(str::to_owned).into_iter().collect(), ..store::Filter::default() };
    let order = Order::NewestFirst;
    let request = PageRequest { limit: ROWS, next: question.next, order, filter, ..PageRequest::default() };
    let (manifest, types) = match app.node().manifest(&reader.who, &view.id, &request).await {
        Ok(manifest) => {
            // Nothing is refused for want of counts.
            let types = match app.node().types_in(&reader.who, &view.id, COUNTED + 1).await {
                Ok(types) => types.into_inner(),
                Err(ReadError::Store(StoreError::TooCostly)) => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            (manifest.into_inner(), types)
        }
        Err(ReadError::Refused(_)) => (store::Manifest::default(), Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let page = format!("/collections/{}", encode(&view.id));
    let of_type = |kind: Option<&str>| {
        kind.map_or_else(|| page.clone(), |kind| format!("{page}?type={}", encode(kind)))
    };
    let types = types.into_iter().map(|(name, number)| (name, Some(counted(number, COUNTED))));
    let filter = Filter::of(types.collect(), kind, of_type);
    let versions: Vec<(&str, Micros)> =
        manifest.rows.iter().map(|row| (row.id.as_str(), row.added)).collect();
    let marks = app.node().marks(&reader.who, &versions).await?.into_inner();
    let labels = named::of_versions(&app, &reader.who, &versions, &marks).await?;
    let rows = manifest
        .rows
        .iter()
        .zip(labels)
        .zip(&marks)
        .map(|((row, label), marked)| OneRow {
            label,
            href: page_of((&row.id, row.added), marked.as_ref()),
            tags: marked.iter().flat_map(|marked| handled(&marked.mark)).collect(),
            kind: stix::id::type_of(&row.id).to_owned(),
            version: row.version.clone(),
            added: moment(row.added),
        })
        .collect();
    let page = OnePage {
        frame: Frame::of(&app, &reader, "/collections").await,
        address: address(&app, &view),
        rights: rights(&view),
        last: last(&view),
        next: manifest.page.next.map(|next| {
            let joint = if kind.is_some() { '&' } else { '?' };
            format!("{}{joint}next={}", of_type(kind), encode(&next))
        }),
        filter,
        title: view.title,
        description: view.description,
        rows,
    };
    Ok(html(StatusCode::OK, &page))
}

fn address(app: &App, view: &CollectionView) -> String {
    let name = view.alias.as_ref().unwrap_or(&view.id);
    format!("/{}/collections/{name}/", app.options().api_root)
}

const fn rights(view: &CollectionView) -> &'static str {
    match (view.can_read, view.can_write) {
        (true, true) => "read and write",
        (true, false) => "read",
        (false, true) => "write",
        (false, false) => "manage",
    }
}

fn last(view: &CollectionView) -> String {
    view.last_added.map_or_else(|| "never".to_owned(), moment)
}

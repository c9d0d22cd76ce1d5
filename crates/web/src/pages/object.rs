//! One object: what it says, where it came from, what it has to do with, its history, and its exact bytes.

use std::collections::{HashMap, HashSet};

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use base::Micros;
use http::StatusCode;
use node::CollectionView;
use serde::Deserialize;
use stix::Json;
use store::{Direction, Standing, StoredObject, VersionRow};

use super::contents::{self, Contents};
use super::form::encode;
use super::origin::Origin;
use super::properties::{Leads, Line, lines, name_references};
use super::related::Side;
use super::stretch::Stretch;
use super::words::{AWAY, Tag, count, moment, object, state, tlp};
use super::{Frame, Reader, html, named};
use crate::{App, Problem};

/// Versions on one page of the history.
const ROWS: usize = 100;
/// Digits of a digest shown: enough to tell versions apart, and marked as not all.
const DIGEST_DIGITS: usize = 16;

#[derive(Template)]
#[template(path = "object.html")]
struct Page {
    frame: Frame,
    kind: String,
    label: String,
    tags: Vec<Tag>,
    findings: Vec<Finding>,
    contradictions: u64,
    /// How many earlier ones were not held against it.
    uncompared: Option<String>,
    contents: Option<Contents>,
    properties: Vec<Line>,
    collections: Vec<(String, String)>,
    added: String,
    sightings: Option<String>,
    origin: Option<Origin>,
    sides: Vec<Side>,
    history: History,
    bytes: String,
}

/// What the examination found, as stored with the object.
#[derive(Deserialize)]
struct Finding {
    #[serde(default)]
    code: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    message: String,
}

/// A page of the versions, the latest first.
struct History {
    rows: Vec<Version>,
    /// Which of them these are.
    stretch: Stretch,
}

impl History {
    /// The page that begins behind so many versions; `address` is the page without that, ready to be gone on with.
    fn of(
        all: Vec<VersionRow>,
        (behind, address): (usize, &str),
        row: impl Fn(VersionRow) -> Version,
    ) -> Self {
        let page = |behind: usize| format!("{address}history={behind}#history");
        let stretch = Stretch::of((all.len(), ROWS), behind, page);
        let rows = all.into_iter().rev().skip(stretch.behind).take(ROWS).map(row).collect();
        Self { rows, stretch }
    }
}

struct Version {
    href: String,
    version: String,
    collection: String,
    added: String,
    digest: String,
    /// By whose word, where this node's member is in a community.
    origin: Option<String>,
    revoked: bool,
    contradicts: bool,
    shown: bool,
}

#[derive(Deserialize)]
pub(crate) struct Question {
    version: Option<String>,
    /// The version that was added at this moment, whoever says something else under the identifier (RFC 3339).
    added: Option<String>,
    /// Behind which relation the list of those that lead away goes on.
    out_after: Option<String>,
    /// The same of those that lead here.
    in_after: Option<String>,
    /// Behind how many rows the page of the contents begins.
    contents: Option<String>,
    /// The same of the history.
    history: Option<String>,
}

impl Question {
    /// Behind how many rows the page of the contents begins.
    fn behind(&self) -> Result<usize, Problem> {
        let said = "contents is the number of rows behind which the page of the contents begins";
        number(self.contents.as_deref(), ("contents", said))
    }

    /// Behind how many versions the page of the history begins.
    fn behind_versions(&self) -> Result<usize, Problem> {
        let said = "history is the number of versions behind which the page of the history begins";
        number(self.history.as_deref(), ("history", said))
    }

    /// The address of the same version of an object, ready for one more question.
    fn address(&self, id: &str) -> String {
        let named = |name: &str, value: &Option<String>| {
            value.as_ref().map_or_else(String::new, |value| format!("{name}={}&", encode(value)))
        };
        format!("{}?{}{}", object(id), named("version", &self.version), named("added", &self.added))
    }

    /// When the version was added that is asked for, where that is said.
    fn added(&self) -> Result<Option<Micros>, Problem> {
        let Some(text) = &self.added else { return Ok(None) };
        let stamp = stix::Timestamp::parse(text).map_err(|_| {
            let said = "added is the moment at which a version came in (RFC 3339), as lists and the history link to it";
            Problem::bad_request("query-malformed", said).at("added")
        })?;
        Ok(Some(stamp.micros()))
    }
}

/// A number that a question names; 0 where it names none.
fn number(text: Option<&str>, (at, said): (&'static str, &'static str)) -> Result<usize, Problem> {
    let Some(text) = text else { return Ok(0) };
    text.parse().map_err(|_| Problem::bad_request("query-malformed", said).at(at))
}

/// The page of an object, in its latest version or the one asked for.
pub(crate) async fn show(
    State(app): State<App>,
    reader: Reader,
    Path(id): Path<String>,
    Query(question): Query<Question>,
) -> Result<Response, Problem> {
    let who = &reader.who;
    let stored = match question.added()? {
        Some(added) => app.node().object_added(who, &id, added).await?,
        None => app.node().object(who, &id, question.version.as_deref()).await?,
    };
    let stored = stored.into_inner();
    let address = question.address(&stored.id);
    let history = app.node().history(who, &id).await?.into_inner();
    let sightings = app.node().sightings_of(who, &id).await?.into_inner();
    let titles = Titles(app.node().collections(who).await?);
    let json = Json::parse(&stored.bytes).unwrap_or(Json::Null);
    let side = async |direction, after: &Option<String>| {
        Side::of(&app, (who, &stored.id, &json), (direction, after.as_deref()), &address).await
    };
    let outward = side(Direction::Outward, &question.out_after).await?;
    let inward = side(Direction::Inward, &question.in_after).await?;
    let marks = Marks::of(&history, &stored);
    let listed = contents::listed(&json);
    let mut properties = lines(&json, listed.as_ref().map(|_| contents::PROPERTY));
    let contents = match &listed {
        Some(ids) => {
            let place = (question.behind()?, address.as_str());
            Some(Contents::of(&app, who, ids, place).await?)
        }
        None => None,
    };
    name_references(&app, who, &mut properties).await?;
    let page = Page {
        frame: Frame::of(&app, &reader, "").await,
        kind: stix::id::type_of(&stored.id).to_owned(),
        label: named::of_stored(&app, who, &stored, &json).await?,
        tags: tags(&app, &stored),
        contradictions: stored.contradictions,
        uncompared: (stored.uncompared > 0).then(|| count(stored.uncompared)),
        findings: stored
            .findings
            .as_deref()
            .map_or_else(Vec::new, |text| serde_json::from_str(text).unwrap_or_default()),
        contents,
        properties,
        collections: stored.collections.iter().map(|id| (encode(id), titles.of(id))).collect(),
        added: moment(stored.added),
        sightings: (sightings.reports > 0).then(|| seen(&sightings)),
        origin: Origin::of(&app, who, &stored).await?,
        sides: vec![outward, inward],
        history: History::of(history, (question.behind_versions()?, &address), |row| Version {
            origin: app.node().word_of(&row.originator),
            ..version(row, (&stored, &marks), &titles)
        }),
        bytes: String::from_utf8_lossy(&stored.bytes).into_owned(),
    };
    Ok(html(StatusCode::OK, &page))
}

fn seen(sightings: &node::Sightings) -> String {
    let last = sightings.last_seen.map_or_else(String::new, |at| format!(", last on {}", moment(at)));
    let times = if sightings.count == 1 { "time" } else { "times" };
    let reports = if sightings.reports == 1 { "report" } else { "reports" };
    format!("{} {times} in {} {reports}{last}", sightings.count, sightings.reports)
}

fn tags(app: &App, stored: &StoredObject) -> Vec<Tag> {
    let now = app.node().clock().now();
    let standing = Standing { revoked: stored.revoked, starts: stored.starts, expires: stored.expires };
    let mut tags = state(standing.revoked, standing.not_yet(now), standing.expired(now));
    tags.push(tlp(&app.node().mark_of(stored.tlp, &stored.places)));
    tags
}

/// The collections of a reader, to say their titles.
struct Titles(Vec<CollectionView>);

impl Titles {
    fn of(&self, id: &str) -> String {
        let view = self.0.iter().find(|view| view.id == id);
        view.map_or_else(|| id.to_owned(), |view| view.title.clone())
    }
}

/// What tells the lines of a history apart.
struct Marks {
    /// Versions by name of which there are several: several say something under it.
    several: HashSet<String>,
    /// The digest of the version that is shown.
    shown: Option<[u8; 32]>,
}

impl Marks {
    fn of(history: &[VersionRow], stored: &StoredObject) -> Self {
        let mut known: HashMap<&str, [u8; 32]> = HashMap::new();
        let mut several = HashSet::new();
        for row in history {
            if *known.entry(&row.version).or_insert(row.digest) != row.digest {
                several.insert(row.version.clone());
            }
        }
        let shown = history.iter().find(|row| row.added == stored.added).map(|row| row.digest);
        Self { several, shown }
    }
}

/// A line of the history. The name of a version leads to it, unless something else bears the same one.
fn version(row: VersionRow, (stored, marks): (&StoredObject, &Marks), titles: &Titles) -> Version {
    let digest: String = row.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let page = object(&stored.id);
    let is_shown = marks.shown.is_none_or(|digest| digest == row.digest);
    Version {
        href: if marks.several.contains(&row.version) {
            format!("{page}?added={}", encode(&stix::Timestamp::text_of(row.added)))
        } else {
            format!("{page}?version={}", encode(&row.version))
        },
        shown: row.version == stored.version && is_shown,
        version: row.version,
        collection: titles.of(&row.collection),
        added: moment(row.added),
        digest: format!("{}…", digest.chars().take(DIGEST_DIGITS).collect::<String>()),
        origin: None,
        revoked: row.revoked,
        contradicts: row.contradicts,
    }
}

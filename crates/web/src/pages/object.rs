//! One object: what it says, where it came from, what it has to do with, its history, and its exact bytes.

use std::collections::{HashMap, HashSet};

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use base::Micros;
use handling::Principal;
use http::StatusCode;
use node::CollectionView;
use serde::Deserialize;
use stix::Json;
use store::{Direction, EdgeRow, Standing, StoredObject, VersionRow};

use super::form::encode;
use super::origin::Origin;
use super::properties::{Leads, Line, lines, name_references};
use super::words::{Tag, moment, object, state, tlp};
use super::{Frame, Reader, html, named};
use crate::{App, Problem};

/// Edges shown at once in each direction.
const EDGES: usize = 50;
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
    properties: Vec<Line>,
    collections: Vec<(String, String)>,
    added: String,
    sightings: Option<String>,
    origin: Option<Origin>,
    edges: Vec<Side>,
    history: Vec<Version>,
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

struct Side {
    anchor: &'static str,
    title: &'static str,
    rows: Vec<Edge>,
    more: Option<String>,
}

struct Edge {
    name: String,
    href: String,
    label: String,
    kind: String,
    held: bool,
    /// How the object at the other end stands.
    tags: Vec<Tag>,
    through: Option<String>,
    /// How the relationship stands, or the object that the reference stands in.
    stands: Vec<Tag>,
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
    out: Option<String>,
    r#in: Option<String>,
}

impl Question {
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
    let history = app.node().history(who, &id).await?.into_inner();
    let outward = side(&app, who, &id, (Direction::Outward, question.out)).await?;
    let inward = side(&app, who, &id, (Direction::Inward, question.r#in)).await?;
    let sightings = app.node().sightings_of(who, &id).await?.into_inner();
    let titles = Titles(app.node().collections(who).await?);
    let json = Json::parse(&stored.bytes).unwrap_or(Json::Null);
    let marks = Marks::of(&history, &stored);
    let mut properties = lines(&json);
    name_references(&app, who, &mut properties).await?;
    let page = Page {
        frame: Frame::of(&app, &reader, "").await,
        kind: stix::id::type_of(&stored.id).to_owned(),
        label: named::line(&app, who, &stored.id, &json).await?,
        tags: tags(&app, &stored),
        contradictions: stored.contradictions,
        findings: stored
            .findings
            .as_deref()
            .map_or_else(Vec::new, |text| serde_json::from_str(text).unwrap_or_default()),
        properties,
        collections: stored.collections.iter().map(|id| (encode(id), titles.of(id))).collect(),
        added: moment(stored.added),
        sightings: (sightings.reports > 0).then(|| seen(&sightings)),
        origin: Origin::of(&app, who, &stored).await?,
        edges: vec![outward, inward],
        history: history
            .into_iter()
            .rev()
            .map(|row| Version {
                origin: app.node().word_of(&row.originator),
                ..version(row, (&stored, &marks), &titles)
            })
            .collect(),
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

async fn side(
    app: &App,
    who: &Principal,
    id: &str,
    (direction, next): (Direction, Option<String>),
) -> Result<Side, Problem> {
    let (rows, next) = app.node().edges(who, id, direction, (EDGES, next)).await?.into_inner();
    let (anchor, title, field) = match direction {
        Direction::Outward => ("outward", "Leads to", "out"),
        Direction::Inward => ("inward", "Referred to by", "in"),
    };
    let more = next.map(|next| format!("{}?{field}={}#{anchor}", object(id), encode(&next)));
    let now = app.node().clock().now();
    Ok(Side { anchor, title, rows: rows.into_iter().map(|row| edge(row, now)).collect(), more })
}

fn edge(row: EdgeRow, now: Micros) -> Edge {
    let tags = |standing: Standing| state(standing.revoked, standing.not_yet(now), standing.expired(now));
    Edge {
        name: row.name,
        href: object(&row.other),
        kind: stix::id::type_of(&row.other).to_owned(),
        held: row.other_held.is_some(),
        tags: row.other_held.as_ref().map_or_else(Vec::new, |end| tags(end.standing)),
        label: row
            .other_held
            .map(|end| end.label)
            .filter(|label| !named::is_blank(label))
            .unwrap_or(row.other),
        through: row.through.as_deref().map(object),
        stands: tags(row.standing),
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

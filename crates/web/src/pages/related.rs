//! What an object has to do with others: gathered by relation on its own page, a few of each and how many there are, and all of one relation
//! on a page of their own.
//!
//! Counted and named is what the reader may see, by the predicate of the store; an end that is not here, or not for the reader, is told by
//! the identifier that the relationship itself says.

use std::collections::{HashMap, HashSet};

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use base::Micros;
use handling::Principal;
use http::StatusCode;
use node::{Brief, ReadError};
use serde::Deserialize;
use stix::Json;
use store::{Direction, EdgeGroup, EdgeGroups, EdgeRow, Standing, StoreError};

use super::form::encode;
use super::words::{AWAY, Tag, counted, object, state};
use super::{Frame, Reader, html, named};
use crate::{App, Problem};

/// Relations shown on an object's page in each direction, and objects of each.
const GROUPS: usize = 20;
const EACH: usize = 8;
/// How far the objects of one relation are counted.
const COUNTED: usize = 1_000;
/// Rows on a page of one relation.
const ROWS: usize = 100;
/// Longest name of a relation that an address holds, in bytes, and that is shown whole, in characters: nobody's word for it is longer.
const NAME_BYTES_MAX: usize = 1_000;
const NAME_SHOWN: usize = 80;

/// What an object leads to, or what leads to it.
pub(crate) struct Side {
    pub(crate) anchor: &'static str,
    pub(crate) title: &'static str,
    pub(crate) groups: Vec<Group>,
    /// They would have taken too long to gather, and none is told.
    pub(crate) too_many: bool,
    /// Where further relations are shown.
    pub(crate) more: Option<String>,
}

/// What one relation leads to.
pub(crate) struct Group {
    pub(crate) name: String,
    /// The property that the references stand in, where another word stands for it.
    pub(crate) property: Option<String>,
    pub(crate) count: String,
    pub(crate) rows: Vec<Edge>,
    /// Where all of it is shown, where that is more.
    pub(crate) all: Option<String>,
}

/// One object at the other end.
pub(crate) struct Edge {
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) label: String,
    pub(crate) kind: String,
    pub(crate) held: bool,
    /// How the object at the other end stands.
    pub(crate) tags: Vec<Tag>,
    pub(crate) through: Option<String>,
    /// How the relationship stands, or the object that the reference stands in.
    pub(crate) stands: Vec<Tag>,
}

impl Side {
    /// One direction of an object's relations, after one of them, on a page with this address, which is ready to be gone on with; references of its own that its properties show are left out. Where there are too
    /// many to gather, that is said.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn of(
        app: &App,
        (who, id, json): (&Principal, &str, &Json<'_>),
        (direction, after): (Direction, Option<&str>),
        address: &str,
    ) -> Result<Self, Problem> {
        let way = Way::of(direction);
        let asked = EdgeGroups { after, groups: GROUPS, rows: EACH, counted: COUNTED };
        let gathered = app.node().edge_groups(who, id, direction, &asked).await;
        let (too_many, (groups, more)) = match gathered {
            Ok(gathered) => (false, gathered.into_inner()),
            // An object is not refused for want of its relations.
            Err(ReadError::Store(StoreError::TooCostly)) => (true, (Vec::new(), false)),
            Err(error) => return Err(error.into()),
        };
        let fits = |name: &String| name.len() <= NAME_BYTES_MAX;
        let last = groups.last().map(|group| group.name.clone()).filter(|name| more && fits(name));
        let mut groups: Vec<EdgeGroup> = match direction {
            Direction::Outward => groups.into_iter().filter_map(|group| beyond_shown(group, json)).collect(),
            Direction::Inward => groups,
        };
        // What somebody says of two objects comes before what one of them mentions.
        groups.sort_by_key(|group| group.rows.iter().all(|row| row.through.is_none()));
        let ends = Ends::of(app, who, groups.iter().flat_map(|group| &group.rows)).await?;
        let mut shown = Vec::with_capacity(groups.len());
        for group in groups {
            let all = format!("{}/related?way={}&name={}", object(id), way.word, encode(&group.name));
            let (name, property) = way.said(&group);
            shown.push(Group {
                count: counted(group.count, COUNTED),
                all: (group.count > group.rows.len() && fits(&group.name)).then_some(all),
                rows: group.rows.into_iter().map(|row| ends.edge(row)).collect(),
                name,
                property,
            });
        }
        Ok(Self {
            anchor: way.anchor,
            title: way.title,
            groups: shown,
            too_many,
            more: last.map(|last| format!("{address}{}_after={}#{}", way.word, encode(&last), way.anchor)),
        })
    }
}

/// A group without the object's own references that its property of that name shows; `None` where nothing is left. What another telling of
/// the object says, and relationships that are named so, is shown nowhere else. Of a group that was not listed to its end the count stays what
/// the page with all of it says: which of the rest are shown is not known here.
fn beyond_shown(mut group: EdgeGroup, json: &Json<'_>) -> Option<EdgeGroup> {
    let Some(value) = json.get(&group.name) else { return Some(group) };
    let one = value.as_str();
    let many = value.as_list().into_iter().flatten().filter_map(Json::as_str);
    let shown: HashSet<&str> = one.into_iter().chain(many).collect();
    let is_whole = group.count == group.rows.len();
    group.rows.retain(|row| row.through.is_some() || !shown.contains(row.other.as_str()));
    if is_whole {
        group.count = group.rows.len();
    }
    let may_be_shown = is_whole || group.count <= shown.len();
    (!group.rows.is_empty() || !may_be_shown).then_some(group)
}

/// How a direction is said.
struct Way {
    direction: Direction,
    word: &'static str,
    anchor: &'static str,
    title: &'static str,
}

impl Way {
    const fn of(direction: Direction) -> Self {
        match direction {
            Direction::Outward => Self { direction, word: "out", anchor: "outward", title: "Leads to" },
            Direction::Inward => Self { direction, word: "in", anchor: "inward", title: "Referred to by" },
        }
    }

    /// The words for a group, and the property that they stand for.
    fn said(&self, group: &EdgeGroup) -> (String, Option<String>) {
        let is_reference = group.rows.iter().all(|row| row.through.is_none());
        self.say(&group.name, is_reference)
    }

    fn say(&self, name: &str, is_reference: bool) -> (String, Option<String>) {
        let words = match (self.direction, is_reference, name) {
            (Direction::Inward, true, "object_refs") => "listed in",
            (Direction::Inward, true, "sighting_of_ref") => "sighted in",
            (Direction::Inward, true, "created_by_ref") => "creator of",
            (Direction::Inward, true, "object_marking_refs") => "marking of",
            _ => return (named::cut(name, NAME_SHOWN), None),
        };
        (words.to_owned(), Some(name.to_owned()))
    }
}

/// What is told of the objects at the other ends: one question for all of them, and two more for each relationship or sighting among them.
struct Ends {
    told: HashMap<String, (String, Brief)>,
    now: Micros,
}

impl Ends {
    async fn of<'r>(
        app: &App,
        who: &Principal,
        rows: impl Iterator<Item = &'r EdgeRow>,
    ) -> Result<Self, Problem> {
        let mut ids: Vec<&str> = rows.map(|row| row.other.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let found = app.node().briefs(who, &ids).await?.into_inner();
        let mut told = HashMap::with_capacity(ids.len());
        for (id, one) in ids.into_iter().zip(found) {
            let Some(one) = one else { continue };
            let label = named::of_told(app, who, (id, &one)).await?;
            told.insert(id.to_owned(), (label, one));
        }
        Ok(Self { told, now: app.node().clock().now() })
    }

    fn edge(&self, row: EdgeRow) -> Edge {
        let tags = |standing: &Standing| {
            state(standing.revoked, standing.not_yet(self.now), standing.expired(self.now))
        };
        let told = self.told.get(&row.other);
        Edge {
            name: named::cut(&row.name, NAME_SHOWN),
            href: object(&row.other),
            kind: stix::id::type_of(&row.other).to_owned(),
            held: told.is_some(),
            tags: told.map_or_else(Vec::new, |(_, told)| tags(&told.standing)),
            through: row.through.as_deref().map(object),
            stands: tags(&row.standing),
            label: told.map_or(row.other, |(label, _)| label.clone()),
        }
    }
}

#[derive(Template)]
#[template(path = "related.html")]
struct Page {
    frame: Frame,
    kind: String,
    label: String,
    title: &'static str,
    name: String,
    property: Option<String>,
    back: String,
    rows: Vec<Edge>,
    next: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Question {
    /// `out` or `in`.
    #[serde(default)]
    way: String,
    /// The relation.
    #[serde(default)]
    name: String,
    next: Option<String>,
}

/// All of one relation of an object in one direction.
pub(crate) async fn show(
    State(app): State<App>,
    reader: Reader,
    Path(id): Path<String>,
    Query(question): Query<Question>,
) -> Result<Response, Problem> {
    let who = &reader.who;
    let direction = match question.way.as_str() {
        "out" => Direction::Outward,
        "in" => Direction::Inward,
        _ => {
            let said = "way is out for what the object leads to, and in for what leads to it";
            return Err(Problem::bad_request("query-malformed", said).at("way"));
        }
    };
    let way = Way::of(direction);
    let told = app.node().briefs(who, &[&id]).await?.into_inner().pop().flatten();
    let told = told.ok_or(node::ReadError::NotFound("object"))?;
    let asked = (direction, question.name.as_str());
    let (rows, next) = app.node().edges_named(who, &id, asked, (ROWS, question.next)).await?.into_inner();
    let ends = Ends::of(&app, who, rows.iter()).await?;
    let is_reference = rows.iter().all(|row| row.through.is_none());
    let (name, property) = way.say(&question.name, is_reference);
    let page = Page {
        frame: Frame::of(&app, &reader, "").await,
        kind: stix::id::type_of(&id).to_owned(),
        label: named::of_told(&app, who, (&id, &told)).await?,
        title: way.title,
        back: object(&id),
        next: next.map(|next| {
            let (name, next) = (encode(&question.name), encode(&next));
            format!("{}/related?way={}&name={name}&next={next}", object(&id), way.word)
        }),
        rows: rows.into_iter().map(|row| ends.edge(row)).collect(),
        name,
        property,
    };
    Ok(html(StatusCode::OK, &page))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// References that a property shows are not told twice; what another telling of the object refers to by it, and a relationship of that
    /// name, are told.
    #[test]
    fn what_the_shown_value_does_not_say_is_told() {
        let row = |other: &str, through: Option<&str>| EdgeRow {
            name: "refs".into(),
            other: other.into(),
            other_held: None,
            through: through.map(Into::into),
            standing: Standing::default(),
        };
        let left = |text: &[u8], rows: Vec<EdgeRow>, count: usize| {
            let group = EdgeGroup { name: "refs".into(), rows, count };
            let left = beyond_shown(group, &Json::parse(text).unwrap())?;
            Some((left.rows.into_iter().map(|row| row.other).collect::<Vec<_>>().concat(), left.count))
        };
        let rows = || vec![row("a", None), row("b", None)];
        assert_eq!(left(br#"{"refs":["a","b"]}"#, rows(), 2), None);
        assert_eq!(left(br#"{"refs":"a"}"#, rows(), 2), Some(("b".into(), 1)));
        // Not listed to the end: what the page with all of them tells.
        assert_eq!(left(br#"{"refs":["a","b"]}"#, rows(), 9), Some((String::new(), 9)));
        assert_eq!(left(br#"{"refs":["a","b","c"]}"#, rows(), 3), None);
        let relationships = || vec![row("a", Some("relationship--1")), row("b", Some("relationship--2"))];
        assert_eq!(left(br#"{"refs":"a name"}"#, relationships(), 3), Some(("ab".into(), 3)));
        assert_eq!(left(br#"{}"#, rows(), 2), Some(("ab".into(), 2)));
        let named_so = vec![row("a", Some("relationship--1"))];
        assert_eq!(left(br#"{"refs":["a"]}"#, named_so, 1), Some(("a".into(), 1)));
        assert_eq!(left(br#"{"refs":"text"}"#, vec![row("a", Some("r"))], 1), Some(("a".into(), 1)));
    }

    #[test]
    fn where_there_are_too_many_to_gather_that_is_said() {
        let told = |too_many| {
            let side =
                Side { anchor: "inward", title: "Referred to by", groups: Vec::new(), too_many, more: None };
            AloneSide { side: &side }.render().unwrap()
        };
        assert!(told(true).contains("Too many to gather") && !told(true).contains("None."), "{}", told(true));
        assert!(told(false).contains("None.") && !told(false).contains("Too many"), "{}", told(false));
    }

    #[derive(Template)]
    #[template(path = "side.html")]
    struct AloneSide<'a> {
        side: &'a Side,
    }

    #[test]
    fn a_relation_of_that_name_is_no_reference() {
        let inward = Way::of(Direction::Inward);
        assert_eq!(inward.say("object_refs", true), ("listed in".into(), Some("object_refs".into())));
        assert_eq!(inward.say("object_refs", false), ("object_refs".into(), None));
        assert_eq!(Way::of(Direction::Outward).say("created_by_ref", true), ("created_by_ref".into(), None));
    }
}

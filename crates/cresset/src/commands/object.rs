//! `cresset get`, `history`, `edges`, `delete`: one object and what hangs on it.

use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::search::standing;
use crate::args::Common;
use crate::ask::Yes;
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, counted, say, shown};
use crate::reach::{Reach, question};

/// One object to be shown.
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The object's id.
    id: String,
    /// The version, as its `modified` is written, or its `created` where it has none. Without it: the latest.
    #[arg(long, value_parser = version)]
    version: Option<String>,
}

/// One object whose versions are to be shown.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// The object's id.
    id: String,
}

/// One object whose edges are to be shown.
#[derive(Debug, Args)]
pub(crate) struct EdgesArgs {
    /// The object's id.
    id: String,
    /// Only edges in this direction.
    #[arg(long)]
    direction: Option<Direction>,
}

/// Which way edges are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Direction {
    /// From the object to others.
    Out,
    /// From others to the object.
    In,
}

impl Direction {
    const fn name(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
        }
    }
}

/// One object to be taken out.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The object's id.
    id: String,
    /// The collection's id or alias.
    #[arg(long)]
    collection: String,
    /// Only this version, as its `modified` is written, or its `created` where it has none.
    #[arg(long, value_parser = version)]
    version: Option<String>,
    #[command(flatten)]
    yes: Yes,
}

/// The text of a version, which is a moment as its producer wrote it.
pub(super) fn version(text: &str) -> Result<String, String> {
    let read = ::stix::Timestamp::from_rfc3339(text).map(|_| text.to_owned());
    read.map_err(|error| {
        format!("{error}: like 2026-05-01T12:00:00.000Z, as the object and `cresset history` tell it")
    })
}

#[derive(Deserialize)]
struct Exact<'a> {
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct VersionRow {
    version: String,
    collection: String,
    added: String,
    #[serde(default)]
    origin: Option<String>,
    revoked: bool,
    #[serde(default)]
    contradicts: bool,
}

#[derive(Deserialize)]
struct Collection {
    id: String,
    title: String,
}

#[derive(Deserialize)]
struct EdgeRow {
    name: String,
    other: String,
    other_label: Option<String>,
    other_revoked: Option<bool>,
    other_not_yet_valid: Option<bool>,
    other_expired: Option<bool>,
    #[serde(default)]
    revoked: bool,
    #[serde(default)]
    not_yet_valid: bool,
    #[serde(default)]
    expired: bool,
}

impl EdgeRow {
    /// What is no longer in force at this edge, in words. Nothing is known of an object that is not held here.
    fn standing(&self) -> String {
        let own = standing((self.revoked, self.not_yet_valid, self.expired));
        if self.other_label.is_none() {
            return if own == "current" { "not known".to_owned() } else { format!("relation {own}") };
        }
        let other = [self.other_revoked, self.other_not_yet_valid, self.other_expired];
        let [revoked, not_yet, expired] = other.map(|said| said == Some(true));
        match (own, standing((revoked, not_yet, expired))) {
            ("current", "current") => "current".to_owned(),
            (own, "current") => format!("relation {own}"),
            ("current", other) => format!("object {other}"),
            (own, other) => format!("relation {own}, object {other}"),
        }
    }
}

/// Shows one object.
pub(crate) async fn get(common: &Common, args: GetArgs, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let mut request = question::get(["objects", &args.id]);
    request.query.extend(args.version.map(|version| ("version", version)));
    let answer = reach.ask(request).await?;
    if out.is_json() {
        out.line(&answer)?;
        return Ok(Exit::Done);
    }
    let exact: Exact<'_> = reach.read(&answer)?;
    out.line(exact.object.get().as_bytes())?;
    Ok(Exit::Done)
}

/// Shows the versions of one object.
pub(crate) async fn history(common: &Common, args: HistoryArgs, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let versions: Vec<Value> = reach.all(question::get(["objects", &args.id, "history"])).await?;
    if out.is_json() {
        out.json(&versions)?;
        return Ok(Exit::Done);
    }
    let titles: Vec<Collection> = reach.all(question::get(["collections"])).await?;
    let title = |id: &str| {
        let known = titles.iter().find(|collection| collection.id == id);
        shown(known.map_or(id, |collection| &collection.title))
    };
    let rows = versions.into_iter().filter_map(|row| serde_json::from_value::<VersionRow>(row).ok());
    let rows: Vec<[String; 5]> = rows
        .map(|row| {
            let marks = match (row.revoked, row.contradicts) {
                (false, false) => "",
                (true, false) => "revoked",
                (false, true) => "contradicts the first",
                (true, true) => "revoked, contradicts the first",
            };
            let origin = row.origin.as_deref().map_or_else(String::new, shown);
            [shown(&row.version), row.added, title(&row.collection), origin, marks.to_owned()]
        })
        .collect();
    out.table(["VERSION", "ADDED", "COLLECTION", "BY", ""], &rows)?;
    Ok(Exit::Done)
}

/// Shows the edges of one object.
pub(crate) async fn edges(common: &Common, args: EdgesArgs, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let directions = args.direction.map_or(vec![Direction::Out, Direction::In], |one| vec![one]);
    let mut all: Vec<(Direction, Value)> = Vec::new();
    for direction in directions {
        let mut request = question::get(["objects", &args.id, "edges"]);
        request.query.push(("direction", direction.name().to_owned()));
        let found: Vec<Value> = reach.all(request).await?;
        all.extend(found.into_iter().map(|edge| (direction, edge)));
    }
    if out.is_json() {
        let edges = all.into_iter().map(|(direction, mut edge)| {
            edge["direction"] = Value::from(direction.name());
            edge
        });
        out.json(&edges.collect::<Vec<Value>>())?;
        return Ok(Exit::Done);
    }
    let rows = all.into_iter().filter_map(|(direction, edge)| {
        let edge: EdgeRow = serde_json::from_value(edge).ok()?;
        let arrow = if direction == Direction::Out { "-->" } else { "<--" };
        let standing = edge.standing();
        let label = edge.other_label.map_or_else(|| "(not held here)".to_owned(), |label| shown(&label));
        Some([arrow.to_owned(), shown(&edge.name), shown(&edge.other), standing, label])
    });
    let rows: Vec<[String; 5]> = rows.collect();
    if rows.is_empty() {
        say(format_args!("nothing that you may read is related to {}", shown(&args.id)));
        return Ok(Exit::Done);
    }
    out.table(["", "RELATION", "OBJECT", "STANDING", "LABEL"], &rows)?;
    Ok(Exit::Done)
}

/// Takes one object, or one version of it, out of a collection.
pub(crate) async fn delete(common: &Common, args: DeleteArgs, out: &mut Out) -> Result<Exit, Failure> {
    let (id, collection) = (shown(&args.id), shown(&args.collection));
    let what = args.version.as_deref().map_or_else(
        || format!("every version of {id}"),
        |version| format!("version {} of {id}", shown(version)),
    );
    let question = format!(
        "take {what} out of {collection}? Members that were given it keep it, and there is no way back but a backup."
    );
    args.yes.or_leave(&question, &format!("{id} was not taken out of {collection}"), out)?;
    let reach = Reach::open(common, Access::Write).await?;
    let mut request = question::delete(["collections", &args.collection, "objects", &args.id]);
    request.query.extend(args.version.map(|version| ("version", version)));
    let answer: Value = reach.answer(request).await?;
    let versions = answer["versions"].as_u64().unwrap_or_default();
    if out.is_json() {
        out.json(&json!({"id": args.id, "collection": args.collection, "versions": versions}))?;
    }
    let took = counted(versions, "version");
    say(format_args!("took {took} of {} out of {}", shown(&args.id), shown(&args.collection)));
    Ok(Exit::Done)
}

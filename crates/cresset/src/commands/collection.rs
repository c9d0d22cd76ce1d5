//! `cresset collection`: collections and who may read and write them.

use clap::{Args, Subcommand};
use dial::Verb;
use handling::Access as Grant;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::args::Common;
use crate::ask::Yes;
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, say, shown};
use crate::reach::{Reach, question};

/// What to do with collections.
#[derive(Debug, Subcommand)]
pub(crate) enum CollectionCommand {
    /// Add a collection.
    Add(AddArgs),
    /// List the collections you may know of.
    List,
    /// Set who may do what: `user:NAME=rw`, `role:NAME=r`; `none` takes a grant back.
    Grant(GrantArgs),
    /// Show who may do what.
    Grants {
        /// The collection's id or alias.
        id: String,
    },
    /// Remove a collection with everything that stands only in it; in a terminal it asks first.
    Remove {
        /// The collection's id or alias.
        id: String,
        #[command(flatten)]
        yes: Yes,
    },
}

/// A collection to be added.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// A UUID, or a readable name of letters a-z, digits and hyphens; the id is random then.
    id: String,
    /// Title.
    #[arg(long)]
    title: String,
    /// Description.
    #[arg(long)]
    description: Option<String>,
    /// A readable name for addresses.
    #[arg(long)]
    alias: Option<String>,
    /// Refuse objects with any error finding, not only those that are no objects.
    #[arg(long)]
    strict: bool,
    /// Who may do what, from the start: `user:NAME=rw`, `role:NAME=r`; may be given several times.
    #[arg(long = "grant", value_parser = GrantLine::read, value_name = "WHO=ACCESS")]
    grants: Vec<GrantLine>,
}

/// Grants to be set.
#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// The collection's id or alias.
    id: String,
    /// Who may do what: `user:NAME=rw|r|w|none` or `role:NAME=rw|r|w|none`.
    #[arg(required = true, value_parser = GrantLine::read, value_name = "WHO=ACCESS")]
    grants: Vec<GrantLine>,
}

/// One grant as written on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct GrantLine {
    grantee: String,
    access: Grant,
}

impl GrantLine {
    fn read(text: &str) -> Result<Self, String> {
        let form = "a grant is user:NAME=ACCESS or role:NAME=ACCESS";
        let (grantee, access) = text.rsplit_once('=').ok_or(form)?;
        let access = access.parse::<Grant>().map_err(|error| error.to_string())?;
        grantee.parse::<node::GranteeName>().map_err(|error| error.to_string())?;
        Ok(Self { grantee: grantee.to_owned(), access })
    }

    fn json(&self) -> Value {
        json!({"grantee": self.grantee, "access": self.access.name()})
    }
}

#[derive(Deserialize)]
struct CollectionRow {
    id: String,
    alias: Option<String>,
    title: String,
    can_read: bool,
    can_write: bool,
    last_added: Option<String>,
}

#[derive(Deserialize)]
struct GrantRow {
    grantee: String,
    access: String,
}

/// Runs the command.
pub(crate) async fn run(common: &Common, command: CollectionCommand, out: &mut Out) -> Result<Exit, Failure> {
    match command {
        CollectionCommand::Add(args) => add(common, args, out).await,
        CollectionCommand::List => list(common, out).await,
        CollectionCommand::Grant(args) => grant(common, args, out).await,
        CollectionCommand::Grants { id } => grants(common, &id, out).await,
        CollectionCommand::Remove { id, yes } => {
            let name = shown(&id);
            let question = format!(
                "remove collection {name} and everything that stands only in it? There is no way back but a backup."
            );
            yes.or_leave(&question, &format!("collection {name} was not removed"), out)?;
            remove(common, &id, out).await
        }
    }
}

async fn add(common: &Common, args: AddArgs, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Write).await?;
    let grants: Vec<Value> = args.grants.iter().map(GrantLine::json).collect();
    let body = json!({
        "id": args.id,
        "alias": args.alias,
        "title": args.title,
        "description": args.description,
        "strict": args.strict,
        "grants": grants,
    });
    let answer = reach.ask(question::send(Verb::Post, ["collections"], &body)).await?;
    if out.is_json() {
        out.line(&answer)?;
    } else {
        let answer: Value = reach.read(&answer)?;
        out.line(answer["id"].as_str().unwrap_or_default().as_bytes())?;
    }
    say(format_args!("added collection {}", shown(&args.title)));
    Ok(Exit::Done)
}

async fn list(common: &Common, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let collections: Vec<Value> = reach.all(question::get(["collections"])).await?;
    if out.is_json() {
        out.json(&collections)?;
        return Ok(Exit::Done);
    }
    let rows = collections.into_iter().filter_map(|row| serde_json::from_value::<CollectionRow>(row).ok());
    let rows: Vec<[String; 5]> = rows
        .map(|row| {
            let access = Grant { read: row.can_read, write: row.can_write }.name().to_owned();
            [
                row.id,
                row.alias.unwrap_or_default(),
                shown(&row.title),
                access,
                row.last_added.unwrap_or_default(),
            ]
        })
        .collect();
    out.table(["ID", "ALIAS", "TITLE", "ACCESS", "LAST ADDED"], &rows)?;
    Ok(Exit::Done)
}

async fn grant(common: &Common, args: GrantArgs, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Write).await?;
    for line in &args.grants {
        reach.ask(question::send(Verb::Put, ["collections", &args.id, "grants"], &line.json())).await?;
    }
    if out.is_json() {
        let grants: Vec<Value> = reach.all(question::get(["collections", &args.id, "grants"])).await?;
        out.json(&grants)?;
    }
    for line in &args.grants {
        say(format_args!("{} now has {} on {}", shown(&line.grantee), line.access.name(), shown(&args.id)));
    }
    Ok(Exit::Done)
}

async fn grants(common: &Common, id: &str, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let grants: Vec<Value> = reach.all(question::get(["collections", id, "grants"])).await?;
    if out.is_json() {
        out.json(&grants)?;
        return Ok(Exit::Done);
    }
    let rows = grants.into_iter().filter_map(|row| serde_json::from_value::<GrantRow>(row).ok());
    let rows: Vec<[String; 2]> = rows.map(|row| [shown(&row.grantee), row.access]).collect();
    out.table(["WHO", "ACCESS"], &rows)?;
    Ok(Exit::Done)
}

async fn remove(common: &Common, id: &str, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Write).await?;
    reach.ask(question::delete(["collections", id])).await?;
    if out.is_json() {
        out.json(&json!({"id": id, "removed": true}))?;
    }
    say(format_args!("removed collection {}", shown(id)));
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_as_the_contract_writes_them() {
        let line = GrantLine::read("user:a=b=rw").unwrap();
        assert_eq!((line.grantee.as_str(), line.access.name()), ("user:a=b", "rw"));
        assert_eq!(GrantLine::read("role:reader=none").unwrap().access, Grant::NONE);
        for bad in ["ann=rw", "user:=r", "role:king=r", "user:ann", "user:ann=x", "user:ann="] {
            assert!(GrantLine::read(bad).is_err(), "{bad}");
        }
    }
}

//! `cresset circle`: named groups that this node's member keeps, and those it is in.

use clap::Subcommand;
use dial::Verb;
use serde_json::{Value, json};

use crate::args::{Common, names, trimmed};
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, say, shown};
use crate::reach::{Reach, question};

/// What is done with circles.
#[derive(Debug, Subcommand)]
pub(crate) enum CircleCommand {
    /// Make a circle.
    Create {
        /// What this member calls it.
        name: String,
        /// Its members, by slug or id, parted by commas; this member is in it without being named.
        #[arg(long, value_delimiter = ',', value_parser = trimmed, value_name = "MEMBER,...")]
        members: Vec<String>,
        /// The sector it is for.
        #[arg(long)]
        sector: Option<String>,
    },
    /// Take members in; who is in already is given what was shared before with `--history all`.
    Add {
        /// The circle, by name or id.
        name: String,
        /// Members, by slug or id.
        #[arg(required = true)]
        members: Vec<String>,
        /// How much of what was shared before they get.
        #[arg(long, default_value = "from-now", value_parser = names(["from-now", "all"]))]
        history: String,
    },
    /// Take members out.
    Remove {
        /// The circle, by name or id.
        name: String,
        /// Members, by slug or id.
        #[arg(required = true)]
        members: Vec<String>,
    },
    /// Show the circles this member keeps or is in.
    List,
}

/// Runs the command.
pub(crate) async fn run(common: &Common, command: CircleCommand, out: &mut Out) -> Result<Exit, Failure> {
    match command {
        CircleCommand::Create { name, members, sector } => {
            let body = json!({"name": name, "members": members, "sector": sector});
            let reach = Reach::open(common, Access::Write).await?;
            let answer = reach.ask(question::send(Verb::Post, ["circles"], &body)).await?;
            tell(&answer, out)
        }
        CircleCommand::Add { name, members, history } => {
            change(common, &name, json!({"add": members, "history": history}), out).await
        }
        CircleCommand::Remove { name, members } => {
            change(common, &name, json!({"remove": members}), out).await
        }
        CircleCommand::List => list(common, out).await,
    }
}

async fn change(common: &Common, name: &str, body: Value, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Write).await?;
    let answer = reach.ask(question::send(Verb::Post, ["circles", name, "members"], &body)).await?;
    tell(&answer, out)
}

fn tell(answer: &[u8], out: &mut Out) -> Result<Exit, Failure> {
    if out.is_json() {
        out.line(answer)?;
    } else {
        let circle: Value = serde_json::from_slice(answer).map_err(Failure::no_node_there)?;
        let name = shown(circle["name"].as_str().unwrap_or_default());
        let version = &circle["version"];
        if circle["changed"] == json!(false) {
            say(format_args!(
                "nothing changed: they are in circle {name} already, with as much history; it is at version {version}"
            ));
        } else {
            say(format_args!("circle {name} is at version {version}"));
        }
    }
    Ok(Exit::Done)
}

async fn list(common: &Common, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let circles: Vec<Value> = reach.all(question::get(["circles"])).await?;
    if out.is_json() {
        out.json(&circles)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<[String; 4]> = circles
        .iter()
        .map(|circle| {
            let word = |value: &Value| shown(value.as_str().unwrap_or_default());
            let members: Vec<String> = circle["members"].as_array().into_iter().flatten().map(word).collect();
            [word(&circle["name"]), word(&circle["owner"]), circle["version"].to_string(), members.join(", ")]
        })
        .collect();
    out.table(["CIRCLE", "OWNER", "VERSION", "MEMBERS"], &rows)?;
    Ok(Exit::Done)
}

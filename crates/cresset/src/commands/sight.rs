//! `cresset sight`: say that an object or value has been seen.

use clap::Args;
use dial::Verb;
use serde_json::{Value, json};

use crate::args::Common;
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, counted, say, shown};
use crate::reach::{Reach, question};

/// What has been seen.
#[derive(Debug, Args)]
pub(crate) struct SightArgs {
    /// An object's id, or a value that an object here is about.
    what: String,
    /// How often: STIX takes up to 999,999,999.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(..=stix::SIGHTINGS_MAX))]
    count: u32,
    /// The sector of those who saw it, who stay unnamed: health, energy, financial-services.
    #[arg(long, value_name = "SECTOR")]
    sector: Option<String>,
    /// Tell everybody whom the object is for; else another member's object is told to that member alone.
    #[arg(long)]
    to_all: bool,
    /// The collection that the sighting goes to, by id or alias.
    #[arg(long, default_value = super::import::INBOX)]
    collection: String,
}

/// Runs the command.
pub(crate) async fn run(common: &Common, args: SightArgs, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Write).await?;
    let body = json!({
        "of": args.what, "count": args.count, "collection": args.collection, "sector": args.sector,
        "to_all": args.to_all,
    });
    let answer = reach.ask(question::send(Verb::Post, ["sightings"], &body)).await?;
    if out.is_json() {
        out.line(&answer)?;
    } else {
        let answer: Value = reach.read(&answer)?;
        out.line(shown(answer["id"].as_str().unwrap_or_default()).as_bytes())?;
    }
    say(format_args!("noted that {} was seen {}", shown(&args.what), counted(args.count.into(), "time")));
    Ok(Exit::Done)
}

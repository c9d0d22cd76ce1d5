//! `cresset observed`: which indicators' patterns match what was observed?

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use super::import::read_input;
use super::search::standing;
use crate::args::Common;
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, counted, say, shown};
use crate::reach::{Reach, question};

/// What was observed.
#[derive(Debug, Args)]
pub(crate) struct ObservedArgs {
    /// A STIX bundle of observed-data objects with their observables; `-` reads standard input.
    file: PathBuf,
}

/// Runs the command: exits 1 when no pattern matches. A pattern that ran into a limit is no match, and is named.
pub(crate) async fn run(common: &Common, args: ObservedArgs, out: &mut Out) -> Result<Exit, Failure> {
    let bundle = read_input(&args.file)?;
    let reach = Reach::open(common, Access::Read).await?;
    let answer = reach.ask(question::post_bytes(["observed"], bundle, "application/json")).await?;
    let found: Found = reach.read(&answer)?;
    if out.is_json() {
        out.line(&answer)?;
    } else {
        for one in &found.items {
            let then = match one.valid_then {
                Some(true) => "valid when it was observed",
                Some(false) => "not valid when it was observed",
                None => "not decided whether it was valid when it was observed, because a limit was reached",
            };
            let standing = standing((one.revoked, one.not_yet_valid, one.expired));
            out.line(format!("{} ({standing}, {then})", shown(&one.id)).as_bytes())?;
        }
        let matching = counted(u64::try_from(found.items.len()).unwrap_or(u64::MAX), "indicator");
        say(format_args!("found {matching} whose pattern matches"));
        say_undecided(&found);
    }
    Ok(if found.items.is_empty() { Exit::No } else { Exit::Done })
}

/// What was found, as the API tells it.
#[derive(Deserialize)]
struct Found {
    items: Vec<Item>,
    #[serde(default)]
    undecided: u64,
    #[serde(default)]
    undecided_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    #[serde(default)]
    revoked: bool,
    #[serde(default)]
    not_yet_valid: bool,
    #[serde(default)]
    expired: bool,
    /// Null where it is not known.
    #[serde(default)]
    valid_then: Option<bool>,
}

/// Names the indicators of which nothing is known because a limit was reached.
fn say_undecided(found: &Found) {
    if found.undecided == 0 {
        return;
    }
    say(format_args!(
        "not decided, because a limit was reached: {} (send fewer or shorter observations at once)",
        counted(found.undecided, "pattern")
    ));
    for id in &found.undecided_ids {
        say(format_args!("  {}", shown(id)));
    }
    let unnamed =
        found.undecided.saturating_sub(u64::try_from(found.undecided_ids.len()).unwrap_or(u64::MAX));
    if unnamed > 0 {
        say(format_args!("  and {unnamed} more"));
    }
}

//! `cresset observed`: which indicators' patterns match what was observed?

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::import::read_input;
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

/// Runs the command: exits 1 when no pattern matches.
pub(crate) async fn run(common: &Common, args: ObservedArgs, out: &mut Out) -> Result<Exit, Failure> {
    let bundle = read_input(&args.file)?;
    let reach = Reach::open(common, Access::Read).await?;
    let answer = reach.ask(question::post_bytes(["observed"], bundle, "application/json")).await?;
    let found: Value = serde_json::from_slice(&answer).map_err(Failure::unreachable)?;
    let indicators = found["items"].as_array().cloned().unwrap_or_default();
    if out.is_json() {
        out.line(&answer)?;
    } else {
        for indicator in &indicators {
            out.line(shown(indicator["id"].as_str().unwrap_or_default()).as_bytes())?;
        }
        let found = counted(u64::try_from(indicators.len()).unwrap_or(u64::MAX), "indicator");
        say(format_args!("found {found} whose pattern matches"));
    }
    Ok(if indicators.is_empty() { Exit::No } else { Exit::Done })
}

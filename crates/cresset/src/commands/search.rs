//! `cresset search`: full text in any language.

use clap::Args;
use serde::Deserialize;

use crate::args::Common;
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, say, shown};
use crate::reach::{Page, Reach, question};

/// A full-text question.
#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Words that must all occur.
    #[arg(required = true)]
    text: Vec<String>,
    /// Only objects of this type; may be given several times.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Most results.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Where to go on: `next` of an earlier answer to the same question.
    #[arg(long)]
    next: Option<String>,
}

/// One object found.
#[derive(Deserialize)]
pub(crate) struct FoundRow {
    id: String,
    label: String,
    #[serde(default)]
    revoked: bool,
    #[serde(default)]
    not_yet_valid: bool,
    #[serde(default)]
    expired: bool,
}

/// Runs the command.
pub(crate) async fn run(common: &Common, args: SearchArgs, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let mut request = question::get(["search"]);
    request.query.push(("q", args.text.join(" ")));
    request.query.push(("limit", args.limit.to_string()));
    request.query.extend(args.types.into_iter().map(|one| ("type", one)));
    request.query.extend(args.next.map(|next| ("next", next)));
    let answer = reach.ask(request).await?;
    if out.is_json() {
        out.line(&answer)?;
        return Ok(Exit::Done);
    }
    let page: Page<FoundRow> = reach.read(&answer)?;
    if page.items.is_empty() {
        say("nothing found");
        return Ok(Exit::Done);
    }
    let rows: Vec<[String; 3]> = page
        .items
        .iter()
        .map(|row| {
            [
                shown(&row.id),
                standing((row.revoked, row.not_yet_valid, row.expired)).to_owned(),
                shown(&row.label),
            ]
        })
        .collect();
    out.table(["OBJECT", "STANDING", "LABEL"], &rows)?;
    if let Some(next) = page.next {
        say(format_args!("there is more: --next {}", shown(&next)));
    }
    Ok(Exit::Done)
}

/// How an object stands, in a word.
pub(crate) const fn standing((revoked, not_yet, expired): (bool, bool, bool)) -> &'static str {
    match (revoked, not_yet, expired) {
        (true, _, _) => "revoked",
        (false, true, _) => "not yet valid",
        (false, false, true) => "expired",
        (false, false, false) => "current",
    }
}

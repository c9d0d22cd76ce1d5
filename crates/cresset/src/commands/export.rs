//! `cresset export`: what may be read, as one file.

use clap::Args;

use crate::args::{Common, names};
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::Out;
use crate::reach::{Reach, question};

/// What is to be written out.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Only this collection, by id or alias. Without it: everything you may read.
    #[arg(long)]
    collection: Option<String>,
    /// What the file is to be.
    #[arg(long, default_value = "stix", value_parser = names(["stix", "csv"]))]
    format: String,
    /// Only objects of this type; may be given several times.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only the object with this id; may be given several times.
    #[arg(long = "id", value_name = "ID")]
    ids: Vec<String>,
    /// Every version instead of the latest.
    #[arg(long)]
    all_versions: bool,
}

/// Runs the command.
pub(crate) async fn run(common: &Common, args: ExportArgs, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let mut request = question::get(["export"]);
    request.query.extend(args.collection.map(|collection| ("collection", collection)));
    request.query.push(("format", args.format));
    request.query.extend(args.types.into_iter().map(|one| ("type", one)));
    request.query.extend(args.ids.into_iter().map(|one| ("id", one)));
    if args.all_versions {
        request.query.push(("version", "all".to_owned()));
    }
    reach.pour(request, out).await?;
    Ok(Exit::Done)
}

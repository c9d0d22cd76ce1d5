//! `cresset export`: what may be read, as one file.

use clap::Args;
use serde_json::Value;

use crate::args::{Common, names};
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, say, shown};
use crate::reach::{POURED_BYTES, Reach, question};

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
    request.query.push(("format", args.format.clone()));
    request.query.extend(args.types.iter().map(|one| ("type", one.clone())));
    request.query.extend(args.ids.into_iter().map(|one| ("id", one)));
    if args.all_versions {
        request.query.push(("version", "all".to_owned()));
    }
    let first = reach.pour(request, out).await?;
    if holds_nothing(&first, &args.format) {
        say("0 objects: nothing that you may read is what was asked for");
        for (name, meant) in args.types.iter().filter_map(|name| Some((name, meant(name)?))) {
            say(format_args!("there is no type {}: is {meant} meant?", shown(name)));
        }
    }
    Ok(Exit::Done)
}

/// Whether an export, by its first bytes, holds no object: a bundle that is at its end already, or a list that is nothing but its head.
fn holds_nothing(first: &[u8], format: &str) -> bool {
    if first.len() >= POURED_BYTES {
        return false;
    }
    if format == "csv" {
        return first.iter().filter(|byte| **byte == b'\n').count() <= 1;
    }
    let bundle: Result<Value, _> = serde_json::from_slice(first);
    bundle.is_ok_and(|bundle| bundle["objects"].as_array().is_none_or(Vec::is_empty))
}

/// The type of the specification that a name is a slip of the pen for; `None` where it is one, or none is near.
fn meant(name: &str) -> Option<&'static str> {
    let types = ::stix::type_names();
    if types.contains(&name) {
        return None;
    }
    let near = types.into_iter().map(|known| (strsim::levenshtein(name, known), known)).min()?;
    (near.0 <= 2 && near.0 < name.chars().count()).then_some(near.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_told_from_a_type_of_ones_own() {
        for (written, means) in [
            ("indikator", Some("indicator")),
            ("Malware", Some("malware")),
            ("ipv4addr", Some("ipv4-addr")),
            ("indicator", None),
            ("x-acme-sensor", None),
        ] {
            assert_eq!(meant(written), means, "{written}");
        }
    }

    #[test]
    fn an_export_of_nothing_is_seen() {
        assert!(holds_nothing(br#"{"type":"bundle","id":"bundle--x"}"#, "stix"));
        assert!(holds_nothing(br#"{"type":"bundle","id":"bundle--x","objects":[]}"#, "stix"));
        assert!(!holds_nothing(br#"{"type":"bundle","objects":[{}]}"#, "stix"));
        assert!(!holds_nothing(&[b' '; POURED_BYTES], "stix"));
        assert!(holds_nothing(b"id,type\n", "csv") && !holds_nothing(b"id,type\nx,y\n", "csv"));
    }
}

//! `cresset stix`: questions about STIX for machines, one JSON document a line in and out.
//!
//! Needs no node and no directory. Every answer carries the question's `id` and every member of its verb's answers: where a
//! line cannot be answered, `valid` is false, `errors` says why, and the others say nothing (`false`, `null`, `[]`).

mod stream;
mod verbs;

use clap::Subcommand;

use crate::exit::{Exit, Failure};

/// What to ask of each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum StixCommand {
    /// Is this object or bundle valid? {"id","input","strict"} -> {"valid","errors","warnings"}
    Validate,
    /// Is this pattern valid? {"id","pattern"} -> {"valid","errors"}
    Pattern,
    /// Does this pattern match? {"id","pattern","bundle"} -> {"matched","observations"}
    Match,
    /// Which id does this observable have? {"id","object"} -> {"sco_id"}
    Id,
    /// Which of these versions is current at the end? {"id","objects"} -> {"latest"}
    Latest,
    /// Which markings apply there? {"id","object","selector"} -> {"valid","effective"}
    Markings,
}

/// Answers every line of standard input.
pub(crate) fn run(command: &StixCommand) -> Result<Exit, Failure> {
    stream::run(match command {
        StixCommand::Validate => verbs::VALIDATE,
        StixCommand::Pattern => verbs::PATTERN,
        StixCommand::Match => verbs::MATCH,
        StixCommand::Id => verbs::ID,
        StixCommand::Latest => verbs::LATEST,
        StixCommand::Markings => verbs::MARKINGS,
    })
}

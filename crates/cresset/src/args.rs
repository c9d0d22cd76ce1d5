//! The command line: every command by name, and the options that all of them take.

use std::env::VarError;
use std::path::PathBuf;

use base::Redacted;
use clap::{Args, Parser, Subcommand};
use dial::{Egress, Login, PlainHttp};
use url::Url;

use stix::quote::quoted;

use crate::commands;
use crate::exit::Failure;
use crate::out::{Style, say};

/// Names the running node for commands that can act on one.
const URL_VARIABLE: &str = "CRESSET_URL";

/// A self-hosted node for collective cyber defence between equals.
///
/// Exit codes: 0 done; 1 the answer is "no", refused or invalid; 2 usage; 3 verification failed; 4 something cannot be
/// reached or opened.
#[derive(Debug, Parser)]
#[command(name = "cresset", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Common {
    /// Answer as JSON: one document, or one a line where the command says so.
    #[arg(long, global = true)]
    json: bool,
    /// The node's directory.
    #[arg(long, global = true, env = "CRESSET_DATA", default_value = "./cresset-data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Whether the command line itself names the directory.
    #[arg(skip)]
    pub(crate) data_named: bool,
    /// Act on the running node at this address instead of a directory. Commands that can do so take the environment's
    /// CRESSET_URL without it and without --data; the others pass over that.
    #[arg(long, global = true, value_name = "URL", value_parser = address)]
    url: Option<Url>,
    /// Token for --url.
    #[arg(long, global = true, env = "CRESSET_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// Certificate authorities (PEM) to trust besides the public ones when connecting to somebody.
    #[arg(long, global = true, env = "CRESSET_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Let credentials travel unencrypted to another machine.
    #[arg(long, global = true)]
    allow_plain_http: bool,
}

impl Common {
    /// How answers are written.
    pub(crate) fn style(&self) -> Style {
        if self.json { Style::Json } else { Style::Words }
    }

    /// The running node that the command line names, or else, where it names no directory either, the environment; an empty
    /// variable names none.
    pub(crate) fn node_url(&self) -> Result<Option<Url>, Failure> {
        match (&self.url, self.data_named) {
            (Some(_), true) => {
                return Err(Failure::usage("--url and --data name two nodes")
                    .hint("leave --data out to act on the running node, or --url to act on the directory"));
            }
            (Some(url), false) => return Ok(Some(url.clone())),
            (None, true) => return Ok(None),
            (None, false) => {}
        }
        match std::env::var(URL_VARIABLE) {
            Ok(text) if !text.is_empty() => address(&text).map(Some).map_err(|error| {
                Failure::usage(format_args!(
                    "{URL_VARIABLE} holds {}, which is no address: {error}",
                    quoted(&text)
                ))
            }),
            Err(VarError::NotUnicode(_)) => Err(Failure::usage(format_args!("{URL_VARIABLE} is not UTF-8"))),
            _ => Ok(None),
        }
    }

    /// Who this is to the node at `--url`.
    pub(crate) fn login(&self) -> Result<Login, Failure> {
        let Some(token) = &self.token else {
            return Err(Failure::usage("--url needs a token")
                .hint("give one with --token or CRESSET_TOKEN; `cresset token create` makes them"));
        };
        Ok(Login::Bearer(Redacted::new(token.clone())))
    }

    /// The policy for outbound connections.
    pub(crate) fn egress(&self) -> Result<Egress, Failure> {
        let mut policy = Egress::default();
        if let Some(path) = &self.ca {
            let pem = std::fs::read(path).map_err(|error| Failure::file("read", path, &error))?;
            if let Err(error) = dial::count_authorities(&pem) {
                let said =
                    format_args!("{} names no certificate authority to trust: {error}", path.display());
                return Err(Failure::unreachable(said).hint(
                    "--ca (CRESSET_CA) takes a file with certificates in PEM, which begin with -----BEGIN CERTIFICATE-----",
                ));
            }
            policy.extra_roots_pem = Some(pem);
        }
        if self.allow_plain_http {
            policy.plain_http = PlainHttp::Anywhere;
        }
        Ok(policy)
    }

    /// Says that the environment's address is passed over, where a command acts on a directory that nothing names.
    pub(crate) fn tell_of_passing_over(&self) {
        if !self.data_named && std::env::var_os(URL_VARIABLE).is_some_and(|text| !text.is_empty()) {
            say(format_args!(
                "{URL_VARIABLE} is not used here: this acts on the directory {}",
                self.data.display()
            ));
        }
    }

    /// Refuses `--url` for a command that acts on files of this machine. The environment's address is passed over: it is
    /// there for the commands that follow.
    pub(crate) fn only_here(&self, command: &str) -> Result<(), Failure> {
        match &self.url {
            None => Ok(()),
            Some(_) => Err(Failure::usage(format_args!(
                "`{command}` acts on a directory of this machine, not on --url"
            ))
            .hint("leave out --url")),
        }
    }
}

/// The address of a node.
fn address(text: &str) -> Result<Url, String> {
    match text.parse::<Url>() {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        // `localhost:8400` is read as an address of the scheme `localhost`.
        Ok(_) | Err(url::ParseError::RelativeUrlWithoutBase) => {
            Err("it begins with http:// or https://, like https://node.example:8400".to_owned())
        }
        Err(error) => Err(format!("{error}: an address looks like https://node.example:8400")),
    }
}

/// Every command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start three members and a secretariat, show how they warn each other, and leave them running.
    Demo(crate::demo::DemoArgs),
    /// Make a node: its directory, its first administrator, its recovery key.
    Init(commands::init::InitArgs),
    /// Run the node until it is told to stop.
    Serve(commands::serve::ServeArgs),
    /// People of this node.
    #[command(subcommand)]
    User(commands::user::UserCommand),
    /// Tokens for programs.
    #[command(subcommand)]
    Token(commands::token::TokenCommand),
    /// Collections and who may read and write them.
    #[command(subcommand)]
    Collection(commands::collection::CollectionCommand),
    /// What takes a second person: requests, and the yes or no to them.
    #[command(subcommand)]
    Approval(commands::approval::ApprovalCommand),
    /// The community of members: founding, joining, deciding, leaving.
    #[command(subcommand)]
    Community(commands::community::CommunityCommand),
    /// Named groups of members.
    #[command(subcommand)]
    Circle(commands::circle::CircleCommand),
    /// Bring files in: STIX 2.1 and 2.0, CSV, free text. One receipt per object.
    Import(commands::import::ImportArgs),
    /// Write objects out.
    Export(commands::export::ExportArgs),
    /// Show one object: its exact bytes, or with --json also what the node knows of it.
    Get(commands::object::GetArgs),
    /// Show the versions of one object.
    History(commands::object::HistoryArgs),
    /// Show the relationships and references of one object.
    Edges(commands::object::EdgesArgs),
    /// Take an object, or one version of it, out of a collection.
    Delete(commands::object::DeleteArgs),
    /// Full-text search in any language.
    Search(commands::search::SearchArgs),
    /// Ask whether values are known: addresses, domains, URLs, hashes, e-mail addresses. JSONL.
    Lookup(commands::lookup::LookupArgs),
    /// Ask which indicators' patterns match what was observed (a STIX bundle).
    Observed(commands::observed::ObservedArgs),
    /// Say whether an object reaches somebody, and why or why not.
    Why(commands::passing::WhyArgs),
    /// Say whether an object in a file would reach somebody if it were brought in. Stores nothing.
    Simulate(commands::passing::SimulateArgs),
    /// Put an object under stricter handling.
    Narrow(commands::passing::NarrowArgs),
    /// Give an object to members and circles.
    Share(commands::exchange::ShareArgs),
    /// Call an object of this member back from everybody who has it.
    Recall(commands::exchange::TakeBackArgs),
    /// Have an object of this member destroyed everywhere, for good.
    Erase(commands::exchange::TakeBackArgs),
    /// Let members pass on what is this member's.
    #[command(subcommand)]
    Consent(commands::exchange::ConsentCommand),
    /// Show who holds an object of this member.
    Holders(commands::exchange::HoldersArgs),
    /// How it stands with the other members.
    #[command(subcommand)]
    Peer(commands::exchange::PeerCommand),
    /// Files for members that no network reaches.
    #[command(subcommand)]
    Courier(commands::exchange::CourierCommand),
    /// Say that an object or value has been seen.
    Sight(commands::sight::SightArgs),
    /// Check files against the specification and say what is wrong with them.
    Validate(commands::validate::ValidateArgs),
    /// STIX questions for machines: JSONL on standard input, JSONL on standard output.
    #[command(subcommand)]
    Stix(commands::stix::StixCommand),
    /// Fetch a collection of any TAXII 2.1 server. Resumes where it stopped.
    Pull(commands::pull::PullArgs),
    /// Send a collection to any TAXII 2.1 server. Resumes where it stopped.
    Push(commands::push::PushArgs),
    /// The member's ledger: its head, proofs, and whether one head continues another.
    #[command(subcommand)]
    Ledger(commands::ledger::LedgerCommand),
    /// Check a proof or evidence without asking anyone.
    Verify(commands::verify::VerifyArgs),
    /// Write an encrypted copy of the node while it runs.
    Backup(commands::backup::BackupArgs),
    /// Check an encrypted copy and make a node of it.
    Restore(commands::restore::RestoreArgs),
    /// Derive again everything that derives from the stored objects, or only compare.
    Rebuild(commands::upkeep::RebuildArgs),
    /// Examine the node and say what is in order and what to do about the rest.
    Doctor(commands::upkeep::DoctorArgs),
    /// Say what a code means that stood in a message.
    Explain(commands::explain::ExplainArgs),
    /// How the node stands.
    #[command(subcommand)]
    Node(commands::upkeep::NodeCommand),
}

/// Roles, scopes and other closed lists are told from the types that own them.
pub(crate) fn names<const N: usize>(all: [&'static str; N]) -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(all)
}

/// One name of a list that is parted by commas, without what people write around it.
pub(crate) fn trimmed(name: &str) -> Result<String, &'static str> {
    let name = name.trim();
    if name.is_empty() { Err("a name is missing") } else { Ok(name.to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn an_address_says_by_which_protocol() {
        assert_eq!(address("http://127.0.0.1:8400").unwrap().port(), Some(8400));
        for bad in ["127.0.0.1:8400", "localhost:8400", "node.example", "ftp://x", ""] {
            let said = address(bad).unwrap_err();
            assert!(said.contains("begins with http:// or https://"), "{bad}: {said}");
        }
        assert!(address("http://").is_err());
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}

//! The binary: command line, configuration and wiring.
//!
//! Reads the command line, reaches a node, asks, writes the answer, and ends with the code the contract names. Data goes to
//! standard output, words to standard error. The only crate that names a storage backend; decides nothing about content.

mod args;
mod ask;
mod commands;
mod config;
mod demo;
mod directory;
mod exit;
mod gossip;
mod help;
mod later;
mod log;
mod meetings;
mod memory;
mod out;
mod reach;
mod relaying;
mod retention;
mod roads;
mod sealed;
mod setting;
mod standing_by;

use std::error::Error as _;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::FromArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;

use args::{Arguments, Command};
use exit::{Exit, Failure};
use out::{Out, Style, say};

fn main() -> ExitCode {
    memory::give_back();
    let arguments = parsed().unwrap_or_else(|error| misread(&error));
    let mut out = Out::new(arguments.common.style());
    let outcome = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            if !matches!(arguments.command, Command::Serve(_)) {
                log_errors();
            }
            runtime.block_on(run(arguments, &mut out))
        }
        Err(error) => Err(Failure::unreachable(format_args!("cannot start: {error}"))),
    };
    match outcome.and_then(|exit| out.flush().map(|()| exit)) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // What was answered before the failure is still an answer.
            let _ = out.failure(&failure);
            if !failure.message.is_empty() {
                say(format_args!("error: {failure}"));
            }
            failure.exit.into()
        }
    }
}

fn parsed() -> Result<Arguments, clap::Error> {
    let matches = help::command().try_get_matches()?;
    let mut arguments = Arguments::from_arg_matches(&matches)?;
    arguments.common.data_named = matches.value_source("data") == Some(ValueSource::CommandLine);
    Ok(arguments)
}

/// Tells what is wrong with the command line, or what was asked about it, and ends.
fn misread(error: &clap::Error) -> ! {
    let mut words = std::env::args_os().skip(1).take_while(|word| word != "--");
    if error.use_stderr() && words.any(|word| word == "--json") {
        // The words on standard error follow, whether or not anybody reads this.
        let _ = Out::new(Style::Json).failure(&misreading(error));
    }
    // What the environment says counts as typed for the parser, and stands in the usage it shows.
    match help::typed().try_get_matches() {
        Err(typed) if error.use_stderr() && typed.kind() == error.kind() => typed.exit(),
        _ => error.exit(),
    }
}

/// What is wrong with the command line: of which kind, in which argument, and why. Never what was given, which may be a secret, and goes to
/// whatever keeps the answers of commands; standard error says all of it to whoever has typed it.
fn misreading(error: &clap::Error) -> Failure {
    let kind = error.kind();
    let mut message = kind.as_str().unwrap_or("the command line does not say what to do").to_owned();
    let arguments = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(one)) => vec![one.as_str()],
        Some(ContextValue::Strings(all)) => all.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    // What is no argument of the command is what was given, and its name only where it looks like one.
    let declared = kind != ErrorKind::UnknownArgument;
    let named = arguments.into_iter().filter(|argument| declared || argument.starts_with("--"));
    // What is declared may have `=` in the name of its value, and nothing that was given.
    let named =
        named.filter_map(|argument| if declared { Some(argument) } else { argument.split('=').next() });
    let named: Vec<&str> = named.collect();
    if !named.is_empty() {
        message = format!("{message}: {}", named.join(", "));
    }
    if let Some(reason) = reason_of(error) {
        message = format!("{message}: {reason}");
    }
    Failure::usage(message).hint("`cresset COMMAND --help` shows what it takes")
}

/// Why a value is not taken, without the value: what would be, or what its reader says of it.
fn reason_of(error: &clap::Error) -> Option<String> {
    if let Some(ContextValue::Strings(all)) = error.get(ContextKind::ValidValue)
        && !all.is_empty()
    {
        return Some(format!("one of {}", all.join(", ")));
    }
    let reason = error.source()?.to_string();
    let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidValue) else { return Some(reason) };
    // What is quoted otherwise than it was given, or is cut, cannot be taken out of the sentence.
    let is_plain = given.len() <= GIVEN_BYTES_MAX
        && given.chars().all(|one| (one.is_ascii_graphic() || one == ' ') && !matches!(one, '"' | '\\'));
    is_plain.then(|| {
        without_quotes(&if given.is_empty() { reason } else { reason.replace(given.as_str(), "...") })
    })
}

/// Longest value that may be named in the reason why it is not taken, in bytes: readers cut longer ones.
const GIVEN_BYTES_MAX: usize = 80;

/// A sentence without what stands in quotation marks: a part of what was given, it may be.
fn without_quotes(reason: &str) -> String {
    let parts: Vec<&str> =
        reason.split('"').enumerate().map(|(at, part)| if at % 2 == 0 { part } else { "..." }).collect();
    parts.concat()
}

/// What goes wrong inside is told to whoever runs a command on a directory: nobody else keeps a log of it.
fn log_errors() {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::ERROR)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time();
    // Only one subscriber can be set, and this is the first.
    let _ = subscriber.try_init();
}

async fn run(arguments: Arguments, out: &mut Out) -> Result<Exit, Failure> {
    let common = &arguments.common;
    match arguments.command {
        Command::Demo(args) => demo::run(common, args, out).await,
        Command::Init(args) => commands::init::run(common, args, out).await,
        Command::Serve(args) => commands::serve::run(common, args, out).await,
        Command::User(command) => commands::user::run(common, command, out).await,
        Command::Token(command) => commands::token::run(common, command, out).await,
        Command::Collection(command) => commands::collection::run(common, command, out).await,
        Command::Approval(command) => commands::approval::run(common, command, out).await,
        Command::Community(command) => commands::community::run(common, command, out).await,
        Command::Circle(command) => commands::circle::run(common, command, out).await,
        Command::Import(args) => commands::import::run(common, args, out).await,
        Command::Export(args) => commands::export::run(common, args, out).await,
        Command::Get(args) => commands::object::get(common, args, out).await,
        Command::History(args) => commands::object::history(common, args, out).await,
        Command::Edges(args) => commands::object::edges(common, args, out).await,
        Command::Delete(args) => commands::object::delete(common, args, out).await,
        Command::Search(args) => commands::search::run(common, args, out).await,
        Command::Lookup(args) => commands::lookup::run(common, args, out).await,
        Command::Observed(args) => commands::observed::run(common, args, out).await,
        Command::Share(args) => commands::exchange::share(common, args, out).await,
        Command::Recall(args) => commands::exchange::recall(common, args, out).await,
        Command::Erase(args) => commands::exchange::erase(common, args, out).await,
        Command::Consent(command) => commands::exchange::consent(common, command, out).await,
        Command::Holders(args) => commands::exchange::holders(common, args, out).await,
        Command::Courier(command) => commands::exchange::courier(common, command, out).await,
        Command::Peer(command) => commands::exchange::peer(common, command, out).await,
        Command::Why(args) => commands::passing::why(common, args, out).await,
        Command::Simulate(args) => commands::passing::simulate(common, args, out).await,
        Command::Narrow(args) => commands::passing::narrow(common, args, out).await,
        Command::Sight(args) => commands::sight::run(common, args, out).await,
        Command::Validate(args) => commands::validate::run(&args, out),
        Command::Stix(command) => commands::stix::run(&command),
        Command::Pull(args) => commands::pull::run(common, args, out).await,
        Command::Push(args) => commands::push::run(common, args, out).await,
        Command::Ledger(command) => commands::ledger::run(common, command, out).await,
        Command::Verify(args) => commands::verify::run(&args, out),
        Command::Backup(args) => commands::backup::run(common, args, out).await,
        Command::Restore(args) => commands::restore::run(common, args, out).await,
        Command::Rebuild(args) => commands::upkeep::rebuild(common, args, out).await,
        Command::Doctor(args) => commands::upkeep::doctor(common, args, out).await,
        Command::Explain(args) => commands::explain::run(&args, out),
        Command::Node(command) => commands::upkeep::node(common, command, out).await,
    }
}
